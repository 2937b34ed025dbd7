//! `messages report`: how many messages, what became of them and what they cost, by what one likes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use rusqlite::{Row, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::base::{Decimal, PhoneNumber, UnixMillis};
use crate::store::{Filter, Ledger, StoreError};

/// What messages are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The application.
    App,
    /// The company.
    Company,
    /// The month in which it was created, in UTC: `2026-11`.
    Month,
    /// The day, in UTC: `2026-11-22`.
    Day,
    /// Its status.
    Status,
    /// The template, `HX…`.
    Template,
    /// The recipient's country, `IT`.
    Country,
}

impl Dimension {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::App, Self::Company, Self::Month, Self::Day, Self::Status, Self::Template, Self::Country];

    /// Its name: on the command line, in `--json`, as a column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Company => "company",
            Self::Month => "month",
            Self::Day => "day",
            Self::Status => "status",
            Self::Template => "template",
            Self::Country => "country",
        }
    }
}

/// The dimensions of a report: `company,month`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct By(pub Vec<Dimension>);

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        for word in text.split(',').map(str::trim) {
            let known = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word);
            let Some(dimension) = known else {
                let all = Dimension::ALL.map(Dimension::as_str).join(", ");
                return Err(format!("`{}` is none of {all}", word.escape_debug()));
            };
            if !found.contains(&dimension) {
                found.push(dimension);
            }
        }
        Ok(Self(found))
    }
}

impl TryFrom<String> for By {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<By> for String {
    fn from(by: By) -> Self {
        by.to_string()
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|dimension| dimension.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

/// A group of messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportRow {
    /// What they have in common, in the order that was asked for; none where a message has no template or country.
    pub group: Vec<Option<String>>,
    /// How many there are.
    pub messages: u64,
    /// That were delivered, those that were read included.
    pub delivered: u64,
    /// That were read.
    pub read: u64,
    /// That failed, or could not be delivered.
    pub failed: u64,
    /// In doubt.
    pub unknown: u64,
    /// What they cost, by currency: positive, of those whose price Twilio has told.
    pub cost: BTreeMap<String, Decimal>,
}

impl ReportRow {
    fn count(&mut self, status: &str) {
        self.messages += 1;
        match status {
            "delivered" => self.delivered += 1,
            "read" => {
                self.delivered += 1;
                self.read += 1;
            }
            "failed" | "undelivered" => self.failed += 1,
            "unknown" => self.unknown += 1,
            _ => {}
        }
    }
}

impl Ledger {
    /// Groups the messages that a filter lets through (its limit does not count), in the order of their groups.
    ///
    /// # Errors
    /// When the database fails.
    pub fn report(&self, by: &By, filter: &Filter) -> Result<Vec<ReportRow>, StoreError> {
        let tail = filter.messages_unsorted();
        let mut statement = self.connection.prepare(&format!(
            "SELECT app, company, created_at, status, template, recipient, price, price_unit FROM messages{}",
            tail.sql
        ))?;
        let mut rows = statement.query(params_from_iter(tail.values))?;
        let mut groups: BTreeMap<Vec<Option<String>>, ReportRow> = BTreeMap::new();
        let mut countries = HashMap::new();
        while let Some(row) = rows.next()? {
            let group =
                by.0.iter().map(|by| member(*by, row, &mut countries)).collect::<Result<Vec<_>, _>>()?;
            let totals = groups.entry(group).or_default();
            totals.count(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?);
            let price: Option<String> = row.get(6)?;
            if let Some(price) = price.as_deref().and_then(Decimal::parse)
                && let Some(unit) = row.get::<_, Option<String>>(7)?
            {
                let sum: &mut Decimal = totals.cost.entry(unit).or_default();
                *sum = sum.plus(price.abs());
            }
        }
        Ok(groups.into_iter().map(|(group, row)| ReportRow { group, ..row }).collect())
    }
}

/// The member of a group that a row belongs to.
fn member(
    by: Dimension,
    row: &Row<'_>,
    countries: &mut HashMap<String, Option<String>>,
) -> rusqlite::Result<Option<String>> {
    let date = |length: usize| -> rusqlite::Result<_> {
        let date = UnixMillis(row.get(2)?).to_string();
        Ok(date.get(..length).map(str::to_owned))
    };
    Ok(match by {
        Dimension::App => row.get(0)?,
        Dimension::Company => row.get(1)?,
        Dimension::Month => date(7)?,
        Dimension::Day => date(10)?,
        Dimension::Status => row.get(3)?,
        Dimension::Template => row.get(4)?,
        Dimension::Country => {
            let recipient: String = row.get(5)?;
            let country = |number: &String| PhoneNumber::sender(number).ok()?.country();
            countries.entry(recipient).or_insert_with_key(country).clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MessageId;
    use crate::store::HostDb;

    #[test]
    fn messages_are_counted_and_prices_are_added_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let db = HostDb::open(&file).unwrap();
        let month = |text: &str| UnixMillis::parse(text).unwrap().0;
        let (november, december) = (month("2026-11-30T23:59:59.999Z"), month("2026-12-01"));
        for (company, to, status, at, price, unit, template) in [
            ("A", "+393331234567", "read", november, Some("-0.00750"), Some("USD"), None),
            ("A", "+393331234567", "delivered", november, Some("-0.1"), Some("USD"), None),
            ("A", "+14155238886", "undelivered", november, Some("-0.2"), Some("EUR"), Some("HX1")),
            ("A", "forgotten", "unknown", december, None, Some("USD"), None),
            ("B", "+393331234567", "sent", december, Some("odd"), Some("USD"), None),
        ] {
            db.connection
                .execute(
                    "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at,
                       updated_at, price, price_unit, template) VALUES (?, 'a', ?, 'AC', ?, '+1', ?, ?, 1, ?, ?, ?)",
                    (MessageId::generate().as_bytes(), company, to, status, at, price, unit, template),
                )
                .unwrap();
        }
        let ledger = Ledger::open(&file).unwrap();
        let report = |by: &str, filter: &Filter| -> Vec<String> {
            let rows = ledger.report(&by.parse().unwrap(), filter).unwrap();
            let shown = |row: &ReportRow| {
                let group: Vec<_> = row.group.iter().map(|part| part.as_deref().unwrap_or("-")).collect();
                let cost: Vec<_> = row.cost.iter().map(|(unit, sum)| format!("{sum}{unit}")).collect();
                let ReportRow { messages, delivered, read, failed, unknown, .. } = row;
                format!(
                    "{} {messages} {delivered} {read} {failed} {unknown} {}",
                    group.join("/"),
                    cost.join("+")
                )
            };
            rows.iter().map(shown).collect()
        };
        let all = Filter::default();
        assert_eq!(
            report("company,month", &all),
            ["A/2026-11 3 2 1 1 0 0.2EUR+0.1075USD", "A/2026-12 1 0 0 0 1 ", "B/2026-12 1 0 0 0 0 "]
        );
        assert_eq!(
            report("country", &all),
            ["- 1 0 0 0 1 ", "IT 3 2 1 0 0 0.1075USD", "US 1 0 0 1 0 0.2EUR"]
        );
        assert_eq!(report("template", &all)[1], "HX1 1 0 0 1 0 0.2EUR");
        let since = Filter { since: Some(UnixMillis(december)), ..all };
        assert_eq!(
            report("day,status", &since),
            ["2026-12-01/sent 1 0 0 0 0 ", "2026-12-01/unknown 1 0 0 0 1 "]
        );
        assert!("company,week".parse::<By>().is_err());
    }
}
