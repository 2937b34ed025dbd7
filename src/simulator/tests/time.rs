//! The time is moved forward.

use super::*;

#[tokio::test]
async fn what_is_skipped_happens_in_order_and_each_thing_at_its_time() {
    let timings = Timings {
        sent: Duration::from_mins(1),
        delivered: Duration::from_mins(2),
        read: Duration::from_hours(1),
        ..Timings::default()
    };
    let accounts = vec![simulated(ACCOUNT, TOKEN)];
    let simulator = Simulator::bind(Settings { accounts, timings, ..Settings::default() }).await.unwrap();
    let mut application = Application::answering(&[]).await;
    let callback = application.callback();
    create(&simulator, &[("StatusCallback", &callback)]).await;
    let service = format!("MG{}", "0".repeat(32));
    let scheduled = [
        ("From", ""),
        ("MessagingServiceSid", &*service),
        ("ScheduleType", "fixed"),
        ("SendAt", &*simulator.now().plus(Duration::from_mins(30)).to_string()),
        ("StatusCallback", &callback),
    ];
    let (_, second) = create(&simulator, &scheduled).await;
    assert_eq!(second["status"], json!("scheduled"));

    let before = simulator.now();
    simulator.forward(Duration::from_hours(2));
    assert!(simulator.now() >= before.plus(Duration::from_hours(2)));
    // Without waiting: it has happened when the call returns.
    let messages = simulator.messages();
    assert!(messages.iter().all(|message| message.status == MessageStatus::Read), "{messages:?}");
    for (message, minutes_until_sent, minutes_until_read) in [(&messages[0], 1, 60), (&messages[1], 31, 90)] {
        for (moment, minutes) in
            [(message.sent.unwrap(), minutes_until_sent), (message.updated, minutes_until_read)]
        {
            // Twilio's dates are in whole seconds, and a busy computer takes its time.
            let off = moment.0 - message.created.plus(Duration::from_mins(minutes)).0;
            assert!((-10_000..10_000).contains(&off), "{minutes} min: {off} ms; {message:?}");
        }
    }
    let mut reported: HashMap<String, Vec<String>> = HashMap::new();
    for _ in 0..6 {
        let received = application.next().await;
        let sid = received.form.get("MessageSid").unwrap().to_owned();
        reported.entry(sid).or_default().push(received.status().to_owned());
    }
    assert!(reported.values().all(|statuses| *statuses == ["sent", "delivered", "read"]), "{reported:?}");
}

#[tokio::test]
async fn what_the_time_stops_short_of_happens_soon() {
    let (simulator, _) = simulator(Rules::Open).await;
    let step = Step::new(Duration::from_hours(1), MessageStatus::Sent);
    simulator.set_script(None, Some(Script::play(vec![step])));
    create(&simulator, &[]).await;
    simulator.forward(Duration::from_hours(1).checked_sub(Duration::from_millis(200)).unwrap());
    until(&simulator, |messages| messages[0].status == MessageStatus::Sent).await;
}

#[tokio::test]
async fn windows_joins_and_pacing_go_by_it() {
    let (simulator, _) = simulator(Rules::Sandbox).await;
    let fate = async || {
        let (_, created) = create(&simulator, &[]).await;
        let sid = created["sid"].as_str().unwrap().to_owned();
        let is_over = |message: &Message| message.sid.as_str() == sid && message.status.is_final();
        let messages = until(&simulator, |messages| messages.iter().any(is_over)).await;
        messages.into_iter().find(is_over).unwrap().error_code
    };
    let write = async |body: &str| {
        let incoming = json!({ "account_sid": ACCOUNT, "from": PHONE, "to": SENDER, "body": body });
        assert_eq!(control(&simulator, "incoming").json(&incoming).send().await.unwrap().status(), 201);
    };
    write("join boatswain").await;
    assert_eq!([fate().await, fate().await], [None, Some(63018)]);
    let forward = json!({ "forward_ms": 3000 });
    let answer = control(&simulator, "clock").json(&forward).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let now = UnixMillis::parse(answer["now"].as_str().unwrap()).unwrap();
    assert!(now >= NOW.plus(Duration::from_secs(3)), "{now}");
    assert_eq!(fate().await, None);
    simulator.forward(Duration::from_hours(25));
    assert_eq!(fate().await, Some(63016));
    simulator.forward(Duration::from_hours(24));
    write("hello").await;
    assert_eq!(fate().await, None);
    simulator.forward(Duration::from_hours(24));
    assert_eq!(fate().await, Some(63015), "joined three days ago");
}

#[tokio::test]
async fn it_shows_and_moves_its_time_by_ten_years_at_most() {
    let (simulator, _) = simulator(Rules::Open).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let about = async || {
        let url = format!("{}/simulator", simulator.base_url());
        client.get(url).send().await.unwrap().json::<Value>().await.unwrap()
    };
    assert_eq!(about().await["now"], NOW.to_string());
    let years = u64::try_from(Duration::from_hours(24 * 366 * 11).as_millis()).unwrap();
    for bad in [json!({ "forward_ms": years }), json!({ "forward_ms": -1 }), json!({ "forward": 1 })] {
        assert_eq!(control(&simulator, "clock").json(&bad).send().await.unwrap().status(), 400, "{bad}");
    }
    assert_eq!(about().await["now"], NOW.to_string());
    simulator.forward(Duration::MAX);
    assert_eq!(about().await["now"], simulator.now().to_string());
    assert!(simulator.now() > NOW.plus(Duration::from_hours(24 * 365 * 10)));
}
