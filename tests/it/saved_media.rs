//! A medium that came in with a message is saved once: fetched from Twilio with the account's key, stored in the bucket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::host::{ACCOUNT, Folder, HostProcess, TOKEN, callback, client, form, runtime, sid};
use crate::media::{KEY_FILE, Storage};

const JPEG: &[u8] = b"\xff\xd8\xff and so on";
const OTHER: &str = "AC00000000000000000000000000000002";
const BROUGHT: &str = "AC00000000000000000000000000000003";

/// A stand-in for Twilio: media behind its keys, a redirect to where the bytes are, and a send that always goes well.
#[derive(Clone, Default)]
struct Twilio {
    url: String,
    /// Accounts and their tokens, as Basic auth has them.
    keys: Arc<Mutex<Vec<String>>>,
    /// With which statuses the next questions for a medium are answered.
    faults: Arc<Mutex<VecDeque<u16>>>,
    /// What was asked for.
    seen: Arc<Mutex<Vec<String>>>,
    /// Where the bytes are to be held back, until it is notified.
    held: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl Twilio {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let twilio = Self { url, ..Self::default() };
        let keys = [(ACCOUNT, TOKEN), (OTHER, "other-token"), (BROUGHT, "brought-token")];
        *twilio.keys.lock().unwrap() = keys.map(|(account, key)| basic(account, key)).into();
        let shared = twilio.clone();
        let routes = Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap| {
            shared.answer(&method, &uri, &headers).await
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        twilio
    }

    async fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
        let path = uri.path();
        let key = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
        let say = |status: u16, body: String| {
            let answer = Response::builder().status(status).header("location", "/cdn/picture");
            // Nobody has to wait with the next try.
            let answer = answer.header("retry-after", "0");
            answer.body(Body::from(body)).unwrap()
        };
        if path == "/cdn/picture" {
            self.note(format!("bytes {}", if key.is_empty() { "without a key" } else { "with a key" }));
            let held = self.held.lock().unwrap().clone();
            if let Some(held) = held {
                held.notified().await;
            }
            return Response::builder().header("content-type", "image/jpeg").body(Body::from(JPEG)).unwrap();
        }
        if method == Method::POST {
            self.note("send".to_owned());
            let sent = json!({ "sid": format!("SM{:032x}", 0xbeef), "status": "queued" });
            return say(201, sent.to_string());
        }
        let account = path.split('/').nth(3).unwrap_or_default();
        let is_admitted = self.keys.lock().unwrap().iter().any(|known| known == key)
            && decoded(key).starts_with(&format!("{account}:"));
        let status = match self.faults.lock().unwrap().pop_front() {
            Some(fault) => fault,
            None if is_admitted => 307,
            None => 401,
        };
        self.note(format!("{} {status}", &account[32..]));
        say(status, String::new())
    }

    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    /// What was asked for since the last time.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn fails(&self, statuses: &[u16]) {
        self.faults.lock().unwrap().extend(statuses);
    }

    fn medium(&self, account: &str) -> String {
        format!("{}/2010-04-01/Accounts/{account}/Messages/MM{:032x}/Media/ME{:032x}", self.url, 1, 2)
    }
}

fn basic(account: &str, key: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{account}:{key}")))
}

fn decoded(key: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(key.trim_start_matches("Basic ")).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// An application with both.
struct Office {
    folder: Folder,
    twilio: Twilio,
    storage: Storage,
    _runtime: Runtime,
}

/// Saves what `vo` names and tells what came of it.
const SAVE: &str = "
    if (vo.account) utils.sendWhatsappMessageWithSettings(vo.account, vo.key, '+14155238887', '+393331234567', 'Ciao');
    try {
        return utils.saveMedia(vo.url, vo.bucket ?? 'pictures', vo.file ?? 'in/Anna è.jpg');
    } catch (error) {
        return { name: error.name, code: error.code, message: error.message };
    }
";

impl Office {
    fn new(callback: &str, more: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (twilio, storage) = runtime.block_on(async { (Twilio::start().await, Storage::start().await) });
        let folder = Folder::new(
            callback,
            &format!(
                "
                api_base_url = \"{}\"
                [applications.app.companies.OTHER.WHATSAPP]
                account_id = \"{OTHER}\"
                auth_key = \"other-token\"
                [applications.app.GOOGLE_CLOUD_STORAGE]
                credentials_file = \"{KEY_FILE}\"
                endpoint = \"{}\"
                {more}
                ",
                twilio.url,
                storage.url.as_str().trim_end_matches('/')
            ),
        );
        folder.write("scripts/app/save.js", SAVE);
        Self { folder, twilio, storage, _runtime: runtime }
    }

    /// What `save` tells.
    fn save(&self, company: &str, vo: &Value) -> Value {
        let vo = vo.to_string();
        let output = self.folder.boatswain(&["run", "app/save", "--company", company, "--vo", &vo]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, company: &str, vo: &Value, code: &str) -> String {
        let told = self.save(company, vo);
        assert_eq!((&told["name"], &told["code"]), (&json!("Error"), &json!(code)), "{told}");
        let message = told["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("saveMedia: ") && !message.contains("token"), "{message}");
        message
    }

    /// A notification whose form names a medium, as that of an incoming message does.
    fn post(&self, host: &HostProcess, n: u32) {
        let mut form = form(&sid(n), "delivered");
        form.push("MediaUrl0", self.twilio.medium(ACCOUNT));
        let path = "/whatsapp/callback/app/NODEFINED";
        assert_eq!(callback(&host.url, &host.url, path, &form, TOKEN).status, 204);
    }

    fn object(&self, name: &str) -> Option<(String, Vec<u8>)> {
        self.storage.objects.lock().unwrap().get(&format!("pictures/{name}")).cloned()
    }
}

#[test]
fn an_incoming_picture_is_saved_with_its_type_and_the_key_stays_at_twilio() {
    let office = Office::new("", "");
    let vo = json!({ "url": office.twilio.medium(ACCOUNT) });
    let saved = json!({
        "bucketName": "pictures", "fileName": "in/Anna è.jpg", "contentType": "image/jpeg", "size": JPEG.len(),
    });
    assert_eq!(office.save("ACME", &vo), saved);
    assert_eq!(office.object("in/Anna è.jpg"), Some(("image/jpeg".to_owned(), JPEG.to_vec())));
    assert_eq!(office.twilio.seen(), ["01 307", "bytes without a key"]);
    assert_eq!(office.storage.seen(), ["PUT 200"]);
}

/// A company's key opens that company's media only; the application's are everybody's in it.
#[test]
fn only_an_account_whose_key_the_run_may_use_is_asked() {
    let office = Office::new("", "");
    let url = office.twilio.medium(OTHER);
    assert_eq!(office.save("OTHER", &json!({ "url": url }))["size"], JPEG.len());
    let said = office.refused("ACME", &json!({ "url": url }), "MEDIA_URL_FOREIGN");
    assert!(said.contains("account"), "{said}");
    assert_eq!(office.twilio.seen().len(), 2, "nobody was asked for ACME");

    // One that the company's actions have brought along.
    let url = office.twilio.medium(BROUGHT);
    office.refused("ACME", &json!({ "url": url }), "MEDIA_URL_FOREIGN");
    let brings = json!({ "url": url, "account": BROUGHT, "key": "brought-token" });
    assert_eq!(office.save("ACME", &brings)["size"], JPEG.len());
    assert_eq!(office.save("ACME", &json!({ "url": url }))["size"], JPEG.len(), "it is remembered");
    office.refused("OTHER", &json!({ "url": url }), "MEDIA_URL_FOREIGN");
}

#[test]
fn what_is_no_medium_of_twilios_gets_no_request_and_no_key() {
    let office = Office::new("", "");
    let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    neighbour.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}", neighbour.local_addr().unwrap());
    let medium = office.twilio.medium(ACCOUNT);
    for url in [
        medium.replace(&office.twilio.url, &elsewhere),
        format!("{elsewhere}/?{medium}"),
        medium.replace("/Media/", "/Medium/"),
        medium.replace("http://", "http://user@"),
        format!("{medium}?x=1"),
        String::new(),
        "Media".to_owned(),
    ] {
        office.refused("ACME", &json!({ "url": url }), "MEDIA_URL_FOREIGN");
    }
    let named = office.refused("ACME", &json!({ "url": medium, "file": "a/../b" }), "STORAGE_URL");
    assert!(named.contains("a/../b"), "{named}");
    office.refused("ACME", &json!({ "url": medium, "bucket": "No" }), "STORAGE_URL");
    office.refused("ACME", &json!({ "url": medium, "file": "" }), "STORAGE_URL");
    for vo in [json!({}), json!({ "url": 7 }), json!({ "url": medium, "file": 7 })] {
        assert_eq!(office.save("ACME", &vo)["name"], "TypeError", "{vo}");
    }
    assert_eq!((office.twilio.seen().len(), office.storage.seen().len()), (0, 0));
    assert!(neighbour.accept().is_err());

    let without = Folder::new("", "");
    without.write("scripts/app/save.js", SAVE);
    let vo = json!({ "url": medium }).to_string();
    let output = without.boatswain(&["run", "app/save", "--vo", &vo]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("STORAGE_NOT_CONFIGURED"));
}

#[test]
fn what_passes_is_tried_three_times_and_what_does_not_once() {
    let office = Office::new("", "");
    let vo = json!({ "url": office.twilio.medium(ACCOUNT) });
    office.twilio.fails(&[503, 429]);
    office.storage.faults.lock().unwrap().extend([500, 503]);
    assert_eq!(office.save("ACME", &vo)["size"], JPEG.len());
    assert_eq!(office.twilio.seen(), ["01 503", "01 429", "01 307", "bytes without a key"], "fetched once");
    assert_eq!(office.storage.seen(), ["PUT 500", "PUT 503", "PUT 200"]);

    office.twilio.fails(&[500; 3]);
    let said = office.refused("ACME", &vo, "MEDIA_UNREACHABLE");
    assert!(said.contains("500"), "{said}");
    assert_eq!(office.twilio.seen(), ["01 500"; 3]);
    office.storage.faults.lock().unwrap().extend([500; 3]);
    office.refused("ACME", &vo, "STORAGE_UNREACHABLE");
    office.storage.faults.lock().unwrap().extend([403]);
    let said = office.refused("ACME", &vo, "STORAGE_REFUSED");
    assert!(said.contains("AccessDenied"), "{said}");
    assert_eq!(office.storage.seen(), ["PUT 500", "PUT 500", "PUT 500", "PUT 403"]);
    office.twilio.seen();

    office.twilio.fails(&[404]);
    office.refused("ACME", &vo, "MEDIA_GONE");
    office.twilio.keys.lock().unwrap().clear();
    office.refused("ACME", &vo, "MEDIA_REFUSED");
    assert_eq!(office.twilio.seen(), ["01 404", "01 401"]);
}

#[test]
fn while_keys_rotate_the_next_one_is_tried() {
    let office = Office::new("", "");
    let params = std::fs::read_to_string(office.folder.path("app-params.toml")).unwrap();
    let two =
        params.replace(&format!("auth_key = \"{TOKEN}\""), &format!("auth_key = [\"old\", \"{TOKEN}\"]"));
    office.folder.write("app-params.toml", &two);
    assert_eq!(office.save("ACME", &json!({ "url": office.twilio.medium(ACCOUNT) }))["size"], JPEG.len());
    assert_eq!(office.twilio.seen(), ["01 401", "01 307", "bytes without a key"]);
}

/// `go` says when the action may come to its end.
const ONCE: &str = "CREATE TABLE once (x TEXT);";

fn say_go(office: &Office) {
    let db = rusqlite::Connection::open(office.folder.path("data/apps/app.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    db.execute("INSERT INTO once VALUES ('go')", []).unwrap();
}

#[test]
fn what_was_saved_is_not_fetched_again_by_the_next_attempt() {
    let office = Office::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
        const saved = utils.saveMedia(vo.MediaUrl0, "pictures", "in/" + vo.MessageSid + ".jpg");
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', ?)", null, false, true, saved.size);
        if (utils.executeQuery("SELECT x FROM once") === "[]") throw new Error("not yet");
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    office.folder.write("scripts/app/migrations/002.sql", ONCE);
    let host = office.folder.serve();
    office.post(&host, 1);
    host.wait_for("not yet");
    assert_eq!(
        office.folder.texts("SELECT status FROM effects"),
        ["before"],
        "a wait commits, and a failure undoes"
    );
    say_go(&office);
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(office.twilio.seen(), ["01 307", "bytes without a key"]);
    assert_eq!(office.storage.seen(), ["PUT 200"]);
    assert_eq!(office.folder.texts("SELECT status FROM effects ORDER BY rowid"), ["before", "after"]);
    assert_eq!(office.folder.texts("SELECT 'journal' FROM _host_journal"), [""; 0]);
}

#[test]
fn a_failure_that_ended_the_run_is_tried_again_by_the_next_attempt() {
    let office = Office::new(
        r#"
        const saved = utils.saveMedia(vo.MediaUrl0, "pictures", "in/later.jpg");
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, ?, NULL)", null, false, true, saved.contentType);
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    office.twilio.fails(&[404]);
    let host = office.folder.serve();
    office.post(&host, 1);
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(office.twilio.seen(), ["01 404", "01 307", "bytes without a key"]);
    assert_eq!(office.folder.texts("SELECT status FROM effects"), ["image/jpeg"]);
    assert_eq!(office.folder.count("SELECT attempts FROM notifications"), 2);
}

#[test]
fn a_failure_that_the_script_went_on_from_stays_when_it_has_sent() {
    let office = Office::new(
        r#"
        let told;
        try { told = "saved " + utils.saveMedia(vo.MediaUrl0, "pictures", "in/never.jpg").size; }
        catch (error) { told = error.code; }
        utils.whatsapp.send({ to: "+393331234567", body: "Sorry: " + told });
        if (utils.executeQuery("SELECT x FROM once") === "[]") throw new Error("not yet");
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, ?, NULL)", null, false, true, told);
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    office.folder.write("scripts/app/migrations/002.sql", ONCE);
    office.twilio.fails(&[404]);
    let host = office.folder.serve();
    office.post(&host, 1);
    host.wait_for("not yet");
    say_go(&office);
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(office.twilio.seen(), ["01 404", "send"]);
    assert_eq!(office.folder.texts("SELECT status FROM effects"), ["MEDIA_GONE"]);
}

#[test]
fn others_write_while_a_medium_is_on_its_way() {
    let office = Office::new(
        r#"
        if (vo.MessageSid.endsWith("1")) {
            utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
            utils.saveMedia(vo.MediaUrl0, "pictures", "in/slow.jpg");
        }
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', NULL)");
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    let gate = Arc::new(Notify::new());
    *office.twilio.held.lock().unwrap() = Some(Arc::clone(&gate));
    let host = office.folder.serve();
    office.post(&host, 1);
    office.post(&host, 2);
    host.wait_for(&format!("effect of {}", sid(2)));
    gate.notify_one();
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    let order = office.folder.texts("SELECT substr(sid, 34) || ' ' || status FROM effects ORDER BY rowid");
    assert_eq!(order, ["1 before", "2 after", "1 after"]);
}

#[test]
fn a_host_that_dies_before_anything_was_recorded_saves_once_more_and_runs_once() {
    let office = Office::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
        utils.saveMedia(vo.MediaUrl0, "pictures", "in/again.jpg");
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    let host = office.folder.serve_until(Some("save-made"));
    office.post(&host, 1);
    host.wait_for("failpoint: save-made");
    host.kill();
    let host = office.folder.serve();
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(office.storage.seen(), ["PUT 200", "PUT 200"], "the same object, once more");
    assert_eq!(office.folder.texts("SELECT status FROM effects"), ["before"]);
}

/// The whole way: somebody sends a picture, the simulator brings it, the action saves it.
#[test]
fn a_picture_that_is_sent_in_the_simulator_lies_in_the_bucket() {
    let office = Office::new("", "");
    let params = std::fs::read_to_string(office.folder.path("app-params.toml")).unwrap();
    let stand_in = format!("api_base_url = \"{}\"", office.twilio.url);
    office.folder.write("app-params.toml", &params.replace(&stand_in, "incoming_message = \"incoming\""));
    office.folder.write(
        "scripts/app/incoming.js",
        r#"
        const [{ url }] = vo.media;
        const saved = utils.saveMedia(url, "pictures", "in/" + vo.MessageSid);
        const { open } = JSON.parse(utils.getWhatsappWindow(vo.phoneNumber));
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, ?, ?)", null, false, true, saved.contentType, open);
        console.log("effect of " + vo.MessageSid);
        "#,
    );
    let host = office.folder.serve();
    let line = host.wait_for("simulator ");
    let simulator = line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
    let picture = base64::engine::general_purpose::STANDARD.encode(JPEG);
    let written = json!({
        "account_sid": ACCOUNT, "from": "+393331234567", "to": "+14155238886",
        "media": [{ "content_type": "image/jpeg", "base64": picture }],
    });
    let answer: Value = runtime().block_on(async {
        let request = client().post(format!("{simulator}/simulator/incoming")).json(&written);
        request.send().await.unwrap().json().await.unwrap()
    });
    let sid = answer["sid"].as_str().unwrap();
    host.wait_for(&format!("effect of {sid}"));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(office.object(&format!("in/{sid}")), Some(("image/jpeg".to_owned(), JPEG.to_vec())));
    assert_eq!(office.folder.texts("SELECT status || ' ' || note FROM effects"), ["image/jpeg 1"]);
}
