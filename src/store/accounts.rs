//! What `host.db` keeps of the keys that actions have sent with (`…WithSettings`).
//!
//! Twilio signs the callbacks of such a message with that key, and may call back before it has answered the send. So a
//! key is written with the intent of the message, *unconfirmed*, and counts from then on. Once Twilio has taken the
//! message it is *confirmed*; where Twilio refuses the key itself, it is forgotten. Of each application, company and
//! account the last two that are confirmed stay, because keys rotate, and beside them the last two that are not, for a
//! day.

use std::time::Duration;

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::base::{AccountSid, AppId, CompanyId, Secret, UnixMillis};
use crate::store::{Filter, HostDb, HostKey, Ledger, StoreError};

/// How many keys of each kind are kept.
pub(super) const KEPT: u32 = 2;
/// How long a key counts of which Twilio has not said anything: the doubt about a message has ended long before.
pub(super) const UNCONFIRMED_FOR: Duration = Duration::from_hours(24);

/// Where a key counts, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPlace {
    /// The application.
    pub app: AppId,
    /// The company in whose name it was sent.
    pub company: CompanyId,
    /// The account whose key it is.
    pub account: AccountSid,
}

impl KeyPlace {
    fn parts(&self) -> [&str; 3] {
        [self.app.as_str(), self.company.as_str(), self.account.as_str()]
    }
}

/// A key that an action brought along, ready to be written.
#[derive(Debug, Clone)]
pub struct BroughtKey {
    place: KeyPlace,
    /// Equal for equal keys of one place, and of no other.
    hash: [u8; 32],
    sealed: Vec<u8>,
}

impl BroughtKey {
    /// Seals a key for its place.
    ///
    /// # Errors
    /// As [`HostKey::seal`].
    pub fn new(host: &HostKey, place: KeyPlace, secret: &Secret) -> Result<Self, StoreError> {
        let [app, company, account] = place.parts();
        let hash = host.hash(&[app, company, account, secret.expose()]);
        let sealed = host.seal(secret, &place.parts())?;
        Ok(Self { place, hash, sealed })
    }

    /// Where it counts.
    #[must_use]
    pub fn place(&self) -> &KeyPlace {
        &self.place
    }
}

/// What Twilio said of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It has taken a message, or answered a question.
    Taken,
    /// It does not accept the key.
    Refused,
}

/// Which keys are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ForgetKeys {
    /// The account.
    pub account: AccountSid,
    /// Of one application.
    pub app: Option<String>,
    /// Of one company.
    pub company: Option<String>,
}

/// An account of which keys are remembered, as `accounts` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRow {
    /// The application.
    pub app_id: String,
    /// The company.
    pub company_id: String,
    /// The account.
    pub account_sid: String,
    /// How many keys Twilio has taken a message with.
    pub confirmed_keys: u32,
    /// How many it has said nothing of.
    pub unconfirmed_keys: u32,
    /// When one of them was last used.
    #[serde(serialize_with = "as_text")]
    pub last_used_at: UnixMillis,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands it over so
fn as_text<S: serde::Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl Ledger {
    /// The accounts of which keys are remembered.
    ///
    /// # Errors
    /// When the database fails.
    pub fn accounts(&self, filter: &Filter) -> Result<Vec<AccountRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT app, company, account_sid, sum(confirmed), sum(NOT confirmed), max(used_at) FROM accounts
             WHERE app = coalesce(?1, app) AND company = coalesce(?2, company) GROUP BY app, company, account_sid",
        )?;
        let rows = statement.query_map(params![filter.app, filter.company], |row| {
            Ok(AccountRow {
                app_id: row.get(0)?,
                company_id: row.get(1)?,
                account_sid: row.get(2)?,
                confirmed_keys: row.get(3)?,
                unconfirmed_keys: row.get(4)?,
                last_used_at: UnixMillis(row.get(5)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl HostDb {
    /// Forgets keys, while no host is up; gives how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_keys(&mut self, forget: &ForgetKeys) -> Result<usize, StoreError> {
        Ok(forget_keys(&self.connection, forget)?.len())
    }
}

/// Records that a key is about to be used.
pub(super) fn bring_key(db: &Connection, key: &BroughtKey, at: UnixMillis) -> rusqlite::Result<()> {
    upsert(db, key, false, at)
}

/// Records what Twilio said of a key. One that it has taken before stays when it refuses it: callbacks about earlier
/// messages may still be on their way.
pub(super) fn judge_key(
    db: &Connection,
    key: &BroughtKey,
    verdict: KeyVerdict,
    at: UnixMillis,
) -> rusqlite::Result<()> {
    match verdict {
        KeyVerdict::Taken => upsert(db, key, true, at),
        KeyVerdict::Refused => {
            let [app, company, account] = key.place.parts();
            db.prepare_cached(
                "DELETE FROM accounts WHERE app = ? AND company = ? AND account_sid = ? AND key_hash = ? AND NOT confirmed",
            )?
            .execute(params![app, company, account, key.hash])?;
            Ok(())
        }
    }
}

fn upsert(db: &Connection, key: &BroughtKey, confirmed: bool, at: UnixMillis) -> rusqlite::Result<()> {
    let [app, company, account] = key.place.parts();
    db.prepare_cached(
        "INSERT INTO accounts(app, company, account_sid, key_hash, sealed, confirmed, used_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET confirmed = max(confirmed, excluded.confirmed), used_at = excluded.used_at",
    )?
    .execute(params![app, company, account, key.hash, key.sealed, confirmed, at.0])?;
    db.prepare_cached(
        "DELETE FROM accounts WHERE app = ? AND company = ? AND account_sid = ? AND NOT confirmed AND used_at < ?",
    )?
    .execute(params![app, company, account, at.0.saturating_sub(millis(UNCONFIRMED_FOR))])?;
    // The one at hand is the last, whatever the clock says.
    let mut trim = db.prepare_cached(
        "DELETE FROM accounts WHERE app = ?1 AND company = ?2 AND account_sid = ?3 AND confirmed = ?5
           AND key_hash NOT IN (SELECT key_hash FROM accounts
             WHERE app = ?1 AND company = ?2 AND account_sid = ?3 AND confirmed = ?5
             ORDER BY key_hash = ?4 DESC, used_at DESC LIMIT ?6)",
    )?;
    for confirmed in [false, true] {
        trim.execute(params![app, company, account, key.hash, confirmed, KEPT])?;
    }
    Ok(())
}

/// Forgets keys; gives the place of each.
pub(super) fn forget_keys(db: &Connection, forget: &ForgetKeys) -> rusqlite::Result<Vec<KeyPlace>> {
    let mut statement = db.prepare_cached(
        "DELETE FROM accounts WHERE account_sid = ?1 AND app = coalesce(?2, app) AND company = coalesce(?3, company)
         RETURNING app, company, account_sid",
    )?;
    let places = statement.query_map(params![forget.account.as_str(), forget.app, forget.company], place)?;
    Ok(places.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// A key as it is kept.
pub(super) struct SealedKey {
    sealed: Vec<u8>,
    pub(super) confirmed: bool,
    pub(super) used_at: UnixMillis,
}

impl SealedKey {
    /// The key; `None` where another `host.key` has sealed it.
    pub(super) fn open(&self, host: &HostKey, place: &KeyPlace) -> Option<Secret> {
        host.unseal(&self.sealed, &place.parts())
    }
}

/// The keys of all places.
pub(super) fn sealed_keys(db: &Connection) -> rusqlite::Result<Vec<(KeyPlace, SealedKey)>> {
    let mut statement =
        db.prepare_cached("SELECT app, company, account_sid, sealed, confirmed, used_at FROM accounts")?;
    let rows = statement.query_map([], |row| Ok(place(row)?.zip(Some(sealed(row, 3)?))))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The keys of one place.
pub(super) fn sealed_keys_of(db: &Connection, place: &KeyPlace) -> rusqlite::Result<Vec<SealedKey>> {
    let mut statement = db.prepare_cached(
        "SELECT sealed, confirmed, used_at FROM accounts WHERE app = ? AND company = ? AND account_sid = ?",
    )?;
    let rows = statement.query_map(place.parts(), |row| sealed(row, 0))?;
    rows.collect()
}

/// `None` for ids that no version has written.
fn place(row: &Row<'_>) -> rusqlite::Result<Option<KeyPlace>> {
    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let ids = (AppId::parse(text(0)?), CompanyId::parse(text(1)?), AccountSid::parse(text(2)?));
    let (Ok(app), Ok(company), Ok(account)) = ids else { return Ok(None) };
    Ok(Some(KeyPlace { app, company, account }))
}

fn sealed(row: &Row<'_>, first: usize) -> rusqlite::Result<SealedKey> {
    Ok(SealedKey {
        sealed: row.get(first)?,
        confirmed: row.get(first + 1)?,
        used_at: UnixMillis(row.get(first + 2)?),
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
