//! A run's effect is there once or not at all; what fails is tried again, in order, and harms nobody else
//! (invariants 3 and 5).

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{Clock, ManualClock, UnixMillis};
use boatswain::pipeline::Event;
use boatswain::store::Mark;
use boatswain::whatsapp::Form;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::host::{
    ACCOUNT, Folder, HostProcess, TOKEN, callback, callback_url, client, form, post, runtime, sid,
};
use crate::support::command;

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
const UNIQUE: &str = "CREATE TABLE once (x TEXT UNIQUE); INSERT INTO once VALUES ('taken');";

fn post_to(host: &HostProcess, form: &Form) {
    assert_eq!(callback(&host.url, &host.url, PATH, form, TOKEN).status, 204);
}

/// One line of a list or `show`, through the host or without it.
pub fn shown(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let output = folder.boatswain(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A host in this process, whose clock stands still.
pub struct Still {
    pub host: Host,
    pub clock: Arc<ManualClock>,
    events: Receiver<Event>,
    client: reqwest::Client,
    pokes: u32,
    /// Attempts that ended before they were asked for.
    pub seen: VecDeque<Ran>,
}

/// An attempt that ended: which notification, what becomes of it, and why.
pub type Ran = (i64, Mark, &'static str);

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

impl Still {
    pub async fn serve(folder: &Folder) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let builder = Host::builder(params, command()).clock(Arc::clone(&clock) as _);
        let host = builder.serve().await.unwrap();
        let events = host.events();
        Self { host, clock, events, client: client(), pokes: 0, seen: VecDeque::new() }
    }

    pub async fn post(&self, form: &Form) {
        assert_eq!(post(&self.client, &callback_url(self.host.public_url()), form).await.unwrap(), 204);
    }

    /// The next attempt that ended.
    pub async fn ran(&mut self) -> Ran {
        if let Some(ran) = self.seen.pop_front() {
            return ran;
        }
        loop {
            let event = tokio::time::timeout(Duration::from_mins(1), self.events.recv());
            if let Event::Ran { notification: Some((id, mark)), report, .. } = event.await.unwrap().unwrap() {
                return (id.0, mark, report.reason());
            }
        }
    }

    /// Another message's notification, which runs well: whoever waits for work looks at the clock. Gives what ran
    /// before it of the two notifications that the test is about.
    async fn poke(&mut self) -> Vec<Ran> {
        self.pokes += 1;
        self.post(&form(&sid(1_000_000 + self.pokes), "poke")).await;
        let mut ran = Vec::new();
        loop {
            let next = self.ran().await;
            if next.0 == 2 + i64::from(self.pokes) {
                assert_eq!((next.1, next.2), (Mark::Done, "completed"));
                return ran;
            }
            ran.push(next);
        }
    }

    /// Advances the clock to a moment just before `at`, at which nothing happens, and to `at`; gives the attempt
    /// that this brings.
    async fn retry(&mut self, at: UnixMillis) -> Ran {
        assert_eq!(self.poke().await, [], "before its time");
        let wait = at.since(self.now());
        self.clock.advance(wait.saturating_sub(Duration::from_millis(1)));
        assert_eq!(self.poke().await, [], "just before its time");
        self.clock.advance(Duration::from_millis(1));
        let ran = self.poke().await;
        self.seen.extend(ran);
        self.ran().await
    }

    fn now(&self) -> UnixMillis {
        self.clock.now()
    }
}

/// What a command shows through the host of this process.
pub async fn shown_beside(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let mut command = folder.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_failing_run_is_tried_twelve_times_ever_later_and_holds_its_message_back_until_it_is_dead() {
    let folder = Folder::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        if (vo.MessageStatus === "sent") throw new Error("not today");
        "#,
        "",
    );
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        still.post(&form(&sid(1), "sent")).await;
        still.post(&form(&sid(1), "delivered")).await;
        let mut ran = still.ran().await;
        for attempt in 1..12 {
            let (1, Mark::Retry { at }, "thrown") = ran else { panic!("attempt {attempt}: {ran:?}") };
            let delay = at.since(still.now());
            let base = Duration::from_secs((1 << (attempt - 1)).min(600));
            assert!((base..=base + base / 5).contains(&delay), "attempt {attempt}: {delay:?}");
            if attempt == 2 {
                let rows = shown_beside(&folder, &["notifications", "list", "--json"]).await;
                let row = |status: &str| rows.iter().find(|row| row["messageStatus"] == status).unwrap();
                let (sent, delivered) = (row("sent"), row("delivered"));
                assert_eq!((&sent["state"], &sent["attempts"]), (&json!("waiting"), &json!(2)));
                assert_eq!(sent["nextAttemptAt"], at.to_string());
                assert_eq!((&delivered["state"], &delivered["attempts"]), (&json!("waiting"), &json!(0)));
                assert_eq!(delivered["nextAttemptAt"], Value::Null);
            }
            ran = still.retry(at).await;
        }
        assert_eq!(ran, (1, Mark::Dead, "thrown"));
        assert_eq!(still.ran().await, (2, Mark::Done, "completed"), "what waited behind it");
        assert!(still.host.stop(Duration::from_mins(1)).await);
    });
    let row = &shown(&folder, &["notifications", "show", "1", "--json"])[0];
    assert_eq!((&row["state"], &row["attempts"]), (&json!("dead"), &json!(12)));
    assert_eq!(row["nextAttemptAt"], Value::Null);
    assert_eq!((&row["run"]["attempts"], &row["run"]["reason"]), (&json!(12), &json!("thrown")));
    assert!(row["run"]["error"].to_string().contains("not today"), "{row}");
    assert_eq!(folder.texts("SELECT status FROM effects WHERE status <> 'poke'"), ["delivered"]);
}

#[test]
fn a_run_that_killed_its_worker_three_times_is_dead() {
    let folder = Folder::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        if (vo.MessageStatus === "sent") /(a+)+$/.test("a".repeat(60) + "b");
        "#,
        "[applications.app.limits]\ncpu_ms = 50",
    );
    runtime().block_on(async {
        let mut still = Still::serve(&folder).await;
        still.post(&form(&sid(1), "sent")).await;
        let mut ran = still.ran().await;
        for _ in 1..3 {
            let (1, Mark::Retry { at }, "cpu_limit") = ran else { panic!("{ran:?}") };
            if still.pokes == 0 {
                still.post(&form(&sid(1), "delivered")).await;
            }
            ran = still.retry(at).await;
        }
        assert_eq!(ran, (1, Mark::Dead, "cpu_limit"));
        assert_eq!(still.ran().await, (2, Mark::Done, "completed"), "what waited behind it");
        assert!(still.host.stop(Duration::from_mins(1)).await);
    });
    assert_eq!(folder.count("SELECT kills FROM notifications WHERE id = 1"), 3);
    assert_eq!(folder.texts("SELECT status FROM effects WHERE status <> 'poke'"), ["delivered"]);
}

#[test]
fn a_run_that_fails_leaves_nothing_but_what_was_separated() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/migrations/002.sql", UNIQUE);
    let note = "const note = (text, separated) => utils.executeSql(\
                \"INSERT INTO effects VALUES (?, '', NULL)\", null, separated, true, text);\n";
    for (name, script) in [
        ("throws", "note('a'); note('throws', true); note('b'); throw new Error('x');"),
        ("rejects", "note('a'); note('rejects', true); await Promise.reject(new Error('x'));"),
        ("loops", "note('a'); note('loops', true); for (;;) {}"),
        ("killed", "note('a'); note('killed', true); /(a+)+$/.test('a'.repeat(60) + 'b');"),
        (
            "rolls_back",
            "note('a'); note('rolls_back', true); utils.executeSql(\"INSERT OR ROLLBACK INTO once VALUES ('taken')\");",
        ),
        (
            "caught",
            "note('a'); note('caught', true); try { utils.executeSql(\"INSERT OR ROLLBACK INTO once VALUES ('taken')\"); } catch {} return 1",
        ),
        (
            "lost_again",
            "note('a'); note('lost_again', true); utils.executeSql('DELETE FROM once');\
            utils.executeSql(\"INSERT OR ROLLBACK INTO once VALUES ('taken')\", null, true); throw new Error('x');",
        ),
        ("no_query", "note('a'); note('no_query', true); utils.executeQuery('SELEKT 1');"),
    ] {
        folder.write(&format!("scripts/app/{name}.js"), &(note.to_owned() + script));
        let output = folder.boatswain(&["run", &format!("app/{name}")]);
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        assert_eq!(folder.texts("SELECT sid FROM effects"), [name], "{name}");
        let db = rusqlite::Connection::open(folder.path("data/apps/app.db")).unwrap();
        db.execute("DELETE FROM effects", []).unwrap();
    }
    folder.write("scripts/app/good.js", &(note.to_owned() + "note('a', true); note('b');"));
    assert!(folder.boatswain(&["run", "app/good"]).status.success());
    assert_eq!(folder.texts("SELECT sid FROM effects"), ["a", "b"], "once, when the run ends well");
    assert_eq!(folder.texts("SELECT x FROM once"), ["taken"]);
}

#[test]
fn an_sql_error_is_thrown_or_logged_as_it_was_asked_for() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/migrations/002.sql", UNIQUE);
    folder.write(
        "scripts/app/errors.js",
        r#"
        const taken = "INSERT INTO once VALUES ('taken')";
        const told = [];
        utils.log("before", "debug");
        told.push(utils.executeSql("INSERT INTO once VALUES ('before')"));
        told.push(utils.executeSql(taken, null, false, false));
        told.push(utils.executeSql("INSERT INTO nowhere VALUES (1)", null, null, false));
        told.push(utils.executeSql("INSERT INTO once VALUES (?)", null, null, false)); // no parameter for it
        for (const interrupt of [true, null, undefined]) {
            try { utils.executeSql(taken, null, false, interrupt); } catch (error) { told.push(error.name + " " + error.code); }
        }
        try { utils.executeSql("SELEKT 1"); } catch (error) { told.push(error.code + " " + error.message.includes("SELEKT")); }
        try { utils.executeSql("SELECT 1; SELECT 2"); } catch (error) { told.push(error.code); }
        try { utils.executeSql("SELECT 1", "other"); } catch (error) { told.push(error.code); }
        utils.log("after", "warn");
        return told;
        "#,
    );
    let output = folder.boatswain(&["run", "app/errors"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let constraint = "Error SQL_CONSTRAINT";
    assert_eq!(
        told,
        json!([
            1,
            -1,
            -1,
            -1,
            constraint,
            constraint,
            constraint,
            "SQL_SYNTAX true",
            "SQL_SYNTAX",
            "UNKNOWN_DATA_SOURCE"
        ])
    );
    let log = String::from_utf8(output.stderr).unwrap();
    let levels: Vec<_> = log.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(levels, ["debug", "error", "error", "error", "warn"], "{log}");
    assert!(log.contains("UNIQUE constraint failed: once.x") && log.contains("nowhere"), "{log}");
    assert_eq!(
        folder.texts("SELECT x FROM once ORDER BY x"),
        ["before", "taken"],
        "the rest of the run is kept"
    );
}

/// Twenty notifications that are taken up together share one transaction; two of them end it for all.
#[test]
fn a_statement_that_ends_the_transaction_costs_the_innocent_nothing() {
    let folder = Folder::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        if (vo.MessageStatus.startsWith("culprit")) {
            try { utils.executeSql("INSERT OR ROLLBACK INTO once VALUES ('taken')"); } catch {}
            if (vo.MessageStatus === "culprit that hangs") /(a+)+$/.test("a".repeat(60) + "b");
        }
        console.log("effect of " + vo.MessageSid);
        "#,
        "[applications.app.limits]\ncpu_ms = 100",
    );
    folder.write("scripts/app/migrations/002.sql", UNIQUE);
    let host = folder.serve_until(Some("runs-claimed"));
    for number in 0..20 {
        let status = match number {
            7 => "culprit",
            13 => "culprit that hangs",
            _ => "sent",
        };
        post_to(&host, &form(&sid(number), status));
    }
    host.kill();
    let host = folder.serve();
    let innocent: Vec<_> = (0..20).filter(|number| ![7, 13].contains(number)).map(sid).collect();
    for sid in &innocent {
        host.wait_for(&format!("effect of {sid}"));
    }
    host.wait_for("a statement ended the run's transaction");
    host.wait_for("limits.cpu_ms");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT sid FROM effects ORDER BY sid"), innocent);
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done' AND attempts = 1"), 18);
    assert_eq!(
        folder.count("SELECT count(*) FROM notifications WHERE state = 'waiting' AND attempts >= 1"),
        2
    );
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE error LIKE '%SQL_TRANSACTION_LOST%'"), 1);
}

#[test]
fn what_hangs_or_explodes_ends_with_its_reason_and_the_next_callback_is_processed() {
    let folder = Folder::new(
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        console.log("begun " + vo.MessageStatus);
        if (vo.MessageStatus === "while") while (true) {}
        if (vo.MessageStatus === "regexp") /(a+)+$/.test("a".repeat(60) + "b");
        if (vo.MessageStatus === "recursion") (function f() { f(); })();
        if (vo.MessageStatus === "repeat") "x".repeat(2 ** 30);
        if (vo.MessageStatus === "deep") JSON.parse("[".repeat(1e5));
        if (vo.MessageStatus === "never") await new Promise(() => {});
        if (vo.MessageStatus === "literal") require("./lib/deep");
        if (vo.MessageStatus === "output") return "x".repeat(1.2e6);
        console.log("effect of " + vo.MessageSid);
        "#,
        "[applications.app.limits]\ncpu_ms = 200\nmemory_mb = 32",
    );
    folder.write(
        "scripts/app/lib/deep.js",
        &format!("module.exports = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
    );
    let host = folder.serve();
    let cases = [
        ("while", &["cpu_limit"][..]),
        ("regexp", &["cpu_limit"]),
        ("recursion", &["stack_limit"]),
        ("repeat", &["memory_limit"]),
        ("deep", &["thrown", "stack_limit"]),
        ("never", &["thrown"]),
        ("literal", &["stack_limit", "syntax"]),
        ("output", &["output_limit"]),
    ];
    for (number, (status, _)) in (0..).zip(cases) {
        post_to(&host, &form(&sid(2 * number), status));
        post_to(&host, &form(&sid(2 * number + 1), "sent"));
        host.wait_for(&format!("effect of {}", sid(2 * number + 1)));
    }
    let after = |host: &HostProcess| {
        post_to(host, &form(&sid(99), "sent"));
        host.wait_for(&format!("effect of {}", sid(99)));
    };
    after(&host);
    // Each has had an attempt: the line with its reason is written once that is recorded.
    for (_, reasons) in cases {
        if let [reason] = reasons {
            host.wait_for(&format!("reason=\"{reason}\""));
        }
    }
    host.wait_for_many("next=\"tried again", cases.len());
    let rows = shown(&folder, &["runs", "list", "--json"]);
    let notifications = shown(&folder, &["notifications", "list", "--json"]);
    for (status, reasons) in cases {
        let notification = notifications.iter().find(|row| row["messageStatus"] == status).unwrap();
        let run = rows.iter().find(|row| row["notificationId"] == notification["id"]).unwrap();
        assert!(reasons.contains(&run["reason"].as_str().unwrap()), "{status}: {run}");
        assert!(run["error"]["message"].as_str().unwrap().len() > 10, "{status}: {run}");
        assert_ne!(notification["state"], "done", "{status}");
    }
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT status || count(*) FROM effects GROUP BY status"), ["sent9"]);
}

/// A stand-in for Twilio that answers when the test says so.
pub struct Twilio {
    pub url: String,
    /// The body of each request, and where its answer goes.
    asked: mpsc::Receiver<(Form, mpsc::Sender<String>)>,
}

impl Twilio {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ask, asked) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let ask = ask.clone();
                std::thread::spawn(move || Self::serve(stream, &ask));
            }
        });
        Self { url, asked }
    }

    fn serve(stream: TcpStream, ask: &mpsc::Sender<(Form, mpsc::Sender<String>)>) {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (answer, answered) = mpsc::channel::<String>();
        ask.send((Form::parse(&body).unwrap(), answer)).unwrap();
        let Ok(json) = answered.recv() else { return };
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let _ = write!(reader.get_mut(), "{head}content-length: {}\r\n\r\n{json}", json.len());
    }

    /// The next message that somebody wants to send.
    pub fn asked(&self) -> (Form, mpsc::Sender<String>) {
        self.asked.recv_timeout(Duration::from_mins(1)).unwrap()
    }
}

/// Twilio's answer to a message that was taken.
pub fn taken(sid: &str) -> String {
    json!({
        "sid": sid, "account_sid": ACCOUNT, "status": "queued", "to": "whatsapp:+393331234567",
        "from": "whatsapp:+14155238886", "body": "", "error_code": null, "error_message": null,
        "api_version": "2010-04-01", "direction": "outbound-api", "num_media": "0", "num_segments": "1",
        "date_created": "Sun, 22 Nov 2026 12:00:00 +0000", "date_updated": "Sun, 22 Nov 2026 12:00:00 +0000",
        "date_sent": null, "price": null, "price_unit": null, "messaging_service_sid": null,
        "uri": "", "subresource_uris": {}
    })
    .to_string()
}

#[test]
fn a_notification_of_an_open_runs_message_waits_for_the_end_of_that_run() {
    let twilio = Twilio::listen();
    let folder = Folder::new(
        r#"
        if (vo.MessageStatus === "start") {
            const first = utils.whatsapp.send({ to: "+393331234567", body: "one" });
            utils.whatsapp.send({ to: "+393331234567", body: "two" });
            // Only now does the action note the sid: its notifications must find it.
            utils.executeSql("INSERT INTO effects VALUES (?, 'noted', NULL)", null, false, true, first.sid);
        } else {
            const found = JSON.parse(utils.executeQuery("SELECT status FROM effects WHERE sid = :MESSAGE_SID", null));
            utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, ?)", null, false, true, JSON.stringify(found));
        }
        console.log("effect of " + vo.MessageSid + " " + vo.MessageStatus);
        "#,
        &format!("api_base_url = \"{}\"", twilio.url),
    );
    let host = folder.serve();
    post_to(&host, &form(&sid(1), "start"));
    let (first, answer) = twilio.asked();
    let callback_url = first.get("StatusCallback").unwrap();
    let (address, fragment) = callback_url.split_once('#').unwrap();
    assert_eq!(fragment, "rc=5&rp=ct,rt,5xx");
    let path = address.strip_prefix(host.url.as_str()).unwrap();
    assert!(path.starts_with(&format!("{PATH}?message=")), "{path}");
    // A callback that comes before the answer to the send, and one after it.
    let speak = |status: &str| callback(&host.url, &host.url, path, &form(&sid(50), status), TOKEN).status;
    assert_eq!(speak("sent"), 204);
    answer.send(taken(&sid(50))).unwrap();
    let (_, answer) = twilio.asked();
    assert_eq!(speak("delivered"), 204);
    // Without the address that names the message, it is known by its sid, when that has been told.
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(50), "read"), TOKEN).status, 204);
    // The run waits for its second answer; others go on meanwhile.
    post_to(&host, &form(&sid(2), "sent"));
    host.wait_for(&format!("effect of {} sent", sid(2)));
    assert_eq!(folder.texts("SELECT sid FROM effects"), [sid(2)]);
    answer.send(taken(&sid(51))).unwrap();
    host.wait_for(&format!("effect of {} read", sid(50)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(
        folder.texts(
            "SELECT substr(sid, 33) || ' ' || status || ' ' || coalesce(note, '') FROM effects ORDER BY rowid"
        ),
        [
            "02 sent []",
            "32 noted ",
            "32 sent [{\"status\":\"noted\"}]",
            "32 delivered [{\"status\":\"noted\"},{\"status\":\"sent\"}]",
            "32 read [{\"status\":\"noted\"},{\"status\":\"sent\"},{\"status\":\"delivered\"}]",
        ]
    );
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE attempts = 1"), 5);
}

#[test]
fn a_run_that_sent_and_then_fails_is_taken_up_again_without_sending_twice() {
    let twilio = Twilio::listen();
    let folder = Folder::new(
        r#"
        const known = JSON.parse(utils.executeQuery("SELECT count(*) AS n FROM effects", null))[0].n;
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', ?)", null, false, true, known);
        const told = utils.whatsapp.send({ to: "+393331234567", body: "one" });
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', ?)", null, false, true, told.sid);
        if (JSON.parse(utils.executeQuery("SELECT x FROM once WHERE x = 'go'", null)).length === 0) {
            throw new Error("not yet");
        }
        console.log("effect of " + vo.MessageSid);
        "#,
        &format!("api_base_url = \"{}\"", twilio.url),
    );
    folder.write("scripts/app/migrations/002.sql", UNIQUE);
    let host = folder.serve();
    post_to(&host, &form(&sid(1), "start"));
    let (_, answer) = twilio.asked();
    answer.send(taken(&sid(50))).unwrap();
    host.wait_for("not yet");
    assert_eq!(
        folder.texts("SELECT status FROM effects"),
        ["before"],
        "a send commits what was written before it"
    );
    let db = rusqlite::Connection::open(folder.path("data/apps/app.db")).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    db.execute("INSERT INTO once VALUES ('go')", []).unwrap();
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert!(twilio.asked.try_recv().is_err(), "asked once");
    assert_eq!(
        folder.texts("SELECT status || ' ' || note FROM effects"),
        ["before 0".to_owned(), format!("after {}", sid(50))]
    );
    assert_eq!(folder.count("SELECT count(*) FROM messages"), 1);
}

#[test]
fn what_only_a_commit_refuses_costs_the_innocent_nothing_and_fails_the_culprit() {
    let folder = Folder::new(
        r#"
        if (vo.MessageStatus === "bad") utils.executeSql("INSERT INTO child VALUES (404)");
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        console.log("effect of " + vo.MessageSid);
        "#,
        "",
    );
    folder.write(
        "scripts/app/migrations/002.sql",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE child (id INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);",
    );
    let host = folder.serve();
    for n in 1..=8 {
        post_to(&host, &form(&sid(n), if n == 4 { "bad" } else { "sent" }));
    }
    host.wait_for("violates a deferred foreign key");
    for n in (1..=8).filter(|n| *n != 4) {
        host.wait_for(&format!("effect of {}", sid(n)));
    }
    let effects = folder.rows("SELECT sid, count(*) FROM effects GROUP BY sid");
    let expected: Vec<_> = (1..=8).filter(|n| *n != 4).map(|n| (sid(n), 1)).collect();
    assert_eq!(effects, expected);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 7);
    assert_eq!(folder.count("SELECT attempts > 0 FROM notifications WHERE status = 'bad'"), 1);
}
