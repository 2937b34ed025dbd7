//! The control socket answers whatever the host's own user asks of it; what goes wrong in the host is its own affair (500),
//! and none of that is brought about by a question.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{edited, edits, one_in, words};
use crate::host::{Folder, form, head, post, runtime};

/// The status of the answer; 0 where there is none.
fn ask(socket: &Path, method: &str, path: &str, body: &str) -> u16 {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let headers = [("content-type", "application/json"), ("connection", "close")];
    stream.write_all((head(method, path, &headers, body.len()) + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Orders, but for a backup, which would write where it is told.
const ORDERS: &[(&str, &str)] = &[
    ("/run", r#"{"app":"app","action":"callback","company":"ACME","vo":{"a":[1,null,"x"]}}"#),
    ("/replay", r#"{"which":{"One":1},"resend":false}"#),
    ("/replay", r#"{"which":{"Dead":{"app":"app","company":null,"after":0}},"resend":true}"#),
    ("/replay", r#"{"which":{"Dead":{"app":null,"company":"x","after":9223372036854775807}},"resend":true}"#),
    ("/replay", r#"{"which":{"One":-9223372036854775808},"resend":true}"#),
    ("/people/forget", r#"{"number":"+393331234567","dry_run":true}"#),
    ("/people/forget", r#"{"number":"+14155238886","dry_run":false}"#),
    ("/accounts/remove", r#"{"account":"AC00000000000000000000000000000001","app":"app","company":null}"#),
    ("/messages/0197f0a0b0c07000800000000000000a/settle", r#"{"sent":"SM00000000000000000000000000000001"}"#),
    ("/messages/0/settle", r#"{"sent":null}"#),
    ("/fences", r#"{"Pause":{"app":"app","company":"ACME","reason":"x"}}"#),
    ("/fences", r#"{"OptOut":{"app":"app","company":"ACME","to":"+393331234567"}}"#),
];

#[test]
fn whatever_is_asked_is_answered() {
    let folder = Folder::new("", "");
    let host = folder.serve();
    let socket = folder.path("data/host.sock");
    // Something to look at.
    let url = format!("{}/whatsapp/callback/app/ACME", host.url);
    let sid = format!("SM{:032x}", 1);
    let client = crate::host::client();
    assert_eq!(runtime().block_on(post(&client, &url, &form(&sid, "sent"))).unwrap(), 204);

    let spoiling = &[
        "\"",
        "{",
        "}",
        "[",
        ",",
        ":",
        "null",
        "-1",
        "1e999",
        "9223372036854775807",
        "\\u0000",
        "\\ud800",
        "\0",
        "'",
        "%",
        "\u{1F600}",
    ];
    let query = prop_oneof![
        Just(String::new()),
        prop::collection::vec(
            (
                words("app company status to since until limit recipients by x"),
                words("app ACME sent +393331234567 0 -1 9223372036854775807 -9223372036854775808 4294967295 4294967296 shown masked '%%27 %00 company,status %ff è"),
            ),
            0..4
        )
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| format!("&{name}={value}")).collect::<Vec<_>>().concat()),
    ];
    let page = words(
        "messages notifications runs accounts pauses opt-outs messages/report messages/1 notifications/1 notifications/9223372036854775807 \
        notifications/99999999999999999999 runs/1 runs/-1 messages/SM00000000000000000000000000000001 messages/%00 people/%2B393331234567 people/%F0%9F%98%80 x %2e%2e/x",
    );
    proptest!(one_in(4), |(
        page in page,
        query in query,
        order in prop::option::of((select(ORDERS), edits(spoiling), any::<bool>())),
    )| {
        let (method, path, body) = match order {
            None => ("GET", page, String::new()),
            Some(((path, order), edits, spoilt)) => ("POST", path, if spoilt { edited(order, &edits) } else { order.to_owned() }),
        };
        let path = format!("/{}?{}", path.trim_start_matches('/'), query.trim_start_matches('&'));
        let status = ask(&socket, method, &path, &body);
        prop_assert!((200..500).contains(&status), "{} {} {}: {}", method, path, body, status);
    });
}
