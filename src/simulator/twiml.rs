//! What an application answers to an incoming message: `TwiML`, or a plain text.
//!
//! `text/xml`, `application/xml` and `text/html` are read as `TwiML`, `text/plain` is the text of a reply, an empty answer
//! asks for nothing; anything else is 12300. `<Message>` holds a text, or `<Body>` and `<Media>`; `<Redirect>` asks
//! somewhere else and ends the document. Other verbs are passed over with a warning (12200).
//!
//! Sources: <https://www.twilio.com/docs/messaging/twiml>, <https://www.twilio.com/docs/messaging/twiml/message>, and the
//! pages of the errors 11200, 11750, 12100, 12102, 12200, 12300, 14103.

use roxmltree::{Document, Node};
use serde::Serialize;
use url::Url;

use super::callback::Answer;

/// The longest answer that Twilio reads, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerError {
    /// Twilio's code, as its debugger shows it.
    pub code: i64,
    /// In words.
    pub message: String,
}

impl AnswerError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// One thing that an answer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verb {
    Message(Reply),
    /// Ask there what to do.
    Redirect(String),
}

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reply {
    /// The recipient, if it is not who wrote.
    pub(super) to: Option<String>,
    /// The sender, if it is not who was written to.
    pub(super) from: Option<String>,
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
    pub(super) status_callback: Option<String>,
}

/// Reads an answer that came from `url`: what to do, and what is wrong with the rest.
pub(super) fn read(answer: &Answer, url: &Url) -> (Vec<Verb>, Vec<AnswerError>) {
    match verbs(answer, url) {
        Ok(read) => read,
        Err(error) => (Vec::new(), vec![error]),
    }
}

fn verbs(answer: &Answer, url: &Url) -> Result<(Vec<Verb>, Vec<AnswerError>), AnswerError> {
    if !(200..300).contains(&answer.status) {
        let message = format!("the answer's HTTP status is {}", answer.status);
        return Err(AnswerError::new(11200, message));
    }
    if answer.body.trim().is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    if answer.body.len() >= MAX_LENGTH {
        return Err(AnswerError::new(11750, "the answer is longer than 64 kB"));
    }
    let content_type = answer.content_type.as_deref().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/xml" | "application/xml" | "text/html" => document(&answer.body, url),
        "text/plain" => {
            let reply = Reply { body: answer.body.trim().to_owned(), ..Reply::default() };
            Ok((vec![Verb::Message(reply)], Vec::new()))
        }
        "" => Err(AnswerError::new(12300, "the answer has no Content-Type: give text/xml")),
        other => Err(AnswerError::new(12300, format!("the answer's Content-Type is {other}: give text/xml"))),
    }
}

fn document(text: &str, url: &Url) -> Result<(Vec<Verb>, Vec<AnswerError>), AnswerError> {
    let document = Document::parse(text.trim_start())
        .map_err(|error| AnswerError::new(12100, format!("the answer is not XML: {error}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "Response" {
        let message = format!("the root element is <{}> and must be <Response>", root.tag_name().name());
        return Err(AnswerError::new(12102, message));
    }
    let (mut verbs, mut errors) = (Vec::new(), Vec::new());
    for verb in root.children().filter(Node::is_element) {
        match verb.tag_name().name() {
            "Message" => verbs.push(Verb::Message(reply(verb, url, &mut errors))),
            "Redirect" => {
                verbs.push(Verb::Redirect(absolute(&own_text(verb), url)));
                break; // what follows is never reached
            }
            other => errors.push(AnswerError::new(12200, format!("there is no verb <{other}> for messages"))),
        }
    }
    Ok((verbs, errors))
}

fn reply(verb: Node<'_, '_>, url: &Url, errors: &mut Vec<AnswerError>) -> Reply {
    let attribute = |name| verb.attribute(name).filter(|value: &&str| !value.is_empty()).map(str::to_owned);
    let mut reply = Reply {
        to: attribute("to"),
        from: attribute("from"),
        body: own_text(verb),
        media_urls: Vec::new(),
        // `statusCallback` is the older name of `action`.
        status_callback: attribute("action")
            .or_else(|| attribute("statusCallback"))
            .map(|u| absolute(&u, url)),
    };
    for noun in verb.children().filter(Node::is_element) {
        match noun.tag_name().name() {
            "Body" => reply.body.push_str(&own_text(noun)),
            "Media" => reply.media_urls.push(absolute(&own_text(noun), url)),
            other => errors.push(AnswerError::new(12200, format!("there is no <{other}> in a <Message>"))),
        }
    }
    reply
}

/// The text of an element, without that of the elements in it.
fn own_text(node: Node<'_, '_>) -> String {
    let text: String = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
    text.trim().to_owned()
}

/// A URL that may be relative to that of the application.
fn absolute(text: &str, base: &Url) -> String {
    base.join(text).map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(content_type: Option<&str>, status: u16, body: &str) -> (Vec<Verb>, Vec<i64>) {
        let answer = Answer { status, content_type: content_type.map(str::to_owned), body: body.to_owned() };
        let (verbs, errors) = read(&answer, &Url::parse("http://127.0.0.1:8080/base/hook?a=b").unwrap());
        (verbs, errors.into_iter().map(|error| error.code).collect())
    }

    fn text(body: &str) -> Verb {
        Verb::Message(Reply { body: body.to_owned(), ..Reply::default() })
    }

    #[test]
    fn messages_are_read_with_texts_and_media() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
                <!-- nothing -->
                <Message>Ciao &amp; <![CDATA[<addio>]]></Message>
                <Message to="whatsapp:+393337654321" from="whatsapp:+14155238887" action="status">
                    <Body>Foto</Body><Media>a.png</Media><Media>https://example.com/b.png</Media>
                </Message>
            </Response>"#;
        let full = Reply {
            to: Some("whatsapp:+393337654321".to_owned()),
            from: Some("whatsapp:+14155238887".to_owned()),
            body: "Foto".to_owned(),
            media_urls: vec![
                "http://127.0.0.1:8080/base/a.png".to_owned(),
                "https://example.com/b.png".to_owned(),
            ],
            status_callback: Some("http://127.0.0.1:8080/base/status".to_owned()),
        };
        for content_type in ["text/xml", "application/xml; charset=utf-8", "TEXT/HTML"] {
            let (verbs, errors) = read_as(Some(content_type), 200, xml);
            assert_eq!(verbs, [text("Ciao & <addio>"), Verb::Message(full.clone())], "{content_type}");
            assert!(errors.is_empty());
        }
    }

    #[test]
    fn what_asks_for_nothing_is_no_error() {
        for (content_type, status, body) in
            [(Some("text/xml"), 200, "<Response/>"), (None, 204, ""), (Some("text/plain"), 200, " ")]
        {
            assert_eq!(read_as(content_type, status, body), (vec![], vec![]), "{body}");
        }
    }

    #[test]
    fn a_plain_text_is_a_reply() {
        assert_eq!(read_as(Some("text/plain"), 200, "Ciao\n"), (vec![text("Ciao")], vec![]));
    }

    #[test]
    fn a_redirect_ends_the_document() {
        let xml = "<Response><Message>a</Message><Redirect>/other</Redirect><Message>b</Message></Response>";
        let other = Verb::Redirect("http://127.0.0.1:8080/other".to_owned());
        assert_eq!(read_as(Some("text/xml"), 200, xml), (vec![text("a"), other], vec![]));
    }

    #[test]
    fn each_fault_has_twilios_code() {
        let xml = Some("text/xml");
        let long = "x".repeat(MAX_LENGTH);
        for (content_type, status, body, code) in [
            (xml, 500, "<Response/>", 11200),
            (xml, 302, "", 11200),
            (xml, 200, long.as_str(), 11750),
            (xml, 200, "<Response><Message>", 12100),
            (xml, 200, "OK", 12100),
            (xml, 200, "<Risposta/>", 12102),
            (xml, 200, "<Response><Say>Ciao</Say></Response>", 12200),
            (Some("application/json"), 200, "{}", 12300),
            (None, 200, "<Response/>", 12300),
        ] {
            assert_eq!(read_as(content_type, status, body), (vec![], vec![code]), "{body:.40}");
        }
        let some = read_as(xml, 200, "<Response><Message>a<Photo/></Message><Play/></Response>");
        assert_eq!(some, (vec![text("a")], vec![12200, 12200]), "the rest is done");
    }

    #[test]
    fn entities_do_not_grow() {
        let bomb = r#"<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Response><Message>&b;</Message></Response>"#;
        assert_eq!(read_as(Some("text/xml"), 200, bomb), (vec![], vec![12100]), "a DTD is refused");
    }
}
