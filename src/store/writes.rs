//! The statements that write `host.db`, within the inbox's transaction.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::{MessageId, MessageSid, MessageStatus, NotificationId, Price, schedule};
use crate::store::Line;
use crate::store::fences::{opt_out_by, write_fence};
use crate::store::polls::SETTLED;
use crate::store::records::{Accepted, Finished, Mark, NewMessage, NewNotification, Receipt, SendRecord};
use crate::store::windows::write_window;

/// Keeps a notification once, and moves the ledger's record of its message forward.
pub(super) fn write_notification(
    db: &Connection,
    new: &NewNotification,
    accepted: &mut Vec<Accepted>,
) -> rusqlite::Result<Receipt> {
    let message = known_message(db, new)?;
    let inserted = db
        .prepare_cached(
            "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, message, form, source,
                                       received_at, state, conversation)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING",
        )?
        .execute(params![
            new.key(),
            new.app.as_str(),
            new.company.as_str(),
            new.account.as_str(),
            new.message_sid.as_str(),
            new.status.as_str(),
            message.as_ref().map(|(id, _)| id.as_bytes()),
            &new.form[..],
            new.source.as_str(),
            new.received_at.0,
            if new.has_action { "waiting" } else { "done" },
            new.conversation,
        ])?;
    if inserted == 0 {
        return Ok(Receipt::Repeat);
    }
    let id = NotificationId(db.last_insert_rowid());
    if let Some(fence) = &new.fence {
        write_fence(db, fence, new.received_at)?;
    }
    if let Some(opening) = &new.opening {
        write_window(db, new, opening)?;
    }
    if let Some((message, recorded)) = &message {
        update_message(db, *message, recorded, new)?;
        opt_out_by(db, *message, new.error_code.as_deref(), new.received_at)?;
    }
    if new.has_action {
        accepted.push(Accepted {
            id,
            app: new.app.clone(),
            company: new.company.clone(),
            message_sid: new.message_sid.clone(),
            line: Line::of(&new.message_sid, new.conversation),
            message: message.map(|(id, _)| id),
            status: new.status.clone(),
            form: new.form.clone(),
            source: new.source,
        });
    }
    Ok(Receipt::New(id))
}

/// Moves the record of a message forward with what a notification says; its sid is learnt in any case.
pub(super) fn update_message(
    db: &Connection,
    message: MessageId,
    recorded: &Recorded,
    new: &NewNotification,
) -> rusqlite::Result<()> {
    if recorded.is_untouched || recorded.status.may_become(&new.status) {
        // A doubt that is resolved so is asked for anew, where that had ended.
        let next_poll = recorded.is_untouched.then(|| schedule::first_poll(new.received_at).0);
        db.prepare_cached(&format!(
            "UPDATE messages SET sid = coalesce(sid, ?3), updated_at = ?4,
                    error_code = CASE WHEN ?5 THEN ?6 WHEN ?8 THEN NULL ELSE error_code END,
                    error_message = CASE WHEN ?5 THEN ?7 WHEN ?8 THEN NULL ELSE error_message END,
                    next_poll_at = CASE WHEN ?2 IN {SETTLED} OR recipient = 'forgotten' THEN NULL
                                        ELSE coalesce(next_poll_at, ?9) END,
                    status = ?2 WHERE id = ?1"
        ))?
        .execute(params![
            message.as_bytes(),
            new.status.as_str(),
            new.message_sid.as_str(),
            new.received_at.0,
            new.status.is_failure(),
            new.error_code,
            new.error_message,
            recorded.is_untouched,
            next_poll,
        ])?;
    } else if !recorded.has_sid {
        db.prepare_cached("UPDATE messages SET sid = ?2 WHERE id = ?1")?
            .execute(params![message.as_bytes(), new.message_sid.as_str()])?;
    }
    Ok(())
}

/// What the ledger has of a message.
pub(super) struct Recorded {
    pub(super) status: MessageStatus,
    has_sid: bool,
    /// Whether Twilio has not said anything of it: it is on its way, in doubt, or the host or a person concluded that
    /// it was not sent. Twilio's own word replaces all of that.
    pub(super) is_untouched: bool,
}

/// The columns of a [`Recorded`].
const RECORDED: &str = "status, sid IS NOT NULL, sid IS NULL AND (status IN ('sending', 'unknown')
                        OR coalesce(error_code, '') IN ('SEND_NOT_FOUND', 'SETTLED_NOT_SENT'))";

fn recorded(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Recorded> {
    Ok(Recorded {
        status: MessageStatus::parse(row.get_ref(first)?.as_str()?),
        has_sid: row.get(first + 1)?,
        is_untouched: row.get(first + 2)?,
    })
}

/// The host's message that a notification is about: the one that its URL names, else the one with its sid. Only one of
/// its own company: a company's key must not move what another one has sent.
pub(super) fn known_message(
    db: &Connection,
    new: &NewNotification,
) -> rusqlite::Result<Option<(MessageId, Recorded)>> {
    let read = |row: &rusqlite::Row<'_>| Ok((MessageId::from_bytes(row.get(0)?), recorded(row, 1)?));
    if let Some(id) = new.message {
        // A sid that is already known must be the same: an id that was put into another message's URL is ignored.
        let found = db
            .prepare_cached(&format!(
                "SELECT id, {RECORDED} FROM messages
                 WHERE id = ?1 AND app = ?2 AND company = ?3 AND account_sid = ?4 AND coalesce(sid, ?5) = ?5"
            ))?
            .query_row(
                params![
                    id.as_bytes(),
                    new.app.as_str(),
                    new.company.as_str(),
                    new.account.as_str(),
                    new.message_sid.as_str()
                ],
                read,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    db.prepare_cached(&format!(
        "SELECT id, {RECORDED} FROM messages WHERE sid = ? AND app = ? AND company = ? AND account_sid = ?"
    ))?
    .query_row(
        params![new.message_sid.as_str(), new.app.as_str(), new.company.as_str(), new.account.as_str()],
        read,
    )
    .optional()
}

/// Records the end of an attempt: what becomes of the notification, and the run.
pub(super) fn write_finished(db: &Connection, finished: &Finished) -> rusqlite::Result<()> {
    let run = &finished.run;
    if let Some((id, mark)) = finished.notification {
        let (state, next) = match mark {
            Mark::Done => ("done", None),
            Mark::Retry { at } => ("waiting", Some(at.0)),
            Mark::Dead => ("dead", None),
        };
        // Ends are written again after a COMMIT that failed, and it may have taken effect: a kill counts once an attempt.
        db.prepare_cached(
            "UPDATE notifications SET state = ?2, attempts = ?3, next_attempt_at = ?4,
                    kills = kills + (?5 AND attempts < ?3) WHERE id = ?1",
        )?
        .execute(params![id.0, state, run.attempts, next, finished.killed])?;
    }
    db.prepare_cached(
        "INSERT INTO runs(notification, app, company, action, script_version, attempts, reason, cpu_us, wall_us,
                          peak_memory_bytes, host_calls, error, result, log, started_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT(notification) DO UPDATE SET action = excluded.action,
           script_version = excluded.script_version, attempts = excluded.attempts, reason = excluded.reason,
           cpu_us = excluded.cpu_us, wall_us = excluded.wall_us, peak_memory_bytes = excluded.peak_memory_bytes,
           host_calls = excluded.host_calls, error = excluded.error, result = excluded.result, log = excluded.log,
           started_at = excluded.started_at",
    )?
    .execute(params![
        finished.notification.map(|(id, _)| id.0),
        run.app.as_str(),
        run.company.as_str(),
        run.action,
        run.script_version,
        run.attempts,
        run.reason,
        signed(run.cpu_us),
        signed(run.wall_us),
        signed(run.peak_memory_bytes),
        run.host_calls,
        run.error,
        run.result,
        run.log,
        run.started_at.0,
    ])?;
    Ok(())
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Records a message that is about to leave, or to leave once more: then when that is.
pub(super) fn write_message(db: &Connection, new: &NewMessage) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO messages(id, app, company, account_sid, notification, recipient, sender, status, created_at,
                              updated_at, next_poll_at, template, content_hash, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'sending', ?8, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT(id) DO UPDATE SET updated_at = excluded.updated_at WHERE status = 'sending' AND sid IS NULL",
    )?
    .execute(params![
        new.id.as_bytes(),
        new.app.as_str(),
        new.company.as_str(),
        new.account.as_str(),
        new.notification.map(|id| id.0),
        new.to.as_str(),
        new.from,
        new.at.0,
        schedule::first_poll(new.at).0,
        new.template,
        new.content_hash,
        new.body,
    ])?;
    Ok(())
}

/// Takes back what [`write_message`] recorded: the message has certainly not left.
pub(super) fn withdraw_message(db: &Connection, id: MessageId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM messages WHERE id = ? AND status = 'sending' AND sid IS NULL")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// A callback may have overtaken the answer: the answer's status replaces only what it may follow.
pub(super) fn write_send(db: &Connection, record: &SendRecord) -> rusqlite::Result<()> {
    let recorded = db
        .prepare_cached(&format!("SELECT {RECORDED} FROM messages WHERE id = ?"))?
        .query_row([record.id.as_bytes()], |row| recorded(row, 0))
        .optional()?;
    let Some(recorded) = recorded else { return Ok(()) };
    opt_out_by(db, record.id, record.error_code.as_deref(), record.at)?;
    // A doubt is news only where Twilio has said nothing, and nothing was concluded: nobody would ask again.
    let is_doubt = record.status.as_str() == "unknown";
    let is_open = recorded.is_untouched && recorded.status != MessageStatus::Failed;
    if (is_doubt && is_open)
        || (!is_doubt && (recorded.is_untouched || recorded.status.may_become(&record.status)))
    {
        db.prepare_cached(&format!(
            "UPDATE messages SET status = ?2, sid = coalesce(sid, ?3), error_code = ?4, error_message = ?5,
                    next_poll_at = CASE WHEN ?2 IN {SETTLED} THEN NULL ELSE next_poll_at END,
                    updated_at = ?6 WHERE id = ?1"
        ))?
        .execute(params![
            record.id.as_bytes(),
            record.status.as_str(),
            record.sid.as_ref().map(MessageSid::as_str),
            record.error_code,
            record.error_message,
            record.at.0,
        ])?;
    } else {
        db.prepare_cached("UPDATE messages SET sid = coalesce(sid, ?2) WHERE id = ?1")?
            .execute(params![record.id.as_bytes(), record.sid.as_ref().map(MessageSid::as_str)])?;
    }
    // The first answer stays, but for one that told nothing.
    db.prepare_cached(
        "UPDATE messages SET first_status = ?2, answered_at = ?3
         WHERE id = ?1 AND coalesce(first_status, 'unknown') = 'unknown'",
    )?
    .execute(params![record.id.as_bytes(), record.status.as_str(), record.at.0])?;
    match &record.price {
        Some(price) => write_price(db, record.id, price),
        None => Ok(()),
    }
}

/// Keeps what a message cost.
pub(super) fn write_price(db: &Connection, id: MessageId, price: &Price) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE messages SET price = ?2, price_unit = ?3 WHERE id = ?1")?.execute(params![
        id.as_bytes(),
        price.amount,
        price.unit
    ])?;
    Ok(())
}
