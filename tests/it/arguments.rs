//! Every form of the arguments of a send: what is understood, what comes back as an outcome, what is thrown.

use serde_json::{Value, json};

use crate::bench::{Bench, TO, value};

const URL: &str = "https://shop.example/a.jpg";
const HX: &str = "HX00000000000000000000000000000001";

/// What each of these expressions gives: an outcome, or `{ thrown, message }`. They are one run of one action.
fn told(expressions: &[impl AsRef<str>]) -> (Bench, Vec<Value>) {
    let calls: Vec<_> = expressions.iter().map(|call| format!("() => {}", call.as_ref())).collect();
    let calls = calls.join(",\n");
    let script = format!(
        r#"
        const told = [];
        for (const call of [{calls}]) {{
            try {{
                const outcome = call();
                told.push(typeof outcome === "string" ? JSON.parse(outcome) : outcome);
            }} catch (error) {{
                told.push({{ thrown: error.name, message: error.message }});
            }}
        }}
        return told;
        "#
    );
    let bench = Bench::new(&[("calls", &script)]);
    let told: Vec<Value> = serde_json::from_value(bench.returned("calls")).unwrap();
    assert_eq!(told.len(), expressions.len());
    (bench, told)
}

/// The error code, `sent`, or what was thrown.
fn brief(told: &Value) -> String {
    if let Some(thrown) = told["thrown"].as_str() {
        return format!("{thrown}: {}", told["message"].as_str().unwrap());
    }
    if told["success"] == true {
        return "sent".to_owned();
    }
    told["errorCode"].as_str().map_or_else(|| told["errorCode"].to_string(), str::to_owned)
}

/// The rule of four (`…WithSettings`: seven) arguments, and what five make of the same.
#[test]
fn the_last_two_of_four_arguments_are_a_url_and_nothing_or_a_bucket_and_a_file() {
    let values = ["undefined", "null", "''", "'https://shop.example/a.jpg'", "'x'"];
    let mut calls = Vec::new();
    let mut expected = Vec::new();
    for third in values {
        for fourth in values {
            let given = |value: &str| !matches!(value, "undefined" | "null" | "''");
            let is_url = third.contains("http");
            let four = match (given(third), given(fourth)) {
                (true, true) if is_url => "MEDIA_CONFLICT",
                (true, true) => "STORAGE_NOT_CONFIGURED",
                (true, false) if !is_url => "MEDIA_URL",
                (false, true) => "MEDIA_INCOMPLETE",
                (_, false) => "sent",
            };
            let five = match (given(third), given(fourth)) {
                (true, true) => "MEDIA_CONFLICT",
                (false, true) => "MEDIA_INCOMPLETE",
                (true, false) if !is_url => "MEDIA_URL",
                (_, false) => "sent",
            };
            for (more, expectation) in [("", four), (", null", five), (", undefined", five), (", ''", five)] {
                calls.push(format!("sendWhatsappMessage('{TO}', 'x', {third}, {fourth}{more})"));
                expected.push(expectation);
                calls.push(format!(
                    "sendWhatsappMessageWithSettings(null, '', undefined, '{TO}', 'x', {third}, {fourth}{more})"
                ));
                expected.push(expectation);
            }
        }
    }
    let (bench, told) = told(&calls);
    for ((call, expected), told) in calls.iter().zip(&expected).zip(&told) {
        assert_eq!(brief(told), *expected, "{call}: {told}");
        // Whatever is refused, it is said whom it was about.
        assert_eq!(
            (&told["to"], &told["from"]),
            (&json!(format!("whatsapp:{TO}")), &json!("whatsapp:+14155238886")),
            "{call}: {told}"
        );
    }
    for (message, (call, _)) in
        bench.messages().iter().zip(calls.iter().zip(&expected).filter(|(_, expected)| **expected == "sent"))
    {
        assert_eq!(
            message.media_urls.first().map(String::as_str),
            call.contains("http").then_some(URL),
            "{call}"
        );
    }
    bench.stop();
}

#[test]
fn the_wrong_kind_of_argument_is_a_type_error_that_names_function_and_argument() {
    let strings = [
        "7",
        "1.5",
        "NaN",
        "true",
        "false",
        "7n",
        "{}",
        "[]",
        "['x']",
        "() => 1",
        "Symbol('x')",
        "new Map()",
        "/x/",
        "new Proxy({}, {})",
        "new Proxy(() => 1, {})",
        "Object.create(null)",
        "new Error('x')",
        "Promise.resolve('x')",
    ];
    let phones = [
        "1.5",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e21",
        "9007199254740993",
        "true",
        "{}",
        "['+393331234567']",
        "() => 1",
        "Symbol('x')",
        "new Map()",
        "Promise.resolve(1)",
    ];
    let variables = ["7", "true", "7n", "['Ada']", "() => 1", "Symbol('x')", "NaN"];
    let functions: [(&str, &[(&str, &str)]); 4] = [
        (
            "sendWhatsappMessage",
            &[
                ("toPhoneNumber", ""),
                ("message", "'x'"),
                ("publicMediaURL", "null"),
                ("bucketName", "null"),
                ("fileName", "null"),
            ],
        ),
        (
            "sendWhatsappMessageWithSettings",
            &[
                ("accountId", "null"),
                ("secretKey", "null"),
                ("fromPhoneNr", "null"),
                ("toPhoneNumber", ""),
                ("message", "'x'"),
                ("publicMediaURL", "null"),
                ("bucketName", "null"),
                ("fileName", "null"),
            ],
        ),
        ("sendWhatsappTemplate", &[("toPhoneNumber", ""), ("contentSid", "'HX'"), ("variables", "null")]),
        (
            "sendWhatsappTemplateWithSettings",
            &[
                ("accountId", "null"),
                ("secretKey", "null"),
                ("fromPhoneNr", "null"),
                ("toPhoneNumber", ""),
                ("contentSid", "'HX'"),
                ("variables", "null"),
            ],
        ),
    ];
    let mut calls = Vec::new();
    let mut starts = Vec::new();
    for (function, parameters) in functions {
        for (index, (parameter, _)) in parameters.iter().enumerate() {
            let wrong: &[&str] = match *parameter {
                "toPhoneNumber" | "fromPhoneNr" => &phones,
                "variables" => &variables,
                _ => &strings,
            };
            for wrong in wrong {
                let mut arguments: Vec<String> = parameters
                    .iter()
                    .map(|(_, good)| if good.is_empty() { format!("'{TO}'") } else { (*good).to_owned() })
                    .collect();
                arguments[index] = (*wrong).to_owned();
                calls.push(format!("utils.{function}({})", arguments.join(", ")));
                starts.push(format!("TypeError: {function}: `{parameter}` must be "));
            }
        }
    }
    for wrong in
        ["undefined", "null", "''", "'+393331234567'", "7", "7n", "[]", "() => 1", "Symbol('x')", "true"]
    {
        calls.push(format!("utils.whatsapp.send({wrong})"));
        starts.push("TypeError: whatsapp.send: `message` must be an object such as { to: ".into());
    }
    for member in
        ["body", "mediaUrl", "bucketName", "fileName", "contentSid", "accountId", "secretKey", "companyId"]
    {
        for wrong in ["7", "true", "{}", "['x']"] {
            calls.push(format!("utils.whatsapp.send({{ to: '{TO}', {member}: {wrong} }})"));
            starts.push(format!("TypeError: whatsapp.send: `{member}` must be a string, and was "));
        }
    }
    for member in ["to", "from"] {
        for wrong in ["1.5", "1e21", "true", "{}", "['x']"] {
            calls.push(format!("utils.whatsapp.send({{ {member}: {wrong} }})"));
            starts.push(format!("TypeError: whatsapp.send: `{member}` must be "));
        }
    }
    for wrong in ["7", "true", "['Ada']"] {
        calls.push(format!("utils.whatsapp.send({{ to: '{TO}', contentVariables: {wrong} }})"));
        starts.push("TypeError: whatsapp.send: `contentVariables` must be an object such as ".into());
    }
    let (bench, told) = told(&calls);
    for ((call, start), told) in calls.iter().zip(&starts).zip(&told) {
        assert!(brief(told).starts_with(start), "{call}: {told}\nnot {start}");
    }
    assert_eq!(bench.messages().len(), 0);
    bench.stop();
}

#[test]
fn a_number_is_read_in_every_form_that_stands_for_one() {
    let same = "sent";
    let cases = [
        ("393331234567", same),
        ("393331234567n", same),
        ("3331234567", same),
        ("39333.1234567e7", same),
        ("'+39 (333) 123-45.67'", same),
        ("'whatsapp: +393331234567'", same),
        ("new String('+393331234567')", same),
        ("{ toJSON: () => '+393331234567' }", same),
        ("undefined", "INVALID_PHONE_NUMBER"),
        ("null", "INVALID_PHONE_NUMBER"),
        ("''", "INVALID_PHONE_NUMBER"),
        ("'  '", "INVALID_PHONE_NUMBER"),
        ("0", "INVALID_PHONE_NUMBER"),
        ("-0", "INVALID_PHONE_NUMBER"),
        ("-3331234567", "INVALID_PHONE_NUMBER"),
        ("-393331234567n", "INVALID_PHONE_NUMBER"),
        (
            "1e400",
            "TypeError: sendWhatsappMessage: `toPhoneNumber` must be a phone number as a string, and was the number inf",
        ),
        ("10n ** 400n", "INVALID_PHONE_NUMBER"),
        ("'٣٣٣١٢٣٤٥٦٧'", "INVALID_PHONE_NUMBER"),
        ("'+39 333 123 4567 int. 3'", "INVALID_PHONE_NUMBER"),
        ("'+393331234567, +393331234568'", "INVALID_PHONE_NUMBER"),
        ("new Date(0)", "INVALID_PHONE_NUMBER"),
        ("{ toJSON: () => undefined }", "INVALID_PHONE_NUMBER"),
    ];
    let calls: Vec<_> =
        cases.iter().map(|(number, _)| format!("sendWhatsappMessage({number}, 'x')")).collect();
    let (bench, told) = told(&calls);
    for ((call, (_, expected)), told) in calls.iter().zip(cases).zip(&told) {
        assert_eq!(brief(told), expected, "{call}: {told}");
        if expected == "INVALID_PHONE_NUMBER" {
            assert_eq!(
                (&told["to"], &told["from"]),
                (&Value::Null, &json!("whatsapp:+14155238886")),
                "the sender is known: {told}"
            );
        }
    }
    assert!(bench.messages().iter().all(|message| message.to.to_string() == format!("whatsapp:{TO}")));
    bench.stop();
}

#[test]
fn an_object_may_have_every_member_and_no_other() {
    let every = format!(
        "utils.whatsapp.send({{ to: '{TO}', body: 'x', mediaUrl: '{URL}', bucketName: null, fileName: undefined, \
         contentSid: '', contentVariables: null, from: '+1 415 555 0100', accountId: \
         'AC00000000000000000000000000000002', secretKey: 'acme-token', companyId: 'ACME' }})"
    );
    let cases = [
        (every.as_str(), "sent"),
        ("utils.whatsapp.send(JSON.parse('{\"__proto__\":1}'))", "there is no member `__proto__`"),
        (
            "utils.whatsapp.send({ toPhoneNumber: '+393331234567' })",
            "there is no member `toPhoneNumber`: did you mean `to`?",
        ),
        ("utils.whatsapp.send({ message: 'x' })", "there is no member `message`: did you mean `body`?"),
        ("utils.whatsapp.send({ text: 'x' })", "there is no member `text`: did you mean `body`?"),
        ("utils.whatsapp.send({ mediaURL: 'x' })", "there is no member `mediaURL`: did you mean `mediaUrl`?"),
        (
            "utils.whatsapp.send({ publicMediaUrl: 'x' })",
            "there is no member `publicMediaUrl`: did you mean `mediaUrl`?",
        ),
        (
            "utils.whatsapp.send({ variables: {} })",
            "there is no member `variables`: did you mean `contentVariables`?",
        ),
        (
            "utils.whatsapp.send({ contentSID: 'x' })",
            "there is no member `contentSID`: did you mean `contentSid`?",
        ),
        ("utils.whatsapp.send({ zzzzzz: 'x' })", "there is no member `zzzzzz`"),
        ("utils.whatsapp.send({ '\\u001b[31m': 'x' })", "there is no member `\\u{1b}[31m`"),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0).collect();
    let (bench, told) = told(&calls);
    for ((call, expected), told) in cases.iter().zip(&told) {
        let thrown = format!("TypeError: whatsapp.send: {expected}");
        assert_eq!(brief(told), if *expected == "sent" { "sent" } else { &thrown }, "{call}: {told}");
    }
    let messages = bench.messages();
    assert_eq!(messages[0].account.as_str(), crate::bench::ACME);
    assert_eq!((messages[0].body.as_str(), messages[0].media_urls.as_slice()), ("x", &[URL.to_owned()][..]));
    bench.stop();
}

#[test]
fn no_argument_harms_the_host() {
    let own = "RangeError: of the script";
    let cases = [
        // What a script's own code throws is its own.
        ("sendWhatsappMessage({ get toJSON() { throw new RangeError('of the script') } }, 'x')", own),
        ("sendWhatsappMessage('+393331234567', { toJSON() { throw new RangeError('of the script') } })", own),
        (
            "utils.whatsapp.send({ to: '+393331234567', get body() { throw new RangeError('of the script') } })",
            own,
        ),
        ("utils.whatsapp.send(new Proxy({}, { ownKeys() { throw new RangeError('of the script') } }))", own),
        // What JSON cannot hold is told with the place.
        (
            "(() => { const message = { to: '+393331234567' }; message.body = message; return utils.whatsapp.send(message) })()",
            "TypeError: whatsapp.send: `message` cannot be written as JSON: ",
        ),
        (
            "(() => { const list = []; list.push(list); return sendWhatsappMessage('+393331234567', list) })()",
            "TypeError: sendWhatsappMessage: `message` cannot be written as JSON: ",
        ),
        (
            "utils.whatsapp.send({ to: 393331234567n, body: 'x' })",
            "TypeError: whatsapp.send: `message` cannot be written as JSON: ",
        ),
        (
            "(() => { let deep = 1; for (let i = 0; i < 500; i++) deep = [deep]; return utils.whatsapp.send({ to: '+393331234567', body: deep }) })()",
            "TypeError: whatsapp.send: the message must be an object that JSON can hold",
        ),
        ("sendWhatsappMessage('+393331234567', 'x'.repeat(1100000))", "RangeError: sendWhatsappMessage: "),
        // `JSON.stringify` would leave these out, and the message would go out with the application's own account.
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', accountId: () => 1, secretKey: () => 2 })",
            "TypeError: whatsapp.send: `message` cannot be written as JSON: `accountId` is a function",
        ),
        (
            "utils.whatsapp.send({ to: Symbol('x'), body: 'x' })",
            "TypeError: whatsapp.send: `message` cannot be written as JSON: `to` is a symbol",
        ),
        (
            "utils.sendWhatsappTemplate('+393331234567', 'HX00000000000000000000000000000001', { 1: () => 'Ada' })",
            "TypeError: sendWhatsappTemplate: `variables` cannot be written as JSON: `1` is a function",
        ),
        // A member that JSON leaves out was not given.
        ("utils.whatsapp.send({ to: undefined, body: 'x' })", "INVALID_PHONE_NUMBER"),
        ("utils.whatsapp.send({ to: NaN, body: 'x' })", "INVALID_PHONE_NUMBER"),
        // Half an emoji, as a cut in its middle leaves one, and what only looks like its escape.
        ("sendWhatsappMessage('+393331234567', 'half \u{1F600}'.slice(0, 6))", "sent"),
        ("utils.whatsapp.send({ to: '+393331234567', body: 'half \u{1F600}'.slice(0, 6) })", "sent"),
        ("utils.whatsapp.send({ to: '+393331234567', body: '\\\\ud83d \\\\\\ud83d\\n\u{1F600}' })", "sent"),
        ("utils.whatsapp.send({ to: '+393331234567', body: 'NUL \\0 and \\u202e' })", "sent"),
        // A Date is its text.
        ("sendWhatsappMessage('+393331234567', new Date(0))", "sent"),
        ("sendWhatsappMessage.call(null, '+393331234567', 'this is no matter')", "sent"),
        ("new sendWhatsappMessage('+393331234567', 'x')", "TypeError: "),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0).collect();
    let (bench, told) = told(&calls);
    for ((call, expected), told) in cases.iter().zip(&told) {
        assert!(brief(told).starts_with(expected), "{call}: {told}");
    }
    let bodies: Vec<_> = bench.messages().iter().map(|message| message.body.clone()).collect();
    assert_eq!(
        bodies,
        [
            "half \u{fffd}",
            "half \u{fffd}",
            "\\ud83d \\\u{fffd}\n\u{1F600}",
            "NUL \0 and \u{202e}",
            "1970-01-01T00:00:00.000Z",
            "this is no matter"
        ]
    );
    assert_eq!(value(&bench.run("calls", json!({}))).as_array().unwrap().len(), cases.len(), "it goes on");
    bench.stop();
}

#[test]
fn a_refusal_names_recipient_and_sender_where_they_are_known() {
    let wa = json!(format!("whatsapp:{TO}"));
    let own = json!("whatsapp:+14155238886");
    let acme = json!("whatsapp:+14155550100");
    let cases = [
        ("utils.whatsapp.send({ body: 'x' })", "INVALID_PHONE_NUMBER", &Value::Null, &own),
        ("utils.whatsapp.send({ to: '+393331234567' })", "MESSAGE_EMPTY", &wa, &own),
        ("utils.whatsapp.send({ to: '+393331234567', body: ' \\n ' })", "MESSAGE_EMPTY", &wa, &own),
        ("utils.whatsapp.send({ to: '+393331234567', companyId: 'ACME' })", "MESSAGE_EMPTY", &wa, &acme),
        (
            "utils.whatsapp.send({ to: '+393331234567', companyId: 'SERVICE' })",
            "MESSAGE_EMPTY",
            &wa,
            &Value::Null,
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', companyId: '/' })",
            "INVALID_COMPANY",
            &Value::Null,
            &Value::Null,
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', from: '1' })",
            "INVALID_SENDER",
            &wa,
            &Value::Null,
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', from: '+14155550100', accountId: 'AC1', secretKey: 'k' })",
            "INVALID_ACCOUNT",
            &wa,
            &acme,
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', body: 'x', secretKey: 'k' })",
            "SETTINGS_INCOMPLETE",
            &wa,
            &own,
        ),
        ("utils.whatsapp.send({ to: '+393331234567', bucketName: 'x' })", "MEDIA_INCOMPLETE", &wa, &own),
        ("utils.whatsapp.send({ to: '+393331234567', fileName: 'x' })", "MEDIA_INCOMPLETE", &wa, &own),
        ("utils.whatsapp.send({ to: '+393331234567', mediaUrl: 'x' })", "MEDIA_URL", &wa, &own),
        (
            "utils.whatsapp.send({ to: '+393331234567', mediaUrl: 'https://shop.example/a', bucketName: 'x', fileName: 'y' })",
            "MEDIA_CONFLICT",
            &wa,
            &own,
        ),
        (
            "utils.whatsapp.send({ to: '+393331234567', bucketName: 'x', fileName: 'y' })",
            "STORAGE_NOT_CONFIGURED",
            &wa,
            &own,
        ),
        ("utils.sendWhatsappTemplate('+393331234567')", "CONTENT_SID_MISSING", &wa, &own),
        ("utils.sendWhatsappTemplate()", "INVALID_PHONE_NUMBER", &Value::Null, &own),
        (&format!("utils.sendWhatsappTemplate('{TO}', '{HX}', 'x')"), "CONTENT_VARIABLES", &wa, &own),
    ];
    let calls: Vec<_> = cases.iter().map(|case| case.0).collect();
    let (bench, told) = told(&calls);
    for ((call, code, to, from), told) in cases.iter().zip(&told) {
        assert_eq!(brief(told), *code, "{call}: {told}");
        assert_eq!((&told["to"], &told["from"]), (*to, *from), "{call}: {told}");
        assert_eq!(
            (&told["status"], &told["retryable"]),
            (&json!("failed"), &json!(false)),
            "{call}: {told}"
        );
        assert!(told["errorMessage"].as_str().unwrap().len() > 15, "{call}: {told}");
    }
    assert_eq!(bench.messages().len(), 0);
    bench.stop();
}
