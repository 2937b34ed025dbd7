//! Hiding recipients' numbers in what is shown: `+39…67`, unless somebody asks to see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::mask::{Hidden, numbers};

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

    /// A run as it is shown: the numbers that its `vo` names, there and in what its error says.
    pub(super) fn run(self, mut row: Value) -> Value {
        if self == Self::Masked {
            for number in numbers(&row["error"]["vo"]) {
                number.hide(&mut row);
            }
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
