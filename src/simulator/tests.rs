//! The simulator over real sockets: Twilio's paths on one side, an application that receives callbacks on the other.

mod callbacks;
mod faults;
mod incoming;
mod media;
mod registry;
mod rest;
mod rules;
mod time;

use std::collections::VecDeque;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shares;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::base::{ManualClock, MessageSid, PhoneNumber, Secret, UnixMillis};
use crate::whatsapp::signature::verify;
use crate::whatsapp::{
    Account, Form, MessageFilter, MessageStatus, OutgoingMessage, SendOutcome, Sender, Sent, Twilio,
};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const OTHER_ACCOUNT: &str = "AC00000000000000000000000000000002";
const API_KEY: &str = "SK00000000000000000000000000000001";
const TOKEN: &str = "simulator-auth-token";
const SENDER: &str = "whatsapp:+14155238886";
const PHONE: &str = "whatsapp:+393331234567";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn simulated(sid: &str, token: &str) -> SimulatedAccount {
    let sid = AccountSid::parse(sid).unwrap();
    SimulatedAccount {
        auth_tokens: vec![Secret::new(token), Secret::new("next-token")],
        api_keys: vec![ApiKey { sid: API_KEY.to_owned(), secret: Secret::new("api-secret") }],
        ..SimulatedAccount::new(sid, Secret::new(token), [Address::parse(SENDER).unwrap()])
    }
}

/// A simulator in a hurry.
async fn simulator(rules: Rules) -> (Simulator, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let timings = Timings {
        sent: Duration::from_millis(1),
        delivered: Duration::from_millis(2),
        read: Duration::from_millis(3),
        retry_pause: Duration::from_millis(1),
    };
    let accounts = vec![simulated(ACCOUNT, TOKEN), simulated(OTHER_ACCOUNT, "other-token")];
    let settings = Settings { rules, accounts, timings, clock: clock.clone(), ..Settings::default() };
    (Simulator::bind(settings).await.unwrap(), clock)
}

/// A request as the application received it.
#[derive(Debug)]
struct Received {
    url: String,
    headers: HeaderMap,
    form: Form,
}

impl Received {
    fn status(&self) -> &str {
        self.form.get("MessageStatus").unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    fn is_signed_with(&self, token: &str) -> bool {
        verify(&self.url, &self.form, self.header("X-Twilio-Signature"), &[Secret::new(token)])
    }
}

/// An application that answers its first requests as told, and every other with 204.
struct Application {
    base: String,
    received: mpsc::UnboundedReceiver<Received>,
    /// What each answer waits for, if this test answers by hand.
    permits: Arc<tokio::sync::Semaphore>,
}

#[derive(Clone)]
struct Answers {
    base: String,
    seen: mpsc::UnboundedSender<Received>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
    permits: Arc<tokio::sync::Semaphore>,
}

impl Application {
    async fn answering(statuses: &[u16]) -> Self {
        Self::start(statuses, tokio::sync::Semaphore::MAX_PERMITS).await
    }

    async fn start(statuses: &[u16], permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (seen, received) = mpsc::unbounded_channel();
        let permits = Arc::new(tokio::sync::Semaphore::new(permits));
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect()));
        let answers = Answers { base: base.clone(), seen, statuses, permits: permits.clone() };
        let routes = Router::new().fallback(receive).with_state(answers);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, received, permits }
    }

    fn callback(&self) -> String {
        format!("{}/whatsapp/callback/demo/NODEFINED?message=1", self.base)
    }

    async fn next(&mut self) -> Received {
        tokio::time::timeout(Duration::from_secs(10), self.received.recv()).await.unwrap().unwrap()
    }
}

async fn receive(Shares(answers): Shares<Answers>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (url, form) = (format!("{}{uri}", answers.base), Form::parse(&body).unwrap());
    answers.seen.send(Received { url, headers, form }).unwrap();
    answers.permits.acquire().await.unwrap().forget();
    let status = answers.statuses.lock().unwrap().pop_front();
    StatusCode::from_u16(status.unwrap_or(204)).unwrap()
}

/// A request to Twilio's paths, signed in to the account.
async fn request(simulator: &Simulator, method: &str, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/{path}", simulator.base_url());
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, url).basic_auth(ACCOUNT, Some(TOKEN));
    if !form.is_empty() {
        request = request.form(form);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

async fn create(simulator: &Simulator, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![("To", PHONE), ("From", SENDER), ("Body", "Ciao")];
    form.extend(more);
    request(simulator, "POST", "Messages.json", &form).await
}

fn control(simulator: &Simulator, path: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{}/simulator/{path}", simulator.base_url()))
}

/// The messages as the simulator's own interface shows them.
async fn listed(simulator: &Simulator) -> Vec<Value> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}/simulator/messages", simulator.base_url()));
    let mut shown: Value = request.send().await.unwrap().json().await.unwrap();
    serde_json::from_value(shown["messages"].take()).unwrap()
}

/// Waits until the messages are as wanted.
async fn until(simulator: &Simulator, is_wanted: impl Fn(&[Message]) -> bool) -> Vec<Message> {
    let mut changes = simulator.changes();
    let wait = async {
        loop {
            changes.borrow_and_update();
            let messages = simulator.messages();
            if is_wanted(&messages) {
                return messages;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap()
}

fn has_callbacks(count: usize) -> impl Fn(&[Message]) -> bool {
    move |messages| messages.first().is_some_and(|message| message.callbacks.len() == count)
}

#[tokio::test]
async fn a_message_is_created_in_twilios_shape() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (status, created) = create(&simulator, &[("MediaUrl", "https://example.com/a.png")]).await;
    assert_eq!(status, 201);
    let sid = created["sid"].as_str().unwrap().to_owned();
    assert!(MessageSid::parse(&sid).is_ok() && sid.starts_with("MM"), "{sid}");
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}");
    assert_eq!(
        created,
        json!({
            "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": "Ciao",
            "date_created": "Fri, 15 Jan 2027 08:00:00 +0000", "date_sent": null,
            "date_updated": "Fri, 15 Jan 2027 08:00:00 +0000", "direction": "outbound-api",
            "error_code": null, "error_message": null, "from": SENDER, "messaging_service_sid": null,
            "num_media": "1", "num_segments": "1", "price": null, "price_unit": null, "sid": sid,
            "status": "queued", "subresource_uris": { "media": format!("{path}/Media.json") }, "to": PHONE,
            "uri": format!("{path}.json"),
        })
    );
    until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
    let (status, read) = request(&simulator, "GET", &format!("Messages/{sid}.json"), &[]).await;
    assert_eq!((status, &read["status"], &read["price_unit"]), (200, &json!("read"), &json!("USD")));
    assert_eq!(read["date_sent"], "Fri, 15 Jan 2027 08:00:00 +0000");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_messaging_service_chooses_the_sender_later() {
    let (simulator, _) = simulator(Rules::Open).await;
    let service = format!("MG{}", "0".repeat(32));
    let form = [("To", PHONE), ("MessagingServiceSid", &service), ("Body", "Ciao")];
    let (_, created) = request(&simulator, "POST", "Messages.json", &form).await;
    assert_eq!((&created["status"], &created["from"]), (&json!("accepted"), &Value::Null));
    let sent = until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
    assert_eq!(sent[0].from.as_ref().map(Address::as_str), Some(SENDER));
}

#[tokio::test]
async fn callbacks_are_signed_and_come_in_order() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[]).await;
    let callback = format!("{}#rc=5&rp=all", application.callback());
    let (_, created) = create(&simulator, &[("StatusCallback", &callback)]).await;
    for expected in ["sent", "delivered", "read"] {
        let received = application.next().await;
        assert_eq!(received.status(), expected);
        assert_eq!(received.url, application.callback(), "the fragment stays here");
        assert!(received.is_signed_with(TOKEN));
        assert!(!received.is_signed_with("next-token"), "the primary token signs");
        assert!(!received.header("I-Twilio-Idempotency-Token").is_empty());
        let field = |name| received.form.get(name).unwrap_or_default();
        assert_eq!((field("AccountSid"), field("From"), field("To")), (ACCOUNT, SENDER, PHONE));
        assert_eq!(field("MessageSid"), created["sid"].as_str().unwrap());
        assert_eq!((field("SmsSid"), field("SmsStatus")), (field("MessageSid"), expected));
        assert_eq!((field("ApiVersion"), field("ChannelPrefix")), ("2010-04-01", "whatsapp"));
        assert_eq!(field("ChannelToAddress"), "+39333123XXXX");
        let event = if expected == "sent" { String::new() } else { expected.to_uppercase() };
        assert_eq!(field("EventType"), event);
        assert_eq!(received.form.get("ErrorCode"), None);
    }
}

#[tokio::test]
async fn the_usual_times_are_50_150_and_300_ms() {
    let settings = Settings { accounts: vec![simulated(ACCOUNT, TOKEN)], ..Settings::default() };
    let simulator = Simulator::bind(settings).await.unwrap();
    let mut application = Application::answering(&[]).await;
    let start = tokio::time::Instant::now();
    create(&simulator, &[("StatusCallback", &application.callback())]).await;
    for (expected, at_least) in [("sent", 50), ("delivered", 150), ("read", 300)] {
        assert_eq!(application.next().await.status(), expected);
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{expected}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_status_has_changed_before_its_callback_leaves() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[]).await;
    create(&simulator, &[("StatusCallback", &application.callback())]).await;
    for _ in 0..3 {
        let reported = MessageStatus::parse(application.next().await.status());
        let known = simulator.messages()[0].status.clone();
        assert!(known.rank() >= reported.rank(), "{known} when {reported} was reported");
    }
}

#[tokio::test]
async fn a_slow_application_delays_its_callbacks_and_not_the_message() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::start(&[], 0).await;
    create(&simulator, &[("StatusCallback", &application.callback())]).await;
    assert_eq!(application.next().await.status(), "sent");
    until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
    assert!(application.received.try_recv().is_err(), "the next waits for the answer to this one");
    application.permits.add_permits(1);
    assert_eq!(application.next().await.status(), "delivered");
    assert!(application.received.try_recv().is_err());
    application.permits.add_permits(2);
    assert_eq!(application.next().await.status(), "read");
    let done = until(&simulator, has_callbacks(3)).await;
    assert!(done[0].callbacks.iter().all(|callback| callback.answer == Some(204) && callback.attempts == 1));
}

#[tokio::test]
async fn callbacks_are_retried_as_the_fragment_asks() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[500, 503, 204]).await;
    let callback = format!("{}#rc=2&rp=5xx", application.callback());
    create(&simulator, &[("StatusCallback", &callback)]).await;
    let attempts = [application.next().await, application.next().await, application.next().await];
    assert!(attempts.iter().all(|attempt| attempt.status() == "sent"));
    let tokens: Vec<_> =
        attempts.iter().map(|attempt| attempt.header("I-Twilio-Idempotency-Token")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "retries are the same callback");
    assert_ne!(application.next().await.header("I-Twilio-Idempotency-Token"), tokens[0]);
    let done = until(&simulator, has_callbacks(3)).await;
    assert_eq!((done[0].callbacks[0].attempts, done[0].callbacks[0].answer), (3, Some(204)));
}

#[tokio::test]
async fn without_a_fragment_only_a_failed_connection_is_retried_once() {
    let (simulator, _) = simulator(Rules::Open).await;
    let application = Application::answering(&[500, 404, 503]).await;
    create(&simulator, &[("StatusCallback", &application.callback())]).await;
    let done = until(&simulator, has_callbacks(3)).await;
    let shown: Vec<_> =
        done[0].callbacks.iter().map(|callback| (callback.attempts, callback.answer)).collect();
    assert_eq!(shown, [(1, Some(500)), (1, Some(404)), (1, Some(503))]);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/cb", closed.local_addr().unwrap());
    drop(closed);
    let (_, created) = create(&simulator, &[("StatusCallback", &nowhere)]).await;
    let done = until(&simulator, |messages| messages[1].callbacks.len() == 3).await;
    assert_eq!(created["sid"].as_str(), Some(done[1].sid.as_str()));
    assert!(done[1].callbacks.iter().all(|callback| callback.attempts == 2 && callback.error.is_some()));
}

#[tokio::test]
async fn strangers_are_never_called() {
    let (simulator, _) = simulator(Rules::Open).await;
    create(&simulator, &[("StatusCallback", "https://stranger.example/cb")]).await;
    let done = until(&simulator, has_callbacks(3)).await;
    assert!(done[0].callbacks.iter().all(|callback| callback.attempts == 0), "{:?}", done[0].callbacks);
}

#[tokio::test]
async fn only_the_accounts_own_keys_sign_in() {
    let (simulator, _) = simulator(Rules::Open).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", simulator.base_url());
    for (name, password) in [(ACCOUNT, TOKEN), (ACCOUNT, "next-token"), (API_KEY, "api-secret")] {
        let answer = client.get(&url).basic_auth(name, Some(password)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
    }
    for (name, password) in
        [(ACCOUNT, "wrong"), (ACCOUNT, ""), (OTHER_ACCOUNT, "other-token"), (API_KEY, TOKEN), ("", "")]
    {
        let answer = client.get(&url).basic_auth(name, Some(password)).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{name}");
        assert_eq!(answer.headers()["WWW-Authenticate"], "Basic realm=\"Twilio API\"");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            body,
            json!({ "code": 20003, "message": "Authenticate", "status": 401,
                    "more_info": "https://www.twilio.com/docs/errors/20003" })
        );
    }
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(client.get(&url).bearer_auth("x").send().await.unwrap().status(), 401);
    let unknown = url.replace(ACCOUNT, "AC99");
    assert_eq!(client.get(unknown).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_is_not_there_is_twilios_404() {
    let (simulator, _) = simulator(Rules::Open).await;
    let sid = format!("SM{}", "0".repeat(32));
    let (status, body) = request(&simulator, "GET", &format!("Messages/{sid}.json"), &[]).await;
    assert_eq!((status, &body["code"], &body["status"]), (404, &json!(20404), &json!(404)));
    assert!(body["message"].as_str().unwrap().contains(&sid));
    for path in ["Messages/SM1.json", "Calls.json", "Messages"] {
        assert_eq!(request(&simulator, "GET", path, &[]).await.0, 404, "{path}");
    }
    let (status, body) = request(&simulator, "DELETE", "Messages.json", &[]).await;
    assert_eq!((status, &body["code"]), (405, &json!(20004)));
    // Another account's message is not there either.
    let (_, created) = create(&simulator, &[]).await;
    let path = format!(
        "{}/2010-04-01/Accounts/{OTHER_ACCOUNT}/Messages/{}.json",
        simulator.base_url(),
        created["sid"].as_str().unwrap()
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(path).basic_auth(OTHER_ACCOUNT, Some("other-token")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn a_bad_request_is_refused_with_twilios_code() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (status, body) = create(&simulator, &[("From", "+14155238886")]).await;
    assert_eq!(status, 400);
    assert_eq!(
        body,
        json!({ "code": 63007, "message": "Twilio could not find a Channel with the specified From address",
                "more_info": "https://www.twilio.com/docs/errors/63007", "status": 400 })
    );
    assert!(simulator.messages().is_empty());
}

#[tokio::test]
async fn a_message_is_called_off_redacted_and_deleted() {
    let (simulator, clock) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[]).await;
    let service = format!("MG{}", "0".repeat(32));
    let callback = application.callback();
    let later = [
        ("MessagingServiceSid", &*service),
        ("ScheduleType", "fixed"),
        ("SendAt", "2027-01-15T09:00:00Z"),
        ("StatusCallback", &callback),
    ];
    let (_, created) = create(&simulator, &later).await;
    assert_eq!(created["status"], "scheduled");
    let path = format!("Messages/{}.json", created["sid"].as_str().unwrap());
    let (status, canceled) = request(&simulator, "POST", &path, &[("Status", "canceled")]).await;
    assert_eq!((status, &canceled["status"]), (200, &json!("canceled")));
    let called = application.next().await;
    assert_eq!((called.status(), called.form.get("From")), ("canceled", None), "no sender was chosen");
    assert_eq!(request(&simulator, "GET", &path, &[]).await.1["from"], Value::Null);
    let (status, error) = request(&simulator, "POST", &path, &[("Status", "canceled")]).await;
    assert_eq!((status, &error["code"]), (409, &json!(30409)));

    let (status, redacted) = request(&simulator, "POST", &path, &[("Body", "")]).await;
    assert_eq!((status, &redacted["body"]), (200, &json!("")));
    for bad in [("Body", "Other words"), ("Status", "sent")] {
        assert_eq!(request(&simulator, "POST", &path, &[bad]).await.0, 400, "{bad:?}");
    }

    assert_eq!(request(&simulator, "DELETE", &path, &[]).await.0, 204);
    assert_eq!(request(&simulator, "GET", &path, &[]).await.0, 404);
    assert_eq!(request(&simulator, "DELETE", &path, &[]).await.0, 404);

    // Its time has come already.
    clock.advance(Duration::from_hours(2));
    let (status, error) = create(&simulator, &later).await;
    assert_eq!((status, &error["code"]), (400, &json!(35114)));
}

fn account(simulator: &Simulator) -> Account {
    Account {
        sid: AccountSid::parse(ACCOUNT).unwrap(),
        username: API_KEY.to_owned(),
        password: Secret::new("api-secret"),
        spares: Vec::new(),
        api_base_url: simulator.base_url().parse().unwrap(),
    }
}

fn outgoing(to: &str) -> OutgoingMessage {
    OutgoingMessage {
        to: PhoneNumber::sender(to).unwrap(),
        sender: Sender::Number(PhoneNumber::sender("+14155238886").unwrap()),
        body: Some("Ciao".to_owned()),
        media_url: None,
        content_sid: None,
        content_variables: None,
        status_callback: None,
    }
}

#[tokio::test]
async fn the_hosts_own_client_works_with_it() {
    let (simulator, clock) = simulator(Rules::Open).await;
    let (twilio, account) = (Twilio::new().unwrap(), account(&simulator));
    let mut sids = Vec::new();
    for index in 0..5 {
        clock.advance(Duration::from_mins(1));
        let to = if index % 2 == 0 { "+393331234567" } else { "+393337654321" };
        let outcome = twilio.create_message(&account, &outgoing(to)).await;
        let SendOutcome::Sent(Sent { sid, status, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(status, MessageStatus::Queued);
        sids.push(sid);
    }
    let read = twilio.fetch_message(&account, &sids[0]).await.unwrap();
    assert_eq!((&read.sid, read.body.as_deref()), (&sids[0], Some("Ciao")));
    assert_eq!(read.date_created, Some(UnixMillis(NOW.0 + 60_000)));

    let all = MessageFilter { to: None, from: None, created_since: None, limit: 100 };
    let listed = |filter: MessageFilter| {
        let (twilio, account) = (twilio.clone(), account.clone());
        async move {
            let found = twilio.list_messages(&account, &filter).await.unwrap();
            found.into_iter().map(|message| message.sid).collect::<Vec<_>>()
        }
    };
    let newest_first: Vec<_> = sids.iter().rev().cloned().collect();
    assert_eq!(listed(all.clone()).await, newest_first);
    let to = MessageFilter { to: Some(PhoneNumber::sender("+393337654321").unwrap()), ..all.clone() };
    assert_eq!(listed(to).await, [sids[3].clone(), sids[1].clone()]);
    let from = MessageFilter { from: Some(PhoneNumber::sender("+14155238886").unwrap()), ..all.clone() };
    assert_eq!(listed(from).await.len(), 5);
    let recent = MessageFilter { created_since: Some(UnixMillis(NOW.0 + 240_000)), ..all.clone() };
    assert_eq!(listed(recent).await, newest_first[..2]);
}

#[tokio::test]
async fn a_list_has_pages_and_dates() {
    let (simulator, clock) = simulator(Rules::Open).await;
    let mut sids = Vec::new();
    for _ in 0..5 {
        let (_, created) = create(&simulator, &[]).await;
        sids.insert(0, created["sid"].as_str().unwrap().to_owned());
        until(&simulator, |messages| messages.iter().all(|message| message.status == MessageStatus::Read))
            .await;
        clock.advance(Duration::from_hours(24));
    }
    let mut path = "Messages.json?PageSize=2".to_owned();
    let mut seen = Vec::new();
    for page in 0..3 {
        let (status, list) = request(&simulator, "GET", &path, &[]).await;
        assert_eq!((status, &list["page"], &list["page_size"]), (200, &json!(page), &json!(2)));
        let on_page: Vec<_> = list["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["sid"].as_str().unwrap().to_owned())
            .collect();
        seen.extend(on_page);
        // A message that comes in between shifts no page.
        create(&simulator, &[]).await;
        let next = list["next_page_uri"].as_str().unwrap_or_default();
        assert_eq!(next.is_empty(), page == 2, "{list}");
        path = next.split_once(&format!("{ACCOUNT}/")).map_or_else(String::new, |(_, path)| path.to_owned());
    }
    assert_eq!(seen, sids);

    let count = async |query: &str| {
        let (status, list) = request(&simulator, "GET", &format!("Messages.json?{query}"), &[]).await;
        assert_eq!(status, 200, "{list}");
        list["messages"].as_array().unwrap().len()
    };
    assert_eq!(count("DateSent=2027-01-16").await, 1);
    assert_eq!(count("DateSent%3C=2027-01-16").await, 2);
    assert_eq!(count("DateSent%3E=2027-01-16&DateSent%3C=2027-01-18").await, 3);
    assert_eq!(count("DateSent%3E=2027-01-16T08:00:01Z&DateSent%3C=2027-01-19").await, 3);
    assert_eq!(count("From=whatsapp:%2B14155238886&To=whatsapp:%2B393331234567").await, 8);
    assert_eq!(count("To=whatsapp:%2B390000000000").await, 0);
    assert_eq!(count("PageSize=3&Page=2").await, 2);
    for bad in ["DateSent=soon", "PageToken=x"] {
        let (status, _) = request(&simulator, "GET", &format!("Messages.json?{bad}"), &[]).await;
        assert_eq!(status, 400, "{bad}");
    }
}

#[tokio::test]
async fn magic_recipients_choose_what_happens() {
    let (simulator, _) = simulator(Rules::Open).await;
    for (code, expected) in
        [(63007, 400), (21211, 400), (20003, 401), (20429, 429), (20500, 500), (20503, 503)]
    {
        let (status, body) = create(&simulator, &[("To", &format!("whatsapp:+3939901{code}"))]).await;
        assert_eq!((status, &body["code"]), (expected, &json!(code)));
    }
    assert!(simulator.messages().is_empty(), "what was refused is not kept");

    let mut application = Application::answering(&[]).await;
    let callback = application.callback();
    let statuses = async |application: &mut Application, to: &str, count: usize| {
        let (status, _) = create(&simulator, &[("To", to), ("StatusCallback", &callback)]).await;
        let mut seen = Vec::new();
        for _ in 0..count {
            let received = application.next().await;
            assert!(received.is_signed_with(TOKEN));
            seen.push(format!("{}{}", received.status(), received.form.get("ErrorCode").unwrap_or_default()));
        }
        (status, seen.join(" "))
    };
    let mut case = async |to: &str, status: u16, expected: &str| {
        let count = expected.split_whitespace().count();
        assert_eq!(statuses(&mut application, to, count).await, (status, expected.to_owned()), "{to}");
        until(&simulator, |messages| messages.last().unwrap().callbacks.len() == count).await
    };
    let ends = case("whatsapp:+393990263016", 201, "sent undelivered63016").await;
    let end = ends.last().unwrap();
    assert_eq!((&end.status, end.error_code), (&MessageStatus::Undelivered, Some(63016)));
    assert!(end.resource()["error_message"].is_string());
    case("whatsapp:+393990363015", 201, "failed63015").await;
    case("whatsapp:+393990600000", 201, "sent sent delivered delivered read read").await;
    case("whatsapp:+393990700000", 201, "sent delivered").await;
    let ends = case("whatsapp:+393990800000", 201, "read delivered sent").await;
    assert_eq!(ends.last().unwrap().status, MessageStatus::Read, "a status never goes backwards");
    case("whatsapp:+393990900000", 500, "sent delivered read").await;
    let ends = case("whatsapp:+393990400000", 201, "").await;
    assert_eq!(ends.last().unwrap().status, MessageStatus::Queued);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_sender_in_doubt_and_the_list_resolves_it() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (twilio, account) = (Twilio::new().unwrap(), account(&simulator));
    let message = outgoing("+393990900000");
    let outcome = twilio.create_message(&account, &message).await;
    assert!(matches!(outcome, SendOutcome::InDoubt { .. }), "{outcome:?}");
    let filter = MessageFilter { to: Some(message.to), from: None, created_since: Some(NOW), limit: 10 };
    assert_eq!(twilio.list_messages(&account, &filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn any_recipient_can_be_given_a_script() {
    let (simulator, _) = simulator(Rules::Open).await;
    let script = json!({ "to": "+393331234567", "script": { "refuse": { "code": 63018 } } });
    assert_eq!(control(&simulator, "scripts").json(&script).send().await.unwrap().status(), 204);
    assert_eq!(create(&simulator, &[]).await.1["code"], 63018);
    let back = json!({ "to": PHONE, "script": null });
    assert_eq!(control(&simulator, "scripts").json(&back).send().await.unwrap().status(), 204);
    assert_eq!(create(&simulator, &[]).await.0, 201);
    let step = Step { error_code: Some(63024), ..Step::new(Duration::ZERO, MessageStatus::Failed) };
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(Script::play(vec![step])));
    create(&simulator, &[]).await;
    until(&simulator, |messages| messages[1].error_code == Some(63024)).await;
    let bad = json!({ "to": "nobody", "script": null });
    assert_eq!(control(&simulator, "scripts").json(&bad).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_sandbox_takes_only_phones_that_have_joined() {
    let (simulator, clock) = simulator(Rules::Sandbox).await;
    let end = async |index: usize| {
        create(&simulator, &[]).await;
        until(&simulator, |messages| messages.get(index).is_some_and(|message| message.status.is_final()))
            .await[index]
            .error_code
    };
    assert_eq!(end(0).await, Some(63015));
    let join = json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "body": "join boatswain" });
    assert_eq!(control(&simulator, "incoming").json(&join).send().await.unwrap().status(), 201);
    assert_eq!(end(3).await, None, "after the incoming message and the welcome");
    assert_eq!(end(4).await, Some(63018), "one in three seconds");
    clock.advance(Duration::from_hours(25));
    assert_eq!(end(5).await, Some(63016), "nobody has written for a day");
}

#[tokio::test]
async fn somebody_writes_to_the_application() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[200]).await;
    let url = format!("{}/whatsapp/message/demo/NODEFINED", application.base);
    let incoming =
        json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "body": "Ciao + è", "url": url });
    let answer: Value =
        control(&simulator, "incoming").json(&incoming).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["answer"]["status"], 200);
    let received = application.next().await;
    assert!(received.is_signed_with(TOKEN));
    let field = |name| received.form.get(name).unwrap_or_default();
    assert_eq!((field("From"), field("To"), field("Body")), (PHONE, SENDER, "Ciao + è"));
    assert_eq!((field("SmsStatus"), field("NumMedia"), field("WaId")), ("received", "0", "393331234567"));
    assert_eq!(field("MessageSid"), answer["sid"].as_str().unwrap());
    let stranger = json!({ "account_sid": "AC99999999999999999999999999999999", "from": PHONE, "to": SENDER, "body": "" });
    assert_eq!(control(&simulator, "incoming").json(&stranger).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn it_is_recognised_registers_accounts_and_shows_messages() {
    let (simulator, _) = simulator(Rules::Open).await;
    assert!(Neighbour::at(simulator.local_addr()).await.is_some());
    let other = Application::answering(&[]).await;
    assert!(Neighbour::at(other.base.trim_start_matches("http://").parse().unwrap()).await.is_none());

    let sid = "AC00000000000000000000000000000009";
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let messages = format!("{}/2010-04-01/Accounts/{sid}/Messages.json", simulator.base_url());
    let signed_in = || client.get(&messages).basic_auth(sid, Some("t"));
    assert_eq!(signed_in().send().await.unwrap().status(), 401);
    let account = json!({ "sid": sid, "auth_tokens": ["t"], "senders": ["+14155238886"] });
    assert_eq!(control(&simulator, "accounts").json(&account).send().await.unwrap().status(), 204);
    assert_eq!(signed_in().send().await.unwrap().status(), 200);
    for bad in [json!({ "sid": sid, "auth_tokens": [] }), json!({ "sid": "AC1", "auth_tokens": ["t"] })] {
        assert_eq!(control(&simulator, "accounts").json(&bad).send().await.unwrap().status(), 400, "{bad}");
    }

    create(&simulator, &[("StatusCallback", &other.callback())]).await;
    until(&simulator, has_callbacks(3)).await;
    let shown: Value = client
        .get(format!("{}/simulator/messages", simulator.base_url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown["messages"][0]["to"], PHONE);
    assert_eq!(
        shown["messages"][0]["callbacks"][2],
        json!({ "status": "read", "attempts": 1, "answer": 204, "error": null })
    );
}

#[tokio::test]
async fn a_neighbour_is_told_of_accounts_and_keeps_its_own() {
    let (simulator, _) = simulator(Rules::Open).await;
    let neighbour = Neighbour::at(simulator.local_addr()).await.unwrap();
    let own = AccountSid::parse(ACCOUNT).unwrap();
    let new = AccountSid::parse("AC00000000000000000000000000000009").unwrap();
    assert!(neighbour.knows(&own) && !neighbour.knows(&new));

    let before = |simulator: &Simulator| simulator.shared.state().accounts[&own].clone();
    let (at_first, to) = (before(&simulator), |url: &str| SimulatedSender {
        number: SENDER.parse().unwrap(),
        incoming_url: Some(url.to_owned()),
    });
    let mut stranger = SimulatedAccount::new(new.clone(), Secret::new("t".to_owned()), []);
    stranger.senders.push(to("http://127.0.0.1:9/theirs"));
    stranger.api_keys.push(ApiKey { sid: "SK1".to_owned(), secret: Secret::new("s".to_owned()) });
    let mut same = SimulatedAccount::new(own.clone(), Secret::new(TOKEN.to_owned()), []);
    same.senders.push(to("http://127.0.0.1:9/elsewhere"));
    neighbour.introduce(vec![stranger.clone(), same]).await.unwrap();

    assert_eq!(before(&simulator), at_first);
    assert_eq!(simulator.shared.state().accounts[&new], stranger);
    assert!(Neighbour::at(simulator.local_addr()).await.unwrap().knows(&new));
}

#[tokio::test]
async fn a_shutdown_frees_the_address_and_drops_what_was_to_come() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::answering(&[]).await;
    create(&simulator, &[("To", "whatsapp:+393990599999"), ("StatusCallback", &application.callback())])
        .await;
    let address = simulator.local_addr();
    simulator.shutdown().await;
    assert!(Neighbour::at(address).await.is_none());
    assert!(application.received.try_recv().is_err());
    let again = Simulator::bind(Settings { listen: address, ..Settings::default() }).await.unwrap();
    let taken = Simulator::bind(Settings { listen: address, ..Settings::default() }).await;
    assert!(matches!(taken, Err(SimulatorError::Listen { .. })));
    drop(again);
}
