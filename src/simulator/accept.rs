//! What Twilio checks before it takes a message, in its order and with its codes.

use std::time::Duration;

use url::Url;

use super::accounts::SimulatedAccount;
use super::address::{Address, InvalidAddress};
use super::content::Content;
use super::dates::Span;
use super::error::ApiError;
use super::rules::Rules;
use super::senders::StickySenders;
use super::store::Direction;
use crate::base::UnixMillis;
use crate::whatsapp::Form;

/// The longest text, in characters.
const MAX_BODY: usize = 1600;
/// The most media of one message that Twilio takes; WhatsApp honours the first.
const MAX_MEDIA: usize = 10;
/// The longest that a message may be valid, in seconds (90007).
const MAX_VALIDITY: u64 = 36_000;
/// How soon and how late a scheduled message may be sent (35114).
const SOONEST: Duration = Duration::from_mins(5);
const LATEST: Duration = Duration::from_hours(35 * 24);

/// A request for a message that Twilio takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) direction: Direction,
    pub(super) to: Address,
    /// The sender that was asked for, or the one that the messaging service has chosen.
    pub(super) sender: Address,
    pub(super) messaging_service: Option<String>,
    /// The text; that of the template, filled in, where it is known.
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
    pub(super) content: Option<Content>,
    pub(super) status_callback: Option<String>,
    /// When it is to be sent, if later.
    pub(super) send_at: Option<UnixMillis>,
    /// How long it may wait to be sent, if a limit was asked for.
    pub(super) validity: Option<Duration>,
}

/// Where a request is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) account: &'a SimulatedAccount,
    pub(super) rules: Rules,
    pub(super) now: UnixMillis,
    pub(super) direction: Direction,
}

/// Checks a request. An empty value counts as none, as at Twilio. What it does not look at changes nothing here: `Attempt`,
/// `MaxPrice`, `ProvideFeedback`, `SmartEncoded`, `ApplicationSid`, `PersistentAction` and the like.
pub(super) fn check(form: &Form, place: Place<'_>, sticky: &mut StickySenders) -> Result<Request, ApiError> {
    let field = |name| form.get(name).filter(|value: &&str| !value.is_empty());
    let to = field("To").ok_or_else(|| ApiError::new(21604, "A 'To' phone number is required."))?;
    // The id of a service may stand in `From` too (<https://www.twilio.com/docs/api/errors/21603>).
    let (from, service) = match (field("From"), field("MessagingServiceSid")) {
        (Some(from), None) if is_sid(from, "MG") => (None, Some(from)),
        fields => fields,
    };
    if from.is_none() && service.is_none() {
        return Err(ApiError::new(21603, "A 'From' phone number is required."));
    }
    if let Some(service) = service
        && !is_sid(service, "MG")
    {
        return Err(ApiError::new(21701, "The Messaging Service does not exist."));
    }
    let (to, sender) = addresses(to, from, place.account)?;
    let content_fields = (field("ContentSid"), field("ContentVariables"));
    let body = field("Body").unwrap_or_default();
    let media_urls: Vec<_> = form.all("MediaUrl").filter(|url| !url.is_empty()).map(str::to_owned).collect();
    if body.is_empty() && media_urls.is_empty() && content_fields.0.is_none() {
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
    let content = Content::of(content_fields.0, content_fields.1, (place.account, place.rules))?;
    let validity = field("ValidityPeriod").map(validity).transpose()?;
    let send_at = send_at((field("ScheduleType"), field("SendAt"), service), place.now)?;
    let sender = match (service, sender) {
        (None, Some(sender)) => sender,
        (service, asked) => {
            let service = service.unwrap_or_default();
            sticky.choose((place.account, place.rules), service, &to, asked)?
        }
    };
    Ok(Request {
        direction: place.direction,
        to,
        sender,
        messaging_service: service.map(str::to_owned),
        body: content.as_ref().and_then(Content::text).unwrap_or_else(|| body.to_owned()),
        media_urls,
        content,
        status_callback: status_callback.map(str::to_owned),
        send_at,
        validity,
    })
}

/// The recipient, and the sender that was asked for.
fn addresses(
    to: &str,
    from: Option<&str>,
    account: &SimulatedAccount,
) -> Result<(Address, Option<Address>), ApiError> {
    let to_address = Address::parse(to);
    if to_address == Err(InvalidAddress::Number) {
        return Err(ApiError::new(21211, format!("The 'To' number {to} is not a valid phone number.")));
    }
    let sender = match from.map(|from| (from, Address::parse(from))) {
        None => None,
        Some((from, Err(InvalidAddress::Number))) => {
            return Err(ApiError::new(
                21212,
                format!("The 'From' number {from} is not a valid phone number."),
            ));
        }
        Some((_, Ok(address))) if account.sender(&address).is_some() => Some(address),
        Some(_) => {
            let message = "Twilio could not find a Channel with the specified From address";
            return Err(ApiError::new(63007, message));
        }
    };
    match to_address {
        Ok(to) => Ok((to, sender)),
        Err(_) => {
            Err(ApiError::new(21910, "Invalid From and To pair. From and To should be of the same channel"))
        }
    }
}

/// How long a message may wait to be sent. Source: <https://www.twilio.com/docs/api/errors/90007>.
fn validity(seconds: &str) -> Result<Duration, ApiError> {
    let seconds = seconds.parse().ok().filter(|seconds| (1..=MAX_VALIDITY).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let message = format!("The ValidityPeriod must be an integer between 1 and {MAX_VALIDITY}.");
        ApiError::new(90007, message)
    })
}

/// When a scheduled message is to be sent. Sources: <https://www.twilio.com/docs/api/errors/35114> and its neighbours;
/// of the codes that mean the same, 35114 is used for the span and 35117 for what is no date.
fn send_at(
    (kind, at, service): (Option<&str>, Option<&str>, Option<&str>),
    now: UnixMillis,
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
    let moment =
        Span::parse(at).ok_or_else(|| ApiError::new(35117, "SendAt is not an ISO 8601 timestamp"))?.from;
    if !(now.plus(SOONEST)..=now.plus(LATEST)).contains(&moment) {
        let (soonest, latest) = (SOONEST.as_secs(), LATEST.as_secs());
        let message = format!(
            "SendAt time must be between {soonest} seconds and 35 days ({latest} seconds) in the future, inclusive"
        );
        return Err(ApiError::new(35114, message));
    }
    Ok(Some(moment))
}

/// An URL that Twilio would ask.
pub(super) fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn host_of(text: &str) -> String {
    Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// Twilio's rule for SIDs: two letters and 32 hexadecimal digits.
pub(super) fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountSid, Secret};

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000); // 2027-01-15T08:00:00Z

    /// A good request with these fields changed; an empty value takes the field away.
    fn with(changes: &[(&str, &str)]) -> Result<Request, ApiError> {
        let good = [("To", "whatsapp:+393331234567"), ("From", "whatsapp:+14155238886"), ("Body", "Ciao")];
        let sid = AccountSid::parse("AC00000000000000000000000000000001").unwrap();
        let account = &SimulatedAccount::new(sid, Secret::new("t"), ["+14155238886".parse().unwrap()]);
        let place = Place { account, rules: Rules::Open, now: NOW, direction: Direction::OutboundApi };
        check(&good.iter().chain(changes).copied().collect(), place, &mut StickySenders::default())
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
        let mg = format!("MG{}", "b".repeat(32));
        assert_eq!(with(&[("From", &mg)]).unwrap().messaging_service, Some(mg));
        assert_eq!(with(&[("ValidityPeriod", "36000")]).unwrap().validity, Some(Duration::from_hours(10)));
        let harmless = [("Attempt", "2"), ("SmartEncoded", "true"), ("MaxPrice", "1"), ("SomethingNew", "x")];
        assert_eq!(code(&harmless), None);
    }

    #[test]
    fn a_message_is_scheduled_between_five_minutes_and_35_days_ahead() {
        let mg = format!("MG{}", "0".repeat(32));
        let at = |moment| {
            let fields = [("ScheduleType", "fixed"), ("MessagingServiceSid", &*mg), ("SendAt", moment)];
            with(&fields)
                .map(|request| request.send_at.unwrap().since(NOW).as_secs())
                .map_err(|error| error.code)
        };
        assert_eq!(at("2027-01-15T08:05:00Z"), Ok(300));
        assert_eq!(at("2027-02-19T08:00:00Z"), Ok(35 * 86_400));
        for outside in ["2027-01-15T08:04:59Z", "2027-01-15T07:00:00Z", "2027-02-19T08:00:01Z"] {
            assert_eq!(at(outside), Err(35114), "{outside}");
        }
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
            (35126, &[("ScheduleType", "optimized"), ("MessagingServiceSid", &mg)]),
            (90007, &[("ValidityPeriod", "0")]),
            (90007, &[("ValidityPeriod", "36001")]),
            (90007, &[("ValidityPeriod", "an hour")]),
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
