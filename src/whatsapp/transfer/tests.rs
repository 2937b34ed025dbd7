//! Carrying media over real sockets of this computer.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::base::Secret;
use crate::whatsapp::Reach;

const AC: &str = "AC00000000000000000000000000000001";
const MM: &str = "MM00000000000000000000000000000002";
const ME: &str = "ME00000000000000000000000000000003";
const TEST_KEY: &str = include_str!("../../../tests/data/test_only_service_account.json");
const SOON: Duration = Duration::from_mins(1);

fn path() -> String {
    format!("/2010-04-01/Accounts/{AC}/Messages/{MM}/Media/{ME}")
}

fn account(base: &str) -> Account {
    let sid = AccountSid::parse(AC).unwrap();
    let (username, password) = (sid.to_string(), Secret::new("hunter2"));
    Account { sid, username, password, spares: Vec::new(), api_base_url: base.parse().unwrap() }
}

/// Answers each request as it is told to: head and body, after which it closes the connection; nothing is silence.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn saying(says: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let (listener, says) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(says));
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (says, log) = (Arc::clone(&says), Arc::clone(&log));
                tokio::spawn(async move {
                    let (mut head, mut byte) = (Vec::new(), [0]);
                    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte).await, Ok(1)) {
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8(head).unwrap().to_lowercase();
                    log.lock().unwrap().push(head.clone());
                    match says(&head) {
                        Some(answer) => {
                            let _ = stream.write_all(answer.replace('\n', "\r\n").as_bytes()).await;
                            // What was sent is read first: a reset would take the answer with it.
                            let _ = stream.shutdown().await;
                            while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
                        }
                        None => std::future::pending().await,
                    }
                });
            }
        });
        Self { address, requests }
    }

    async fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::saying(move |_| Some(answer.clone())).await
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn fetch(&self) -> Result<Medium, TransferError> {
        self.fetch_by(&transfer()).await
    }

    async fn fetch_by(&self, transfer: &Transfer) -> Result<Medium, TransferError> {
        let medium = IncomingMedium::parse(&format!("{}{}", self.base(), path())).unwrap();
        transfer.fetch(&account(&self.base()), &medium, SOON).await
    }

    async fn store(&self) -> Result<(), TransferError> {
        let key = Secret::new(TEST_KEY);
        let storage = SignedUrls::new(&key, SOON, &self.base().parse().unwrap()).await.unwrap();
        let object = ObjectName::parse("pictures", "in/a b.png").unwrap();
        let medium = Medium { content_type: "image/png".into(), bytes: Bytes::from("abc"), _room: None };
        transfer().store(&storage, &object, &medium, SOON).await
    }
}

/// As a host of the internet has it: only the addresses of this test are trusted.
fn transfer() -> Transfer {
    Transfer::new(MediaProbe::new("https://host.example", Reach::Public).unwrap())
}

#[test]
fn only_a_medium_of_a_message_is_one() {
    let home = "https://api.twilio.com";
    let medium = IncomingMedium::parse(&format!("{home}{}", path())).unwrap();
    assert_eq!(medium.account().as_str(), AC);
    assert!(medium.is_at(&account(home)) && medium.is_at(&account("https://api.twilio.com:443/")));
    for elsewhere in [
        "http://api.twilio.com",
        "https://api.twilio.com:8443",
        "https://api.twilio.com.example",
        "https://api.twilio.com/proxy",
    ] {
        assert!(!medium.is_at(&account(elsewhere)), "{elsewhere}");
        let there = IncomingMedium::parse(&format!("{elsewhere}{}", path())).unwrap();
        assert!(there.is_at(&account(elsewhere)) && !there.is_at(&account(home)), "{elsewhere}");
    }
    let upper = path().replace(ME, &ME.replace('3', "F"));
    assert!(IncomingMedium::parse(&format!("{home}{upper}")).unwrap().is_at(&account(home)));
    for more in [
        format!("https://user:secret@api.twilio.com{}", path()),
        format!("{home}{}?to=example.com", path()),
        format!("{home}{}#part", path()),
        format!("file://api.twilio.com{}", path()),
    ] {
        assert!(!IncomingMedium::parse(&more).unwrap().is_at(&account(home)), "{more}");
    }
    for other in [
        String::new(),
        path(),
        format!("{home}{}.json", path()),
        format!("{home}{}/", path()),
        format!("{home}{}/Media/{ME}", path()),
        format!("{home}{}", path().replace("2010-04-01", "2008-08-01")),
        format!("{home}{}", path().replace(ME, MM)),
        format!("{home}{}", path().replace(MM, "..")),
        format!("{home}{}", path().replace(MM, "MM%2e%2e")),
        format!("{home}{}", path().replace(AC, "SK00000000000000000000000000000001")),
    ] {
        assert_eq!(IncomingMedium::parse(&other), None, "{other}");
    }
    let shown = format!("{:?}", medium);
    assert!(!shown.contains("http"), "{shown}");
}

#[tokio::test]
async fn the_key_goes_with_the_first_request_only() {
    let bytes = "HTTP/1.1 200 OK\nContent-Type: image/jpeg\nContent-Length: 3\n\nabc";
    let server = Server::saying(move |head| {
        Some(if head.starts_with("get /2010") {
            "HTTP/1.1 307 Temporary Redirect\nLocation: /media/1\nContent-Length: 0\n\n".to_owned()
        } else {
            bytes.to_owned()
        })
    })
    .await;
    let medium = server.fetch().await.unwrap();
    assert_eq!((&*medium.content_type, &medium.bytes[..], medium.size()), ("image/jpeg", &b"abc"[..], 3));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].starts_with(&format!("get {} ", path().to_lowercase())), "{}", requests[0]);
    assert!(requests[0].contains("authorization: basic"), "{}", requests[0]);
    assert!(
        requests[1].starts_with("get /media/1 ") && !requests[1].contains("authorization"),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn a_redirect_does_not_make_the_host_ask_its_neighbours() {
    let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    neighbour.set_nonblocking(true).unwrap();
    let port = neighbour.local_addr().unwrap().port();
    for (target, expected) in [
        (format!("http://127.0.0.1:{port}/"), Forbidden::Http),
        (format!("https://127.0.0.1:{port}/"), Forbidden::NotPublic),
        (format!("https://[::ffff:127.0.0.1]:{port}/"), Forbidden::NotPublic),
        ("https://169.254.169.254/computeMetadata/v1/".to_owned(), Forbidden::NotPublic),
        ("https://user:pass@example.com/".to_owned(), Forbidden::Credentials),
        ("https://example.com:25/".to_owned(), Forbidden::Port(25)),
        ("file:///etc/passwd".to_owned(), Forbidden::Scheme),
    ] {
        let answer = format!("HTTP/1.1 302 Found\nLocation: {target}\nContent-Length: 0\n\n");
        let error = Server::answering(answer).await.fetch().await.unwrap_err();
        assert_eq!(error, TransferError::Forbidden(expected), "{target}");
        assert_eq!((error.code(), error.again()), ("MEDIA_FORBIDDEN", Again::No));
        let visit = neighbour.accept().map_err(|error| error.kind());
        assert_eq!(visit.err(), Some(std::io::ErrorKind::WouldBlock), "{target}");
    }
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let server = Server::answering("HTTP/1.1 302 Found\nLocation: /again\nContent-Length: 0\n\n").await;
    let error = server.fetch().await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("MEDIA_UNREACHABLE", Again::No));
    assert_eq!(server.requests().len(), MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn what_an_answer_means() {
    let again = Again::After(None);
    let later = Again::After(Some(Duration::from_secs(7)));
    for (status, more, code, expected) in [
        (401, "", "MEDIA_REFUSED", Again::No),
        (403, "", "MEDIA_REFUSED", Again::No),
        (404, "", "MEDIA_GONE", Again::No),
        (410, "", "MEDIA_GONE", Again::No),
        (400, "", "MEDIA_UNREACHABLE", Again::No),
        (204, "", "MEDIA_UNREACHABLE", Again::No),
        (429, "", "MEDIA_UNREACHABLE", again),
        (429, "Retry-After: 7\n", "MEDIA_UNREACHABLE", later),
        (500, "", "MEDIA_UNREACHABLE", again),
        (503, "Retry-After: 7\n", "MEDIA_UNREACHABLE", later),
    ] {
        let answer = format!("HTTP/1.1 {status} X\n{more}Content-Length: 0\n\n");
        let error = Server::answering(answer).await.fetch().await.unwrap_err();
        assert_eq!((error.code(), error.again()), (code, expected), "{status}");
    }
    // What is behind the redirect refuses no key, for it was given none: its URL has expired.
    let server = Server::saying(|head| {
        Some(if head.starts_with("get /2010") {
            "HTTP/1.1 302 Found\nLocation: /cdn\nContent-Length: 0\n\n".to_owned()
        } else {
            "HTTP/1.1 403 Forbidden\nContent-Length: 0\n\n".to_owned()
        })
    })
    .await;
    let error = server.fetch().await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("MEDIA_UNREACHABLE", again));
}

#[tokio::test]
async fn a_medium_is_no_larger_than_whatsapp_carries_whatever_its_header_says() {
    let most = usize::try_from(MAX_SIZE).unwrap();
    let promised = format!("HTTP/1.1 200 OK\nContent-Length: {}\n\n", most + 1);
    let error = Server::answering(promised).await.fetch().await.unwrap_err();
    assert_eq!(
        (error.clone(), error.code(), error.again()),
        (TransferError::TooLarge, "MEDIA_TOO_LARGE", Again::No)
    );
    let endless = format!("HTTP/1.1 200 OK\nConnection: close\n\n{}", "x".repeat(most + 1));
    assert_eq!(Server::answering(endless).await.fetch().await.unwrap_err(), TransferError::TooLarge);
    let largest = format!("HTTP/1.1 200 OK\nConnection: close\n\n{}", "x".repeat(most));
    assert_eq!(Server::answering(largest).await.fetch().await.unwrap().size(), most);
}

#[tokio::test]
async fn what_breaks_off_or_keeps_silent_is_not_there_yet() {
    let broken = Server::answering("HTTP/1.1 200 OK\nContent-Length: 10\n\nabc").await;
    let error = broken.fetch().await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("MEDIA_UNREACHABLE", Again::After(None)));
    let impatient = Transfer { patience: Duration::from_millis(50), ..transfer() };
    let silent = Server::saying(|_| None).await;
    let error = silent.fetch_by(&impatient).await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("MEDIA_UNREACHABLE", Again::After(None)));
    assert!(error.to_string().contains("silent"), "{error}");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Server { address: gone, requests: Arc::default() };
    let error = nobody.fetch().await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("MEDIA_UNREACHABLE", Again::After(None)));
    assert!(!error.to_string().contains(&gone.to_string()), "no URL: {error}");
}

#[tokio::test]
async fn what_has_no_type_is_anything() {
    for (header, expected) in [
        (String::new(), ANYTHING),
        ("Content-Type: \n".to_owned(), ANYTHING),
        (format!("Content-Type: {}\n", "x".repeat(300)), ANYTHING),
        ("Content-Type: audio/ogg; codecs=opus \n".to_owned(), "audio/ogg; codecs=opus"),
    ] {
        let answer = format!("HTTP/1.1 200 OK\n{header}Content-Length: 1\n\nx");
        let medium = Server::answering(answer).await.fetch().await.unwrap();
        assert_eq!(medium.content_type, expected, "{header}");
    }
}

#[tokio::test]
async fn a_few_media_are_in_memory_and_the_next_one_waits_for_room() {
    let server = Server::answering("HTTP/1.1 200 OK\nContent-Length: 1\n\nx").await;
    let transfer = transfer();
    let mut held = Vec::new();
    for _ in 0..AT_ONCE {
        held.push(server.fetch_by(&transfer).await.unwrap());
    }
    let mut next = Box::pin(server.fetch_by(&transfer));
    assert!(tokio::time::timeout(Duration::from_millis(20), &mut next).await.is_err());
    assert_eq!(server.requests().len(), AT_ONCE, "it has not even asked");
    held.pop();
    assert_eq!(next.await.unwrap().size(), 1);
}

#[tokio::test]
async fn an_object_is_put_with_its_type_and_the_storages_word_is_told() {
    let stored = Server::answering("HTTP/1.1 200 OK\nContent-Length: 0\n\n").await;
    assert_eq!(stored.store().await, Ok(()));
    let head = &stored.requests()[0];
    assert!(head.starts_with("put /pictures/in/a%20b.png?x-goog-algorithm="), "{head}");
    assert!(head.contains("x-goog-signedheaders=content-type%3bhost"), "{head}");
    assert!(
        head.contains("\r\ncontent-type: image/png\r\n") && head.contains("\r\ncontent-length: 3\r\n"),
        "{head}"
    );
    assert!(!head.contains("authorization"), "{head}");

    let answer = "HTTP/1.1 403 Forbidden\nConnection: close\n\n<Error><Code>AccessDenied</Code></Error>";
    let error = Server::answering(answer).await.store().await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("STORAGE_REFUSED", Again::No));
    assert!(
        error.to_string().contains("AccessDenied") && error.to_string().contains("objectUser"),
        "{error}"
    );
    let answer = "HTTP/1.1 400 Bad\nConnection: close\n\n<Error><Code>\u{1b}[31mred</Code></Error>";
    let error = Server::answering(answer).await.store().await.unwrap_err();
    assert_eq!(error, TransferError::StorageRefused { status: 400, word: None });
    for (status, code, again) in [
        (302, "STORAGE_REFUSED", Again::No),
        (404, "STORAGE_REFUSED", Again::No),
        (412, "STORAGE_REFUSED", Again::No),
        (408, "STORAGE_UNREACHABLE", Again::After(None)),
        (429, "STORAGE_UNREACHABLE", Again::After(None)),
        (503, "STORAGE_UNREACHABLE", Again::After(None)),
    ] {
        let answer = format!("HTTP/1.1 {status} X\nLocation: https://example.com/\nContent-Length: 0\n\n");
        let error = Server::answering(answer).await.store().await.unwrap_err();
        assert_eq!((error.code(), error.again()), (code, again), "{status}");
    }
}
