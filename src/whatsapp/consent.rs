//! What people write who do not want to be written to any more, and who do again.
//!
//! Twilio's own keywords for it (<https://help.twilio.com/articles/223134027>) without those that mean other things in
//! a conversation: `CANCEL` an order, the `END` of a chat, `YES` to a question.

/// What somebody wrote about being written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// No more messages.
    OptOut,
    /// Messages again.
    OptIn,
}

const OPT_OUT: [&str; 5] = ["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "OPTOUT"];
const OPT_IN: [&str; 3] = ["START", "UNSTOP", "SUBSCRIBE"];

impl Consent {
    /// What the text of a message says, if it says nothing else: in any case, with or without punctuation around it.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        if text.len() > 20 {
            return None;
        }
        let word = text.to_uppercase();
        if OPT_OUT.contains(&word.as_str()) {
            Some(Self::OptOut)
        } else if OPT_IN.contains(&word.as_str()) {
            Some(Self::OptIn)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_alone_is_meant() {
        for text in ["STOP", "stop", " Stop. ", "«Stop!»", "unsubscribe", "STOP\n", "OptOut"] {
            assert_eq!(Consent::of(text), Some(Consent::OptOut), "{text}");
        }
        for text in ["START", "start!", " Unstop"] {
            assert_eq!(Consent::of(text), Some(Consent::OptIn), "{text}");
        }
        for text in
            ["", "Stop sending me the 10 o'clock one", "non-stop", "cancel", "END", "yes", "ſtop it", "🛑"]
        {
            assert_eq!(Consent::of(text), None, "{text}");
        }
    }
}
