//! What the host knows of messages and people, and the reply to a message.

use super::{example, parameter, returns, throws};
use crate::host::functions::{Body, Function};
use crate::host::{ledger, reply, window};

pub(super) static GET_WHATSAPP_MESSAGE: Function = Function {
    name: "getWhatsappMessage",
    parameters: &[parameter("sid", "string", "Twilio's SID, or the host's own id")],
    otherwise: &[],
    returns: returns("JsonString<WhatsappMessageRecord> | null", "the record as JSON; null if there is none"),
    documentation: "The host's record of a message that this application has sent. Its status never goes backwards.",
    throws: &[],
    example: example!("getWhatsappMessage"),
    global: false,
    body: Body::Host(ledger::get_whatsapp_message),
};

/// No script sees it, so its example is an action that returns a reply.
pub(super) static REPLY: Function = Function {
    name: "reply",
    parameters: &[parameter("returned", "string | WhatsappReply", "what the action returned")],
    otherwise: &[],
    returns: returns("void", ""),
    documentation: "Sends what the action returned to the person whose message started it.",
    throws: &[],
    example: example!("reply"),
    global: false,
    body: Body::Reply(reply::reply),
};

pub(super) static GET_WHATSAPP_WINDOW: Function = Function {
    name: "getWhatsappWindow",
    parameters: &[parameter("phoneNumber", "string | number", "the person's, as for sending")],
    otherwise: &[],
    returns: returns("JsonString<WhatsappWindow>", "`open`, `lastMessageAt` and `closesAt` as JSON"),
    documentation: "Whether a person may be written to without a template, because he has written to the company's sender \
                    within 24 hours, as far as the host has heard.",
    throws: &[
        throws("INVALID_PHONE_NUMBER", "the number is none"),
        throws("SENDER_MISSING", "the company has no sender"),
    ],
    example: example!("getWhatsappWindow"),
    global: false,
    body: Body::Host(window::get_whatsapp_window),
};
