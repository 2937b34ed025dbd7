//! Lines: what runs one at a time, in the order of arrival.

use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;
use sha2::{Digest, Sha256};

use crate::base::MessageSid;

/// What a notification waits its turn in: a later one of the same line does not run before the earlier ones are over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    /// The statuses of a message.
    Message(MessageSid),
    /// What a person writes to a sender: each message has a sid of its own.
    Conversation(Conversation),
}

impl Line {
    /// The line of a notification of this message, which may belong to a conversation.
    pub(super) fn of(message_sid: &MessageSid, conversation: Option<Conversation>) -> Self {
        conversation.map_or_else(|| Self::Message(message_sid.clone()), Self::Conversation)
    }
}

/// A conversation: what one person writes to one sender of one company of an application. 16 bytes of SHA-256 over the
/// four, so that an index of conversations names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conversation([u8; 16]);

impl Conversation {
    /// The conversation that an incoming message belongs to, by `To` and `From` of its form; none where it names no
    /// sender or no person.
    #[must_use]
    pub fn of_form(app: &str, company: &str, form: &[u8]) -> Option<Self> {
        let (mut sender, mut person) = (None, None);
        for (name, value) in form_urlencoded::parse(form) {
            match &*name {
                "To" => sender = Some(value),
                "From" => person = Some(value),
                _ => {}
            }
        }
        let mut hash = Sha256::new();
        for part in [app, company, &*sender?, &*person?] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut conversation = [0; 16];
        conversation.copy_from_slice(&hash.finalize()[..16]);
        Some(Self(conversation))
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl ToSql for Conversation {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_of_one_company_one_sender_and_one_person() {
        let of = |app, company, form: &str| Conversation::of_form(app, company, form.as_bytes());
        let one = of("demo", "ACME", "Body=a&From=whatsapp%3A%2B39333&To=whatsapp%3A%2B1415");
        assert!(one.is_some());
        assert_eq!(one, of("demo", "ACME", "To=whatsapp:%2B1415&From=whatsapp:%2B39333&Body=b"));
        assert_eq!(
            one,
            of("demo", "ACME", "From=x&To=whatsapp:%2B1415&From=whatsapp:%2B39333"),
            "as in `vo`"
        );
        for other in [
            of("other", "ACME", "To=whatsapp:%2B1415&From=whatsapp:%2B39333"),
            of("demo", "OTHER", "To=whatsapp:%2B1415&From=whatsapp:%2B39333"),
            of("demo", "ACME", "To=whatsapp:%2B1416&From=whatsapp:%2B39333"),
            of("demo", "ACME", "To=whatsapp:%2B1415&From=whatsapp:%2B39334"),
            of("demo", "ACME", "To=whatsapp:%2B39333&From=whatsapp:%2B1415"),
            of("demo", "ACME", "To=whatsapp:%2B1415"),
        ] {
            assert_ne!(one, other);
        }
    }
}
