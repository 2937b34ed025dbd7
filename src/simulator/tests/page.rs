//! The page with the phones: what it is served with, who may use it, and how it learns of changes.

use reqwest::Response;

use super::super::page::FILES;
use super::*;

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn get(simulator: &Simulator, path: &str) -> Response {
    client().get(format!("{}{path}", simulator.base_url())).send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).unwrap().to_str().unwrap()
}

#[tokio::test]
async fn the_page_may_load_nothing_but_its_own() {
    let (simulator, _) = simulator(Rules::Open).await;
    let page = get(&simulator, "/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    assert_eq!(header(&page, "referrer-policy"), "no-referrer");
    let policy = header(&page, "content-security-policy").to_owned();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: http://127.0.0.1:* http://localhost:*",
        "media-src 'self' blob: http://127.0.0.1:* http://localhost:*",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|known| known == rule), "{rule} in {policy}");
    }
    let html = page.text().await.unwrap();
    assert!(html.contains(r#"data-media="http://127.0.0.1:* http://localhost:*""#), "{html}");
    for secret in [TOKEN, "next-token", "api-secret", ACCOUNT] {
        assert!(!html.contains(secret), "{secret}");
    }
}

/// Inside a host only what the host names is fetched, by the simulator and by the page.
#[tokio::test]
async fn the_page_shows_the_media_that_the_simulator_may_fetch() {
    let settings = Settings { media: MediaFrom::Named, ..Settings::default() };
    let simulator = Simulator::bind(settings).await.unwrap();
    simulator.allow_media_from(&Url::parse("https://bots.example.com/path").unwrap());
    let page = get(&simulator, "/").await;
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("img-src 'self' blob: https://bots.example.com;"), "{policy}");
}

#[tokio::test]
async fn everything_that_the_page_names_is_served() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut named: Vec<String> = Vec::new();
    let html = get(&simulator, "/").await.text().await.unwrap();
    named.extend(html.split('"').filter(|text| text.starts_with("/simulator/page/")).map(str::to_owned));
    for (_, _, contents) in FILES {
        let imports = contents.split('"').filter_map(|text| text.strip_prefix("./"));
        named.extend(imports.map(|name| format!("/simulator/page/{name}")));
    }
    assert!(named.len() > FILES.len(), "{named:?}");
    for path in named {
        let answer = get(&simulator, &path).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "x-content-type-options")),
            (200, "nosniff"),
            "{path}"
        );
    }
    assert_eq!(get(&simulator, "/simulator/page/other.js").await.status(), 404);
    assert_eq!(get(&simulator, "/simulator/page/..%2Fmod.rs").await.status(), 404);
}

/// What stands in messages is text. The browser test tries it out; this finds the way round it before it is used.
#[test]
fn the_page_makes_no_html_of_text() {
    for (name, _, contents) in FILES {
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"] {
            assert!(!contents.contains(way), "{name}: {way}");
        }
    }
}

/// A stream of events.
struct Events(Response);

impl Events {
    async fn of(simulator: &Simulator) -> Self {
        let answer = get(simulator, "/simulator/events").await;
        assert_eq!(header(&answer, "content-type"), "text/event-stream");
        Self(answer)
    }

    /// The revision that the next event tells, or the last of those that have come; `None` at the end of the stream.
    async fn next(&mut self) -> Option<u64> {
        let chunk = tokio::time::timeout(Duration::from_secs(10), self.0.chunk()).await.unwrap().unwrap()?;
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        assert!(text.starts_with("event: changed\ndata: "), "{text}");
        let data = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str::<Value>(data).unwrap()["revision"].as_u64()
    }
}

#[tokio::test]
async fn events_tell_that_something_has_changed() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut events = Events::of(&simulator).await;
    let first = events.next().await.unwrap();
    let (_, created) = create(&simulator, &[]).await;
    until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
    let mut last = first;
    let is_read = async |since: u64| {
        let answer: Value =
            get(&simulator, &format!("/simulator/messages?since={since}")).await.json().await.unwrap();
        assert_eq!(answer["whole"], false);
        (answer["messages"][0]["status"] == "read", answer["messages"][0]["sid"].clone())
    };
    // However many events the changes were put into, the last one leads to the last status.
    let sid = loop {
        last = events.next().await.unwrap().max(last);
        if let (true, sid) = is_read(first).await {
            break sid;
        }
    };
    assert!(last > first);
    assert_eq!(sid, created["sid"]);
}

#[tokio::test]
async fn an_open_stream_does_not_hold_a_shutdown_up() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut events = Events::of(&simulator).await;
    events.next().await.unwrap();
    let ended = tokio::spawn(async move { while events.next().await.is_some() {} });
    tokio::time::timeout(SHUTDOWN_GRACE / 2, simulator.shutdown()).await.unwrap();
    ended.await.unwrap();
}

#[tokio::test]
async fn only_the_messages_that_changed_are_told() {
    let (simulator, _) = simulator(Rules::Open).await;
    let ask = async |query: &str| -> Value {
        get(&simulator, &format!("/simulator/messages{query}")).await.json().await.unwrap()
    };
    create(&simulator, &[]).await;
    until(&simulator, |messages| messages[0].status == MessageStatus::Read).await;
    let all = ask("").await;
    assert_eq!((&all["whole"], all["messages"].as_array().unwrap().len()), (&json!(true), 1));
    let since = format!("?since={}", all["revision"]);
    assert_eq!(ask(&since).await["messages"], json!([]));

    let (_, second) = create(&simulator, &[]).await;
    until(&simulator, |messages| messages[1].status == MessageStatus::Read).await;
    let changed = ask(&since).await;
    assert_eq!(changed["whole"], false);
    let sids: Vec<_> =
        changed["messages"].as_array().unwrap().iter().map(|message| &message["sid"]).collect();
    assert_eq!(sids, [&second["sid"]]);

    let path = format!("Messages/{}.json", second["sid"].as_str().unwrap());
    assert_eq!(request(&simulator, "DELETE", &path, &[]).await.0, 204);
    let after = ask(&since).await;
    assert_eq!((&after["whole"], after["messages"].as_array().unwrap().len()), (&json!(true), 1));
    let since = format!("?since={}", after["revision"]);
    simulator.forget();
    let after = ask(&since).await;
    assert_eq!((&after["whole"], &after["messages"]), (&json!(true), &json!([])));
}

/// The page shows what waits for a phone's next messages, whoever asked for it.
#[tokio::test]
async fn what_waits_for_messages_is_told() {
    let (simulator, _) = simulator(Rules::Open).await;
    let scripts = async || -> Value { get(&simulator, "/simulator/scripts").await.json().await.unwrap() };
    assert_eq!(scripts().await, json!({ "scripts": [] }));
    let script = json!({ "refuse": { "code": 63007 } });
    let mut changes = simulator.changes();
    let asked = json!({ "to": PHONE, "script": script, "times": 2 });
    assert_eq!(control(&simulator, "scripts").json(&asked).send().await.unwrap().status(), 204);
    assert!(changes.has_changed().unwrap());
    assert_eq!(scripts().await["scripts"], json!([{ "to": PHONE, "script": script, "times": 2 }]));
    changes.mark_unchanged();
    assert_eq!(create(&simulator, &[]).await.0, 400);
    assert!(changes.has_changed().unwrap(), "a message that is refused leaves no other trace");
    assert_eq!(scripts().await["scripts"][0]["times"], 1);
    assert_eq!(create(&simulator, &[]).await.0, 400);
    assert_eq!(scripts().await, json!({ "scripts": [] }));
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let (simulator, _) = simulator(Rules::Open).await;
    let ask = async |method: reqwest::Method, path: &str, name: &str, value: &str| {
        let url = format!("{}{path}", simulator.base_url());
        client()
            .request(method, url)
            .header(name, value)
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for (method, path) in [
        (reqwest::Method::GET, "/simulator"),
        (reqwest::Method::GET, "/simulator/messages"),
        (reqwest::Method::GET, "/simulator/events"),
        (reqwest::Method::POST, "/simulator/accounts"),
        (reqwest::Method::POST, "/simulator/scripts"),
        (reqwest::Method::POST, "/simulator/incoming"),
    ] {
        assert_eq!(ask(method.clone(), path, "Origin", "https://evil.example").await, 403, "{path}");
        assert_eq!(ask(method.clone(), path, "Origin", "null").await, 403, "{path}");
        assert_eq!(ask(method, path, "Host", "evil.example").await, 403, "{path}");
    }
    let own = simulator.base_url();
    assert_eq!(ask(reqwest::Method::GET, "/simulator", "Origin", &own).await, 200);
}
