//! Twilio's REST API: headers, scheduling and validity, templates and services, media, deletion.

use super::*;
use crate::base::{ContentSid, TemplateText};

pub(super) const SERVICE: &str = "MG00000000000000000000000000000001";
const TEMPLATE: &str = "HX00000000000000000000000000000001";
const UNAPPROVED: &str = "HX00000000000000000000000000000002";
pub(super) const SECOND: &str = "whatsapp:+14155238887";

/// The account with two senders, a service and two templates.
fn whole() -> SimulatedAccount {
    let template = |sid: &str, approved| SimulatedTemplate {
        sid: ContentSid::parse(sid).unwrap(),
        text: TemplateText::parse("Ciao {{1}}, il tuo ordine {{2}} è partito.").unwrap(),
        approved,
    };
    let senders = [SENDER, SECOND].map(|sender| Address::parse(sender).unwrap());
    SimulatedAccount {
        messaging_services: vec![MessagingService { sid: SERVICE.to_owned(), senders: senders.to_vec() }],
        templates: vec![template(TEMPLATE, true), template(UNAPPROVED, false)],
        ..SimulatedAccount::new(AccountSid::parse(ACCOUNT).unwrap(), Secret::new(TOKEN), senders)
    }
}

async fn send(simulator: &Simulator, form: &[(&str, &str)]) -> (u16, Value) {
    request(simulator, "POST", "Messages.json", form).await
}

fn by_template<'a>(sid: &'a str, variables: &'a str) -> [(&'a str, &'a str); 4] {
    [("To", PHONE), ("From", SENDER), ("ContentSid", sid), ("ContentVariables", variables)]
}

async fn raw(simulator: &Simulator, method: &str, path: &str) -> reqwest::Response {
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/{path}", simulator.base_url());
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    client.request(method, url).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap()
}

#[tokio::test]
async fn every_answer_has_twilios_headers() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut ids = Vec::new();
    for path in ["Messages.json", "Messages/SM1.json", "Calls.json"] {
        let answer = raw(&simulator, "GET", path).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let id = header("Twilio-Request-Id");
        assert!(id.len() == 34 && id.starts_with("RQ"), "{id}");
        ids.push(id);
        assert!(header("Twilio-Request-Duration").parse::<f64>().unwrap() < 10.0);
        assert_eq!(header("Twilio-Concurrent-Requests"), "1");
        assert!(header("Content-Type").starts_with("application/json"));
    }
    let script = Script::Break { answer: Answer::ServerError };
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(script));
    let form = [("To", PHONE), ("From", SENDER), ("Body", "Ciao")];
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", simulator.base_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let broken = client.post(url).basic_auth(ACCOUNT, Some(TOKEN)).form(&form).send().await.unwrap();
    assert_eq!(broken.status(), 500);
    ids.push(broken.headers()["Twilio-Request-Id"].to_str().unwrap().to_owned());
    ids.dedup();
    assert_eq!(ids.len(), 4, "each request has its own id");
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let (simulator, _) = simulator(Rules::Open).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", simulator.base_url());
    let message = json!({ "To": PHONE, "From": SENDER, "Body": "Ciao" });
    let answer = client.post(&url).basic_auth(ACCOUNT, Some(TOKEN)).json(&message).send().await.unwrap();
    assert_eq!(answer.status(), 415);
    let error: Value = answer.json().await.unwrap();
    assert_eq!((&error["code"], &error["status"]), (&json!(20415), &json!(415)));
    // One without a type is read as a form.
    let form = format!("To={}&From={}&Body=Ciao", PHONE.replace('+', "%2B"), SENDER.replace('+', "%2B"));
    let answer = client.post(&url).basic_auth(ACCOUNT, Some(TOKEN)).body(form).send().await.unwrap();
    assert_eq!(answer.status(), 201);
}

#[tokio::test]
async fn a_service_keeps_the_sender_of_a_recipient() {
    let (simulator, _) = simulator(Rules::Open).await;
    simulator.register(whole());
    let by_service = |to| [("To", to), ("MessagingServiceSid", SERVICE), ("Body", "Ciao")];
    for to in [PHONE, "whatsapp:+393337654321", PHONE] {
        let (status, created) = send(&simulator, &by_service(to)).await;
        assert_eq!((status, &created["messaging_service_sid"]), (201, &json!(SERVICE)));
        assert_eq!(
            (&created["from"], &created["num_segments"]),
            (&Value::Null, &json!("0")),
            "not chosen yet"
        );
    }
    let sent = until(&simulator, |messages| messages.iter().all(|m| m.status == MessageStatus::Read)).await;
    let senders: Vec<_> = sent.iter().map(|message| message.from.as_ref().unwrap().as_str()).collect();
    assert_eq!(senders, [SENDER, SECOND, SENDER]);
    let unknown =
        [("To", PHONE), ("MessagingServiceSid", &*format!("MG{}", "9".repeat(32))), ("Body", "Ciao")];
    assert_eq!(send(&simulator, &unknown).await.1["code"], 21701);
}

#[tokio::test]
async fn a_template_says_what_it_says() {
    let (simulator, _) = simulator(Rules::Open).await;
    simulator.register(whole());
    let (status, created) = send(&simulator, &by_template(TEMPLATE, r#"{"1":"Anna","2":"A-7"}"#)).await;
    assert_eq!((status, &created["body"]), (201, &json!("Ciao Anna, il tuo ordine A-7 è partito.")));
    let unknown = format!("HX{}", "9".repeat(32));
    let (status, created) = send(&simulator, &by_template(&unknown, r#"{"1":"Anna"}"#)).await;
    assert_eq!(
        (status, &created["body"]),
        (201, &json!("")),
        "open rules take it, and nobody knows its text"
    );
}

#[tokio::test]
async fn whatsapp_fails_a_template_afterwards() {
    let (simulator, clock) = simulator(Rules::Open).await;
    simulator.register(whole());
    let end = async |sid: &str, variables: &str| {
        let (status, created) = send(&simulator, &by_template(sid, variables)).await;
        assert_eq!(status, 201, "{created}");
        let is_this = |message: &&Message| message.sid.as_str() == created["sid"];
        let is_over =
            |messages: &[Message]| messages.iter().find(is_this).is_some_and(|m| m.status.is_final());
        until(&simulator, is_over).await.iter().find(is_this).unwrap().error_code
    };
    let good = r#"{"1":"Anna","2":"A-7"}"#;
    assert_eq!(end(TEMPLATE, good).await, None);
    assert_eq!(end(TEMPLATE, r#"{"1":"Anna"}"#).await, Some(63028));
    assert_eq!(end(TEMPLATE, &format!(r#"{{"1":"{}","2":"A-7"}}"#, "x".repeat(1000))).await, Some(63021));
    assert_eq!(end(TEMPLATE, r#"{"1":"Anna","2":"A\n7"}"#).await, Some(63013));
    assert_eq!(end(UNAPPROVED, good).await, Some(63016));
    let join = json!({ "from": PHONE, "to": SENDER, "body": "Ciao", "account_sid": ACCOUNT });
    assert_eq!(control(&simulator, "incoming").json(&join).send().await.unwrap().status(), 201);
    assert_eq!(end(UNAPPROVED, good).await, None, "within the window");
    clock.advance(Duration::from_hours(24));
    assert_eq!(end(UNAPPROVED, good).await, Some(63016), "and not after it");
}

#[tokio::test]
async fn strict_rules_know_the_registered_services_and_templates_only() {
    let (simulator, _) = simulator(Rules::Production).await;
    let service = [("To", PHONE), ("MessagingServiceSid", SERVICE), ("Body", "Ciao")];
    assert_eq!(send(&simulator, &service).await.1["code"], 21701);
    assert_eq!(send(&simulator, &by_template(TEMPLATE, "{}")).await.1["code"], 21655);
    simulator.register(whole());
    assert_eq!(send(&simulator, &service).await.0, 201);
    assert_eq!(send(&simulator, &by_template(TEMPLATE, r#"{"1":"Anna","2":"A-7"}"#)).await.0, 201);
}

#[tokio::test]
async fn what_is_not_sent_in_time_fails() {
    let (simulator, _) = simulator(Rules::Open).await;
    let silent = [("To", "whatsapp:+393990400000"), ("From", SENDER), ("Body", "a"), ("ValidityPeriod", "1")];
    let (status, _) = send(&simulator, &silent).await;
    assert_eq!(status, 201);
    let failed = until(&simulator, |messages| messages[0].status == MessageStatus::Failed).await;
    assert_eq!(failed[0].error_code, Some(30036));
}

#[tokio::test]
async fn only_a_scheduled_message_is_called_off() {
    let (simulator, _) = simulator(Rules::Open).await;
    let (_, queued) = create(&simulator, &[("To", "whatsapp:+393990400000")]).await;
    assert_eq!(queued["status"], "queued");
    let path = format!("Messages/{}.json", queued["sid"].as_str().unwrap());
    let (status, error) = request(&simulator, "POST", &path, &[("Status", "canceled")]).await;
    assert_eq!((status, &error["code"]), (409, &json!(30409)));
}

#[tokio::test]
async fn twilio_deletes_what_nothing_can_become_of() {
    let (simulator, _) = simulator(Rules::Production).await;
    let silent = Script::play(Vec::new());
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(silent));
    let (_, created) = create(&simulator, &[]).await;
    let path = format!("Messages/{}.json", created["sid"].as_str().unwrap());
    let (status, error) = request(&simulator, "DELETE", &path, &[]).await;
    assert_eq!((status, &error["code"]), (409, &json!(20009)));
    let failed = Step { error_code: Some(63024), ..Step::new(Duration::ZERO, MessageStatus::Failed) };
    simulator.set_script(Address::parse(PHONE).unwrap(), Some(Script::play(vec![failed])));
    let (_, created) = create(&simulator, &[]).await;
    until(&simulator, |messages| messages[1].status == MessageStatus::Failed).await;
    let path = format!("Messages/{}.json", created["sid"].as_str().unwrap());
    assert_eq!(request(&simulator, "DELETE", &path, &[]).await.0, 204);
}

#[tokio::test]
async fn outgoing_media_are_resources() {
    let (simulator, _) = simulator(Rules::Open).await;
    let url = "https://shop.example/a.png";
    let (_, created) =
        create(&simulator, &[("MediaUrl", url), ("MediaUrl", "https://shop.example/b.png")]).await;
    let sid = created["sid"].as_str().unwrap();
    assert_eq!(created["num_media"], "2");
    let (status, list) = request(&simulator, "GET", &format!("Messages/{sid}/Media.json"), &[]).await;
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media.json?PageSize=50&Page=0");
    assert_eq!((status, &list["uri"], &list["next_page_uri"]), (200, &json!(uri), &Value::Null));
    assert_eq!((&list["start"], &list["end"], &list["page_size"]), (&json!(0), &json!(1), &json!(50)));
    let media = list["media_list"].as_array().unwrap();
    let medium = media[0]["sid"].as_str().unwrap();
    assert_eq!(
        media[0],
        json!({
            "account_sid": ACCOUNT, "content_type": null, "date_created": "Fri, 15 Jan 2027 08:00:00 +0000",
            "date_updated": "Fri, 15 Jan 2027 08:00:00 +0000", "parent_sid": sid, "sid": medium,
            "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/{medium}.json"),
        })
    );
    let path = format!("Messages/{sid}/Media/{medium}");
    assert_eq!(request(&simulator, "GET", &format!("{path}.json"), &[]).await, (200, media[0].clone()));
    let answer = raw(&simulator, "GET", &path).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["Location"].to_str().unwrap()), (307, url));

    let (_, page) = request(&simulator, "GET", &format!("Messages/{sid}/Media.json?PageSize=1"), &[]).await;
    assert!(page["next_page_uri"].as_str().unwrap().ends_with("PageSize=1&Page=1"), "{page}");
    let count = async |query: &str| {
        let path = format!("Messages/{sid}/Media.json?{query}");
        request(&simulator, "GET", &path, &[]).await.1["media_list"].as_array().unwrap().len()
    };
    assert_eq!(count("PageSize=1&Page=1").await, 1);
    assert_eq!(count("DateCreated=2027-01-15").await, 2);
    assert_eq!(count("DateCreated%3E=2027-01-16").await, 0);

    assert_eq!(request(&simulator, "DELETE", &format!("{path}.json"), &[]).await.0, 204);
    for gone in [path.clone(), format!("{path}.json"), "Messages/SM1/Media.json".to_owned()] {
        assert_eq!(request(&simulator, "GET", &gone, &[]).await.0, 404, "{gone}");
    }
    assert_eq!(count("").await, 1);
}

#[tokio::test]
async fn pages_follow_each_other_although_messages_are_deleted() {
    let (simulator, _) = simulator(Rules::Open).await;
    let mut sids = Vec::new();
    for _ in 0..4 {
        sids.insert(0, create(&simulator, &[]).await.1["sid"].as_str().unwrap().to_owned());
    }
    let (_, first) = request(&simulator, "GET", "Messages.json?PageSize=2", &[]).await;
    assert_eq!(first["messages"][1]["sid"], sids[1]);
    assert_eq!(request(&simulator, "DELETE", &format!("Messages/{}.json", sids[1]), &[]).await.0, 204);
    let next = first["next_page_uri"].as_str().unwrap();
    let path = next.split_once(&format!("{ACCOUNT}/")).unwrap().1;
    let (_, second) = request(&simulator, "GET", path, &[]).await;
    let seen: Vec<_> = second["messages"].as_array().unwrap().iter().map(|m| m["sid"].clone()).collect();
    assert_eq!(seen, sids[2..]);
    let far = format!("Messages.json?PageSize=1&Page={}&PageToken=PASM{:032x}", usize::MAX, u64::MAX);
    let (status, list) = request(&simulator, "GET", &far, &[]).await;
    assert_eq!((status, &list["page"]), (200, &json!(usize::MAX)), "{list}");
    for bad in ["Page=x", "PageSize=many", "PageToken=PASMx"] {
        assert_eq!(request(&simulator, "GET", &format!("Messages.json?{bad}"), &[]).await.0, 400, "{bad}");
    }
}

/// As the libraries write them: with the sign in the name, and with all of `>=` encoded.
#[tokio::test]
async fn dates_are_filtered_in_every_spelling() {
    let (simulator, clock) = simulator(Rules::Open).await;
    for _ in 0..3 {
        create(&simulator, &[]).await;
        until(&simulator, |messages| messages.iter().all(|m| m.status == MessageStatus::Read)).await;
        clock.advance(Duration::from_hours(24));
    }
    for (query, expected) in [
        ("DateSent%3E=2027-01-16", 2),
        ("DateSent>=2027-01-16", 2),
        ("DateSent%3E%3D=2027-01-16", 2),
        ("DateSent%3C=2027-01-16", 2),
        ("DateSent%3C%3D=2027-01-15T08:00:00Z", 1),
        ("DateSent%3E=2027-01-15T08:00:01Z", 2),
        ("DateSent=", 3),
    ] {
        let (status, list) = request(&simulator, "GET", &format!("Messages.json?{query}"), &[]).await;
        assert_eq!((status, list["messages"].as_array().map(Vec::len)), (200, Some(expected)), "{query}");
    }
}

/// What is read at an address of Twilio's, by whoever signs in.
async fn read(simulator: &Simulator, path: &str, username: &str, password: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", simulator.base_url());
    let answer = client.get(url).basic_auth(username, Some(password)).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

#[tokio::test]
async fn an_account_is_read_with_its_auth_token_and_with_nothing_else() {
    let (simulator, _) = simulator(Rules::Production).await;
    let key = ApiKey { sid: "SK00000000000000000000000000000001".to_owned(), secret: Secret::new("secret") };
    simulator.register(SimulatedAccount { api_keys: vec![key.clone()], ..whole() });
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}.json");
    let (status, account) = read(&simulator, &path, ACCOUNT, TOKEN).await;
    let told = |name: &str| account[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (status, told("sid"), told("status"), told("type")),
        (200, ACCOUNT.into(), "active".into(), "Full".into())
    );
    let messages = account["subresource_uris"]["messages"].as_str().unwrap();
    assert_eq!(read(&simulator, messages, ACCOUNT, TOKEN).await.0, 200, "it leads to the messages");
    for (username, password) in [(ACCOUNT, "wrong"), (&*key.sid, "secret"), ("", "")] {
        let (status, error) = read(&simulator, &path, username, password).await;
        assert_eq!((status, &error["code"]), (401, &json!(20003)), "{username}");
    }
    let other = "/2010-04-01/Accounts/AC99999999999999999999999999999999.json";
    assert_eq!(read(&simulator, other, ACCOUNT, TOKEN).await.0, 401);
}

#[tokio::test]
async fn senders_and_services_are_those_of_who_signs_in() {
    let (simulator, _) = simulator(Rules::Production).await;
    let other = AccountSid::parse("AC00000000000000000000000000000009").unwrap();
    let third = "whatsapp:+14155238888";
    simulator.register(whole());
    simulator.register(SimulatedAccount::new(
        other.clone(),
        Secret::new("other"),
        [Address::parse(third).unwrap()],
    ));
    let (mut path, mut seen) = ("/v2/Channels/Senders?Channel=whatsapp&PageSize=1".to_owned(), Vec::new());
    loop {
        let (status, page) = read(&simulator, &path, ACCOUNT, TOKEN).await;
        assert_eq!((status, &page["meta"]["key"]), (200, &json!("senders")), "{page}");
        let [sender] = page["senders"].as_array().unwrap().as_slice() else { panic!("{page}") };
        seen.push((sender["sender_id"].clone(), sender["sid"].clone()));
        assert_eq!(sender["status"], "ONLINE");
        let Some(next) = page["meta"]["next_page_url"].as_str() else { break };
        next.strip_prefix(&simulator.base_url()).unwrap().clone_into(&mut path);
    }
    assert_eq!(seen.iter().map(|(id, _)| id).collect::<Vec<_>>(), [SENDER, SECOND]);
    assert!(seen[0].1 != seen[1].1 && seen[0].1.as_str().unwrap().starts_with("XE"), "{seen:?}");
    let (_, page) = read(&simulator, "/v2/Channels/Senders?Channel=whatsapp", other.as_str(), "other").await;
    assert_eq!(page["senders"][0]["sender_id"], third);
    assert_eq!(read(&simulator, "/v2/Channels/Senders?Channel=whatsapp", ACCOUNT, "wrong").await.0, 401);
    assert_eq!(read(&simulator, "/v2/Channels/Senders", ACCOUNT, TOKEN).await.0, 400);

    let path = format!("/v1/Services/{SERVICE}");
    let (status, service) = read(&simulator, &path, ACCOUNT, TOKEN).await;
    assert_eq!((status, &service["account_sid"], &service["sid"]), (200, &json!(ACCOUNT), &json!(SERVICE)));
    assert_eq!(read(&simulator, &path, other.as_str(), "other").await.0, 404, "another account's");
}
