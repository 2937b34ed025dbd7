//! An acknowledged callback survives anything, and its effect happens once (invariants 1 and 3); a message is sent at
//! most once (invariant 4). Each test holds the host still at a named point and kills it there with SIGKILL.

use std::time::Duration;

use boatswain::base::{AccountSid, Secret};
use boatswain::simulator::{Settings, SimulatedAccount, Simulator, Timings};

use crate::host::{
    ACCOUNT, Folder, TOKEN, callback_url, client, form, post, runtime, sid, signal, workers_of,
};

/// Leaves a row for each run; its log line appears when the row is committed.
const NOTE: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
    console.log("effect of " + vo.MessageSid);
"#;
const EFFECTS: &str = "SELECT sid, count(*) FROM effects GROUP BY sid";

fn killed_at(failpoint: &str, acknowledged: bool) {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve_until(Some(failpoint));
    let url = callback_url(&host.url);
    let answer =
        std::thread::spawn(move || runtime().block_on(post(&client(), &url, &form(&sid(1), "sent"))));
    host.wait_for(&format!("failpoint: {failpoint}"));
    if acknowledged {
        assert_eq!(answer.join().unwrap().unwrap(), 204);
        host.kill();
    } else {
        host.kill();
        assert!(answer.join().unwrap().is_err(), "nobody was told that it is kept");
    }

    let host = folder.serve();
    if !acknowledged {
        // Twilio was not answered: it tries again.
        let url = callback_url(&host.url);
        let status = runtime().block_on(post(&client(), &url, &form(&sid(1), "sent"))).unwrap();
        assert_eq!(status, 204);
    }
    // A notification after it, to know when the first has had its effect: once it is done, nothing of it comes again.
    if folder.rows(EFFECTS).is_empty() {
        host.wait_for(&format!("effect of {}", sid(1)));
    }
    let url = callback_url(&host.url);
    assert_eq!(runtime().block_on(post(&client(), &url, &form(&sid(1), "delivered"))).unwrap(), 204);
    host.wait_for("effect of");
    let effects = wait_for_effects(&folder, &host, 2);
    assert_eq!(effects, [(sid(1), 2)], "one effect of `sent`, one of `delivered`");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 2);
}

/// The runs of one message follow one another: when the second has had its effect, the first has had all of its.
fn wait_for_effects(folder: &Folder, host: &crate::host::HostProcess, total: i64) -> Vec<(String, i64)> {
    let count = || folder.rows("SELECT 'all', count(*) FROM effects")[0].1;
    let mut lines = 1;
    while count() < total {
        lines += 1;
        host.wait_for_many("effect of", lines);
    }
    folder.rows(EFFECTS)
}

#[test]
fn killed_before_the_notification_is_committed() {
    killed_at("notification-written", false);
}

#[test]
fn killed_after_the_notification_is_committed_and_before_it_is_acknowledged() {
    killed_at("notification-committed", false);
}

#[test]
fn killed_between_acknowledgement_and_run() {
    killed_at("runs-claimed", true);
}

#[test]
fn killed_in_the_run() {
    killed_at("run-calls", true);
}

#[test]
fn killed_after_the_run_and_before_its_commit() {
    killed_at("runs-ended", true);
}

#[test]
fn killed_after_the_runs_commit() {
    killed_at("runs-committed", true);
}

#[test]
fn a_killed_worker_fails_only_its_run_which_is_tried_again() {
    let runtime = runtime();
    // The first run of the first message waits, long enough to be killed; others do not.
    let folder = Folder::new(
        r#"
        if (vo.MessageStatus === "slow") {
            const seen = JSON.parse(utils.executeQuery("SELECT count(*) AS n FROM effects"))[0].n;
            if (seen === 0) { utils.executeSql("INSERT INTO effects VALUES ('lost', '', '')"); for (;;) {} }
        }
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
        console.log("effect of " + vo.MessageSid);
        "#,
        "[applications.app.limits]\ncpu_ms = 60000\nwall_ms = 60000",
    );
    let host = folder.serve_until(None);
    let url = callback_url(&host.url);
    let client = client();
    assert_eq!(runtime.block_on(post(&client, &url, &form(&sid(1), "slow"))).unwrap(), 204);
    let worker = loop {
        // A worker that has used processor time is in the endless loop.
        if let Some(worker) = workers_of(host.pid()).into_iter().find(|worker| is_busy(*worker)) {
            break worker;
        }
        std::thread::yield_now();
    };
    signal(worker, "-KILL");
    assert_eq!(runtime.block_on(post(&client, &url, &form(&sid(2), "sent"))).unwrap(), 204);
    host.wait_for(&format!("effect of {}", sid(2)));
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(folder.rows(EFFECTS), [(sid(1), 1), (sid(2), 1)], "nothing of the killed attempt stays");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT attempts FROM notifications WHERE status = 'slow'"), 2);
    assert_eq!(folder.count("SELECT attempts FROM notifications WHERE status = 'sent'"), 1);
}

/// Whether a process has used a fifth of a second of processor time.
fn is_busy(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse::<u32>().ok());
    ticks.is_some_and(|ticks| ticks >= 20)
}

/// Longer than any test.
const NEVER: Duration = Duration::from_hours(24);

/// An action that sends, and notes what it was told.
const SEND: &str = r#"
    if (vo.MessageStatus === "start") {
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
        const told = utils.whatsapp.send({ to: "+393331234567", body: "Ciao" });
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', ?)", null, false, true, told.status);
        console.log("effect of " + vo.MessageSid);
    } else {
        console.log("status of " + vo.MessageSid + " is " + vo.MessageStatus);
    }
"#;

/// `sent_after`: how long the simulator waits before its first callback.
fn killed_while_sending(failpoint: &str, sent_after: Duration, messages: usize, told: &str) {
    let runtime = runtime();
    let simulator = runtime
        .block_on(Simulator::bind(Settings {
            timings: Timings { sent: sent_after, delivered: NEVER, read: NEVER, ..Timings::default() },
            accounts: vec![SimulatedAccount::new(
                AccountSid::parse(ACCOUNT).unwrap(),
                Secret::new(TOKEN),
                ["+14155238886".parse().unwrap()],
            )],
            ..Settings::default()
        }))
        .unwrap();
    let base = simulator.base_url();
    let folder = Folder::new(SEND, &format!("api_base_url = \"{base}\""));
    let host = folder.serve_until(Some(failpoint));
    let url = callback_url(&host.url);
    assert_eq!(runtime.block_on(post(&client(), &url, &form(&sid(1), "start"))).unwrap(), 204);
    // The simulator lives on this runtime: drive it while waiting for the host to stand still.
    let (told_us, still) = tokio::sync::oneshot::channel();
    let line = format!("failpoint: {failpoint}");
    let waiting = std::thread::spawn(move || {
        host.wait_for(&line);
        let _ = told_us.send(());
        host
    });
    runtime.block_on(async {
        still.await.unwrap();
        if sent_after < NEVER {
            let mut changes = simulator.changes();
            while !simulator.messages()[0].callbacks.iter().any(|callback| callback.answer == Some(204)) {
                changes.changed().await.unwrap();
            }
        }
    });
    waiting.join().unwrap().kill();

    let host = folder.serve();
    let (told_us, done) = tokio::sync::oneshot::channel();
    let waiting = std::thread::spawn(move || {
        host.wait_for(&format!("effect of {}", sid(1)));
        let _ = told_us.send(());
        host
    });
    runtime.block_on(done).unwrap();
    let host = waiting.join().unwrap();
    assert_eq!(simulator.messages().len(), messages, "messages that Twilio was given");
    let notes = folder.rows("SELECT status || ' ' || coalesce(note, ''), count(*) FROM effects GROUP BY 1");
    assert_eq!(notes, [(format!("after {told}"), 1), ("before ".to_owned(), 1)]);
    assert_eq!(host.terminate(), Some(0));
    runtime.block_on(simulator.shutdown());
}

#[test]
fn killed_before_the_request_leaves_the_send_is_in_doubt_and_not_repeated() {
    killed_while_sending("send-intended", NEVER, 0, "unknown");
}

#[test]
fn killed_after_the_answer_the_message_is_found_in_twilios_log_and_not_sent_again() {
    killed_while_sending("send-answered", NEVER, 1, "queued");
}

#[test]
fn killed_after_the_answer_a_callback_tells_what_became_of_the_message() {
    killed_while_sending("send-answered", Duration::ZERO, 1, "sent");
}
