//! What a host function sees of its run.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
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

impl RunContext {
    /// What was probably meant by `:NAME`, where `vo` has no such member: see [`VoSource::meant_by`].
    #[must_use]
    pub fn meant_by(&self, name: &str) -> Option<String> {
        if folded(name) == "companyid" { None } else { self.vo.meant_by(name) }
    }
}

/// The longest name that is compared with the members of `vo`.
const MAX_NAME: usize = 64;

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
    /// What was probably meant by `:NAME`, as statements name it: a member that is called so but for case, underscores or
    /// one letter. `None` where `vo` has the member, or none like it.
    fn meant_by(&self, name: &str) -> Option<String> {
        let names = self.names();
        if names.iter().any(|known| *known == name || is_upper_snake(known, name)) {
            return None;
        }
        let wanted = folded(name);
        // Fields that are counted (`MediaUrl0`) differ in their numbers.
        let is_compared =
            (5..=MAX_NAME).contains(&wanted.len()) && !wanted.bytes().any(|byte| byte.is_ascii_digit());
        let same = names.iter().find(|known| folded(known) == wanted);
        let slip = |known: &&&str| is_compared && strsim::osa_distance(&wanted, &folded(known)) == 1;
        same.or_else(|| names.iter().find(slip)).map(|known| upper_snake(known).collect())
    }

    /// The names of its members; the first hundred, for there may be any number.
    fn names(&self) -> Vec<&str> {
        const MOST: usize = 100;
        match self {
            Self::Form(fields) => fields.iter().map(|(name, _)| name.as_str()).take(MOST).collect(),
            Self::Json(json) => {
                json.as_object().into_iter().flat_map(Map::keys).map(String::as_str).take(MOST).collect()
            }
        }
    }

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

/// Whether `name` is the member `member` as statements write it.
fn is_upper_snake(member: &str, name: &str) -> bool {
    upper_snake(member).eq(name.chars())
}

/// A member's name as statements write it: in upper case, with an underscore before each capital that follows a small
/// letter or digit.
fn upper_snake(member: &str) -> impl Iterator<Item = char> {
    let mut before_small = false;
    member.chars().flat_map(move |c| {
        let starts_word = c.is_ascii_uppercase() && before_small;
        before_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        starts_word.then_some('_').into_iter().chain([c.to_ascii_uppercase()])
    })
}

/// A name without case and underscores.
fn folded(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
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
    fn what_was_meant_by_a_name_is_a_member_that_differs_little() {
        let form =
            ["MessageSid", "companyId", "MediaUrl0", "From"].map(|name| (name.to_owned(), "x".to_owned()));
        let form = VoSource::Form(Arc::new(form.to_vec()));
        let json = VoSource::Json(Arc::new(serde_json::json!({ "orderId": 7, "nothing": null })));
        for (vo, name, meant) in [
            (&form, "MESSAGESID", Some("MESSAGE_SID")),
            (&form, "messageSid", Some("MESSAGE_SID")),
            (&form, "MESSAGE_SDI", Some("MESSAGE_SID")),
            (&form, "from", Some("FROM")),
            (&form, "MESSAGE_SID", None),
            (&form, "MessageSid", None),
            (&form, "MEDIA_URL1", None),
            (&form, "FORM", None),
            (&form, "STATE", None),
            (&json, "ORDERID", Some("ORDER_ID")),
            (&json, "ORDER_IDS", Some("ORDER_ID")),
            (&json, "ORDER_ID", None),
            (&json, "NOTHING", None),
        ] {
            assert_eq!(vo.meant_by(name).as_deref(), meant, "{name}");
        }
        assert_eq!(VoSource::Json(Arc::new(serde_json::json!([1]))).meant_by("orderId"), None);
    }

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
