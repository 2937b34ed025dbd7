//! A backup: one tar archive with a consistent copy of each database, made while the host works.
//!
//! `host.db` is copied first and the applications after it. So what the copy of `host.db` calls done has its effect in
//! the copy of the application; what was done in between waits there, and the application's `_host_done` knows better.
//! The other way round an effect could be missing that nobody would make good.
//!
//! Each copy is made by SQLite's online backup (<https://sqlite.org/backup.html>) from one snapshot: a read transaction
//! holds it, so that the copy comes to its end however much is written meanwhile, and no writer waits for it. The log of
//! the source cannot begin anew for so long; it is cut afterwards. `host.key` and the logs are not copied.
//!
//! Everything is made in a hidden folder beside the archive, and put in its place, durable, only when each copy has
//! passed SQLite's own check.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::backup::StepResult;
use rusqlite::{Connection, ErrorCode};
use serde::{Deserialize, Serialize};

use crate::base::{Diagnostic, Place, UnixMillis};
use crate::store::data_dir::sync_folder;
use crate::store::host_db::open_reader;
use crate::store::{DataDir, StoreError};

/// Pages between two looks at whether the host is stopping: 4 MiB.
const PAGES: i32 = 1024;

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The archive.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What is in it, in the order in which it was copied.
    pub copied: Vec<Copied>,
}

/// A database in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its name there: `host.db` or `apps/<appId>.db`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Why there is no backup. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The archive may not stand there.
    #[error("the backup cannot be written there: {reason}")]
    Target {
        /// The archive.
        file: PathBuf,
        /// What is in the way.
        reason: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The disk is full, say, or a file cannot be read.
    #[error("the backup could not be made: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A database cannot be read.
    #[error("the database could not be copied: {cause}")]
    Copy {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        cause: StoreError,
    },
    /// A copy is not sound, and so its source is not either.
    #[error("the database is damaged: {finding}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite's check found first.
        finding: String,
    },
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

impl BackupError {
    /// Whether the caller asked for what cannot be, rather than that it failed.
    #[must_use]
    pub fn is_usage(code: &str) -> bool {
        code == "BACKUP_FILE"
    }

    /// The codes that [`BackupError::diagnostic`] gives.
    pub const CODES: [&str; 4] = ["BACKUP_FILE", "BACKUP_FAILED", "BACKUP_DAMAGED", "STOPPING"];

    /// The error as it is shown, with its code and remedy.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let message = self.to_string();
        match self {
            Self::Target { file, remedy, .. } => {
                Diagnostic::error("BACKUP_FILE", message).at(Place::file(file)).help(*remedy)
            }
            Self::Io { path, .. } => Diagnostic::error("BACKUP_FAILED", message)
                .at(Place::file(path))
                .help("see that the folder can be written and has room for all databases twice"),
            Self::Copy { path, .. } => Diagnostic::error("BACKUP_FAILED", message)
                .at(Place::file(path))
                .help("see that it is a database and that there is room beside the archive"),
            Self::Damaged { path, .. } => Diagnostic::error("BACKUP_DAMAGED", message).at(Place::file(path)).help(
                "keep the earlier backups, stop the host and look at the disk; docs/operations.md says how to restore",
            ),
            Self::Stopping => Diagnostic::error("STOPPING", message).help("make the backup when it is up again"),
        }
    }
}

/// Copies all databases of a data folder into the archive `file`, an absolute path. An archive that is there already
/// is replaced only if `force` says so. Ends early once `stopping` is set. Blocks the calling thread.
///
/// # Errors
/// [`BackupError`]; then nothing of it is left behind, and an archive that was there stays.
pub fn backup(
    data: &DataDir,
    file: &Path,
    force: bool,
    now: UnixMillis,
    stopping: &Arc<AtomicBool>,
) -> Result<Backup, BackupError> {
    let folder = may_stand(data, file, force)?;
    let workshop = Workshop::beside(&folder)?;
    let unfinished = workshop.0.join("archive.tar");
    let fail = |cause| failed(file, cause, stopping);
    let archive = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let mut archive = tar::Builder::new(BufWriter::new(archive.map_err(fail)?));
    let mut copied = Vec::new();
    let mut add = |name: String, source: &Path| {
        let copy = workshop.0.join("copy.db");
        copy_database(source, &copy, stopping)?;
        check(source, &copy, stopping)?;
        let bytes = append(&mut archive, &name, &copy, now, stopping).map_err(fail)?;
        fs::remove_file(&copy).map_err(fail)?;
        copied.push(Copied { name, bytes });
        Ok(())
    };
    add("host.db".into(), &data.host_db())?;
    let apps = data.app_dbs().map_err(|cause| BackupError::Copy { path: data.root().join("apps"), cause })?;
    for (app, source) in apps {
        add(format!("apps/{app}.db"), &source)?;
    }
    let mut archive = archive.into_inner().map_err(fail)?;
    archive.flush().map_err(fail)?;
    let archive = archive.get_ref();
    archive.sync_all().map_err(fail)?;
    let bytes = archive.metadata().map_err(fail)?.len();
    may_stand(data, file, force)?; // that nobody has put another one there meanwhile
    fs::rename(&unfinished, file).map_err(fail)?;
    drop(workshop);
    sync_folder(&folder).map_err(fail)?;
    Ok(Backup { file: file.to_owned(), bytes, copied })
}

/// Whether an archive may stand there; gives its folder.
fn may_stand(data: &DataDir, file: &Path, force: bool) -> Result<PathBuf, BackupError> {
    let refuse = |reason, remedy| BackupError::Target { file: file.to_owned(), reason, remedy };
    let elsewhere = "name a file in a folder that there is";
    let (Some(parent), Some(name), true) = (file.parent(), file.file_name(), file.is_absolute()) else {
        return Err(refuse("it is not a file's whole path", elsewhere));
    };
    let folder = parent.canonicalize().map_err(|_| refuse("there is no such folder", elsewhere))?;
    let root = data.root().canonicalize();
    if let Ok(root) = root
        && (folder == root.join("apps") || folder == root && name.to_string_lossy().starts_with("host."))
    {
        return Err(refuse("the name is the host's own", "name a file outside the data folder"));
    }
    match fs::symlink_metadata(file) {
        Ok(there) if there.is_dir() => Err(refuse("it is a folder", "name a file in it")),
        Ok(_) if !force => Err(refuse("the file exists", "name another one, or replace it with `--force`")),
        _ => Ok(folder),
    }
}

/// What could not be read or written; an interruption is the host's stopping.
fn failed(path: &Path, cause: io::Error, stopping: &AtomicBool) -> BackupError {
    if stopping.load(Ordering::Relaxed) {
        return BackupError::Stopping;
    }
    BackupError::Io { path: path.to_owned(), cause }
}

/// The hidden folder in which the archive comes into being; it goes with all that is in it, whatever happens.
struct Workshop(PathBuf);

impl Workshop {
    fn beside(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(format!(".boatswain-backup-{}", uuid::Uuid::now_v7().simple()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|cause| BackupError::Io { path: folder.to_owned(), cause })?;
        Ok(Self(path))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the folder of a backup stays behind: delete it");
        }
    }
}

fn copy_database(source: &Path, copy: &Path, stopping: &AtomicBool) -> Result<(), BackupError> {
    let fail = |cause| BackupError::Copy { path: source.to_owned(), cause };
    let sqlite = |cause: rusqlite::Error| fail(cause.into());
    let from = open_reader(source).map_err(fail)?;
    // The transaction reads, and so holds its snapshot until the connection is closed.
    from.execute_batch("BEGIN").map_err(sqlite)?;
    from.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(sqlite)?;
    let mut to = Connection::open(copy).map_err(sqlite)?;
    // Made anew if it comes to nothing: neither a journal nor fsync.
    to.pragma_update(None, "journal_mode", "OFF").map_err(sqlite)?;
    to.pragma_update(None, "synchronous", "OFF").map_err(sqlite)?;
    let copying = rusqlite::backup::Backup::new(&from, &mut to).map_err(sqlite)?;
    loop {
        if stopping.load(Ordering::Relaxed) {
            return Err(BackupError::Stopping);
        }
        match copying.step(PAGES).map_err(sqlite)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Nobody else knows the copy, and a reader of a snapshot waits for nobody.
            _ => return Err(fail(StoreError::Unavailable("the copy is locked".into()))),
        }
    }
}

fn check(source: &Path, copy: &Path, stopping: &Arc<AtomicBool>) -> Result<(), BackupError> {
    let look = || -> rusqlite::Result<String> {
        let mut copy = Connection::open(copy)?;
        let watched = Arc::clone(stopping);
        copy.progress_handler(100_000, Some(move || watched.load(Ordering::Relaxed)))?;
        copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
    };
    let damaged = |finding| BackupError::Damaged { path: source.to_owned(), finding };
    match look() {
        _ if stopping.load(Ordering::Relaxed) => Err(BackupError::Stopping),
        Ok(finding) if finding == "ok" => Ok(()),
        Ok(finding) => Err(damaged(finding)),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Err(damaged(error.to_string())),
            _ => Err(BackupError::Copy { path: source.to_owned(), cause: error.into() }),
        },
    }
}

/// Appends a file; gives its size.
fn append(
    archive: &mut tar::Builder<BufWriter<File>>,
    name: &str,
    copy: &Path,
    now: UnixMillis,
    stopping: &AtomicBool,
) -> io::Result<u64> {
    let file = File::open(copy)?;
    let bytes = file.metadata()?.len();
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(now.0 / 1000).unwrap_or(0));
    archive.append_data(&mut header, name, Stoppable { file, stopping })?;
    Ok(bytes)
}

/// A file that is read until the host stops.
struct Stoppable<'a> {
    file: File,
    stopping: &'a AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(io::Error::other("the host is stopping"));
        }
        self.file.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::AppId;

    fn folder(megabytes: u32) -> (tempfile::TempDir, DataDir) {
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::create(&temporary.path().join("data")).unwrap();
        for file in [data.host_db(), data.app_db(&AppId::parse("demo").unwrap())] {
            let db = Connection::open(file).unwrap();
            db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t(x)")
                .unwrap();
            for _ in 0..megabytes {
                db.execute("INSERT INTO t VALUES (zeroblob(1000000))", []).unwrap();
            }
        }
        (temporary, data)
    }

    fn never() -> Arc<AtomicBool> {
        Arc::new(AtomicBool::new(false))
    }

    /// SQLite begins a copy anew when its source has changed between two steps: here it changes between all.
    #[test]
    fn a_source_that_never_rests_is_copied_and_its_writer_never_waits() {
        let (temporary, data) = folder(20);
        let (done, endless) = (never(), never());
        let (watched, give_up, source) = (Arc::clone(&done), Arc::clone(&endless), data.host_db());
        let (began, writing) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            let db = Connection::open(source).unwrap();
            db.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE small(x); INSERT INTO small VALUES (1)")
                .unwrap();
            db.busy_timeout(std::time::Duration::ZERO).unwrap();
            let (mut written, since) = (0, std::time::Instant::now());
            while !watched.load(Ordering::Relaxed) {
                db.execute("UPDATE small SET x = x + 1", []).unwrap();
                written += 1;
                let _ = began.send(());
                give_up.store(since.elapsed().as_secs() >= 30, Ordering::Relaxed);
            }
            written
        });
        writing.recv().unwrap();
        let file = temporary.path().join("b.tar");
        let made = backup(&data, &file, false, UnixMillis(0), &endless);
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 1);
        let made = made.unwrap();
        assert!(made.copied[0].bytes > 20_000_000 && made.bytes > 40_000_000, "{made:?}");
    }

    #[test]
    fn a_host_that_stops_leaves_nothing_of_a_backup() {
        let (temporary, data) = folder(1);
        let file = temporary.path().join("b.tar");
        let stopping = Arc::new(AtomicBool::new(true));
        let error = backup(&data, &file, false, UnixMillis(0), &stopping).unwrap_err();
        assert_eq!(error.diagnostic().code, "STOPPING");
        let left: Vec<_> =
            fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["data"]);
    }
}
