//! What is registered by call.

use super::*;

async fn get(simulator: &Simulator, path: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/simulator/{path}", simulator.base_url());
    client.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn an_account_is_registered_with_all_that_belongs_to_it() {
    let simulator = Simulator::bind(Settings::default()).await.unwrap();
    let sid = "AC00000000000000000000000000000009";
    let account = json!({
        "sid": sid,
        "auth_tokens": ["a-secret-token"],
        "api_keys": [{ "sid": API_KEY, "secret": "another-secret" }],
        "senders": ["+14155238886", { "number": "+14155238887", "incoming_url": "http://127.0.0.1:1/in" }],
        "messaging_services": [{ "sid": rest::SERVICE, "senders": ["+14155238887"] }],
        "templates": [{ "sid": "HX00000000000000000000000000000001", "text": "Ciao {{1}}" }],
    });
    let mut changes = simulator.changes();
    changes.mark_unchanged();
    assert_eq!(control(&simulator, "accounts").json(&account).send().await.unwrap().status(), 204);
    assert!(changes.has_changed().unwrap());
    let shown = get(&simulator, "accounts").await;
    assert_eq!(
        shown,
        json!({ "accounts": [{
            "sid": sid,
            "senders": [
                { "number": SENDER, "incoming_url": null },
                { "number": rest::SECOND, "incoming_url": "http://127.0.0.1:1/in" },
            ],
            "messaging_services": [{ "sid": rest::SERVICE, "senders": [rest::SECOND] }],
            "templates": [{ "sid": "HX00000000000000000000000000000001", "text": "Ciao {{1}}", "approved": true }],
        }] })
    );
    assert!(!shown.to_string().contains("secret"));

    // What is registered again is changed, and nothing is lost.
    let more = json!({
        "sid": sid,
        "auth_tokens": ["next"],
        "senders": [{ "number": "+14155238886", "incoming_url": "http://127.0.0.1:2/in" }, "+14155238887"],
        "messaging_services": [{ "sid": rest::SERVICE, "senders": ["+14155238886"] }],
        "templates": [{ "sid": "HX00000000000000000000000000000001", "text": "Salve {{1}}", "approved": false }],
    });
    assert_eq!(control(&simulator, "accounts").json(&more).send().await.unwrap().status(), 204);
    let account = &get(&simulator, "accounts").await["accounts"][0];
    assert_eq!(account["senders"][0]["incoming_url"], "http://127.0.0.1:2/in");
    assert_eq!(account["senders"][1]["incoming_url"], "http://127.0.0.1:1/in");
    assert_eq!(account["messaging_services"], json!([{ "sid": rest::SERVICE, "senders": [SENDER] }]));
    assert_eq!(account["templates"].as_array().unwrap().len(), 1);
    assert_eq!(account["templates"][0]["approved"], false);

    for (name, password) in [(sid, "a-secret-token"), (sid, "next"), (API_KEY, "another-secret")] {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/2010-04-01/Accounts/{sid}/Messages.json", simulator.base_url());
        assert_eq!(
            client.get(url).basic_auth(name, Some(password)).send().await.unwrap().status(),
            200,
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_is_not_registered() {
    let simulator = Simulator::bind(Settings::default()).await.unwrap();
    let with = |name: &str, value: Value| {
        let mut account = json!({ "sid": ACCOUNT, "auth_tokens": ["t"] });
        account[name] = value;
        account
    };
    for bad in [
        with("senders", json!(["nobody"])),
        with("senders", json!([{ "number": "+14155238886", "incoming_url": "ftp://127.0.0.1/" }])),
        with("senders", json!([{ "number": "+14155238886", "url": "http://127.0.0.1/" }])),
        with("messaging_services", json!([{ "sid": rest::SERVICE, "senders": ["1"] }])),
        with("templates", json!([{ "sid": "HX1", "text": "Ciao" }])),
        with("templates", json!([{ "sid": "HX00000000000000000000000000000001", "text": "Ciao {{1" }])),
        with("tokens", json!([])),
    ] {
        assert_eq!(control(&simulator, "accounts").json(&bad).send().await.unwrap().status(), 400, "{bad}");
    }
    assert_eq!(get(&simulator, "accounts").await, json!({ "accounts": [] }));
}
