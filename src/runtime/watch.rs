//! Watching the files that a host goes by: it looks at them anew when they have changed and then been quiet for a moment,
//! for editors write beside and rename, and a checkout writes many files. Nothing is asked while nothing happens.
//!
//! What is seen only says *when* to look. Where to look next is known after each look, for parameters name files; so what
//! is watched is brought up to date then, and where something was added that counts as a change, because it may have
//! changed unseen before.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::runtime::descriptor::awaited;
use crate::runtime::places::{Names, folders};
use crate::runtime::reload::{Occasion, Reloader};

/// How long it must be quiet after a change.
const QUIET: Duration = Duration::from_millis(200);
/// How long changes that do not end are waited for.
const LONGEST: Duration = Duration::from_secs(2);
const REMEDY: &str = "changes are seen when they are asked for: kill -HUP; or raise fs.inotify.max_user_watches and max_user_instances";

/// Watches for as long as the future lives.
pub(super) async fn watch(reloader: Reloader) {
    let mut watches = match Watches::new() {
        Ok(watches) => watches,
        Err(error) => {
            tracing::warn!(code = "NOT_WATCHED", %error, help = REMEDY, "files are not watched");
            return;
        }
    };
    follow(&reloader, &mut watches).await;
    // Something may have changed since the host has read it.
    let mut unrest = Some(Unrest::now());
    loop {
        let due = unrest.map(Unrest::over);
        tokio::select! {
            seen = watches.next() => match seen {
                Ok(Seen::Nothing) => {}
                Ok(seen) => {
                    let now = Unrest::now();
                    unrest = Some(Unrest { since: unrest.map_or(now.since, |unrest| unrest.since), ..now });
                    if seen == Seen::Folder {
                        // What is put into it now is to be seen.
                        follow(&reloader, &mut watches).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(code = "NOT_WATCHED", %error, help = REMEDY, "files are not watched any more");
                    return;
                }
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let _ = reloader.look(Occasion::Change).await; // it tells in the log
                unrest = follow(&reloader, &mut watches).await.then(Unrest::now);
            }
        }
    }
}

/// Watches where the host reads from now; `true` where something was not watched before.
async fn follow(reloader: &Reloader, watches: &mut Watches) -> bool {
    let sources = reloader.sources().await;
    let folders = tokio::task::spawn_blocking(move || folders(&sources)).await.unwrap_or_default();
    watches.update(folders)
}

/// Changes that may not have come to their end.
#[derive(Debug, Clone, Copy)]
struct Unrest {
    since: Instant,
    last: Instant,
}

impl Unrest {
    fn now() -> Self {
        let now = Instant::now();
        Self { since: now, last: now }
    }

    /// When they are taken for ended.
    fn over(self) -> Instant {
        (self.last + QUIET).min(self.since + LONGEST)
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    Change,
    /// There is a folder that was not there.
    Folder,
}

struct Watches {
    /// Its kernel object closes itself in workers.
    inotify: AsyncFd<OwnedFd>,
    watched: HashMap<i32, Names>,
    /// Whether it was told that not everything can be watched.
    told: bool,
}

impl Watches {
    fn new() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify: awaited(inotify)?, watched: HashMap::new(), told: false })
    }

    /// Watches these folders and no others; `true` where something was not watched before.
    fn update(&mut self, folders: BTreeMap<PathBuf, Names>) -> bool {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let mut watched: HashMap<i32, Names> = HashMap::new();
        for (folder, names) in folders {
            match inotify::add_watch(&self.inotify, &folder, flags) {
                // Two paths may lead to one folder.
                Ok(id) => watched.entry(id).or_default().add(names),
                // It has just gone: then that is seen one level higher.
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
                Err(error) if !std::mem::replace(&mut self.told, true) => {
                    let folder = folder.display();
                    tracing::warn!(code = "NOT_WATCHED", %folder, %error, help = REMEDY, "not every folder can be watched");
                }
                Err(_) => {}
            }
        }
        let is_new =
            |(id, names): (&i32, &Names)| !self.watched.get(id).is_some_and(|known| known.has(names));
        let grown = watched.iter().any(is_new);
        for id in self.watched.keys().filter(|id| !watched.contains_key(*id)) {
            let _ = inotify::remove_watch(&self.inotify, *id); // one of a folder that is gone has gone by itself
        }
        self.watched = watched;
        grown
    }

    /// Waits until something happens, and says what it was.
    async fn next(&mut self) -> io::Result<Seen> {
        let mut ready = self.inotify.readable().await?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(ready.get_inner(), &mut buffer);
        let mut seen = Seen::Nothing;
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| std::ffi::OsStr::from_bytes(name.to_bytes()));
                    seen = seen.max(meaning(event.events(), name, self.watched.get(&event.wd())));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    ready.clear_ready();
                    return Ok(seen);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What an event means in a folder that is watched for these names.
fn meaning(event: ReadFlags, name: Option<&std::ffi::OsStr>, names: Option<&Names>) -> Seen {
    if event.contains(ReadFlags::QUEUE_OVERFLOW) {
        return Seen::Folder; // whatever it was
    }
    let Some(names) = names else { return Seen::Nothing };
    if event.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT) {
        return Seen::Change;
    }
    let is_folder = event.contains(ReadFlags::ISDIR);
    match name {
        Some(name) if names.mean(name, is_folder) => {
            let came = event.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if is_folder && came { Seen::Folder } else { Seen::Change }
        }
        _ => Seen::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_over_when_it_is_quiet_and_at_the_latest_after_two_seconds() {
        let since = Instant::now();
        let after = |millis| Unrest { since, last: since + Duration::from_millis(millis) }.over() - since;
        assert_eq!(after(0), Duration::from_millis(200));
        assert_eq!(after(150), Duration::from_millis(350), "what comes in between is waited for");
        assert_eq!(after(1_990), LONGEST);
    }
}
