// What an action has in scope. Written by `boatswain types`: a change made here is lost.

declare namespace Boatswain {
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

  /** The host's functions. */
  interface Utils {
    /**
     * Sends a WhatsApp message with the company's account, else the application's: a text, or one medium by its public URL or its place in Google Cloud Storage, with or without text.
     *
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param message the text, 1,600 characters at most; may be null when there is a medium
     * @param publicMediaURL the medium, by an http(s) URL that anyone can fetch; excludes the bucket
     * @param bucketName the medium, by its bucket in Google Cloud Storage; needs `fileName`
     * @param fileName the object in the bucket
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const result = sendWhatsappMessage("+39 333 123 4567", "Your parcel is on its way.");
     * const outcome = JSON.parse(result);
     * if (!outcome.success) console.error(outcome.errorMessage);
     * return outcome.sid;
     */
    sendWhatsappMessage(toPhoneNumber: string | number, message?: string | null, publicMediaURL?: string | null, bucketName?: string | null, fileName?: string | null): JsonString<WhatsappOutcome>;
    /**
     * Sends a WhatsApp message with the company's account, else the application's: a text, or one medium by its public URL or its place in Google Cloud Storage, with or without text.
     *
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param message the text, 1,600 characters at most; may be null when there is a medium
     * @param bucketName the medium, by its bucket in Google Cloud Storage
     * @param fileName the object in the bucket
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const result = sendWhatsappMessage("+39 333 123 4567", "Your parcel is on its way.");
     * const outcome = JSON.parse(result);
     * if (!outcome.success) console.error(outcome.errorMessage);
     * return outcome.sid;
     */
    sendWhatsappMessage(toPhoneNumber: string | number, message: string | null, bucketName: string, fileName: string): JsonString<WhatsappOutcome>;
    /**
     * Sends a WhatsApp message as `sendWhatsappMessage` does, with an account, key and sender of the author's own.
     *
     * @param accountId Twilio's account, `AC…`; null, with a null key, for the company's, else the application's
     * @param secretKey the account's auth token
     * @param fromPhoneNr the sender, international; null for the company's, else the application's
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param message the text, 1,600 characters at most; may be null when there is a medium
     * @param publicMediaURL the medium, by an http(s) URL that anyone can fetch; excludes the bucket
     * @param bucketName the medium, by its bucket in Google Cloud Storage; needs `fileName`
     * @param fileName the object in the bucket
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const { account, key, sender } = utils.getParameter("branch");
     * const result = sendWhatsappMessageWithSettings(account, key, sender, "+39 333 123 4567", "Hello from the branch.");
     * return JSON.parse(result).sid;
     */
    sendWhatsappMessageWithSettings(accountId: string | null, secretKey: string | null, fromPhoneNr: string | number | null, toPhoneNumber: string | number, message?: string | null, publicMediaURL?: string | null, bucketName?: string | null, fileName?: string | null): JsonString<WhatsappOutcome>;
    /**
     * Sends a WhatsApp message as `sendWhatsappMessage` does, with an account, key and sender of the author's own.
     *
     * @param accountId Twilio's account, `AC…`; null, with a null key, for the company's, else the application's
     * @param secretKey the account's auth token
     * @param fromPhoneNr the sender, international; null for the company's, else the application's
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param message the text, 1,600 characters at most; may be null when there is a medium
     * @param bucketName the medium, by its bucket in Google Cloud Storage
     * @param fileName the object in the bucket
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const { account, key, sender } = utils.getParameter("branch");
     * const result = sendWhatsappMessageWithSettings(account, key, sender, "+39 333 123 4567", "Hello from the branch.");
     * return JSON.parse(result).sid;
     */
    sendWhatsappMessageWithSettings(accountId: string | null, secretKey: string | null, fromPhoneNr: string | number | null, toPhoneNumber: string | number, message: string | null, bucketName: string, fileName: string): JsonString<WhatsappOutcome>;
    /**
     * Sends an approved template, which may start a conversation outside the 24-hour window.
     *
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param contentSid the template's ContentSid, `HX…`, as Twilio's console shows it
     * @param variables a text for each placeholder, `{ 1: "Ada" }`, or its JSON; none may be blank
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const contentSid = "HX00000000000000000000000000000001";
     * const result = utils.sendWhatsappTemplate("+39 333 123 4567", contentSid, { 1: "Ada", 2: "A-7" });
     * return JSON.parse(result).sid;
     */
    sendWhatsappTemplate(toPhoneNumber: string | number, contentSid: string, variables?: TemplateVariables | string | null): JsonString<WhatsappOutcome>;
    /**
     * Sends an approved template as `sendWhatsappTemplate` does, with an account, key and sender of the author's own.
     *
     * @param accountId Twilio's account, `AC…`; null, with a null key, for the company's, else the application's
     * @param secretKey the account's auth token
     * @param fromPhoneNr the sender, international; null for the company's, else the application's
     * @param toPhoneNumber the recipient: international (`+39…`, `0039…`), or national of `default_country_prefix`
     * @param contentSid the template's ContentSid, `HX…`, as Twilio's console shows it
     * @param variables a text for each placeholder, `{ 1: "Ada" }`, or its JSON; none may be blank
     * @returns what became of it, as JSON: `JSON.parse` it, then look at `success`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const { account, key, sender } = utils.getParameter("branch");
     * const contentSid = "HX00000000000000000000000000000001";
     * const result = utils.sendWhatsappTemplateWithSettings(
     *   account, key, sender, "+39 333 123 4567", contentSid, { 1: "Ada", 2: "A-7" },
     * );
     * return JSON.parse(result).sid;
     */
    sendWhatsappTemplateWithSettings(accountId: string | null, secretKey: string | null, fromPhoneNr: string | number | null, toPhoneNumber: string | number, contentSid: string, variables?: TemplateVariables | string | null): JsonString<WhatsappOutcome>;
    /**
     * Runs a query on the application's own database.
     *
     * @param sql one statement; `?` takes the params in order, `:NAME` the member of `vo` of that name
     * @param dataSourceId null: the application's own database is the only one for now
     * @param params one value for each `?`; bound, never pasted into the text
     * @returns the rows as JSON: a list of objects, keys as the column names. Integers beyond 2⁵³ are strings, BLOBs base64
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `SQL_SYNTAX`: SQLite does not understand it, or there is more than one statement
     * @throws {Error} `SQL_PARAMETERS`: there are too few or too many params
     * @throws {Error} `SQL_CONSTRAINT`: a constraint of the table says no
     * @throws {Error} `SQL_DENIED`: it is not allowed to scripts
     * @throws {Error} `SQL_INTERRUPTED`: it took longer than the run may
     * @throws {Error} `SQL_MEMORY`: it takes more memory than it may
     * @throws {Error} `SQL_TOO_BIG`: a value, row, statement, result or the schema is too large
     * @throws {Error} `SQL_FULL`: the database is as large as it may be
     * @throws {Error} `SQL_TRANSACTION_LOST`: it ended the run's transaction: nothing of the run stays
     * @throws {Error} `SQL_ERROR`: SQLite says anything else
     * @throws {Error} `UNKNOWN_DATA_SOURCE`: `dataSourceId` is not null
     * @example
     * const rows = JSON.parse(utils.executeQuery("SELECT order_id, state FROM orders WHERE customer = ?", null, "Ada"));
     * return rows.map((row) => `${row.order_id} is ${row.state}`);
     */
    executeQuery(sql: string, dataSourceId?: null, ...params: SqlValue[]): JsonString<any[]>;
    /**
     * Runs a statement on the application's own database, in the run's transaction.
     *
     * @param sql one statement; `?` takes the params in order, `:NAME` the member of `vo` of that name
     * @param dataSourceId null: the application's own database is the only one for now
     * @param separatedTransaction true: the effect stays although the run fails, and may happen more than once
     * @param interruptExecution false: an SQL error is logged and -1 returned
     * @param params one value for each `?`; bound, never pasted into the text
     * @returns how many rows were changed
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `SQL_SYNTAX`: SQLite does not understand it, or there is more than one statement
     * @throws {Error} `SQL_PARAMETERS`: there are too few or too many params
     * @throws {Error} `SQL_CONSTRAINT`: a constraint of the table says no
     * @throws {Error} `SQL_DENIED`: it is not allowed to scripts
     * @throws {Error} `SQL_INTERRUPTED`: it took longer than the run may
     * @throws {Error} `SQL_MEMORY`: it takes more memory than it may
     * @throws {Error} `SQL_TOO_BIG`: a value, row, statement, result or the schema is too large
     * @throws {Error} `SQL_FULL`: the database is as large as it may be
     * @throws {Error} `SQL_TRANSACTION_LOST`: it ended the run's transaction: nothing of the run stays
     * @throws {Error} `SQL_ERROR`: SQLite says anything else
     * @throws {Error} `UNKNOWN_DATA_SOURCE`: `dataSourceId` is not null
     * @example
     * const changed = utils.executeSql(
     *   "UPDATE orders SET state = ? WHERE order_id = ?",
     *   null, // the application's own database
     *   false, // in the run's transaction
     *   true, // an SQL error throws
     *   "packed", "A-7",
     * );
     * return changed === 1 ? "packed" : "there is no such order";
     */
    executeSql(sql: string, dataSourceId?: null, separatedTransaction?: boolean | null, interruptExecution?: boolean | null, ...params: SqlValue[]): number;
    /**
     * Sets the run's result. A `return` of anything but undefined wins over it.
     *
     * @param value a string, or anything that JSON can hold
     * @example
     * utils.setReturnValue({ orderId: "A-7", state: "packed" });
     */
    setReturnValue(value: unknown): void;
    /**
     * Logs a line.
     *
     * @param message a text, or a value to look at
     * @param level `debug`, `info` (default), `warn` or `error`
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * utils.log("order A-7 has no address", "warn");
     */
    log(message: unknown, level?: LogLevel | null): void;
    /**
     * One of the application's own parameters, which an administrator sets.
     *
     * @param name the key in `[applications.<appId>.parameters]`
     * @returns text, number, boolean, list or object; undefined where there is none of that name
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const shop = utils.getParameter("shop") ?? "our shop";
     * return `${shop} thanks you.`;
     */
    getParameter(name: string): any;
    /**
     * A temporary URL of an object in Google Cloud Storage. Nobody is asked whether the object exists.
     *
     * @param bucketName the bucket in Google Cloud Storage
     * @param fileName the object; no segment may be `..`
     * @returns a URL that anyone can fetch for `signed_url_minutes`
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `STORAGE_NOT_CONFIGURED`: the application has no Google Cloud Storage
     * @throws {Error} `STORAGE_URL`: a name is empty or impossible, or the URL cannot be signed
     * @example
     * return utils.getSignedUrl("shop-invoices", "2026/A-7.pdf");
     */
    getSignedUrl(bucketName: string, fileName: string): string;
    /**
     * The public URL of a file in `public/<appId>/`.
     *
     * @param path below `public/<appId>/`: `menu.png`
     * @returns a URL below `public_url`, for Twilio to fetch
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `INVALID_PATH`: the path has an empty, hidden or `..` segment
     * @example
     * return utils.getPublicUrl("parcel.png");
     */
    getPublicUrl(path: string): string;
    /**
     * The host's record of a message that this application has sent. Its status never goes backwards.
     *
     * @param sid Twilio's SID, or the host's own id
     * @returns the record as JSON; null if there is none
     * @throws {TypeError} an argument is of the wrong kind
     * @example
     * const record = utils.getWhatsappMessage("SM00000000000000000000000000000001");
     * return record === null ? "never sent" : JSON.parse(record).status;
     */
    getWhatsappMessage(sid: string): JsonString<WhatsappMessageRecord> | null;
    /**
     * Saves a medium that came in with a message as an object in Google Cloud Storage. What the run has written before is committed.
     *
     * @param url the medium as it came: `vo.media[0].url`, `vo.MediaUrl0`
     * @param bucketName the bucket in Google Cloud Storage
     * @param fileName the object that it becomes; one of that name is replaced
     * @returns where it lies now, its type and its size in bytes
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `MEDIA_URL_FOREIGN`: it is no medium of a message, or of an account whose key the run may not use
     * @throws {Error} `MEDIA_GONE`: Twilio does not have it (any more)
     * @throws {Error} `MEDIA_REFUSED`: Twilio refuses the account's key
     * @throws {Error} `MEDIA_TOO_LARGE`: it has more than 16 MB
     * @throws {Error} `MEDIA_UNREACHABLE`: there was no answer of use, three times over where that may help
     * @throws {Error} `MEDIA_FORBIDDEN`: Twilio's redirect leads where the host asks for nothing
     * @throws {Error} `STORAGE_NOT_CONFIGURED`: the application has no Google Cloud Storage
     * @throws {Error} `STORAGE_URL`: the bucket's or file's name is impossible
     * @throws {Error} `STORAGE_REFUSED`: the bucket does not exist, or the service account may not write to it
     * @throws {Error} `STORAGE_UNREACHABLE`: the storage did not take it, three times over
     * @example
     * for (const [index, { url }] of vo.media.entries()) {
     *   const saved = utils.saveMedia(url, "shop-inbox", `${vo.MessageSid}/${index}`);
     *   console.log(`${saved.fileName}: ${saved.contentType}, ${saved.size} bytes`);
     * }
     * return "We have got it.";
     */
    saveMedia(url: string, bucketName: string, fileName: string): SavedMedia;
    /**
     * Whether a person may be written to without a template, because he has written to the company's sender within 24 hours, as far as the host has heard.
     *
     * @param phoneNumber the person's, as for sending
     * @returns `open`, `lastMessageAt` and `closesAt` as JSON
     * @throws {TypeError} an argument is of the wrong kind
     * @throws {Error} `INVALID_PHONE_NUMBER`: the number is none
     * @throws {Error} `SENDER_MISSING`: the company has no sender
     * @example
     * const { open } = JSON.parse(utils.getWhatsappWindow("+39 333 123 4567"));
     * if (open) return JSON.parse(sendWhatsappMessage("+39 333 123 4567", "Any news?")).success;
     * return JSON.parse(utils.sendWhatsappTemplate("+39 333 123 4567", "HX00000000000000000000000000000001")).success;
     */
    getWhatsappWindow(phoneNumber: string | number): JsonString<WhatsappWindow>;
    readonly whatsapp: {
      /**
       * Sends a WhatsApp message that an object describes: a text, a medium or a template. The other functions that send are thin forms of this one.
       *
       * @param message recipient, content and, where they differ, settings
       * @returns what became of it: look at `success`
       * @throws {TypeError} an argument is of the wrong kind
       * @example
       * const outcome = utils.whatsapp.send({
       *   to: "+39 333 123 4567",
       *   body: "This is how it will arrive.",
       *   mediaUrl: utils.getPublicUrl("parcel.png"),
       * });
       * if (!outcome.success && outcome.retryable) console.warn(`to be sent later: ${outcome.errorCode}`);
       * return outcome.sid;
       */
      send(message: WhatsappMessage): WhatsappOutcome;
    };
  }
}

/** The input of the action. Its type: `Boatswain.Notification`, `Boatswain.IncomingMessage`, or what `--vo` gave. */
declare const vo: Boatswain.Vo;
/** Which action runs, and for whom. */
declare const reqParams: Boatswain.ReqParams;
/** The company in whose name the action runs; `NODEFINED` where there is none. */
declare const companyId: string;
/** The application; the same as `reqParams.appId`. */
declare const applicationId: string;
declare const userInfo: {
  /** The same as the global `companyId`. */
  companyId: string;
};
/** The host's functions. */
declare const utils: Boatswain.Utils;

/**
 * A module of this application, evaluated once in each run.
 *
 * @param path begins with `./` or `../`, counts from this file and stays within the application's folder
 * @example
 * const { formatMoney } = require("./lib/orders");
 */
declare function require(path: string): any;

interface JSON {
  /**
   * Reads what a function of `utils` has returned as JSON.
   *
   * @param text what was returned
   */
  parse<T = any>(text: Boatswain.JsonString<T>): T;
}

/** Log lines. A first argument that is a string may hold `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`. */
interface Console {
  /** Logs at `info`. */
  log(...data: any[]): void;
  info(...data: any[]): void;
  debug(...data: any[]): void;
  warn(...data: any[]): void;
  error(...data: any[]): void;
  /** Logs at `debug`. */
  trace(...data: any[]): void;
  /** Logs at `error` unless the condition holds. */
  assert(condition?: any, ...data: any[]): void;
  dir(value?: any): void;
  table(value?: any): void;
  group(...data: any[]): void;
  groupCollapsed(...data: any[]): void;
  groupEnd(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string): void;
  timeEnd(label?: string): void;
  clear(): void;
}
declare const console: Console;

/** Calls a function later in this run. What is pending when the run ends is dropped, with a warning. */
declare function setTimeout<A extends any[]>(callback: (...args: A) => void, milliseconds?: number, ...args: A): number;
declare function clearTimeout(id: number | undefined): void;
declare function setInterval<A extends any[]>(
  callback: (...args: A) => void,
  milliseconds?: number,
  ...args: A
): number;
declare function clearInterval(id: number | undefined): void;
declare function queueMicrotask(callback: () => void): void;

declare function structuredClone<T>(value: T): T;
/** Bytes, one a character, as base64. */
declare function btoa(bytes: string): string;
/** base64 as bytes, one a character. */
declare function atob(base64: string): string;

declare function setImmediate<A extends any[]>(callback: (...args: A) => void, ...args: A): number;
declare function clearImmediate(id: number | undefined): void;

declare const crypto: {
  /** A random UUID (version 4). */
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  /** Fills an array of integers with random ones, and gives it back; 65,536 bytes at most. */
  getRandomValues<T extends Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array>(
    array: T,
  ): T;
};

declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, thisArg?: any): void;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  entries(): IterableIterator<[string, string]>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { ignoreBOM?: boolean });
  readonly encoding: string;
  readonly ignoreBOM: boolean;
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}

// What a test (`*.test.js`) finds besides; an action does not have it. docs/testing.md tells more.

declare namespace Boatswain {
  /** A message as a test sees it. */
  interface SentMessage {
    readonly sid: string;
    /** In E.164 form. */
    readonly to: string;
    readonly from: string | null;
    readonly body: string;
    readonly mediaUrls: string[];
    readonly status: MessageStatus;
    /** Twilio's. */
    readonly errorCode: number | null;
    readonly contentSid: string | null;
    readonly contentVariables: Record<string, string> | null;
    /** RFC 3339, in UTC. */
    readonly createdAt: string;
  }

  /** What somebody writes. */
  interface WrittenMessage {
    body?: string;
    media?: { contentType: string; base64: string }[];
    location?: { latitude: number; longitude: number; address?: string; label?: string };
    button?: { text: string; payload?: string };
    /** The `sid` of the message that is replied to. */
    replyTo?: string;
    /** The `sid` of a message that comes in once more. */
    sid?: string;
  }

  /** A phone in a test. */
  interface Phone {
    readonly number: string;
    /** What was sent to it, whatever became of it, oldest first. */
    readonly messages: SentMessage[];
    /** The last of them. */
    readonly last: SentMessage;
    /** Somebody writes; gives the messages that came in answer. */
    write(message: string | WrittenMessage): SentMessage[];
    /** Somebody touches a button. */
    tap(text: string, payload?: string): SentMessage[];
    /** Somebody looks at what was delivered. */
    read(): void;
    /** How far messages to it get from now on. */
    reaches(status: "queued" | "sent" | "delivered" | "read"): void;
  }

  /** A parameter, as app-params.toml may have it. */
  type Parameter = string | number | boolean | Parameter[] | { [name: string]: Parameter };

  interface CompanySendingLimits {
    messages_per_minute?: number;
    messages_per_day?: number;
    /** `["+39"]`: to no other countries. */
    allowed_country_prefixes?: string[];
    /** To no other numbers. */
    only_to?: string[];
  }

  interface SendingLimits extends CompanySendingLimits {
    company_messages_per_minute?: number;
    company_messages_per_day?: number;
    identical_messages_per_minute?: number;
    /** Messages of one run. */
    sends?: number;
  }

  interface NewFile {
    contentType: string;
    text?: string;
    base64?: string;
    /** In bytes. */
    size?: number;
  }

  /** What is expected of an error: a pattern of its message, its class, some of its members, or whether it is the one. */
  type ExpectedError = RegExp | (new (...args: any[]) => Error) | { [member: string]: any } | ((error: any) => boolean);

  interface Assert {
    (value: unknown, message?: string | Error): asserts value;
    ok(value: unknown, message?: string | Error): asserts value;
    /** The same value, as `Object.is` has it. */
    equal<T>(actual: unknown, expected: T, message?: string | Error): asserts actual is T;
    notEqual(actual: unknown, unwanted: unknown, message?: string | Error): void;
    /** The same members, in any order. */
    deepEqual(actual: unknown, expected: unknown, message?: string | Error): void;
    notDeepEqual(actual: unknown, unwanted: unknown, message?: string | Error): void;
    match(text: unknown, expected: RegExp, message?: string | Error): void;
    doesNotMatch(text: unknown, unwanted: RegExp, message?: string | Error): void;
    /** Gives the error. */
    throws(fn: () => unknown, expected?: ExpectedError, message?: string | Error): any;
    /** Gives the error; to be awaited. */
    rejects(promise: Promise<unknown> | (() => Promise<unknown>), expected?: ExpectedError, message?: string | Error): Promise<any>;
    fail(message?: string): never;
  }
}

/**
 * Declares a test, which has a world of its own: an empty database, phones, and a clock that stands still.
 *
 * @example
 * test("an order is confirmed", () => {
 *   run("confirmOrder", { orderId: "A-1", customer: "Ada", phone: "+393331234567", totalCents: 4890 });
 *   assert.match(phone("+393331234567").last.body, /A-1/);
 * });
 */
declare const test: {
  (name: string, fn: () => unknown): void;
  /** Declares a test that is not run. */
  skip(name: string, fn: () => unknown): void;
};
/** Runs before each test of the file, in its world. */
declare function beforeEach(fn: () => unknown): void;
declare const assert: Boatswain.Assert;
/** Runs an action and all that follows from it; gives what it returned, throws when it failed. */
declare function run(actionId: string, vo?: object, options?: { company?: string }): any;
/** Rows of the application's database. */
declare function query(sql: string, ...params: (string | number | boolean | null)[]): any[];
/** A statement on the application's database; gives the number of rows. */
declare function execute(sql: string, ...params: (string | number | boolean | null)[]): number;
/** A phone: `company` is whose sender it writes to, `name` what the person is called. */
declare function phone(
  number: string,
  options?: { company?: string; name?: string; reaches?: "queued" | "sent" | "delivered" | "read" },
): Boatswain.Phone;
declare const clock: {
  now(): Date;
  /** `"24h"`, `"15 min"`, `"30 s"`, or milliseconds. */
  advance(duration: string | number): void;
  /** A moment to come. */
  set(moment: string | number | Date): void;
};
declare const twilio: {
  /** Everything that the application has sent, oldest first. */
  readonly messages: Boatswain.SentMessage[];
  /** The next message fails with one of Twilio's codes. */
  failNext(code: number, options?: { to?: string; status?: "refused" | "failed" | "undelivered"; times?: number }): void;
  /** The next message is taken, but the answer that says so is lost. */
  loseNext(options?: { to?: string; times?: number }): void;
  /** How strict the simulator is from now on. */
  rules(rules: "open" | "sandbox" | "production"): void;
};
/**
 * Gives the application parameters for this test, on top of those of app-params.toml; `undefined` takes one away.
 *
 * @example
 * parameters({ shop_name: "Bottega", batch_size: 2, greeting: undefined });
 */
declare function parameters(values: { [name: string]: Boatswain.Parameter | undefined }): void;
/** What the application, or a company, may send from now on; without it everything. The names are those of app-params.toml. */
declare function limits(values: Boatswain.SendingLimits): void;
declare function limits(values: Boatswain.CompanySendingLimits, options: { company?: string }): void;
/** Pauses sending, of the application or of a company, as `boatswain pause` does. */
declare function pause(options?: { company?: string }): void;
/** Has sending go on. */
declare function resume(options?: { company?: string }): void;
/** Google Cloud Storage. All buckets are there, and empty when a test begins. */
declare const storage: {
  /** Puts a file into a bucket. Without content it has 1,000 bytes that begin as its type does; with `size` so many of them. */
  put(bucketName: string, fileName: string, file: Boatswain.NewFile): void;
  /** The file of a name, or null. */
  get(bucketName: string, fileName: string): { contentType: string; size: number; base64: string } | null;
};
/** What the actions have logged. */
declare function logs(): { action: string; level: "debug" | "info" | "warn" | "error"; text: string }[];
/** The runs of callbacks and incoming messages that failed, which then count as expected. */
declare function failures(): { action: string; reason: string; message: string; code: string | null }[];

/** Sends a WhatsApp message with the company's account, else the application's: a text, or one medium by its public URL or its place in Google Cloud Storage, with or without text. The same as `utils.sendWhatsappMessage`. */
declare const sendWhatsappMessage: Boatswain.Utils["sendWhatsappMessage"];

/** Sends a WhatsApp message as `sendWhatsappMessage` does, with an account, key and sender of the author's own. The same as `utils.sendWhatsappMessageWithSettings`. */
declare const sendWhatsappMessageWithSettings: Boatswain.Utils["sendWhatsappMessageWithSettings"];
