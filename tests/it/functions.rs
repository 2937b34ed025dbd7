//! The functions that an action calls, each as the contract has it.

use boatswain::base::{NotificationId, UnixMillis};
use boatswain::script::protocol::{LogLevel, Returned};
use boatswain::store::{AppDb, HostId, Parameters, SqlLimits, SqlValue};
use serde_json::{Value, json};

use crate::bench::{ACME, Bench, PUBLIC, TO, calls, given, value};
use crate::host::ACCOUNT;

#[test]
fn a_message_is_sent_in_every_form_of_the_call() {
    const URL: &str = "https://shop.example/a.jpg";
    let wa = format!("whatsapp:{TO}");
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("sendWhatsappMessage('+393331234567', 'two')", "two", None),
        ("utils.sendWhatsappMessage('+39 333 123-45.67', 'three', null)", "three", None),
        (
            "sendWhatsappMessage('0039 (333) 1234567', 'three with URL', 'https://shop.example/a.jpg')",
            "three with URL",
            Some(URL),
        ),
        (
            "sendWhatsappMessage('whatsapp:+393331234567', null, 'https://shop.example/a.jpg', null)",
            "",
            Some(URL),
        ),
        ("sendWhatsappMessage('3331234567', 'four, all null', null, null)", "four, all null", None),
        (
            "sendWhatsappMessage(393331234567, 'a number', 'HTTPS://shop.example/a.jpg', undefined)",
            "a number",
            Some("HTTPS://shop.example/a.jpg"),
        ),
        ("sendWhatsappMessage(3331234567, 'a national number')", "a national number", None),
        ("sendWhatsappMessage(393331234567n, 'a bigint')", "a bigint", None),
        (
            "sendWhatsappMessage('+393331234567', 'five', 'https://shop.example/a.jpg', null, null)",
            "five",
            Some(URL),
        ),
        ("sendWhatsappMessage('+393331234567', 'five, empty', '', '', '')", "five, empty", None),
        (
            "sendWhatsappMessage('+393331234567', 'more than five', null, null, null, 'x', {})",
            "more than five",
            None,
        ),
        (
            "sendWhatsappMessageWithSettings(null, null, null, '+393331234567', 'settings of none')",
            "settings of none",
            None,
        ),
        (
            "utils.sendWhatsappMessageWithSettings('AC00000000000000000000000000000002', 'acme-token', '+14155550100', '+393331234567', 'seven', 'https://shop.example/a.jpg', null)",
            "seven",
            Some(URL),
        ),
        (
            "sendWhatsappMessageWithSettings('AC00000000000000000000000000000002', 'acme-token', 'whatsapp:+14155550100', 393331234567, 'eight', null, null, null)",
            "eight",
            None,
        ),
        ("utils.whatsapp.send({ to: '+393331234567', body: 'object' })", "object", None),
        (
            "utils.whatsapp.send({ to: 393331234567, body: null, mediaUrl: 'https://shop.example/a.jpg', bucketName: null, from: '+14155238886' })",
            "",
            Some(URL),
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'for ACME', companyId: 'ACME' })",
            "for ACME",
            None,
        ),
    ];
    let expressions: Vec<_> = cases.iter().map(|case| case.0).collect();
    let (bench, outcomes) = calls(&expressions);
    let messages = bench.messages();
    assert_eq!(messages.len(), cases.len());
    for (((call, body, media), outcome), message) in cases.iter().zip(&outcomes).zip(&messages) {
        assert_eq!(given(message), (wa.clone(), (*body).to_owned(), media.map(str::to_owned)), "{call}");
        let acme = call.contains("acme-token") || call.contains("'ACME'");
        let from = if acme { "whatsapp:+14155550100" } else { "whatsapp:+14155238886" };
        let expected = json!({
            "success": true, "sid": message.sid, "status": "queued", "to": wa, "from": from, "errorCode": null,
            "errorMessage": null, "moreInfo": null, "retryable": false, "warnings": []
        });
        assert_eq!(*outcome, expected, "{call}");
        let names: Vec<_> = outcome.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            expected.as_object().unwrap().keys().collect::<Vec<_>>(),
            "the order of the contract"
        );
        // The address of its callbacks: the company is the run's own, or the one that the call names.
        let company = if call.contains("'ACME'") { "ACME" } else { "NODEFINED" };
        let callback = message.status_callback.as_deref().unwrap();
        assert!(
            callback.starts_with(&format!("{PUBLIC}/whatsapp/callback/app/{company}?message=")),
            "{callback}"
        );
        assert!(callback.ends_with("#rc=5&rp=ct,rt,5xx"), "{callback}");
    }
    let folder = bench.stop();
    let sent = i64::try_from(cases.len()).unwrap();
    assert_eq!(
        folder.count("SELECT count(*) FROM messages WHERE status = 'queued' AND sid IS NOT NULL"),
        sent
    );
}

#[test]
fn a_company_sends_with_its_own_account_number_and_country() {
    let bench = Bench::new(&[("send", "return utils.whatsapp.send({ to: vo.to, body: 'Hi' })")]);
    let acme = value(&bench.run_as("ACME", "send", json!({ "to": "(415) 555-2671" })));
    assert_eq!(
        (&acme["to"], &acme["from"]),
        (&json!("whatsapp:+14155552671"), &json!("whatsapp:+14155550100"))
    );
    let other = value(&bench.run_as("OTHER", "send", json!({ "to": "3331234567" })));
    assert_eq!(
        (&other["to"], &other["from"]),
        (&json!(format!("whatsapp:{TO}")), &json!("whatsapp:+14155238886"))
    );
    let service = value(&bench.run_as("SERVICE", "send", json!({ "to": TO })));
    assert_eq!((&service["success"], &service["status"]), (&json!(true), &json!("accepted")), "{service}");
    let messages = bench.messages();
    assert_eq!(messages[0].account.as_str(), ACME);
    assert_eq!(messages[1].account.as_str(), ACCOUNT);
    assert_eq!(messages[2].messaging_service.as_deref(), Some("MG00000000000000000000000000000001"));
    for (message, company) in messages.iter().zip(["ACME", "OTHER", "SERVICE"]) {
        let callback = message.status_callback.as_deref().unwrap();
        assert!(callback.contains(&format!("/whatsapp/callback/app/{company}?")), "{callback}");
    }
    let folder = bench.stop();
    assert_eq!(
        folder.count("SELECT count(*) FROM messages WHERE company IN ('ACME', 'OTHER', 'SERVICE')"),
        3
    );
}

#[test]
fn what_can_happen_to_a_message_comes_back_as_its_outcome() {
    // Call, error code, a word of the sentence.
    let cases: &[(&str, Value, &str)] = &[
        ("sendWhatsappMessage(null, 'x')", json!("INVALID_PHONE_NUMBER"), "number"),
        ("sendWhatsappMessage(undefined, 'x')", json!("INVALID_PHONE_NUMBER"), "number"),
        ("sendWhatsappMessage()", json!("INVALID_PHONE_NUMBER"), "number"),
        ("sendWhatsappMessage('', 'x')", json!("INVALID_PHONE_NUMBER"), "number"),
        ("sendWhatsappMessage('call me', 'x')", json!("INVALID_PHONE_NUMBER"), "call me"),
        ("sendWhatsappMessage('+39', 'x')", json!("INVALID_PHONE_NUMBER"), ""),
        ("sendWhatsappMessage('+3933312345678901', 'x')", json!("INVALID_PHONE_NUMBER"), ""),
        ("sendWhatsappMessage('whatsapp:whatsapp:+393331234567', 'x')", json!("INVALID_PHONE_NUMBER"), ""),
        ("sendWhatsappMessage(-393331234567, 'x')", json!("INVALID_PHONE_NUMBER"), ""),
        ("sendWhatsappMessage(-393331234567n, 'x')", json!("INVALID_PHONE_NUMBER"), ""),
        ("sendWhatsappMessage('+393331234567')", json!("MESSAGE_EMPTY"), "text"),
        ("sendWhatsappMessage('+393331234567', '')", json!("MESSAGE_EMPTY"), "text"),
        ("sendWhatsappMessage('+393331234567', null, null, null, null)", json!("MESSAGE_EMPTY"), "text"),
        (
            "sendWhatsappMessage('+393331234567', 'x', null, 'bucket', null)",
            json!("MEDIA_INCOMPLETE"),
            "fileName",
        ),
        (
            "sendWhatsappMessage('+393331234567', 'x', null, null, 'file')",
            json!("MEDIA_INCOMPLETE"),
            "bucketName",
        ),
        ("sendWhatsappMessage('+393331234567', 'x', null, 'file')", json!("MEDIA_INCOMPLETE"), "bucketName"),
        (
            "sendWhatsappMessage('+393331234567', 'x', 'https://shop.example/a', 'bucket')",
            json!("MEDIA_CONFLICT"),
            "not both",
        ),
        (
            "sendWhatsappMessage('+393331234567', 'x', 'https://shop.example/a', 'bucket', 'file')",
            json!("MEDIA_CONFLICT"),
            "not both",
        ),
        (
            "sendWhatsappMessage('+393331234567', 'x', 'bucket', 'file')",
            json!("STORAGE_NOT_CONFIGURED"),
            "credentials_file",
        ),
        (
            "sendWhatsappMessage('+393331234567', 'x', null, 'bucket', 'file')",
            json!("STORAGE_NOT_CONFIGURED"),
            "credentials_file",
        ),
        ("sendWhatsappMessage('+393331234567', 'x', 'not a url', null)", json!("MEDIA_URL"), "http"),
        ("sendWhatsappMessage('+393331234567', 'x', 'ftp://shop.example/a')", json!("MEDIA_URL"), "http"),
        (
            "sendWhatsappMessageWithSettings('AC1', 'key', null, '+393331234567', 'x')",
            json!("INVALID_ACCOUNT"),
            "AC",
        ),
        (
            "sendWhatsappMessageWithSettings('AC00000000000000000000000000000002', null, null, '+393331234567', 'x')",
            json!("SETTINGS_INCOMPLETE"),
            "both",
        ),
        (
            "sendWhatsappMessageWithSettings(null, 'key', null, '+393331234567', 'x')",
            json!("SETTINGS_INCOMPLETE"),
            "both",
        ),
        (
            "sendWhatsappMessageWithSettings(null, null, '3331234567', '+393331234567', 'x')",
            json!("INVALID_SENDER"),
            "sender",
        ),
        (
            "sendWhatsappMessageWithSettings(null, null, null, '+393331234567', 'x', 'bucket', 'file')",
            json!("STORAGE_NOT_CONFIGURED"),
            "",
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', companyId: '../x' })",
            json!("INVALID_COMPANY"),
            "company",
        ),
        ("utils.whatsapp.send({})", json!("INVALID_PHONE_NUMBER"), ""),
        // Twilio's own word, passed on with what it means.
        ("sendWhatsappMessage('+393990163016', 'x')", json!(63016), "24"),
        ("sendWhatsappMessage('+393990163015', 'x')", json!(63015), "join"),
        (
            "sendWhatsappMessageWithSettings(null, null, '+14155559999', '+393331234567', 'x')",
            json!(63007),
            "from_phone_number",
        ),
        (
            "sendWhatsappMessageWithSettings('AC00000000000000000000000000000002', 'wrong', '+14155550100', '+393331234567', 'x')",
            json!(20003),
            "auth_key",
        ),
        ("sendWhatsappMessage('+393331234567', 'x'.repeat(1601))", json!("MESSAGE_TOO_LONG"), "1600"),
        ("sendWhatsappMessage('+393990900000', 'x')", json!("SEND_IN_DOUBT"), ""),
    ];
    let expressions: Vec<_> = cases.iter().map(|case| case.0).collect();
    let (bench, outcomes) = calls(&expressions);
    for ((call, code, word), outcome) in cases.iter().zip(&outcomes) {
        assert_eq!(outcome["success"], false, "{call}: {outcome}");
        assert_eq!(outcome["errorCode"], *code, "{call}: {outcome}");
        assert_eq!(outcome["sid"], Value::Null, "{call}: {outcome}");
        let sentence = outcome["errorMessage"].as_str().unwrap();
        assert!(sentence.replace(',', "").contains(word) && sentence.len() > 10, "{call}: {outcome}");
        let doubt = *code == json!("SEND_IN_DOUBT");
        assert_eq!(outcome["status"], if doubt { "unknown" } else { "failed" }, "{call}: {outcome}");
        assert_eq!(outcome["retryable"], false, "{call}: {outcome}");
        let more = code
            .as_i64()
            .map_or(Value::Null, |code| json!(format!("https://www.twilio.com/docs/errors/{code}")));
        assert_eq!(outcome["moreInfo"], more, "{call}: {outcome}");
        assert!(!outcome.to_string().contains("acme-token"), "{call}: {outcome}");
    }
    assert_eq!(bench.messages().len(), 1, "the one in doubt");
    bench.stop();
}

/// In so little time nothing is tried again: what happened is told.
#[test]
fn what_twilio_cannot_take_at_the_moment_may_be_sent_again_later() {
    let script = "return [utils.whatsapp.send({ to: vo.to, body: 'x' }), Date.now()]";
    let bench = Bench::limited("wall_ms = 1500", &[("send", script)]);
    for (to, code) in [("+393990163018", 63018), ("+393990120429", 20429)] {
        let outcome = &value(&bench.run("send", json!({ "to": to })))[0];
        assert_eq!((&outcome["success"], &outcome["status"]), (&json!(false), &json!("failed")), "{outcome}");
        assert_eq!((&outcome["errorCode"], &outcome["retryable"]), (&json!(code), &json!(true)), "{outcome}");
    }
    assert_eq!(bench.messages().len(), 0);
    bench.stop();
}

#[test]
fn an_argument_of_the_wrong_kind_is_a_type_error_that_names_it() {
    let cases = [
        ("sendWhatsappMessage({}, 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage(true, 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage(39333.5, 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage(NaN, 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage(() => 1, 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage(Symbol('x'), 'x')", "toPhoneNumber"),
        ("sendWhatsappMessage('+393331234567', 7)", "message"),
        ("sendWhatsappMessage('+393331234567', ['x'])", "message"),
        ("sendWhatsappMessage('+393331234567', 'x', {})", "publicMediaURL"),
        ("sendWhatsappMessage('+393331234567', 'x', null, 5)", "bucketName"),
        ("sendWhatsappMessage('+393331234567', 'x', null, null, false)", "fileName"),
        ("sendWhatsappMessageWithSettings(1, 'k', null, '+393331234567', 'x')", "accountId"),
        ("sendWhatsappMessageWithSettings(null, {}, null, '+393331234567', 'x')", "secretKey"),
        ("sendWhatsappMessageWithSettings(null, null, {}, '+393331234567', 'x')", "fromPhoneNr"),
        ("sendWhatsappMessageWithSettings(null, null, null, {}, 'x')", "toPhoneNumber"),
        ("utils.whatsapp.send('+393331234567')", "message"),
        ("utils.whatsapp.send()", "message"),
        ("utils.whatsapp.send(['+393331234567'])", "message"),
        ("utils.whatsapp.send({ to: {}, body: 'x' })", "to"),
        ("utils.whatsapp.send({ to: '+393331234567', body: 7 })", "body"),
        ("utils.whatsapp.send({ to: '+393331234567', text: 'x' })", "text"),
        ("utils.whatsapp.send({ to: '+393331234567', boddy: 'x' })", "body"),
        ("utils.executeQuery()", "sql"),
        ("utils.executeQuery(7)", "sql"),
        ("utils.executeQuery('SELECT ?', null, {})", "params"),
        ("utils.executeQuery('SELECT ?', null, [1])", "params"),
        ("utils.executeSql('SELECT 1', null, 'yes')", "separatedTransaction"),
        ("utils.executeSql('SELECT 1', null, null, 0)", "interruptExecution"),
        ("utils.getParameter()", "name"),
        ("utils.getParameter({})", "name"),
        ("utils.getPublicUrl(null)", "path"),
        ("utils.log('x', 'loud')", "level"),
        ("utils.log('x', 7)", "level"),
    ];
    let caught = |call: &str| {
        format!(
            "(() => {{ try {{ {call}; return 'nothing'; }} catch (error) {{ return [error instanceof TypeError, error.message]; }} }})()"
        )
    };
    let expressions: Vec<_> = cases.iter().map(|(call, _)| caught(call)).collect();
    let (bench, told) = calls(&expressions.iter().map(String::as_str).collect::<Vec<_>>());
    for ((call, name), told) in cases.iter().zip(&told) {
        assert_eq!(told[0], true, "{call}: {told}");
        assert!(told[1].as_str().unwrap().contains(&format!("`{name}`")), "{call}: {told}");
    }
    assert_eq!(bench.messages().len(), 0);
    bench.stop();
}

#[test]
fn values_are_bound_and_come_back_as_they_should() {
    let bench = Bench::new(&[
        (
            "query",
            r#"
            const ask = (sql, ...params) => JSON.parse(utils.executeQuery(sql, null, ...params));
            return {
                positional: ask("SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e", "'; DROP TABLE effects; --", 1, 1.5, true, null),
                absent: ask("SELECT ? AS a", undefined),
                numbered: ask("SELECT ?2 AS b, ?1 AS a", "x", "y"),
                named: ask("SELECT :MessageSid AS a, :MESSAGE_SID AS b, :COMPANY_ID AS c, :orderId AS d, :ORDER_ID AS e, :flag AS f, :nothing AS g, :items AS h"),
                at: ask("SELECT @MessageSid AS a, $MESSAGE_SID AS b"),
                both: ask("SELECT ? AS a, :ORDER_ID AS b, ? AS c", 1, 2),
                pasted: ask("SELECT ':ORDER_ID ?' AS a"),
                big: ask("SELECT 9007199254740991 AS a, 9007199254740993 AS b, -9007199254740993 AS c, ? AS d", 9223372036854775807n),
                kinds: ask("SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c, typeof(?) AS d, typeof(?) AS e, typeof(:ORDER_ID) AS f", 1, 1.5, 7n, "1", true),
                blob: ask("SELECT x'00ff10' AS a"),
                text: ask("SELECT 'è\"\u{1F600}' AS \"a name\", char(0) AS nul"),
                none: utils.executeQuery("SELECT 1 WHERE 0", null),
            };
            "#,
        ),
        (
            "execute",
            r#"
            const told = [];
            told.push(utils.executeSql("CREATE TABLE t (x)"));
            told.push(utils.executeSql("INSERT INTO t VALUES (?), (?), (:ORDER_ID)", null, false, true, 1, 2));
            told.push(utils.executeSql("UPDATE t SET x = 0 WHERE x > 1", null));
            told.push(utils.executeSql("DELETE FROM t WHERE x = 99"));
            told.push(utils.executeSql("SELECT * FROM t"));
            told.push(utils.executeSql("DELETE FROM t"));
            return told;
            "#,
        ),
    ]);
    let vo = json!({ "MessageSid": "SM1", "orderId": 7, "flag": true, "items": [1, { "a": 2 }], "companyId": "of vo" });
    assert_eq!(
        value(&bench.run("query", vo.clone())),
        json!({
            "positional": [{ "a": "'; DROP TABLE effects; --", "b": 1, "c": 1.5, "d": 1, "e": null }],
            "absent": [{ "a": null }],
            "numbered": [{ "b": "y", "a": "x" }],
            "named": [{ "a": "SM1", "b": "SM1", "c": "of vo", "d": 7, "e": 7, "f": 1, "g": null, "h": "[1,{\"a\":2}]" }],
            "at": [{ "a": "SM1", "b": "SM1" }],
            "both": [{ "a": 1, "b": 7, "c": 2 }],
            "pasted": [{ "a": ":ORDER_ID ?" }],
            "big": [{ "a": 9_007_199_254_740_991_i64, "b": "9007199254740993", "c": "-9007199254740993", "d": "9223372036854775807" }],
            "kinds": [{ "a": "integer", "b": "real", "c": "integer", "d": "text", "e": "integer", "f": "integer" }],
            "blob": [{ "a": "AP8Q" }],
            "text": [{ "a name": "è\"\u{1F600}", "nul": "\u{0}" }],
            "none": "[]",
        })
    );
    assert_eq!(value(&bench.run("execute", vo)), json!([0, 3, 2, 0, 3, 3]));
    bench.stop();
}

#[test]
fn scripts_reach_their_own_tables_and_nothing_else() {
    let refused = [
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM _host_done",
        "INSERT INTO _host_done VALUES ('x', 1, 1)",
        "DELETE FROM _HOST_DONE",
        "DROP TABLE _host_journal",
        "CREATE TABLE _host_mine (x)",
        "CREATE TABLE mine (n INTEGER REFERENCES _host_done(at) DEFERRABLE INITIALLY DEFERRED)",
        "ALTER TABLE effects RENAME TO _host_effects",
        "CREATE TRIGGER t AFTER INSERT ON effects BEGIN DELETE FROM _host_done; END",
        "CREATE VIEW v AS SELECT * FROM _host_done",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT run",
        "RELEASE run",
        "ROLLBACK TO run",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "CREATE TEMP TABLE t (x)",
        "UPDATE sqlite_master SET sql = ''",
        "SELECT 1; SELECT 2",
        "",
    ];
    let script = r#"
        const told = [];
        for (const sql of vo) {
            for (const call of [utils.executeSql, utils.executeQuery]) {
                try { call(sql, null); told.push([sql, call.name, "done"]); } catch (error) { if (!/^SQL_/.test(error.code)) told.push([sql, call.name, error.code]); }
            }
        }
        utils.executeSql("INSERT INTO effects VALUES ('alive', '', NULL)");
        return told;
    "#;
    let bench = Bench::new(&[("before", "return 1"), ("reach", script)]);
    bench.returned("before");
    // The host has prepared statements of its own by now: a script does not get at them by their text.
    let told = value(&bench.run("reach", json!(refused)));
    assert_eq!(told, json!([]));
    let folder = bench.stop();
    assert_eq!(folder.texts("SELECT sid FROM effects"), ["alive"]);
    assert!(!folder.path("other.db").exists() && !folder.path("copy.db").exists());
}

#[test]
fn a_script_does_not_get_at_the_hosts_statements_by_their_text() {
    let db = AppDb::open(":memory:".as_ref(), &HostId("test".into()), SqlLimits::default()).unwrap();
    db.begin().unwrap();
    db.begin_run().unwrap();
    assert!(db.mark_done(NotificationId(1), UnixMillis(0)).unwrap());
    assert!(db.is_done(NotificationId(1)).unwrap());
    db.keep_run().unwrap();
    db.begin_run().unwrap();
    db.undo_run().unwrap();
    let number = SqlValue::Integer(1);
    let text = SqlValue::Text("test".into());
    for (sql, positional) in [
        ("SAVEPOINT run", &[][..]),
        ("RELEASE run", &[]),
        ("ROLLBACK TO run", &[]),
        ("SELECT 1 FROM _host_done WHERE host = ? AND notification = ?", &[text.clone(), number.clone()]),
        (
            "INSERT OR IGNORE INTO _host_done(host, notification, at) VALUES (?, ?, ?)",
            &[text.clone(), SqlValue::Integer(2), number.clone()],
        ),
    ] {
        let parameters = Parameters { positional, named: &|_| SqlValue::Null };
        assert_eq!(db.execute(sql, &parameters).unwrap_err().code, "SQL_DENIED", "{sql}");
        assert_eq!(db.query(sql, &parameters).unwrap_err().code, "SQL_DENIED", "{sql}");
    }
    assert!(!db.is_done(NotificationId(2)).unwrap());
}

#[test]
fn parameters_urls_results_and_logs_are_as_the_contract_says() {
    let bench = Bench::new(&[
        (
            "parameters",
            r#"return ["shop", "open", "rate", "days", "nested", "__proto__", "toString", "nothing", "WHATSAPP", "auth_key"]
                .map((name) => { const value = utils.getParameter(name); return value === undefined ? "undefined" : value; })"#,
        ),
        (
            "urls",
            r#"
            const told = ["a.jpg", "/deep/a b.jpg", "è/100%?#&+'.png"].map((path) => utils.getPublicUrl(path));
            for (const path of ["", "/", "../app-params.toml", "a/../b", ".hidden", "a//b", "a/.b"]) {
                try { told.push(utils.getPublicUrl(path)); } catch (error) { told.push(error.name); }
            }
            try { utils.getSignedUrl("bucket", "file"); } catch (error) { told.push(error.code); }
            return told;
            "#,
        ),
        ("set", "utils.setReturnValue({ a: [1] }); utils.setReturnValue('last')"),
        ("set_and_return", "utils.setReturnValue('set'); return vo.null ? null : { returned: 1 }"),
        ("set_and_fail", "utils.setReturnValue('set'); throw new Error('x')"),
        ("set_later", "setTimeout(() => utils.setReturnValue('dropped'), 5); utils.setReturnValue(vo)"),
        (
            "log",
            r#"
            console.log("one");
            utils.log("two");
            console.warn("three");
            for (const level of ["debug", "info", "warn", "error", null]) utils.log(level, level);
            utils.log({ a: 1 });
            utils.log(undefined);
            utils.log(7n, "error");
            console.error("last");
            "#,
        ),
        ("flood", "for (let i = 0; i < 3000; i++) utils.log('x'.repeat(20000)); return 'done'"),
        (
            "who",
            "return [companyId, applicationId, userInfo, reqParams, Object.isFrozen(reqParams), vo === undefined, typeof utils.eval]",
        ),
        ("orders/deep", "return reqParams.actionId"),
    ]);
    assert_eq!(
        bench.returned("parameters"),
        json!([
            "Bottega Aurora", true, 1.5, [1, 2], { "a": { "b": "c" } }, "a parameter", "undefined", "undefined",
            "undefined", "undefined"
        ])
    );
    let error = "Error";
    assert_eq!(
        bench.returned("urls"),
        json!([
            format!("{PUBLIC}/public/app/a.jpg"),
            format!("{PUBLIC}/public/app/deep/a%20b.jpg"),
            format!("{PUBLIC}/public/app/%C3%A8/100%25%3F%23%26%2B%27.png"),
            error,
            error,
            error,
            error,
            error,
            error,
            error,
            "STORAGE_NOT_CONFIGURED"
        ])
    );
    let result = |action: &str, vo: Value| bench.run(action, vo).result;
    assert_eq!(result("set", json!({})), Ok(Returned::String("last".into())));
    assert_eq!(result("set_and_return", json!({})), Ok(Returned::Json("{\"returned\":1}".into())));
    assert_eq!(result("set_and_return", json!({ "null": 1 })), Ok(Returned::Json("null".into())));
    assert!(result("set_and_fail", json!({})).is_err());
    assert_eq!(
        result("set_later", json!({ "b": 1, "a": [] })),
        Ok(Returned::Json("{\"b\":1,\"a\":[]}".into()))
    );

    let log = bench.run("log", json!({})).log;
    let lines: Vec<_> = log.iter().map(|line| (line.level, line.text.as_str())).collect();
    assert_eq!(
        lines,
        [
            (LogLevel::Info, "one"),
            (LogLevel::Info, "two"),
            (LogLevel::Warn, "three"),
            (LogLevel::Debug, "debug"),
            (LogLevel::Info, "info"),
            (LogLevel::Warn, "warn"),
            (LogLevel::Error, "error"),
            (LogLevel::Info, "null"),
            (LogLevel::Info, "{ a: 1 }"),
            (LogLevel::Info, "undefined"),
            (LogLevel::Error, "7n"),
            (LogLevel::Error, "last"),
        ]
    );
    let flood = bench.run("flood", json!({}));
    assert_eq!(flood.result, Ok(Returned::String("done".into())));
    assert!(flood.log.len() <= 1001, "{} lines", flood.log.len());
    assert!(flood.log.iter().all(|line| line.text.len() < 17_000));

    let who = value(&bench.run_as("Shop.1", "who", json!(null)));
    let params = json!({ "appId": "app", "applicationId": "app", "companyId": "Shop.1", "actionId": "who" });
    assert_eq!(who, json!(["Shop.1", "app", { "companyId": "Shop.1" }, params, who[4], false, "undefined"]));
    assert_eq!(bench.returned("orders/deep"), "orders/deep");
    bench.stop();
}
