//! What was given up can be run again: the same run, which sends nothing twice, or a new one where that is asked for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use boatswain::base::{Clock, UnixMillis};
use boatswain::store::Mark;
use serde_json::{Value, json};

use crate::host::{Folder, form, runtime, sid};
use crate::pipeline::{Still, shown, shown_beside};

/// Numbers the messages whose notifications only have the host look at its clock.
static POKES: AtomicU32 = AtomicU32::new(1000);

const LONG: Duration = Duration::from_mins(1);

/// Sends, to a phone of which the simulator tells nothing more, and fails afterwards.
const SENDS_AND_FAILS: &str = r#"
    if (vo.MessageStatus !== "sent") return;
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
    const told = utils.whatsapp.send({ to: "+393990400000", body: "Ciao" });
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', ?)", null, false, true, told.status);
    throw new Error("not yet mended");
"#;

fn mended() -> String {
    SENDS_AND_FAILS.replace("Ciao", "Ciao, mended").replace("throw new Error(\"not yet mended\");", "")
}

/// A folder in which notification 1 is dead, because its script has changed after it had sent.
async fn dead_after_a_send(script: &str) -> (Folder, UnixMillis) {
    let folder = Folder::new(SENDS_AND_FAILS, "");
    let mut still = Still::serve(&folder).await;
    still.post(&form(&sid(1), "sent")).await;
    let (1, Mark::Retry { at }, "thrown") = still.ran().await else { panic!("it throws") };
    assert!(still.host.stop(LONG).await);

    folder.write("scripts/app/callback.js", script);
    let mut still = serve_at(&folder, at).await;
    assert_eq!(still.ran().await, (1, Mark::Dead, "thrown"));
    let error =
        shown_beside(&folder, &["notifications", "show", "1", "--json"]).await[0]["run"]["error"].clone();
    assert_eq!(error["code"], "JOURNAL_MISMATCH", "{error}");
    let run = shown_beside(&folder, &["runs", "show", "1", "--json"]).await[0].clone();
    assert_eq!(run["runAgain"], "boatswain notifications replay 1", "{run}");
    assert!(still.host.stop(LONG).await);
    (folder, at)
}

/// A host whose clock stands at `at`.
async fn serve_at(folder: &Folder, at: UnixMillis) -> Still {
    let mut still = Still::serve(folder).await;
    let behind = at.since(still.clock.now());
    still.clock.advance(behind);
    // Whoever waits for work looks at the clock when something comes.
    still.post(&form(&sid(POKES.fetch_add(1, Ordering::Relaxed)), "poke")).await;
    let ran = still.ran().await;
    if ran.0 == 1 {
        still.seen.push_back(ran);
    }
    still
}

async fn refused(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = folder.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_replay_is_the_same_run_and_sends_nothing_twice() {
    runtime().block_on(async {
        // Mended behind the send: the run goes on from there.
        let mended = SENDS_AND_FAILS.replace("throw new Error(\"not yet mended\");", "");
        let (folder, at) = dead_after_a_send(&SENDS_AND_FAILS.replace("Ciao", "Salve")).await;
        folder.write("scripts/app/callback.js", &mended);
        let mut still = serve_at(&folder, at).await;
        let rows = shown_beside(&folder, &["notifications", "replay", "1", "--json"]).await;
        assert_eq!((&rows[0]["id"], &rows[0]["state"]), (&json!(1), &json!("waiting")));
        assert_eq!(rows[0]["sentBefore"].as_array().unwrap().len(), 1);
        assert_eq!(still.ran().await, (1, Mark::Done, "completed"));
        assert_eq!(sent(&still, "Ciao"), 0, "this process's simulator has been asked for nothing");
        assert_eq!(
            folder.rows("SELECT status || ' ' || coalesce(note, ''), count(*) FROM effects GROUP BY 1"),
            [("after queued".to_owned(), 1), ("before ".to_owned(), 1)]
        );
        let shown = &shown_beside(&folder, &["notifications", "show", "1", "--json"]).await[0];
        let history = &shown["replays"][0];
        assert_eq!((&history["attempts"], &history["resend"]), (&json!(2), &json!(false)));
        assert_eq!(history["error"]["code"], "JOURNAL_MISMATCH");
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("done"), &json!(1)));

        let (status, said) = refused(&folder, &["notifications", "replay", "1"]).await;
        assert!(status == Some(1) && said.contains("error[NOT_DEAD]"), "{said}");
        let (status, said) = refused(&folder, &["notifications", "replay", "4711"]).await;
        assert!(status == Some(1) && said.contains("error[NOT_FOUND]"), "{said}");
        assert_eq!(refused(&folder, &["notifications", "replay"]).await.0, Some(2), "which?");
        assert!(still.host.stop(LONG).await);
    });
}

#[test]
fn with_resend_a_mended_script_starts_anew_and_says_what_it_may_send_again() {
    runtime().block_on(async {
        let (folder, at) = dead_after_a_send(&mended()).await;
        let mut still = serve_at(&folder, at).await;
        // Without: the run cannot be continued by a script that sends something else.
        shown_beside(&folder, &["notifications", "replay", "1", "--json"]).await;
        assert_eq!(still.ran().await, (1, Mark::Dead, "thrown"));
        let mut command = folder.command(&["notifications", "replay", "--all", "--resend"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("may send again: to +39…00"), "{said}");
        assert!(said.contains("1 dead notifications run again now"), "{said}");
        assert_eq!(still.ran().await, (1, Mark::Done, "completed"));
        assert_eq!(sent(&still, "Ciao, mended"), 1);
        // The first time's insert was committed by its send; the new run has made its own.
        assert_eq!(folder.rows("SELECT 'before', count(*) FROM effects WHERE status = 'before'")[0].1, 2);
        let shown = &shown_beside(&folder, &["notifications", "show", "1", "--json"]).await[0];
        let resends: Vec<_> =
            shown["replays"].as_array().unwrap().iter().map(|replay| replay["resend"].clone()).collect();
        assert_eq!(resends, [Value::from(false), Value::from(true)]);
        assert!(still.host.stop(LONG).await);
    });
}

#[test]
fn what_is_replayed_while_no_host_is_up_runs_when_one_is_started() {
    let (folder, at) = runtime().block_on(dead_after_a_send(&mended()));
    let rows = shown(&folder, &["notifications", "replay", "--app", "app", "--resend", "--json"]);
    assert_eq!(rows.len(), 1);
    assert_eq!(shown(&folder, &["notifications", "replay", "--company", "ACME", "--json"]).len(), 0);
    runtime().block_on(async {
        // Replayed at the time of the computer's clock, which is not the test's: it lies in the past.
        assert!(boatswain::base::SystemClock.now() < at);
        let mut still = serve_at(&folder, at).await;
        assert_eq!(still.ran().await, (1, Mark::Done, "completed"));
        assert_eq!(sent(&still, "Ciao, mended"), 1);
        assert!(still.host.stop(LONG).await);
    });
}

/// How many messages with this text the embedded simulator was given.
fn sent(still: &Still, body: &str) -> usize {
    let simulator = still.host.simulator().expect("the application uses the simulator");
    simulator.messages().iter().filter(|message| message.body == body).count()
}
