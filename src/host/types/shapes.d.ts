/**
 * A string that holds JSON. `JSON.parse` it before you look into it: `if (result.success)` on the string is never
 * true.
 */
type JsonString<T> = string & JsonOf<T>;
/** What `JSON.parse` makes of it; under a name that no editor offers. */
interface JsonOf<T> {
  readonly [Symbol.species]: T;
}

/** Where a message is, in Twilio's words. Others may come: Twilio adds some without notice. */
type MessageStatus =
  | "accepted"
  | "scheduled"
  | "queued"
  | "sending"
  | "sent"
  | "delivered"
  | "read"
  | "partially_delivered"
  | "failed"
  | "undelivered"
  | "canceled"
  | "receiving"
  | "received"
  | (string & {});

/** The host's own codes of a message that was not sent; `boatswain explain CODE` says what to do. */
type OutcomeCode =
  | "INVALID_PHONE_NUMBER"
  | "MESSAGE_EMPTY"
  | "MESSAGE_TOO_LONG"
  | "CONTENT_SID_MISSING"
  | "CONTENT_SID"
  | "CONTENT_VARIABLES"
  | "TEMPLATE_TOO_LONG"
  | "MEDIA_URL"
  | "MEDIA_INCOMPLETE"
  | "MEDIA_CONFLICT"
  | "MEDIA_TOO_LARGE"
  | "MEDIA_TYPE"
  | "MEDIA_UNREACHABLE"
  | "MEDIA_FORBIDDEN"
  | "STORAGE_NOT_CONFIGURED"
  | "STORAGE_URL"
  | "SENDER_MISSING"
  | "INVALID_SENDER"
  | "ACCOUNT_MISSING"
  | "INVALID_ACCOUNT"
  | "SETTINGS_INCOMPLETE"
  | "INVALID_COMPANY"
  | "SIMULATOR_MISSING"
  | "TWILIO_UNREACHABLE"
  | "TOO_MANY_REQUESTS"
  | "SEND_REFUSED"
  | "SEND_IN_DOUBT"
  | "MESSAGES_PER_MINUTE"
  | "MESSAGES_PER_DAY"
  | "COMPANY_MESSAGES_PER_MINUTE"
  | "COMPANY_MESSAGES_PER_DAY"
  | "IDENTICAL_MESSAGE"
  | "COUNTRY_NOT_ALLOWED"
  | "RECIPIENT_NOT_ALLOWED"
  | "RECIPIENT_OPTED_OUT"
  | "SENDING_PAUSED"
  | "SENDER_BUSY"
  | (string & {});

/** What became of a send. Look at `success` first. */
type WhatsappOutcome = WhatsappSent | WhatsappNotSent;

/** What every outcome has. */
interface WhatsappOutcomeBase {
  /** The recipient, `whatsapp:+39…`; null where the number could not be read. */
  to: string | null;
  /** The sender, `whatsapp:+1…`; null where there is none, or until a messaging service has chosen one. */
  from: string | null;
  /** What is worth knowing although it is no error. */
  warnings: string[];
}

/** Twilio has the message; whether it arrives is told in notifications. */
interface WhatsappSent extends WhatsappOutcomeBase {
  success: true;
  /** Twilio's id of the message. Note it: the notifications name it. */
  sid: string;
  /** As a rule `queued` or `accepted`. */
  status: MessageStatus;
  errorCode: null;
  errorMessage: null;
  moreInfo: null;
  retryable: false;
}

/** The message was not sent, or nobody can tell (`status` is `unknown`). */
interface WhatsappNotSent extends WhatsappOutcomeBase {
  success: false;
  /** Twilio's id of the message, where it took the message and gave it up at once. */
  sid: string | null;
  /** `unknown`: it may have left, so do not send it again. */
  status: "failed" | "unknown" | MessageStatus;
  /** Twilio's number, or the host's own code. */
  errorCode: number | OutcomeCode;
  /** A sentence that says what to do. */
  errorMessage: string;
  /** Twilio's page about its code. */
  moreInfo: string | null;
  /** Whether the same call may succeed later. */
  retryable: boolean;
}

/** A template's variables, by the names of its placeholders: `{ 1: "Ada" }`. None may be blank. */
interface TemplateVariables {
  [placeholder: string]: string | number | boolean | undefined;
}

/** What a message says: a text, one medium, both, or a template. */
interface WhatsappContent {
  /** The text, 1,600 characters at most; beside a picture its caption. */
  body?: string | null;
  /** The medium, by a URL that anyone can fetch: `utils.getPublicUrl("menu.png")`. */
  mediaUrl?: string | null;
  /** The medium, in this bucket of Google Cloud Storage. Needs `fileName`; excludes `mediaUrl`. */
  bucketName?: string | null;
  /** The object in the bucket. */
  fileName?: string | null;
  /** A template approved by WhatsApp, `HX…`. */
  contentSid?: string | null;
  /** The template's variables, or their JSON. */
  contentVariables?: TemplateVariables | string | null;
}

/** A message for `utils.whatsapp.send`. */
interface WhatsappMessage extends WhatsappContent {
  /** The recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`. */
  to: string | number;
  /** The sender, international; else the company's, else the application's. */
  from?: string | number | null;
  /** Twilio's account, `AC…`, with `secretKey`; else the company's, else the application's. */
  accountId?: string | null;
  /** The account's auth token. */
  secretKey?: string | null;
  /** Sends in another company's name. */
  companyId?: string | null;
}

/** What an action that an incoming message started may return as its reply; or a text. */
interface WhatsappReply extends WhatsappContent {}

/** The host's record of a message. */
interface WhatsappMessageRecord {
  /** The host's own id. */
  id: string;
  /** Twilio's; null where it gave none. */
  sid: string | null;
  appId: string;
  companyId: string;
  /** `whatsapp:+39…` */
  to: string;
  /** `whatsapp:+1…`, or a messaging service. */
  from: string;
  /** Never goes backwards. `unknown`: nobody can tell whether it left. */
  status: "unknown" | MessageStatus;
  /** Twilio's number, or the host's own code. */
  errorCode: number | string | null;
  errorMessage: string | null;
  /** The template that it was, `HX…`. */
  template: string | null;
  /** As Twilio writes it, once it tells: `"-0.0075"`. */
  price: string | null;
  /** `"USD"` */
  priceUnit: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** ISO 8601, UTC. */
  updatedAt: string;
  /** Its statuses, as the host learnt them. */
  history: WhatsappMessageEvent[];
}

/** A status that a message had, or was said to have: what came late stands where it came. */
interface WhatsappMessageEvent {
  /** ISO 8601, UTC. */
  at: string;
  status: "unknown" | MessageStatus;
  /** Who said so. */
  source: "host" | "answer" | "callback" | "poll" | (string & {});
  errorCode: number | string | null;
}

/** Whether a person may be written to without a template. */
interface WhatsappWindow {
  /** Whether he has written within 24 hours, as far as the host has heard. */
  open: boolean;
  /** ISO 8601, UTC; null where no message of his is known. */
  lastMessageAt: string | null;
  /** ISO 8601, UTC; null where no message of his is known. */
  closesAt: string | null;
}

/** A medium that `utils.saveMedia` has stored. */
interface SavedMedia {
  bucketName: string;
  fileName: string;
  /** `image/jpeg`, … */
  contentType: string;
  /** In bytes. */
  size: number;
}

/** What `?` in a statement takes. A boolean is 1 or 0. */
type SqlValue = string | number | bigint | boolean | null | undefined;

type LogLevel = "debug" | "info" | "warn" | "error" | "log" | "trace";

/**
 * The input of an action that `whatsapp_callback` names: what became of a message. Strings all, under Twilio's names.
 * A field that Twilio has added since is in `vo` as well.
 */
interface Notification {
  /** The message that it is about: the `sid` of the outcome that sent it. */
  MessageSid: string;
  MessageStatus: MessageStatus;
  /** The company of the callback's URL. */
  companyId: string;
  AccountSid: string;
  /** The recipient, `whatsapp:+39…`. */
  To: string;
  /** The sender, `whatsapp:+1…`. */
  From?: string;
  /** Why it failed: Twilio's number, as a string. `boatswain explain 63016` says what one means. */
  ErrorCode?: string;
  ErrorMessage?: string;
  /** WhatsApp's own words about a failure. */
  ChannelStatusMessage?: string;
  ChannelInstallSid?: string;
  ChannelPrefix?: string;
  ChannelToAddress?: string;
  EventType?: string;
  /** The same as `MessageSid`. */
  SmsSid?: string;
  /** The same as `MessageStatus`. */
  SmsStatus?: MessageStatus;
  MessagingServiceSid?: string;
  ApiVersion?: string;
  Body?: string;
  StructuredMessage?: string;
  /** A person whom Twilio names by something else than a phone number. */
  ExternalUserId?: string;
}

/**
 * The input of an action that `incoming_message` names: what somebody wrote. Fields with a capital are Twilio's, strings
 * all; the others are the host's, with types.
 */
interface IncomingMessage {
  /** Twilio's id of the message. */
  MessageSid: string;
  /** The text; `""` where there is none. */
  Body: string;
  /** The person who wrote, `whatsapp:+39…`. */
  From: string;
  /** The sender that was written to, `whatsapp:+1…`. */
  To: string;

  /** The person's number, `+39…`, in today's form; null for one whom Twilio names by something else. */
  phoneNumber: string | null;
  /** As the person calls himself on WhatsApp. */
  profileName: string | null;
  /** Pictures, documents and so on; `[]` where none came. `utils.saveMedia` keeps one. */
  media: IncomingMedium[];
  location: IncomingLocation | null;
  /** The button of a template that was pressed. */
  button: IncomingButton | null;
  /** The company of the URL. */
  companyId: string;

  AccountSid: string;
  /** How many media came, as a string; `media.length` is the number. */
  NumMedia: string;
  ProfileName?: string;
  /** The person's number without its plus. */
  WaId?: string;
  /** `text`, `image`, `button`, `location`, … */
  MessageType?: string;
  ButtonText?: string;
  ButtonPayload?: string;
  ButtonType?: string;
  /** JSON, of a list or a form that was answered. */
  InteractiveData?: string;
  Latitude?: string;
  Longitude?: string;
  Address?: string;
  Label?: string;
  Forwarded?: string;
  FrequentlyForwarded?: string;
  /** The message that this one answers. */
  OriginalRepliedMessageSid?: string;
  OriginalRepliedMessageSender?: string;
  MessagingServiceSid?: string;
  NumSegments?: string;
  SmsMessageSid?: string;
  SmsSid?: string;
  SmsStatus?: MessageStatus;
  ApiVersion?: string;
  /** A person whom Twilio names by something else than a phone number. */
  ExternalUserId?: string;
  [medium: `MediaUrl${number}`]: string;
  [medium: `MediaContentType${number}`]: string;
  [advertisement: `Referral${string}`]: string;
}

interface IncomingMedium {
  /** At Twilio, behind the account's key: `utils.saveMedia` fetches it. */
  url: string;
  /** `image/jpeg`, …; `application/octet-stream` where no type is known. */
  contentType: string;
}

interface IncomingLocation {
  latitude: number;
  longitude: number;
  address: string | null;
  label: string | null;
}

interface IncomingButton {
  text: string | null;
  payload: string | null;
}

/**
 * The input of an action, whatever started it. What Twilio and the host put into it is offered; any other member is taken
 * too, for `boatswain run --vo` gives what it likes. With `@type {Boatswain.Notification}` or
 * `@type {Boatswain.IncomingMessage}` in a comment before `const { … } = vo` a misspelt field is found.
 */
interface Vo extends Notification, IncomingMessage {
  Body: string;
  From: string;
  [member: string]: any;
}

/** Which action runs, and for whom. */
interface ReqParams {
  appId: string;
  /** The same as `appId`. */
  applicationId: string;
  /** The company in whose name the action runs; `NODEFINED` where there is none. */
  companyId: string;
  actionId: string;
}
