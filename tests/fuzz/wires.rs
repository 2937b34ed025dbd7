//! Whatever is posted is answered: a panic would close the connection without a word.
//!
//! To the host comes nothing in that Twilio has not signed, and everything that it has, whatever stands in the query and
//! in the form. The simulator takes what a careless program or a page sends it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::header;
use boatswain::base::MessageSid;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{edited, edits, escaped, one_in, words};
use crate::host::{ACCOUNT, Answer, FORM, Folder, HostProcess, TOKEN, Wire, head};
use crate::listening::listening;
use crate::reference;

struct Serving {
    /// Goes with the host.
    _folder: Folder,
    host: HostProcess,
    simulator: String,
}

fn serving() -> Serving {
    let folder = Folder::new("", "");
    let host = folder.serve();
    let line = host.wait_for("simulator");
    let simulator = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    Serving { _folder: folder, host, simulator }
}

fn ask(to: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut wire = Wire::to(to);
    let headers: Vec<_> = headers.iter().copied().chain([("connection", "close")]).collect();
    wire.say(head(method, path, &headers, body.len()));
    wire.say(body);
    wire.hear(method != "HEAD")
}

/// A query as Twilio or anybody may send it.
fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("?message=0197f0a0b0c07000800000000000000a".to_owned()),
        "\\?[a-zA-Z0-9=&'%+;:@/?.,!~*()_-]{0,40}",
        prop::collection::vec(words("' %27 %2 & = message= %C3%A8 a ? + %00 %zz"), 0..9)
            .prop_map(|pieces| format!("?{}", pieces.concat())),
    ]
}

fn form() -> impl Strategy<Value = Vec<u8>> {
    let name = select(vec![
        "MessageStatus",
        "SmsStatus",
        "ErrorCode",
        "ErrorMessage",
        "From",
        "To",
        "Body",
        "__proto__",
        "",
        "è",
        "AccountSid",
        "MessageSid",
        "NumMedia",
        "MediaUrl0",
    ]);
    let value =
        prop_oneof![Just("delivered".to_owned()), Just("9".repeat(400)), "[A-Za-z0-9]{0,34}", ".{0,9}"];
    prop::collection::vec((name, value), 0..8).prop_map(|fields| {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let known = format!("MessageStatus=sent&AccountSid={ACCOUNT}&MessageSid=SM{:032x}&", 7);
        (known + &fields.join("&")).into_bytes()
    })
}

#[test]
fn what_twilio_signed_comes_in_and_nothing_else() {
    let serving = serving();
    proptest!(one_in(4), |(
        kind in select(vec!["callback", "message"]),
        company in "[A-Za-z0-9][A-Za-z0-9._-]{0,9}",
        query in query(),
        body in prop_oneof![4 => form(), 1 => prop::collection::vec(any::<u8>(), 0..200)],
        signed in any::<bool>(),
    )| {
        let path = format!("/whatsapp/{kind}/app/{company}{query}");
        let fields = reference::fields(&body);
        let url = format!("{}{path}", serving.host.url);
        let token = if signed { TOKEN } else { "another-token" };
        let signature = reference::signature(&reference::content(&url, &fields), token);
        let answer = ask(&serving.host.url, "POST", &path, &[FORM, ("x-twilio-signature", &signature)], &body);
        let seen = reference::seen(&fields);
        let field = |name: &str| seen.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let is_ours = field("AccountSid") == Some(ACCOUNT);
        let has = |name: &str| field(name).is_some_and(|value| (1..=100).contains(&value.len()));
        let sid = field("MessageSid").or_else(|| field("SmsSid")).is_some_and(|sid| MessageSid::parse(sid).is_ok());
        let whole = sid && (kind == "message" || has("MessageStatus"));
        let came_in = (200..300).contains(&answer.status);
        prop_assert!(came_in || [400, 403].contains(&answer.status), "{}: {}", path, answer.status);
        prop_assert!(!came_in || signed && is_ours, "{}: {}", path, answer.status);
        prop_assert!(came_in || !(signed && is_ours && whole), "{}: {} of {:?}", path, answer.status, String::from_utf8_lossy(&body));
    });
}

#[test]
fn the_simulator_answers_whatever_it_is_asked() {
    let serving = serving();
    proptest!(one_in(4), |(
        (method, path, json) in select(vec![
            ("POST", "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json", false),
            ("GET", "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json", false),
            ("POST", "/simulator/incoming", true),
            ("POST", "/simulator/scripts", true),
            ("GET", "/simulator/scripts", true),
            ("POST", "/simulator/accounts", true),
            ("POST", "/simulator/rules", true),
            ("POST", "/simulator/clock", true),
            ("GET", "/simulator/messages", true),
            ("DELETE", "/simulator/messages", true),
        ]),
        query in query(),
        template in select(BODIES),
        edits in edits(&["\"", "{", "}", "[", "]", ",", ":", "null", "-1", "1e999", "99999999999999999999", "\\u0000", "\\ud800", "&", "=", "%00", "whatsapp:", "+39", "true"]),
        spoilt in any::<bool>(),
        deep in prop_oneof![9 => Just(0_usize), 1 => 1..3000_usize],
    )| {
        let mut body = if spoilt { edited(template, &edits) } else { template.to_owned() };
        body.insert_str(0, &"[".repeat(deep));
        let authorization = format!("Basic {}", reference::base64(format!("{ACCOUNT}:{TOKEN}").as_bytes()));
        let kind = if json { "application/json" } else { FORM.1 };
        let host = serving.simulator.trim_start_matches("http://");
        let headers = [("content-type", kind), ("authorization", &authorization), ("host", host)];
        let body = if method == "GET" { "" } else { body.as_str() };
        let answer = ask(&serving.simulator, method, &format!("{path}{query}"), &headers, body.as_bytes());
        prop_assert!((200..600).contains(&answer.status) && answer.status != 500, "{} {}: {}", path, body, answer.status);
    });
}

/// Well-formed XML of an application that knows some words of `TwiML`.
fn document() -> impl Strategy<Value = String> {
    let name = || words("Message Message Body Media Redirect Say Response x:y");
    let attribute = words(
        "to=\"whatsapp:+393331234567\" from=\"\" action=\"//[\" statusCallback='/x' xmlns:x=\"y\" to=\"&#65;\"",
    );
    let text =
        words("Ciao &amp;&lt; <![CDATA[<a>]]> <!--x--> /media.png http://[ https://example.com/\u{202e} è");
    let element = text.prop_map(str::to_owned).prop_recursive(4, 24, 4, move |inner| {
        (name(), attribute.clone(), prop::collection::vec(inner, 0..4)).prop_map(
            |(name, attribute, inner)| format!("<{name} {attribute} xmlns:x='z'>{}</{name}>", inner.concat()),
        )
    });
    prop::collection::vec(element, 0..4).prop_map(|inner| format!("<Response>{}</Response>", inner.concat()))
}

/// What an application answers to a message: `TwiML`, nearly that, or anything.
#[test]
fn the_simulator_reads_whatever_an_application_answers() {
    let serving = serving();
    let said: Arc<Mutex<(String, String)>> = Arc::default();
    let says = Arc::clone(&said);
    let routes = Router::new().fallback(move || async move {
        let (kind, body) = says.lock().unwrap().clone();
        ([(header::CONTENT_TYPE, kind)], body)
    });
    let (_server, address) = listening(routes);
    let application = format!("http://{address}/");
    let host = serving.simulator.trim_start_matches("http://");
    let spoiling = &[
        "<Message>",
        "</Message>",
        "<Body>",
        "</Body>",
        "<Media>",
        "<Redirect>",
        "</Redirect>",
        "<Response>",
        "</Response>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "&#0;",
        "&#xD800;",
        "&x;",
        "<!DOCTYPE r [",
        "<!ENTITY a \"b\">",
        "to=\"",
        "xmlns=\"",
        "<?xml",
        "?>",
        "\0",
        "whatsapp:+39",
        "http://[",
        "//",
        "\u{feff}",
    ];
    proptest!(one_in(8), |(
        kind in select(vec!["text/xml", "application/xml; charset=utf-8", "text/html", "text/plain", "application/json", ""]),
        body in prop_oneof![
            1 => document(),
            1 => (select(ANSWERS), edits(spoiling)).prop_map(|(answer, edits)| edited(answer, &edits)),
            1 => (1..5000_usize).prop_map(|depth| format!("<Response>{}", "<Message>".repeat(depth))),
        ],
    )| {
        *said.lock().unwrap() = (kind.to_owned(), body.clone());
        let incoming = format!(r#"{{"from":"+393331234567","to":"+14155238886","body":"Ciao","url":"{application}"}}"#);
        let headers = [("content-type", "application/json"), ("host", host)];
        let answer = ask(&serving.simulator, "POST", "/simulator/incoming", &headers, incoming.as_bytes());
        prop_assert_eq!(answer.status, 201, "{}: {}", body, answer.text());
    });
}

const ANSWERS: &[&str] = &[
    "<?xml version=\"1.0\"?><Response><Message to=\"whatsapp:+393331234568\"><Body>Ciao &amp; addio</Body><Media>a.png</Media></Message></Response>",
    "<Response><Message action=\"/status\">Ciao</Message><Redirect>/other</Redirect></Response>",
    "<Response><Say>Ciao</Say><Message><Photo/>Ciao</Message></Response>",
    "<Response/>",
    "Ciao",
];

/// What the simulator is asked, by forms and JSON.
const BODIES: &[&str] = &[
    "To=whatsapp%3A%2B393331234567&From=whatsapp%3A%2B14155238886&Body=Ciao&StatusCallback=http%3A%2F%2F127.0.0.1%3A9%2F%23rc%3D5",
    "To=whatsapp%3A%2B393331234567&From=whatsapp%3A%2B14155238886&MediaUrl=https%3A%2F%2Fexample.com%2Fa.png&ValidityPeriod=14400",
    "To=whatsapp%3A%2B393331234567&From=whatsapp%3A%2B14155238886&ContentSid=HX00000000000000000000000000000001&ContentVariables=%7B%221%22%3A%22a%22%7D",
    "To=x&From=y&PageSize=1&Page=0&DateSent=2026-01-01",
    r#"{"from":"+393331234567","to":"+14155238886","body":"Ciao","account_sid":"AC00000000000000000000000000000001","media":[{"content_type":"image/png","base64":"iVBORw0KGgo="}],"profile_name":"Ada","location":{"latitude":45.07,"longitude":7.69}}"#,
    r#"{"to":"+393331234567","script":{"play":{"steps":[{"after_ms":1,"status":"sent"}],"answer":"created","answer_after_ms":0}}}"#,
    r#"{"to":"+393331234567","script":{"refuse":{"code":20429,"retry_after":2}},"times":3}"#,
    r#"{"sid":"AC00000000000000000000000000000002","auth_tokens":["t"],"senders":["+14155238887",{"number":"+14155238888"}]}"#,
    r#"{"rules":"sandbox"}"#,
    r#"{"forward_ms":18446744073709551615}"#,
    r#"{"forward_ms":1000}"#,
    "",
];
