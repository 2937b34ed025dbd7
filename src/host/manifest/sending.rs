//! The functions that send. What can happen to a message is their outcome, and does not throw.

use super::{example, parameter, returns};
use crate::host::functions::{Body, Function, Parameter, Returns};
use crate::host::messages;

const TO: Parameter = parameter(
    "toPhoneNumber",
    "string | number",
    "the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`",
);
const MESSAGE: Parameter = parameter(
    "message",
    "string | null",
    "the text, 1,600 characters at most; may be null when there is a medium",
);
const MEDIA_URL: Parameter = parameter(
    "publicMediaURL",
    "string | null",
    "the medium, by an http(s) URL that anyone can fetch; excludes the bucket",
);
const BUCKET: Parameter = parameter(
    "bucketName",
    "string | null",
    "the medium, by its bucket in Google Cloud Storage; needs `fileName`",
);
const FILE: Parameter = parameter("fileName", "string | null", "the object in the bucket");
/// In the short form, in which the place tells that it is no URL.
const SHORT_BUCKET: Parameter =
    parameter("bucketName", "string", "the medium, by its bucket in Google Cloud Storage");
const SHORT_FILE: Parameter = parameter("fileName", "string", "the object in the bucket");
const ACCOUNT: Parameter = parameter(
    "accountId",
    "string | null",
    "Twilio's account, `AC…`; null, with a null key, for the company's, else the application's",
);
const KEY: Parameter = parameter("secretKey", "string | null", "the account's auth token");
const FROM: Parameter = parameter(
    "fromPhoneNr",
    "string | number | null",
    "the sender, international; null for the company's, else the application's",
);
const CONTENT_SID: Parameter =
    parameter("contentSid", "string", "the template's ContentSid, `HX…`, as Twilio's console shows it");
const VARIABLES: Parameter = parameter(
    "variables",
    "TemplateVariables | string | null",
    "a text for each placeholder, `{ 1: \"Ada\" }`, or its JSON; none may be blank",
);

const OUTCOME: Returns = returns(
    "JsonString<WhatsappOutcome>",
    "what became of it, as JSON: `JSON.parse` it, then look at `success`",
);

pub(super) static SEND_WHATSAPP_MESSAGE: Function = Function {
    name: "sendWhatsappMessage",
    parameters: &[TO, MESSAGE, MEDIA_URL, BUCKET, FILE],
    otherwise: &[&[TO, MESSAGE, SHORT_BUCKET, SHORT_FILE]],
    returns: OUTCOME,
    documentation: "Sends a WhatsApp message with the company's account, else the application's: a text, or one medium by \
                    its public URL or its place in Google Cloud Storage, with or without text.",
    throws: &[],
    example: example!("sendWhatsappMessage"),
    global: true,
    body: Body::Host(messages::send_whatsapp_message),
};

pub(super) static SEND_WHATSAPP_MESSAGE_WITH_SETTINGS: Function = Function {
    name: "sendWhatsappMessageWithSettings",
    parameters: &[ACCOUNT, KEY, FROM, TO, MESSAGE, MEDIA_URL, BUCKET, FILE],
    otherwise: &[&[ACCOUNT, KEY, FROM, TO, MESSAGE, SHORT_BUCKET, SHORT_FILE]],
    returns: OUTCOME,
    documentation: "Sends a WhatsApp message as `sendWhatsappMessage` does, with an account, key and sender of the \
                    author's own.",
    throws: &[],
    example: example!("sendWhatsappMessageWithSettings"),
    global: true,
    body: Body::Host(messages::send_whatsapp_message_with_settings),
};

pub(super) static SEND_WHATSAPP_TEMPLATE: Function = Function {
    name: "sendWhatsappTemplate",
    parameters: &[TO, CONTENT_SID, VARIABLES],
    otherwise: &[],
    returns: OUTCOME,
    documentation: "Sends an approved template, which may start a conversation outside the 24-hour window.",
    throws: &[],
    example: example!("sendWhatsappTemplate"),
    global: false,
    body: Body::Host(messages::send_whatsapp_template),
};

pub(super) static SEND_WHATSAPP_TEMPLATE_WITH_SETTINGS: Function = Function {
    name: "sendWhatsappTemplateWithSettings",
    parameters: &[ACCOUNT, KEY, FROM, TO, CONTENT_SID, VARIABLES],
    otherwise: &[],
    returns: OUTCOME,
    documentation: "Sends an approved template as `sendWhatsappTemplate` does, with an account, key and sender of the \
                    author's own.",
    throws: &[],
    example: example!("sendWhatsappTemplateWithSettings"),
    global: false,
    body: Body::Host(messages::send_whatsapp_template_with_settings),
};

pub(super) static WHATSAPP_SEND: Function = Function {
    name: "whatsapp.send",
    parameters: &[parameter(
        "message",
        "WhatsappMessage",
        "recipient, content and, where they differ, settings",
    )],
    otherwise: &[],
    returns: returns("WhatsappOutcome", "what became of it: look at `success`"),
    documentation: "Sends a WhatsApp message that an object describes: a text, a medium or a template. The other functions \
                    that send are thin forms of this one.",
    throws: &[],
    example: example!("whatsapp.send"),
    global: false,
    body: Body::Host(messages::whatsapp_send),
};
