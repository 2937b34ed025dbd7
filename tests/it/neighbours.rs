//! What one application does costs another nothing: neither time nor workers.

use std::time::{Duration, Instant};

use crate::host::{Folder, HostProcess, TOKEN, callback, form, sid, workers_of};

/// A second application beside `app`, which writes down each of its callbacks.
const QUIET: &str = r#"
[applications.quiet.WHATSAPP]
environment = "simulator"
account_id = "AC00000000000000000000000000000001"
auth_key = "simulator-auth-token"
from_phone_number = "+14155238886"
whatsapp_callback = "callback"
"#;
const WRITES: &str =
    "utils.executeSql('INSERT INTO effects(sid, status) VALUES (:MESSAGE_SID, :MESSAGE_STATUS)')";

fn folder(action: &str, limits: &str) -> Folder {
    let folder = Folder::new(action, &format!("[applications.app.limits]\n{limits}\n{QUIET}"));
    folder.write("scripts/quiet/callback.js", WRITES);
    folder.write("scripts/quiet/migrations/001.sql", "CREATE TABLE effects (sid TEXT, status TEXT)");
    folder
}

fn post(host: &HostProcess, app: &str, number: u32) {
    let path = format!("/whatsapp/callback/{app}/NODEFINED");
    assert_eq!(callback(&host.url, &host.url, &path, &form(&sid(number), "sent"), TOKEN).status, 204);
}

/// Looks until something is so, or has not become so for longer than anything takes.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(40), "waited for {what}");
        std::thread::yield_now();
    }
}

/// Waits until an application's database says so many effects.
fn wait_for_effects(folder: &Folder, app: &str, wanted: i64) {
    let count = || {
        let db = rusqlite::Connection::open(folder.path(&format!("data/apps/{app}.db"))).unwrap();
        db.query_row("SELECT count(*) FROM effects", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    wait_until("effects", || count() >= wanted);
}

#[test]
fn an_application_whose_actions_all_hang_does_not_delay_another() {
    let folder = folder("await new Promise((done) => setTimeout(done, 50000))", "wall_ms = 60000");
    let host = folder.serve();
    for number in 0..20 {
        post(&host, "app", number);
    }
    for number in 0..20 {
        post(&host, "quiet", number);
    }
    wait_for_effects(&folder, "quiet", 20);
    let ended = folder.count("SELECT count(*) FROM runs WHERE app = 'app'");
    assert_eq!(ended, 0, "the others still hang");
}

#[test]
fn a_worker_that_is_killed_is_replaced_by_one_that_was_waiting() {
    // Once, so that the second attempt does not kill the worker that the test looks at.
    let action = "
        const tried = \"SELECT count(*) AS n FROM effects WHERE note = 'tried'\";
        if (vo.MessageSid.endsWith('7') && JSON.parse(utils.executeQuery(tried))[0].n === 0) {
            utils.executeSql(\"INSERT INTO effects(note) VALUES ('tried')\", null, true);
            /(a+)+$/.test('a'.repeat(60) + 'b');
        }
        utils.executeSql('INSERT INTO effects(sid) VALUES (:MESSAGE_SID)')";
    let folder = folder(action, "cpu_ms = 100");
    let host = folder.serve();
    post(&host, "app", 1);
    wait_for_effects(&folder, "app", 1);
    let mut two = Vec::new();
    wait_until("a worker in reserve", || {
        two = workers_of(host.pid());
        two.len() == 2
    });
    post(&host, "app", 7);
    wait_for_effects(&folder, "app", 2); // that it was tried
    post(&host, "app", 8);
    wait_for_effects(&folder, "app", 3);
    let now = workers_of(host.pid());
    let stayed: Vec<_> = two.iter().filter(|pid| now.contains(pid)).collect();
    assert_eq!(stayed.len(), 1, "one was killed, and the other has done the next run: {two:?} {now:?}");
}

/// Runs share a transaction; one that takes long does not keep the effects of those before it waiting.
#[test]
fn an_effect_does_not_wait_for_a_run_that_hangs_behind_it() {
    // The first keeps the others waiting, so that they are claimed together; the second takes its time, and the third hangs.
    let action = "
        const end = vo.MessageSid.at(-1);
        if (end === '3') await new Promise((done) => setTimeout(done, 50000));
        await new Promise((done) => setTimeout(done, 300));
        utils.executeSql('INSERT INTO effects(sid) VALUES (:MESSAGE_SID)')";
    let folder = folder(action, "wall_ms = 60000\nworkers = 1");
    let host = folder.serve();
    for number in 1..=3 {
        post(&host, "app", number);
    }
    wait_for_effects(&folder, "app", 2);
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE app = 'app' AND reason <> 'completed'"), 0);
}
