//! Every callback that Twilio signed is kept and has its effect once; nothing else leaves a trace (invariants 1–3).

use boatswain::base::Secret;
use boatswain::whatsapp::{Form, signature};

use crate::host::{
    ACCOUNT, Answer, FORM, Folder, HostProcess, TOKEN, Wire, callback, callback_url, client, form, head,
    post, request, runtime, sid, signal,
};

/// Keeps `vo` as it came; its log line appears when the row is committed.
const KEEP: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, ?)", null, false, true,
        JSON.stringify(Object.entries(vo)));
    console.log("effect of " + vo.MessageSid);
"#;
const PATH: &str = "/whatsapp/callback/app/NODEFINED";
const OTHER_ACCOUNT: &str = "AC00000000000000000000000000000002";
const OTHER_TOKEN: &str = "the-token-of-acme";
const ROWS: &str = "SELECT (SELECT count(*) FROM notifications) + (SELECT count(*) FROM messages)
                         + (SELECT count(*) FROM runs)";

/// An application with a company that has an account of its own, and another one whose keys rotate.
fn with_company() -> Folder {
    Folder::new(
        KEEP,
        &format!(
            "[applications.app.companies.ACME.WHATSAPP]\naccount_id = \"{OTHER_ACCOUNT}\"\nauth_key = \"{OTHER_TOKEN}\"\n\
             from_phone_number = \"+14155550100\"\n[applications.rotating.WHATSAPP]\nenvironment = \"simulator\"\n\
             account_id = \"{ACCOUNT}\"\nauth_key = [\"current-key\", \"next-key\"]"
        ),
    )
}

fn post_to(host: &HostProcess, path: &str, form: &Form) -> Answer {
    callback(&host.url, &host.url, path, form, TOKEN)
}

/// A form with other values, or more, than Twilio's usual one.
fn form_with(sid: &str, status: &str, more: &[(&str, &str)]) -> Form {
    let mut form = form(sid, status);
    for (name, value) in more {
        form.push(*name, *value);
    }
    form
}

/// A form without one of its fields.
fn without(form: &Form, names: &[&str]) -> Form {
    form.pairs().iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect()
}

/// The only `vo` that was kept, as the list of its members.
fn kept(folder: &Folder, sid: &str) -> Vec<(String, String)> {
    let rows = folder.texts(&format!("SELECT note FROM effects WHERE sid = '{sid}'"));
    assert_eq!(rows.len(), 1, "{rows:?}");
    serde_json::from_str(&rows[0]).unwrap()
}

fn value<'a>(vo: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = vo.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

#[test]
fn a_thousand_callbacks_over_several_connections_have_a_thousand_effects_in_order_and_none_twice() {
    const STATUSES: [&str; 4] = ["sent", "delivered", "read", "archived"];
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    let url = callback_url(&host.url);
    let acknowledged = runtime().block_on(async {
        let mut connections = tokio::task::JoinSet::new();
        for connection in 0..10 {
            let url = url.clone();
            connections.spawn(async move {
                let client = client();
                let mut acknowledged = 0;
                for status in STATUSES {
                    for message in 0..25 {
                        let form = form(&sid(connection * 25 + message), status);
                        acknowledged += u32::from(post(&client, &url, &form).await.unwrap() == 204);
                    }
                }
                // Twilio repeats itself: acknowledged again, and nothing more.
                for status in STATUSES {
                    assert_eq!(post(&client, &url, &form(&sid(connection * 25), status)).await.unwrap(), 204);
                }
                acknowledged
            });
        }
        connections.join_all().await.into_iter().sum::<u32>()
    });
    assert_eq!(acknowledged, 1000);
    host.wait_for_many("effect of", 1000);
    assert_eq!(host.terminate(), Some(0));
    let effects = folder.texts("SELECT sid || ' ' || group_concat(status) FROM (SELECT * FROM effects ORDER BY rowid) GROUP BY sid ORDER BY sid");
    let expected: Vec<_> = (0..250).map(|n| format!("{} {}", sid(n), STATUSES.join(","))).collect();
    assert_eq!(effects, expected);
    assert_eq!(
        folder.count("SELECT count(*) FROM notifications WHERE state = 'done' AND attempts = 1"),
        1000
    );
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE reason = 'completed'"), 1000);
}

#[test]
fn forged_tampered_foreign_and_unknown_are_refused_all_alike_and_leave_nothing() {
    let folder = with_company();
    let host = folder.serve();
    let url = |path: &str| format!("{}{path}", host.url);
    let ours = form(&sid(1), "sent");
    let foreign = |account: &str| {
        let mut form = without(&ours, &["AccountSid"]);
        form.push("AccountSid", account);
        form
    };
    let sign = |url: &str, form: &Form, key: &str| signature::sign(url, form, &Secret::new(key));
    let right = sign(&url(PATH), &ours, TOKEN);
    let acme = foreign(OTHER_ACCOUNT);
    let nobody = foreign("AC99999999999999999999999999999999");
    let unknown = "/whatsapp/callback/nobody/NODEFINED";
    let rotating = "/whatsapp/callback/rotating/NODEFINED";
    let mut cases: Vec<(&str, String, String, Form)> = vec![
        ("forged", PATH.into(), "bm90IGEgc2lnbmF0dXJlIGF0IGE=".into(), ours.clone()),
        ("not base64", PATH.into(), "!!!".into(), ours.clone()),
        ("empty signature", PATH.into(), String::new(), ours.clone()),
        ("not ASCII", PATH.into(), "è".into(), ours.clone()),
        ("very long signature", PATH.into(), "A".repeat(10_000), ours.clone()),
        ("wrong key", PATH.into(), sign(&url(PATH), &ours, "another key"), ours.clone()),
        ("empty key", PATH.into(), sign(&url(PATH), &ours, ""), ours.clone()),
        ("tampered value", PATH.into(), right.clone(), form(&sid(1), "read")),
        ("added field", PATH.into(), right.clone(), form_with(&sid(1), "sent", &[("More", "x")])),
        ("added empty name", PATH.into(), right.clone(), form_with(&sid(1), "sent", &[("", "x")])),
        ("removed field", PATH.into(), right.clone(), without(&ours, &["To"])),
        ("tampered query", format!("{PATH}?message=1"), right.clone(), ours.clone()),
        ("other company", "/whatsapp/callback/app/OTHER".into(), right.clone(), ours.clone()),
        (
            "signed for https",
            PATH.into(),
            sign(&url(PATH).replace("http:", "https:"), &ours, TOKEN),
            ours.clone(),
        ),
        (
            "signed for another host",
            PATH.into(),
            sign(&format!("http://boatswain.test{PATH}"), &ours, TOKEN),
            ours.clone(),
        ),
        ("signed for another path", PATH.into(), sign(&url("/"), &ours, TOKEN), ours.clone()),
        ("foreign account with its key", PATH.into(), sign(&url(PATH), &nobody, "its key"), nobody.clone()),
        ("foreign account with our key", PATH.into(), sign(&url(PATH), &nobody, TOKEN), nobody),
        (
            "foreign account with the key of no account",
            PATH.into(),
            sign(&url(PATH), &acme, "no such account"),
            acme.clone(),
        ),
        (
            "a company's account at another's address",
            PATH.into(),
            sign(&url(PATH), &acme, OTHER_TOKEN),
            acme.clone(),
        ),
        ("a company's key for our account", PATH.into(), sign(&url(PATH), &ours, OTHER_TOKEN), ours.clone()),
        (
            "our key for a company's account",
            "/whatsapp/callback/app/ACME".into(),
            sign(&url("/whatsapp/callback/app/ACME"), &acme, TOKEN),
            acme,
        ),
        ("two keys and forged", rotating.into(), "bm90IGEgc2lnbmF0dXJlIGF0IGE=".into(), ours.clone()),
        ("two keys and neither", rotating.into(), sign(&url(rotating), &ours, TOKEN), ours.clone()),
        ("two keys and not base64", rotating.into(), "!!!".into(), ours.clone()),
        ("unknown application", unknown.into(), sign(&url(unknown), &ours, TOKEN), ours.clone()),
        ("unknown application and forged", unknown.into(), "AAAA".into(), ours.clone()),
    ];
    let nameless = "/whatsapp/callback//NODEFINED";
    cases.push(("no application", nameless.into(), sign(&url(nameless), &ours, TOKEN), ours.clone()));
    let long = "c".repeat(65);
    for name in
        ["-x", ".", "..", "a%20b", "a%2Fb", "%00", "%FF", "%E8", "%zz", long.as_str(), "ACME%0d%0aX:y"]
    {
        let path = format!("/whatsapp/callback/app/{name}");
        cases.push(("bad company", path.clone(), sign(&url(&path), &ours, TOKEN), ours.clone()));
        let path = format!("/whatsapp/callback/{name}/NODEFINED");
        cases.push(("bad application", path.clone(), sign(&url(&path), &ours, TOKEN), ours.clone()));
    }
    let answers: Vec<_> = cases
        .into_iter()
        .map(|(name, path, signature, form)| {
            let headers = [FORM, ("x-twilio-signature", signature.as_str())];
            let answer = request(&host.url, "POST", &path, &headers, form.encode().as_bytes());
            (format!("{name} {path}"), answer)
        })
        .collect();
    let face = answers[0].1.face();
    assert_eq!(face.0, 403);
    for (name, answer) in &answers {
        assert_eq!(answer.face(), face, "{name}");
    }
    // The address itself is fine.
    assert_eq!(post_to(&host, PATH, &form(&sid(2), "sent")).status, 204);
    host.wait_for(&format!("effect of {}", sid(2)));
    let said = host.end();
    assert_eq!(folder.count(ROWS), 2, "one notification and its run");
    for secret in [TOKEN, OTHER_TOKEN] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn unsigned_malformed_and_oversized_callbacks_are_refused_and_leave_nothing() {
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    let url = format!("{}{PATH}", host.url);
    let ours = form(&sid(1), "sent");
    let sign = |form: &Form| signature::sign(&url, form, &Secret::new(TOKEN));
    let send = |headers: &[(&str, &str)], body: &[u8]| request(&host.url, "POST", PATH, headers, body);
    let right = sign(&ours);
    let signed = ("x-twilio-signature", right.as_str());
    let body = ours.encode();

    let answer = send(&[FORM], body.as_bytes());
    assert_eq!(answer.status, 400, "unsigned");
    assert!(answer.text().contains("UNSIGNED"), "{}", answer.text());

    // Not a form, whatever the signature.
    for kind in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencodedx",
    ] {
        assert_eq!(send(&[("content-type", kind), signed], body.as_bytes()).status, 400, "{kind}");
    }
    assert_eq!(send(&[signed], body.as_bytes()).status, 400, "no content type");
    let json = br#"{"MessageSid":"SM1"}"#;
    assert_eq!(send(&[("content-type", "application/json"), signed], json).status, 400);

    // Signed forms that lack what every notification has.
    let long = "s".repeat(101);
    let reasons = [
        ("nothing at all", Form::default()),
        ("no account", without(&ours, &["AccountSid"])),
        ("no sid", without(&ours, &["MessageSid", "SmsSid"])),
        ("no status", without(&ours, &["MessageStatus", "SmsStatus"])),
        ("an empty sid", form("", "sent")),
        ("a sid that is none", form("SM 1", "sent")),
        ("a sid with a path in it", form(&format!("SM../{}", "0".repeat(28)), "sent")),
        ("an empty status", form(&sid(1), "")),
        ("a status longer than any word", form(&sid(1), &long)),
        ("an account that is none", form_with(&sid(1), "sent", &[("AccountSid", "AC1")])),
        ("too many fields", form_with(&sid(1), "sent", &[("a", "1"); 200])),
    ];
    for (name, form) in &reasons {
        let signature = sign(form);
        let answer = send(&[FORM, ("x-twilio-signature", &signature)], form.encode().as_bytes());
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    }

    // Too large, said in the head or found out on the way.
    let large = form_with(&sid(1), "sent", &[("Body", &"x".repeat(64 << 10))]);
    let answer = send(&[FORM, ("x-twilio-signature", &sign(&large))], large.encode().as_bytes());
    assert_eq!(answer.status, 413);
    let mut wire = Wire::to(&host.url);
    wire.say(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\n{}: {}\r\nx-twilio-signature: {right}\r\ntransfer-encoding: chunked\r\n\r\n", FORM.0, FORM.1));
    for _ in 0..5 {
        wire.say(format!("4000\r\n{}\r\n", "x".repeat(0x4000)));
    }
    assert_eq!(wire.hear(true).status, 413, "chunked");
    let mut wire = Wire::to(&host.url);
    wire.say(head("POST", PATH, &[FORM, signed], 1 << 40));
    wire.say(vec![b'x'; 65 << 10]);
    assert_eq!(wire.hear(true).status, 413, "a length that nobody waits for");

    // A body that breaks off.
    let mut wire = Wire::to(&host.url);
    wire.say(head("POST", PATH, &[FORM, signed], body.len()));
    wire.say(&body.as_bytes()[..10]);
    drop(wire);

    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count(ROWS), 0);
}

#[test]
fn only_posts_are_taken_and_other_addresses_are_not_found() {
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = request(&host.url, method, PATH, &[], b"");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    let form = form(&sid(1), "sent");
    for path in [
        "/",
        "/whatsapp",
        "/whatsapp/callback",
        "/whatsapp/callback/app",
        "/whatsapp/callback/app/",
        "/whatsapp/callback/app/NODEFINED/",
        "/whatsapp/callback/app/NODEFINED/x",
        "//whatsapp/callback/app/NODEFINED",
        "/WHATSAPP/callback/app/NODEFINED",
        "/x/../whatsapp/callback/app/NODEFINED",
        "/whatsapp%2Fcallback%2Fapp%2FNODEFINED",
        "/console",
        "/metrics",
        "/actions/app/callback",
    ] {
        let answer = post_to(&host, path, &form);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("NOT_FOUND"), "{path}: {}", answer.text());
    }
    for (path, text) in [("/healthz", "alive"), ("/readyz", "ready")] {
        let answer = request(&host.url, "GET", path, &[], b"");
        assert_eq!((answer.status, answer.text().trim()), (200, text));
    }
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count(ROWS), 0);
}

#[test]
fn vo_is_the_form_as_twilio_wrote_it_and_the_company_of_the_path() {
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    let form = form_with(
        &sid(1),
        "sent",
        &[
            ("Repeated", "first"),
            ("companyId", "EVIL"),
            ("__proto__", "a field"),
            ("constructor", "another"),
            ("toString", ""),
            ("hasOwnProperty", "x"),
            ("Repeated", "last"),
            ("Body", "È un'offerta: 50% & più\r\n\u{1F600}\u{0}"),
            ("a b", "c+d"),
            ("", "nameless"),
            ("42", "a number"),
        ],
    );
    assert_eq!(post_to(&host, &format!("{PATH}?z=1&a=2&a='"), &form).status, 204);
    host.wait_for(&format!("effect of {}", sid(1)));
    let vo = kept(&folder, &sid(1));
    for (name, expected) in [
        ("MessageSid", sid(1).as_str()),
        ("MessageStatus", "sent"),
        ("To", "whatsapp:+393331234567"),
        ("Repeated", "last"),
        ("companyId", "NODEFINED"),
        ("__proto__", "a field"),
        ("constructor", "another"),
        ("toString", ""),
        ("hasOwnProperty", "x"),
        ("Body", "È un'offerta: 50% & più\r\n\u{1F600}\u{0}"),
        ("a b", "c+d"),
        ("", "nameless"),
        ("42", "a number"),
    ] {
        assert_eq!(value(&vo, name), Some(expected), "{name}");
    }
    assert_eq!(value(&vo, "z"), None, "the query is no part of vo");
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn statuses_without_a_name_and_odd_spellings_run_like_any_other() {
    let folder = with_company();
    let host = folder.serve();
    let accepted = |path: &str, form: &Form| {
        assert_eq!(post_to(&host, path, form).status, 204, "{path}");
        let sid = form.get("MessageSid").or(form.get("SmsSid")).unwrap();
        host.wait_for(&format!("effect of {sid}"));
        kept(&folder, sid)
    };
    for (number, status) in
        (1..).zip(["teleported", "Delivered", "è stato", "__proto__", "'; DROP TABLE effects; --"])
    {
        assert_eq!(value(&accepted(PATH, &form(&sid(number), status)), "MessageStatus"), Some(status));
    }
    // A status in another spelling is another notification, as the key says.
    assert_eq!(post_to(&host, PATH, &form(&sid(1), "Teleported")).status, 204);
    host.wait_for_many(&format!("effect of {}", sid(1)), 2);
    // Paths as they may be written; the signature covers them as they came.
    for (number, path) in (10..).zip([
        "/whatsapp/callback/%61pp/NODEFINED",
        "/whatsapp/callback/app/%4eODEFINED",
        "/whatsapp/callback/app/NODEFINED?",
        "/whatsapp/callback/app/NODEFINED?message=",
        "/whatsapp/callback/app/NODEFINED?message=%FF&message=../../x",
        "/whatsapp/callback/app/NODEFINED?a=%27b'&%7Bx%7D=+",
    ]) {
        assert_eq!(
            value(&accepted(path, &form(&sid(number), "sent")), "companyId"),
            Some("NODEFINED"),
            "{path}"
        );
    }
    // Companies need not be declared.
    let vo = accepted("/whatsapp/callback/app/Some.Shop-1_x", &form(&sid(30), "sent"));
    assert_eq!(value(&vo, "companyId"), Some("Some.Shop-1_x"));
    // The content type as clients write it, a forged Host, and what a proxy adds.
    let form = form(&sid(31), "sent");
    let signature = signature::sign(&format!("{}{PATH}", host.url), &form, &Secret::new(TOKEN));
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        ("X-TWILIO-SIGNATURE", signature.as_str()),
        ("i-twilio-idempotency-token", "7a5c"),
    ];
    assert_eq!(request(&host.url, "POST", PATH, &headers, form.encode().as_bytes()).status, 204);
    host.wait_for(&format!("effect of {}", sid(31)));
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_company_has_keys_of_its_own_and_falls_back_to_its_applications() {
    let folder = with_company();
    let host = folder.serve();
    let mut acme = without(&form(&sid(1), "sent"), &["AccountSid"]);
    acme.push("AccountSid", OTHER_ACCOUNT);
    let path = "/whatsapp/callback/app/ACME";
    assert_eq!(callback(&host.url, &host.url, path, &acme, OTHER_TOKEN).status, 204);
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(value(&kept(&folder, &sid(1)), "companyId"), Some("ACME"));
    // The same message and status from another account, or for another company, is another notification.
    assert_eq!(post_to(&host, path, &form(&sid(1), "sent")).status, 204);
    assert_eq!(post_to(&host, PATH, &form(&sid(1), "sent")).status, 204);
    assert_eq!(post_to(&host, path, &form(&sid(1), "sent")).status, 204, "a repeat");
    host.wait_for_many(&format!("effect of {}", sid(1)), 3);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications"), 3);
    assert_eq!(folder.texts("SELECT count(*) || '' FROM effects"), ["3"]);
}

#[test]
fn while_keys_rotate_each_of_the_list_is_good() {
    let folder = Folder::with_params(
        KEEP,
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\n\
             environment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\nauth_key = [\"current-key\", \"next-key\"]\n\
             whatsapp_callback = \"callback\""
        ),
    );
    let host = folder.serve();
    for (number, key, status) in [(1, "current-key", 204), (2, "next-key", 204), (3, "former-key", 403)] {
        let form = form(&sid(number), "sent");
        assert_eq!(callback(&host.url, &host.url, PATH, &form, key).status, status, "{key}");
    }
    host.wait_for_many("effect of", 2);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications"), 2);
}

#[test]
fn without_a_callback_action_notifications_are_stored_and_nothing_runs() {
    let folder = Folder::with_params(
        KEEP,
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\n\
             environment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\nauth_key = \"{TOKEN}\""
        ),
    );
    let host = folder.serve();
    for _ in 0..2 {
        assert_eq!(post_to(&host, PATH, &form(&sid(1), "sent")).status, 204);
    }
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done' AND attempts = 0"), 1);
    assert_eq!(folder.count("SELECT count(*) FROM runs"), 0);
    assert_eq!(folder.texts("SELECT sid FROM effects"), [""; 0]);
}

#[test]
fn behind_a_proxy_with_a_path_the_public_url_is_what_counts() {
    let public = "https://bots.example.com/some/where";
    let folder = Folder::with_params(
        KEEP,
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\npublic_url = \"{public}/\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n\
             [applications.app.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\n\
             auth_key = \"{TOKEN}\"\nwhatsapp_callback = \"callback\""
        ),
    );
    folder.write("public/app/a.txt", "a file");
    let host = folder.serve();
    let send = |arrives_at: &str, signed_for: &str, number: u32| {
        let form = form(&sid(number), "sent");
        let signature = signature::sign(signed_for, &form, &Secret::new(TOKEN));
        let headers = [FORM, ("x-twilio-signature", signature.as_str())];
        request(&host.url, "POST", arrives_at, &headers, form.encode().as_bytes()).status
    };
    let query = "?message=0198c0de-0000-7000-8000-000000000000";
    assert_eq!(
        send(&format!("{PATH}{query}"), &format!("{public}{PATH}{query}"), 1),
        204,
        "stripped by the proxy"
    );
    assert_eq!(send(&format!("/some/where{PATH}"), &format!("{public}{PATH}"), 2), 204, "passed on as it is");
    assert_eq!(
        send(PATH, &format!("{public}:443{PATH}").replace("/some/where:443", ":443/some/where"), 3),
        204,
        "with its port"
    );
    assert_eq!(send(PATH, &format!("https://bots.example.com{PATH}"), 4), 403, "signed without the path");
    assert_eq!(send(PATH, &format!("{}{PATH}", host.url), 5), 403, "signed for the listener");
    assert_eq!(send(&format!("/some/where/some/where{PATH}"), &format!("{public}/some/where{PATH}"), 6), 404);
    for path in [
        "/healthz",
        "/some/where/healthz",
        "/some/where/readyz",
        "/some/where/public/app/a.txt",
        "/public/app/a.txt",
    ] {
        assert_eq!(request(&host.url, "GET", path, &[], b"").status, 200, "{path}");
    }
    for path in ["/some/where", "/some/where/", "/some", "/some/where/nothing", "/some/wherehealthz"] {
        let answer = request(&host.url, "GET", path, &[], b"");
        assert_eq!((answer.status, answer.text().contains("NOT_FOUND")), (404, true), "{path}");
    }
    host.wait_for_many("effect of", 3);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications"), 3);
}

/// A message to +39 399 04… stays queued for ever and no callback comes: only the test speaks of it.
#[test]
fn an_id_in_the_query_is_believed_for_its_own_message_only() {
    let folder = Folder::new(KEEP, "");
    folder.write(
        "scripts/app/send.js",
        "return utils.whatsapp.send({ to: '+393990400000', body: 'Ciao' }).sid",
    );
    let host = folder.serve();
    let send = || {
        let output = folder.boatswain(&["run", "app/send"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let show = |sid: &str| -> serde_json::Value {
        let output = folder.boatswain(&["messages", "show", sid, "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (mine, other) = (send(), send());
    let id = show(&mine)["id"].as_str().unwrap().to_owned();
    let path = format!("{PATH}?message={id}");
    // Somebody else's message with the id of ours in its address: it is what its sid says, and ours stays as it is.
    assert_eq!(post_to(&host, &path, &form(&sid(7), "failed")).status, 204);
    assert_eq!(post_to(&host, &path, &form(&other, "delivered")).status, 204);
    host.wait_for_many("effect of", 2);
    assert_eq!(show(&mine)["status"], "queued");
    assert_eq!(show(&mine)["notifications"], serde_json::json!([]));
    assert_eq!(show(&other)["status"], "delivered", "known by its sid");
    // Its own, and then one that comes late: the record never goes backwards, the action runs all the same.
    assert_eq!(post_to(&host, &path, &form(&mine, "delivered")).status, 204);
    assert_eq!(post_to(&host, &path, &form(&mine, "sent")).status, 204);
    host.wait_for_many(&format!("effect of {mine}"), 2);
    let shown = show(&mine);
    assert_eq!(shown["status"], "delivered");
    assert_eq!(shown["notifications"].as_array().unwrap().len(), 2);
    assert_eq!(shown["notifications"][0]["messageId"], id.as_str());
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn several_requests_share_a_connection() {
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    let mut wire = Wire::to(&host.url);
    let mut speak = |form: &Form, signature: &str| {
        let body = form.encode();
        wire.say(head("POST", PATH, &[FORM, ("x-twilio-signature", signature)], body.len()) + &body);
        wire.hear(true).status
    };
    for number in 0..5 {
        let form = form(&sid(number), "sent");
        let right = signature::sign(&format!("{}{PATH}", host.url), &form, &Secret::new(TOKEN));
        assert_eq!(speak(&form, "wrong"), 403, "a refusal does not cost the connection");
        assert_eq!(speak(&form, &right), 204);
    }
    host.wait_for_many("effect of", 5);
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn what_was_acknowledged_while_the_host_stops_is_there() {
    let folder = Folder::new(KEEP, "");
    let host = folder.serve();
    // Requests that are under way when the host is told to stop: their heads have been read (answers come in the
    // order of the connections), their bodies not.
    let mut forms: Vec<_> = (0..5).map(|number| form(&sid(number), "sent")).collect();
    let mut open: Vec<_> = forms.drain(..).map(|form| (Wire::to(&host.url), form)).collect();
    for (wire, form) in &mut open {
        let signature = signature::sign(&format!("{}{PATH}", host.url), form, &Secret::new(TOKEN));
        wire.say(head("POST", PATH, &[FORM, ("x-twilio-signature", &signature)], form.encode().len()));
    }
    let mut ready = Wire::to(&host.url);
    ready.say("GET /readyz HTTP/1.1\r\nhost: ");
    let mut idle = Wire::to(&host.url);
    idle.say(head("GET", "/readyz", &[], 0));
    assert_eq!(idle.hear(true).status, 200);
    // And a client that does nothing but post, until nobody listens any more.
    let url = callback_url(&host.url);
    let (tell, told) = std::sync::mpsc::channel();
    let poster = std::thread::spawn(move || {
        runtime().block_on(async {
            let client = client();
            let mut acknowledged = Vec::new();
            for number in 100.. {
                match post(&client, &url, &form(&sid(number), "sent")).await {
                    Ok(204) => acknowledged.push(sid(number)),
                    Ok(status) => assert_eq!(status, 503),
                    Err(_) => break,
                }
                let _ = tell.send(number);
            }
            acknowledged
        })
    });
    for _ in 0..20 {
        told.recv().unwrap();
    }
    signal(host.pid(), "-TERM");
    host.wait_for("stopping");
    assert_eq!(idle.rest(), "", "an idle connection is closed");
    ready.say("x\r\n\r\n");
    assert_eq!(ready.hear(true).status, 503, "not ready while draining");
    let mut acknowledged = poster.join().unwrap();
    for (wire, form) in &mut open {
        wire.say(form.encode());
        assert_eq!(wire.hear(true).status, 204, "a request that was open comes to its answer");
        acknowledged.push(form.get("MessageSid").unwrap().to_owned());
    }
    assert_eq!(host.wait(), Some(0));
    assert!(!folder.path("data/host.sock").exists());
    let stored = folder.count("SELECT count(*) FROM notifications");
    assert_eq!(usize::try_from(stored).unwrap(), acknowledged.len());

    // What had no time to run runs at the next start; each has its effect once.
    let host = folder.serve();
    let form = form(&sid(9999), "sent");
    assert_eq!(post_to(&host, PATH, &form).status, 204);
    acknowledged.push(sid(9999));
    let waiting = || folder.count("SELECT count(*) FROM notifications WHERE state = 'waiting'");
    host.wait_for(&format!("effect of {}", sid(9999)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(waiting(), 0);
    acknowledged.sort();
    assert_eq!(folder.texts("SELECT sid FROM effects ORDER BY sid"), acknowledged);
}
