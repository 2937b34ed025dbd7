//! `boatswain test` runs tests of actions, each in a world of its own, and says of one that fails where and why.

use std::process::Output;

use serde_json::{Value, json};

use crate::host::{ACCOUNT, Folder};

const PHONE: &str = "const ada = phone('+393331234567');\n";

fn stdout(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// An application with `send`, which sends `vo.body` and notes the message, and a callback action that notes statuses.
fn folder(tests: &str) -> Folder {
    let folder = Folder::new(
        "utils.executeSql('INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, :ERROR_CODE)');
         console.info('it is ' + vo.MessageStatus);",
        "incoming_message = 'answer'\n[applications.app.parameters]\nshop = 'the shop'",
    );
    folder.write(
        "scripts/app/send.js",
        "const text = vo.body ?? utils.getParameter('shop');\nreturn JSON.parse(utils.sendWhatsappMessage(vo.to ?? '+393331234567', text));",
    );
    folder.write("scripts/app/answer.js", "return `${vo.profileName} wrote ${vo.Body}`;");
    folder.write("scripts/app/app.test.js", tests);
    folder
}

/// What became of each test: its name, how it ended, and why.
fn outcomes(folder: &Folder) -> Vec<(String, String, String)> {
    let output = folder.boatswain(&["test", "--json"]);
    let lines = stdout(&output);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outcomes =
        lines.map(|test| (text(&test["name"]), text(&test["outcome"]), text(&test["error"]["message"])));
    outcomes.collect()
}

#[track_caller]
fn all_pass(tests: &str) {
    let folder = folder(tests);
    let outcomes = outcomes(&folder);
    assert!(!outcomes.is_empty());
    for (name, outcome, why) in outcomes {
        assert_eq!(outcome, "passed", "{name}: {why}");
    }
}

/// All of the folder's tests pass, so many of them.
#[track_caller]
fn passed(folder: &Folder, number: usize) {
    let outcomes = outcomes(folder);
    for (name, outcome, why) in &outcomes {
        assert_eq!(outcome, "passed", "{name}: {why}");
    }
    assert_eq!(outcomes.len(), number);
}

#[track_caller]
fn fails(test: &str) -> String {
    let folder = folder(&format!("{PHONE}test('t', async () => {{ {test} }});"));
    let [(_, outcome, why)] = <[_; 1]>::try_from(outcomes(&folder)).unwrap();
    assert_eq!(outcome, "failed");
    why
}

#[test]
fn a_phone_gets_what_actions_send_and_writes_back() {
    all_pass(&format!(
        "{PHONE}
        test('sent, delivered, read', () => {{
          const outcome = run('send', {{ body: 'Ciao' }});
          assert.equal(outcome.success, true);
          assert.equal(ada.last.sid, outcome.sid);
          assert.deepEqual([ada.messages.length, ada.last.body, ada.last.status], [1, 'Ciao', 'read']);
          assert.deepEqual(query('SELECT status FROM effects').map((row) => row.status), ['sent', 'delivered', 'read']);
          assert.deepEqual(logs().map((line) => line.text), ['it is sent', 'it is delivered', 'it is read']);
        }});
        const off = phone('+14155550101', {{ reaches: 'sent' }});
        test('a phone that is switched off from the beginning', () => {{
          run('send', {{ to: off.number }});
          assert.equal(off.last.status, 'sent');
        }});
        test('no further than it is told', () => {{
          ada.reaches('sent');
          run('send');
          assert.deepEqual([ada.last.body, ada.last.status], ['the shop', 'sent']);
        }});
        test('looked at later', () => {{
          ada.reaches('delivered');
          run('send');
          assert.equal(ada.last.status, 'delivered');
          ada.read();
          assert.equal(ada.last.status, 'read');
          assert.equal(query(\"SELECT count(*) AS n FROM effects WHERE status = 'read'\")[0].n, 1);
        }});
        test('an answer', () => {{
          const grace = phone('+14155550100', {{ name: 'Grace' }});
          const [answer] = grace.write('hello');
          assert.equal(answer.body, 'Grace wrote hello');
          assert.equal(grace.messages.length, 1);
          assert.equal(ada.messages.length, 0);
          assert.equal(twilio.messages.length, 1);
        }});
        test('a button and a place', () => {{
          assert.equal(ada.tap('Yes', 'yes-1')[0].body, 'Simulator wrote Yes');
          const place = {{ latitude: 45.46, longitude: 9.19 }};
          assert.equal(ada.write({{ body: 'here', location: place }}).length, 1);
        }});"
    ));
}

#[test]
fn each_test_has_a_world_of_its_own() {
    let one = |number: u32| {
        format!(
            "test('{number}', () => {{
               assert.equal(count, 0);
               count += 1;
               assert.deepEqual(query('SELECT * FROM effects'), []);
               assert.equal(execute('INSERT INTO effects VALUES (?, ?, ?)', 'x', {number}, null), 1);
               assert.deepEqual(query('SELECT status FROM effects'), [{{ status: '{number}' }}]);
               run('send');
               assert.equal(ada.messages.length, 1);
               assert.equal(clock.now().toISOString(), '2026-01-05T09:00:00.300Z');
             }});"
        )
    };
    let tests: String = (1..=8).map(one).collect();
    all_pass(&format!("{PHONE} let count = 0;\n{tests}"));
}

#[test]
fn time_stands_still_until_a_test_moves_it() {
    let folder = folder(
        "test('moments', () => {
           assert.equal(clock.now().toISOString(), '2026-01-05T09:00:00.000Z');
           assert.equal(run('moment'), '2026-01-05T09:00:00.000Z');
           clock.advance('90 minutes');
           assert.equal(run('moment'), '2026-01-05T10:30:00.000Z');
           assert.equal(new Date().toISOString(), '2026-01-05T10:30:00.000Z');
           clock.set('2026-12-24T18:00:00Z');
           assert.equal(run('moment'), '2026-12-24T18:00:00.000Z');
           clock.advance(250);
           assert.equal(run('moment'), '2026-12-24T18:00:00.250Z');
         });
         test('time goes forward', () => {
           assert.throws(() => clock.set('2025-01-01'), RangeError);
           assert.throws(() => clock.advance('soon'), /24h/);
         });
         test('what failed is tried again when its time has come', () => {
           run('send');
           assert.equal(failures().length, 1);
           clock.advance('1h');
           assert.equal(query('SELECT count(*) AS n FROM effects')[0].n, 3);
           assert.deepEqual(failures(), []);
         });
         test('the host asks Twilio what it was not told', () => {
           twilio.loseNext();
           assert.equal(run('send').errorCode, 'SEND_IN_DOUBT');
           clock.advance('2h');
           assert.equal(run('known', { sid: twilio.messages[0].sid }), 'read');
         });",
    );
    folder.write("scripts/app/moment.js", "return new Date().toISOString();");
    folder.write("scripts/app/known.js", "return JSON.parse(utils.getWhatsappMessage(vo.sid)).status;");
    folder.write("scripts/app/migrations/002.sql", "CREATE TABLE tries (sid TEXT)");
    folder.write(
        "scripts/app/callback.js",
        "utils.executeSql('INSERT INTO tries VALUES (:MESSAGE_SID)', null, true);
         const [{ n }] = JSON.parse(utils.executeQuery('SELECT count(*) AS n FROM tries', null));
         if (n === 1) throw new Error('not yet');
         utils.executeSql('INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)');",
    );
    let outcomes = outcomes(&folder);
    assert_eq!(outcomes.len(), 4);
    // The callback fails the first time: the last test does not ask for that, and so it is told.
    for (name, outcome, why) in outcomes {
        let expected = if name.starts_with("the host asks") { "failed" } else { "passed" };
        assert_eq!(outcome, expected, "{name}: {why}");
        assert!(outcome == "passed" || why.contains("callback failed: Error: not yet"), "{why}");
    }
}

#[test]
fn twilio_fails_as_it_is_told() {
    all_pass(&format!(
        "{PHONE}
        test('after it was taken', () => {{
          twilio.failNext(63016);
          assert.equal(run('send').success, true);
          assert.deepEqual([ada.last.status, ada.last.errorCode], ['undelivered', 63016]);
          assert.equal(query(\"SELECT note FROM effects WHERE status = 'undelivered'\")[0].note, '63016');
          run('send');
          assert.equal(ada.last.status, 'read');
        }});
        test('at once', () => {{
          twilio.failNext(21211, {{ times: 2 }});
          assert.deepEqual([1, 2, 3].map((n) => run('send', {{ body: String(n) }}).errorCode), [21211, 21211, null]);
        }});
        test('for a moment, and nobody waits for it', () => {{
          twilio.failNext(20429, {{ times: 3, status: 'refused' }});
          const before = clock.now();
          assert.equal(run('send').success, true);
          assert(clock.now() - before > 1000);
        }});
        test('for one number', () => {{
          twilio.failNext(63024, {{ to: ada.number, status: 'failed' }});
          run('send', {{ to: '+14155550100' }});
          run('send');
          assert.deepEqual(twilio.messages.map((message) => message.status), ['read', 'failed']);
        }});
        test('by its rules', () => {{
          twilio.rules('production');
          run('send');
          assert.equal(ada.last.errorCode, 63016);
          ada.write('hello');
          run('send', {{ body: 'again' }});
          assert.equal(ada.last.status, 'read');
          clock.advance('25h');
          run('send', {{ body: 'too late' }});
          assert.equal(ada.last.errorCode, 63016);
        }});"
    ));
}

#[test]
fn parameters_are_the_tests_own() {
    let folder = folder(&format!(
        "{PHONE}
        const shop = () => (run('send'), ada.last.body);
        beforeEach(() => parameters({{ sign: 'Ciao' }}));
        test('set, and set anew', () => {{
          assert.equal(shop(), 'the shop');
          parameters({{ shop: 'another' }});
          assert.equal(shop(), 'another');
          parameters({{ shop: 'a third', sign: 'Bye' }});
          assert.equal(shop(), 'a third');
          assert.equal(ada.write('x')[0].body, 'Bye');
        }});
        test('of the next test they are what they were', () => {{
          assert.equal(shop(), 'the shop');
          assert.equal(ada.write('x')[0].body, 'Ciao');
        }});
        test('in callbacks, and when they are tried again', () => {{
          parameters({{ strict: true }});
          run('send');
          assert.equal(failures().length, 1);
          parameters({{ strict: false }});
          clock.advance('1h');
          assert.deepEqual(failures(), []);
          assert.equal(query('SELECT count(*) AS n FROM effects')[0].n, 3);
        }});
        test('as the file has them', () => {{
          const branch = {{ open: true, tables: [1, 2.5, 'three'], address: {{ city: 'Milano' }} }};
          parameters({{ branch }});
          assert.deepEqual(run('branch'), branch);
          parameters({{ branch: undefined }});
          assert.equal(run('branch'), 'none');
          parameters({{ shop: undefined }});
          assert.equal(run('named', {{ name: 'shop' }}), 'none');
        }});"
    ));
    folder.write("scripts/app/answer.js", "return utils.getParameter('sign');");
    folder.write("scripts/app/branch.js", "return utils.getParameter( `branch` ) ?? 'none';");
    folder.write("scripts/app/named.js", "return utils.getParameter(vo.name) ?? 'none';");
    folder.write(
        "scripts/app/callback.js",
        "const STRICT = 'strict';
         if (utils.getParameter(STRICT)) throw new Error('not now');
         utils.executeSql('INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, :ERROR_CODE)');",
    );
    passed(&folder, 4);
}

#[test]
fn caps_and_pauses_hold_when_a_test_asks_for_them() {
    let folder = Folder::with_params(
        "",
        &format!(
            r#"
            [applications.app.WHATSAPP]
            environment = "production"
            account_id = "{ACCOUNT}"
            auth_key = "x"
            from_phone_number = "+14155238886"
            [applications.app.limits]
            messages_per_minute = 1
            identical_messages_per_minute = 1
            allowed_country_prefixes = ["+41"]
            only_to = []
            [applications.app.companies.ACME.limits]
            messages_per_day = 1
            only_to = []
            "#
        ),
    );
    folder.write(
        "scripts/app/send.js",
        "const one = () => utils.whatsapp.send({ to: vo.to ?? '+393331234567', body: 'x', companyId: vo.as });
         return Array.from({ length: vo.times ?? 1 }, () => one().errorCode ?? 'sent').join();",
    );
    folder.write(
        "scripts/app/app.test.js",
        "const send = (times, vo, company) => run('send', { times, ...vo }, { company });
         test('those of the file do not', () => {
           assert.equal(send(3), 'sent,sent,sent');
           assert.equal(send(3, {}, 'ACME'), 'sent,sent,sent');
         });
         test('a minute', () => {
           limits({ messages_per_minute: 2 });
           assert.equal(send(3), 'sent,sent,MESSAGES_PER_MINUTE');
           clock.advance('1 min');
           assert.equal(send(1), 'sent');
           limits({ messages_per_minute: 5 });
           assert.equal(send(5), 'sent,sent,sent,sent,MESSAGES_PER_MINUTE');
         });
         test('what was sent before counts', () => {
           send(2);
           limits({ messages_per_day: 3 });
           assert.equal(send(2), 'sent,MESSAGES_PER_DAY');
           clock.advance('25h');
           assert.equal(send(1), 'sent');
         });
         test('the same', () => {
           limits({ identical_messages_per_minute: 1 });
           assert.equal(send(2), 'sent,IDENTICAL_MESSAGE');
         });
         test('of a run', () => {
           limits({ sends: 1 });
           assert.throws(() => send(2), /limits\\.sends/);
         });
         test('of companies', () => {
           limits({ company_messages_per_minute: 2 });
           limits({ messages_per_minute: 1 }, { company: 'ACME' });
           limits({ messages_per_day: 1 }, { company: 'OTHER' });
           assert.equal(send(2, {}, 'ACME'), 'sent,COMPANY_MESSAGES_PER_MINUTE');
           assert.equal(send(2, {}, 'OTHER'), 'sent,COMPANY_MESSAGES_PER_DAY');
           assert.equal(send(3), 'sent,sent,COMPANY_MESSAGES_PER_MINUTE');
         });
         test('to whom', () => {
           limits({ allowed_country_prefixes: ['+39'] });
           assert.equal(send(1, { to: '+14155550100' }), 'COUNTRY_NOT_ALLOWED');
           limits({ only_to: ['+393330000000'] }, { company: 'ACME' });
           assert.equal(send(1), 'sent');
           assert.equal(send(1, {}, 'ACME'), 'RECIPIENT_NOT_ALLOWED');
         });
         test('pauses', () => {
           pause({ company: 'ACME' });
           assert.equal(send(1, {}, 'ACME'), 'SENDING_PAUSED');
           assert.equal(send(1), 'sent');
           resume({ company: 'ACME' });
           assert.equal(send(1, {}, 'ACME'), 'sent');
           pause();
           assert.equal(send(1, {}, 'ACME'), 'SENDING_PAUSED');
           resume();
           assert.equal(send(1), 'sent');
         });",
    );
    passed(&folder, 8);
}

/// An application that sends and saves files of a storage.
fn folder_with_storage(parameters: &str, tests: &str) -> Folder {
    let folder = Folder::new("", &format!("incoming_message = 'save'\n{parameters}"));
    folder.write(
        "scripts/app/send.js",
        "const { errorCode, warnings } = utils.whatsapp.send({ to: '+393331234567', bucketName: 'files', fileName: vo.file });
         return errorCode ?? (warnings[0] ?? 'sent');",
    );
    folder.write(
        "scripts/app/url.js",
        "const url = utils.getSignedUrl('files', vo.file);
         return utils.whatsapp.send({ to: '+393331234567', mediaUrl: vo.unsigned ? url.split('?')[0] : url }).sid;",
    );
    folder.write(
        "scripts/app/save.js",
        "const saved = utils.saveMedia(vo.MediaUrl0, 'files', vo.Body);
         return `${saved.contentType}, ${saved.size} bytes`;",
    );
    folder.write("scripts/app/app.test.js", tests);
    folder
}

#[test]
fn files_of_a_storage_are_sent_and_saved() {
    let folder = folder_with_storage(
        "",
        &format!(
            "{PHONE}
            const pdf = {{ contentType: 'application/pdf' }};
            const send = (file) => run('send', {{ file }});
            test('a file', () => {{
              storage.put('files', 'a b/è.pdf', pdf);
              assert.equal(send('a b/è.pdf'), 'sent');
              assert.equal(ada.last.status, 'read');
              assert.match(ada.last.mediaUrls[0], /^http:.*\\/files\\/a%20b\\/%C3%A8.pdf\\?X-Goog-Algorithm=/);
            }});
            test('one that is not there', () => {{
              storage.put('files', 'other.pdf', pdf);
              assert.match(send('a.pdf'), /404/);
              assert.deepEqual([ada.last.status, ada.last.errorCode], ['failed', 63019]);
              storage.put('files', 'a.pdf', pdf);
              assert.equal(send('a.pdf'), 'sent');
              assert.equal(ada.last.status, 'read');
            }});
            test('what WhatsApp takes not', () => {{
              storage.put('files', 'large.png', {{ contentType: 'image/png', size: 5 * 1024 * 1024 + 1 }});
              assert.equal(send('large.png'), 'MEDIA_TOO_LARGE');
              storage.put('files', 'large.png', {{ contentType: 'image/png', size: 5 * 1024 * 1024 }});
              assert.equal(send('large.png'), 'sent');
              storage.put('files', 'page', {{ contentType: 'text/html', text: '<html>' }});
              assert.equal(send('page'), 'MEDIA_TYPE');
              storage.put('files', 'false.png', {{ contentType: 'image/png', text: '<html>' }});
              send('false.png');
              assert.equal(ada.last.errorCode, 63021);
            }});
            test('a signed URL', () => {{
              storage.put('files', 'a.pdf', pdf);
              run('url', {{ file: 'a.pdf' }});
              assert.equal(ada.last.status, 'read');
              run('url', {{ file: 'a.pdf', unsigned: true }});
              assert.equal(ada.last.errorCode, 63019);
              assert.throws(() => run('url', {{ file: '../a.pdf' }}), {{ code: 'STORAGE_URL' }});
            }});
            test('saved', () => {{
              const base64 = btoa('\\xff\\xd8\\xff and so on');
              storage.put('files', 'old', {{ contentType: 'text/plain', text: 'è' }});
              assert.deepEqual(storage.get('files', 'old'), {{ contentType: 'text/plain', size: 2, base64: 'w6g=' }});
              const [answer] = ada.write({{ body: 'new.jpg', media: [{{ contentType: 'image/jpeg', base64 }}] }});
              assert.equal(answer.body, 'image/jpeg, 13 bytes');
              assert.deepEqual(storage.get('files', 'new.jpg'), {{ contentType: 'image/jpeg', size: 13, base64 }});
              assert.equal(send('new.jpg'), 'sent');
              assert.equal(storage.get('other-files', 'new.jpg'), null);
            }});
            test('none, where nothing was put', () => {{
              assert.equal(storage.get('files', 'new.jpg'), null);
              assert.equal(send('a.pdf'), 'STORAGE_NOT_CONFIGURED');
            }});"
        ),
    );
    passed(&folder, 6);
    // With a section it is there from the beginning; the key is not read.
    let section = "media_check = 'strict'\n[applications.app.GOOGLE_CLOUD_STORAGE]\ncredentials_file = 'not-there'\n\
                   signed_url_minutes = 5";
    let folder = folder_with_storage(
        section,
        &format!(
            "{PHONE}
            test('there', () => {{
              assert.equal(run('send', {{ file: 'a.pdf' }}), 'MEDIA_UNREACHABLE');
              storage.put('files', 'a.pdf', {{ contentType: 'application/pdf' }});
              assert.equal(run('send', {{ file: 'a.pdf' }}), 'sent');
              assert.match(ada.last.mediaUrls[0], /X-Goog-Expires=300&/);
            }});"
        ),
    );
    passed(&folder, 1);
}

#[test]
fn a_migration_that_fails_is_told_once() {
    let folder = folder("test('a', () => {});\ntest('b', () => {});\ntest.skip('c', () => {});");
    folder.write("scripts/app/other.test.js", "test('d', () => {});");
    folder.write("scripts/app/migrations/002.sql", "CREATE TABEL wrong (x);");
    let output = folder.boatswain(&["test"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert_eq!(said.matches("error[MIGRATION_FAILED]: ").count(), 1, "{said}");
    for expected in [
        "  --> scripts/app/migrations/002.sql:1:8\n",
        "\nhelp: mend the file\n",
        "scripts/app/app.test.js\n  not run  a\n  not run  b\n  not run  c\nscripts/app/other.test.js\n  not run  d\n",
        "\n0 passed, 1 failed, 4 not run, in ",
    ] {
        assert!(said.contains(expected), "{expected}\n--- in\n{said}");
    }
    let output = folder.boatswain(&["test", "--json", "other"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [problem, test] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(problem["file"], json!("scripts/app/migrations/002.sql"));
    assert_eq!((&problem["name"], &problem["outcome"]), (&json!(null), &json!("failed")));
    assert_eq!(problem["error"]["code"], json!("MIGRATION_FAILED"));
    assert_eq!(problem["error"]["frames"][0]["line"], json!(1));
    assert_eq!(
        (&test["name"], &test["outcome"], &test["error"]),
        (&json!("d"), &json!("not run"), &json!(null))
    );
}

#[test]
fn what_fails_says_where_and_why() {
    let folder = folder(&format!(
        "{PHONE}test('values', () => {{\n  assert.equal(run('send').status, 'sent');\n}});
test('objects', () => {{
  assert.deepEqual({{ b: [1, 2, 3], a: 'x', c: {{ d: null }} }}, {{ a: 'x', b: [1, 3], c: {{ d: null }} }});
}});
test('an action', () => {{\n  run('broken');\n}});
test('by the way', () => {{\n  ada.write('x');\n}});
test.skip('later', () => {{}});
test('fine', () => {{\n  console.log('said', {{ a: 1 }});\n}});"
    ));
    folder.write("scripts/app/broken.js", "const order = undefined;\nreturn order.id;");
    folder.write("scripts/app/answer.js", "\n\nthrow new Error('no answer');");
    let output = folder.boatswain(&["test"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    for expected in [
        "scripts/app/app.test.js\n",
        "error[TEST_FAILED]: values: AssertionError: expected \"sent\", and was \"queued\"\n",
        "  --> scripts/app/app.test.js:3:10\n",
        "         b: [\n           1,\n      +    2,\n           3,\n",
        "  --> scripts/app/app.test.js:6:10\n",
        "broken failed: TypeError: ",
        "  --> scripts/app/broken.js:2:",
        "  --> scripts/app/app.test.js:9:3\n",
        "answer failed: Error: no answer",
        "  --> scripts/app/answer.js:3:",
        "  --> scripts/app/app.test.js:12:7",
        "(a test that expects it asks for failures())",
        "  skipped  later\n",
        "  ok       fine  (",
        "           info said { a: 1 }\n",
        "\n1 passed, 4 failed, 1 skipped, in ",
    ] {
        assert!(said.contains(expected), "{expected}\n--- in\n{said}");
    }
    assert!(!said.contains("boatswainRunTests") && !said.contains("(boatswain tests)"), "{said}");
}

#[test]
fn assertions_say_what_was_expected() {
    for (test, expected) in [
        ("assert(0)", "expected something true, and was 0"),
        ("assert.ok(null, 'an order')", "an order: expected something true, and was null"),
        ("assert.equal(1, '1')", "expected \"1\", and was 1"),
        (
            "assert.equal({ a: 1 }, { a: 1 })",
            "two objects that look alike are not the same one: assert.deepEqual",
        ),
        ("assert.notEqual('a', 'a')", "expected anything but \"a\""),
        (
            "assert.equal('x'.repeat(200) + 'one', 'x'.repeat(200) + 'two')",
            "the texts differ from character 201 on (- expected, + actual)\n- …xxx",
        ),
        ("assert.deepEqual([1n, /a/g], [1n, /a/])", " [\n   1n,\n-  /a/,\n+  /a/g,\n ]"),
        ("assert.match('Ciao', /Hello/)", "expected a text that matches /Hello/, and was \"Ciao\""),
        ("assert.throws(() => {})", "expected it to throw, and it did not"),
        (
            "assert.throws(() => { throw new Error('x') }, /y/)",
            "expected it to throw /y/, and it threw Error: x",
        ),
        ("await assert.rejects(async () => {})", "expected it to be rejected, and it was not"),
        ("assert.fail('no')", "no"),
        ("assert.equal(1, 2, new RangeError('mine'))", "RangeError: mine"),
        ("throw 'text'", "the action threw a value that is not an Error: 'text'"),
        ("ada.reaches('home')", "messages reach queued, sent, delivered or read, and not `home`"),
        ("phone('333 1234567')", "phone: `333 1234567` is not in international form, such as \"+39"),
        ("phone('+12').write('x')", "phone: `+12` is no phone number of any country"),
        ("phone('+393331234567', { reach: 'sent' })", "phone: there is no `reach`; did you mean `reaches`?"),
        ("ada.write({ text: 'x' })", "write: there is no `text`; it takes body, media"),
        ("run('snd')", "run: there is no action `snd`; did you mean `send`?"),
        ("run('nothing')", "run: there is no action `nothing`; `app` has answer, callback, send"),
        ("run('app/send')", "run: an action is named without its application: run(\"send\")"),
        ("run(5)", "run: `actionId` must be a string, and was 5"),
        ("run('send', {}, 'ACME')", "run: expected an object such as { company: … }, and was \"ACME\""),
        ("run('send', {}, { compny: 'ACME' })", "run: there is no `compny`; did you mean `company`?"),
        ("query('SELECT x FROM effects')", "no such column: x"),
        ("query('SELECT ?', {})", "a statement is given strings, numbers, booleans and null"),
        ("test('inner', () => {})", "\"inner\" stands inside another test"),
        ("utils.executeSql('DELETE FROM effects')", "utils.executeSql is an action's: call the action"),
        ("sendWhatsappMessage('+39', 'x')", "sendWhatsappMessage is an action's"),
        (
            "twilio.failNext(63016, { status: 'lost' })",
            "`status` is refused, failed or undelivered, and not `lost`",
        ),
        ("twilio.failNext('63016')", "twilio.failNext: `code` must be a number, and was \"63016\""),
        ("twilio.failNext(63016, { times: 0 })", "`times` must be a whole number from 1, and was 0"),
        ("twilio.rules('strict')", "twilio.rules: open, sandbox or production, and was \"strict\""),
        (
            "clock.advance('5 parsecs')",
            "\"24h\", \"15 min\", \"30 s\" or milliseconds, and was \"5 parsecs\"",
        ),
        ("ada.write('STOP')[0].body", "cannot read `body` of `ada.write(…)[0]`, which is null or undefined"),
        ("ada.last.body", "cannot read `body` of `ada.last`, which is null or undefined"),
        (
            "parameters({ shpo: 'x' })",
            "no script reads `shpo`, and app-params.toml does not declare it; did you mean `shop`?",
        ),
        (
            "parameters({ zzzzzz: 'x' })",
            "one whose name the scripts put together is declared in [applications.app.parameters]",
        ),
        (
            "parameters({ shop: null })",
            "`shop` must be a text, a number, true or false, or a list or an object of these, and was null",
        ),
        ("parameters({ shop: { a: [1, NaN] } })", "parameters: `shop.a[1]` must be a text, a number"),
        ("parameters({ shop: new Date(0) })", "`shop` must be a text, a number"),
        ("const a = []; a.push(a); parameters({ shop: a })", "parameters: `shop[0]` must be a text"),
        ("parameters('shop', 'x')", "parameters: expected an object such as { shop_name: \"Bottega\" }"),
        (
            "limits({ message_per_minute: 2 })",
            "there is no `message_per_minute`; did you mean `messages_per_minute`?",
        ),
        ("limits()", "limits: expected an object such as { messages_per_minute: … }"),
        ("limits({ sends: 2 }, { company: 'ACME' })", "limits: there is no `sends`"),
        (
            "limits({ messages_per_day: 0 })",
            "`messages_per_day` must be a whole number from 1 to 100000000, and was 0",
        ),
        (
            "limits({ allowed_country_prefixes: '+39' })",
            "`allowed_country_prefixes` must be a list of strings, and was \"+39\"",
        ),
        ("limits({ allowed_country_prefixes: ['39'] })", "`39` is not a country's calling code, such as"),
        ("limits({ only_to: ['333'] })", "limits: `333` is no phone number in international form"),
        ("pause('ACME')", "pause: expected an object such as { company: … }, and was \"ACME\""),
        ("pause({ company: 'A C' })", "`A C`"),
        ("storage.put('bucket', 'a.pdf')", "storage.put: expected an object such as { contentType: … }"),
        ("storage.put('bucket', 'a.pdf', {})", "`contentType` must be a string, and was undefined"),
        ("storage.put('b', 'a.pdf', { contentType: 'x/y' })", "storage: `b` is not the name of a bucket"),
        ("storage.put('bucket', 'a.pdf', { contentType: 'a\\nb' })", "is no type of a file"),
        (
            "storage.put('bucket', 'a', { contentType: 'a/b', text: 'x', size: 1 })",
            "storage.put: `text` and `size` exclude each other",
        ),
        ("storage.put('bucket', 'a', { contentType: 'a/b', size: -1 })", "a whole number of bytes from 0 to"),
        ("storage.put('bucket', 'a', { contentType: 'a/b', base64: '?' })", "`base64` is no base64"),
        (
            "storage.put('bucket', 'a', { contentType: 'a/b', size: 5000001 }); storage.get('bucket', 'a')",
            "storage.get: the file has 5000001 bytes, and a test is shown 5000000",
        ),
        ("clock.set('tomorrow')", "clock.set: \"tomorrow\" is no moment such as \"2026-12-24T18:00:00Z\""),
    ] {
        let why = fails(test);
        assert!(why.contains(expected), "{test}: {why}");
    }
}

#[test]
fn an_assertion_that_nobody_waits_for_fails_its_test() {
    let folder = folder("test('t', async () => { assert.rejects(async () => {}); });");
    let output = folder.boatswain(&["test"]);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["expected it to be rejected, and it was not", "is an `await` missing before a call?"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn values_are_the_same_by_what_they_hold() {
    all_pass(
        "test('same', () => {
           for (const [a, b] of [
             [{ a: 1, b: 2 }, { b: 2, a: 1 }],
             [[1, [2]], [1, [2]]],
             [new Date(5), new Date(5)],
             [new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]])],
             [new Set([{ a: 1 }]), new Set([{ a: 1 }])],
             [NaN, NaN],
             [new Error('x'), new Error('x')],
             [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
             [Object.create(null), {}],
           ]) assert.deepEqual(a, b);
           const circle = {}; circle.self = circle;
           const other = {}; other.self = other;
           assert.deepEqual(circle, other);
         });
         test('others', () => {
           for (const [a, b] of [
             [{ a: undefined }, {}],
             [[1], { 0: 1 }],
             [0, -0],
             [new Date(5), new Date(6)],
             [new Error('x'), new TypeError('x')],
             [new Set([1]), new Set([2])],
             [new Map([[1, 1]]), new Map([[1, 2]])],
             [[undefined], []],
             [null, {}],
             ['1', 1],
           ]) assert.notDeepEqual(a, b);
         });
         test('thrown', async () => {
           class Special extends Error {}
           const fails = () => { throw Object.assign(new Special('far'), { code: 'E' }); };
           assert.equal(assert.throws(fails, Special).message, 'far');
           assert.throws(fails, /far/);
           assert.throws(fails, { code: 'E', message: 'far' });
           assert.throws(fails, (error) => error.code === 'E');
           await assert.rejects(Promise.reject(new Error('late')), /late/);
         });",
    );
}

/// An assertion fails because a callback's action did: both are told.
#[test]
fn a_failed_callback_is_told_beside_the_assertion_that_it_breaks() {
    let folder = folder(&format!(
        "{PHONE}test('t', () => {{ run('send'); assert.equal(query('SELECT count(*) AS n FROM effects')[0].n, 3); }});"
    ));
    folder.write("scripts/app/callback.js", "nothere.x;");
    let [(_, outcome, why)] = <[_; 1]>::try_from(outcomes(&folder)).unwrap();
    assert_eq!(outcome, "failed");
    assert!(why.contains("expected 3, and was 0\nbesides, callback failed: "), "{why}");
    assert!(why.contains("nothere") && why.contains("scripts/app/callback.js:1:1"), "{why}");
}

#[test]
fn a_file_that_cannot_be_loaded_fails_and_the_others_run() {
    for (text, expected) in [
        ("test('a', () => {", "  --> scripts/app/app.test.js:1:17"),
        ("\nquery('SELECT 1');", "query: this belongs into a test"),
        ("test('a');", "test: \"a\" needs a function as its second argument"),
        ("test('a', () => {});\ntest('a', () => {});", "there are two tests named \"a\""),
        ("require('./lib/none');", "there is no file `lib/none.js`"),
    ] {
        let folder = folder(text);
        folder.write("scripts/app/other.test.js", "test('fine', () => {});");
        let output = folder.boatswain(&["test"]);
        assert_eq!(output.status.code(), Some(1));
        let said = stdout(&output);
        assert!(said.contains("error[TEST_FILE]: ") && said.contains(expected), "{text}\n{said}");
        assert!(said.contains("1 passed, 1 failed"), "{said}");
    }
}

#[test]
fn what_never_ends_is_ended() {
    let folder = folder(
        "test('loops', () => { for (;;); });
         test('fine', () => {});
         test('answers itself', () => { run('send'); });",
    );
    folder.write(
        "scripts/app/callback.js",
        "if (vo.MessageStatus === 'sent') utils.sendWhatsappMessage('+393331234567', 'again');",
    );
    let outcomes = outcomes(&folder);
    let why = |index: usize| &outcomes[index].2;
    assert!(why(0).contains("used up its CPU time"), "{}", why(0));
    assert_eq!(outcomes[1].1, "passed");
    assert!(why(2).contains("the world does not come to rest"), "{}", why(2));
}

#[test]
fn tests_need_no_secrets_and_touch_no_account() {
    let folder = Folder::with_params(
        "",
        &format!(
            r#"
            [applications.app.WHATSAPP]
            environment = "production"
            account_id = "{ACCOUNT}"
            auth_key = {{ env = "NOT_SET" }}
            api_key_id = "SK00000000000000000000000000000001"
            api_key_secret = {{ file = "not-there" }}
            from_phone_number = "+14155238886"
            [applications.app.companies.ACME.WHATSAPP]
            from_phone_number = "+14155238887"
            "#
        ),
    );
    folder.write(
        "scripts/app/app.test.js",
        "test('sent', () => {
           run('send', {}, { company: 'ACME' });
           const { status, from } = phone('+393331234567').last;
           assert.deepEqual([status, from], ['read', '+14155238887']);
         });",
    );
    folder.write("scripts/app/send.js", "return utils.whatsapp.send({ to: '+393331234567', body: 'x' });");
    let output = folder.boatswain(&["test"]);
    assert!(stdout(&output).contains("1 passed, 0 failed"), "{output:?}");
    assert!(!folder.path("data").exists(), "tests leave nothing behind");
}

#[test]
fn a_filter_chooses_tests() {
    let folder = folder("test('Orders arrive', () => {});\ntest('others', () => {});");
    folder.write("scripts/app/lib/money.test.js", "test('cents', () => {});");
    for (filter, expected) in [
        (None, vec!["Orders arrive", "others", "cents"]),
        (Some("orders"), vec!["Orders arrive"]),
        (Some("lib/money"), vec!["cents"]),
        (Some("app.test.js O"), vec!["Orders arrive", "others"]),
    ] {
        let arguments: Vec<_> = ["test", "--json"].into_iter().chain(filter).collect();
        let output = folder.boatswain(&arguments);
        assert_eq!(output.status.code(), Some(0));
        let said = stdout(&output);
        let names: Vec<_> = said
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, expected, "{filter:?}");
    }
    let output = folder.boatswain(&["test", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[NO_TESTS]: no test has `nowhere` in its file or name"), "{said}");
    let line: Value =
        serde_json::from_str(stdout(&folder.boatswain(&["test", "--json", "cents"])).trim()).unwrap();
    assert_eq!(line["file"], json!("scripts/app/lib/money.test.js"));
    assert!(line["ms"].is_number() && line["error"].is_null(), "{line}");
}

#[test]
fn the_demos_tests_pass() {
    let output = std::process::Command::new(crate::host::BINARY)
        .arg("test")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("an order is confirmed once, however often it is asked for"), "{said}");
}

/// Each application of the project, broken in one place.
#[test]
fn a_broken_copy_fails_with_line_and_reason() {
    for (app, file, from, to) in [
        ("demo", "lib/orders.js", "undelivered", "undelievered"),
        ("otp", "lib/codes.js", "MINUTE = 60_000", "MINUTE = 600_000"),
        ("orderstatus", "lib/understand.js", r"\d{4,8}", r"\d{5,8}"),
        (
            "broadcast",
            "onWhatsappStatus.js",
            "message.status, MessageStatus",
            "MessageStatus, message.status",
        ),
    ] {
        let folder = crate::readme::project();
        let path = format!("scripts/{app}/{file}");
        let text = std::fs::read_to_string(folder.path(&path)).unwrap();
        assert!(text.contains(from), "{path}");
        folder.write(&path, &text.replace(from, to));
        let output = folder.boatswain(&["test", &format!("scripts/{app}/")]);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{app}: {said}");
        let failed: Vec<_> = said.split("error[TEST_FAILED]: ").skip(1).collect();
        assert!(!failed.is_empty(), "{app}: {said}");
        for one in failed {
            let place = format!("\n  --> scripts/{app}/");
            let at = one.find(&place).unwrap_or_else(|| panic!("{app}: no place in {one}"));
            let rest = &one[at + place.len()..];
            assert!(rest.lines().next().unwrap().contains(".test.js:"), "{app}: {rest}");
            assert!(one.contains("\n> "), "{app}: the code is shown: {one}");
            assert!(one[..at].contains("expected") || one[..at].contains("differ"), "{app}: {one}");
        }
    }
}
