//! Replaying: a dead notification runs again, and what became of it before is kept.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::base::{AppId, NotificationId, UnixMillis};

/// How many dead notifications one order takes up at most; a longer list is taken up order by order.
const AT_ONCE: usize = 500;

/// Which dead notifications run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Which {
    /// This one.
    One(NotificationId),
    /// Of all, or of one application, or of one company, those that came after `after`: 500 at most.
    Dead {
        /// The application.
        app: Option<String>,
        /// The company.
        company: Option<String>,
        /// To go on behind.
        after: NotificationId,
    },
}

/// Asks for dead notifications to run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayOrder {
    /// Which.
    pub which: Which,
    /// With a new journal: the run starts anew, and what it sent before it may send again.
    pub resend: bool,
}

/// What was replayed, or why not.
pub type Replayed = Result<Vec<NotificationId>, NotReplayed>;

/// Why a notification cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotReplayed {
    /// There is none of that number.
    #[error("there is no such notification")]
    Unknown,
    /// Its effect is committed.
    #[error("its effect is committed: it happens once")]
    Done,
    /// It has not been given up.
    #[error("it has not been given up: it waits for its next attempt")]
    Waiting,
}

/// Puts dead notifications back among those that wait, to run at `now`; with them `touched`, the applications.
pub(super) fn replay(
    db: &Connection,
    order: &ReplayOrder,
    now: UnixMillis,
    touched: &mut Vec<AppId>,
) -> rusqlite::Result<Replayed> {
    let ids = match &order.which {
        Which::One(id) => {
            let state = db
                .query_row("SELECT state FROM notifications WHERE id = ?", [id.0], |row| {
                    row.get::<_, String>(0)
                })
                .optional()?;
            match state.as_deref() {
                Some("dead") => vec![*id],
                Some("done") => return Ok(Err(NotReplayed::Done)),
                Some(_) => return Ok(Err(NotReplayed::Waiting)),
                None => return Ok(Err(NotReplayed::Unknown)),
            }
        }
        Which::Dead { app, company, after } => {
            let mut statement = db.prepare_cached(
                "SELECT id FROM notifications WHERE state = 'dead' AND id > ?1
                 AND (?2 IS NULL OR app = ?2) AND (?3 IS NULL OR company = ?3) ORDER BY id LIMIT ?4",
            )?;
            let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![after.0, app, company, limit], |row| row.get(0))?;
            rows.map(|id| id.map(NotificationId)).collect::<Result<_, _>>()?
        }
    };
    for id in &ids {
        db.prepare_cached(
            "INSERT INTO replays(notification, at, resend, attempts, reason, error)
             SELECT n.id, ?2, ?3, n.attempts, r.reason, r.error
             FROM notifications n LEFT JOIN runs r ON r.notification = n.id WHERE n.id = ?1",
        )?
        .execute(params![id.0, now.0, order.resend])?;
        let app: String = db
            .prepare_cached(
                "UPDATE notifications SET state = 'waiting', attempts = 0, kills = 0, next_attempt_at = ?2,
                   generation = generation + ?3 WHERE id = ?1 RETURNING app",
            )?
            .query_row(params![id.0, now.0, order.resend], |row| row.get(0))?;
        if !touched.iter().any(|known| known.as_str() == app)
            && let Ok(app) = AppId::parse(&app)
        {
            touched.push(app);
        }
    }
    Ok(Ok(ids))
}
