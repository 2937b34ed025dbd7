//! Twilio's error codes that a sender of WhatsApp messages meets, each with its meaning and remedy.
//!
//! Twilio's own message often names the symptom only ("could not find a Channel"); the remedy here says what to
//! do about it. Source of the codes: <https://www.twilio.com/docs/api/errors>; the sentences are ours.

/// What to do with a message that met an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same message may go through later.
    Later,
    /// The same message may go through once what the remedy names was looked after; not by itself.
    AfterRepair,
    /// The same message will never go through.
    Never,
    /// Twilio may have taken the message although it answered with an error: repeating it may send it twice.
    InDoubt,
}

/// One of Twilio's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// Twilio's number.
    pub code: i64,
    /// What happened, one sentence.
    pub meaning: &'static str,
    /// What to do, one sentence.
    pub remedy: &'static str,
    /// Whether trying again helps.
    pub retry: Retry,
}

impl ErrorCode {
    /// Whether the same message may simply be sent again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retry == Retry::Later
    }

    /// Twilio's page about the code.
    #[must_use]
    pub fn more_info(&self) -> String {
        more_info(self.code)
    }
}

/// Twilio's page about any code, known here or not.
#[must_use]
pub fn more_info(code: i64) -> String {
    format!("https://www.twilio.com/docs/errors/{code}")
}

/// What is known of one of Twilio's codes.
#[must_use]
pub fn explain(code: i64) -> Option<&'static ErrorCode> {
    CODES.binary_search_by_key(&code, |known| known.code).ok().and_then(|index| CODES.get(index))
}

const fn later(code: i64, meaning: &'static str, remedy: &'static str) -> ErrorCode {
    ErrorCode { code, meaning, remedy, retry: Retry::Later }
}

const fn repair(code: i64, meaning: &'static str, remedy: &'static str) -> ErrorCode {
    ErrorCode { code, meaning, remedy, retry: Retry::AfterRepair }
}

const fn never(code: i64, meaning: &'static str, remedy: &'static str) -> ErrorCode {
    ErrorCode { code, meaning, remedy, retry: Retry::Never }
}

const fn doubt(code: i64, meaning: &'static str, remedy: &'static str) -> ErrorCode {
    ErrorCode { code, meaning, remedy, retry: Retry::InDoubt }
}

/// Every code, ascending.
#[rustfmt::skip]
pub const CODES: &[ErrorCode] = &[
    never(11200, "The application did not answer Twilio with success",
        "Look at the application's log: what Twilio posts must be answered with a 2xx status within 15 seconds."),
    never(12100, "The application's answer to an incoming message is not XML",
        "Answer with TwiML, an empty <Response/> at least."),
    never(12300, "The application's answer to an incoming message has a Content-Type that Twilio does not take",
        "Answer with text/xml."),
    never(20003, "Twilio does not accept the account id and key",
        "Check account_id and auth_key (or api_key_id and api_key_secret): the account id begins with AC, an API key's with SK."),
    later(20009, "Twilio deletes a message only once nothing more can become of it",
        "Wait some minutes and delete it again."),
    never(20404, "Twilio has nothing under this address",
        "Check the account id, and that the message has not been deleted and belongs to this account."),
    later(20429, "Twilio is answering too many requests of this account at once",
        "Wait and send again, more slowly; Twilio did not process the request."),
    doubt(20500, "Twilio failed inside; the message may have been sent nevertheless",
        "Look for the message in Twilio's log before sending it again."),
    doubt(20503, "Twilio was not available; the message may have been sent nevertheless",
        "Look for the message in Twilio's log before sending it again."),
    never(21211, "Twilio does not take the recipient's number for a valid one",
        "Give the number in international form, such as +393331234567."),
    never(21212, "Twilio does not take the sender's number for a valid one",
        "Give from_phone_number in international form, such as +14155238886."),
    never(21408, "The account may not send to the recipient's country",
        "Enable the country in the Twilio console under Messaging, Geo permissions."),
    never(21602, "The message has no text",
        "Give a text, or media."),
    never(21603, "The message has no sender",
        "Set from_phone_number or messaging_service_id, or pass the sender."),
    never(21604, "The message has no recipient",
        "Pass the recipient's phone number."),
    never(21606, "The sender's number does not belong to the account or cannot send messages",
        "Use a WhatsApp sender of this account."),
    never(21608, "A trial account can only send to verified numbers",
        "Verify the recipient's number in the Twilio console, or upgrade the account."),
    never(21609, "Twilio does not take the status callback for a valid URL",
        "Check public_url: it must be a public http or https URL whose host has no underscore."),
    never(21610, "The recipient has unsubscribed with STOP",
        "Send nothing until the recipient writes START to this sender."),
    later(21611, "The sender's queue at Twilio is full",
        "Wait and send again, more slowly."),
    never(21614, "The recipient's number is not a mobile number",
        "Check the number."),
    never(21617, "The text is longer than 1,600 characters",
        "Shorten the text, or send it as several messages."),
    never(21619, "The message has neither text nor media nor a template",
        "Give a text, media or a content SID."),
    never(21620, "Twilio does not take the media URL for a valid one",
        "Give a complete http or https URL that anyone may fetch."),
    never(21623, "Twilio does not accept the number of media URLs or one of them",
        "Give one complete http or https URL; WhatsApp shows one medium a message."),
    never(21654, "The content SID that a template needs is missing",
        "Pass the template's content SID (HX…)."),
    never(21655, "Twilio knows no template with this content SID",
        "Check the content SID (HX…) and that the template belongs to this account."),
    never(21656, "The template's variables are not valid",
        "Give the variables as a JSON object of texts, such as {\"1\":\"Anna\"}, one for each placeholder."),
    never(21658, "A variable of the template is longer than 1,600 characters",
        "Shorten the variable."),
    never(21701, "Twilio knows no messaging service with this id",
        "Check messaging_service_id (MG…) and that the service belongs to this account."),
    never(21703, "The messaging service has no sender",
        "Add a WhatsApp sender to the messaging service's sender pool."),
    never(21910, "Sender and recipient are not on the same channel",
        "Prefix both numbers with whatsapp: on the wire."),
    later(30001, "The sender's queue at Twilio overflowed",
        "Wait and send again, more slowly."),
    repair(30036, "The message waited longer than its validity period and was not sent",
        "Give a longer ValidityPeriod, or send more slowly; then send again."),
    never(35114, "A message can be scheduled between 5 minutes and 35 days ahead only",
        "Choose another SendAt, in UTC."),
    never(63001, "WhatsApp does not accept the sender's credentials",
        "Check the WhatsApp sender's registration in the Twilio console."),
    never(63002, "WhatsApp does not know the sender",
        "Check from_phone_number and the WhatsApp sender's registration in the Twilio console."),
    never(63003, "WhatsApp does not know the recipient",
        "Check that the number is right and has WhatsApp."),
    never(63005, "WhatsApp did not accept the content",
        "Check the text's length and the kind of media: JPEG, PNG, PDF, MP4, OGG with Opus and vCard are safe."),
    never(63006, "Twilio could not give the content the form that WhatsApp wants",
        "Simplify the text or the template; look at ChannelStatusMessage for the reason."),
    never(63007, "The account has no WhatsApp sender with this number",
        "Check from_phone_number: a WhatsApp sender of this very account (the sandbox's is +14155238886), prefixed with whatsapp: on the wire."),
    never(63008, "The WhatsApp sender is not set up properly at Twilio",
        "Check the sender's configuration in the Twilio console."),
    later(63009, "WhatsApp answered with an error",
        "Wait and send again; look at ChannelStatusMessage for the reason."),
    later(63010, "Twilio failed inside while handing the message to WhatsApp",
        "Wait and send again."),
    never(63011, "WhatsApp took the request for an invalid one",
        "Check the content and the recipient; look at ChannelStatusMessage for the reason."),
    later(63012, "WhatsApp failed inside",
        "Wait and send again."),
    never(63013, "The message breaks WhatsApp's policy",
        "Check the content: no empty variables, no rows of spaces, nothing that WhatsApp's policies forbid."),
    never(63014, "Something the recipient did keeps the message from being delivered",
        "Do not send again: the recipient may have blocked this sender."),
    never(63015, "The recipient has not joined the sandbox, or joined more than three days ago",
        "Write `join <code>` from that phone to the sandbox's number (+14155238886); the code is in the Twilio console."),
    never(63016, "The recipient has not written for 24 hours, and only a template may be sent then",
        "Send an approved template with utils.sendWhatsappTemplate(toPhoneNumber, contentSid, variables). Its text in the message is refused, unless [applications.<appId>.templates] names the template's ContentSid and text: then the host sends it as the template. Until when a person may be written to freely: windowClosesAt in `boatswain messages show`, utils.getWhatsappWindow(phoneNumber) in an action."),
    later(63017, "Too many messages were sent to WhatsApp at once",
        "Wait and send again, more slowly."),
    later(63018, "The sender has reached its limit",
        "Wait and send again, more slowly: 80 messages a second for a sender, one in 3 seconds in the sandbox."),
    repair(63019, "Twilio could not fetch the media",
        "Open the URL from outside: it must answer HEAD and GET within seconds, without a login, with the right Content-Type; then send again once."),
    never(63020, "Meta's business account has not accepted Twilio's invitation, or has a problem with payment",
        "Look at the business account in Meta's Business Manager."),
    never(63021, "WhatsApp refused the content as invalid",
        "Check the kind of media, and that text and variables of a template stay within 1,024 characters."),
    never(63022, "The sender's display name is not certified",
        "Check the sender's display name in the Twilio console, or ask Twilio's support."),
    never(63024, "WhatsApp cannot deliver to this recipient",
        "Check that the number has WhatsApp, in a recent version and with its terms accepted."),
    never(63027, "The template does not exist in this language",
        "Check the template's languages and that it was approved for them."),
    never(63028, "The number of variables is not the number of placeholders in the template",
        "Pass exactly one variable for each placeholder."),
    never(63029, "The recipient's phone could not fetch the template",
        "Check that the template is approved; an old version of WhatsApp may not know it."),
    never(63030, "A parameter is not supported for this kind of message",
        "Remove what WhatsApp does not know, or check the template's parameters."),
    never(63031, "Sender and recipient are the same",
        "Send to another number."),
    never(63032, "WhatsApp excludes this recipient from such messages for now",
        "Leave this recipient out."),
    never(63033, "The recipient has blocked such messages",
        "Send no marketing to this recipient."),
    never(63034, "The media is too large",
        "Keep pictures below 5 MB and everything else below 16 MB."),
    later(63038, "The account has sent as many messages as it may in a day",
        "Send again tomorrow, or ask Twilio for a higher limit."),
    never(63040, "The template was rejected",
        "Read Meta's reason in the Twilio console and submit a changed template under a new name."),
    never(63041, "The template is paused because recipients complained",
        "Improve the template and wait until Meta releases it, or use another one."),
    never(63042, "The template is disabled because recipients complained",
        "Use another template."),
    never(63049, "Meta chose not to deliver this marketing template",
        "Never repeat it to a number in the United States; elsewhere wait for days, or use a utility template."),
    never(63051, "The WhatsApp sender is locked",
        "Look at the sender in the Twilio console: senders that were silent for a month must be registered again."),
    never(90007, "The validity period is not between 1 and 36,000 seconds",
        "Give ValidityPeriod in whole seconds."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_in_sentences() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for code in CODES {
            assert!(!code.meaning.ends_with('.'), "{}: a sentence without a full stop", code.code);
            assert!(code.remedy.ends_with('.'), "{}", code.code);
            assert_eq!(explain(code.code), Some(code));
        }
        assert_eq!(explain(1), None);
    }

    #[test]
    fn only_what_passes_by_itself_is_retryable() {
        let retryable: Vec<_> =
            CODES.iter().filter(|code| code.is_retryable()).map(|code| code.code).collect();
        assert_eq!(retryable, [20009, 20429, 21611, 30001, 63009, 63010, 63012, 63017, 63018, 63038]);
        assert_eq!(explain(20500).map(|code| code.retry), Some(Retry::InDoubt), "it may have been sent");
    }

    /// Every code that the project's facts about Twilio name, those of a sender first. What a sender never meets is in
    /// the table too.
    #[test]
    fn every_code_that_a_sender_meets_is_known() {
        let later = [63009, 63010, 63012, 63017, 63018, 63038, 20429, 21611, 30001];
        let never = [
            63001, 63002, 63003, 63005, 63006, 63007, 63008, 63011, 63013, 63014, 63015, 63016, 63020, 63021,
            63022, 63024, 63027, 63028, 63029, 63030, 63031, 63032, 63033, 63034, 63040, 63041, 63042, 63049,
            63051, 20003, 20404, 21211, 21212, 21408, 21602, 21603, 21604, 21606, 21608, 21609, 21610, 21614,
            21617, 21619, 21620, 21623, 21654, 21655, 21656,
        ];
        let kinds: [(Retry, &[i64]); 4] = [
            (Retry::Later, &later),
            (Retry::AfterRepair, &[63019]),
            (Retry::Never, &never),
            (Retry::InDoubt, &[20500, 20503]),
        ];
        for (retry, codes) in kinds {
            for code in codes {
                assert_eq!(explain(*code).map(|known| known.retry), Some(retry), "{code}");
            }
        }
    }

    #[test]
    fn outside_the_window_the_function_to_use_is_named() {
        let remedy = explain(63016).unwrap().remedy;
        assert!(remedy.contains("utils.sendWhatsappTemplate(") && remedy.contains("templates]"), "{remedy}");
    }

    #[test]
    fn a_code_points_at_twilios_page() {
        assert_eq!(explain(63015).unwrap().more_info(), "https://www.twilio.com/docs/errors/63015");
    }
}
