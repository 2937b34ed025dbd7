//! The simulator fetches media as Twilio does, and from nowhere but where it may.

use std::io::ErrorKind;

use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A server of media: answers by path, remembers the requests, and waits for a permit before each answer.
struct Media {
    base: String,
    seen: Arc<Mutex<Vec<String>>>,
    permits: Arc<tokio::sync::Semaphore>,
}

impl Media {
    async fn start(permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (seen, permits) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(tokio::sync::Semaphore::new(permits)));
        let shares = (Arc::clone(&seen), Arc::clone(&permits));
        let routes = Router::new().fallback(async move |method: Method, uri: Uri| {
            let (seen, permits) = &shares;
            seen.lock().unwrap().push(format!("{method} {}", uri.path()));
            permits.acquire().await.unwrap().forget();
            answer(&method, uri.path(), uri.query().unwrap_or_default())
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, seen, permits }
    }

    async fn open() -> Self {
        Self::start(tokio::sync::Semaphore::MAX_PERMITS).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(method: &Method, path: &str, query: &str) -> Response {
    let answer = |content_type: &str, size: usize| {
        let start: &[u8] = match content_type {
            "image/png" => b"\x89PNG\r\n\x1A\n",
            "video/mp4" => b"\0\0\0\x20ftypisom",
            "application/pdf" => b"%PDF-1.7\n",
            "text/vcard" => b"BEGIN:VCARD\n",
            _ => b"<!DOCTYPE html>",
        };
        let mut body = start.to_vec();
        body.resize(size, 0);
        Response::builder().header("Content-Type", content_type).body(Body::from(body)).unwrap()
    };
    let status = |code: u16| Response::builder().status(code).body(Body::empty()).unwrap();
    match path {
        "/a.png" => answer("image/png", 1000),
        "/login" => answer("text/html; charset=utf-8", 100),
        "/clip.mp4" => answer("video/mp4", 100),
        "/bill.pdf" => answer("application/pdf", 100),
        "/anna.vcf" => answer("text/vcard", 100),
        "/disguised.jpg" => answer("image/jpeg", 100),
        "/untyped" => Response::new(Body::from("hello")),
        "/large.png" => answer("image/png", 5 * 1024 * 1024 + 1),
        "/no-head.png" if method == Method::HEAD => status(405),
        "/no-head.png" => answer("image/png", 10),
        "/no-get.png" if method == Method::HEAD => answer("image/png", 10),
        "/no-get.png" => status(403),
        "/moved" => Response::builder().status(302).header("Location", query).body(Body::empty()).unwrap(),
        _ => status(404),
    }
}

/// A server whose video has no end; tells when the other side had enough.
async fn endless_video() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/endless.mp4", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.unwrap();
            let type_only = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n";
            stream.write_all(type_only.as_bytes()).await.unwrap();
            if &head != b"HEAD" {
                while stream.write_all(&[0; 8 * 1024]).await.is_ok() {}
                return;
            }
        }
    });
    (url, server)
}

/// What became of a message with this medium: its status, its error, and how the fetch went.
async fn fate(simulator: &Simulator, url: &str) -> (String, Option<i64>, Option<MediaRecord>) {
    let (status, created) = create(simulator, &[("MediaUrl", url)]).await;
    assert_eq!((status, &created["status"], &created["num_media"]), (201, &json!("queued"), &json!("1")));
    let sid = created["sid"].as_str().unwrap().to_owned();
    let is_over = |message: &Message| {
        message.sid.as_str() == sid
            && matches!(
                message.status,
                MessageStatus::Read | MessageStatus::Failed | MessageStatus::Undelivered
            )
    };
    let messages = until(simulator, |messages| messages.iter().any(is_over)).await;
    let message = messages.iter().find(|message| message.sid.as_str() == sid).unwrap();
    (message.status.to_string(), message.error_code, message.media.clone())
}

#[tokio::test]
async fn a_medium_is_asked_for_by_head_and_fetched_by_get() {
    let (simulator, _) = simulator(Rules::Open).await;
    let media = Media::open().await;
    let fetched = MediaRecord::Fetched { content_type: "image/png".to_owned(), size: 1000 };
    assert_eq!(
        fate(&simulator, &media.url("/a.png?X-Goog-Signature=1")).await,
        ("read".into(), None, Some(fetched))
    );
    assert_eq!(media.seen(), ["HEAD /a.png", "GET /a.png"]);

    let shown = listed(&simulator).await;
    let expected = json!({ "result": "fetched", "content_type": "image/png", "size": 1000 });
    assert_eq!(shown[0]["media"], expected);
}

#[tokio::test]
async fn what_is_wrong_with_a_medium_shows_in_the_messages_status() {
    let (simulator, _) = simulator(Rules::Open).await;
    let media = Media::open().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (endless, server) = endless_video().await;
    for (url, code, said) in [
        (media.url("/nothing?secret"), 63019, "HEAD was answered with HTTP status 404"),
        (media.url("/no-head.png?secret"), 63019, "405"),
        (media.url("/no-get.png?secret"), 63019, "GET was answered with HTTP status 403"),
        (format!("http://{closed}/a.png?secret"), 63019, "refused"),
        (media.url("/login?secret"), 63021, "web page"),
        (media.url("/untyped?secret"), 63021, "no Content-Type"),
        (media.url("/disguised.jpg?secret"), 63021, "calls it image/jpeg, and that it is not"),
        (media.url("/large.png?secret"), 63034, "5,242,881 bytes"),
        (endless, 63034, "16 MB"),
        (media.url("/moved?/moved"), 63019, "redirects"),
    ] {
        let (status, error_code, record) = fate(&simulator, &url).await;
        assert_eq!((status.as_str(), error_code), ("failed", Some(code)), "{url}");
        let Some(MediaRecord::Failed { error_code, why }) = record else { panic!("{url}: {record:?}") };
        assert_eq!(error_code, code, "{url}");
        assert!(why.contains(said) && !why.contains("secret"), "{url}: {why}");
    }
    server.await.unwrap();
    assert!(!media.seen().contains(&"GET /large.png".to_owned()), "its HEAD was enough");
}

#[tokio::test]
async fn a_callback_tells_that_the_medium_could_not_be_fetched() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (media, mut application) = (Media::open().await, Application::answering(&[]).await);
    let form = [("MediaUrl", &*media.url("/nothing")), ("StatusCallback", &*application.callback())];
    create(&simulator, &form).await;
    let received = application.next().await;
    assert_eq!((received.status(), received.form.get("ErrorCode")), ("failed", Some("63019")));
}

#[tokio::test]
async fn a_message_is_taken_before_its_medium_is_fetched() {
    let (simulator, _) = simulator(Rules::Open).await;
    let media = Media::start(0).await;
    let (status, created) = create(&simulator, &[("MediaUrl", &media.url("/a.png"))]).await;
    assert_eq!((status, &created["status"]), (201, &json!("queued")), "the medium's server has not answered");
    assert_eq!(simulator.messages()[0].status, MessageStatus::Queued);
    media.permits.add_permits(2);
    until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
}

/// A listener that nobody may reach.
struct Stranger(std::net::TcpListener);

impl Stranger {
    fn new() -> Self {
        Self(std::net::TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}/a.png", self.0.local_addr().unwrap())
    }

    fn was_left_alone(&self) {
        self.0.set_nonblocking(true).unwrap();
        assert_eq!(self.0.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    }
}

#[tokio::test]
async fn inside_a_host_media_come_from_named_origins_only() {
    let media = Media::open().await;
    let settings = Settings {
        accounts: vec![simulated(ACCOUNT, TOKEN)],
        media: MediaFrom::Named,
        ..Settings::default()
    };
    let simulator = Simulator::bind(settings).await.unwrap();
    simulator.allow_media_from(&Url::parse(&media.url("/any/path")).unwrap());
    let stranger = Stranger::new();
    for url in [stranger.url(), media.url(&format!("/moved?{}", stranger.url()))] {
        assert_eq!(fate(&simulator, &url).await, ("read".into(), None, Some(MediaRecord::Unread)), "{url}");
        stranger.was_left_alone();
    }
    assert_eq!(media.seen(), ["HEAD /moved"]);
    let (status, _, record) = fate(&simulator, &media.url("/a.png")).await;
    assert_eq!(status, "read");
    assert!(matches!(record, Some(MediaRecord::Fetched { .. })), "{record:?}");
}

#[tokio::test]
async fn a_simulator_alone_fetches_from_this_computer_only() {
    let (simulator, _) = simulator(Rules::Open).await;
    for url in [
        "https://shop.example/a.png",
        "http://10.0.0.1/a.png",
        "http://169.254.169.254/",
        "http://127.0.0.1.shop.example/",
    ] {
        assert_eq!(fate(&simulator, url).await.2, Some(MediaRecord::Unread), "{url}");
    }
}

#[tokio::test]
async fn a_fate_that_was_asked_for_leaves_the_medium_unread() {
    let (simulator, _) = simulator(Rules::Open).await;
    let stranger = Stranger::new();
    create(&simulator, &[("To", "whatsapp:+393990263016"), ("MediaUrl", &stranger.url())]).await;
    let ended = until(&simulator, |messages| messages[0].status == MessageStatus::Undelivered).await;
    assert_eq!((ended[0].error_code, &ended[0].media), (Some(63016), &None));
    stranger.was_left_alone();
}

#[tokio::test]
async fn the_phone_shows_a_text_with_pictures_only() {
    let (simulator, _) = simulator(Rules::Open).await;
    let media = Media::open().await;
    for (path, shown) in [("/a.png", "Ciao"), ("/clip.mp4", ""), ("/bill.pdf", ""), ("/anna.vcf", "")] {
        let (status, error_code, _) = fate(&simulator, &media.url(path)).await;
        assert_eq!((status.as_str(), error_code), ("read", None), "{path}");
        let message = simulator.messages().pop().unwrap();
        assert_eq!((message.body.as_str(), message.shown_body()), ("Ciao", shown), "{path}");
        assert_eq!(message.resource()["body"], "Ciao", "Twilio keeps it");
    }
    let listed = listed(&simulator).await;
    let shown: Vec<_> = listed.iter().map(|message| &message["shown_body"]).collect();
    assert_eq!(shown, ["Ciao", "", "", ""]);
}
