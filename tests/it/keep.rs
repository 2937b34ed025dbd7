//! What is over leaves when its time has come, and nothing else ever does.

use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ManualClock, UnixMillis};
use boatswain::pipeline::Event;
use boatswain::store::Mark;

use crate::host::{Folder, callback_url, client, form, post, runtime, sid};
use crate::support::command;

const DAY: Duration = Duration::from_hours(24);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
/// Fails for ever for one message, and notes the others.
const ACTION: &str = r#"
    if (vo.MessageStatus === "fails") throw new Error("not today");
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
"#;

struct Kept<'a> {
    folder: &'a Folder,
    host: Host,
    clock: Arc<ManualClock>,
    client: reqwest::Client,
}

impl<'a> Kept<'a> {
    async fn serve(folder: &'a Folder, now: UnixMillis) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = Host::builder(params, command()).clock(Arc::clone(&clock) as _).serve().await.unwrap();
        Self { folder, host, clock, client: client() }
    }

    /// A callback, and the mark that its attempt got.
    async fn run(&self, n: u32, status: &str) -> Mark {
        let mut events = self.host.events();
        let form = form(&sid(n), status);
        let url = callback_url(self.host.public_url());
        assert_eq!(post(&self.client, &url, &form).await.unwrap(), 204);
        let mut id = None;
        loop {
            match tokio::time::timeout(Duration::from_mins(1), events.recv()).await.unwrap().unwrap() {
                Event::Received(new) if new.message_sid.as_str() == sid(n) => id = Some(new.id),
                Event::Ran { notification: Some((ran, mark)), .. } if Some(ran) == id => return mark,
                _ => {}
            }
        }
    }

    /// Waits until all that is on its way to `host.db` is there, and sweeps: how many notifications leave, and how many
    /// marks.
    async fn sweep(&self) -> (u64, u64) {
        let params = self.folder.path("app-params.toml");
        let flushed = tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new(crate::host::BINARY);
            command.args(["--params".as_ref(), params.as_os_str(), "runs".as_ref(), "list".as_ref()]);
            command.env_clear().output().unwrap().status.success()
        });
        assert!(flushed.await.unwrap());
        let (swept, pruned) = self.host.sweep().await.unwrap();
        (swept.notifications, pruned.rows)
    }
}

#[test]
fn a_served_host_forgets_what_is_over_and_keeps_what_waits() {
    let folder = Folder::new(ACTION, "");
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let host = "[host]\nretention_days = 3\ndead_retention_days = 5";
    folder.write("app-params.toml", &params.replacen("[host]", host, 1));
    runtime().block_on(async {
        let kept = Kept::serve(&folder, NOW).await;
        assert!(matches!(kept.run(1, "fails").await, Mark::Retry { .. }));
        assert!(matches!(kept.run(2, "fails").await, Mark::Retry { .. }));
        assert_eq!(kept.sweep().await, (0, 0));
        assert!(kept.host.stop(Duration::from_secs(25)).await);

        // One of those that fail has come to the end of its attempts; the other one's application is not configured.
        let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
        db.execute_batch(&format!(
            "UPDATE notifications SET state = 'dead', next_attempt_at = NULL WHERE message_sid = '{}';
             UPDATE notifications SET app = 'later' WHERE message_sid = '{}';",
            sid(1),
            sid(2)
        ))
        .unwrap();
        let kept = Kept::serve(&folder, NOW).await;
        let mut n = 100;
        let mut gone = Vec::new();
        for day in 0..14 {
            for _ in 0..10 {
                n += 1;
                assert_eq!(kept.run(n, "sent").await, Mark::Done);
            }
            gone.push(kept.sweep().await);
            // A repeat within its time is a repeat, and one of today all the more.
            for repeated in [n, n - 10 * day.min(3) - 9] {
                let form = form(&sid(repeated), "sent");
                let url = callback_url(kept.host.public_url());
                assert_eq!(post(&kept.client, &url, &form).await.unwrap(), 204);
            }
            kept.clock.advance(DAY);
        }
        // What came three days ago to the millisecond is still there. Marks stay a day longer, to be sure.
        let notifications: Vec<_> = gone.iter().map(|gone| gone.0).collect();
        assert_eq!(notifications[..4], [0; 4]);
        assert_eq!(notifications[4..], [10, 10, 11, 10, 10, 10, 10, 10, 10, 10], "{gone:?}");
        let marks: Vec<_> = gone.iter().map(|gone| gone.1).collect();
        assert_eq!(marks[..5], [0; 5]);
        assert_eq!(marks[5..], [10; 9], "{gone:?}");
        assert!(kept.host.stop(Duration::from_secs(25)).await);
    });
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 40);
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'dead'"), 0);
    assert_eq!(
        folder.count("SELECT count(*) FROM notifications WHERE app = 'later' AND state = 'waiting'"),
        1
    );
    assert_eq!(folder.count("SELECT count(*) FROM runs"), 41);
    assert_eq!(folder.rows("SELECT 'marks', count(*) FROM _host_done"), [("marks".into(), 50)]);
    assert_eq!(
        folder.rows("SELECT 'effects', count(*) FROM effects"),
        [("effects".into(), 140)],
        "the author's rows are the author's, and no repeat ran"
    );
}

#[test]
fn what_was_forgotten_is_new_when_it_comes_again() {
    let folder = Folder::new(ACTION, "");
    runtime().block_on(async {
        let kept = Kept::serve(&folder, NOW).await;
        assert_eq!(kept.run(1, "sent").await, Mark::Done);
        kept.clock.advance(32 * DAY);
        assert_eq!(kept.sweep().await, (1, 1));
        assert_eq!(kept.run(1, "sent").await, Mark::Done);
        assert!(kept.host.stop(Duration::from_secs(25)).await);
    });
    assert_eq!(folder.rows("SELECT sid, count(*) FROM effects GROUP BY sid"), [(sid(1), 2)]);
}
