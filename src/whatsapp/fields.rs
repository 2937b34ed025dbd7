//! The names of the fields that Twilio is known to send. It may send others, and not all of them come each time.

/// Of a status callback. Source: <https://www.twilio.com/docs/messaging/api/message-resource#twilios-request-to-the-statuscallback-url>
/// and <https://www.twilio.com/docs/whatsapp/api#monitor-the-status-of-your-whatsapp-outbound-message>.
pub const OF_STATUS_CALLBACK: &[&str] = &[
    "AccountSid",
    "ApiVersion",
    "Body",
    "ChannelInstallSid",
    "ChannelPrefix",
    "ChannelStatusMessage",
    "ChannelToAddress",
    "ErrorCode",
    "ErrorMessage",
    "EventType",
    "ExternalUserId",
    "From",
    "MessageSid",
    "MessageStatus",
    "MessagingServiceSid",
    "SmsSid",
    "SmsStatus",
    "StructuredMessage",
    "To",
];

/// Of an incoming message; media are numbered from 0. Source:
/// <https://www.twilio.com/docs/messaging/guides/webhook-request>.
pub const OF_INCOMING_MESSAGE: &[&str] = &[
    "AccountSid",
    "Address",
    "ApiVersion",
    "Body",
    "ButtonPayload",
    "ButtonText",
    "ButtonType",
    "ExternalUserId",
    "Forwarded",
    "FrequentlyForwarded",
    "From",
    "InteractiveData",
    "Label",
    "Latitude",
    "Longitude",
    "MediaContentType0",
    "MediaUrl0",
    "MessageSid",
    "MessagingServiceSid",
    "NumMedia",
    "NumSegments",
    "OriginalRepliedMessageSender",
    "OriginalRepliedMessageSid",
    "ProfileName",
    "SmsMessageSid",
    "SmsSid",
    "SmsStatus",
    "To",
    "WaId",
];
