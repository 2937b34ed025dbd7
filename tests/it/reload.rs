//! What changes while the host runs: what is sound is taken over, what is not is refused and the version before stays in
//! force, and no notification is lost or fails for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{Diagnostic, Secret};
use boatswain::pipeline::Event;
use boatswain::runtime::{Reloaded, TakenOver};
use boatswain::store::Mark;
use boatswain::whatsapp::signature;
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;

use crate::host::{ACCOUNT, Folder, TOKEN, callback_url, client, form, post, post_signed, runtime, sid};
use crate::pipeline::shown_beside;
use crate::support::command;

/// A callback action that notes which edition of it has run.
fn noting(note: &str) -> String {
    format!(
        "if (vo.MessageStatus === 'start') utils.executeSql(\"INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, ?)\", null, false, true, {note});"
    )
}

/// A host in this process, and what happens in it.
struct Live {
    host: Host,
    events: Receiver<Event>,
    client: reqwest::Client,
    posted: u32,
}

impl Live {
    async fn serve(folder: &Folder) -> Self {
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = Host::builder(params, command()).serve().await.unwrap();
        Self { events: host.events(), host, client: client(), posted: 0 }
    }

    /// Posts a callback of a new message to an application, and gives the answer's status.
    async fn post_to(&mut self, app: &str, key: &str) -> u16 {
        self.posted += 1;
        let form = form(&sid(self.posted), "start");
        let url = format!("{}/whatsapp/callback/{app}/NODEFINED", self.host.public_url());
        let signature = signature::sign(&url, &form, &Secret::new(key));
        post_signed(&self.client, &url, &form, &signature).await.unwrap()
    }

    /// Posts a callback, and says how its run ended.
    async fn run(&mut self) -> (Mark, &'static str) {
        assert_eq!(self.post_to("app", TOKEN).await, 204);
        self.ran().await
    }

    /// How the next run ended.
    async fn ran(&mut self) -> (Mark, &'static str) {
        loop {
            let event = tokio::time::timeout(Duration::from_mins(1), self.events.recv());
            if let Event::Ran { notification: Some((_, mark)), report, .. } = event.await.unwrap().unwrap() {
                return (mark, report.reason());
            }
        }
    }

    /// Waits for the next outcome of a send. Other callbacks run as well: those of what was sent.
    async fn sent(&mut self) {
        let sent = async { while !matches!(self.events.recv().await.unwrap(), Event::Sent { .. }) {} };
        tokio::time::timeout(Duration::from_mins(1), sent).await.unwrap();
    }

    async fn stop(self) {
        assert!(self.host.stop(Duration::from_mins(1)).await);
    }
}

const DONE: (Mark, &str) = (Mark::Done, "completed");

fn notes(folder: &Folder) -> Vec<String> {
    folder.texts("SELECT note FROM effects ORDER BY rowid")
}

/// The only thing that was taken over, and nothing was refused.
fn taken(reloaded: &Reloaded) -> &TakenOver {
    assert_eq!(reloaded.refused, []);
    assert_eq!(reloaded.taken.len(), 1, "{reloaded:?}");
    &reloaded.taken[0]
}

/// The codes and places of what was refused, and nothing was taken over.
fn refused(reloaded: &Reloaded) -> Vec<String> {
    assert_eq!(reloaded.taken, []);
    reloaded.refused.iter().map(shown).collect()
}

fn shown(problem: &Diagnostic) -> String {
    let place = problem.place.as_ref().unwrap();
    let file = place.file.file_name().unwrap().display();
    let line = place.position.map(|(line, _)| format!(":{line}")).unwrap_or_default();
    format!("{} {file}{line}", problem.code)
}

fn params(more: &str) -> String {
    format!(
        r#"
        [host]
        listen = "127.0.0.1:0"
        [simulator]
        listen = "127.0.0.1:0"
        [applications.app.WHATSAPP]
        environment = "simulator"
        account_id = "{ACCOUNT}"
        auth_key = "{TOKEN}"
        from_phone_number = "+14155238886"
        {more}
        "#
    )
}

const CALLBACK: &str = "whatsapp_callback = \"callback\"";

#[test]
fn edits_under_load_lose_no_notification_and_fail_none() {
    const CLIENTS: u32 = 4;
    // More than a batch takes, so that after each edit runs have begun with it.
    const RUNS: u32 = 150;
    let folder = Folder::new(&noting("'0'"), "");
    let posted = runtime().block_on(async {
        let live = Live::serve(&folder).await;
        let mut events = live.host.events();
        let (count, mut ran) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok(event) = events.recv().await {
                if let Event::Ran { .. } = event {
                    count.send_modify(|ran| *ran += 1);
                }
            }
        });
        let url: Arc<str> = callback_url(live.host.public_url()).into();
        let enough = Arc::new(AtomicBool::new(false));
        let clients = (1..=CLIENTS).map(|number| {
            let (url, enough) = (Arc::clone(&url), Arc::clone(&enough));
            tokio::spawn(async move {
                let (client, mut posted) = (client(), 0);
                while !enough.load(Ordering::Relaxed) {
                    let form = form(&sid(number * 100_000 + posted), "start");
                    assert_eq!(post(&client, &url, &form).await.unwrap(), 204);
                    posted += 1;
                }
                posted
            })
        });
        let clients: Vec<_> = clients.collect();
        ran.wait_for(|ran| *ran >= RUNS).await.unwrap();
        for edit in 1..=12 {
            // Every third is broken, every fourth brings a migration along.
            let broken = if edit % 3 == 0 { "}" } else { "" };
            folder.write("scripts/app/callback.js", &(noting(&format!("'{edit}'")) + broken));
            if edit % 4 == 0 {
                let migration = format!("scripts/app/migrations/1{edit:02}.sql");
                folder.write(&migration, &format!("CREATE TABLE t{edit} (x);"));
            }
            let reloaded = live.host.reload().await;
            assert_eq!(reloaded.taken.is_empty(), edit % 3 == 0, "{reloaded:?}");
            assert_eq!(reloaded.refused.is_empty(), edit % 3 != 0, "{reloaded:?}");
            let so_far = *ran.borrow();
            ran.wait_for(|ran| *ran >= so_far + RUNS).await.unwrap();
        }
        enough.store(true, Ordering::Relaxed);
        let mut posted = 0;
        for client in clients {
            posted += client.await.unwrap();
        }
        ran.wait_for(|ran| *ran == posted).await.unwrap();
        live.stop().await;
        posted
    });
    let all = i64::from(posted);
    assert_eq!(folder.rows("SELECT 'all', count(DISTINCT sid) FROM effects"), [("all".to_owned(), all)]);
    assert_eq!(folder.rows("SELECT 'all', count(*) FROM effects"), [("all".to_owned(), all)]);
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE reason <> 'completed' OR attempts <> 1"), 0);
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), all);
    // One edition after the other has run, and none came back; those that were broken never did.
    let mut notes: Vec<u32> = notes(&folder).iter().map(|note| note.parse().unwrap()).collect();
    assert!(notes.is_sorted(), "{notes:?}");
    notes.dedup();
    assert_eq!(notes, [0, 1, 2, 4, 5, 7, 8, 10, 11]);
}

#[test]
fn a_script_is_taken_over_when_it_is_sound_and_its_version_is_on_each_run() {
    let folder = Folder::new(&noting("require('./lib/note').note"), "");
    folder.write("scripts/app/lib/note.js", "exports.note = 'one';");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert_eq!(live.host.reload().await, Reloaded::default(), "nothing has changed");
        assert_eq!(live.run().await, DONE);

        folder.write("scripts/app/lib/note.js", "exports.note = 'two';");
        let reloaded = live.host.reload().await;
        let taken = taken(&reloaded);
        assert_eq!((taken.app.as_str(), taken.changed.join(" ")), ("app", "lib/note.js".to_owned()));
        let versions = [taken.from.clone().unwrap(), taken.to.clone().unwrap()];
        assert_ne!(versions[0], versions[1]);
        assert_eq!(live.run().await, DONE);

        // A file that is broken keeps those out that come with it.
        folder.write("scripts/app/lib/note.js", "exports.note = 'three';");
        folder.write("scripts/app/other.js", "return 1 +;");
        let reloaded = live.host.reload().await;
        assert_eq!(refused(&reloaded), ["SCRIPT_SYNTAX other.js:1"]);
        assert_eq!(live.run().await, DONE);

        folder.write("scripts/app/other.js", "return 1 + 1;");
        let mended = live.host.reload().await;
        assert_eq!(self::taken(&mended).changed, ["lib/note.js", "other.js"]);
        assert_eq!(live.run().await, DONE);
        let runs = shown_beside(&folder, &["runs", "list", "--json"]).await;
        let mut seen: Vec<_> =
            runs.iter().map(|run| run["scriptVersion"].as_str().unwrap().to_owned()).collect();
        seen.reverse();
        let last = mended.taken[0].to.clone().unwrap();
        assert_eq!(seen, [versions[0].clone(), versions[1].clone(), versions[1].clone(), last]);
        live.stop().await;
    });
    assert_eq!(notes(&folder), ["one", "two", "two", "three"]);
}

#[test]
fn what_was_broken_when_the_host_started_keeps_nothing_else_out() {
    let folder = Folder::new(&noting("'one'"), "");
    folder.write("scripts/app/broken.js", "return 1 +;");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        folder.write("scripts/app/callback.js", &noting("'two'"));
        assert_eq!(taken(&live.host.reload().await).changed, ["callback.js"]);
        assert_eq!(live.run().await, DONE);
        live.stop().await;
    });
    assert_eq!(notes(&folder), ["two"]);
}

#[test]
fn an_action_that_the_parameters_name_does_not_vanish() {
    let folder = Folder::new(&noting("'one'"), "");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        std::fs::rename(folder.path("scripts/app/callback.js"), folder.path("scripts/app/renamed.js"))
            .unwrap();
        assert_eq!(refused(&live.host.reload().await), ["UNKNOWN_ACTION app-params.toml:11"]);
        assert_eq!(live.run().await, DONE);
        // With the parameters it may.
        folder.write("app-params.toml", &params("whatsapp_callback = \"renamed\""));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters", "callback.js", "renamed.js"]);
        assert_eq!(live.run().await, DONE);
        // A name that leads nowhere is as unsound, and the scripts that come with it are taken over.
        folder.write("app-params.toml", &params("whatsapp_callback = \"nowhere\""));
        folder.write("scripts/app/renamed.js", &noting("'two'"));
        let reloaded = live.host.reload().await;
        assert_eq!(
            reloaded.refused.iter().map(shown).collect::<Vec<_>>(),
            ["UNKNOWN_ACTION app-params.toml:11"]
        );
        assert_eq!(reloaded.taken[0].changed, ["renamed.js"]);
        assert_eq!(live.run().await, DONE);
        live.stop().await;
    });
    assert_eq!(notes(&folder), ["one", "one", "two"]);
}

#[test]
fn migrations_are_taken_over_with_the_scripts_that_need_them_or_neither_is() {
    let folder = Folder::new(&noting("'one'"), "");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert_eq!(live.run().await, DONE);
        // The second of three fails: nothing of any of them stays, and the scripts neither.
        folder.write("scripts/app/migrations/002.sql", "CREATE TABLE notes (note TEXT);");
        folder.write(
            "scripts/app/migrations/003.sql",
            "INSERT INTO notes VALUES ('x');\nINSERT INTO nowhere VALUES (1);",
        );
        folder.write("scripts/app/migrations/004.sql", "INSERT INTO notes VALUES ('two');");
        folder.write(
            "scripts/app/callback.js",
            &noting("JSON.parse(utils.executeQuery('SELECT note FROM notes', null))[0].note"),
        );
        assert_eq!(refused(&live.host.reload().await), ["MIGRATION_FAILED 003.sql"]);
        assert_eq!(folder.texts("SELECT name FROM sqlite_schema WHERE name = 'notes'"), [""; 0]);
        assert_eq!(live.run().await, DONE);

        folder.write("scripts/app/migrations/003.sql", "DELETE FROM notes;");
        let reloaded = live.host.reload().await;
        let changed = ["callback.js", "migrations/002.sql", "migrations/003.sql", "migrations/004.sql"];
        assert_eq!(taken(&reloaded).changed, changed);
        assert_eq!(live.run().await, DONE);

        // One that is applied must not be changed.
        folder.write("scripts/app/migrations/004.sql", "INSERT INTO notes VALUES ('three');");
        assert_eq!(refused(&live.host.reload().await), ["MIGRATION_CHANGED 004.sql"]);
        assert_eq!(live.run().await, DONE);
        live.stop().await;
    });
    assert_eq!(notes(&folder), ["one", "one", "two", "two"]);
}

#[test]
fn parameters_that_are_unsound_keep_none_of_their_changes_and_no_scripts_out() {
    let folder =
        Folder::new(&noting("utils.getParameter('note')"), "[applications.app.parameters]\nnote = 'one'");
    let note = |note: &str| params(&format!("{CALLBACK}\n[applications.app.parameters]\nnote = {note}"));
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert_eq!(live.run().await, DONE);
        folder.write("app-params.toml", &note("'two"));
        folder.write("scripts/app/callback.js", &noting("utils.getParameter('note') + '!'"));
        let reloaded = live.host.reload().await;
        assert_eq!(reloaded.refused[0].code, "PARAMS_SYNTAX");
        assert_eq!(reloaded.taken[0].changed, ["callback.js"]);
        assert_eq!(live.run().await, DONE);
        // Whoever writes a file in place empties it first.
        folder.write("app-params.toml", "\n");
        assert_eq!(refused(&live.host.reload().await), ["PARAMS_BLANK app-params.toml"]);
        assert_eq!(live.run().await, DONE);
        folder.write("app-params.toml", &note("'two'"));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.run().await, DONE);
        live.stop().await;
    });
    assert_eq!(notes(&folder), ["one", "one!", "one!", "two!"]);
}

#[test]
fn a_key_that_is_rotated_counts_from_the_next_callback_on() {
    let folder = Folder::new(&noting("utils.whatsapp.send({ to: '+393331234567', body: 'x' }).status"), "");
    let key = |key: &str| params(CALLBACK).replace(&format!("\"{TOKEN}\""), key);
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert_eq!(live.post_to("app", TOKEN).await, 204);
        live.sent().await;
        assert_eq!(live.post_to("app", "another").await, 403);
        folder.write("app-params.toml", &key(&format!("[\"another\", \"{TOKEN}\"]")));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.post_to("app", "another").await, 204);
        live.sent().await;
        assert_eq!(live.post_to("app", TOKEN).await, 204);
        live.sent().await;
        // From a file that is changed by itself.
        folder.write("app-params.toml", &key("{ file = \"key\" }"));
        assert_eq!(live.host.reload().await.refused[0].code, "SECRET_UNAVAILABLE");
        folder.write("key", "third");
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.post_to("app", TOKEN).await, 403);
        assert_eq!(live.post_to("app", "third").await, 204);
        live.sent().await;
        live.stop().await;
    });
    // The simulator has taken every key over as well.
    assert_eq!(notes(&folder), ["queued"; 4]);
}

#[test]
fn limits_count_from_the_next_run_on() {
    let folder = Folder::new(
        r#"
        for (let n = 0; n < 50; n++) utils.executeQuery("SELECT 1 AS one", null);
        for (let n = 0; n < 100000; n++);
        utils.executeSql(
            "INSERT INTO effects WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) " +
            "SELECT 's', 's', printf('%0200d', i) FROM n", null);
        "#,
        "",
    );
    let limits = |limits: &str| params(&format!("{CALLBACK}\n[applications.app.limits]\n{limits}"));
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert_eq!(live.run().await, DONE);
        folder.write("app-params.toml", &limits("host_calls = 10"));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.run().await.1, "host_call_limit");
        // The database's own limits, too.
        folder.write("app-params.toml", &limits("database_mb = 1"));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.run().await.1, "thrown");
        folder.write("app-params.toml", &limits("cpu_ms = 1"));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters"]);
        assert_eq!(live.run().await.1, "cpu_limit");
        live.stop().await;
    });
}

#[test]
fn an_application_comes_and_goes_and_what_waits_for_it_waits_on() {
    let folder = Folder::new(&noting("'one'"), "");
    let second = format!(
        r#"{CALLBACK}
        [applications.second.WHATSAPP]
        environment = "simulator"
        account_id = "AC00000000000000000000000000000001"
        auth_key = "second"
        from_phone_number = "+14155238887"
        whatsapp_callback = "callback"
        "#
    );
    folder
        .write("scripts/second/migrations/1.sql", "CREATE TABLE effects (sid TEXT, status TEXT, note TEXT);");
    folder.write(
        "scripts/second/callback.js",
        &noting("utils.whatsapp.send({ to: '+393331234567', body: 'x' }).from"),
    );
    folder.write("public/second/note.txt", "hello");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        let file = format!("{}/public/second/note.txt", live.host.public_url());
        let fetched = async || reqwest::get(&file).await.unwrap().status().as_u16();
        assert_eq!((live.post_to("second", "second").await, fetched().await), (403, 404));

        folder.write("app-params.toml", &params(&second));
        let reloaded = live.host.reload().await;
        let came = taken(&reloaded);
        assert_eq!((came.app.as_str(), &came.from, came.to.is_some()), ("second", &None, true));
        assert_eq!((live.post_to("second", "second").await, fetched().await), (204, 200));
        assert_eq!(live.ran().await, DONE);
        assert_eq!(live.run().await, DONE);

        // It goes with a notification that is to be tried again.
        folder.write("scripts/second/callback.js", "throw new Error('later')");
        live.host.reload().await;
        assert_eq!(live.post_to("second", "second").await, 204);
        assert!(matches!(live.ran().await, (Mark::Retry { .. }, "thrown")));
        folder.write("app-params.toml", &params(CALLBACK));
        let reloaded = live.host.reload().await;
        let gone = taken(&reloaded);
        assert_eq!((gone.app.as_str(), gone.from.is_some(), &gone.to), ("second", true, &None));
        assert_eq!((live.post_to("second", "second").await, fetched().await), (403, 404));
        assert_eq!(live.run().await, DONE);
        let all = shown_beside(&folder, &["notifications", "list", "--json", "--app", "second"]).await;
        assert_eq!(all.iter().filter(|one| one["state"] == "waiting").count(), 1);

        // And comes back, mended.
        folder.write("scripts/second/callback.js", &noting("'back'"));
        folder.write("app-params.toml", &params(&second));
        assert_eq!(taken(&live.host.reload().await).app.as_str(), "second");
        assert_eq!(live.ran().await, DONE);
        live.stop().await;
    });
    let db = rusqlite::Connection::open(folder.path("data/apps/second.db")).unwrap();
    let mut notes = db.prepare("SELECT note FROM effects ORDER BY rowid").unwrap();
    let notes: Vec<String> = notes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes, ["whatsapp:+14155238887", "back"], "the simulator knows its sender");
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state <> 'done'"), 0);
}

#[test]
fn an_action_that_is_taken_away_leaves_what_waits_and_one_that_is_given_back_takes_it_up() {
    let folder = Folder::new("throw new Error('later')", "");
    runtime().block_on(async {
        let mut live = Live::serve(&folder).await;
        assert!(matches!(live.run().await, (Mark::Retry { .. }, "thrown")));
        folder.write("app-params.toml", &params(""));
        folder.write("scripts/app/callback.js", &noting("'mended'"));
        assert_eq!(taken(&live.host.reload().await).changed, ["parameters", "callback.js"]);
        // Without an action it is stored and never runs.
        assert_eq!(live.post_to("app", TOKEN).await, 204);
        folder.write("app-params.toml", &params(CALLBACK));
        taken(&live.host.reload().await);
        assert_eq!(live.ran().await, DONE);
        assert_eq!(live.run().await, DONE);
        live.stop().await;
    });
    assert_eq!(folder.texts("SELECT sid FROM effects ORDER BY rowid"), [sid(1), sid(3)]);
}

#[test]
fn what_takes_effect_at_the_next_start_is_said() {
    let folder = Folder::new(&noting("'one'"), "");
    runtime().block_on(async {
        let live = Live::serve(&folder).await;
        let moved =
            params(CALLBACK).replace("[host]\n", "[host]\ndata_dir = \"elsewhere\"\nretention_days = 3\n");
        folder.write("app-params.toml", &moved);
        let reloaded = live.host.reload().await;
        assert_eq!((reloaded.taken.len(), reloaded.refused.len()), (0, 0));
        let warning = reloaded.warnings.last().unwrap();
        assert_eq!(warning.code, "NEXT_START");
        assert!(warning.message.ends_with("[host] data_dir, [host] retention_days"), "{}", warning.message);
        live.stop().await;
    });
    // A simulator that was not brought along is not brought now.
    let folder =
        Folder::with_params(&noting("'one'"), &params(CALLBACK).replace("\"simulator\"", "\"sandbox\""));
    runtime().block_on(async {
        let live = Live::serve(&folder).await;
        folder.write("app-params.toml", &params(CALLBACK));
        assert_eq!(refused(&live.host.reload().await), ["NEXT_START app-params.toml"]);
        live.stop().await;
    });
}
