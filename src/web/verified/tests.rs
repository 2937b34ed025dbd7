//! What a refusal costs, through the routes that Twilio reaches.

use axum::Router;
use axum::http::Request;
use tower::ServiceExt;

use super::*;
use crate::base::{ManualClock, MessageId, PhoneNumber, Secret, UnixMillis};
use crate::config;
use crate::store::{BroughtKey, Filter, HostDb, HostKey, Inbox, KeyPlace, KeyRing, Ledger, NewMessage};
use crate::web::{Applications, Readiness};
use crate::whatsapp::signature::{sign, work};

const PUBLIC: &str = "https://boat.example";
const OURS: &str = "AC00000000000000000000000000000001";
const ACME: &str = "AC00000000000000000000000000000002";
/// An application with one key, with two while they rotate, and a company with an account and a key of its own.
const PARAMS: &str = r#"
    [applications.one.WHATSAPP]
    environment = "simulator"
    account_id = "AC00000000000000000000000000000001"
    auth_key = "its-only-key"
    [applications.one.companies.ACME.WHATSAPP]
    account_id = "AC00000000000000000000000000000002"
    auth_key = "the-key-of-acme"
    from_phone_number = "+14155550100"
    [applications.two.WHATSAPP]
    environment = "simulator"
    account_id = "AC00000000000000000000000000000001"
    auth_key = ["the-current-key-that-is-longer-than-one-block-of-the-hash-function-takes", "next"]
"#;

struct World {
    folder: tempfile::TempDir,
    inbox: Inbox,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app-params.toml");
    std::fs::write(&file, PARAMS).unwrap();
    let database = folder.path().join("host.db");
    let db = HostDb::open(&database).unwrap();
    let keys = KeyRing::open(&db, HostKey::for_tests()).unwrap();
    let (inbox, _) = Inbox::start_with_keys(db, database, keys, |_| {}).unwrap();
    let site = Site {
        applications: Applications::new(config::load(&file).unwrap().params.applications),
        inbox: inbox.clone(),
        clock: Arc::new(ManualClock::at(UnixMillis(1_000))),
        public_url: PUBLIC.into(),
        public_dir: folder.path().join("public"),
        readiness: Readiness::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    World { folder, inbox, router: site.router(), runtime }
}

impl World {
    /// Posts, and gives the answer's status with the keyed hashes that it took and their bytes.
    fn post(&self, path: &str, account: &str, signature: &str) -> (u16, (usize, usize)) {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(SIGNATURE, signature.as_bytes())
            .body(Body::from(form(account).encode()))
            .unwrap();
        work::taken();
        let response = self.runtime.block_on(self.router.clone().oneshot(request)).unwrap();
        (response.status().as_u16(), work::taken())
    }

    /// What a host does when an action sends with a key of its own.
    fn bring(&self, key: &str) {
        let place = KeyPlace {
            app: AppId::parse("one").unwrap(),
            company: CompanyId::none(),
            account: AccountSid::parse(OURS).unwrap(),
        };
        let message = NewMessage {
            id: MessageId::generate(),
            app: place.app.clone(),
            company: place.company.clone(),
            account: place.account.clone(),
            notification: None,
            to: PhoneNumber::sender("+393331234567").unwrap(),
            from: "whatsapp:+14155238886".into(),
            template: None,
            content_hash: String::new(),
            body: None,
            at: UnixMillis(1_000),
        };
        let key = BroughtKey::new(&HostKey::for_tests(), place, &Secret::new(key)).unwrap();
        self.inbox.open_message_with(message, Some(Arc::new(key))).unwrap();
    }

    fn notifications(&self) -> usize {
        let ledger = Ledger::open(&self.folder.path().join("host.db")).unwrap();
        ledger.notifications(&Filter::default()).unwrap().len()
    }
}

fn form(account: &str) -> Form {
    let sid = format!("SM{:032x}", 1);
    [("AccountSid", account), ("MessageSid", &sid), ("MessageStatus", "sent")].into_iter().collect()
}

#[test]
fn a_refusal_costs_the_same_whatever_is_known_of_application_and_account() {
    let world = world();
    let foreign = "AC00000000000000000000000000000009";
    let forged = sign(PUBLIC, &form(OURS), &Secret::new("another key"));
    let filler = |path: &str, account: &str| {
        sign(&format!("{PUBLIC}{path}"), &form(account), &Secret::new("no such account"))
    };
    // All paths have the same length, so that the bytes can be compared as well.
    let known = "/whatsapp/callback/one/NODEFINED";
    let unknown = "/whatsapp/callback/xxx/NODEFINED";
    let cases = [
        ("wrong signature", known, OURS, forged.clone()),
        ("not base64", known, OURS, "!!!".into()),
        ("empty", known, OURS, String::new()),
        ("not ASCII", known, OURS, "\u{e8}".into()),
        ("very long", known, OURS, "A".repeat(4_000)),
        ("two keys", "/whatsapp/callback/two/NODEFINED", OURS, forged.clone()),
        ("undeclared company", "/whatsapp/callback/one/SOMEBODY1", OURS, forged.clone()),
        ("malformed company", "/whatsapp/callback/one/-ODEFINED", OURS, forged.clone()),
        ("not UTF-8", "/whatsapp/callback/one/NODEFI%FF", OURS, forged.clone()),
        ("foreign account", known, foreign, forged.clone()),
        ("a company's account", known, ACME, forged.clone()),
        ("unknown application", unknown, OURS, forged.clone()),
        ("unknown, not base64", unknown, OURS, "!!!".into()),
        ("unknown, signed with what fills up", unknown, OURS, filler(unknown, OURS)),
        ("foreign, signed with what fills up", known, foreign, filler(known, foreign)),
        ("malformed application", "/whatsapp/callback/-xx/NODEFINED", OURS, forged.clone()),
        ("incoming message", "/whatsapp/message/one/NODEFINED1", OURS, forged.clone()),
        ("unknown, incoming", "/whatsapp/message/xxx/NODEFINED1", OURS, forged.clone()),
    ];
    let (spellings, most) = (2, 2);
    for remembered in [0, 4] {
        // Two of them count while none is confirmed; what is refused costs as if there were four.
        for key in 0..remembered {
            world.bring(&format!("brought-{key}"));
        }
        let (status, cost) = world.post(known, OURS, &forged);
        assert_eq!((status, cost.0), (403, spellings * (most + remembered)));
        for (name, path, account, signature) in &cases {
            assert_eq!(world.post(path, account, signature), (403, cost), "{name}");
        }
    }
    assert_eq!(world.notifications(), 0);

    // What is signed is accepted, and costs no more than it needs.
    for (path, account, key) in [
        (known, OURS, "its-only-key"),
        ("/whatsapp/callback/one/ACME", ACME, "the-key-of-acme"),
        (known, OURS, "brought-3"),
        ("/whatsapp/callback/two/NODEFINED", OURS, "next"),
    ] {
        let signature = sign(&format!("{PUBLIC}{path}"), &form(account), &Secret::new(key));
        let (status, (hashes, _)) = world.post(path, account, &signature);
        assert_eq!(status, 204, "{path} {key}");
        assert!(hashes <= spellings * 3, "{path} {key}: {hashes}");
    }
    assert_eq!(world.notifications(), 3, "the second of application one was the first's repeat");
}
