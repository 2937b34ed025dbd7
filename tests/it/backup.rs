//! `boatswain backup`: a consistent copy while the host works, and a host that goes on from it as if nothing had
//! happened; what a host does that was given an older copy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rusqlite::Connection;

use crate::host::{Folder, HostProcess, TOKEN, callback, form, sid};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
/// Notes each notification; its log line appears when the row is committed.
const NOTE: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
    console.log("effect of " + vo.MessageSid);
"#;

fn post(url: &str, n: u32) {
    assert_eq!(callback(url, url, PATH, &form(&sid(n), "sent"), TOKEN).status, 204);
}

/// Posts, and waits for the effect.
fn run(host: &HostProcess, numbers: impl IntoIterator<Item = u32>) {
    for n in numbers {
        post(&host.url, n);
        host.wait_for(&format!("effect of {}", sid(n)));
    }
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// How often each message's effect is there.
fn effects(folder: &Folder) -> BTreeMap<String, i64> {
    folder.rows("SELECT sid, count(*) FROM effects GROUP BY sid").into_iter().collect()
}

fn once(numbers: impl IntoIterator<Item = u32>) -> BTreeMap<String, i64> {
    numbers.into_iter().map(|n| (sid(n), 1)).collect()
}

/// The archive's files in their order, with modes.
fn names(archive: &Path) -> Vec<(String, u32)> {
    let mut archive = tar::Archive::new(File::open(archive).unwrap());
    let entry = |entry: std::io::Result<tar::Entry<'_, File>>| {
        let entry = entry.unwrap();
        (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
    };
    archive.entries().unwrap().map(entry).collect()
}

/// Restores as docs/operations.md says: an empty data folder, and the archive into it.
fn restore(archive: &Path, folder: &Folder) {
    let data = folder.path("data");
    if data.exists() {
        fs::rename(&data, folder.path("data.before")).unwrap();
    }
    fs::create_dir(&data).unwrap();
    tar::Archive::new(File::open(archive).unwrap()).unpack(&data).unwrap();
}

/// What a folder holds but for the host's own things.
fn left_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_under_load_is_whole_and_a_second_host_goes_on_from_it() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve();
    run(&host, 0..50);
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(100)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, next, url) = (Arc::clone(&stop), Arc::clone(&next), host.url.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    post(&url, next.fetch_add(1, Ordering::Relaxed));
                }
            })
        })
        .collect();
    // The path is meant from where the command stands.
    fs::create_dir(folder.path("elsewhere")).unwrap();
    for round in 0..3 {
        let mut command = folder.command(&["--params", "../app-params.toml", "backup"]);
        command.arg(format!("{round}.tar")).current_dir(folder.path("elsewhere"));
        let (status, out, err) = said(&command.output().unwrap());
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        let file = folder.path(&format!("elsewhere/{round}.tar")).canonicalize().unwrap();
        assert!(out.contains("host.db") && out.contains("apps/app.db"), "{out}");
        assert!(out.contains(&file.display().to_string()), "{out}");
    }
    let archive = folder.path("elsewhere/2.tar");
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        thread.join().unwrap();
    }
    assert_eq!(host.terminate(), Some(0));

    assert_eq!(left_in(&folder.path("elsewhere")), ["0.tar", "1.tar", "2.tar"]);
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&archive), [("host.db".into(), 0o600), ("apps/app.db".into(), 0o600)]);
    for round in 0..3 {
        let copy = Folder::new(NOTE, "");
        restore(&folder.path(&format!("elsewhere/{round}.tar")), &copy);
        // Sound, and what is called done has its effect.
        let check = |file: &str| -> String {
            let db = Connection::open(copy.path(file)).unwrap();
            db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
        };
        assert_eq!((check("data/host.db").as_str(), check("data/apps/app.db").as_str()), ("ok", "ok"));
        let db = Connection::open(copy.path("data/host.db")).unwrap();
        db.execute("ATTACH ? AS app", [copy.path("data/apps/app.db").to_str().unwrap()]).unwrap();
        let count = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        let lost = count(
            "SELECT count(*) FROM notifications WHERE state = 'done' AND message_sid NOT IN (SELECT sid FROM effects)",
        );
        assert_eq!(lost, 0, "done without effect");
        assert!(count("SELECT count(*) FROM notifications") >= 50);
        drop(db);

        let host = copy.serve();
        run(&host, 1_000_000..1_000_003);
        assert_eq!(host.terminate(), Some(0));
        assert_eq!(copy.count("SELECT count(*) FROM notifications WHERE state <> 'done'"), 0);
        let effects = effects(&copy);
        assert!(effects.values().all(|count| *count == 1), "{effects:?}");
        let known: Vec<_> = {
            let db = Connection::open(copy.path("data/host.db")).unwrap();
            let mut rows = db.prepare("SELECT message_sid FROM notifications").unwrap();
            rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect()
        };
        assert!(known.iter().all(|sid| effects.contains_key(sid)), "an effect for each that is known");
        assert!((0..50).chain(1_000_000..1_000_003).all(|n| effects.contains_key(&sid(n))));
    }
}

#[test]
fn without_a_host_the_command_copies_and_holds_the_folder_for_so_long() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve();
    run(&host, 0..3);
    host.kill(); // the logs hold what the databases do not
    fs::write(folder.path("data/apps/notes.txt"), "not a database").unwrap();
    let (status, _, err) = said(&folder.boatswain(&["backup", "b.tar"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(names(&folder.path("b.tar")), [("host.db".into(), 0o600), ("apps/app.db".into(), 0o600)]);
    let copy = Folder::new(NOTE, "");
    restore(&folder.path("b.tar"), &copy);
    let host = copy.serve();
    run(&host, 3..5);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(effects(&copy), once(0..5));

    // Somebody works with the folder who cannot be asked.
    let lock = File::open(folder.path("data")).unwrap();
    lock.try_lock().unwrap();
    let (status, _, err) = said(&folder.boatswain(&["backup", "c.tar"]));
    assert!(status == 2 && err.contains("error[DATA_LOCKED]"), "{err}");
    assert!(!folder.path("c.tar").exists());
}

#[test]
fn a_backup_that_cannot_be_made_says_why_and_leaves_nothing() {
    let folder = Folder::new(NOTE, "");
    let refused = |folder: &Folder, arguments: &[&str], status: i32, code: &str| {
        let mut all = vec!["backup"];
        all.extend(arguments);
        let (found, out, err) = said(&folder.boatswain(&all));
        assert_eq!((found, out.as_str()), (status, ""), "{arguments:?}: {err}");
        assert!(err.contains(&format!("error[{code}]: ")) && err.contains("help: "), "{arguments:?}: {err}");
        err
    };
    assert!(refused(&folder, &["b.tar"], 2, "DATA_FOLDER").contains("data"));
    assert!(!folder.path("data").exists(), "nothing is made");
    let host = folder.serve();
    run(&host, 0..2);
    let attempts = || {
        assert!(refused(&folder, &["nowhere/b.tar"], 2, "BACKUP_FILE").contains("nowhere/b.tar"));
        assert!(refused(&folder, &["/proc/b.tar"], 1, "BACKUP_FAILED").contains("/proc"));
        refused(&folder, &["scripts", "--force"], 2, "BACKUP_FILE");
        refused(&folder, &["data/host.db", "--force"], 2, "BACKUP_FILE");
        refused(&folder, &["data/host.key"], 2, "BACKUP_FILE");
        refused(&folder, &["scripts/../data/apps/app.db", "--force"], 2, "BACKUP_FILE");
        folder.write("there.tar", "an older one");
        assert!(refused(&folder, &["there.tar"], 2, "BACKUP_FILE").contains("--force"));
        assert_eq!(fs::read_to_string(folder.path("there.tar")).unwrap(), "an older one");
        assert_eq!(folder.boatswain(&["backup", "there.tar", "--force"]).status.code(), Some(0));
        assert_eq!(names(&folder.path("there.tar")).len(), 2);
        // A file that is no database, and one that is damaged inside.
        folder.write("there.tar", "an older one");
        folder.write("data/apps/other.db", &"this is no database ".repeat(1000));
        let err = refused(&folder, &["there.tar", "--force"], 1, "BACKUP_FAILED");
        assert!(err.contains("other.db"), "{err}");
        damaged(&folder.path("data/apps/other.db"));
        let err = refused(&folder, &["there.tar", "--force"], 1, "BACKUP_DAMAGED");
        assert!(err.contains("other.db"), "{err}");
        fs::remove_file(folder.path("data/apps/other.db")).unwrap();
        assert_eq!(fs::read_to_string(folder.path("there.tar")).unwrap(), "an older one");
        fs::remove_file(folder.path("there.tar")).unwrap();
        assert_eq!(left_in(folder.root.path()), ["app-params.toml", "data", "scripts"]);
    };
    attempts();
    run(&host, 2..3);
    assert_eq!(host.terminate(), Some(0));
    attempts();
    assert_eq!(effects(&folder), once(0..3));
}

/// A database whose first table has a page of rubbish.
fn damaged(file: &Path) {
    let _ = fs::remove_file(file);
    let db = Connection::open(file).unwrap();
    db.execute_batch(
        "CREATE TABLE t(x); INSERT INTO t SELECT hex(randomblob(3000)) FROM (VALUES (1), (2), (3))",
    )
    .unwrap();
    drop(db);
    let mut bytes = Vec::new();
    File::open(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes[4096..8192].fill(0x5a);
    fs::write(file, bytes).unwrap();
}

/// Copies a database that nobody has open, or puts a copy back.
fn put(from: PathBuf, to: PathBuf) {
    // A host that stops need not empty its log: what is in there belongs to the database.
    let db = rusqlite::Connection::open(&from).unwrap();
    let is_busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert!(!is_busy, "somebody has {} open", from.display());
    drop(db);
    for log in ["-wal", "-shm"] {
        let mut name = to.clone().into_os_string();
        name.push(log);
        let _ = fs::remove_file(name);
    }
    fs::copy(from, to).unwrap();
}

#[test]
fn a_host_db_that_was_restored_alone_runs_what_is_new() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve();
    run(&host, 0..3);
    assert_eq!(host.terminate(), Some(0));
    put(folder.path("data/host.db"), folder.path("old.db"));
    let host = folder.serve();
    run(&host, 3..9);
    assert_eq!(host.terminate(), Some(0));
    put(folder.path("old.db"), folder.path("data/host.db"));

    let host = folder.serve();
    let warning = host.wait_for("host.db is older than the application's database");
    assert!(warning.contains("known=3") && warning.contains("remembered=9"), "{warning}");
    // Their numbers would be those of notifications that the application remembers as done.
    run(&host, 9..20);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(effects(&folder), once(0..20));
    assert_eq!(folder.count("SELECT min(id) FROM notifications WHERE id > 3"), 10);
    // Once is enough: the numbers are skipped durably.
    let host = folder.serve();
    run(&host, 20..21);
    assert!(!host.said().contains("older than"), "{}", host.said());
    // What came between the copy and its restore is not known any more: if Twilio repeats it, it runs again.
    post(&host.url, 5);
    host.wait_for(&format!("effect of {}", sid(5)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(effects(&folder)[&sid(5)], 2);
}

#[test]
fn an_applications_database_that_was_restored_alone_lacks_what_host_db_calls_done() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve();
    run(&host, 0..3);
    assert_eq!(host.terminate(), Some(0));
    put(folder.path("data/apps/app.db"), folder.path("old.db"));
    let host = folder.serve();
    run(&host, 3..6);
    assert_eq!(host.terminate(), Some(0));
    put(folder.path("old.db"), folder.path("data/apps/app.db"));
    let host = folder.serve();
    run(&host, 6..9);
    assert!(!host.said().contains("older than"), "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(effects(&folder), once((0..3).chain(6..9)), "docs/operations.md says so");
}

#[test]
fn everything_restored_from_a_backup_goes_on_from_there() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve();
    run(&host, 0..3);
    assert_eq!(folder.boatswain(&["backup", "b.tar"]).status.code(), Some(0));
    run(&host, 3..6);
    assert_eq!(host.terminate(), Some(0));
    restore(&folder.path("b.tar"), &folder);
    let host = folder.serve();
    run(&host, 6..9);
    assert!(!host.said().contains("older than"), "{}", host.said());
    // Known before the backup: a repeat.
    post(&host.url, 1);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(effects(&folder), once((0..3).chain(6..9)));
    assert_eq!(folder.count("SELECT count(*) FROM notifications"), 6);
}

#[test]
fn what_waited_in_a_backup_runs_again_and_sends_again() {
    // What becomes of the message that it sends is no affair of this action's.
    let folder = Folder::new(
        &r#"
        if (vo.MessageSid !== "FIRST") return;
        if (JSON.parse(utils.executeQuery("SELECT sid FROM effects WHERE sid = 'go'")).length === 0) throw new Error("not yet");
        const told = utils.whatsapp.send({ to: "+393331234567", body: "Ciao" });
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, ?)", null, false, true, told.sid);
        console.log("effect of " + vo.MessageSid);
        "#
        .replace("FIRST", &sid(1)),
        "",
    );
    let go = || {
        let db = Connection::open(folder.path("data/apps/app.db")).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        db.execute("INSERT INTO effects VALUES ('go', '', NULL)", []).unwrap();
    };
    let host = folder.serve();
    post(&host.url, 1);
    host.wait_for("not yet");
    assert_eq!(folder.boatswain(&["backup", "b.tar"]).status.code(), Some(0));
    go();
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    let sent = || folder.texts("SELECT note FROM effects WHERE note IS NOT NULL");
    let first = sent();

    restore(&folder.path("b.tar"), &folder);
    let (_, waiting, _) = said(&folder.boatswain(&["notifications", "list", "--status", "waiting"]));
    assert!(waiting.contains(&sid(1)), "{waiting}");
    go();
    let host = folder.serve();
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!((first.len(), sent().len()), (1, 1));
    assert_ne!(first, sent(), "another message: docs/operations.md warns of it");
}
