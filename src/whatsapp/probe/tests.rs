//! The guard over real sockets of this computer, and its rules without any. No name is resolved outside of the test.

mod answers;

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Knows names by heart; answers run out one after another, the last one stays.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn with(name: &str, answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let names = Self::default();
        names.answers.lock().unwrap().insert(name.to_owned(), answers.iter().map(parsed).collect());
        Arc::new(names)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolver for Names {
    fn resolve(&self, name: &str) -> Resolving {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(name) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
            None => None,
        };
        Box::pin(async move { answer.ok_or_else(|| ErrorKind::NotFound.into()) })
    }
}

/// A listener that nobody may reach.
struct Forbidding(StdListener);

impl Forbidding {
    fn new() -> Self {
        Self(StdListener::bind("127.0.0.1:0").unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// A connection would wait here, accepted by the kernel.
    #[track_caller]
    fn was_left_alone(&self, by: &str) {
        self.0.set_nonblocking(true).unwrap();
        assert_eq!(self.0.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock), "{by}");
    }
}

/// What a server says after a request's head; then it closes the connection.
type Says = Arc<dyn Fn(&str) -> String + Send + Sync>;

struct Server {
    address: SocketAddr,
    /// The heads of the requests.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn saying(says: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let (listener, says): (_, Says) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(says));
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (says, log) = (Arc::clone(&says), Arc::clone(&log));
                tokio::spawn(async move {
                    let head = head_of(&mut stream).await;
                    log.lock().unwrap().push(head.clone());
                    let _ = stream.write_all(says(&head).as_bytes()).await;
                });
            }
        });
        Self { address, requests }
    }

    /// Always the same head, without a body.
    async fn head(lines: &'static str) -> Self {
        Self::saying(move |_| format!("HTTP/1.1 {}\r\n\r\n", lines.replace('\n', "\r\n"))).await
    }

    /// One that sends everybody elsewhere.
    async fn redirecting(to: String) -> Self {
        Self::saying(move |_| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
            .await
    }

    fn url(&self, path: &str) -> Url {
        url(&format!("http://{}{path}", self.address))
    }

    /// A probe whose host this server is.
    fn as_own(&self, names: Arc<Names>) -> MediaProbe {
        MediaProbe::with_resolver(self.url("/").as_str(), Reach::Public, names).unwrap()
    }
}

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte).await, Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn given(text: &str) -> MediaAddress {
    MediaAddress::given(url(text))
}

fn not_public() -> Unprobed {
    Unprobed::Forbidden(Forbidden::NotPublic)
}

fn public_probe(names: Arc<Names>) -> MediaProbe {
    MediaProbe::with_resolver("https://host.example", Reach::Public, names).unwrap()
}

fn anywhere() -> MediaProbe {
    let names = Names::default();
    MediaProbe::with_resolver("https://host.example", Reach::DangerousAnywhere, names).unwrap()
}

/// Spellings of this computer, of its neighbours and of what is neither; `{port}` is a port where somebody listens.
const LEADING_INSIDE: [&str; 34] = [
    "https://127.0.0.1:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://127.1:{port}/",
    "https://127.0.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://0x7f.1:{port}/",
    "https://0x7f000001:{port}/",
    "https://2130706433:{port}/",
    "https://017700000001:{port}/",
    "https://0x7F.0x0.0x0.0x1:{port}/",
    "https://%31%32%37.0.0.1:{port}/",
    "https://１２７.0.0.1:{port}/",
    "https://127。0。0。1:{port}/",
    "https:127.0.0.1:{port}/",
    "https:\\\\127.0.0.1:{port}\\",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    "https://[fe80::1]:{port}/",
    "https://[fd00:ec2::254]:{port}/",
    "https://169.254.169.254/computeMetadata/v1/",
    "https://0xA9FEA9FE/",
    "https://10.0.0.1/",
    "https://192.168.1.1:8443/",
    "https://100.100.100.200/",
    "https://[ff02::1]/",
];

#[test]
fn the_gate_knows_every_spelling() {
    let guard =
        Guard { own: url("https://host.example:8443/boat"), reach: Reach::Public, is_public: is_global };
    let way = |text: &str| guard.way(&given(text));
    for text in LEADING_INSIDE {
        assert_eq!(way(&text.replace("{port}", "8443")), Err(Forbidden::NotPublic), "{text}");
    }
    let table: &[(&str, Result<Way, Forbidden>)] = &[
        ("https://shop.example/a.jpg", Ok(Way::Checked)),
        ("HTTPS://SHOP.EXAMPLE/a.jpg?b#c", Ok(Way::Checked)),
        ("https://shop.example:443/", Ok(Way::Checked)),
        ("https://shop.example:80/", Ok(Way::Checked)),
        ("https://shop.example:1024/", Ok(Way::Checked)),
        ("https://shop.example:65535/", Ok(Way::Checked)),
        ("https://8.8.8.8/", Ok(Way::Checked)),
        ("https://134744072/", Ok(Way::Checked)),
        ("https://[2606:4700::1111]/", Ok(Way::Checked)),
        ("https://[::ffff:8.8.8.8]/", Ok(Way::Checked)),
        // Names are judged by what they resolve to.
        ("https://localhost/", Ok(Way::Checked)),
        ("https://127.0.0.1.nip.example/", Ok(Way::Checked)),
        ("https://shop.example:22/", Err(Forbidden::Port(22))),
        ("https://shop.example:25/", Err(Forbidden::Port(25))),
        ("https://shop.example:1023/", Err(Forbidden::Port(1023))),
        ("https://shop.example:0/", Err(Forbidden::Port(0))),
        ("http://shop.example/", Err(Forbidden::Http)),
        ("http://127.0.0.1/", Err(Forbidden::Http)),
        ("https://user@shop.example/", Err(Forbidden::Credentials)),
        ("https://user:password@shop.example/", Err(Forbidden::Credentials)),
        ("https://:password@shop.example/", Err(Forbidden::Credentials)),
        ("https://host.example:8443@127.0.0.1/", Err(Forbidden::Credentials)),
        ("ftp://shop.example/", Err(Forbidden::Scheme)),
        ("file:///etc/passwd", Err(Forbidden::Scheme)),
        ("data:image/png;base64,AA==", Err(Forbidden::Scheme)),
        ("gopher://127.0.0.1:6379/_INFO", Err(Forbidden::Scheme)),
        // The host's own files, and what only looks like them.
        ("https://host.example:8443/boat/public/app/a.jpg", Ok(Way::Trusted)),
        ("https://host.example:8443/boat/public/app/x/../a.jpg", Ok(Way::Trusted)),
        ("https://host.example:8443/boat/public", Ok(Way::Checked)),
        ("https://host.example:8443/boat/publicity/a", Ok(Way::Checked)),
        ("https://host.example:8443/public/app/a.jpg", Ok(Way::Checked)),
        ("https://host.example:8443/boat/public/../admin", Ok(Way::Checked)),
        ("https://host.example:8443/boat/public/%2e%2e/admin", Ok(Way::Checked)),
        ("https://host.example:8443/boat/public/..%2Fadmin", Ok(Way::Checked)),
        ("https://host.example:8443/boat/public/..%5cadmin", Ok(Way::Checked)),
        ("https://host.example:8443/boat/public/..\\admin", Ok(Way::Checked)),
        ("https://host.example/boat/public/app/a.jpg", Ok(Way::Checked)),
        ("http://host.example:8443/boat/public/app/a.jpg", Err(Forbidden::Http)),
        ("https://a@host.example:8443/boat/public/app/a.jpg", Err(Forbidden::Credentials)),
    ];
    for (text, expected) in table {
        assert_eq!(way(text), *expected, "{text}");
    }
}

#[test]
fn a_signed_url_is_trusted_at_its_endpoint_only() {
    let guard = Guard { own: url("https://host.example"), reach: Reach::Public, is_public: is_global };
    let endpoint = url("http://10.0.0.7:9000");
    let way = |text: &str| guard.way(&MediaAddress::at(url(text), &endpoint));
    assert_eq!(way("http://10.0.0.7:9000/bucket/a.png?X-Goog-Signature=1"), Ok(Way::Trusted));
    for (elsewhere, why) in [
        ("http://10.0.0.7:9001/bucket/a.png", Forbidden::Http),
        ("https://10.0.0.7:9000/bucket/a.png", Forbidden::NotPublic),
        ("http://10.0.0.8:9000/bucket/a.png", Forbidden::Http),
    ] {
        assert_eq!(way(elsewhere), Err(why), "{elsewhere}");
    }
    assert_eq!(guard.way(&given("http://10.0.0.7:9000/bucket/a.png")), Err(Forbidden::Http));
}

#[test]
fn where_the_parameters_say_dangerous_every_web_address_is_trusted() {
    let guard =
        Guard { own: url("https://host.example"), reach: Reach::DangerousAnywhere, is_public: is_global };
    for text in ["http://127.0.0.1:22/", "https://[::1]/", "http://localhost/", "https://a:b@shop.example/"] {
        assert_eq!(guard.way(&given(text)), Ok(Way::Trusted), "{text}");
    }
    assert_eq!(guard.way(&given("file:///etc/passwd")), Err(Forbidden::Scheme));
}

#[tokio::test]
async fn an_address_that_leads_inside_is_never_connected_to() {
    let (inside, probe) = (Forbidding::new(), public_probe(Names::with("x", &[])));
    for text in LEADING_INSIDE {
        let text = text.replace("{port}", &inside.port().to_string());
        assert_eq!(probe.look(&given(&text)).await, Err(not_public()), "{text}");
        inside.was_left_alone(&text);
    }
    let http = format!("http://127.0.0.1:{}/", inside.port());
    assert_eq!(probe.look(&given(&http)).await, Err(Unprobed::Forbidden(Forbidden::Http)));
    inside.was_left_alone(&http);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let inside = Forbidding::new();
    for answer in [
        &["127.0.0.1"][..],
        &["127.9.9.9"],
        &["0.0.0.0"],
        &["10.0.0.1"],
        &["172.16.0.1"],
        &["192.168.0.1"],
        &["100.64.0.1"],
        &["169.254.169.254"],
        &["168.63.129.16"],
        &["255.255.255.255"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
        &["fe80::1"],
        &["fd00:ec2::254"],
        // One among good ones.
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["2606:4700::1111", "8.8.8.8", "::1"],
    ] {
        let names = Names::with("evil.example", &[answer]);
        let looked = public_probe(names.clone())
            .look(&given(&format!("https://evil.example:{}/a.png", inside.port())))
            .await;
        assert_eq!(looked, Err(not_public()), "{answer:?}");
        assert_eq!(names.asked(), 1, "{answer:?}");
        inside.was_left_alone(&format!("{answer:?}"));
    }
}

#[tokio::test]
async fn a_redirect_that_leads_inside_is_never_followed() {
    let inside = Forbidding::new();
    let port = inside.port().to_string();
    let spelt = LEADING_INSIDE.iter().filter(|text| text.is_ascii() && text.starts_with("https://"));
    let mut targets: Vec<_> =
        spelt.map(|text| (text.replace("{port}", &port), Forbidden::NotPublic)).collect();
    targets.extend([
        (format!("https://evil.example:{port}/"), Forbidden::NotPublic),
        // Whoever leaves the scheme or the host out keeps those of the host's own URL.
        (format!("//evil.example:{port}/"), Forbidden::Http),
        (format!("http://127.0.0.1:{port}/"), Forbidden::Http),
        ("/admin".to_owned(), Forbidden::Http),
        ("../../admin".to_owned(), Forbidden::Http),
        ("file:///etc/passwd".to_owned(), Forbidden::Scheme),
        ("https://a:b@shop.example/".to_owned(), Forbidden::Credentials),
        ("https://shop.example:25/".to_owned(), Forbidden::Port(25)),
    ]);
    let target = Arc::new(Mutex::new(String::new()));
    let location = Arc::clone(&target);
    let own = Server::saying(move |_| {
        let location = location.lock().unwrap();
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    })
    .await;
    let probe = own.as_own(Names::with("evil.example", &[&["127.0.0.1"]]));
    let address = MediaAddress::given(own.url("/public/app/a.png"));
    for (to, why) in targets {
        target.lock().unwrap().clone_from(&to);
        let looked = probe.look(&address).await;
        assert_eq!(looked, Err(Unprobed::Forbidden(Forbidden::Redirect(Box::new(why)))), "{to}");
        assert_eq!(own.requests.lock().unwrap().drain(..).count(), 1, "{to}");
        inside.was_left_alone(&to);
    }
}

#[tokio::test]
async fn the_trust_in_a_signed_url_ends_at_a_redirect() {
    let storage = Server::redirecting("/other".to_owned()).await;
    let signed = MediaAddress::at(storage.url("/bucket/a.png"), &storage.url("/"));
    let looked = public_probe(Names::with("x", &[])).look(&signed).await;
    assert_eq!(looked, Err(Unprobed::Forbidden(Forbidden::Redirect(Box::new(Forbidden::Http)))));
    assert_eq!(storage.requests.lock().unwrap().len(), 1);
}

/// Two listeners at one port of two addresses of this computer.
fn twins() -> (StdListener, StdListener) {
    loop {
        let first = StdListener::bind("127.0.0.2:0").unwrap();
        if let Ok(second) = StdListener::bind(("127.0.0.1", first.local_addr().unwrap().port())) {
            return (first, second);
        }
    }
}

/// DNS rebinding: the name is public when it is looked at, and this computer a moment later.
#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let (outside, inside) = twins();
    let port = outside.local_addr().unwrap().port();
    let names = Names::with("evil.example", &[&["127.0.0.2"], &["127.0.0.1"]]);
    // To this test, 127.0.0.2 is a public address.
    let is_public = |address: IpAddr| address == IpAddr::from([127, 0, 0, 2]);
    let limits = Limits { connect: Duration::from_secs(5), whole: Duration::from_secs(10) };
    let probe =
        MediaProbe::build("https://host.example", Reach::Public, names.clone(), limits, is_public).unwrap();
    let address = given(&format!("https://evil.example:{port}/a.png"));

    let visitor = std::thread::spawn(move || drop(outside.accept().unwrap())); // no TLS is spoken here
    let looked = probe.look(&address).await;
    assert!(matches!(looked, Err(Unprobed::Unreachable(_))), "{looked:?}");
    visitor.join().unwrap();
    assert_eq!(names.asked(), 1, "one answer, checked and connected to");

    assert_eq!(probe.look(&address).await, Err(not_public()), "no connection and no answer is kept");
    assert_eq!(names.asked(), 2);
    Forbidding(inside).was_left_alone("a name that changes");
}
