//! Callbacks are tried again as their URL's fragment asks: a receiver that fails in each way, so many times.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::*;

/// How an application fails.
#[derive(Debug, Clone, Copy)]
enum Failing {
    /// It takes the request and says nothing.
    Silent,
    /// It takes the request and goes.
    Gone,
    /// It answers with this status.
    With(u16),
}

/// An application that fails so many times and then answers 204; tells the idempotency tokens of the requests.
struct Receiver {
    url: String,
    tokens: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    async fn failing(how: Failing, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cb", listener.local_addr().unwrap());
        let (seen, tokens) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut silent = Vec::new();
            for request in 0.. {
                let mut stream = listener.accept().await.unwrap().0;
                let mut bytes = Vec::new();
                while !is_whole(&bytes) {
                    stream.read_buf(&mut bytes).await.unwrap();
                }
                let text = String::from_utf8(bytes).unwrap();
                let token = text.lines().find_map(|line| line.strip_prefix("i-twilio-idempotency-token: "));
                seen.send(token.unwrap().to_owned()).unwrap();
                let status = match how {
                    _ if request >= times => 204,
                    Failing::With(status) => status,
                    Failing::Gone => continue,
                    Failing::Silent => {
                        silent.push(stream);
                        continue;
                    }
                };
                let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, tokens }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap()
}

/// How the one callback of a message went.
async fn called(simulator: &Simulator, url: &str) -> CallbackRecord {
    let step = Step::new(Duration::ZERO, MessageStatus::Delivered);
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(Script::play(vec![step])));
    let (_, created) = create(simulator, &[("StatusCallback", url)]).await;
    let sid = created["sid"].as_str().unwrap().to_owned();
    let is_done = |message: &Message| message.sid.as_str() == sid && !message.callbacks.is_empty();
    let messages = until(simulator, |messages| messages.iter().any(is_done)).await;
    messages.into_iter().find(is_done).unwrap().callbacks.remove(0)
}

#[tokio::test]
async fn a_callback_is_tried_again_for_what_the_fragment_names_and_for_nothing_else() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (how, times, fragment, attempts, answer) in [
        (Failing::With(503), 3, "rc=5&rp=5xx", 4, Some(204)),
        (Failing::With(503), 3, "rc=2&rp=5xx", 3, Some(503)),
        (Failing::With(503), 1, "rc=5&rp=4xx,ct,rt", 1, Some(503)),
        (Failing::With(404), 2, "rc=5&rp=4xx", 3, Some(204)),
        (Failing::With(404), 1, "rc=5&rp=5xx", 1, Some(404)),
        (Failing::With(429), 1, "rp=all", 2, Some(204)),
        (Failing::With(302), 1, "rc=5&rp=all", 1, Some(302)),
        (Failing::With(500), 1, "rc=0&rp=all", 1, Some(500)),
        (Failing::With(500), 1, "", 1, Some(500)),
        (Failing::Gone, 2, "rc=3&rp=rt", 3, Some(204)),
        (Failing::Gone, 1, "rc=3&rp=5xx", 1, None),
        (Failing::Silent, 2, "rc=2&rp=rt&rt=1000", 3, Some(204)),
        (Failing::Silent, 1, "rc=2&rp=ct&rt=1000", 1, None),
        (Failing::Silent, 5, "rc=5&rp=rt&rt=1000&tt=1900", 2, None),
    ] {
        let mut receiver = Receiver::failing(how, times).await;
        let record = called(&simulator, &format!("{}#{fragment}", receiver.url)).await;
        assert_eq!((record.attempts, record.answer), (attempts, answer), "{how:?} {fragment}: {record:?}");
        let mut tokens = Vec::new();
        while let Ok(token) = receiver.tokens.try_recv() {
            tokens.push(token);
        }
        assert_eq!(tokens.len(), usize::try_from(attempts).unwrap(), "{how:?} {fragment}");
        assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]), "{tokens:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failed_connection() {
    let (simulator, _) = simulator(Rules::Open).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (fragment, attempts) in [("", 2), ("#rc=3&rp=ct", 4), ("#rc=3&rp=rt,4xx,5xx", 1)] {
        let record = called(&simulator, &format!("http://{closed}/cb{fragment}")).await;
        assert_eq!((record.attempts, record.answer), (attempts, None), "{fragment}");
    }
}

#[tokio::test]
async fn a_connection_is_waited_for_as_long_as_the_fragment_says() {
    let (simulator, _) = simulator(Rules::Open).await;
    // A queue that is full: the kernel leaves further connections without an answer.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        queued.push(stream);
        assert!(queued.len() < 16, "the queue does not fill up");
    }
    let begun = Instant::now();
    let record = called(&simulator, &format!("http://{address}/cb#ct=100&rc=1&rp=ct")).await;
    assert_eq!((record.attempts, record.answer), (2, None), "{record:?}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
