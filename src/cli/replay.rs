//! `notifications replay`: dead notifications run again.

use serde_json::Value;

use crate::base::{Clock, Diagnostic, NotificationId, SystemClock, shown};
use crate::cli::look::{control, store};
use crate::cli::options::{Options, ReplayOptions};
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::control::mask::Recipients;
use crate::control::{ControlClient, views};
use crate::store::{DataDir, DataLock, HostDb, Inbox, Ledger, NotReplayed, ReplayOrder, StoreError, Which};

/// Who puts the notifications back.
enum Desk {
    Host(ControlClient),
    /// No host is up: this process, which holds the folder's lock.
    Here {
        data: DataDir,
        inbox: Inbox,
        _lock: DataLock,
    },
}

pub(super) async fn run(options: &Options, asked: &ReplayOptions) -> Result<(), Failure> {
    let desk = desk(options).await?;
    let recipients = Recipients::shown_if(asked.sight.unmask);
    let mut replayed = 0;
    let mut failed = false;
    if asked.ids.is_empty() {
        let mut after = NotificationId(0);
        loop {
            let (app, company) = (asked.app.clone(), asked.company.clone());
            let order = ReplayOrder { which: Which::Dead { app, company, after }, resend: asked.resend };
            let rows = desk.replay(order, recipients).await?.unwrap_or_default();
            let Some(last) = rows.last().and_then(|row| row["id"].as_i64()) else { break };
            after = NotificationId(last);
            replayed += rows.len();
            print(&rows, asked);
        }
    }
    for id in &asked.ids {
        match desk.replay(ReplayOrder { which: Which::One(*id), resend: asked.resend }, recipients).await? {
            Ok(rows) => {
                replayed += rows.len();
                print(&rows, asked);
            }
            Err(refused) => {
                output::problem(&refusal(*id, refused));
                failed = true;
            }
        }
    }
    if !asked.json && !failed {
        let when = match desk {
            Desk::Host(_) => "run again now",
            Desk::Here { .. } => "run again when the host is started",
        };
        output::line(format_args!("{replayed} dead notifications {when}"));
    }
    if failed { Err(Failure::Failed) } else { Ok(()) }
}

async fn desk(options: &Options) -> Result<Desk, Failure> {
    let Reached { data: folder, host } = reach(options).await?;
    if let Some(host) = host {
        return Ok(Desk::Host(host));
    }
    if !DataDir::host_db_in(&folder).exists() {
        output::problem(
            &Diagnostic::error("NOT_FOUND", format!("no host has kept anything in {}", folder.display()))
                .help("name the data folder with `--data DIR` or the parameters with `--params FILE`"),
        );
        return Err(Failure::Failed);
    }
    let data = DataDir::create(&folder).map_err(store)?;
    let lock = data.lock().map_err(store)?;
    let db = HostDb::open(&data.host_db()).map_err(store)?;
    let (inbox, _writer) = Inbox::start(db, data.host_db(), |_| {})
        .map_err(|error| Diagnostic::error("THREAD", format!("the inbox has no thread: {error}")))?;
    Ok(Desk::Here { data, inbox, _lock: lock })
}

impl Desk {
    async fn replay(
        &self,
        order: ReplayOrder,
        recipients: Recipients,
    ) -> Result<Result<Vec<Value>, NotReplayed>, Failure> {
        match self {
            Self::Host(host) => host.replay(&order, recipients).await.map_err(control),
            Self::Here { data, inbox, .. } => {
                let (file, inbox) = (data.host_db(), inbox.clone());
                let replayed = tokio::task::spawn_blocking(move || {
                    let now = SystemClock.now();
                    match inbox.replay(order, now)? {
                        Ok(ids) => Ok(Ok(views::replayed(&Ledger::open(&file)?, &ids, now, recipients)?)),
                        Err(refused) => Ok(Err(refused)),
                    }
                });
                let gone = || StoreError::Unavailable("the work was interrupted".into());
                replayed.await.unwrap_or_else(|_| Err(gone())).map_err(store)
            }
        }
    }
}

/// What runs again; and what was sent before, because with `--resend` it may be sent again.
fn print(rows: &[Value], asked: &ReplayOptions) {
    for row in rows {
        if asked.json {
            output::json(row);
        } else {
            describe(row, asked.resend);
        }
    }
}

fn describe(row: &Value, resend: bool) {
    let word = |name: &str| shown(row[name].as_str().unwrap_or_default());
    output::line(format_args!(
        "{}  {}  {}  {}",
        row["id"],
        word("appId"),
        word("messageSid"),
        word("messageStatus")
    ));
    for message in row["sentBefore"].as_array().into_iter().flatten() {
        let word = |name: &str| shown(message[name].as_str().unwrap_or("-"));
        let what = if resend { "may send again" } else { "was sent, not again" };
        output::line(format_args!("    {what}: to {} ({}, {})", word("to"), word("sid"), word("status")));
    }
}

fn refusal(id: NotificationId, refused: NotReplayed) -> Diagnostic {
    let message = format!("notification {} is not replayed: {refused}", id.0);
    match refused {
        NotReplayed::Unknown => Diagnostic::error("NOT_FOUND", message)
            .help("`notifications list --status dead` shows what can be replayed"),
        NotReplayed::Done | NotReplayed::Waiting => Diagnostic::error("NOT_DEAD", message)
            .help("only what has been given up is replayed: `notifications list --status dead` shows it"),
    }
}
