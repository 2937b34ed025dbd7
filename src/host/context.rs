//! What a host function sees of its run.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;
use url::Url;

use crate::base::CompanyId;
use crate::config::Application;
use crate::host::arguments::number_value;
use crate::store::{KeyRing, SqlValue};
use crate::whatsapp::SignedUrls;

/// The surroundings of one run; the same in every attempt.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// The application and its parameters.
    pub application: Arc<Application>,
    /// The company.
    pub company: CompanyId,
    /// What `:NAME` in a statement reads.
    pub vo: VoSource,
    /// This host as Twilio sees it, without a trailing slash.
    pub public_url: Arc<str>,
    /// Where the simulator listens, if there is one.
    pub simulator_url: Option<Url>,
    /// What makes temporary URLs of Google Cloud Storage, if the application has it.
    pub storage: Option<Arc<SignedUrls>>,
    /// The keys that actions have brought along, each for its place.
    pub keys: KeyRing,
    /// Where `host.db` is, for looking a message up.
    pub ledger: PathBuf,
    /// Where futures are driven.
    pub runtime: tokio::runtime::Handle,
}

impl RunContext {
    /// The value that `:NAME` is bound to: what `vo` has of that name, and of its company what the run is for where `vo` says
    /// nothing; NULL when there is none.
    #[must_use]
    pub fn named(&self, name: &str) -> SqlValue {
        match self.vo.named(name) {
            SqlValue::Null if name.replace('_', "").eq_ignore_ascii_case("companyId") => {
                SqlValue::Text(self.company.to_string())
            }
            value => value,
        }
    }
}

/// The run's `vo`, as statements read it.
#[derive(Debug, Clone)]
pub enum VoSource {
    /// The fields of a form, each name once, and `companyId`.
    Form(Arc<Vec<(String, String)>>),
    /// Any JSON value.
    Json(Arc<Json>),
}

impl VoSource {
    /// The value that `:NAME` is bound to: the member of that name, or the one whose name is `NAME` in upper case
    /// with underscores (`:COMPANY_ID` is `companyId`, `:MESSAGE_SID` is `MessageSid`); NULL when there is none.
    #[must_use]
    pub fn named(&self, name: &str) -> SqlValue {
        match self {
            Self::Form(fields) => {
                let exact = fields.iter().find(|(field, _)| field == name);
                let found = exact.or_else(|| fields.iter().find(|(field, _)| is_upper_snake(field, name)));
                found.map_or(SqlValue::Null, |(_, value)| SqlValue::Text(value.clone()))
            }
            Self::Json(json) => {
                let Json::Object(members) = &**json else { return SqlValue::Null };
                let exact = members.get(name);
                let found = exact
                    .or_else(|| members.iter().find(|(key, _)| is_upper_snake(key, name)).map(|(_, v)| v));
                found.map_or(SqlValue::Null, json_value)
            }
        }
    }
}

impl VoSource {
    /// The member of that very name, if it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self {
            Self::Form(fields) => {
                fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
            }
            Self::Json(json) => json.get(name)?.as_str(),
        }
    }
}

fn json_value(value: &Json) -> SqlValue {
    match value {
        Json::Null => SqlValue::Null,
        Json::Bool(value) => SqlValue::Integer(i64::from(*value)),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| number_value(number.as_f64().unwrap_or(f64::NAN)), SqlValue::Integer),
        Json::String(text) => SqlValue::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => SqlValue::Text(value.to_string()),
    }
}

/// Whether `name` is the member `member` in upper case with an underscore before each capital that follows a small
/// letter or digit.
fn is_upper_snake(member: &str, name: &str) -> bool {
    let mut name = name.chars();
    let mut before_small = false;
    for c in member.chars() {
        if c.is_ascii_uppercase() && before_small && name.next() != Some('_') {
            return false;
        }
        if name.next() != Some(c.to_ascii_uppercase()) {
            return false;
        }
        before_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    name.next().is_none()
}

/// What a run gathers besides its rows.
#[derive(Debug, Default)]
pub struct Effects {
    /// Statements that stay although the run fails.
    pub separated: Vec<Separated>,
    /// Lines that host functions log on the run's behalf: level and text.
    pub log: Vec<(crate::script::protocol::LogLevel, String)>,
}

/// A statement of `executeSql` with `separatedTransaction`: it takes effect within the run, and once more by itself
/// when the run was rolled back.
#[derive(Debug, Clone)]
pub struct Separated {
    /// The statement.
    pub sql: String,
    /// Its `?`.
    pub positional: Vec<SqlValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written_or_in_upper_case() {
        let fields = [("MessageSid", "SM1"), ("companyId", "ACME"), ("NumMedia", "0"), ("From", "a")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let form = VoSource::Form(Arc::new(fields));
        let text = |text: &str| SqlValue::Text(text.into());
        for (name, value) in [
            ("MessageSid", text("SM1")),
            ("MESSAGE_SID", text("SM1")),
            ("COMPANY_ID", text("ACME")),
            ("NUM_MEDIA", text("0")),
            ("FROM", text("a")),
            ("MESSAGESID", SqlValue::Null),
            ("messagesid", SqlValue::Null),
            ("MESSAGE_SID_", SqlValue::Null),
            ("nothing", SqlValue::Null),
        ] {
            assert_eq!(form.named(name), value, "{name}");
        }
    }

    #[test]
    fn json_members_keep_their_kind() {
        let json = serde_json::json!({"orderId": 7, "price": 1.5, "paid": true, "items": [1], "none": null});
        let vo = VoSource::Json(Arc::new(json));
        assert_eq!(vo.named("ORDER_ID"), SqlValue::Integer(7));
        assert_eq!(vo.named("price"), SqlValue::Real(1.5));
        assert_eq!(vo.named("PAID"), SqlValue::Integer(1));
        assert_eq!(vo.named("items"), SqlValue::Text("[1]".into()));
        assert_eq!(vo.named("none"), SqlValue::Null);
        assert_eq!(VoSource::Json(Arc::new(Json::from(3))).named("x"), SqlValue::Null);
    }
}
