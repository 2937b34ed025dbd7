//! A medium arrives: from a private bucket through a URL that the host signs, and from `public/`.
//!
//! The bucket is a stand-in that does Google's part: it verifies each signature with the service account's public key,
//! and when it ends.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine as _;
use boatswain::Host;
use boatswain::base::{ActionId, AppId, Clock as _, CompanyId, SystemClock, UnixMillis};
use boatswain::pipeline::DirectRun;
use boatswain::script::protocol::Returned;
use boatswain::simulator::{MediaRecord, Message};
use boatswain::whatsapp::probe::{Resolver, Resolving};
use boatswain::whatsapp::{MediaAddress, MediaProbe, MessageStatus, Reach, Seen, Unprobed};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::host::{Folder, client, runtime};
use crate::support::command;

pub const KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/test_only_service_account.json");
const OBJECT: &str = "menus/Buon giorno è.png";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// What Google knows of the service account.
struct Account {
    email: String,
    public_key: Vec<u8>,
}

impl Account {
    fn read() -> Self {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(KEY_FILE).unwrap()).unwrap();
        let pem = file["private_key"].as_str().unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
        let public_key = KeyPair::from_pkcs8(&der).unwrap().public_key().as_ref().to_vec();
        Self { email: file["client_email"].as_str().unwrap().to_owned(), public_key }
    }

    /// Judges a request for an object by its signed URL, at a moment. The error is Google's status and word.
    ///
    /// Source: <https://docs.cloud.google.com/storage/docs/authentication/canonical-requests>.
    fn admits(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        now: UnixMillis,
    ) -> Result<(), (u16, &'static str)> {
        let refused = (403, "SignatureDoesNotMatch");
        let mut pairs: Vec<_> = uri.query().unwrap_or_default().split('&').collect();
        pairs.sort_unstable();
        let value = |name: &str| {
            let pair = pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            percent_encoding::percent_decode_str(pair.unwrap_or_default()).decode_utf8().unwrap().into_owned()
        };
        let (date, signature) = (value("X-Goog-Date"), value("X-Goog-Signature"));
        let scope = format!("{}/auto/storage/goog4_request", date.get(..8).ok_or(refused)?);
        if value("X-Goog-Algorithm") != "GOOG4-RSA-SHA256"
            || value("X-Goog-Credential") != format!("{}/{scope}", self.email)
        {
            return Err(refused);
        }
        let signed_headers = value("X-Goog-SignedHeaders");
        let lifetime: i64 = value("X-Goog-Expires").parse().map_err(|_| refused)?;
        pairs.retain(|pair| !pair.starts_with("X-Goog-Signature="));
        // A signature for GET is good for HEAD. Google's conformance vectors sign the host without its port.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let header = |name: &str| {
            let given = headers.get(name).map_or("", |value| value.to_str().unwrap());
            let given = if name == "host" { given.split(':').next().unwrap() } else { given };
            format!("{name}:{given}\n")
        };
        let signed: String = signed_headers.split(';').map(header).collect();
        if !signed_headers.split(';').any(|name| name == "host") {
            return Err(refused);
        }
        let canonical = format!(
            "{method}\n{}\n{}\n{signed}\n{signed_headers}\nUNSIGNED-PAYLOAD",
            uri.path(),
            pairs.join("&")
        );
        let to_sign = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key);
        key.verify(to_sign.as_bytes(), &unhex(&signature).ok_or(refused)?).map_err(|_| refused)?;
        // Moments of this form are in order when their texts are.
        let (begun, ended) = (stamp(now.0 + 900_000), stamp(now.0 - lifetime * 1000));
        if !(1..=604_800).contains(&lifetime) || date > begun {
            return Err((400, "AuthorizationQueryParametersError"));
        }
        if date < ended { Err((400, "ExpiredToken")) } else { Ok(()) }
    }
}

/// `20270115T080000Z`
fn stamp(millis: i64) -> String {
    UnixMillis(millis - millis.rem_euclid(1000)).to_string().replace(['-', ':'], "").replace(".000", "")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Objects by bucket and name: type and contents.
type Objects = HashMap<String, (String, Vec<u8>)>;

/// A stand-in for Google Cloud Storage.
#[derive(Clone)]
pub struct Storage {
    pub url: Url,
    account: Arc<Account>,
    pub objects: Arc<Mutex<Objects>>,
    /// With which statuses the next uploads are refused.
    pub faults: Arc<Mutex<VecDeque<u16>>>,
    /// How far its clock is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
    /// What was asked for, and the status of the answer.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Storage {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let picture = ("image/png".to_owned(), PNG.to_vec());
        let objects = HashMap::from([(format!("pictures/{OBJECT}"), picture)]);
        let storage = Self {
            url,
            account: Arc::new(Account::read()),
            objects: Arc::new(Mutex::new(objects)),
            faults: Arc::default(),
            ahead: Arc::default(),
            seen: Arc::default(),
        };
        let shared = storage.clone();
        let routes =
            Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let answer = shared.answer(&method, &uri, &headers, &body);
                shared.seen.lock().unwrap().push(format!("{method} {}", answer.status().as_u16()));
                answer
            });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        storage
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let refuse = |(status, word): (u16, &'static str)| {
            let answer = Response::builder().status(status).header("Content-Type", "application/xml");
            // Nobody has to wait with the next try.
            let answer = answer.header("Retry-After", "0");
            answer.body(Body::from(format!("<Error><Code>{word}</Code></Error>"))).unwrap()
        };
        let now = UnixMillis(SystemClock.now().0 + self.ahead.load(Ordering::SeqCst));
        if let Err(why) = self.account.admits(method, uri, headers, now) {
            return refuse(why);
        }
        let path = percent_encoding::percent_decode_str(uri.path().trim_start_matches('/'));
        let path = path.decode_utf8().unwrap();
        let mut objects = self.objects.lock().unwrap();
        if *method == Method::PUT {
            if let Some(status) = self.faults.lock().unwrap().pop_front() {
                return refuse((status, "AccessDenied"));
            }
            let kind = headers["content-type"].to_str().unwrap().to_owned();
            objects.insert(path.into_owned(), (kind, body.to_vec()));
            return Response::new(Body::empty());
        }
        let Some((kind, bytes)) = objects.get(&*path) else {
            return refuse((404, "NoSuchKey"));
        };
        let answer = Response::builder().header("Content-Type", kind).header("Accept-Ranges", "bytes");
        let range = headers.get("range").and_then(|range| range.to_str().unwrap().strip_prefix("bytes="));
        match range.and_then(|range| range.split_once('-')) {
            None => answer.body(Body::from(bytes.clone())).unwrap(),
            Some((from, to)) => {
                let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
                let answer = answer.status(206);
                let answer = answer.header("Content-Range", format!("bytes {from}-{to}/{}", bytes.len()));
                answer.body(Body::from(bytes[from..=to].to_vec())).unwrap()
            }
        }
    }

    /// What was seen since the last time.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// A host over that storage, with a simulator of its own.
struct Shop {
    storage: Storage,
    host: Host,
    _folder: Folder,
}

impl Shop {
    async fn open(actions: &[(&str, &str)]) -> Self {
        let storage = Storage::start().await;
        let folder = Folder::new(
            "",
            &format!(
                "[applications.app.GOOGLE_CLOUD_STORAGE]\ncredentials_file = \"{KEY_FILE}\"\nendpoint = \"{}\"",
                storage.url.as_str().trim_end_matches('/')
            ),
        );
        folder.write("public/app/menu.png", "");
        std::fs::write(folder.path("public/app/menu.png"), PNG).unwrap();
        for (name, script) in actions {
            folder.write(&format!("scripts/app/{name}.js"), script);
        }
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = Host::builder(params, command()).serve().await.unwrap();
        Self { storage, host, _folder: folder }
    }

    /// What an action returns.
    async fn run(&self, action: &str) -> Value {
        let run = DirectRun {
            action: ActionId::parse(action).unwrap(),
            company: CompanyId::none(),
            vo: Arc::new(json!({})),
        };
        match self.host.run(&AppId::parse("app").unwrap(), run).await.unwrap().result.unwrap() {
            Returned::Json(text) => serde_json::from_str(&text).unwrap(),
            Returned::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Returned::Undefined => Value::Null,
        }
    }

    /// A message that an action sends, when all is over.
    async fn sent(&self, action: &str) -> Message {
        let outcome = self.run(action).await;
        assert_eq!((&outcome["success"], &outcome["errorMessage"]), (&json!(true), &Value::Null));
        let simulator = self.host.simulator().unwrap();
        let mut changes = simulator.changes();
        let over = async {
            loop {
                changes.borrow_and_update();
                let mut messages = simulator.messages().into_iter();
                let message = messages.find(|message| outcome["sid"] == message.sid.as_str()).unwrap();
                if matches!(message.status, MessageStatus::Read | MessageStatus::Failed) {
                    return message;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), over).await.unwrap()
    }

    async fn close(self) {
        assert!(self.host.stop(Duration::from_mins(1)).await);
    }
}

const SEND: &str =
    "return sendWhatsappMessage('+393331234567', 'The menu', null, 'pictures', 'menus/Buon giorno è.png')";
const SIGN: &str = "return utils.getSignedUrl('pictures', 'menus/Buon giorno è.png')";

/// For hosts that name none: no name leaves the computer.
struct Nameless;

impl Resolver for Nameless {
    fn resolve(&self, name: &str) -> Resolving {
        panic!("{name} was to be resolved")
    }
}

#[test]
fn an_object_of_a_private_bucket_is_delivered() {
    runtime().block_on(async {
        let shop = Shop::open(&[("send", SEND)]).await;
        let message = shop.sent("send").await;
        assert_eq!((message.status, message.error_code), (MessageStatus::Read, None));
        assert_eq!(
            message.media,
            Some(MediaRecord::Fetched { content_type: "image/png".to_owned(), size: PNG.len() as u64 })
        );
        let seen = shop.storage.seen();
        assert!(seen.ends_with(&["HEAD 200".to_owned(), "GET 200".to_owned()]), "{seen:?}");
        shop.close().await;
    });
}

#[test]
fn a_url_that_has_ended_or_names_nothing_fails_the_message() {
    let nothing = SEND.replace("menus/", "nowhere/");
    runtime().block_on(async {
        let shop = Shop::open(&[("send", SEND), ("nothing", &nothing)]).await;
        let message = shop.sent("nothing").await;
        assert_eq!((message.status, message.error_code), (MessageStatus::Failed, Some(63019)));
        assert_eq!(shop.storage.seen().last().map(String::as_str), Some("HEAD 404"));

        // An hour is the default; Twilio comes two hours later.
        shop.storage.ahead.store(2 * 3_600_000, Ordering::SeqCst);
        let message = shop.sent("send").await;
        assert_eq!((message.status, message.error_code), (MessageStatus::Failed, Some(63019)));
        assert_eq!(shop.storage.seen().last().map(String::as_str), Some("HEAD 400"));
        shop.close().await;
    });
}

#[test]
fn only_what_the_host_signed_opens_the_bucket() {
    runtime().block_on(async {
        let shop = Shop::open(&[("sign", SIGN)]).await;
        let url = shop.run("sign").await.as_str().unwrap().to_owned();
        let client = client();
        let status = async |url: &str| client.get(url).send().await.unwrap().status().as_u16();
        let whole = client.get(&url).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(whole, PNG);
        let one = client.get(&url).header("Range", "bytes=0-0").send().await.unwrap();
        assert_eq!(one.headers()["Content-Range"], format!("bytes 0-0/{}", PNG.len()));
        assert_eq!((one.status().as_u16(), one.bytes().await.unwrap().as_ref()), (206, &PNG[..1]));

        let (rest, signature) = url.split_once("X-Goog-Signature=").unwrap();
        let first = if signature.starts_with('0') { '1' } else { '0' };
        for forged in [
            rest.to_owned(),
            format!("{rest}X-Goog-Signature="),
            format!("{rest}X-Goog-Signature={}", &signature[2..]),
            format!("{rest}X-Goog-Signature={first}{}", &signature[1..]),
            url.replace("menus/", "secret/"),
            url.replace("/pictures/", "/others/"),
            url.replace("X-Goog-Expires=3600", "X-Goog-Expires=604800"),
            format!("{url}&more=1"),
        ] {
            assert_ne!(forged, url);
            assert_eq!(status(&forged).await, 403, "{forged}");
        }
        let elsewhere = client.get(&url).header("Host", "storage.example").send().await.unwrap();
        assert_eq!(elsewhere.status(), 403);
        assert_eq!(client.put(&url).send().await.unwrap().status(), 403);
        for (ahead, expected) in [(-3600, 400), (-60, 200), (3590, 200), (3610, 400)] {
            shop.storage.ahead.store(ahead * 1000, Ordering::SeqCst);
            assert_eq!(status(&url).await, expected, "{ahead} seconds ahead");
        }
        shop.close().await;
    });
}

#[test]
fn a_public_file_is_delivered() {
    let send = "return sendWhatsappMessage('+393331234567', 'The menu', utils.getPublicUrl('menu.png'))";
    runtime().block_on(async {
        let shop = Shop::open(&[("send", send)]).await;
        let message = shop.sent("send").await;
        assert_eq!(message.status, MessageStatus::Read);
        assert_eq!(
            message.media,
            Some(MediaRecord::Fetched { content_type: "image/png".to_owned(), size: PNG.len() as u64 })
        );
        shop.close().await;
    });
}

/// The embedded simulator stands where the host stands: a script can't make it ask the host's neighbours.
#[test]
fn a_medium_of_a_neighbour_is_not_asked_for() {
    let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let send = format!(
        "return sendWhatsappMessage('+393331234567', 'x', 'http://{}/admin')",
        neighbour.local_addr().unwrap()
    );
    runtime().block_on(async {
        let shop = Shop::open(&[("send", &send)]).await;
        let message = shop.sent("send").await;
        assert_eq!((message.status, message.media), (MessageStatus::Read, Some(MediaRecord::Unread)));
        neighbour.set_nonblocking(true).unwrap();
        let visit = neighbour.accept().map_err(|error| error.kind());
        assert_eq!(visit.err(), Some(std::io::ErrorKind::WouldBlock));
        shop.close().await;
    });
}

#[test]
fn the_probe_sees_what_twilio_will_fetch() {
    runtime().block_on(async {
        let shop = Shop::open(&[("sign", SIGN), ("public", "return utils.getPublicUrl('menu.png')")]).await;
        let probe = MediaProbe::with_resolver(shop.host.public_url(), Reach::Public, Nameless).unwrap();
        let address = async |action: &str| Url::parse(shop.run(action).await.as_str().unwrap()).unwrap();
        let png = |size| Ok(Seen { content_type: Some("image/png".to_owned()), size: Some(size) });

        let signed = address("sign").await;
        let trusted = MediaAddress::at(signed.clone(), &shop.storage.url);
        assert_eq!(probe.look(&trusted).await, png(PNG.len() as u64));
        assert_eq!(shop.storage.seen(), ["GET 206"]);
        assert_eq!(probe.look(&MediaAddress::given(address("public").await)).await, png(PNG.len() as u64));
        // The same URL, but a stranger's word.
        let looked = probe.look(&MediaAddress::given(signed)).await;
        assert!(matches!(looked, Err(Unprobed::Forbidden(_))), "{looked:?}");
        assert!(shop.storage.seen().is_empty());
        shop.storage.ahead.store(2 * 3_600_000, Ordering::SeqCst);
        assert_eq!(probe.look(&trusted).await, Err(Unprobed::HttpStatus(400)));
        shop.close().await;
    });
}
