//! What people write who come from Node.js, a browser or Twilio Functions, and what to write here.

/// What to do instead of exporting something.
pub(in crate::script::sandbox) const INSTEAD_OF_EXPORTS: &str = "the whole file is the body of the action: its input is \
                                                                 `vo`, and `return value` ends it; what several actions \
                                                                 share belongs into lib/";

/// A name that is a global elsewhere, and what to do instead.
const GLOBALS: &[(&[&str], &str)] = &[
    (
        &["process"],
        "there is no environment here: utils.getParameter(\"NAME\") reads what stands under [applications.<appId>.parameters]",
    ),
    (&["fetch", "XMLHttpRequest", "axios", "WebSocket", "EventSource"], NO_NETWORK),
    (&["Buffer"], "use TextEncoder and TextDecoder, and atob and btoa for base64"),
    (
        &["__dirname", "__filename"],
        "there are no files here: require(\"./lib/x\") loads code, utils.getPublicUrl names a file",
    ),
    (&["event"], "the input is `vo`: its fields are Twilio's own, such as vo.MessageSid and vo.Body"),
    (&["callback", "cb"], "return the value: the file is the body of the action, so `return value` ends it"),
    (
        &["context"],
        "there is no context here: utils.getParameter reads parameters, utils.sendWhatsappMessage sends",
    ),
    (
        &["Twilio", "twilio"],
        "utils.sendWhatsappMessage sends, and what the action returns is its answer: a text or { body, mediaUrl }",
    ),
    (&["client"], "utils.sendWhatsappMessage sends: there is no client to make"),
    (
        &["window", "document", "localStorage", "sessionStorage", "alert", "self", "navigator"],
        "this is no browser",
    ),
    (&["global"], "write globalThis"),
    (&["await"], "it waits in async functions only: write `async` before the function that it stands in"),
    (&["Intl"], "it is left out; docs/javascript.md says how to write money and dates without it"),
    (
        &["describe", "it", "expect"],
        "tests here are test(\"…\", () => { … }) with assert, in files `*.test.js`",
    ),
    (&["performance"], "write Date.now()"),
    (
        &["WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"],
        "it is left out, so that a retry sees what the first attempt saw",
    ),
];

const NO_NETWORK: &str = "an action has no network of its own: utils.sendWhatsappMessage sends, utils.saveMedia fetches a \
                          medium that came in";

/// A module of Node.js or a package, and what to use instead.
const MODULES: &[(&[&str], &str)] = &[
    (&["twilio"], "no client is needed: utils.sendWhatsappMessage and utils.whatsapp.send send"),
    (
        &[
            "axios",
            "node-fetch",
            "got",
            "request",
            "superagent",
            "undici",
            "http",
            "https",
            "net",
            "tls",
            "ws",
        ],
        NO_NETWORK,
    ),
    (
        &["fs", "path", "os"],
        "an action has no files: utils.executeQuery and utils.executeSql keep data, utils.getPublicUrl names a file",
    ),
    (
        &["dotenv", "process"],
        "utils.getParameter(\"NAME\") reads what stands under [applications.<appId>.parameters]",
    ),
    (
        &["sqlite3", "better-sqlite3", "pg", "mysql", "mysql2", "mongodb", "redis", "knex", "sequelize"],
        "utils.executeQuery and utils.executeSql work on the application's own database",
    ),
    (
        &["@google-cloud/storage", "aws-sdk"],
        "utils.getSignedUrl and utils.saveMedia work on Google Cloud Storage",
    ),
    (&["buffer"], "use TextEncoder and TextDecoder, and atob and btoa for base64"),
    (&["url"], "URL is a global"),
    (&["util"], "console.log shows objects; TextEncoder is a global"),
];

const PACKAGES: &str = "there are no packages here: put the code into lib/ and write require(\"./lib/NAME\")";

fn of(table: &'static [(&[&str], &str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, remedy)| *remedy)
}

/// What to do instead of using the global `name`.
pub(in crate::script::sandbox) fn instead_of(name: &str) -> Option<&'static str> {
    of(GLOBALS, name)
}

/// What to do instead of reading `member` of the global `name`.
pub(super) fn instead_of_member(name: &str, members: &[&str]) -> Option<String> {
    match (name, members) {
        ("process", ["env", variable, ..]) => Some(format!(
            "write utils.getParameter(\"{variable}\"), and `{variable} = …` under [applications.<appId>.parameters]"
        )),
        ("event", [field, ..]) => Some(format!("the input is `vo`: write vo.{field}")),
        ("context", ["getTwilioClient", ..]) => {
            Some("no client is needed: utils.sendWhatsappMessage and utils.whatsapp.send send".to_owned())
        }
        ("context", [name, ..]) => Some(format!(
            "write utils.getParameter(\"{name}\"), and `{name} = …` under [applications.<appId>.parameters]"
        )),
        ("Twilio", ["Response" | "twiml", ..]) => {
            Some("return the reply: a text, or { body, mediaUrl }".to_owned())
        }
        _ => None,
    }
}

/// What to do instead of `require(specifier)`, which is no path.
pub(in crate::script::sandbox) fn instead_of_module(specifier: &str) -> &'static str {
    let name = specifier.strip_prefix("node:").unwrap_or(specifier);
    of(MODULES, name).unwrap_or(PACKAGES)
}
