//! What Twilio doesn't tell is asked for: a message is sent once, and its fate is known in the end (invariants 4, 6, 7).

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ActionId, AppId, CompanyId, ManualClock, UnixMillis};
use boatswain::pipeline::{DirectRun, Event, RunReport};
use boatswain::script::protocol::Returned;
use boatswain::simulator::{Address, Answer, Script, Step};
use boatswain::whatsapp::{Form, MessageStatus};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::host::{ACCOUNT, Folder, callback_url, client, form, post, runtime, sid};
use crate::support::command;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const TO: &str = "whatsapp:+393331234567";

/// Sends when it is told to, and notes every notification with its whole `vo`.
const CALLBACK: &str = r#"
    if (vo.MessageStatus === "start") {
        const told = utils.whatsapp.send({ to: "+393331234567", body: "Ciao" });
        utils.executeSql("INSERT INTO effects VALUES (?, ?, ?)", null, false, true, told.sid, told.status, "told");
    } else {
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, ?)", null, false, true, JSON.stringify(vo));
    }
"#;
const SEND: &str = "return utils.whatsapp.send({ to: '+393331234567', body: 'Ciao' })";

/// A host in this process, whose clock stands still.
struct Still {
    host: Host,
    clock: Arc<ManualClock>,
    events: Receiver<Event>,
}

impl Still {
    async fn serve(folder: &Folder) -> Self {
        Self::serve_at(folder, NOW).await
    }

    async fn serve_at(folder: &Folder, now: UnixMillis) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = Host::builder(params, command()).clock(Arc::clone(&clock) as _).serve().await.unwrap();
        let events = host.events();
        Self { host, clock, events }
    }

    async fn run(&self, action: &str) -> RunReport {
        let run = DirectRun {
            action: ActionId::parse(action).unwrap(),
            company: CompanyId::none(),
            vo: Arc::new(json!({})),
        };
        self.host.run(&AppId::parse("app").unwrap(), run).await.unwrap()
    }

    /// Runs the action that sends; gives what it was told.
    async fn send(&self) -> Value {
        match self.run("send").await.result.unwrap() {
            Returned::Json(json) => serde_json::from_str(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// So much later, the host looks at the clock.
    fn later(&self, wait: Duration) {
        self.clock.advance(wait);
        self.host.reconcile();
    }

    /// The next notification's run that has ended.
    async fn ran(&mut self) {
        loop {
            let event = tokio::time::timeout(Duration::from_mins(1), self.events.recv());
            if let Event::Ran { notification: Some(_), report, .. } = event.await.unwrap().unwrap() {
                report.result.unwrap();
                return;
            }
        }
    }

    /// The message, once Twilio has been asked about it so often.
    async fn polled(&self, folder: &Folder, polls: i64) -> Value {
        until(|| folder.count("SELECT coalesce(max(polls), 0) FROM messages") >= polls).await;
        shown(folder, &["messages", "list", "--json"]).await[0].clone()
    }

    async fn stop(self) {
        assert!(self.host.stop(Duration::from_mins(1)).await);
    }
}

/// Waits for what no event tells.
async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
}

/// What a command says: exit status and lines of JSON.
async fn said(folder: &Folder, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let mut command = folder.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let rows = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code().unwrap(), rows, String::from_utf8(output.stderr).unwrap())
}

async fn shown(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let (status, rows, errors) = said(folder, arguments).await;
    assert_eq!(status, 0, "{errors}");
    rows
}

/// A folder with the two actions, over the simulator or over a stand-in of the test's own.
fn folder(more: &str) -> Folder {
    let folder = Folder::new(CALLBACK, more);
    folder.write("scripts/app/send.js", SEND);
    folder
}

/// A message that gets its statuses, but whose callbacks are lost.
fn silent(steps: &[(u64, &str)], answer: Answer) -> Script {
    let steps = steps.iter().map(|(after_ms, status)| Step {
        callbacks: 0,
        ..Step::new(Duration::from_millis(*after_ms), MessageStatus::parse(status))
    });
    Script::answered(steps.collect(), answer)
}

/// Waits until the simulator's message has a status.
async fn simulated(host: &Host, status: &str) {
    let simulator = host.simulator().unwrap();
    let mut changes = simulator.changes();
    while simulator.messages().first().is_none_or(|message| message.status.as_str() != status) {
        changes.changed().await.unwrap();
    }
}

#[test]
fn a_status_whose_callback_was_lost_reaches_the_action_once_and_as_if_it_had_come() {
    let folder = folder("");
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        let to: Address = TO.parse().unwrap();
        still.host.simulator().unwrap().set_script(to, Some(silent(&[(0, "delivered")], Answer::Created)));
        let sid = still.send().await["sid"].as_str().unwrap().to_owned();
        simulated(&still.host, "delivered").await;
        let row = &shown(&folder, &["messages", "show", &sid, "--json"]).await[0];
        assert_eq!((&row["status"], &row["polls"]), (&json!("queued"), &json!(0)));
        assert_eq!(row["nextPollAt"], NOW.plus(Duration::from_mins(2)).to_string());

        still.later(Duration::from_mins(2));
        still.ran().await;
        let row = &shown(&folder, &["messages", "show", &sid, "--json"]).await[0];
        assert_eq!((&row["status"], &row["polls"]), (&json!("delivered"), &json!(1)));
        assert_eq!(row["nextPollAt"], Value::Null);
        assert_eq!(row["notifications"][0]["source"], "poll");

        // The callback that comes after all is a repeat, and Twilio is not asked again.
        let late = post(&client(), &callback_url(still.host.public_url()), &form(&sid, "delivered")).await;
        assert_eq!(late.unwrap(), 204);
        still.later(Duration::from_hours(30));
        still.stop().await;
        let effects = folder.texts("SELECT note FROM effects");
        assert_eq!(effects.len(), 1, "{effects:?}");
        let vo: Value = serde_json::from_str(&effects[0]).unwrap();
        let expected = json!({
            "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "From": "whatsapp:+14155238886", "To": TO,
            "MessageSid": sid, "SmsSid": sid, "MessageStatus": "delivered", "SmsStatus": "delivered",
            "companyId": "NODEFINED"
        });
        assert_eq!(vo, expected);
    });
    assert_eq!(folder.count("SELECT polls FROM messages"), 1);
}

#[test]
fn what_became_due_while_no_host_was_up_is_asked_for_at_the_start() {
    let twilio = Twilio::listen(vec![taken(1, "queued"), record(1, "undelivered", 63016)]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        still.send().await;
        still.stop().await;
        let mut still = Still::serve_at(&folder, NOW.plus(Duration::from_hours(72))).await;
        still.ran().await;
        still.stop().await;
    });
    let vo: Value = serde_json::from_str(&folder.texts("SELECT note FROM effects")[0]).unwrap();
    assert_eq!((&vo["MessageStatus"], &vo["ErrorCode"]), (&json!("undelivered"), &json!("63016")));
    assert_eq!(folder.count("SELECT count(*) FROM messages WHERE status = 'undelivered'"), 1);
}

#[test]
fn a_question_without_an_answer_does_not_lose_the_message() {
    let twilio = Twilio::listen(vec![
        taken(1, "queued"),
        http("500 Broken", "", "{}"),
        http("429 Too Many", "retry-after: 30\r\n", "{}"),
        record(1, "sent", 0),
        record(1, "sent", 0),
        record(1, "delivered", 0),
    ]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        still.send().await;
        still.later(Duration::from_mins(2));
        let row = still.polled(&folder, 1).await;
        assert_eq!(row["nextPollAt"], NOW.plus(Duration::from_mins(10)).to_string(), "the next slot");
        still.later(Duration::from_mins(8));
        let row = still.polled(&folder, 2).await;
        let patient = NOW.plus(Duration::from_mins(10)).plus(Duration::from_secs(30));
        assert_eq!(row["nextPollAt"], patient.to_string(), "when Twilio said");
        still.later(Duration::from_secs(30));
        still.ran().await;
        assert_eq!(still.polled(&folder, 3).await["status"], "sent");
        still.later(Duration::from_hours(1)); // no news: no run
        still.polled(&folder, 4).await;
        still.later(Duration::from_hours(6));
        still.ran().await;
        still.stop().await;
    });
    assert_eq!(folder.texts("SELECT status FROM effects"), ["sent", "delivered"]);
    assert_eq!(folder.count("SELECT count(*) FROM messages WHERE next_poll_at IS NOT NULL"), 0);
}

#[test]
fn a_doubt_is_resolved_by_twilios_log() {
    let folder = folder("");
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        let to: Address = TO.parse().unwrap();
        still.host.simulator().unwrap().set_script(to, Some(silent(&[(0, "sent")], Answer::ServerError)));
        let told = still.send().await;
        assert_eq!((&told["status"], &told["errorCode"]), (&json!("unknown"), &json!("SEND_IN_DOUBT")));
        simulated(&still.host, "sent").await;
        let doubts = shown(&folder, &["messages", "list", "--status", "unknown", "--json"]).await;
        assert!(doubts[0]["errorMessage"].as_str().unwrap().contains("HTTP status 500"), "{doubts:?}");
        still.later(Duration::from_mins(2));
        still.ran().await;
        let sid = still.host.simulator().unwrap().messages()[0].sid.to_string();
        let row = still.polled(&folder, 1).await;
        assert_eq!(
            (&row["sid"], &row["status"], &row["errorCode"]),
            (&json!(sid), &json!("sent"), &Value::Null)
        );
        assert_eq!(still.host.simulator().unwrap().messages().len(), 1);
        still.stop().await;
        assert_eq!(folder.texts("SELECT sid || ' ' || status FROM effects"), [format!("{sid} sent")]);
    });
}

#[test]
fn a_doubt_that_twilios_log_does_not_show_is_not_sent_after_an_hour_and_unknown_before() {
    let twilio = Twilio::listen(vec![http("503 Away", "", "{}"), list(&[]), list(&[]), list(&[])]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        assert_eq!(still.send().await["status"], "unknown");
        for (polls, wait) in [(1, 2), (2, 8)] {
            still.later(Duration::from_mins(wait));
            let row = still.polled(&folder, polls).await;
            assert_eq!((&row["status"], &row["errorCode"]), (&json!("unknown"), &json!("SEND_IN_DOUBT")));
        }
        still.later(Duration::from_mins(50));
        let row = still.polled(&folder, 3).await;
        assert_eq!((&row["status"], &row["errorCode"]), (&json!("failed"), &json!("SEND_NOT_FOUND")));
        assert_eq!((&row["sid"], &row["nextPollAt"]), (&Value::Null, &Value::Null));
        still.stop().await;
    });
    let asked = twilio.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(
        asked[1].0.starts_with("GET /2010-04-01/Accounts/") && asked[1].0.contains("To=whatsapp"),
        "{asked:?}"
    );
}

#[test]
fn what_twilio_did_not_process_is_sent_again_within_the_call() {
    let again =
        || http("429 Too Many", "retry-after: 0\r\n", r#"{"code":20429,"message":"Too Many Requests"}"#);
    let twilio = Twilio::listen(vec![again(), again(), taken(1, "queued")]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        let told = still.send().await;
        assert_eq!((&told["success"], &told["sid"]), (&json!(true), &json!(sid(1))));
        still.stop().await;
    });
    let asked = twilio.asked();
    assert_eq!(asked.len(), 3);
    let named: Vec<_> =
        asked.iter().map(|(_, form)| form.get("StatusCallback").unwrap().to_owned()).collect();
    assert!(named.windows(2).all(|pair| pair[0] == pair[1]), "the same message: {named:?}");
    assert_eq!(folder.count("SELECT count(*) FROM messages WHERE status = 'queued'"), 1);
}

#[test]
fn a_twilio_that_comes_up_meanwhile_gets_the_message() {
    // A port that was free a moment ago: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder(&format!("api_base_url = \"http://{address}\""));
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        let (told, twilio) = tokio::join!(still.send(), async {
            // The intent is durable before the first request: from then on the host tries.
            until(|| folder.count("SELECT count(*) FROM messages") > 0).await;
            Twilio::listen_on(TcpListener::bind(address).unwrap(), vec![taken(1, "queued")])
        });
        assert_eq!((&told["success"], &told["sid"]), (&json!(true), &json!(sid(1))));
        assert_eq!(twilio.asked().len(), 1);
        still.stop().await;
    });
}

#[test]
fn a_host_that_stops_waits_for_no_twilio_and_the_next_one_takes_the_run_up_again() {
    let slow =
        || http("429 Too Many", "retry-after: 10\r\n", r#"{"code":20429,"message":"Too Many Requests"}"#);
    let twilio = Twilio::listen(vec![slow(), taken(1, "queued")]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        let start = post(&client(), &callback_url(still.host.public_url()), &form(&sid(9), "start")).await;
        assert_eq!(start.unwrap(), 204);
        until(|| !twilio.asked().is_empty()).await;
        let begun = std::time::Instant::now();
        still.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(9), "it did not wait for Retry-After");
        assert_eq!(folder.count("SELECT count(*) FROM messages"), 0, "nothing has left");
        assert_eq!(folder.count("SELECT attempts FROM notifications"), 0, "nobody's fault");

        let mut still = Still::serve(&folder).await;
        still.ran().await;
        still.stop().await;
    });
    assert_eq!(twilio.asked().len(), 2);
    assert_eq!(folder.texts("SELECT sid || ' ' || status FROM effects"), [format!("{} queued", sid(1))]);
    assert_eq!(folder.count("SELECT count(*) FROM messages"), 1);
}

#[test]
fn a_doubt_is_settled_by_a_person_beside_a_host_and_without_one() {
    let twilio = Twilio::listen(vec![
        http("503 Away", "", "{}"),
        record(5, "delivered", 0),
        http("503 Away", "", "{}"),
        http("503 Away", "", "{}"),
        taken(8, "queued"),
    ]);
    let folder = folder(&twilio.params());
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        still.send().await;
        let id = shown(&folder, &["messages", "list", "--json"]).await[0]["id"].as_str().unwrap().to_owned();
        for (arguments, status, code) in [
            (&["--sent", "SM1"][..], 2, "INVALID_VALUE"),
            (&[], 2, "USAGE"),
            (&["--sent", &sid(5), "--not-sent"], 2, "USAGE"),
        ] {
            refused(&folder, &[&["messages", "settle", &id], arguments].concat(), status, code).await;
        }
        let other = "0123456789abcdef0123456789abcdef";
        refused(&folder, &["messages", "settle", other, "--not-sent"], 1, "NOT_FOUND").await;
        refused(&folder, &["messages", "settle", "x", "--not-sent"], 1, "NOT_FOUND").await;
        let row = shown(&folder, &["messages", "settle", &id, "--sent", &sid(5), "--json"]).await;
        assert_eq!((&row[0]["sid"], &row[0]["errorCode"]), (&json!(sid(5)), &Value::Null));
        still.ran().await; // Twilio was asked at once
        let row = &shown(&folder, &["messages", "show", &id, "--json"]).await[0];
        assert_eq!((&row["status"], &row["polls"]), (&json!("delivered"), &json!(1)));
        refused(&folder, &["messages", "settle", &id, "--not-sent"], 1, "NOT_IN_DOUBT").await;

        for _ in 0..2 {
            still.send().await;
        }
        still.send().await; // taken
        still.stop().await;

        let doubts = shown(&folder, &["messages", "list", "--status", "unknown", "--json"]).await;
        let ids: Vec<_> = doubts.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 2);
        refused(&folder, &["messages", "settle", ids[0], "--sent", &sid(8)], 1, "SID_TAKEN").await;
        let row = &shown(&folder, &["messages", "settle", ids[0], "--not-sent", "--json"]).await[0];
        assert_eq!((&row["status"], &row["errorCode"]), (&json!("failed"), &json!("SETTLED_NOT_SENT")));
        let row = &shown(&folder, &["messages", "settle", ids[1], "--sent", &sid(6), "--json"]).await[0];
        assert_eq!((&row["status"], &row["sid"]), (&json!("queued"), &json!(sid(6))));
        refused(&folder, &["messages", "settle", ids[1], "--not-sent"], 1, "NOT_IN_DOUBT").await;
        refused(&folder, &["messages", "settle", other, "--not-sent"], 1, "NOT_FOUND").await;
    });
}

async fn refused(folder: &Folder, arguments: &[&str], status: i32, code: &str) {
    let (found, rows, errors) = said(folder, arguments).await;
    assert_eq!((found, rows.len()), (status, 0), "{arguments:?}: {errors}");
    assert!(
        errors.contains(&format!("error[{code}]: ")) && errors.contains("help: "),
        "{arguments:?}: {errors}"
    );
}

/// A stand-in for Twilio that answers one request after another as it was told to.
struct Twilio {
    url: String,
    asked: Arc<Mutex<Vec<(String, Form)>>>,
}

impl Twilio {
    fn listen(answers: Vec<String>) -> Self {
        Self::listen_on(TcpListener::bind("127.0.0.1:0").unwrap(), answers)
    }

    fn listen_on(listener: TcpListener, answers: Vec<String>) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let mut answers = VecDeque::from(answers);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let Some(request) = heard(&mut reader) else { continue };
                seen.lock().unwrap().push(request);
                let answer = answers.pop_front().unwrap_or_else(|| http("404 Unexpected", "", "{}"));
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { url, asked }
    }

    fn params(&self) -> String {
        format!("api_base_url = \"{}\"", self.url)
    }

    /// The request lines and forms so far.
    fn asked(&self) -> Vec<(String, Form)> {
        self.asked.lock().unwrap().clone()
    }
}

fn heard(reader: &mut BufReader<TcpStream>) -> Option<(String, Form)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let line = line.trim().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let length = lines
        .iter()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((lines.first()?.clone(), Form::parse(&body).unwrap()))
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn resource(n: u32, status: &str, code: i64) -> Value {
    json!({
        "sid": sid(n), "account_sid": ACCOUNT, "status": status, "to": TO, "from": "whatsapp:+14155238886",
        "error_code": if code == 0 { Value::Null } else { json!(code) },
        "date_created": boatswain::whatsapp::message::format_date(NOW)
    })
}

/// Twilio took a message.
fn taken(n: u32, status: &str) -> String {
    http("201 Created", "", &resource(n, status, 0).to_string())
}

/// Twilio's record of a message.
fn record(n: u32, status: &str, code: i64) -> String {
    http("200 OK", "", &resource(n, status, code).to_string())
}

/// Twilio's log.
fn list(messages: &[Value]) -> String {
    http("200 OK", "", &json!({ "messages": messages, "next_page_uri": null }).to_string())
}
