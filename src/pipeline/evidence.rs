//! What an author needs beside a failure: the code as it was, the `vo` as far as it may be shown, and how to run the same
//! again. Made for failed runs only.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::mask::{hide_secrets, numbers};
use crate::base::{CompanyId, NotificationId, cut, shell_word, shown_json};
use crate::host::VoSource;
use crate::script::protocol::{Bundle, Failure};

/// Bytes of a text in the `vo` that are kept.
const MAX_TEXT: usize = 200;
/// Elements of a list, and members of an object, that are kept.
const MAX_ITEMS: usize = 40;
/// Lists and objects within others.
const MAX_DEPTH: usize = 8;
/// Texts, numbers and the like, all together.
const MAX_VALUES: usize = 200;
/// Bytes of a `vo` that is written into a command.
const MAX_IN_COMMAND: usize = 1000;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// The code around the failure's innermost place, as it was when the action ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_frame: Option<String>,
    /// The run's `vo`, abridged, and without what is called like a secret. It names people: [`Evidence::masked_vo`].
    pub vo: Value,
    /// Whether `vo` is all that the action got.
    pub vo_is_whole: bool,
}

impl Evidence {
    /// Of a failed run.
    pub(super) fn gather(failure: &Failure, vo: &VoSource, bundle: &Bundle) -> Self {
        let code_frame = failure.frames.first().and_then(|place| bundle.code_frame(place));
        let mut abridged = Abridged { left: MAX_VALUES, is_whole: true };
        let mut vo = match vo {
            VoSource::Form(fields) => {
                let members = fields.iter().map(|(name, value)| (name, abridged.text(value)));
                let members: Map<_, _> = members.map(|(name, value)| (name.clone(), value)).collect();
                Value::Object(members)
            }
            VoSource::Json(json) => abridged.value(json, 0),
        };
        let hidden = hide_secrets(&mut vo);
        Self { code_frame, vo, vo_is_whole: abridged.is_whole && !hidden }
    }

    /// The `vo` with people's numbers hidden.
    #[must_use]
    pub fn masked_vo(&self) -> Value {
        let mut vo = self.vo.clone();
        for number in numbers(&vo) {
            number.hide(&mut vo);
        }
        vo
    }

    /// The command that runs the action again by hand, with its `vo` where that can be shown whole.
    #[must_use]
    pub fn run_again(&self, app: &str, action: &str, company: &str) -> String {
        run_again(app, action, company, &self.vo, self.vo_is_whole && self.masked_vo() == self.vo)
    }
}

/// The command that runs an action by hand. A `vo` that is not shown whole must be put into a file first.
#[must_use]
pub fn run_again(app: &str, action: &str, company: &str, vo: &Value, is_whole: bool) -> String {
    let mut command = format!("boatswain run {}", shell_word(&format!("{app}/{action}")));
    if company != CompanyId::none().as_str() {
        command.push_str(" --company ");
        command.push_str(&shell_word(company));
    }
    let json = vo.to_string();
    if is_whole && json == "{}" {
        return command;
    }
    command.push_str(" --vo ");
    if is_whole && json.len() <= MAX_IN_COMMAND {
        command.push_str(&shell_word(&shown_json(&json)));
    } else {
        command.push_str("@vo.json");
    }
    command
}

/// The command that runs a dead notification again.
#[must_use]
pub fn replay(id: NotificationId) -> String {
    format!("boatswain notifications replay {}", id.0)
}

/// Makes a value short enough to be read.
struct Abridged {
    left: usize,
    is_whole: bool,
}

impl Abridged {
    fn value(&mut self, value: &Value, depth: usize) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => self.missing(),
            Value::Array(items) => {
                let mut kept: Vec<_> =
                    items.iter().take(MAX_ITEMS).map(|item| self.value(item, depth + 1)).collect();
                if items.len() > kept.len() {
                    kept.push(self.missing());
                }
                Value::Array(kept)
            }
            Value::Object(members) => {
                let mut kept: Map<_, _> = members
                    .iter()
                    .take(MAX_ITEMS)
                    .map(|(name, member)| (cut(name, MAX_TEXT), self.value(member, depth + 1)))
                    .collect();
                if members.len() > kept.len() || members.keys().any(|name| name.len() > MAX_TEXT) {
                    kept.insert("…".to_owned(), self.missing());
                }
                Value::Object(kept)
            }
            other => self.counted(|| other.clone()),
        }
    }

    fn text(&mut self, text: &str) -> Value {
        if text.len() > MAX_TEXT {
            self.is_whole = false;
        }
        self.counted(|| cut(text, MAX_TEXT).into())
    }

    fn counted(&mut self, value: impl FnOnce() -> Value) -> Value {
        if self.left == 0 {
            return self.missing();
        }
        self.left -= 1;
        value()
    }

    fn missing(&mut self) -> Value {
        self.is_whole = false;
        "…".into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::script::protocol::{Frame, Reason, SourceFile};

    fn evidence(vo: Value) -> Evidence {
        let failure = Failure::new(Reason::Thrown, "Error");
        Evidence::gather(&failure, &VoSource::Json(Arc::new(vo)), &Bundle::default())
    }

    #[test]
    fn the_code_is_that_of_the_version_that_ran() {
        let file = |text: Result<&str, &str>| SourceFile {
            path: "x.js".into(),
            shown: "scripts/demo/x.js".into(),
            text: text.map(str::to_owned).map_err(str::to_owned),
        };
        let bundle = |text| Bundle { version: String::new(), files: vec![file(text)] };
        let place = |file: &str, line| Failure {
            frames: vec![Frame { function: String::new(), file: file.into(), line, column: 1 }],
            ..Failure::new(Reason::Thrown, "Error")
        };
        let vo = VoSource::Form(Arc::default());
        let gathered = |failure, text| Evidence::gather(&failure, &vo, &bundle(text)).code_frame;
        let frame = Some("> 1 | throw 1\n    | ^".to_owned());
        assert_eq!(gathered(place("scripts/demo/x.js", 1), Ok("throw 1")), frame);
        assert_eq!(gathered(place("scripts/demo/x.js", 9), Ok("throw 1")), None);
        assert_eq!(gathered(place("/etc/passwd", 1), Ok("throw 1")), None);
        assert_eq!(gathered(place("scripts/demo/x.js", 1), Err("it is no text")), None);
    }

    #[test]
    fn a_vo_is_written_into_the_command_when_it_can_be_shown_whole() {
        let again = |vo: Value| evidence(vo).run_again("demo", "orders/confirm", "ACME");
        let command = "boatswain run demo/orders/confirm --company ACME";
        assert_eq!(again(json!({})), command);
        assert_eq!(
            again(json!({ "name": "it's \u{202e}" })),
            format!("{command} --vo '{{\"name\":\"it'\\''s \\u202e\"}}'")
        );
        for hidden in [
            json!({ "to": "+393331234567" }),
            json!({ "secretKey": "k" }),
            json!({ "text": "x".repeat(201) }),
            json!({ "list": vec![1; 41] }),
            json!({ "texts": vec!["x".repeat(100); 20] }),
        ] {
            assert_eq!(again(hidden), format!("{command} --vo @vo.json"));
        }
        assert_eq!(evidence(json!(7)).run_again("demo", "x", "NODEFINED"), "boatswain run demo/x --vo 7");
    }

    #[test]
    fn a_vo_is_abridged_however_large_it_is() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep, deep.to_string().len()]);
        }
        let wide: Map<_, _> = (0..10_000).map(|n| (format!("{n}{}", "k".repeat(1000)), json!([n]))).collect();
        for vo in [deep, Value::Object(wide), json!(vec![vec!["x".repeat(10_000); 1000]; 1000])] {
            let evidence = evidence(vo);
            assert!(!evidence.vo_is_whole);
            assert!(evidence.vo.to_string().len() < MAX_VALUES * 2 * (MAX_TEXT + 100));
        }
    }
}
