//! `boatswain export +39…` and `boatswain forget +39…`: what the host keeps about a person.

use serde_json::json;

use crate::base::{Diagnostic, MessageId, NotificationId, PhoneNumber};
use crate::cli::look::{Source, control, source, store};
use crate::cli::options::Options;
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::control::forget::{Eraser, ForgetOrder, Forgotten, NotForgotten, erase_journals};
use crate::control::views;
use crate::store::{DataDir, HostDb, Inbox, StoreError};

pub(super) async fn export(options: &Options, number: &PhoneNumber, one_line: bool) -> Result<(), Failure> {
    let document = match source(options).await? {
        Source::Host(host) => host.export(number).await.map_err(control)?,
        Source::Ledger(ledger) => views::export(&ledger, number).map_err(store)?,
        Source::Nothing => {
            json!({
                "number": number, "messages": [], "notifications": [], "otherRuns": [], "optOuts": [], "windows": [],
            })
        }
    };
    output::json(if one_line { document.to_string() } else { format!("{document:#}") });
    Ok(())
}

pub(super) async fn forget(
    options: &Options,
    number: &PhoneNumber,
    dry_run: bool,
    json: bool,
) -> Result<(), Failure> {
    let Reached { data: folder, host } = reach(options).await?;
    let (forgotten, through_host) = match host {
        Some(host) => {
            let order = ForgetOrder { number: number.to_string(), dry_run };
            (host.forget(&order).await.map_err(control)?, true)
        }
        None if !DataDir::host_db_in(&folder).exists() => {
            (Forgotten { dry_run, ..Forgotten::default() }, false)
        }
        None => {
            let (data, number) = (DataDir::create(&folder).map_err(store)?, number.clone());
            let work = tokio::task::spawn_blocking(move || by_itself(&data, &number, dry_run));
            let gone = || NotForgotten::Store(StoreError::Unavailable("the work was interrupted".into()));
            let forgotten = work.await.unwrap_or_else(|_| Err(gone()));
            (forgotten.map_err(|error| failure(&error.diagnostic()))?, false)
        }
    };
    if json {
        output::json(serde_json::to_value(&forgotten).unwrap_or_default());
    } else {
        describe(&forgotten);
    }
    if dry_run || forgotten.is_complete() {
        return Ok(());
    }
    output::problem(&incomplete(&forgotten, through_host));
    Err(Failure::Failed)
}

/// Without a host, under the folder's lock. What rows have left behind is got rid of by writing the file anew.
fn by_itself(data: &DataDir, number: &PhoneNumber, dry_run: bool) -> Result<Forgotten, NotForgotten> {
    let _lock = data.lock()?;
    let host_db = data.host_db();
    let no_thread = |error| StoreError::Unavailable(format!("the inbox has no thread: {error}"));
    let (inbox, writer) =
        Inbox::start(HostDb::open(&host_db)?, host_db.clone(), |_| {}).map_err(no_thread)?;
    let eraser = Eraser {
        host_db: &host_db,
        inbox: &inbox,
        is_open: &|_: &str, _: MessageId| false,
        erase_journals: &|app: &str, ids: &[NotificationId]| erase_journals(data, app, ids),
    };
    let forgotten = eraser.forget(number, dry_run);
    drop(inbox);
    writer.join();
    let mut forgotten = forgotten?;
    if forgotten.traces.is_some_and(|traces| traces > 0) {
        HostDb::open(&host_db)?.rewrite()?;
        forgotten.look_for_traces(&host_db, number)?;
    }
    Ok(forgotten)
}

fn failure(diagnostic: &Diagnostic) -> Failure {
    output::problem(diagnostic);
    Failure::Failed
}

fn describe(forgotten: &Forgotten) {
    let Forgotten { messages, notifications, closed, mentions, .. } = forgotten;
    let verb = if forgotten.dry_run { "would be erased" } else { "erased" };
    output::line(format_args!(
        "{messages} messages: the number and the text {verb}, the rows stay for the accounts"
    ));
    output::line(format_args!("{notifications} notifications: forms, logs and results {verb}"));
    output::line(format_args!("{mentions} other texts that name the number {verb}"));
    if forgotten.windows > 0 {
        output::line(format_args!("{} notes of when the person last wrote {verb}", forgotten.windows));
    }
    if *closed > 0 {
        let verb = if forgotten.dry_run { "would be given up for good" } else { "given up for good" };
        output::line(format_args!(
            "{closed} dead notifications {verb}, with their journals: they cannot be replayed"
        ));
    }
    for out in &forgotten.opt_outs {
        output::line(format_args!(
            "its opt-out of {} in {} ({}) stays: `boatswain opt-outs remove` removes it",
            out.company_id, out.app_id, out.reason
        ));
    }
    if forgotten.dry_run && !forgotten.is_complete() {
        output::line(format_args!(
            "{} notifications that wait and {} messages of open runs would be left alone",
            forgotten.waiting, forgotten.open_messages
        ));
    }
}

fn incomplete(forgotten: &Forgotten, through_host: bool) -> Diagnostic {
    let Forgotten { waiting, open_messages, .. } = forgotten;
    if waiting + open_messages > 0 {
        let message = format!(
            "{waiting} notifications that wait and {open_messages} messages of open runs were left alone: the number \
             is still there"
        );
        return Diagnostic::error("NOT_FORGOTTEN", message)
            .help("repeat it when they are done: `notifications list --status waiting` shows what waits");
    }
    let times = forgotten.traces.unwrap_or(0);
    let message = format!("no row names the number any more, but unused room of host.db does, {times} times");
    Diagnostic::error("TRACES_LEFT", message).help(if through_host {
        "stop the host and repeat it: it then writes the file anew"
    } else {
        "see that no other program reads host.db, and repeat it"
    })
}
