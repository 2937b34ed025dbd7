//! `application/x-www-form-urlencoded` bodies, read once for everyone.
//!
//! What the signature covers and what an action sees come from this one parser, so that nothing can be true for
//! one and false for the other. Source: <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>.

use std::collections::HashMap;
use std::fmt;

/// The most fields that a form may have. Twilio's longest, an incoming message with ten pictures and every
/// WhatsApp field, stays below 80.
pub const MAX_FIELDS: usize = 200;

/// Why a body was not taken as a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the form has more than {MAX_FIELDS} fields")]
pub struct TooManyFields;

/// A form: its fields in the order in which they came, repeated names included, decoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a body: `+` is a space, `%XX` a byte, what is not UTF-8 becomes U+FFFD; empty pieces (`&&`) are
    /// skipped.
    ///
    /// # Errors
    /// [`TooManyFields`]. The length of the body is the caller's to limit.
    pub fn parse(body: &[u8]) -> Result<Self, TooManyFields> {
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if pairs.len() == MAX_FIELDS {
                return Err(TooManyFields);
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// Adds a field after the others.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.pairs.push((name.into(), value.into()));
    }

    /// Every field in the order in which it came.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Each name once, in the order of first appearance, with its last value.
    #[must_use]
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let mut place = HashMap::new();
        let mut fields: Vec<(&str, &str)> = Vec::with_capacity(self.pairs.len());
        for (name, value) in &self.pairs {
            let index = *place.entry(name.as_str()).or_insert(fields.len());
            match fields.get_mut(index) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
        }
        fields
    }

    /// The last value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body that [`Form::parse`] reads back.
    #[must_use]
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Form {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// Names only: values are phone numbers and people's words.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_is_decoded() {
        let form = Form::parse(b"To=whatsapp%3A%2B39333&Body=It%27s+50%25%20off&Empty=&NoSign&&a=%zz&b=%FF")
            .unwrap();
        assert_eq!(form.get("To"), Some("whatsapp:+39333"));
        assert_eq!(form.get("Body"), Some("It's 50% off"));
        assert_eq!(form.get("Empty"), Some(""));
        assert_eq!(form.get("NoSign"), Some(""));
        assert_eq!(form.get("a"), Some("%zz"), "a broken escape is itself");
        assert_eq!(form.get("b"), Some("\u{fffd}"), "what is not UTF-8 is replaced");
        assert_eq!(form.get("absent"), None);
        assert_eq!(Form::parse(b"").unwrap(), Form::default());
    }

    #[test]
    fn the_last_value_wins_in_the_place_of_the_first() {
        let form = Form::parse(b"a=1&__proto__=x&b=2&a=3").unwrap();
        assert_eq!(form.fields(), [("a", "3"), ("__proto__", "x"), ("b", "2")]);
        assert_eq!(form.get("a"), Some("3"));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(form.pairs().len(), 4);
    }

    #[test]
    fn too_many_fields_are_refused() {
        let body = |fields: usize| vec!["a=1"; fields].join("&");
        assert!(Form::parse(body(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(Form::parse(body(MAX_FIELDS + 1).as_bytes()), Err(TooManyFields));
    }

    #[test]
    fn values_are_not_shown() {
        let form: Form = [("From", "+393331234567")].into_iter().collect();
        assert_eq!(format!("{form:?}"), r#"["From"]"#);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(pairs in prop::collection::vec((".{0,8}", ".{0,8}"), 0..20)) {
            // A lone empty pair encodes to "=", which is read back; nothing is lost.
            let form: Form = pairs.into_iter().collect();
            prop_assert_eq!(Form::parse(form.encode().as_bytes()), Ok(form));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(form) = Form::parse(&body) {
                for (name, value) in form.fields() {
                    prop_assert_eq!(form.get(name), Some(value));
                }
            }
        }
    }
}
