//! Rules that change, what they forbid, and what is forgotten.

use super::*;

async fn write(simulator: &Simulator, body: &str) {
    let incoming = json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "body": body });
    assert_eq!(control(simulator, "incoming").json(&incoming).send().await.unwrap().status(), 201);
}

/// How a message ends: `read`, or its code.
async fn end(simulator: &Simulator, more: &[(&str, &str)]) -> String {
    let (status, created) = create(simulator, more).await;
    if status != 201 {
        return format!("refused {}", created["code"]);
    }
    let sid = created["sid"].as_str().unwrap().to_owned();
    let is_over = |message: &Message| message.sid.as_str() == sid && message.status.is_final();
    let messages = until(simulator, |messages| messages.iter().any(is_over)).await;
    let message = messages.into_iter().find(is_over).unwrap();
    message.error_code.map_or_else(|| message.status.to_string(), |code| format!("{} {code}", message.status))
}

#[tokio::test]
async fn rules_are_chosen_by_call() {
    let (simulator, _) = simulator(Rules::Open).await;
    assert_eq!(end(&simulator, &[]).await, "read");
    for (rules, expected) in
        [("sandbox", "failed 63015"), ("production", "undelivered 63016"), ("open", "read")]
    {
        let answer = control(&simulator, "rules").json(&json!({ "rules": rules })).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(end(&simulator, &[]).await, expected, "{rules}");
    }
    let bad = control(&simulator, "rules").json(&json!({ "rules": "none" })).send().await.unwrap();
    assert_eq!(bad.status(), 400);
    let bad: Value = bad.json().await.unwrap();
    assert_eq!(bad["code"], 20001);
    assert!(bad["message"].as_str().unwrap().contains("unknown variant `none`, expected"), "{bad}");
    // Who joined while nobody asked for it has joined.
    write(&simulator, "join boatswain").await;
    simulator.set_rules(Rules::Sandbox);
    simulator.forward(Duration::from_secs(3)); // its pace counts what was sent before
    assert_eq!(end(&simulator, &[]).await, "read");
}

#[tokio::test]
async fn the_sandbox_welcomes_who_joins() {
    let (simulator, _) = simulator(Rules::Sandbox).await;
    let mut application = Application::answering(&[]).await;
    write(&simulator, "join boatswain").await;
    let messages = until(&simulator, |messages| {
        messages.get(1).is_some_and(|message| message.status == MessageStatus::Read)
    })
    .await;
    let welcome = &messages[1];
    assert_eq!((welcome.direction, welcome.to.as_str()), (Direction::OutboundReply, PHONE));
    assert_eq!(welcome.resource()["direction"], "outbound-reply");
    assert!(welcome.body.contains("You are all set!"), "{}", welcome.body);
    assert!(welcome.callbacks.is_empty() && application.received.try_recv().is_err());
    write(&simulator, "hello").await;
    simulator.set_rules(Rules::Open);
    write(&simulator, "join boatswain").await;
    assert_eq!(simulator.messages().len(), 4, "no other welcome");
}

#[tokio::test]
async fn stop_refuses_in_production_and_leaves_the_sandbox() {
    let (simulator, _) = simulator(Rules::Production).await;
    write(&simulator, "STOP").await;
    assert_eq!(end(&simulator, &[]).await, "refused 21610");
    assert_eq!(end(&simulator, &[("To", "whatsapp:+393337654321")]).await, "undelivered 63016");
    write(&simulator, "start").await;
    assert_eq!(end(&simulator, &[]).await, "read");
    simulator.set_rules(Rules::Sandbox);
    write(&simulator, "join boatswain").await;
    write(&simulator, "stop").await;
    assert_eq!(end(&simulator, &[]).await, "failed 63015");
}

#[tokio::test]
async fn outside_the_window_a_template_may_be_sent_up_to_its_length() {
    let (simulator, _) = simulator(Rules::Production).await;
    let template = format!("HX{}", "0".repeat(32));
    let account = json!({
        "sid": ACCOUNT, "auth_tokens": [TOKEN], "templates": [{ "sid": template, "text": "Ciao {{1}}" }]
    });
    assert_eq!(control(&simulator, "accounts").json(&account).send().await.unwrap().status(), 204);
    let with = |length: usize| json!({ "1": "x".repeat(length) }).to_string();
    for (length, expected) in [(4, "read"), (1019, "read"), (1020, "failed 63021")] {
        let form = [("ContentSid", &*template), ("ContentVariables", &with(length)), ("Body", "")];
        assert_eq!(end(&simulator, &form).await, expected, "{length}");
    }
    simulator.set_rules(Rules::Open);
    let unknown = format!("HX{}", "1".repeat(32));
    for template in [&*template, &*unknown] {
        let form = [("ContentSid", template), ("ContentVariables", &with(1025)), ("Body", "")];
        assert_eq!(end(&simulator, &form).await, "failed 63021", "lengths hold under all rules");
    }
}

#[tokio::test]
async fn a_message_that_is_not_sent_within_its_validity_fails_in_the_time_that_is_skipped() {
    let (simulator, _) = simulator(Rules::Open).await;
    create(&simulator, &[("To", "whatsapp:+393990400000"), ("ValidityPeriod", "36000")]).await;
    simulator.forward(Duration::from_hours(9));
    assert_eq!(simulator.messages()[0].status, MessageStatus::Queued);
    simulator.forward(Duration::from_hours(1));
    let message = &simulator.messages()[0];
    assert_eq!((&message.status, message.error_code), (&MessageStatus::Failed, Some(30036)));
}

#[tokio::test]
async fn a_scheduled_message_is_judged_when_it_is_sent() {
    let (simulator, _) = simulator(Rules::Production).await;
    write(&simulator, "hello").await;
    let service = format!("MG{}", "0".repeat(32));
    let account = json!({
        "sid": ACCOUNT, "auth_tokens": [TOKEN], "messaging_services": [{ "sid": service, "senders": [SENDER] }]
    });
    assert_eq!(control(&simulator, "accounts").json(&account).send().await.unwrap().status(), 204);
    let form =
        [("MessagingServiceSid", &*service), ("ScheduleType", "fixed"), ("SendAt", "2027-01-16T09:00:00Z")];
    let (_, created) = create(&simulator, &form).await;
    assert_eq!(created["status"], "scheduled", "{created}");
    simulator.forward(Duration::from_hours(26));
    assert_eq!(simulator.messages()[1].error_code, Some(63016), "the window has closed by then");
}

#[tokio::test]
async fn messages_scripts_and_conversations_are_forgotten() {
    let (simulator, _) = simulator(Rules::Production).await;
    let mut application = Application::answering(&[]).await;
    write(&simulator, "STOP").await;
    let other: Address = "+393337654321".parse().unwrap();
    simulator.set_script(other.clone(), Some(Script::Refuse { code: 63018, retry_after: None }));
    let delayed = [("To", "whatsapp:+393990599999"), ("StatusCallback", &*application.callback())];
    create(&simulator, &delayed).await;
    simulator.forward(Duration::from_mins(1));
    let now = simulator.now();

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let gone = client.delete(format!("{}/simulator/messages", simulator.base_url())).send().await.unwrap();
    assert_eq!((gone.status().as_u16(), simulator.messages().len()), (204, 0));
    simulator.forward(Duration::from_hours(1));
    assert!(application.received.try_recv().is_err(), "nothing comes after");
    assert!(simulator.now() >= now.plus(Duration::from_hours(1)), "the time stays");
    assert_eq!(end(&simulator, &[]).await, "undelivered 63016", "rules stay, STOP does not");
    assert_eq!(end(&simulator, &[("To", other.as_str())]).await, "undelivered 63016");
}
