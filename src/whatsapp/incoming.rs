//! What a person wrote, as an action sees it: Twilio's fields as they came, and beside them what is worth a type.
//!
//! Source: <https://www.twilio.com/docs/messaging/guides/webhook-request>.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::Form;
use crate::base::PhoneNumber;

/// What an action's `vo` has beside the fields of the form: the typed members, and the company.
pub const ADDED: [&str; 6] = ["phoneNumber", "profileName", "media", "location", "button", "companyId"];

/// What a medium is that nobody says anything of (RFC 2046, 4.5.1).
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The typed members of an incoming message's `vo`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Typed<'a> {
    /// In E.164, with its plus; null for a person whom Twilio names otherwise.
    phone_number: Option<String>,
    profile_name: Option<&'a str>,
    media: Vec<Medium<'a>>,
    location: Option<Location<'a>>,
    button: Option<Button<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Medium<'a> {
    url: &'a str,
    content_type: &'a str,
}

#[derive(Debug, PartialEq, Serialize)]
struct Location<'a> {
    latitude: f64,
    longitude: f64,
    address: Option<&'a str>,
    label: Option<&'a str>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Button<'a> {
    text: Option<&'a str>,
    payload: Option<&'a str>,
}

/// The `vo` of a message that somebody wrote to a company: every field once, a string; the typed members, which win over
/// fields of their names; and the company. A statement finds `ProfileName` and `profileName` under one name: where the
/// person has none, the empty field is left out.
#[must_use]
pub fn vo(form: &Form, company: &str) -> Json {
    let fields = form.fields().into_iter();
    let mut vo: Map<_, _> = fields.map(|(name, value)| (name.to_owned(), Json::from(value))).collect();
    if vo.get("ProfileName").is_some_and(|name| name == "") {
        vo.remove("ProfileName");
    }
    // Strings and finite numbers: it always serializes.
    if let Ok(Json::Object(typed)) = serde_json::to_value(typed(form)) {
        vo.extend(typed);
    }
    vo.insert("companyId".to_owned(), company.into());
    Json::Object(vo)
}

fn typed(form: &Form) -> Typed<'_> {
    let text = |name| form.get(name).filter(|text| !text.is_empty());
    let degrees = |name, most: f64| {
        let number: f64 = text(name)?.trim().parse().ok()?;
        (number.abs() <= most).then_some(number)
    };
    let location = degrees("Latitude", 90.0).zip(degrees("Longitude", 180.0));
    let button = (text("ButtonText"), text("ButtonPayload"));
    Typed {
        phone_number: text("From")
            .and_then(|from| PhoneNumber::writer(from).ok())
            .map(|from| from.to_string()),
        profile_name: text("ProfileName"),
        media: media(form),
        location: location.map(|(latitude, longitude)| Location {
            latitude,
            longitude,
            address: text("Address"),
            label: text("Label"),
        }),
        button: (button != (None, None)).then_some(Button { text: button.0, payload: button.1 }),
    }
}

/// The media in their order. What is there counts, and not what `NumMedia` says.
fn media(form: &Form) -> Vec<Medium<'_>> {
    let fields = form.fields();
    let mut media: Vec<(u32, Medium<'_>)> = fields
        .iter()
        .filter(|(_, url)| !url.is_empty())
        .filter_map(|(name, url)| {
            let number = name.strip_prefix("MediaUrl")?;
            let known = format!("MediaContentType{number}");
            let content_type = form.get(&known).filter(|kind| !kind.is_empty()).unwrap_or(UNKNOWN_TYPE);
            Some((number.parse().ok()?, Medium { url, content_type }))
        })
        .collect();
    media.sort_by_key(|(number, _)| *number);
    media.into_iter().map(|(_, medium)| medium).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vo_of(body: &str) -> Json {
        vo(&Form::parse(body.as_bytes()).unwrap(), "ACME")
    }

    #[test]
    fn fields_are_strings_and_beside_them_stand_types() {
        let vo = vo_of(
            "From=whatsapp%3A%2B393331234567&Body=&NumMedia=2&MediaUrl0=https%3A%2F%2Fa%2F0&MediaContentType0=image%2Fjpeg\
             &MediaUrl1=https%3A%2F%2Fa%2F1&ProfileName=Ada&Latitude=45.07&Longitude=7.69&Label=Torino&companyId=x\
             &ButtonText=S%C3%AC&ButtonPayload=yes",
        );
        let wanted = json!({
            "From": "whatsapp:+393331234567", "Body": "", "NumMedia": "2",
            "MediaUrl0": "https://a/0", "MediaContentType0": "image/jpeg", "MediaUrl1": "https://a/1",
            "ProfileName": "Ada", "Latitude": "45.07", "Longitude": "7.69", "Label": "Torino", "companyId": "ACME",
            "ButtonText": "Sì", "ButtonPayload": "yes",
            "phoneNumber": "+393331234567", "profileName": "Ada",
            "media": [
                { "url": "https://a/0", "contentType": "image/jpeg" },
                { "url": "https://a/1", "contentType": "application/octet-stream" },
            ],
            "location": { "latitude": 45.07, "longitude": 7.69, "address": null, "label": "Torino" },
            "button": { "text": "Sì", "payload": "yes" },
        });
        assert_eq!(vo, wanted);
    }

    #[test]
    fn what_is_not_there_is_null_and_no_media_is_an_empty_list() {
        let vo = vo_of("From=whatsapp%3AIT.1234567890123456&ProfileName=&NumMedia=0&media=a+field");
        for name in ["phoneNumber", "profileName", "location", "button"] {
            assert_eq!(vo[name], Json::Null, "{name}");
        }
        assert_eq!((&vo["media"], &vo["From"]), (&json!([]), &json!("whatsapp:IT.1234567890123456")));
        assert!(vo.get("ProfileName").is_none(), "or a statement would bind it as :PROFILE_NAME");
    }

    #[test]
    fn nonsense_is_left_out() {
        let media = |body: &str| vo_of(body)["media"].as_array().unwrap().len();
        assert_eq!(media("NumMedia=99999999999999999999&MediaUrl0=a"), 1);
        assert_eq!(media("NumMedia=-1&MediaUrl0=a&MediaUrl10=c&MediaUrl2=b"), 3);
        assert_eq!(media("NumMedia=abc&MediaUrl=a&MediaUrlX=b&MediaUrl0="), 0);
        let urls = &vo_of("MediaUrl10=c&MediaUrl2=b")["media"];
        assert_eq!((&urls[0]["url"], &urls[1]["url"]), (&json!("b"), &json!("c")), "in their order");
        for at in
            ["Latitude=NaN&Longitude=1", "Latitude=91&Longitude=1", "Latitude=inf&Longitude=0", "Latitude=1"]
        {
            assert_eq!(vo_of(at)["location"], Json::Null, "{at}");
        }
        assert_eq!(vo_of("__proto__=1")["__proto__"], "1");
    }
}
