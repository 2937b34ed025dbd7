//! Hiding recipients' numbers in what is shown: `+39…67`, unless somebody asks to see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::PhoneNumber;

/// Whether recipients' numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipients {
    /// As `+39…67`.
    #[default]
    Masked,
    /// Whole.
    Shown,
}

impl Recipients {
    /// Shown, if that was asked for.
    #[must_use]
    pub fn shown_if(asked: bool) -> Self {
        if asked { Self::Shown } else { Self::Masked }
    }

    /// A message as it is shown: its recipient stands in `to`, and maybe in what its error says.
    pub(super) fn message(self, mut row: Value) -> Value {
        if self == Self::Masked
            && let Some(number) = row["to"].as_str().and_then(Hidden::of)
        {
            number.hide(&mut row);
        }
        row
    }

    /// A notification as `show` shows it, with its form: the person is who the message went to, or came from.
    pub(super) fn notification(self, mut shown: Value) -> Value {
        if self == Self::Shown {
            return shown;
        }
        let form = &shown["form"];
        let word = |name: &str| form[name].as_str().unwrap_or_default();
        let incoming = shown["source"] == "message" || word("SmsStatus") == "received";
        let person = if incoming { word("From") } else { word("To") };
        for number in [person, word("WaId")].map(Hidden::of).into_iter().flatten().collect::<Vec<_>>() {
            number.hide(&mut shown);
        }
        shown
    }
}

/// The digits of a number, and what stands for them.
struct Hidden {
    digits: String,
    mask: String,
}

impl Hidden {
    /// Of a number with or without `whatsapp:` and plus; `None` for what is no number.
    fn of(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("whatsapp:").unwrap_or(text);
        let digits = bare.strip_prefix('+').unwrap_or(bare);
        if digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mask = match PhoneNumber::sender(&format!("+{digits}")) {
            Ok(number) => number.masked().trim_start_matches('+').to_owned(),
            Err(_) => format!("{}…{}", &digits[..2], &digits[digits.len() - 2..]),
        };
        Some(Self { digits: digits.to_owned(), mask })
    }

    /// Puts the mask in place of the digits wherever they stand, however deep.
    fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains(&self.digits) => {
                *text = text.replace(&self.digits, &self.mask);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.hide(member)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_recipient_is_hidden_wherever_it_stands_and_the_sender_is_not() {
        let row = json!({ "to": "+393331234567", "from": "whatsapp:+14155238886",
            "errorMessage": "The 'To' number whatsapp:+393331234567 is not valid", "sid": null });
        assert_eq!(
            Recipients::Masked.message(row.clone()),
            json!({ "to": "+39…67", "from": "whatsapp:+14155238886",
                "errorMessage": "The 'To' number whatsapp:+39…67 is not valid", "sid": null })
        );
        assert_eq!(Recipients::Shown.message(row.clone()), row);
        let gone = json!({ "to": "forgotten" });
        assert_eq!(Recipients::Masked.message(gone.clone()), gone);
    }

    #[test]
    fn a_form_hides_who_it_is_about() {
        let told = |form: Value| Recipients::Masked.notification(json!({ "form": form }))["form"].clone();
        assert_eq!(
            told(
                json!({ "MessageStatus": "sent", "To": "whatsapp:+393331234567", "From": "whatsapp:+14155238886",
                "EventPayload": "{\"to\":\"393331234567\"}" })
            ),
            json!({ "MessageStatus": "sent", "To": "whatsapp:+39…67", "From": "whatsapp:+14155238886",
                "EventPayload": "{\"to\":\"39…67\"}" })
        );
        assert_eq!(
            told(json!({ "SmsStatus": "received", "From": "whatsapp:+5215512345678", "WaId": "525512345678",
                "To": "whatsapp:+14155238886", "Body": "call +5215512345678" })),
            json!({ "SmsStatus": "received", "From": "whatsapp:+52…78", "WaId": "52…78",
                "To": "whatsapp:+14155238886", "Body": "call +52…78" })
        );
    }
}
