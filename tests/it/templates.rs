//! Templates: by their `ContentSid`, and by their text.

use boatswain::simulator::Message;
use serde_json::{Value, json};

use crate::bench::{ACME, Bench, TO, value};
use crate::host::Folder;

const HX1: &str = "HX00000000000000000000000000000001";
const HX2: &str = "HX00000000000000000000000000000002";

/// `HX…1` is known with its text, to everybody but ACME, which has another account and knows `HX…2`.
const TABLE: &str = r#"
    [applications.app.templates.shipped]
    content_sid = "HX00000000000000000000000000000001"
    text = "Ciao {{1}}, il tuo ordine {{2}} è partito."
    [applications.app.templates.hello]
    content_sid = "HX00000000000000000000000000000003"
    text = "Ciao {{name}}."
    [applications.app.templates.thanks]
    content_sid = "HX00000000000000000000000000000004"
    text = "Grazie.\nA presto!"
    [applications.app.templates.also_hello]
    content_sid = "HX00000000000000000000000000000005"
    text = "Ciao {{x}}."
    [applications.app.companies.ACME.templates.shipped]
    content_sid = "HX00000000000000000000000000000002"
    text = "Hello {{1}}, your order {{2}} is on its way."
"#;

/// One action for all calls.
fn bench(more: &str, calls: &[&str]) -> (Bench, Vec<Value>) {
    let calls = calls.join(",\n");
    let script = format!(
        "return [{calls}].map((outcome) => (typeof outcome === 'string' ? JSON.parse(outcome) : outcome))"
    );
    let bench = Bench::with("cpu_ms = 5000", more, &[("calls", &script)]);
    let told = serde_json::from_value(bench.returned("calls")).unwrap();
    (bench, told)
}

/// What the simulator was given: the last digit of the `ContentSid`, the variables, the text.
fn given(message: &Message) -> (String, Value, String) {
    let sid = message.content_sid.as_deref().map_or_else(|| "-".to_owned(), |sid| sid[33..].to_owned());
    let variables =
        message.content_variables.as_deref().map_or(Value::Null, |json| serde_json::from_str(json).unwrap());
    (sid, variables, message.body.clone())
}

#[test]
fn a_template_is_sent_by_its_content_sid_in_every_form_of_the_call() {
    let calls = [
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009')",
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009', null)",
        "utils.sendWhatsappTemplate(393331234567, 'HX00000000000000000000000000000009', {})",
        "utils.sendWhatsappTemplate('3331234567', 'HX00000000000000000000000000000009', '')",
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009', { 1: 'Ada', 2: 7, 3: 1.5, name: true })",
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009', '{\"1\":\"Ada\"}')",
        "utils.sendWhatsappTemplateWithSettings(null, null, null, '+393331234567', 'HX00000000000000000000000000000009', { 1: 'Ada' })",
        "utils.sendWhatsappTemplateWithSettings('AC00000000000000000000000000000002', 'acme-token', '+14155550100', '+393331234567', 'HX00000000000000000000000000000009', { 1: 'Ada' })",
        "utils.whatsapp.send({ to: '+393331234567', contentSid: 'HX00000000000000000000000000000009', contentVariables: { 1: 'Ada' } })",
        "utils.whatsapp.send({ to: '+393331234567', contentSid: 'HX00000000000000000000000000000009', contentVariables: '{\"1\":\"Ada\"}', companyId: 'ACME' })",
    ];
    let ada = json!({ "1": "Ada" });
    let none = Value::Null;
    let every = json!({ "1": "Ada", "2": "7", "3": "1.5", "name": "true" });
    let expected = [&none, &none, &none, &none, &every, &ada, &ada, &ada, &ada, &ada];
    let (bench, told) = bench("", &calls);
    let messages = bench.messages();
    assert_eq!(messages.len(), calls.len());
    for (((call, expected), told), message) in calls.iter().zip(expected).zip(&told).zip(&messages) {
        assert_eq!((&told["success"], &told["warnings"]), (&json!(true), &json!([])), "{call}: {told}");
        assert_eq!(told["to"], json!(format!("whatsapp:{TO}")), "{call}");
        assert_eq!(given(message), ("9".to_owned(), expected.clone(), String::new()), "{call}");
        let acme = call.contains("acme") || call.contains("ACME");
        assert_eq!(message.account.as_str() == ACME, acme, "{call}");
    }
    bench.stop();
}

#[test]
fn what_is_wrong_with_a_template_or_a_text_is_told_before_it_is_sent() {
    const TEMPLATE: &str =
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009', ";
    let with = |variables: &str| format!("{TEMPLATE}{variables})");
    let known = |variables: &str| with(variables).replace("0009'", "0001'");
    let cases = [
        ("utils.sendWhatsappTemplate('+393331234567', null, { 1: 'x' })".to_owned(), "CONTENT_SID_MISSING", "HX"),
        ("utils.sendWhatsappTemplate('+393331234567', '', null)".to_owned(), "CONTENT_SID_MISSING", "HX"),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', contentVariables: { 1: 'x' } })".to_owned(),
            "CONTENT_SID_MISSING",
            "contentSid",
        ),
        ("utils.sendWhatsappTemplate('+393331234567', 'HX1', null)".to_owned(), "CONTENT_SID", "`HX1` is not a ContentSid: `HX` followed by 32"),
        (
            "utils.sendWhatsappTemplate('+393331234567', 'hx00000000000000000000000000000001')".to_owned(),
            "CONTENT_SID",
            "console",
        ),
        (with("'Ada'"), "CONTENT_VARIABLES", "object such as"),
        (with("'[1]'"), "CONTENT_VARIABLES", "object such as"),
        (with("'{1:2}'"), "CONTENT_VARIABLES", "object such as"),
        (with("{ 1: null }"), "CONTENT_VARIABLES", "`1` is null"),
        (with("{ name: NaN }"), "CONTENT_VARIABLES", "`name` is null"),
        (with("{ 1: ['x'] }"), "CONTENT_VARIABLES", "`1` is an array"),
        (with("{ 1: { a: 1 } }"), "CONTENT_VARIABLES", "`1` is an object"),
        (with("{ 1: '' }"), "CONTENT_VARIABLES", "`1` is blank"),
        (with("{ 1: 'x', 2: ' \\n' }"), "CONTENT_VARIABLES", "`2` is blank"),
        (with("{ 1: 'x'.repeat(1025) }"), "TEMPLATE_TOO_LONG", "the variables have 1025 characters"),
        (with("{ 1: '\u{1F600}'.repeat(1000), 2: 'x'.repeat(25) }"), "TEMPLATE_TOO_LONG", "1025"),
        // The text of this one is known: 33 characters of its own.
        (known("{ 1: 'x'.repeat(500), 2: 'x'.repeat(500) }"), "TEMPLATE_TOO_LONG", "the template with its variables has 1032"),
        ("sendWhatsappMessage('+393331234567', 'x'.repeat(1601))".to_owned(), "MESSAGE_TOO_LONG", "1601 characters, and a message takes 1600: shorten it, or split it into 2 messages"),
        ("sendWhatsappMessage('+393331234567', '\u{1F600}'.repeat(1602), 'https://shop.example/a.jpg')".to_owned(), "MESSAGE_TOO_LONG", "1602"),
        ("sendWhatsappMessage('+393331234567', ' \\n\\t\\u00a0')".to_owned(), "MESSAGE_EMPTY", "blank"),
        (
            "sendWhatsappMessage('+393331234567', 'Ciao Ada, il tuo ordine ' + 'x'.repeat(1100) + ' è partito.')".to_owned(),
            "TEMPLATE_TOO_LONG",
            "the template with its variables has",
        ),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0.as_str()).collect();
    let (bench, told) = bench(TABLE, &calls);
    for ((call, code, part), told) in cases.iter().zip(&told) {
        assert_eq!(told["errorCode"], *code, "{call}: {told}");
        assert!(told["errorMessage"].as_str().unwrap().contains(part), "{call}: {told}");
        assert_eq!(told["to"], json!(format!("whatsapp:{TO}")), "{call}: {told}");
    }
    assert_eq!(bench.messages().len(), 0);
    bench.stop();
}

#[test]
fn limits_are_reached_without_being_passed() {
    let calls = [
        "sendWhatsappMessage('+393331234567', 'x'.repeat(1600))",
        "sendWhatsappMessage('+393331234567', '\u{1F600}'.repeat(800))",
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000009', { 1: 'x'.repeat(1024) })",
        "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000001', { 1: 'x'.repeat(500), 2: 'x'.repeat(492) })",
    ];
    let (bench, told) = bench(TABLE, &calls);
    for (call, told) in calls.iter().zip(&told) {
        assert_eq!(told["success"], true, "{call}: {told}");
    }
    bench.stop();
}

#[test]
fn what_whatsapp_may_not_like_and_what_is_not_sent_is_a_warning() {
    let disliked = "the variable `1` holds a line break, a tab or more than 4 spaces in a row, and WhatsApp may refuse it";
    let template = |sid: char, more: &str| {
        format!(
            "utils.whatsapp.send({{ to: '+393331234567', contentSid: 'HX0000000000000000000000000000000{sid}', {more} }})"
        )
    };
    let cases = [
        (template('9', "contentVariables: { 1: 'a\\nb' }"), json!([disliked])),
        (template('9', "contentVariables: { 1: 'a\\tb' }"), json!([disliked])),
        (template('9', "contentVariables: { 1: 'a     b' }"), json!([disliked])),
        (template('9', "contentVariables: { 1: 'a    b' }"), json!([])),
        (template('9', "body: 'x'"), json!(["the text is not sent: a template has its own"])),
        (
            template('9', "mediaUrl: 'nonsense', bucketName: 'x'"),
            json!(["the medium is not sent: a template has its own, or none"]),
        ),
        (template('1', "contentVariables: { 1: 'a', 2: 'b' }"), json!([])),
        (
            template('1', "contentVariables: { 1: 'a', 3: 'c' }"),
            json!([
                "the template has a placeholder {{2}}, for which no variable was given",
                "the template has no placeholder for the variable `3`"
            ]),
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'Ciao A\\nB, il tuo ordine 7 è partito.' })"
                .to_owned(),
            json!([disliked]),
        ),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0.as_str()).collect();
    let (bench, told) = bench(TABLE, &calls);
    for ((call, warnings), told) in cases.iter().zip(&told) {
        assert_eq!((&told["success"], &told["warnings"]), (&json!(true), warnings), "{call}: {told}");
    }
    assert!(bench.messages().iter().all(|message| message.body != "x" && message.media_urls.is_empty()));
    bench.stop();
}

#[test]
fn a_message_in_the_words_of_a_template_is_sent_as_the_template() {
    let acme = "'AC00000000000000000000000000000002', 'acme-token', '+14155550100', '+393331234567'";
    let cases = [
        ("sendWhatsappMessage('+393331234567', 'Ciao Ada, il tuo ordine A-7 è partito.')".to_owned(), "1", json!({ "1": "Ada", "2": "A-7" })),
        ("utils.whatsapp.send({ to: '+393331234567', body: ' Ciao Ada, il tuo ordine A-7 è partito.\\r\\n' })".to_owned(), "1", json!({ "1": "Ada", "2": "A-7" })),
        ("sendWhatsappMessageWithSettings(null, null, null, '+393331234567', 'Ciao Ada, il tuo ordine A-7 è partito.')".to_owned(), "1", json!({ "1": "Ada", "2": "A-7" })),
        ("sendWhatsappMessage('+393331234567', 'Grazie.\\nA presto!')".to_owned(), "4", Value::Null),
        // Two texts are equally wordy: the first by name.
        ("sendWhatsappMessage('+393331234567', 'Ciao Ada.')".to_owned(), "5", json!({ "x": "Ada" })),
        // Not in these words.
        ("sendWhatsappMessage('+393331234567', 'Ciao Ada')".to_owned(), "-", Value::Null),
        ("sendWhatsappMessage('+393331234567', 'Salve Ada, il tuo ordine A-7 è partito.')".to_owned(), "-", Value::Null),
        // A medium is no part of a template.
        ("sendWhatsappMessage('+393331234567', 'Ciao Ada.', 'https://shop.example/a.jpg')".to_owned(), "-", Value::Null),
        // A `ContentSid` belongs to an account.
        ("utils.whatsapp.send({ to: '+393331234567', companyId: 'ACME', body: 'Ciao Ada.' })".to_owned(), "-", Value::Null),
        ("utils.whatsapp.send({ to: '+393331234567', companyId: 'ACME', body: 'Hello Ada, your order 7 is on its way.' })".to_owned(), "2", json!({ "1": "Ada", "2": "7" })),
        (format!("sendWhatsappMessageWithSettings({acme}, 'Hello Ada, your order 7 is on its way.')"), "2", json!({ "1": "Ada", "2": "7" })),
        (format!("sendWhatsappMessageWithSettings({acme}, 'Ciao Ada.')"), "-", Value::Null),
        ("sendWhatsappMessage('+393331234567', 'Hello Ada, your order 7 is on its way.')".to_owned(), "-", Value::Null),
        ("utils.whatsapp.send({ to: '+393331234567', companyId: 'OTHER', body: 'Ciao Ada.' })".to_owned(), "5", json!({ "x": "Ada" })),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0.as_str()).collect();
    let (bench, told) = bench(TABLE, &calls);
    let messages = bench.messages();
    assert_eq!(messages.len(), cases.len());
    for (((call, sid, variables), told), message) in cases.iter().zip(&told).zip(&messages) {
        assert_eq!((&told["success"], &told["warnings"]), (&json!(true), &json!([])), "{call}: {told}");
        let (given_sid, given_variables, body) = given(message);
        assert_eq!((given_sid.as_str(), &given_variables), (*sid, variables), "{call}");
        assert!(!body.contains("{{"), "{call}: {body}");
    }
    let log = bench.run("calls", json!({})).log;
    assert!(log.iter().any(|line| line.text == "the text is sent as the template `shipped`"), "{log:?}");
    bench.stop();
}

#[test]
fn outside_the_window_a_text_fails_with_the_function_to_use_and_a_template_arrives() {
    let (bench, told) = bench(
        TABLE,
        &[
            "sendWhatsappMessage('+393990163016', 'Salve')",
            &format!("utils.sendWhatsappTemplate('+393331234567', '{HX1}', {{ 1: 'a', 2: 'b' }})"),
            &format!("utils.sendWhatsappTemplate('+393331234567', '{HX2}', {{ 1: 'a', 2: 'b' }})"),
        ],
    );
    let sentence = told[0]["errorMessage"].as_str().unwrap();
    assert_eq!(told[0]["errorCode"], 63016);
    for part in [
        "utils.sendWhatsappTemplate(toPhoneNumber, contentSid, variables)",
        "[applications.<appId>.templates]",
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert_eq!((&told[1]["success"], &told[2]["success"]), (&json!(true), &json!(true)));
    bench.stop();
}

#[test]
fn check_tells_what_is_wrong_with_the_table() {
    let folder = Folder::new("", "[applications.app.templates.x]\ncontent_sid = 'HX1'\ntext = 'Ciao {{1'\n");
    let output = folder.boatswain(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    for part in ["`content_sid` has 3 characters instead of 34", "`text` has a `{{` without its counterpart"]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_company_runs_with_its_own_templates() {
    let bench = Bench::with(
        "cpu_ms = 5000",
        TABLE,
        &[("send", "return utils.whatsapp.send({ to: vo.to, body: vo.body })")],
    );
    let body = "Hello Ada, your order 7 is on its way.";
    for company in ["ACME", "OTHER"] {
        let outcome = value(&bench.run_as(company, "send", json!({ "to": TO, "body": body })));
        assert_eq!(outcome["success"], true, "{outcome}");
    }
    let sids: Vec<_> = bench.messages().into_iter().map(|message| message.content_sid).collect();
    assert_eq!(sids, [Some(HX2.to_owned()), None]);
    bench.stop();
}
