//! Somebody writes: what the application gets, and what becomes of its answer.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::*;

/// An application that answers incoming messages by path, and remembers what it got.
struct Phone {
    base: String,
    received: mpsc::UnboundedReceiver<Received>,
}

/// The answers by path; the type is `text/xml` where none is given.
const ANSWERS: &[(&str, Option<&str>, &str)] = &[
    ("/silent", None, "<Response/>"),
    ("/reply", None, "<Response><Message>Ciao anche a te</Message></Response>"),
    (
        "/two",
        None,
        r#"<Response>
            <Message><Body>Ecco</Body><Media>/a.png</Media></Message>
            <Message to="whatsapp:+393337654321" action="/status">Anche a te</Message>
        </Response>"#,
    ),
    ("/plain", Some("text/plain"), "Ciao"),
    ("/redirect", None, "<Response><Message>Uno</Message><Redirect>/reply</Redirect></Response>"),
    ("/around", None, "<Response><Redirect>/around</Redirect></Response>"),
    ("/broken", None, "<Response><Message>"),
    ("/json", Some("application/json"), "{}"),
    ("/empty", None, "<Response><Message/></Response>"),
    ("/long", None, "<Response><Message>LONG</Message></Response>"),
    ("/nobody", None, r#"<Response><Message to="+39333123456789012">Ciao</Message></Response>"#),
    ("/stranger", None, r#"<Response><Message from="+14155550000">Ciao</Message></Response>"#),
];

impl Phone {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (seen, received) = mpsc::unbounded_channel();
        let own = base.clone();
        let routes = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (url, form) = (format!("{own}{uri}"), Form::parse(&body).unwrap());
            seen.send(Received { url, headers, form }).unwrap();
            let answer = ANSWERS.iter().find(|(path, _, _)| *path == uri.path());
            answer.map_or_else(
                || StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                |(_, content_type, body)| -> Response {
                    let body = body.replace("LONG", &"x".repeat(1601));
                    ([(CONTENT_TYPE, content_type.unwrap_or("text/xml"))], body).into_response()
                },
            )
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, received }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn next(&mut self) -> Received {
        tokio::time::timeout(Duration::from_secs(10), self.received.recv()).await.unwrap().unwrap()
    }
}

/// Somebody writes to the account's sender.
async fn write(simulator: &Simulator, more: &Value) -> (u16, Value) {
    let mut incoming = json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "body": "Ciao" });
    incoming.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = control(simulator, "incoming").json(&incoming).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn field<'a>(received: &'a Received, name: &str) -> &'a str {
    received.form.get(name).unwrap_or_default()
}

async fn shown(simulator: &Simulator) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/simulator/messages", simulator.base_url());
    client.get(url).send().await.unwrap().json::<Value>().await.unwrap()["messages"].take()
}

#[tokio::test]
async fn media_come_with_addresses_that_ask_for_the_key() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut phone = Phone::start().await;
    let picture = b"\x89PNG picture";
    let media = json!([
        { "content_type": "image/png", "base64": STANDARD.encode(picture) },
        { "content_type": "text/html", "base64": STANDARD.encode("<script>") },
    ]);
    let (status, told) = write(&simulator, &json!({ "media": media, "url": phone.url("/silent") })).await;
    assert_eq!(status, 201, "{told}");
    let sid = told["sid"].as_str().unwrap();
    assert!(sid.starts_with("MM"), "{sid}");
    let received = phone.next().await;
    assert!(received.is_signed_with(TOKEN));
    assert_eq!((field(&received, "NumMedia"), field(&received, "MessageType")), ("2", "image"));
    assert_eq!(
        (field(&received, "MediaContentType0"), field(&received, "MediaContentType1")),
        ("image/png", "text/html")
    );
    let url = field(&received, "MediaUrl0");
    let resource = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/ME", simulator.base_url());
    assert!(url.starts_with(&resource), "{url}");

    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 401, "the resource asks for the key");
    let answer = client.get(url).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    let location = answer.headers()["Location"].to_str().unwrap().to_owned();
    let answer = client.get(format!("{}{location}", simulator.base_url())).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["Content-Type"].to_str().unwrap()),
        (200, "image/png")
    );
    assert_eq!(answer.headers()["Content-Security-Policy"], "sandbox; default-src 'none'");
    assert_eq!(answer.bytes().await.unwrap(), picture.as_slice());
    let guessed = format!("{}/media/{sid}/{}", simulator.base_url(), "0".repeat(32));
    assert_eq!(client.get(guessed).send().await.unwrap().status(), 404);

    let (_, list) = request(&simulator, "GET", &format!("Messages/{sid}/Media.json"), &[]).await;
    assert_eq!(list["media_list"][1]["content_type"], "text/html");
    let message = &shown(&simulator).await[0];
    assert_eq!(
        (&message["media_urls"][0], &message["attachments"][0]["content"]),
        (&json!(url), &json!(location))
    );

    assert_eq!(request(&simulator, "DELETE", &format!("Messages/{sid}.json"), &[]).await.0, 204);
    let gone = client.get(format!("{}{location}", simulator.base_url())).send().await.unwrap();
    assert_eq!(gone.status(), 404, "the media go with their message");
}

#[tokio::test]
async fn a_medium_can_be_taken_from_this_computer() {
    let (simulator, _) = simulator(Rules::Open).await;
    let phone = Phone::start().await;
    let (status, told) = write(&simulator, &json!({ "media": [{ "url": phone.url("/plain") }] })).await;
    assert_eq!((status, &told["answer"]), (201, &Value::Null), "nobody is to be told");
    let message = &shown(&simulator).await[0];
    assert_eq!(message["attachments"][0]["content_type"], "text/plain");
    for bad in [
        json!([{ "url": "https://shop.example/a.png" }]),
        json!([{ "url": phone.url("/nothing") }]),
        json!([{ "content_type": "image/png", "base64": "&" }]),
        json!([{ "content_type": "a\nb/c", "base64": "" }]),
    ] {
        let (status, told) = write(&simulator, &json!({ "media": bad })).await;
        assert_eq!((status, &told["code"]), (400, &json!(20001)), "{told}");
    }
}

#[tokio::test]
async fn places_buttons_and_replies_are_told() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut phone = Phone::start().await;
    let (_, created) = create(&simulator, &[]).await;
    let place = json!({ "latitude": 45.4642, "longitude": -9.19, "address": "Via Roma 1", "label": "Casa" });
    let url = phone.url("/silent");
    write(&simulator, &json!({ "body": "", "location": place, "profile_name": "Anna è", "url": url })).await;
    let received = phone.next().await;
    assert_eq!((field(&received, "Latitude"), field(&received, "Longitude")), ("45.4642", "-9.19"));
    assert_eq!((field(&received, "Address"), field(&received, "Label")), ("Via Roma 1", "Casa"));
    assert_eq!((field(&received, "MessageType"), field(&received, "ProfileName")), ("location", "Anna è"));

    let button = json!({ "text": "Sì", "payload": "yes-1" });
    let replied = json!({ "body": "", "button": button, "reply_to": created["sid"], "url": url });
    let (_, told) = write(&simulator, &replied).await;
    let received = phone.next().await;
    assert_eq!((field(&received, "ButtonText"), field(&received, "ButtonPayload")), ("Sì", "yes-1"));
    assert_eq!((field(&received, "Body"), field(&received, "MessageType")), ("Sì", "button"));
    assert_eq!(field(&received, "OriginalRepliedMessageSid"), created["sid"]);
    assert_eq!(field(&received, "OriginalRepliedMessageSender"), SENDER);

    let (_, list) = request(&simulator, "GET", "Messages.json", &[]).await;
    let first = &list["messages"][0];
    assert_eq!((&first["sid"], &first["direction"]), (&told["sid"], &json!("inbound")));
    assert_eq!(
        (&first["status"], &first["from"], &first["to"]),
        (&json!("received"), &json!(PHONE), &json!(SENDER))
    );
    assert_eq!(shown(&simulator).await[1]["profile_name"], "Anna è");
}

#[tokio::test]
async fn it_goes_where_the_senders_messages_go() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut phone = Phone::start().await;
    let sender = SimulatedSender {
        number: Address::parse("whatsapp:+14155238889").unwrap(),
        incoming_url: Some(phone.url("/silent")),
    };
    simulator.register(SimulatedAccount { senders: vec![sender], ..simulated(OTHER_ACCOUNT, "other-token") });
    let incoming = json!({ "from": PHONE, "to": "+14155238889", "body": "Ciao" });
    let answer = control(&simulator, "incoming").json(&incoming).send().await.unwrap();
    assert_eq!(answer.status(), 201, "one account has the sender");
    let received = phone.next().await;
    assert_eq!(field(&received, "AccountSid"), OTHER_ACCOUNT);
    assert!(received.is_signed_with("other-token"));
    for (to, part) in [(SENDER, "several accounts"), ("+14155230000", "no account has")] {
        let incoming = json!({ "from": PHONE, "to": to, "body": "Ciao" });
        let answer = control(&simulator, "incoming").json(&incoming).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{to}");
        let error: Value = answer.json().await.unwrap();
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    assert_eq!(write(&simulator, &json!({ "to": "+14155230000" })).await.0, 400);
}

#[tokio::test]
async fn a_request_is_repeated_with_the_same_sid() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut phone = Phone::start().await;
    let url = phone.url("/silent");
    let (_, told) = write(&simulator, &json!({ "copies": 3, "url": url })).await;
    assert_eq!(told["answers"].as_array().unwrap().len(), 3);
    let sid = told["sid"].clone();
    let (_, again) = write(&simulator, &json!({ "sid": sid, "url": url })).await;
    assert_eq!(again["sid"], sid);
    for _ in 0..4 {
        assert_eq!(field(&phone.next().await, "MessageSid"), sid);
    }
    assert_eq!(simulator.messages().len(), 1);
    let chosen = "SM00000000000000000000000000000042";
    assert_eq!(write(&simulator, &json!({ "sid": chosen })).await.1["sid"], chosen);
    for bad in [json!({ "copies": 0 }), json!({ "copies": 101 })] {
        assert_eq!(write(&simulator, &bad).await.0, 400, "{bad}");
    }
    let (_, created) = create(&simulator, &[]).await;
    assert_eq!(write(&simulator, &json!({ "sid": created["sid"] })).await.0, 400, "it went out");
}

#[tokio::test]
async fn it_is_delivered_although_the_caller_goes_away() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut application = Application::start(&[], 0).await;
    let body = json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "url": application.callback() });
    let body = body.to_string();
    let head = "POST /simulator/incoming HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut caller = TcpStream::connect(simulator.local_addr()).await.unwrap();
    caller.write_all(request.as_bytes()).await.unwrap();
    application.next().await;
    caller.shutdown().await.unwrap();
    let mut answer = Vec::new();
    caller.read_to_end(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "", "the simulator has seen that the caller is gone");
    application.permits.add_permits(1);
    let messages = until(&simulator, has_callbacks(1)).await;
    assert_eq!(messages[0].callbacks[0].answer, Some(204));
}

#[tokio::test]
async fn the_same_twice_at_once_is_one_message() {
    let (simulator, _) = simulator(Rules::Open).await;
    // Gives its file once both have asked for it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.txt", listener.local_addr().unwrap());
    let both = Arc::new(Barrier::new(2));
    let routes = Router::new().fallback(async move || {
        both.wait().await;
        "text"
    });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let same = json!({ "sid": "MM00000000000000000000000000000042", "media": [{ "url": url }] });
    let (one, other) = tokio::join!(write(&simulator, &same), write(&simulator, &same));
    assert_eq!((one.0, other.0), (201, 201), "{one:?} {other:?}");
    assert_eq!(one.1["sid"], other.1["sid"]);
    assert_eq!(simulator.messages().len(), 1);
}

#[tokio::test]
async fn a_text_has_4096_characters_at_most() {
    let (simulator, _) = simulator(Rules::Open).await;
    assert_eq!(write(&simulator, &json!({ "body": "è".repeat(4096) })).await.0, 201);
    let (status, told) = write(&simulator, &json!({ "body": "è".repeat(4097) })).await;
    assert_eq!((status, &told["code"]), (400, &json!(20001)), "{told}");
    assert_eq!(simulator.messages().len(), 1);
}

#[tokio::test]
async fn a_reply_that_is_not_taken_is_an_error_of_the_answer() {
    let (simulator, _) = simulator(Rules::Open).await;
    let phone = Phone::start().await;
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(Script::Break { answer: Answer::ServerError }));
    let (status, told) = write(&simulator, &json!({ "url": phone.url("/reply") })).await;
    assert_eq!((status, &told["replies"]), (201, &json!([])));
    let messages = simulator.messages();
    assert_eq!((messages.len(), messages[0].error_code), (1, Some(20500)));
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_of_what_is_wrong_has_no_phone_number() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (simulator, _) = simulator(Rules::Open).await;
    let phone = Phone::start().await;
    write(&simulator, &json!({ "url": phone.url("/nobody") })).await;
    let errors = &shown(&simulator).await[0]["answer_errors"];
    assert!(errors[0]["message"].as_str().unwrap().contains("+39333"), "{errors}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("code=21211") && !log.contains("+39333"), "{log}");
}

#[tokio::test]
async fn the_answer_is_carried_out() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut phone = Phone::start().await;
    let mut replies = async |path: &str| {
        let before = simulator.messages().len();
        let (_, told) = write(&simulator, &json!({ "url": phone.url(path) })).await;
        phone.next().await;
        let messages = simulator.messages().split_off(before);
        assert!(messages[0].inbound.as_ref().unwrap().answer_errors.is_empty(), "{path}");
        let sids: Vec<_> = messages[1..].iter().map(|message| json!(message.sid)).collect();
        assert_eq!(told["replies"], json!(sids));
        messages[1..].iter().map(Message::resource).collect::<Vec<_>>()
    };
    assert_eq!(replies("/silent").await, Vec::<Value>::new());
    let reply = replies("/reply").await.remove(0);
    assert_eq!((&reply["from"], &reply["to"]), (&json!(SENDER), &json!(PHONE)));
    assert_eq!((&reply["body"], &reply["direction"]), (&json!("Ciao anche a te"), &json!("outbound-reply")));
    assert_eq!(replies("/plain").await[0]["body"], "Ciao");
    let two = replies("/two").await;
    assert_eq!((&two[0]["body"], &two[0]["num_media"]), (&json!("Ecco"), &json!("1")));
    assert_eq!((&two[1]["body"], &two[1]["to"]), (&json!("Anche a te"), &json!("whatsapp:+393337654321")));
    assert_eq!(replies("/redirect").await.len(), 2, "the other answer counts too");
    // A reply is a message like others: it is delivered, and reported.
    let reported = until(&simulator, |messages| {
        messages.iter().any(|message| message.status_callback.is_some() && message.callbacks.len() == 3)
    })
    .await;
    let urls: Vec<_> = reported.iter().filter_map(|message| message.status_callback.clone()).collect();
    assert_eq!(urls, [phone.url("/status")]);
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_noted() {
    let (simulator, _) = simulator(Rules::Open).await;
    let phone = Phone::start().await;
    for (path, code) in [
        ("/broken", 12100),
        ("/json", 12300),
        ("/empty", 14103),
        ("/long", 21617),
        ("/stranger", 63007),
        ("/around", 11200),
        ("/nothing", 11200),
    ] {
        let (status, told) = write(&simulator, &json!({ "url": phone.url(path) })).await;
        assert_eq!((status, &told["replies"]), (201, &json!([])), "{path}");
        let message = shown(&simulator).await.as_array_mut().unwrap().pop().unwrap();
        assert_eq!(message["error_code"], code, "{path}: {message}");
        assert_eq!(message["answer_errors"][0]["code"], code, "{path}");
        assert_eq!(message["status"], "received");
    }
    let (_, told) = write(&simulator, &json!({ "url": "https://stranger.example/in" })).await;
    assert!(told["answer"]["error"].as_str().unwrap().contains("loopback"), "{told}");
}

#[test]
fn the_oldest_media_are_dropped_first() {
    let mut store = Store::default();
    let medium =
        |size: usize| Attachment::kept("image/png".to_owned(), Bytes::from(vec![0; size]), NOW).unwrap();
    let message = |last: u8, attachments| Message {
        sid: MessageSid::parse(&format!("MM{last:032}")).unwrap(),
        account: AccountSid::parse(ACCOUNT).unwrap(),
        direction: Direction::Inbound,
        to: Address::parse(SENDER).unwrap(),
        from: None,
        chosen: None,
        messaging_service: None,
        body: String::new(),
        media_urls: Vec::new(),
        attachments,
        media: None,
        content_sid: None,
        content_variables: None,
        status: MessageStatus::Received,
        error_code: None,
        created: NOW,
        updated: NOW,
        sent: None,
        status_callback: None,
        callbacks: Vec::new(),
        inbound: None,
    };
    let half = attachments::MAX_KEPT / 2;
    for last in 0..3 {
        store.insert(message(last, vec![medium(half)]));
        store.make_room();
    }
    let kept: Vec<_> = store.all().map(|message| message.attachments.len()).collect();
    assert_eq!(kept, [0, 1, 1]);
}
