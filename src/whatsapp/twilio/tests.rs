//! The client against a server that misbehaves in every way a send may meet.

use super::*;
use crate::base::{AccountSid, PhoneNumber, Secret, UnixMillis};
use crate::whatsapp::{MessageStatus, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::Url;

const SID: &str = "SM00000000000000000000000000000001";

/// What the server does with a connection once it has read the request.
#[derive(Debug, Clone)]
enum Then {
    /// Writes this and closes.
    Answer(String),
    /// Answers nothing and resets the connection.
    Reset,
    /// Answers nothing and closes.
    Close,
    /// Answers nothing and keeps the connection open.
    Hang,
}

fn http(status: &str, headers: &str, body: &str) -> Then {
    Then::Answer(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()))
}

fn json(status: &str, body: &str) -> Then {
    http(status, "Content-Type: application/json\r\nConnection: close\r\n", body)
}

fn created(sid: &str) -> Then {
    json("201 Created", &format!(r#"{{"sid":"{sid}","status":"queued","from":"whatsapp:+14155238886"}}"#))
}

/// A server that treats its connections as told, one after another, and hands out the requests it has read.
async fn server(script: Vec<Then>) -> (Url, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut held = Vec::new();
        for then in script {
            let (mut stream, _) = listener.accept().await.unwrap();
            seen.send(read_request(&mut stream).await).unwrap();
            match then {
                Then::Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                Then::Reset => stream.set_zero_linger().unwrap(),
                Then::Close => {}
                Then::Hang => held.push(stream),
            }
        }
        // The test ends first.
        std::future::pending::<()>().await;
    });
    (url, requests)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request broke off");
        request.extend_from_slice(&piece[..count]);
    }
}

fn account(api_base_url: Url) -> Account {
    Account {
        sid: AccountSid::parse("AC00000000000000000000000000000001").unwrap(),
        username: "AC00000000000000000000000000000001".to_owned(),
        password: Secret::new("hunter2"),
        spares: Vec::new(),
        api_base_url,
    }
}

fn message() -> OutgoingMessage {
    OutgoingMessage {
        to: PhoneNumber::sender("+393331234567").unwrap(),
        sender: Sender::Number(PhoneNumber::sender("+14155238886").unwrap()),
        body: Some("Ciao".to_owned()),
        media_url: None,
        content_sid: None,
        content_variables: None,
        status_callback: None,
    }
}

/// The outcome of a send to a server that does this, and how many requests it saw.
async fn send_to(then: Then) -> SendOutcome {
    let (url, mut requests) = server(vec![then, created(SID)]).await;
    let twilio = Twilio::with_timeouts(CONNECT_TIMEOUT, Duration::from_millis(300)).unwrap();
    let outcome = twilio.create_message(&account(url), &message()).await;
    assert!(requests.recv().await.is_some());
    assert!(requests.try_recv().is_err(), "a send is one request, whatever happens");
    outcome
}

#[tokio::test]
async fn a_send_is_twilios_request() {
    let (url, mut requests) = server(vec![created(SID)]).await;
    let outcome = Twilio::new().unwrap().create_message(&account(url), &message()).await;
    let SendOutcome::Sent(sent) = outcome else { panic!("{outcome:?}") };
    assert_eq!(sent.sid.as_str(), SID);
    assert_eq!(sent.status, MessageStatus::Queued);
    assert_eq!(sent.from.as_deref(), Some("whatsapp:+14155238886"));

    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with(
            "POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json HTTP/1.1\r\n"
        ),
        "{request}"
    );
    let lower = request.to_lowercase();
    assert!(lower.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(lower.contains("authorization: basic "), "{request}");
    assert!(lower.contains("user-agent: boatswain/"), "{request}");
    assert!(
        request.ends_with("\r\n\r\nTo=whatsapp%3A%2B393331234567&From=whatsapp%3A%2B14155238886&Body=Ciao")
    );
}

#[tokio::test]
async fn a_connection_that_was_never_made_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", closed.local_addr().unwrap())).unwrap();
    drop(closed);
    let outcome = Twilio::new().unwrap().create_message(&account(url), &message()).await;
    let SendOutcome::NotSent { why, message, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(why, NotSent::ConnectionFailed);
    assert!(message.0.contains("could not be reached"), "{}", message.0);
}

#[tokio::test]
async fn a_429_is_not_sent_and_says_how_long_to_wait() {
    let body = r#"{"code":20429,"message":"Too many requests","status":429}"#;
    let outcome =
        send_to(http("429 Too Many Requests", "Retry-After: 7\r\nConnection: close\r\n", body)).await;
    let SendOutcome::NotSent { why, code, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(why, NotSent::TooManyRequests { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(code, Some(20429));

    let past = "Retry-After: Thu, 24 Aug 2023 05:01:45 GMT\r\nConnection: close\r\n";
    let SendOutcome::NotSent { why, .. } = send_to(http("429 Too Many", past, "")).await else { panic!() };
    assert_eq!(why, NotSent::TooManyRequests { retry_after: Some(Duration::ZERO) });
    let odd = "Retry-After: soon\r\nConnection: close\r\n";
    let SendOutcome::NotSent { why, .. } = send_to(http("429 Too Many", odd, "")).await else { panic!() };
    assert_eq!(why, NotSent::TooManyRequests { retry_after: None });
}

#[tokio::test]
async fn any_other_4xx_is_refused_whatever_its_body() {
    let body =
        r#"{"code":21211,"message":"Invalid 'To' Phone Number","more_info":"https://x/21211","status":400}"#;
    let SendOutcome::Refused(refusal) = send_to(json("400 Bad Request", body)).await else { panic!() };
    assert_eq!((refusal.http_status, refusal.code), (400, Some(21211)));
    assert_eq!(refusal.message.0, "Invalid 'To' Phone Number");
    assert_eq!(refusal.more_info.as_deref(), Some("https://x/21211"));

    let SendOutcome::Refused(refusal) = send_to(json("401 Unauthorized", r#"{"code":20003}"#)).await else {
        panic!()
    };
    assert_eq!(refusal.more_info.as_deref(), Some("https://www.twilio.com/docs/errors/20003"));

    for body in ["<html>no</html>", "", "[]", r#"{"message":null}"#] {
        let SendOutcome::Refused(refusal) = send_to(json("403 Forbidden", body)).await else {
            panic!("{body}")
        };
        assert_eq!((refusal.http_status, refusal.code), (403, None));
        assert!(refusal.message.0.contains("403"), "{}", refusal.message.0);
    }
    let truncated =
        Then::Answer("HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"code\"".to_owned());
    assert!(matches!(send_to(truncated).await, SendOutcome::Refused(_)), "the status came whole");
}

#[tokio::test]
async fn everything_else_is_in_doubt() {
    let long = "x".repeat(1024 * 1024 + 1);
    let cases = [
        json("500 Internal Server Error", r#"{"code":20500,"message":"no"}"#),
        json("503 Service Unavailable", ""),
        json("200 OK", "<html>a captive portal</html>"),
        json("201 Created", "{}"),
        created("not-a-sid"),
        json("201 Created", &format!(r#"{{"sid":"{SID}","status":"queued","body":"{long}"}}"#)),
        http("302 Found", "Location: http://127.0.0.1:9/\r\nConnection: close\r\n", ""),
        Then::Answer(format!("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{{\"sid\":\"{SID}\"")),
        Then::Answer("HTTP/1.1 201 Cre".to_owned()),
        Then::Answer("SSH-2.0-OpenSSH\r\n".to_owned()),
        Then::Answer(String::new()),
        Then::Reset,
        Then::Close,
        Then::Hang,
    ];
    for case in cases {
        let shown = format!("{case:?}");
        let outcome = send_to(case).await;
        assert!(
            matches!(outcome, SendOutcome::InDoubt { .. }),
            "{}: {outcome:?}",
            &shown[..shown.len().min(80)]
        );
    }
}

/// A kept connection that dies under a request is the one place where HTTP clients like to repeat by themselves.
#[tokio::test]
async fn a_send_over_a_kept_connection_that_breaks_is_in_doubt_and_not_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (seen, mut requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut kept, _) = listener.accept().await.unwrap();
        seen.send(read_request(&mut kept).await).unwrap();
        let body = format!(r#"{{"sid":"{SID}","status":"queued"}}"#);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        kept.write_all(answer.as_bytes()).await.unwrap();
        seen.send(read_request(&mut kept).await).unwrap();
        drop(kept);
        let (mut next, _) = listener.accept().await.unwrap();
        seen.send(read_request(&mut next).await).unwrap();
    });
    let (twilio, account) = (Twilio::new().unwrap(), account(url));
    let first = twilio.create_message(&account, &message()).await;
    assert!(matches!(first, SendOutcome::Sent(_)), "{first:?}");
    let second = twilio.create_message(&account, &message()).await;
    assert!(matches!(second, SendOutcome::InDoubt { .. }), "{second:?}");
    assert!(requests.recv().await.is_some() && requests.recv().await.is_some());
    assert!(requests.try_recv().is_err(), "nothing was repeated");
}

#[tokio::test]
async fn nothing_that_is_shown_names_a_secret_or_a_number() {
    let body = r#"{"code":21211,"message":"'+393331234567' is not valid"}"#;
    let outcomes = [
        send_to(json("400 Bad Request", body)).await,
        send_to(Then::Reset).await,
        send_to(created(SID)).await,
    ];
    let account = account(Url::parse("http://127.0.0.1:1").unwrap());
    let shown = format!("{outcomes:?} {account:?} {:?} {:?}", message(), Twilio::new().unwrap());
    for secret in ["3331234567", "hunter2", "4155238886", "Ciao"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

fn record(sid: u8, created: &str) -> String {
    format!(r#"{{"sid":"SM{sid:032}","status":"sent","date_created":"{created}"}}"#)
}

fn all_messages() -> MessageFilter {
    MessageFilter { to: None, from: None, created_since: None, limit: 100 }
}

#[tokio::test]
async fn one_message_is_read() {
    let sid = MessageSid::parse(SID).unwrap();
    let answer = format!(r#"{{"sid":"{SID}","status":"undelivered","error_code":63016}}"#);
    let script = vec![
        json("200 OK", &answer),
        json("404 Not Found", r#"{"code":20404}"#),
        json("401 Unauthorized", r#"{"code":20003}"#),
        json("429 Too Many", ""),
        json("500 Oh", ""),
        json("200 OK", "<html>"),
    ];
    let (url, mut requests) = server(script).await;
    let (twilio, account) = (Twilio::new().unwrap(), account(url));
    let read = twilio.fetch_message(&account, &sid).await.unwrap();
    assert_eq!((read.status, read.error_code), (MessageStatus::Undelivered, Some(63016)));
    assert!(requests.recv().await.unwrap().contains(&format!("/Messages/{SID}.json ")));

    assert_eq!(twilio.fetch_message(&account, &sid).await, Err(ReadError::NotFound));
    let refused = twilio.fetch_message(&account, &sid).await.unwrap_err();
    assert!(matches!(&refused, ReadError::Refused(refusal) if refusal.code == Some(20003)), "{refused}");
    assert!(!refused.is_retryable());
    for _ in 0..3 {
        let error = twilio.fetch_message(&account, &sid).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let (a, b) = (record(1, "Thu, 24 Aug 2023 05:01:45 +0000"), record(2, "Thu, 24 Aug 2023 05:01:44 +0000"));
    let script = vec![
        json(
            "200 OK",
            &format!(r#"{{"messages":[{a}],"next_page_uri":"/2010-04-01/Next?Page=1&PageToken=PA"}}"#),
        ),
        json("200 OK", &format!(r#"{{"messages":[{b}],"next_page_uri":null}}"#)),
    ];
    let (url, mut requests) = server(script).await;
    let filter = MessageFilter { to: Some(message().to), ..all_messages() };
    let found = Twilio::new().unwrap().list_messages(&account(url), &filter).await.unwrap();
    assert_eq!(found.len(), 2);
    let first = requests.recv().await.unwrap();
    assert!(first.contains("/Messages.json?PageSize=100&To=whatsapp%3A%2B393331234567 "), "{first}");
    assert!(requests.recv().await.unwrap().starts_with("GET /2010-04-01/Next?Page=1&PageToken=PA "));
}

#[tokio::test]
async fn a_list_ends_at_the_first_older_message() {
    let page = [
        record(1, "Thu, 24 Aug 2023 05:01:45 +0000"),
        record(2, "Thu, 24 Aug 2023 05:01:44 +0000"),
        record(3, "Thu, 24 Aug 2023 05:01:43 +0000"),
    ]
    .join(",");
    let answer = json("200 OK", &format!(r#"{{"messages":[{page}],"next_page_uri":"/again"}}"#));
    let (url, _requests) = server(vec![answer.clone(), answer]).await;
    let (twilio, account) = (Twilio::new().unwrap(), account(url));
    let since = Some(UnixMillis(1_692_853_304_000));
    let recent = MessageFilter { created_since: since, ..all_messages() };
    assert_eq!(twilio.list_messages(&account, &recent).await.unwrap().len(), 2);
    let one = MessageFilter { limit: 1, ..all_messages() };
    assert_eq!(twilio.list_messages(&account, &one).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_follows_no_page_to_another_host() {
    for next in ["https://evil.example/steal", "//evil.example/steal"] {
        let page = format!(r#"{{"messages":[{}],"next_page_uri":"{next}"}}"#, record(1, "x"));
        let (url, mut requests) = server(vec![json("200 OK", &page)]).await;
        let result = Twilio::new().unwrap().list_messages(&account(url), &all_messages()).await;
        assert!(matches!(result, Err(ReadError::Unclear(_))), "{next}");
        assert!(requests.recv().await.is_some() && requests.try_recv().is_err());
    }
}

/// What shows headers, as the logs of HTTP libraries do, leaves a sensitive one out.
#[test]
fn the_key_is_a_header_that_is_not_shown() {
    let account = Account {
        sid: AccountSid::parse("AC00000000000000000000000000000001").unwrap(),
        username: "AC00000000000000000000000000000001".to_owned(),
        password: Secret::new("hunter2"),
        spares: Vec::new(),
        api_base_url: Url::parse("https://api.twilio.com").unwrap(),
    };
    let request = authorized(Client::new().get("http://127.0.0.1/"), &account).build().unwrap();
    let header = request.headers().get("authorization").unwrap();
    assert!(header.is_sensitive());
    let shown = format!("{request:?} {header:?} {account:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
}
