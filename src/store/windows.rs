//! Who has written to which sender, and when last: what opens WhatsApp's 24-hour window.
//!
//! A row is a person, a sender and the company to which Twilio brings what is written to it. One upsert keeps it, in
//! the COMMIT of the message itself.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::base::{AppId, CompanyId, PhoneNumber, UnixMillis, Window};
use crate::store::{Ledger, NewNotification, StoreError};

/// What version 4 added to `host.db`.
pub(super) const SCHEMA: &str = "
-- When a person last wrote to a sender.
CREATE TABLE windows (
  app TEXT NOT NULL,
  company TEXT NOT NULL,                -- whose action got the message
  sender TEXT NOT NULL,
  person TEXT NOT NULL,
  last_message_at INTEGER NOT NULL,
  PRIMARY KEY (app, company, sender, person)
) STRICT, WITHOUT ROWID;
";

/// A message that opens a window: somebody wrote to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Who wrote, under the number that he is written to.
    pub person: PhoneNumber,
    /// To which sender.
    pub sender: PhoneNumber,
}

/// Who wants to write freely.
#[derive(Debug, Clone, Copy)]
pub struct Correspondent<'a> {
    /// The application.
    pub app: &'a AppId,
    /// The company in whose name.
    pub company: &'a CompanyId,
    /// The company that shares its sender with this one: what is written to it may come there.
    pub sharing: Option<&'a CompanyId>,
    /// From which number; `None`: from one that a messaging service chooses, which may be any of the company's.
    pub sender: Option<&'a PhoneNumber>,
}

/// A window, as `export` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // named as everywhere
pub struct WindowRow {
    pub app_id: String,
    pub company_id: String,
    pub sender: String,
    pub last_message_at: String,
    pub closes_at: String,
}

impl Correspondent<'_> {
    fn companies(&self) -> impl Iterator<Item = &CompanyId> {
        [Some(self.company), self.sharing.filter(|sharing| *sharing != self.company)].into_iter().flatten()
    }
}

impl Ledger {
    /// The window of a person, the latest if several senders may be meant; `None`: no message of his is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn window(&self, who: Correspondent<'_>, person: &PhoneNumber) -> Result<Option<Window>, StoreError> {
        let mut last = None;
        for company in who.companies() {
            let at = match who.sender {
                Some(sender) => self
                    .connection
                    .prepare_cached(
                        "SELECT last_message_at FROM windows WHERE app = ? AND company = ? AND sender = ? AND person = ?",
                    )?
                    .query_row(
                        params![who.app.as_str(), company.as_str(), sender.as_str(), person.as_str()],
                        |row| row.get(0),
                    )
                    .optional()?,
                None => self.connection.prepare_cached(OF_ANY_SENDER)?.query_row(
                    params![who.app.as_str(), company.as_str(), person.as_str()],
                    |row| row.get::<_, Option<i64>>(0),
                )?,
            };
            last = last.max(at);
        }
        Ok(last.map(|at| Window { last_message_at: UnixMillis(at) }))
    }

    /// Whether anybody is known to have written there: only then does it mean anything that somebody has not.
    ///
    /// # Errors
    /// When the database fails.
    pub fn hears(&self, who: Correspondent<'_>) -> Result<bool, StoreError> {
        // Without a sender the range is all of the company's.
        let (first, last) =
            who.sender.map_or(("", "\u{10FFFF}"), |sender| (sender.as_str(), sender.as_str()));
        let sql = "SELECT 1 FROM windows WHERE app = ? AND company = ? AND sender BETWEEN ? AND ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        for company in who.companies() {
            if statement.exists(params![who.app.as_str(), company.as_str(), first, last])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The windows of a person, by reading through all.
    ///
    /// # Errors
    /// When the database fails.
    pub fn windows_of(&self, person: &PhoneNumber) -> Result<Vec<WindowRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT app, company, sender, last_message_at FROM windows WHERE person = ? ORDER BY app, company, sender",
        )?;
        let read = |row: &Row<'_>| {
            let window = Window { last_message_at: UnixMillis(row.get(3)?) };
            Ok(WindowRow {
                app_id: row.get(0)?,
                company_id: row.get(1)?,
                sender: row.get(2)?,
                last_message_at: window.last_message_at.to_string(),
                closes_at: window.closes_at().to_string(),
            })
        };
        Ok(statement.query_map([person.as_str()], read)?.collect::<Result<_, _>>()?)
    }
}

/// A person's latest window among all senders of a company. Goes from sender to sender, of which there are few, and not
/// along the people.
const OF_ANY_SENDER: &str = "
WITH RECURSIVE senders(sender) AS (
  SELECT min(sender) FROM windows WHERE app = ?1 AND company = ?2
  UNION ALL
  SELECT (SELECT min(w.sender) FROM windows w WHERE w.app = ?1 AND w.company = ?2 AND w.sender > senders.sender)
  FROM senders WHERE senders.sender IS NOT NULL
)
SELECT max((SELECT last_message_at FROM windows w
            WHERE w.app = ?1 AND w.company = ?2 AND w.sender = senders.sender AND w.person = ?3)) FROM senders";

/// Keeps when somebody last wrote: only ever later, for messages come in any order.
pub(super) fn write_window(
    db: &Connection,
    new: &NewNotification,
    opening: &Opening,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO windows(app, company, sender, person, last_message_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET last_message_at = excluded.last_message_at
         WHERE last_message_at < excluded.last_message_at",
    )?
    .execute(params![
        new.app.as_str(),
        new.company.as_str(),
        opening.sender.as_str(),
        opening.person.as_str(),
        new.received_at.0
    ])?;
    Ok(())
}

/// Forgets when a person wrote.
pub(super) fn forget_windows(db: &Connection, person: &PhoneNumber) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM windows WHERE person = ?")?.execute([person.as_str()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountSid, MessageSid, MessageStatus};
    use crate::store::writes::write_notification;
    use crate::store::{HostDb, Receipt, Source};

    const ANNA: &str = "+393331234567";
    const BRUNO: &str = "+393331234568";
    const SHOP: &str = "+14155238886";
    const BAR: &str = "+14155238887";

    struct World {
        _folder: tempfile::TempDir,
        db: HostDb,
        ledger: Ledger,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("host.db");
            let db = HostDb::open(&file).unwrap();
            db.connection.pragma_update(None, "synchronous", "OFF").unwrap();
            let ledger = Ledger::open(&file).unwrap();
            Self { _folder: folder, db, ledger }
        }

        fn writes(&self, n: u32, person: &str, (company, sender): (&str, &str), at: i64) -> Receipt {
            let new = NewNotification {
                app: AppId::parse("demo").unwrap(),
                company: CompanyId::parse(company).unwrap(),
                account: AccountSid::parse("AC00000000000000000000000000000001").unwrap(),
                message_sid: MessageSid::parse(&format!("SM{n:032x}")).unwrap(),
                status: MessageStatus::Received,
                error_code: None,
                error_message: None,
                message: None,
                conversation: None,
                form: bytes::Bytes::new(),
                source: Source::Message,
                received_at: UnixMillis(at),
                has_action: false,
                fence: None,
                opening: Some(Opening { person: number(person), sender: number(sender) }),
            };
            write_notification(&self.db.connection, &new, &mut Vec::new()).unwrap()
        }

        /// When a person last wrote, as far as a company knows; from any sender if none is named.
        fn last(&self, person: &str, company: &str, sharing: bool, sender: Option<&str>) -> Option<i64> {
            let sender = sender.map(number);
            let window = Self::with(company, sharing, sender.as_ref(), |who| {
                self.ledger.window(who, &number(person)).unwrap()
            });
            window.map(|window| window.last_message_at.0)
        }

        fn hears(&self, company: &str, sharing: bool, sender: Option<&str>) -> bool {
            let sender = sender.map(number);
            Self::with(company, sharing, sender.as_ref(), |who| self.ledger.hears(who).unwrap())
        }

        fn with<T>(
            company: &str,
            sharing: bool,
            sender: Option<&PhoneNumber>,
            ask: impl FnOnce(Correspondent<'_>) -> T,
        ) -> T {
            let (app, company) = (AppId::parse("demo").unwrap(), CompanyId::parse(company).unwrap());
            let nobody = CompanyId::none();
            ask(Correspondent { app: &app, company: &company, sharing: sharing.then_some(&nobody), sender })
        }
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::sender(text).unwrap()
    }

    #[test]
    fn a_window_moves_forward_only_and_a_repeat_moves_nothing() {
        let world = World::new();
        let acme = ("ACME", SHOP);
        assert!(matches!(world.writes(1, ANNA, acme, 1000), Receipt::New(_)));
        assert_eq!(world.last(ANNA, "ACME", false, Some(SHOP)), Some(1000));
        assert_eq!(world.writes(1, ANNA, acme, 9000), Receipt::Repeat);
        assert_eq!(world.last(ANNA, "ACME", false, Some(SHOP)), Some(1000));
        world.writes(2, ANNA, acme, 3000);
        world.writes(3, ANNA, acme, 2000);
        assert_eq!(world.last(ANNA, "ACME", false, Some(SHOP)), Some(3000), "the clock was set back");
    }

    #[test]
    fn a_window_is_one_persons_with_one_sender_of_one_company() {
        let world = World::new();
        world.writes(1, ANNA, ("ACME", SHOP), 1000);
        world.writes(2, ANNA, ("ACME", BAR), 2000);
        world.writes(3, ANNA, ("NODEFINED", SHOP), 3000);
        for (person, company, sharing, sender, expected) in [
            (ANNA, "ACME", false, Some(SHOP), Some(1000)),
            (ANNA, "ACME", true, Some(SHOP), Some(3000)),
            (ANNA, "ACME", true, Some(BAR), Some(2000)),
            (ANNA, "ACME", false, None, Some(2000)),
            (ANNA, "ACME", true, None, Some(3000)),
            (ANNA, "OTHER", false, Some(SHOP), None),
            (ANNA, "OTHER", true, Some(SHOP), Some(3000)),
            (ANNA, "OTHER", true, Some(BAR), None),
            (ANNA, "NODEFINED", true, Some(SHOP), Some(3000)),
            (BRUNO, "ACME", true, Some(SHOP), None),
            (BRUNO, "ACME", true, None, None),
        ] {
            assert_eq!(
                world.last(person, company, sharing, sender),
                expected,
                "{person} {company} {sharing} {sender:?}"
            );
        }
        assert!(world.hears("ACME", false, Some(BAR)) && world.hears("ACME", false, None));
        assert!(!world.hears("ACME", true, Some("+14155238888")) && !world.hears("OTHER", false, None));
        assert!(world.hears("OTHER", true, Some(SHOP)) && !world.hears("OTHER", true, Some(BAR)));
    }

    #[test]
    fn looking_a_window_up_does_not_read_along_the_people() {
        let world = World::new();
        let mut plan = world.db.connection.prepare(&format!("EXPLAIN QUERY PLAN {OF_ANY_SENDER}")).unwrap();
        let mut rows = plan.raw_query();
        let mut searches = 0;
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            assert!(!step.starts_with("SCAN w"), "{step}");
            searches += usize::from(step.starts_with("SEARCH w") && step.contains("PRIMARY KEY"));
        }
        assert_eq!(searches, 3);
    }

    #[test]
    fn who_is_forgotten_has_written_to_nobody() {
        let world = World::new();
        world.writes(1, ANNA, ("ACME", SHOP), 1000);
        world.writes(2, ANNA, ("OTHER", BAR), 2000);
        world.writes(3, BRUNO, ("ACME", SHOP), 1000);
        let rows = world.ledger.windows_of(&number(ANNA)).unwrap();
        assert_eq!((rows.len(), &*rows[1].company_id, &*rows[1].sender), (2, "OTHER", BAR));
        assert_eq!(rows[1].closes_at, "1970-01-02T00:00:02.000Z");
        forget_windows(&world.db.connection, &number(ANNA)).unwrap();
        assert_eq!(world.ledger.windows_of(&number(ANNA)).unwrap().len(), 0);
        assert_eq!(world.ledger.windows_of(&number(BRUNO)).unwrap().len(), 1);
    }
}
