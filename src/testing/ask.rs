//! What a test may ask of its world: the other end of `ask` in `prelude.js`.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use similar::TextDiff;

use super::limits::SendingLimits;
use super::parameters::unknown;
use super::storage::Object;
use super::world::{Restless, World};
use crate::base::{ActionId, CompanyId, MessageStatus, PhoneNumber, nearest};
use crate::config::Rules;
use crate::script::protocol::{ErrorKind, Failure, Returned, Thrown, Value};
use crate::simulator::{Address, Answer, Direction, Message, Script, Step, Timings, beginning};
use crate::store::{AppDb, Fence, Parameters, ScriptSqlError, SqlValue};
use crate::whatsapp::ObjectName;

/// Twilio's codes below this one refuse a message when it is created; the others tell what became of one that was taken
/// (<https://www.twilio.com/docs/api/errors>: 20xxx requests, 21xxx messages; 30xxx and 63xxx delivery).
const FIRST_OF_DELIVERY: i64 = 30_000;
/// Bytes of an object that fit into what the test's worker is told at once.
const MOST_SHOWN: usize = 5_000_000;
/// Codes of messages that WhatsApp had and gave up: nobody has written for 24 hours, not opted in, no WhatsApp.
const UNDELIVERED: [i64; 3] = [63_003, 63_016, 63_024];

/// One question.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(super) enum Ask {
    /// Runs an action.
    Run {
        action: String,
        vo: Json,
        company: Option<String>,
    },
    /// Rows of the application's database.
    Query {
        sql: String,
        params: Vec<Json>,
    },
    /// A statement on it.
    Execute {
        sql: String,
        params: Vec<Json>,
    },
    /// What the application has sent, to one number or at all.
    Messages {
        to: Option<String>,
    },
    /// Somebody writes.
    Write {
        from: String,
        company: Option<String>,
        name: Option<String>,
        message: Written,
    },
    /// What becomes of messages from now on.
    Fate {
        to: Option<String>,
        fate: Fate,
        times: Option<NonZeroU32>,
    },
    /// Somebody looks at all that was delivered to a number.
    Read {
        number: String,
    },
    Now {},
    /// In milliseconds.
    Advance {
        ms: u64,
    },
    Rules {
        rules: Rules,
    },
    /// The application's parameters, and those that it shall not have.
    Parameters {
        parameters: serde_json::Map<String, Json>,
        without: Vec<String>,
    },
    Limits {
        limits: SendingLimits,
        company: Option<String>,
    },
    Pause {
        company: Option<String>,
    },
    Resume {
        company: Option<String>,
    },
    /// Puts an object into a bucket.
    Put {
        bucket: String,
        file: String,
        content_type: String,
        content: Content,
    },
    /// An object, or null.
    Get {
        bucket: String,
        file: String,
    },
    Logs {},
    /// Failed runs of callbacks and incoming messages, which then count as expected.
    Failures {},
    /// Two texts, line by line.
    Diff {
        actual: String,
        expected: String,
    },
    /// The test is over.
    End {},
}

/// What somebody writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    body: String,
    #[serde(default)]
    media: Vec<Medium>,
    location: Option<Json>,
    button: Option<Json>,
    /// The sid of the message that is replied to.
    reply_to: Option<String>,
    /// The sid of a message that comes in once more.
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Medium {
    content_type: String,
    base64: String,
}

/// What is in an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Content {
    Text(String),
    Base64(String),
    /// So many bytes that begin as a medium of the object's type does.
    Size(u32),
}

/// What becomes of messages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Fate {
    /// They get no further than this status.
    Reaches(String),
    /// They fail with one of Twilio's codes.
    Fails { code: i64, status: Option<String> },
    /// They are taken, and the answer that says so is lost.
    Lost,
}

impl World {
    /// Answers a test.
    ///
    /// # Errors
    /// What the test sees thrown.
    pub(super) fn asked(&mut self, ask: Ask) -> Result<Value, Thrown> {
        let answer = match ask {
            Ask::Run { action, vo, company } => {
                let mut answer = self.asked_to_run(&action, vo, company)?;
                answer["failed"] = json!(!self.failures.is_empty());
                answer
            }
            Ask::Query { sql, params } => {
                let rows = self.statement(&params, |db, parameters| db.query(&sql, parameters))?;
                return Ok(Value::Json(rows));
            }
            Ask::Execute { sql, params } => {
                json!(self.statement(&params, |db, parameters| db.execute(&sql, parameters))?)
            }
            Ask::Messages { to } => {
                let to = to.as_deref().map(number).transpose()?;
                json!(self.sent(to.as_ref()).iter().map(shown).collect::<Vec<_>>())
            }
            Ask::Write { from, company, name, message } => {
                self.write(&from, company, name, message)?;
                self.caused()
            }
            Ask::Fate { to, fate, times } => {
                let to = to.as_deref().map(number).transpose()?.map(|number| Address::from(&number));
                let script = fate.script()?;
                match times {
                    Some(times) => self.simulator().set_script_times(to, script, times),
                    None => self.simulator().set_script(to, Some(script)),
                }
                Json::Null
            }
            Ask::Read { number: text } => {
                let to = number(&text)?;
                for message in self.sent(Some(&to)) {
                    if message.status == MessageStatus::Delivered {
                        self.simulator().becomes(&message.sid, MessageStatus::Read);
                    }
                }
                self.rest().map_err(restless)?;
                self.caused()
            }
            Ask::Now {} => json!(self.now().0),
            Ask::Advance { ms } => {
                self.advance(Duration::from_millis(ms)).map_err(restless)?;
                self.caused()
            }
            Ask::Rules { rules } => {
                self.simulator().set_rules(rules);
                Json::Null
            }
            Ask::Parameters { parameters, without } => {
                self.set_parameters(parameters, &without).map_err(wrong)?;
                Json::Null
            }
            Ask::Limits { limits, company } => {
                let company = company.map(|text| company_id(Some(text))).transpose()?;
                self.change(|application| limits.apply(application, company)).map_err(wrong)?;
                Json::Null
            }
            Ask::Pause { company } => {
                let app = self.application().id.clone();
                self.fenced(company, |company| Fence::Pause { app, company, reason: None })?
            }
            Ask::Resume { company } => {
                let app = self.application().id.clone();
                self.fenced(company, |company| Fence::Resume { app, company })?
            }
            Ask::Put { bucket, file, content_type, content } => {
                let place = place(&bucket, &file)?;
                if content_type.is_empty() || HeaderValue::from_str(&content_type).is_err() {
                    return Err(wrong(format!("storage.put: `{content_type}` is no type of a file")));
                }
                let bytes = content.bytes(&content_type)?;
                let storage = self.storage_or_new().map_err(|why| wrong(format!("storage: {why}")))?;
                storage.put(&place, Object { content_type, bytes });
                Json::Null
            }
            Ask::Get { bucket, file } => {
                let place = place(&bucket, &file)?;
                let object = self.storage().and_then(|storage| storage.get(&place));
                if let Some(large) = object.as_ref().filter(|object| object.bytes.len() > MOST_SHOWN) {
                    let size = large.bytes.len();
                    return Err(wrong(format!(
                        "storage.get: the file has {size} bytes, and a test is shown {MOST_SHOWN}"
                    )));
                }
                object.map_or(Json::Null, |Object { content_type, bytes }| {
                    json!({ "contentType": content_type, "size": bytes.len(), "base64": BASE64_STANDARD.encode(bytes) })
                })
            }
            Ask::Logs {} => {
                let line = |line: &super::world::Logged| json!({ "action": line.action, "level": line.level, "text": line.text });
                json!(self.log.iter().map(line).collect::<Vec<_>>())
            }
            Ask::Failures {} => {
                let failed = std::mem::take(&mut self.failures).into_iter().map(|failed| {
                    let Failure { reason, message, code, .. } = failed.failure;
                    json!({ "action": failed.action, "reason": reason, "message": message, "code": code })
                });
                json!(failed.collect::<Vec<_>>())
            }
            Ask::Diff { actual, expected } => return Ok(Value::String(diff(&expected, &actual))),
            Ask::End {} => {
                self.rest().map_err(restless)?;
                json!(self.failed_unseen())
            }
        };
        Ok(Value::Json(answer.to_string()))
    }

    fn asked_to_run(&mut self, action: &str, vo: Json, company: Option<String>) -> Result<Json, Thrown> {
        let action = ActionId::parse(action.strip_suffix(".js").unwrap_or(action))
            .map_err(|error| wrong(format!("run: {error}")))?;
        let company = company_id(company)?;
        if !self.actions().any(|known| known == action.as_str()) {
            return Err(wrong(self.no_such_action(action.as_str())));
        }
        let report = self.run(action.clone(), company, vo).map_err(restless)?;
        let report = report.map_err(|why| wrong(format!("run: {why}")))?;
        match report.result {
            Ok(Returned::Undefined) => Ok(json!({})),
            Ok(Returned::String(text)) => Ok(json!({ "returned": text })),
            // What the worker wrote as JSON is JSON.
            Ok(Returned::Json(text)) => {
                Ok(json!({ "returned": serde_json::from_str::<Json>(&text).unwrap_or_default() }))
            }
            Err(failure) => Err(self.failed(&action, &failure)),
        }
    }

    fn set_parameters(
        &mut self,
        parameters: serde_json::Map<String, Json>,
        without: &[String],
    ) -> Result<(), String> {
        let mut names = parameters.keys().chain(without);
        if let Some(why) = names.find_map(|name| unknown(name, self.application(), self.scripts())) {
            return Err(why);
        }
        self.change(|application| {
            application.parameters.retain(|name, _| !without.contains(name));
            application.parameters.extend(parameters);
            Ok(())
        })
    }

    fn fenced(
        &self,
        company: Option<String>,
        fence: impl FnOnce(Option<CompanyId>) -> Fence,
    ) -> Result<Json, Thrown> {
        let company = company.map(|text| company_id(Some(text))).transpose()?;
        self.fence(fence(company)).map_err(|error| wrong(error.to_string()))?;
        Ok(Json::Null)
    }

    fn statement<T>(
        &self,
        params: &[Json],
        work: impl FnOnce(&AppDb, &Parameters<'_>) -> Result<T, ScriptSqlError>,
    ) -> Result<T, Thrown> {
        let positional = params.iter().map(sql_value).collect::<Result<Vec<_>, _>>()?;
        let parameters = Parameters { positional: &positional, named: &|_| SqlValue::Null };
        let done = self.with_database(|db| work(db, &parameters));
        done.map_err(|error| wrong(error.to_string()))?.map_err(|error| Thrown {
            kind: ErrorKind::Error,
            message: error.message.clone(),
            code: Some(error.code.to_owned()),
        })
    }

    /// The messages of the application, oldest first.
    fn sent(&self, to: Option<&PhoneNumber>) -> Vec<Message> {
        let to = to.map(Address::from);
        let all = self.simulator().messages().into_iter();
        let outbound = all.filter(|message| message.direction != Direction::Inbound);
        outbound.filter(|message| to.as_ref().is_none_or(|to| message.to == *to)).collect()
    }

    fn write(
        &mut self,
        from: &str,
        company: Option<String>,
        name: Option<String>,
        message: Written,
    ) -> Result<(), Thrown> {
        let company = company_id(company)?;
        let whatsapp = self.application().whatsapp_of(&company);
        let sender = whatsapp.from_phone_number.as_ref().ok_or_else(|| {
            wrong(format!(
                "phone: `{company}` has no from_phone_number in the parameters to which somebody could write"
            ))
        })?;
        let mut incoming = json!({
            "from": Address::from(&number(from)?),
            "to": Address::from(sender),
            "account_sid": whatsapp.account_id,
            "body": message.body,
            "media": message.media.iter().map(|medium| {
                json!({ "content_type": medium.content_type, "base64": medium.base64 })
            }).collect::<Vec<_>>(),
        });
        for (key, value) in [
            ("profile_name", name.map(Json::from)),
            ("location", message.location),
            ("button", message.button),
            ("reply_to", message.reply_to.map(Json::from)),
            ("sid", message.sid.map(Json::from)),
        ] {
            if let Some(value) = value {
                incoming[key] = value;
            }
        }
        self.receive(incoming).map_err(|why| wrong(format!("phone: {why}")))?;
        self.rest().map_err(restless)
    }

    /// The answer to what has something happen: whether there are failed runs that the test has not asked for.
    fn caused(&self) -> Json {
        json!({ "failed": !self.failures.is_empty() })
    }

    /// The first run that failed and that the test has not asked for.
    fn failed_unseen(&mut self) -> Option<String> {
        let told = self.failed_besides()?;
        Some(format!("{told}\n(a test that expects it asks for failures())"))
    }

    /// The same, for a test that has failed by something else: it may be why.
    pub(super) fn failed_besides(&mut self) -> Option<String> {
        let unseen = std::mem::take(&mut self.failures).into_iter().next()?;
        Some(self.failed(&unseen.action, &unseen.failure).message)
    }

    /// The failed run of an action, with its places and the code around the innermost one.
    fn failed(&self, action: &ActionId, failure: &Failure) -> Thrown {
        let mut message = format!("{action} failed: {}", failure.message);
        for (index, frame) in failure.frames.iter().enumerate() {
            let name = &frame.function;
            let function = if name.is_empty() { String::new() } else { format!(" ({name})") };
            let _ = write!(message, "\n--> {}{function}", frame.place());
            if let Some(code) = self.code_frame(frame).filter(|_| index == 0) {
                let _ = write!(message, "\n{code}");
            }
        }
        if let Some(help) = failure.remedy() {
            let _ = write!(message, "\nhelp: {help}");
        }
        let code = failure.code.clone().unwrap_or_else(|| failure.reason.as_str().to_owned());
        Thrown { kind: ErrorKind::Error, message, code: Some(code) }
    }

    fn no_such_action(&self, name: &str) -> String {
        let app = self.application().id.as_str();
        let bare = name.strip_prefix(app).and_then(|rest| rest.strip_prefix('/'));
        if let Some(bare) = bare.filter(|bare| self.actions().any(|known| known == *bare)) {
            return format!("run: an action is named without its application: run(\"{bare}\")");
        }
        let hint = match nearest(name, self.actions()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{app}` has {}", self.actions().collect::<Vec<_>>().join(", ")),
        };
        format!("run: there is no action `{name}`; {hint}")
    }
}

impl Content {
    fn bytes(self, content_type: &str) -> Result<Bytes, Thrown> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Base64(text) => BASE64_STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|_| wrong("storage.put: `base64` is no base64".to_owned())),
            Self::Size(size) => {
                let essence = content_type.split(';').next().unwrap_or_default();
                let mut bytes = beginning(essence).to_vec();
                bytes.resize(usize::try_from(size).unwrap_or(usize::MAX), 0);
                Ok(bytes.into())
            }
        }
    }
}

impl Fate {
    fn script(self) -> Result<Script, Thrown> {
        let timings = Timings::default();
        let steps = vec![
            Step::new(timings.sent, MessageStatus::Sent),
            Step::new(timings.delivered, MessageStatus::Delivered),
            Step::new(timings.read, MessageStatus::Read),
        ];
        Ok(match self {
            Self::Reaches(status) => {
                let last = MessageStatus::parse(&status);
                if last == MessageStatus::Queued {
                    return Ok(Script::play(Vec::new()));
                }
                let known = steps.iter().position(|step| step.status == last).ok_or_else(|| {
                    wrong(format!(
                        "phone: messages reach queued, sent, delivered or read, and not `{status}`"
                    ))
                })?;
                Script::play(steps.into_iter().take(known + 1).collect())
            }
            Self::Fails { code, status } => match status.as_deref() {
                None if code < FIRST_OF_DELIVERY => Script::Refuse { code, retry_after: None },
                None if UNDELIVERED.contains(&code) => {
                    Script::fails(&timings, &MessageStatus::Undelivered, code)
                }
                None | Some("failed") => Script::fails(&timings, &MessageStatus::Failed, code),
                Some("undelivered") => Script::fails(&timings, &MessageStatus::Undelivered, code),
                Some("refused") => Script::Refuse { code, retry_after: None },
                Some(other) => {
                    return Err(wrong(format!(
                        "twilio.failNext: `status` is refused, failed or undelivered, and not `{other}`"
                    )));
                }
            },
            Self::Lost => Script::answered(steps, Answer::ServerError),
        })
    }
}

/// A message as a test sees it.
fn shown(message: &Message) -> Json {
    let variables = message
        .content_variables
        .as_deref()
        .map(|text| serde_json::from_str::<Json>(text).unwrap_or_else(|_| Json::from(text)));
    json!({
        "sid": message.sid,
        "to": message.to.number(),
        "from": message.from.as_ref().map(Address::number),
        "body": message.body,
        "mediaUrls": message.media_urls,
        "status": message.status,
        "errorCode": message.error_code,
        "contentSid": message.content_sid,
        "contentVariables": variables,
        "createdAt": message.created.to_string(),
    })
}

fn diff(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    let shown = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    // The places in texts that nobody sees say nothing.
    shown.lines().filter(|line| !line.starts_with("@@")).collect::<Vec<_>>().join("\n")
}

fn sql_value(value: &Json) -> Result<SqlValue, Thrown> {
    Ok(match value {
        Json::Null => SqlValue::Null,
        Json::Bool(truth) => SqlValue::Integer(i64::from(*truth)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => SqlValue::Integer(whole),
            (None, real) => SqlValue::Real(real.unwrap_or(f64::NAN)),
        },
        Json::String(text) => SqlValue::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => {
            return Err(wrong("a statement is given strings, numbers, booleans and null".to_owned()));
        }
    })
}

fn number(text: &str) -> Result<PhoneNumber, Thrown> {
    PhoneNumber::writer(text).map_err(|_| {
        wrong(format!(
            "phone: `{text}` is no phone number of any country, in international form such as +393331234567"
        ))
    })
}

fn place(bucket: &str, file: &str) -> Result<ObjectName, Thrown> {
    ObjectName::parse(bucket, file).map_err(|error| wrong(format!("storage: {error}")))
}

fn company_id(company: Option<String>) -> Result<CompanyId, Thrown> {
    match company {
        None => Ok(CompanyId::none()),
        Some(text) => CompanyId::parse(&text).map_err(|error| wrong(error.to_string())),
    }
}

fn wrong(message: String) -> Thrown {
    Thrown { kind: ErrorKind::TypeError, message, code: None }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn restless(why: Restless) -> Thrown {
    Thrown { kind: ErrorKind::Error, message: why.to_string(), code: Some("TEST_WORLD".into()) }
}
