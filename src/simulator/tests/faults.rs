//! Faults on demand: each answer as a client meets it on the wire, and what is known of the message afterwards.

use std::io::ErrorKind;
use std::num::NonZeroU32;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What a client reads of the answer to a message, byte for byte, and how it ended.
struct Heard {
    text: String,
    end: Result<(), ErrorKind>,
}

/// A connection over which a message was asked for.
async fn ask(simulator: &Simulator, to: &str) -> TcpStream {
    let credentials =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{ACCOUNT}:{TOKEN}"));
    let body: Form = [("To", to), ("From", SENDER), ("Body", "Ciao")].into_iter().collect();
    let body = body.encode();
    let mut stream = TcpStream::connect(simulator.local_addr()).await.unwrap();
    let request = format!(
        "POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nhost: simulator\r\n\
         authorization: Basic {credentials}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn heard(stream: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(|_| ()).map_err(|error| error.kind());
    Heard { text: String::from_utf8(bytes).unwrap(), end }
}

fn give(simulator: &Simulator, script: Script) {
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(script));
}

fn taken(answer: Answer) -> Script {
    Script::answered(vec![Step::new(Duration::ZERO, MessageStatus::Delivered)], answer)
}

#[tokio::test]
async fn an_answer_that_breaks_off_announces_the_whole() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (script, known) in [(taken(Answer::Truncated), 1), (Script::Break { answer: Answer::Truncated }, 1)] {
        give(&simulator, script);
        let answer = heard(&mut ask(&simulator, PHONE).await).await;
        let (head, body) = answer.text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 201 Created"), "{head}");
        let length: usize = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap();
        assert_eq!(body.len(), length / 2, "{body}");
        assert!(body.starts_with(r#"{"account_sid":"#), "{body}");
        assert_eq!(simulator.messages().len(), known);
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (script, known) in [(taken(Answer::Reset), 1), (Script::Break { answer: Answer::Reset }, 1)] {
        give(&simulator, script);
        let answer = heard(&mut ask(&simulator, PHONE).await).await;
        assert_eq!((answer.text.as_str(), answer.end), ("", Err(ErrorKind::ConnectionReset)));
        assert_eq!(simulator.messages().len(), known);
    }
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (script, known) in [(taken(Answer::Html), 1), (Script::Break { answer: Answer::Html }, 1)] {
        give(&simulator, script);
        let answer = heard(&mut ask(&simulator, PHONE).await).await.text;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("text/html"), "{answer}");
        assert!(answer.contains("<!DOCTYPE html>"), "{answer}");
        assert_eq!(simulator.messages().len(), known);
    }
}

#[tokio::test]
async fn a_server_error_comes_before_or_after_the_message_was_taken() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (script, known) in
        [(Script::Break { answer: Answer::ServerError }, 0), (taken(Answer::ServerError), 1)]
    {
        give(&simulator, script);
        let (status, body) = create(&simulator, &[]).await;
        assert_eq!((status, &body["code"]), (500, &json!(20500)));
        assert_eq!(simulator.messages().len(), known);
    }
}

/// Silence can't be waited for: that the message was taken, and the connection still open when it had been delivered, is
/// as close as a test comes without a pause.
#[tokio::test]
async fn a_request_hangs_until_one_of_the_two_gives_up() {
    let (simulator, _) = simulator(Rules::Open).await;
    give(&simulator, taken(Answer::Hang));
    let mut one = ask(&simulator, PHONE).await;
    until(&simulator, |messages| messages.iter().any(|one| one.status == MessageStatus::Delivered)).await;
    assert_eq!(one.try_read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    drop(ask(&simulator, PHONE).await); // this side gives up
    simulator.shutdown().await;
    assert_eq!(heard(&mut one).await.end, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_requests_that_hang() {
    let (simulator, _) = simulator(Rules::Open).await;
    give(&simulator, Script::Break { answer: Answer::Hang });
    let mut stream = ask(&simulator, PHONE).await;
    assert_eq!(create_to(&simulator, "whatsapp:+393337654321").await, 201);
    let begun = std::time::Instant::now();
    simulator.shutdown().await;
    assert!(begun.elapsed() < SHUTDOWN_GRACE, "{:?}", begun.elapsed());
    assert!(heard(&mut stream).await.end.is_err());
}

async fn create_to(simulator: &Simulator, to: &str) -> u16 {
    create(simulator, &[("To", to)]).await.0
}

#[tokio::test]
async fn too_many_requests_come_with_retry_after_and_without() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (retry_after, expected) in [(Some(7), Some("7")), (None, None)] {
        give(&simulator, Script::Refuse { code: 20429, retry_after });
        let answer = heard(&mut ask(&simulator, PHONE).await).await.text.to_lowercase();
        assert!(answer.starts_with("http/1.1 429"), "{answer}");
        let header = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
        assert_eq!(header, expected);
    }
}

#[tokio::test]
async fn a_recipient_refuses_once_and_takes_the_next() {
    let (simulator, _) = simulator(Rules::Open).await;
    for _ in 0..2 {
        assert_eq!(create_to(&simulator, "whatsapp:+393991000002").await, 429);
        assert_eq!(create_to(&simulator, "whatsapp:+393991000002").await, 201);
    }
}

#[tokio::test]
async fn a_callback_comes_before_the_answer() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::start(&[], 0).await;
    let form = [("To", "whatsapp:+393991100000"), ("StatusCallback", &*application.callback())];
    let (answer, sid) = tokio::join!(create(&simulator, &form), async {
        let received = application.next().await;
        assert_eq!(received.status(), "sent");
        assert_eq!(simulator.messages().len(), 1);
        application.permits.add_permits(3);
        received.form.get("MessageSid").unwrap().to_owned()
    });
    assert_eq!((answer.0, &answer.1["sid"], &answer.1["status"]), (201, &json!(sid), &json!("queued")));
}

#[tokio::test]
async fn an_answer_waits_as_long_as_it_was_told_to() {
    let (simulator, _) = simulator(Rules::Open).await;
    let script = Script::Play { steps: Vec::new(), answer: Answer::Created, answer_after_ms: 3_600_000 };
    give(&simulator, script);
    let answer = create(&simulator, &[]);
    let later = async {
        until(&simulator, |messages| messages.len() == 1).await;
        simulator.forward(Duration::from_hours(1));
    };
    assert_eq!(tokio::join!(answer, later).0.0, 201);
}

#[tokio::test]
async fn an_error_after_delivered_changes_the_message_no_more() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[]).await;
    let form = [("To", "whatsapp:+393992163024"), ("StatusCallback", &*application.callback())];
    create(&simulator, &form).await;
    for expected in ["sent", "delivered", "undelivered"] {
        let received = application.next().await;
        let code = (expected == "undelivered").then_some("63024");
        assert_eq!((received.status(), received.form.get("ErrorCode")), (expected, code));
    }
    assert_eq!(simulator.messages()[0].status, MessageStatus::Delivered);
}

#[tokio::test]
async fn every_recipient_can_be_given_a_script_so_many_times() {
    let (simulator, _) = simulator(Rules::Open).await;
    let script = json!({ "script": { "refuse": { "code": 63018 } }, "times": 2 });
    assert_eq!(control(&simulator, "scripts").json(&script).send().await.unwrap().status(), 204);
    assert_eq!(create_to(&simulator, PHONE).await, 400);
    assert_eq!(create_to(&simulator, "whatsapp:+393337654321").await, 400);
    assert_eq!(create_to(&simulator, PHONE).await, 201);
    let never = json!({ "script": { "refuse": { "code": 63018 } }, "times": 0 });
    assert_eq!(control(&simulator, "scripts").json(&never).send().await.unwrap().status(), 400);

    simulator.set_script_times(None, Script::Break { answer: Answer::Html }, NonZeroU32::MIN);
    assert_eq!(create_to(&simulator, PHONE).await, 200);
    assert_eq!(create_to(&simulator, PHONE).await, 201);
}

#[tokio::test]
async fn reading_goes_wrong_on_demand() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (_, created) = create(&simulator, &[]).await;
    let one = format!("Messages/{}.json", created["sid"].as_str().unwrap());
    let list = "Messages.json?To=whatsapp:%2B393331234567";
    let script = json!({
        "to": PHONE, "times": 3, "script": { "reads": { "refuse": { "code": 20429, "retry_after": 9 } } }
    });
    assert_eq!(control(&simulator, "scripts").json(&script).send().await.unwrap().status(), 204);
    assert_eq!(create_to(&simulator, PHONE).await, 201, "creating is as ever");
    assert_eq!(request(&simulator, "GET", "Messages.json", &[]).await.0, 200, "the list of all");
    for path in [&*one, list, &*one] {
        assert_eq!(request(&simulator, "GET", path, &[]).await.0, 429, "{path}");
    }
    for path in [&*one, list] {
        assert_eq!(request(&simulator, "GET", path, &[]).await.0, 200, "{path}");
    }
    for (answer, status) in [(Answer::ServerError, 500), (Answer::Html, 200), (Answer::Truncated, 200)] {
        give(&simulator, Script::Reads(Fault::Break { answer }));
        let read = request(&simulator, "GET", &one, &[]).await;
        let is_twilios = read.1.get("sid").is_some();
        assert_eq!((read.0, is_twilios), (status, false), "{answer:?}");
    }
    let (_, magic) = create(&simulator, &[("To", "whatsapp:+393992200000")]).await;
    let magic = format!("Messages/{}.json", magic["sid"].as_str().unwrap());
    assert_eq!(request(&simulator, "GET", &magic, &[]).await.0, 500);
}
