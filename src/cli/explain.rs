//! `boatswain explain CODE`: what an error code means and what to do, Twilio's and ours.

use crate::base::{Diagnostic, nearest};
use crate::cli::{Failure, output};
use crate::whatsapp::codes as twilio;

/// One of our codes.
struct OwnCode {
    code: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

const fn own(code: &'static str, meaning: &'static str, remedy: &'static str) -> OwnCode {
    OwnCode { code, meaning, remedy }
}

/// Every code that an error, an outcome or an exception of this program carries; a test reads the sources.
const OWN: &[OwnCode] = &[
    own(
        "ANOTHER_VERSION",
        "the host that is up ran other scripts than the files have",
        "mend what `boatswain check` shows; it is taken over then. Right after a file was saved, run again",
    ),
    // A new application.
    own("APPLICATION_EXISTS", "there is an application of that name, or a folder", "choose another name"),
    own("NOT_WRITTEN", "a new application cannot be written", "see that the folder can be written to"),
    own(
        "NOT_SENT",
        "a message could not be handed to the host",
        "look at the message, and at the log of `boatswain serve`",
    ),
    // Tests of actions.
    own(
        "TEST_FAILED",
        "a test of an action failed",
        "look at the place in the test; what it says was expected there",
    ),
    own(
        "TEST_FILE",
        "a file with tests cannot be loaded",
        "mend the place that the error names; outside of test(…) a file only declares, it asks nothing of the world",
    ),
    own(
        "TEST_WORLD",
        "a test's world cannot be made, or does not come to rest",
        "look for an action that sends whenever it hears of a message; see that /dev/shm or TMPDIR can be written to",
    ),
    own("NO_TESTS", "no test matches", "give a part of a file's or a test's name, or nothing"),
    // Parameters.
    own("PARAMS_UNREADABLE", "the parameter file cannot be read", "give its place with --params FILE"),
    own(
        "PARAMS_BLANK",
        "the parameter file has become empty: a host that is up goes on with the parameters in force, and a command does not \
         know which data folder it named",
        "restore it, or say with --data DIR where the data folder is; to take all applications away, write a comment",
    ),
    own("PARAMS_SYNTAX", "the parameter file is not TOML", "mend the place that the error names"),
    own(
        "UNKNOWN_KEY",
        "there is no such key or section",
        "use the name that the error suggests; app-params.toml has them all",
    ),
    own(
        "MISPLACED_KEY",
        "the key belongs elsewhere",
        "move it: environment and actions are the application's, not a company's",
    ),
    own("MISSING_KEY", "a key is required", "add it where the error points"),
    own(
        "WRONG_TYPE",
        "the value is of another kind than the key wants",
        "write it in the form that the error shows",
    ),
    own("INVALID_VALUE", "the value cannot be used", "write it in the form that the error shows"),
    own("CONFLICTING_KEYS", "two keys exclude each other, or belong together", "do as the error says"),
    own(
        "SECRET_UNAVAILABLE",
        "a secret's variable is not set, or its file cannot be read",
        "set the variable, or make the file readable",
    ),
    own(
        "SECRET_EXPOSED",
        "others can read a file with a secret in it",
        "chmod 600 the file, or use { env = … } or { file = … }",
    ),
    own(
        "SECRET_DOUBTFUL",
        "a secret is a SID, a placeholder, or the secret of something else",
        "auth_key is the account's Auth Token, api_key_secret what Twilio showed when the API key was made",
    ),
    own(
        "SIMULATOR_EXPOSED",
        "the simulator, which asks nobody who he is, listens where other computers reach it",
        "write 127.0.0.1:8081 for [simulator] listen; use a tunnel where somebody must see it from elsewhere",
    ),
    own(
        "PUBLIC_URL_UNREACHABLE",
        "Twilio cannot reach the public URL",
        "set [host] public_url to the https URL that the internet sees",
    ),
    own(
        "NO_APPLICATIONS",
        "the parameter file has no application",
        "add a section [applications.NAME.WHATSAPP]",
    ),
    // What check --online finds.
    own(
        "CREDENTIALS_REFUSED",
        "Twilio refuses account_id with auth_key",
        "copy Account SID and Auth Token anew, from the same page of Twilio's console",
    ),
    own(
        "API_KEY_REFUSED",
        "Twilio refuses the API key, or it may not read messages",
        "make a new API key in the console of the same account",
    ),
    own(
        "ACCOUNT_INACTIVE",
        "Twilio has suspended or closed the account",
        "see in Twilio's console what it waits for",
    ),
    own(
        "SENDER_UNKNOWN",
        "the account has no WhatsApp sender of this number",
        "write a number that Twilio's console lists under WhatsApp senders; the sandbox's is +14155238886",
    ),
    own(
        "SENDER_OFFLINE",
        "the number is a WhatsApp sender of the account, and cannot send at the moment",
        "see in Twilio's console, under WhatsApp senders, what it waits for",
    ),
    own(
        "MESSAGING_SERVICE_UNKNOWN",
        "the account has no such messaging service",
        "copy its SID (MG...) from Twilio's console, of the same account",
    ),
    own(
        "PUBLIC_URL_FOREIGN",
        "something else than a Boatswain answers at the public URL",
        "write the URL as it is called in the end, with https and the path under which the proxy leads here",
    ),
    own(
        "ONLINE_UNCLEAR",
        "check --online could not find something out",
        "look at the network, and try again; the host does not need it",
    ),
    // Starting and commands.
    own("USAGE", "the command line cannot be understood", "see boatswain --help"),
    own("LISTEN", "an address cannot be listened on", "stop what listens there, or choose another one"),
    own(
        "DATA_FOLDER",
        "the data folder cannot be made or written",
        "give one with --data DIR or [host] data_dir",
    ),
    own(
        "DATA_EXPOSED",
        "other users of the computer can get into the data folder",
        "chmod 700 the folder: phone numbers and what people wrote are in it",
    ),
    own(
        "HOST_KEY",
        "data/host.key cannot be read or made, or is not 32 bytes",
        "restore the file; without it a new one is made, and the keys of `...WithSettings` are learnt anew",
    ),
    own(
        "DATA_LOCKED",
        "another host works with this data folder",
        "stop it, or give this one another folder",
    ),
    own(
        "DATABASE_OPEN",
        "a database cannot be opened",
        "check that the file is Boatswain's and that this user may write it",
    ),
    own("DATABASE_NEWER", "a database was written by a newer version", "use that version, or a backup"),
    own(
        "DATABASE_OLDER",
        "host.db was written by an older version, and reading commands change nothing",
        "start `boatswain serve`, which upgrades it; make a backup with the older version first",
    ),
    own("DATABASE", "a database failed", "check the disk and its free space"),
    own(
        "DATABASE_TOO_LARGE",
        "an application's database is as large as limits.database_mb, or larger: it does not grow any more",
        "raise database_mb, or have the application delete rows: their room is used again",
    ),
    own(
        "DATABASE_COMMIT",
        "the application's database could not commit",
        "check the disk and its free space; the run is tried again",
    ),
    own(
        "MIGRATION_FAILED",
        "a migration failed; nothing stays of it, nor of those that are new with it",
        "mend the file; a host that is up tries again by itself",
    ),
    own(
        "MIGRATION_CHANGED",
        "a migration was changed after it was applied",
        "restore its text, and put what is new into a later one; where the data are worth nothing, stop the host and delete \
         data/apps/<appId>.db (with -wal and -shm), which is made anew at the next start",
    ),
    own(
        "MIGRATION_ORDER",
        "a migration is new, and one that is applied already has a later name: a new database would have them in another order",
        "give it a name that sorts after all that are applied: 003_notes.sql after 002_orders.sql",
    ),
    own(
        "MIGRATION_GONE",
        "a migration that was applied has no file any more",
        "put it back: a new database would be another; where the data are worth nothing, stop the host and delete \
         data/apps/<appId>.db (with -wal and -shm), which is made anew at the next start",
    ),
    own(
        "INBOX_UNAVAILABLE",
        "the inbox takes nothing at the moment",
        "try again shortly; look at the host's log",
    ),
    own(
        "BACKUP_FILE",
        "a backup cannot be written where it was asked for",
        "name a new file in a folder outside the data folder, or replace one with --force",
    ),
    own(
        "BACKUP_FAILED",
        "a backup could not be made, and nothing of it is left",
        "see that the folder can be written and has room for all databases twice",
    ),
    own(
        "BACKUP_DAMAGED",
        "a database that was to be copied is damaged",
        "keep the earlier backups and look at the disk; docs/operations.md says how to restore",
    ),
    own(
        "CONTROL_SOCKET",
        "data/host.sock cannot be made",
        "give a data folder with a shorter path on a local disk",
    ),
    own(
        "STORAGE_CREDENTIALS",
        "the service-account key cannot be used",
        "give the JSON key that the Google Cloud console makes",
    ),
    own("SCRIPTS_UNREADABLE", "the application's scripts cannot be read", "make the folder scripts/<appId>"),
    own(
        "TYPES_STALE",
        "the types for editors (boatswain.d.ts) are missing, or of another version of the program",
        "run `boatswain types`",
    ),
    own(
        "TYPES_UNWRITABLE",
        "the types for editors (boatswain.d.ts, jsconfig.json) cannot be written",
        "name the folder of the actions with --scripts DIR, and see that it can be written",
    ),
    own("SCRIPT_SYNTAX", "a script cannot be loaded", "mend the place that the error names"),
    own(
        "SCRIPT_UNREADABLE",
        "a script cannot be read, or ends whoever loads it",
        "check that it is UTF-8, not too large, readable, and not nested thousands of levels deep",
    ),
    own(
        "CONFINEMENT_MISSING",
        "the system does not grant one of the layers that confine actions; the others hold",
        "docs/security.md says what the layer adds and what it needs; a newer kernel or fewer restrictions of the container",
    ),
    own(
        "NO_WORKERS",
        "no process for actions can be started: notifications are kept and acknowledged, and none runs",
        "look at the reason: memory, the number of processes, a container that forbids what the worker asks for",
    ),
    own(
        "VO_TOO_LARGE",
        "the `vo` that was given to a run is larger than limits.vo_kb",
        "give what names the data, not the data; or raise the limit",
    ),
    own(
        "UNKNOWN_NAME",
        "a script uses a name that there is not: a variable that nothing declares, or a member of utils, console, \
         reqParams or userInfo",
        "use the name that the error suggests; docs/check.md says how a script may test for one",
    ),
    own(
        "UNKNOWN_MODULE",
        "a script requires a file that there is not, or a package",
        "paths begin with ./ or ../ and lead to files of the application; docs/check.md lists what takes the place of packages",
    ),
    own(
        "EXPORTS_IN_ACTION",
        "an action sets `exports`, which only modules have",
        "the file is the body of the action: its input is `vo`, and `return value` ends it; shared code belongs into lib/",
    ),
    own("FOREIGN_HABIT", "a script uses what works elsewhere and not here", "write what the error suggests"),
    own(
        "VO_FIELD",
        "a script reads a field of `vo` by a name that differs from Twilio's in case or underscores",
        "write it as Twilio does: vo.MessageSid, vo.Body",
    ),
    own(
        "OUTCOME_NOT_PARSED",
        "a script takes the JSON text that a function returned for an object or a list",
        "write JSON.parse(utils.sendWhatsappMessage(...)), or use utils.whatsapp.send, which returns an object",
    ),
    own(
        "ARGUMENT_COUNT",
        "a function of the host is called with too few or too many arguments",
        "the warning shows its parameters; docs/actions.md explains them",
    ),
    own(
        "NOT_AWAITED",
        "a script calls an async function and does not wait for it: what comes behind its first `await` is lost, or its \
         promise is taken for its value",
        "write `await` before the call; of a list: `for (const x of list) { await ... }`",
    ),
    own(
        "CONST_ASSIGNED",
        "a script gives another value to what it declares with const, which throws a TypeError",
        "declare it with `let`; the error names the line",
    ),
    own(
        "NOTHING_RUNS",
        "an action declares functions and calls none of them, so it runs to nothing",
        "the whole file is the action: call the function at its end, `return main();`",
    ),
    own(
        "NOT_LOOKED_OVER",
        "a script can be loaded, but looking for mistakes in it came to no end",
        "check the script yourself, or make it simpler",
    ),
    own(
        "FOREIGN_FILE",
        "a file in an application's folder is never loaded or applied, or belongs to a package of Node.js",
        "actions and modules are files `*.js`, migrations `migrations/*.sql`; do as the warning says",
    ),
    own(
        "UNUSED_FOLDER",
        "a folder in scripts/ belongs to no application of the parameter file",
        "call it as the application is called, add the application, or move the folder away",
    ),
    own(
        "NEXT_START",
        "a change of the parameters does not take effect while the host runs",
        "restart the host when it suits",
    ),
    own(
        "APPLICATION_ENDING",
        "an application was removed and is to come back while runs of it are open",
        "wait until they have ended, and tell the host to look again: kill -HUP",
    ),
    own(
        "NOT_WATCHED",
        "the system does not let the host watch its files",
        "tell it to look: kill -HUP; or raise fs.inotify.max_user_watches and fs.inotify.max_user_instances",
    ),
    own(
        "UNKNOWN_ACTION",
        "a configured action does not exist",
        "write the file or put it back, correct the name, or delete the line",
    ),
    own("UNKNOWN_APPLICATION", "there is no application of that name", "see the sections of app-params.toml"),
    own("UNKNOWN_CODE", "the code is not known here", "give it as an error or an outcome shows it"),
    own("VO_UNREADABLE", "the file with `vo` cannot be read", "check the name after the @"),
    own("VO_NOT_JSON", "`vo` is not JSON", "quote names and strings with double quotes"),
    own("NOT_FOUND", "there is none with that id", "`list` shows the newest with their ids"),
    own(
        "NOT_DEAD",
        "only a notification that has been given up can be replayed",
        "`notifications list --status dead` shows those; one that is done has had its effect, which happens once",
    ),
    own(
        "OWN_SENDER",
        "the number to be forgotten is one that the host sends from",
        "give the number of the person who wants to be forgotten",
    ),
    own(
        "NOT_FORGOTTEN",
        "notifications that wait, or messages of open runs, still hold the number",
        "repeat `forget` when they are done",
    ),
    own(
        "TRACES_LEFT",
        "no row names the number any more, but unused room of host.db does",
        "stop the host and repeat `forget`, which then writes the file anew",
    ),
    own("NOT_RUN", "the action was not run", "do as the error says"),
    own(
        "HOST_GONE",
        "the host that was up does not answer any more: what it was asked may have taken place or not",
        "look with `boatswain runs list` and `boatswain messages list`; the host's log says why it went",
    ),
    own(
        "HOST_TROUBLE",
        "the host could not run the action",
        "look at its log; a notification's run is tried again",
    ),
    own(
        "HOST_FAULT",
        "the host had a fault of its own (a panic) while it answered the action",
        "report the place that its log names; a notification's run is tried again, as after a failure",
    ),
    own("PANIC", "the program had a fault of its own", "report the place that it names"),
    own("STOPPING", "the host is stopping", "try again when it is up"),
    own(
        "RUNTIME",
        "the program cannot start its event loop",
        "look for limits of the system: descriptors, memory",
    ),
    own("SIGNALS", "the program cannot listen for signals", "look for limits of the system"),
    own("THREAD", "the operating system gives no thread", "look for limits of the system"),
    own("HTTP_CLIENT", "the HTTP client cannot be set up", "look for the system's certificates"),
    own("DEMO", "the demo is not whole", "report this"),
    own("DEMO_FOLDER", "the demo has no temporary folder", "set TMPDIR to one that you may write to"),
    own("DEMO_INCOMPLETE", "not every message arrived in the demo", "see the steps that it shows"),
    own(
        "ADMIN_NOT_YET",
        "the admin listener is configured and not there yet",
        "leave [admin] listen \"off\"",
    ),
    // Answers over HTTP.
    own(
        "MALFORMED",
        "the request is not a notification",
        "Twilio's own are forms with MessageSid and MessageStatus",
    ),
    own("UNSIGNED", "the request has no X-Twilio-Signature", "only Twilio calls this address"),
    own(
        "FORBIDDEN",
        "the request is not signed for this address",
        "check public_url, auth_key and the path: Twilio signs the URL as it knows it, with the account's auth token",
    ),
    own("TOO_SLOW", "the request's body did not arrive in time", "look at the proxy in between"),
    own(
        "TARGET_TOO_LONG",
        "the request's path and query are longer than 8,000 bytes",
        "give Twilio a shorter address",
    ),
    own("TOO_LARGE", "the request's body is larger than 64 KiB", "Twilio's own are much smaller"),
    own(
        "UNAVAILABLE",
        "the notification cannot be stored at the moment",
        "Twilio repeats it; look at the host's log",
    ),
    own("NOT_READY", "the host is starting or stopping", "try again shortly"),
    own("METHOD_NOT_ALLOWED", "the address does not take this method", "callbacks are POST, files are GET"),
    // Outcomes of a send.
    own(
        "INVALID_PHONE_NUMBER",
        "the recipient's number is missing or impossible",
        "give +39… or a number of the country of default_country_prefix",
    ),
    own("INVALID_SENDER", "the sender's number is impossible", "give it in international form"),
    own(
        "INVALID_ACCOUNT",
        "the account id is not one",
        "give AC and 32 hexadecimal digits; an API key (SK…) belongs in api_key_id of the parameters",
    ),
    own("INVALID_COMPANY", "the company id is not one", "give letters, digits, `.`, `_` and `-`"),
    own("MESSAGE_EMPTY", "there is nothing to send", "give a text that is not blank, a medium or a template"),
    own(
        "MESSAGE_TOO_LONG",
        "the text has more than 1,600 characters",
        "shorten it, or split it into several messages",
    ),
    own("MEDIA_URL", "the media URL is not an http(s) URL", "give one that Twilio can fetch"),
    own("MEDIA_CONFLICT", "a public URL and a bucket exclude each other", "give one of them"),
    own("MEDIA_INCOMPLETE", "bucketName and fileName go together", "give both"),
    own(
        "MEDIA_TOO_LARGE",
        "the medium has more bytes than WhatsApp takes: 5 MB for pictures, 16 MB for everything else",
        "make it smaller, or send a link to it as text; utils.saveMedia saves nothing larger",
    ),
    own(
        "MEDIA_TYPE",
        "the medium's server gives a type that WhatsApp does not take, or none",
        "send a supported type, and set its Content-Type where the file is kept",
    ),
    own(
        "MEDIA_UNREACHABLE",
        "the medium's server gives no answer of use: before a send where media_check is strict, or to utils.saveMedia",
        "open its URL from outside; media_check = \"warn\" sends it all the same, and utils.saveMedia may succeed later",
    ),
    own(
        "MEDIA_FORBIDDEN",
        "the medium, or a redirect to it, is where the host does not look: not https, or not at a public address",
        "give an https URL that the internet can reach, utils.getPublicUrl, or a bucket and a file",
    ),
    own("CONTENT_SID_MISSING", "a template needs its ContentSid", "give HX…, as Twilio's console shows it"),
    own("CONTENT_SID", "the ContentSid is not one", "give HX and 32 hexadecimal digits"),
    own(
        "CONTENT_VARIABLES",
        "a template's variables are not an object of texts, or one of them is blank",
        "give an object such as { 1: \"Ada\" }, a text for each placeholder",
    ),
    own(
        "TEMPLATE_TOO_LONG",
        "a template with its variables has more than 1,024 characters",
        "shorten the variables",
    ),
    own(
        "ACCOUNT_MISSING",
        "there is no account to send with",
        "set account_id and auth_key, or give them in the call",
    ),
    own("SENDER_MISSING", "there is no sender", "set from_phone_number, or give one in the call"),
    own("SETTINGS_INCOMPLETE", "accountId and secretKey go together", "give both, or neither"),
    own(
        "UNDECLARED_COMPANY",
        "the company is not in the parameters, and one with nearly the same name is",
        "correct the name; or nothing: a company need not be declared",
    ),
    own(
        "SIMULATOR_ELSEWHERE",
        "the simulator at [simulator] listen is that of another folder",
        "nothing, for `run` and `send`; for `serve`, choose another address",
    ),
    own("SIMULATOR_MISSING", "the simulator is not running", "start `boatswain serve`, which brings it"),
    own(
        "REPLY_NO_PHONE_NUMBER",
        "an action returned a reply, and the person who wrote is named by something else than a phone number",
        "answer in another way: the host sends to phone numbers only",
    ),
    own(
        "REPLY_ACCOUNT_UNKNOWN",
        "an action returned a reply, and the host has no key for the account that the message came by",
        "name the account in WHATSAPP or in the company's section, or send with it first (…WithSettings)",
    ),
    own(
        "STORAGE_NOT_CONFIGURED",
        "the application has no Google Cloud Storage",
        "set credentials_file in its section",
    ),
    own(
        "STORAGE_URL",
        "the object's URL cannot be signed",
        "check bucketName and fileName: no empty name, no `..`",
    ),
    own(
        "MESSAGES_PER_MINUTE",
        "the application's cap is reached",
        "send later, or ask an admin for more limits.messages_per_minute",
    ),
    own(
        "MESSAGES_PER_DAY",
        "the application's cap of 24 hours is reached",
        "send later, or ask an admin for more limits.messages_per_day",
    ),
    own(
        "COMPANY_MESSAGES_PER_MINUTE",
        "the company's cap is reached",
        "send later, or ask an admin for more: the sentence names the key",
    ),
    own(
        "COMPANY_MESSAGES_PER_DAY",
        "the company's cap of 24 hours is reached",
        "send later, or ask an admin for more: the sentence names the key",
    ),
    own(
        "IDENTICAL_MESSAGE",
        "the same message went to the same recipient too often within a minute",
        "look for a loop, or ask an admin for more limits.identical_messages_per_minute",
    ),
    own(
        "COUNTRY_NOT_ALLOWED",
        "the recipient's country is not in limits.allowed_country_prefixes",
        "ask an admin to add it, if it is meant",
    ),
    own(
        "RECIPIENT_NOT_ALLOWED",
        "limits.only_to names the only recipients of this application, and this is none of them",
        "ask an admin to add the number, or to remove only_to when the trial is over",
    ),
    own(
        "SENDING_PAUSED",
        "an admin has paused the application or the company",
        "`boatswain pause` shows since when and why, `boatswain resume` ends it",
    ),
    own(
        "RECIPIENT_OPTED_OUT",
        "the recipient sent STOP, or Twilio reported that he does not want to be written to (21610, 63014)",
        "write to him no more; when he has opted in again, `boatswain opt-outs remove` records it",
    ),
    own(
        "SENDER_BUSY",
        "more messages wait for the sender than Twilio takes within limits.send_wait_ms",
        "send it again later, or use more senders",
    ),
    own("TWILIO_UNREACHABLE", "no connection to Twilio was made: nothing was sent", "send it again later"),
    own("TOO_MANY_REQUESTS", "Twilio takes no more at the moment: nothing was sent", "send it again later"),
    own("SEND_REFUSED", "Twilio refused the message", "read its sentence"),
    own(
        "SEND_IN_DOUBT",
        "nobody knows whether the message left",
        "wait for its notifications, or look into Twilio's log; it is not repeated",
    ),
    own(
        "SEND_NOT_FOUND",
        "the answer to a send was lost, and Twilio's log has no such message",
        "it was not sent: send it again if it still matters",
    ),
    own(
        "SETTLED_NOT_SENT",
        "a person has settled a message in doubt as not sent",
        "send it again if it still matters",
    ),
    own(
        "NOT_IN_DOUBT",
        "only a message in doubt can be settled",
        "`messages list --status unknown` shows them; others tell their own fate",
    ),
    own("SID_TAKEN", "the SID is another message's", "look for this message's own in Twilio's log"),
    // How a run ends, but for what it threw with a code of its own.
    own(
        "THROWN",
        "the action threw an error, or its promise never settled",
        "see the place that the error names",
    ),
    own("SYNTAX", "a script of the run cannot be loaded", "mend the place that the error names"),
    own(
        "CPU_LIMIT",
        "the run's JavaScript computed too long",
        "do less in one run, or ask an admin for more limits.cpu_ms",
    ),
    own(
        "WALL_LIMIT",
        "the run took too long",
        "wait for less in one run, or ask an admin for more limits.wall_ms",
    ),
    own(
        "MEMORY_LIMIT",
        "the run's JavaScript took too much memory",
        "hold less at once, or ask an admin for more limits.memory_mb",
    ),
    own("STACK_LIMIT", "functions called each other too deeply", "use a loop and a list"),
    own("HOST_CALL_LIMIT", "the run called host functions too often", "change many rows with one statement"),
    own("OUTPUT_LIMIT", "the run's result is too large", "store what is large in the database"),
    own(
        "KILLED",
        "the run's process died",
        "look for very large strings, deep nesting or native loops in the action",
    ),
    // Exceptions in an action.
    own(
        "MODULE_NOT_FOUND",
        "`require` found no such file",
        "paths are relative to the requiring file and stay in the application's folder",
    ),
    own("INVALID_PATH", "the path does not name a public file", "name a file below public/<appId>/"),
    own(
        "MEDIA_URL_FOREIGN",
        "the URL is not that of a medium of a message, at Twilio and of an account whose key the run may use",
        "give vo.MediaUrl0 as it came; the company's and the application's account are in WHATSAPP, and so is api_base_url",
    ),
    own("MEDIA_GONE", "Twilio does not have the medium (any more)", "save it as soon as its message comes"),
    own(
        "MEDIA_REFUSED",
        "Twilio refuses the account's key for a medium that came in",
        "check auth_key, or api_key_id and api_key_secret, of the account",
    ),
    own(
        "STORAGE_REFUSED",
        "Google Cloud Storage refuses the object",
        "give the service account the right to create and replace objects in the bucket (roles/storage.objectUser), and \
         check the bucket's name and the computer's clock",
    ),
    own(
        "STORAGE_UNREACHABLE",
        "the object could not be stored: no answer, or one that asks for patience",
        "an uncaught error lets the notification's run try again later",
    ),
    own("UNKNOWN_DATA_SOURCE", "there is one data source", "give null for dataSourceId"),
    own("ANSWER_TOO_LARGE", "a host function's answer is too large", "ask for less at once"),
    own("SQL_SYNTAX", "the statement cannot be read", "see the place that the error names"),
    own(
        "SQL_DENIED",
        "scripts use their own tables only",
        "no ATTACH, PRAGMA, transactions, tables of the host, nor more than 2,000 functions (100 LIKE) in a statement",
    ),
    own("SQL_CONSTRAINT", "a constraint of the table was violated", "see its definition in the migrations"),
    own("SQL_PARAMETERS", "the number of parameters does not fit", "give as many as the statement has `?`"),
    own(
        "SQL_INTERRUPTED",
        "the statement took too long",
        "add an index, or ask an admin for more limits.wall_ms",
    ),
    own(
        "SQL_MEMORY",
        "the statement takes more memory than limits.sql_memory_mb",
        "sort, group or read less at once, add an index, or ask an admin for more",
    ),
    own(
        "SQL_FULL",
        "the database is as large as limits.database_mb, or the disk is full",
        "delete rows, ask an admin for more, or make room on the disk",
    ),
    own(
        "SQL_TOO_BIG",
        "the result, a value or row, or the definitions of all tables are too large",
        "select fewer rows or columns; keep a value below 2 MiB",
    ),
    own(
        "SQL_TRANSACTION_LOST",
        "a statement ended the run's transaction",
        "do without OR ROLLBACK and RAISE(ROLLBACK); see what the statement before it has thrown",
    ),
    own("SQL_ERROR", "the statement failed", "read SQLite's sentence"),
    own(
        "JOURNAL_MISMATCH",
        "a run that has sent, or has waited to send, makes other calls than before",
        "do not change an action while its runs are being retried",
    ),
];

pub(super) fn run(code: &str) -> Result<(), Failure> {
    if let Ok(number) = code.parse::<i64>() {
        if let Some(known) = twilio::explain(number) {
            output::line(format_args!("{number} (Twilio): {}", known.meaning));
            output::line(format_args!("help: {}", known.remedy));
            output::line(format_args!("see: {}", twilio::more_info(number)));
            return Ok(());
        }
        return Err(unknown(code)
            .help(format!("Twilio's page may know it: {}", twilio::more_info(number)))
            .into());
    }
    let wanted = code.to_ascii_uppercase();
    if let Some(known) = OWN.iter().find(|known| known.code == wanted) {
        output::line(format_args!("{}: {}", known.code, known.meaning));
        output::line(format_args!("help: {}", known.remedy));
        return Ok(());
    }
    Err(match nearest(&wanted, OWN.iter().map(|known| known.code)) {
        Some(near) => unknown(code).help(format!("did you mean `{near}`?")),
        None => unknown(code).help("give a number of Twilio's, or a code as an error or an outcome shows it"),
    }
    .into())
}

fn unknown(code: &str) -> Diagnostic {
    Diagnostic::error("UNKNOWN_CODE", format!("`{}` is not a code that is known here", code.escape_debug()))
}

#[cfg(test)]
mod tests;
