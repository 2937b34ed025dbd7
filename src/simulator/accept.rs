//! What Twilio checks before it takes a message, in its order and with its codes.

use serde_json::Value;
use url::Url;

use super::address::{Address, InvalidAddress};
use super::dates::Span;
use super::error::ApiError;
use super::settings::SimulatedAccount;
use crate::base::UnixMillis;
use crate::whatsapp::Form;

/// The longest text, in characters.
const MAX_BODY: usize = 1600;
/// The most media of one message that Twilio takes; WhatsApp honours the first.
const MAX_MEDIA: usize = 10;

/// A request for a message that Twilio takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) to: Address,
    /// The sender that was asked for, or the one that the messaging service will choose.
    pub(super) sender: Address,
    pub(super) messaging_service: Option<String>,
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
    pub(super) content_sid: Option<String>,
    pub(super) content_variables: Option<String>,
    pub(super) status_callback: Option<String>,
    /// When it is to be sent, if later.
    pub(super) send_at: Option<UnixMillis>,
}

/// Checks a request. An empty value counts as none, as at Twilio.
pub(super) fn check(form: &Form, account: &SimulatedAccount) -> Result<Request, ApiError> {
    let field = |name| form.get(name).filter(|value: &&str| !value.is_empty());
    let to = field("To").ok_or_else(|| ApiError::new(21604, "A 'To' phone number is required."))?;
    let (from, service) = (field("From"), field("MessagingServiceSid"));
    if from.is_none() && service.is_none() {
        return Err(ApiError::new(21603, "A 'From' phone number is required."));
    }
    let (to, sender) = addresses(to, from, account)?;
    if let Some(service) = service
        && !is_sid(service, "MG")
    {
        return Err(ApiError::new(21701, "The Messaging Service does not exist."));
    }

    let body = field("Body").unwrap_or_default();
    let media_urls: Vec<_> = form.all("MediaUrl").filter(|url| !url.is_empty()).map(str::to_owned).collect();
    let content_sid = field("ContentSid");
    if body.is_empty() && media_urls.is_empty() && content_sid.is_none() {
        return Err(ApiError::new(21619, "A text message body or media urls must be specified."));
    }
    if body.chars().count() > MAX_BODY {
        let message = format!("The concatenated message body exceeds the {MAX_BODY} character limit.");
        return Err(ApiError::new(21617, message));
    }
    let status_callback = field("StatusCallback");
    if let Some(url) = status_callback.filter(|url| !is_web_url(url) || host_of(url).contains('_')) {
        return Err(ApiError::new(21609, format!("The StatusCallback URL {url} is not a valid URL.")));
    }
    if media_urls.len() > MAX_MEDIA {
        return Err(ApiError::new(21623, "Number of media files exceeds allowed limit."));
    }
    if media_urls.iter().any(|url| !is_web_url(url)) {
        return Err(ApiError::new(21620, "Invalid media URL(s)."));
    }
    template(content_sid, field("ContentVariables"))?;
    Ok(Request {
        to,
        sender,
        messaging_service: service.map(str::to_owned),
        body: body.to_owned(),
        media_urls,
        content_sid: content_sid.map(str::to_owned),
        content_variables: field("ContentVariables").map(str::to_owned),
        status_callback: status_callback.map(str::to_owned),
        send_at: send_at(field("ScheduleType"), field("SendAt"), service)?,
    })
}

/// Recipient and sender.
fn addresses(
    to: &str,
    from: Option<&str>,
    account: &SimulatedAccount,
) -> Result<(Address, Address), ApiError> {
    let to_address = Address::parse(to);
    if to_address == Err(InvalidAddress::Number) {
        return Err(ApiError::new(21211, format!("The 'To' number {to} is not a valid phone number.")));
    }
    let sender = match from {
        None => account.senders.first().cloned().ok_or_else(|| {
            ApiError::new(21703, "The Messaging Service contains no phone numbers or senders to send with.")
        })?,
        Some(from) => match Address::parse(from) {
            Err(InvalidAddress::Number) => {
                return Err(ApiError::new(
                    21212,
                    format!("The 'From' number {from} is not a valid phone number."),
                ));
            }
            Ok(address) if account.senders.contains(&address) => address,
            Ok(_) | Err(InvalidAddress::OtherChannel) => {
                let message = "Twilio could not find a Channel with the specified From address";
                return Err(ApiError::new(63007, message));
            }
        },
    };
    match to_address {
        Ok(to) => Ok((to, sender)),
        Err(_) => {
            Err(ApiError::new(21910, "Invalid From and To pair. From and To should be of the same channel"))
        }
    }
}

/// The template's id and variables.
fn template(content_sid: Option<&str>, variables: Option<&str>) -> Result<(), ApiError> {
    if content_sid.is_some_and(|sid| !is_sid(sid, "HX")) {
        return Err(ApiError::new(21655, "The ContentSid is Invalid"));
    }
    let Some(variables) = variables else { return Ok(()) };
    if content_sid.is_none() {
        return Err(ApiError::new(21654, "The ContentSid is Required"));
    }
    let is_map = match serde_json::from_str(variables) {
        Ok(Value::Object(map)) => {
            map.values().all(|value| !value.is_object() && !value.is_array() && !value.is_null())
        }
        _ => false,
    };
    if is_map { Ok(()) } else { Err(ApiError::new(21656, "The ContentVariables Parameter is invalid")) }
}

/// When a scheduled message is to be sent.
fn send_at(
    kind: Option<&str>,
    at: Option<&str>,
    service: Option<&str>,
) -> Result<Option<UnixMillis>, ApiError> {
    let Some(kind) = kind else { return Ok(None) };
    if kind != "fixed" {
        return Err(ApiError::new(
            35126,
            "The ScheduleType value provided is not supported for this channel",
        ));
    }
    if service.is_none() {
        return Err(ApiError::new(35118, "MessagingServiceSid is required to schedule a message"));
    }
    let at = at.ok_or_else(|| ApiError::new(35111, "SendAt timestamp is missing"))?;
    let span = Span::parse(at).ok_or_else(|| ApiError::new(35117, "SendAt is not an ISO 8601 timestamp"))?;
    Ok(Some(span.from))
}

fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn host_of(text: &str) -> String {
    Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// Twilio's rule for SIDs: two letters and 32 hexadecimal digits.
fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountSid, Secret};

    fn account() -> SimulatedAccount {
        SimulatedAccount {
            sid: AccountSid::parse("AC00000000000000000000000000000001").unwrap(),
            auth_tokens: vec![Secret::new("token")],
            api_keys: Vec::new(),
            senders: vec!["+14155238886".parse().unwrap()],
        }
    }

    /// A good request with these fields changed; an empty value takes the field away.
    fn with(changes: &[(&str, &str)]) -> Result<Request, ApiError> {
        let good = [("To", "whatsapp:+393331234567"), ("From", "whatsapp:+14155238886"), ("Body", "Ciao")];
        check(&good.iter().chain(changes).copied().collect(), &account())
    }

    fn code(changes: &[(&str, &str)]) -> Option<i64> {
        with(changes).err().map(|error| error.code)
    }

    #[test]
    fn a_good_request_is_taken() {
        let request = with(&[("StatusCallback", "https://example.com/a?b=c#rc=5")]).unwrap();
        assert_eq!(request.to.as_str(), "whatsapp:+393331234567");
        assert_eq!(request.status_callback.as_deref(), Some("https://example.com/a?b=c#rc=5"));
        assert_eq!(code(&[("Body", ""), ("MediaUrl", "https://example.com/a.png")]), None);
        let by_service =
            with(&[("From", ""), ("MessagingServiceSid", &format!("MG{}", "a".repeat(32)))]).unwrap();
        assert_eq!(by_service.sender.as_str(), "whatsapp:+14155238886");
    }

    #[test]
    fn each_fault_has_twilios_code() {
        let mg = format!("MG{}", "0".repeat(32));
        let hx = format!("HX{}", "0".repeat(32));
        let long = "é".repeat(MAX_BODY + 1);
        let eleven = [("MediaUrl", "https://example.com/a.png"); 11];
        let table: &[(i64, &[(&str, &str)])] = &[
            (21604, &[("To", "")]),
            (21603, &[("From", "")]),
            (21211, &[("To", "whatsapp:+39")]),
            (21211, &[("To", "+39")]),
            (21212, &[("From", "whatsapp:hello")]),
            (63007, &[("From", "+14155238886")]),
            (63007, &[("From", "whatsapp:+14155238887")]),
            (21910, &[("To", "+393331234567")]),
            (21701, &[("MessagingServiceSid", "MG1")]),
            (21619, &[("Body", "")]),
            (21617, &[("Body", &long)]),
            (21609, &[("StatusCallback", "not a url")]),
            (21609, &[("StatusCallback", "ftp://example.com/")]),
            (21609, &[("StatusCallback", "https://my_host.example.com/")]),
            (21623, &eleven),
            (21620, &[("MediaUrl", "a.png")]),
            (21655, &[("ContentSid", "HX1")]),
            (21654, &[("ContentVariables", "{}")]),
            (21656, &[("ContentSid", &hx), ("ContentVariables", "[1]")]),
            (21656, &[("ContentSid", &hx), ("ContentVariables", "{1:2}")]),
            (35118, &[("ScheduleType", "fixed")]),
            (35111, &[("ScheduleType", "fixed"), ("MessagingServiceSid", &mg)]),
            (35117, &[("ScheduleType", "fixed"), ("MessagingServiceSid", &mg), ("SendAt", "soon")]),
        ];
        for (expected, changes) in table {
            assert_eq!(code(changes), Some(*expected), "{changes:?}");
        }
        assert_eq!(code(&[("Body", &"é".repeat(MAX_BODY))]), None, "characters are counted, not bytes");
        assert_eq!(code(&[("ContentSid", &hx), ("ContentVariables", r#"{"1":"Anna"}"#)]), None);
    }

    #[test]
    fn the_first_of_several_faults_is_reported() {
        assert_eq!(code(&[("To", ""), ("From", ""), ("Body", "")]), Some(21604));
        assert_eq!(code(&[("To", "x"), ("From", "x"), ("Body", "")]), Some(21211));
        assert_eq!(code(&[("Body", ""), ("StatusCallback", "x")]), Some(21619));
    }
}
