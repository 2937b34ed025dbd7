//! Who is not written to: applications and companies that are paused, and recipients who opted out.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::base::{AppId, CompanyId, MessageId, PhoneNumber, UnixMillis, debug_only};
use crate::store::{HostDb, Ledger, StoreError};

/// Twilio's codes for a recipient who does not want to be written to: 21610 says that he sent STOP, 63014 that
/// something he did keeps messages away, such as blocking the sender.
pub const OPT_OUT_CODES: [&str; 2] = ["21610", "63014"];

/// A change of who is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fence {
    /// Nothing is sent for now.
    Pause {
        /// The application.
        app: AppId,
        /// One company only; `None`: all of the application.
        company: Option<CompanyId>,
        /// Why, for people.
        reason: Option<String>,
    },
    /// The opposite.
    Resume {
        /// The application.
        app: AppId,
        /// One company only; `None`: the application. Companies that were paused for themselves stay so.
        company: Option<CompanyId>,
    },
    /// A recipient does not want to be written to by a company.
    OptOut {
        /// The application.
        app: AppId,
        /// The company.
        company: CompanyId,
        /// The recipient.
        recipient: PhoneNumber,
        /// `STOP`, a code of Twilio's, or `admin`.
        reason: String,
    },
    /// The opposite.
    OptIn {
        /// The application.
        app: AppId,
        /// The company.
        company: CompanyId,
        /// The recipient.
        recipient: PhoneNumber,
    },
}

/// Why a recipient is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// Application or company is paused.
    Paused {
        /// The company; empty: the application.
        company: String,
        /// The reason, if somebody gave one.
        reason: Option<String>,
    },
    /// The recipient opted out.
    OptedOut {
        /// Of which company.
        company: String,
        /// How that became known.
        reason: String,
    },
}

/// Who wants to write to somebody.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The application.
    pub app: &'a AppId,
    /// The company in whose name.
    pub company: &'a CompanyId,
    /// The company whose run it is: it must not be paused either.
    pub run: &'a CompanyId,
    /// The company that shares its sender with this one, if that is so: who has had enough of it has had enough of both.
    pub sharing: Option<&'a CompanyId>,
}

/// A pause, as `pause` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // named as everywhere
pub struct PauseRow {
    pub app_id: String,
    /// `None`: the whole application.
    pub company_id: Option<String>,
    pub since: String,
    pub reason: Option<String>,
}

/// An opt-out, as `opt-outs list` shows it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // named as everywhere
pub struct OptOutRow {
    pub app_id: String,
    pub company_id: String,
    pub recipient: String,
    pub since: String,
    pub reason: String,
}

debug_only!(OptOutRow { app_id, company_id });

impl Ledger {
    /// Whether somebody may write to a recipient; `None`: he may.
    ///
    /// # Errors
    /// When the database fails.
    pub fn closed(&self, writer: Writer<'_>, recipient: &PhoneNumber) -> Result<Option<Closed>, StoreError> {
        let Writer { app, company, run, sharing } = writer;
        let paused = self
            .connection
            .prepare_cached(
                "SELECT company, reason FROM pauses WHERE app = ?1 AND company IN ('', ?2, ?3) ORDER BY company LIMIT 1",
            )?
            .query_row(params![app.as_str(), company.as_str(), run.as_str()], |row| {
                Ok(Closed::Paused { company: row.get(0)?, reason: row.get(1)? })
            })
            .optional()?;
        if paused.is_some() {
            return Ok(paused);
        }
        let opted_out = self
            .connection
            .prepare_cached(
                "SELECT company, reason FROM opt_outs WHERE app = ? AND company IN (?, ?) AND recipient = ? LIMIT 1",
            )?
            .query_row(
                params![app.as_str(), company.as_str(), sharing.map(CompanyId::as_str), recipient.as_str()],
                |row| Ok(Closed::OptedOut { company: row.get(0)?, reason: row.get(1)? }),
            )
            .optional()?;
        Ok(opted_out)
    }

    /// All pauses.
    ///
    /// # Errors
    /// When the database fails.
    pub fn pauses(&self) -> Result<Vec<PauseRow>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT app, company, since, reason FROM pauses ORDER BY app, company")?;
        let read = |row: &Row<'_>| {
            let company: String = row.get(1)?;
            Ok(PauseRow {
                app_id: row.get(0)?,
                company_id: Some(company).filter(|company| !company.is_empty()),
                since: UnixMillis(row.get(2)?).to_string(),
                reason: row.get(3)?,
            })
        };
        Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Opt-outs, of one application or company if given.
    ///
    /// # Errors
    /// When the database fails.
    pub fn opt_outs(&self, app: Option<&str>, company: Option<&str>) -> Result<Vec<OptOutRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT app, company, recipient, since, reason FROM opt_outs
             WHERE (?1 IS NULL OR app = ?1) AND (?2 IS NULL OR company = ?2) ORDER BY app, company, recipient",
        )?;
        let read = |row: &Row<'_>| {
            Ok(OptOutRow {
                app_id: row.get(0)?,
                company_id: row.get(1)?,
                recipient: row.get(2)?,
                since: UnixMillis(row.get(3)?).to_string(),
                reason: row.get(4)?,
            })
        };
        Ok(statement.query_map(params![app, company], read)?.collect::<Result<_, _>>()?)
    }
}

impl HostDb {
    /// Changes who is written to, while no host is up; `false`: it was so already.
    ///
    /// # Errors
    /// When the database fails.
    pub fn fence(&mut self, fence: &Fence, at: UnixMillis) -> Result<bool, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let changed = write_fence(&transaction, fence, at)?;
        transaction.commit()?;
        Ok(changed)
    }
}

/// Changes who is written to; `false`: it was so already. Who is paused or out stays so since the first time.
pub(super) fn write_fence(db: &Connection, fence: &Fence, at: UnixMillis) -> rusqlite::Result<bool> {
    let of = |company: &Option<CompanyId>| company.as_ref().map(ToString::to_string).unwrap_or_default();
    let changed = match fence {
        Fence::Pause { app, company, reason } => db.execute(
            "INSERT INTO pauses(app, company, since, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            params![app.as_str(), of(company), at.0, reason],
        )?,
        Fence::Resume { app, company } => db.execute(
            "DELETE FROM pauses WHERE app = ? AND company = ?",
            params![app.as_str(), of(company)],
        )?,
        Fence::OptOut { app, company, recipient, reason } => db.execute(
            "INSERT INTO opt_outs(app, company, recipient, since, reason) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
            params![app.as_str(), company.as_str(), recipient.as_str(), at.0, reason],
        )?,
        Fence::OptIn { app, company, recipient } => db.execute(
            "DELETE FROM opt_outs WHERE app = ? AND company = ? AND recipient = ?",
            params![app.as_str(), company.as_str(), recipient.as_str()],
        )?,
    };
    Ok(changed > 0)
}

/// The recipient of a message has opted out, by a code of Twilio's about it; who was forgotten is nobody.
pub(super) fn opt_out_by(
    db: &Connection,
    message: MessageId,
    code: Option<&str>,
    at: UnixMillis,
) -> rusqlite::Result<()> {
    let Some(code) = code.filter(|code| OPT_OUT_CODES.contains(code)) else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO opt_outs(app, company, recipient, since, reason)
         SELECT app, company, recipient, ?2, ?3 FROM messages WHERE id = ?1 AND recipient <> 'forgotten'
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![message.as_bytes(), at.0, code])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppId {
        AppId::parse(name).unwrap()
    }

    fn company(name: &str) -> CompanyId {
        CompanyId::parse(name).unwrap()
    }

    fn look(ledger: &Ledger, at: &str, name: &str, to: &PhoneNumber) -> Option<Closed> {
        let (app, company) = (app(at), company(name));
        ledger.closed(Writer { app: &app, company: &company, run: &company, sharing: None }, to).unwrap()
    }

    #[test]
    fn pauses_hold_for_an_application_or_one_company_until_they_are_lifted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let mut db = HostDb::open(&file).unwrap();
        let ledger = Ledger::open(&file).unwrap();
        let anna = PhoneNumber::sender("+393331234567").unwrap();
        let closed = |at: &str, name: &str| look(&ledger, at, name, &anna);
        let pause = |at: &str, name: Option<&str>, reason: Option<&str>| Fence::Pause {
            app: app(at),
            company: name.map(company),
            reason: reason.map(str::to_owned),
        };
        assert!(db.fence(&pause("a", Some("X"), Some("unpaid")), UnixMillis(1)).unwrap());
        assert!(!db.fence(&pause("a", Some("X"), Some("once more")), UnixMillis(2)).unwrap());
        assert_eq!(
            closed("a", "X"),
            Some(Closed::Paused { company: "X".into(), reason: Some("unpaid".into()) })
        );
        assert_eq!((closed("a", "Y"), closed("b", "X")), (None, None));
        assert!(db.fence(&pause("a", None, None), UnixMillis(3)).unwrap());
        assert_eq!(closed("a", "Y"), Some(Closed::Paused { company: String::new(), reason: None }));
        let resume = |name: Option<&str>| Fence::Resume { app: app("a"), company: name.map(company) };
        assert!(db.fence(&resume(None), UnixMillis(4)).unwrap());
        assert!(!db.fence(&resume(None), UnixMillis(4)).unwrap());
        assert_eq!(closed("a", "Y"), None);
        assert_eq!(
            closed("a", "X"),
            Some(Closed::Paused { company: "X".into(), reason: Some("unpaid".into()) }),
            "paused for itself"
        );
        let rows = ledger.pauses().unwrap();
        assert_eq!((rows.len(), rows[0].company_id.as_deref()), (1, Some("X")));
    }

    #[test]
    fn an_opt_out_is_one_companys_and_ends_with_an_opt_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let mut db = HostDb::open(&file).unwrap();
        let ledger = Ledger::open(&file).unwrap();
        let [anna, bruno] = ["+393331234567", "+393331234568"].map(|to| PhoneNumber::sender(to).unwrap());
        let out = Fence::OptOut {
            app: app("a"),
            company: company("X"),
            recipient: anna.clone(),
            reason: "STOP".into(),
        };
        assert!(db.fence(&out, UnixMillis(1)).unwrap());
        assert!(!db.fence(&out, UnixMillis(2)).unwrap());
        let closed = |name: &str, to: &PhoneNumber| look(&ledger, "a", name, to);
        assert_eq!(closed("X", &anna), Some(Closed::OptedOut { company: "X".into(), reason: "STOP".into() }));
        assert_eq!((closed("X", &bruno), closed("Y", &anna)), (None, None));
        let (app_a, x, y) = (app("a"), company("X"), company("Y"));
        let sharing = Writer { app: &app_a, company: &y, run: &y, sharing: Some(&x) };
        assert!(ledger.closed(sharing, &anna).unwrap().is_some(), "the same sender");
        assert_eq!(ledger.opt_outs(Some("a"), None).unwrap().len(), 1);
        assert_eq!(ledger.opt_outs(Some("b"), None).unwrap().len(), 0);
        assert!(
            db.fence(
                &Fence::OptIn { app: app("a"), company: company("X"), recipient: anna.clone() },
                UnixMillis(3)
            )
            .unwrap()
        );
        assert_eq!(closed("X", &anna), None);
    }
}
