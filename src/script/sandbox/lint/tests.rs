//! Mistakes that are told, and programs that work, of which nothing is told.

use super::*;
use crate::script::protocol::{Bundle, CallShape, FunctionSpec, SandboxLimits, Scope, Start};

fn linter() -> Linter {
    let function = |name: &str, parameters: &[&str], required, returns_json: bool, scope| {
        let parameters = parameters.iter().map(|name| (*name).to_owned()).collect();
        (
            FunctionSpec { name: name.into(), parameters, scope, returns_object: !returns_json },
            CallShape { required, returns_json },
        )
    };
    let message = ["toPhoneNumber", "message", "publicMediaURL", "bucketName", "fileName"];
    let (functions, shapes) = [
        function("sendWhatsappMessage", &message, 1, true, Scope::Global),
        function("whatsapp.send", &["message"], 1, false, Scope::Utils),
        function("executeQuery", &["sql", "dataSourceId", "...params"], 1, true, Scope::Utils),
        function("getParameter", &["name"], 1, false, Scope::Utils),
        function("log", &["message", "level"], 0, false, Scope::Utils),
        function("reply", &["returned"], 1, false, Scope::Hidden),
    ]
    .into_iter()
    .unzip();
    let files = ["x.js", "lib/orders.js", "lib/deep/index.js", "util.js"].map(|path| SourceFile {
        path: path.into(),
        shown: format!("scripts/demo/{path}"),
        text: Ok(String::new()),
    });
    let limits = SandboxLimits {
        cpu_ms: 500,
        wall_ms: 5_000,
        memory_mb: 64,
        runs_per_context: 1,
        max_result_bytes: 1 << 20,
        max_log_lines: 10,
        max_log_line_bytes: 100,
    };
    let bundle = Bundle { version: "1".into(), files: files.into() };
    let start = Start {
        app_id: "demo".into(),
        bundle,
        functions,
        limits,
        prelude: None,
        time_zone: crate::base::TimeZone::default(),
    };
    Linter::new(Vocabulary { start, shapes }).expect("a Context")
}

fn told_of(linter: &Linter, text: &str, role: &Role) -> Vec<String> {
    let path = if *role == Role::Module { "lib/x.js" } else { "x.js" };
    let file = SourceFile { path: path.into(), shown: path.into(), text: Ok(text.into()) };
    let findings = linter.lint(&file, role).findings;
    let told = findings.iter().map(|finding| {
        let word = if finding.is_error { "error" } else { "warning" };
        let Finding { rule, message, help, line, column, .. } = finding;
        format!("{word} {} {line}:{column} {message} | {help}", rule.code())
    });
    told.collect()
}

/// Each text with what is told of it: the beginning of the line, and the beginning of the remedy.
fn expect(role: &Role, cases: &[(&str, &str, &str)]) {
    let linter = linter();
    for (text, wanted, remedy) in cases {
        let told = told_of(&linter, text, role);
        let [told] = told.as_slice() else { panic!("{text}\n{told:#?}") };
        let (what, help) = told.split_once(" | ").unwrap();
        assert!(what.starts_with(wanted), "{text}\n{told}\nwanted {wanted}");
        assert!(help.contains(remedy), "{text}\n{told}\nwanted {remedy}");
    }
}

fn nothing_is_told(role: &Role, texts: &[&str]) {
    let linter = linter();
    for text in texts {
        let body = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok((*text).into()) };
        let problem = super::super::load_problem(&body, *role == Role::Module);
        assert_eq!(problem, None, "{text} compiles");
        assert_eq!(told_of(&linter, text, role), Vec::<String>::new(), "{text}");
    }
}

const ACTION: Role = Role::Action { vo: Vec::new() };

fn status() -> Role {
    let fields = ["MessageSid", "MessageStatus", "ErrorCode", "From", "To", "companyId"];
    Role::Action { vo: fields.map(str::to_owned).into() }
}

#[test]
fn a_member_that_there_is_not_is_an_error_with_the_nearest() {
    expect(
        &ACTION,
        &[
            (
                "return utils.sendWhatsapMessage('+39', 'x')",
                "error UNKNOWN_NAME 1:14 `utils` has no `sendWhatsapMessage`",
                "did you mean `utils.sendWhatsappMessage`?",
            ),
            ("const x = 1;\n  utils.whatsapp.sendd({})", "error UNKNOWN_NAME 2:18", "`utils.whatsapp.send`?"),
            ("utils['executeQuerry']('x')", "error UNKNOWN_NAME 1:7", "`utils.executeQuery`?"),
            ("(utils).executeQuerry('x')", "error UNKNOWN_NAME 1:9", "`utils.executeQuery`?"),
            (
                "const { executeQuerry } = utils; return executeQuerry",
                "error UNKNOWN_NAME 1:9",
                "executeQuery",
            ),
            (
                "const { whatsapp: { sendd } } = utils; sendd()",
                "error UNKNOWN_NAME 1:21",
                "utils.whatsapp.send",
            ),
            ("let a; ({ executeQuerry: a } = utils); a()", "error UNKNOWN_NAME 1:11", "executeQuery"),
            ("console.lgo('x')", "error UNKNOWN_NAME 1:9 `console` has no `lgo`", "`console.log`?"),
            ("return reqParams.companyID", "error UNKNOWN_NAME 1:18", "`reqParams.companyId`?"),
            ("return userInfo.companyid", "error UNKNOWN_NAME 1:17", "`userInfo.companyId`?"),
            ("utils.zzz()", "error UNKNOWN_NAME 1:7", "`utils` has `executeQuery`, `getParameter`"),
            // It reads undefined, which may be meant.
            ("return utils.zzz", "warning UNKNOWN_NAME 1:14", "`utils` has"),
            ("try { utils.zzz() } catch { return 1 }", "warning UNKNOWN_NAME 1:13", "`utils` has"),
            ("try { utils.sendWhatsapMessage() } finally { }", "error UNKNOWN_NAME 1:13", "did you mean"),
            ("utils.reply('x')", "error UNKNOWN_NAME 1:7", "`utils` has"),
        ],
    );
}

#[test]
fn what_a_file_tests_for_or_declares_it_may_use() {
    nothing_is_told(
        &ACTION,
        &[
            "return utils.sendSms ?? utils.sendWhatsappMessage",
            "return typeof utils.sendSms === 'function' ? utils.sendSms('x') : null",
            "utils.sendSms?.('x')",
            "if (utils.sendSms) { utils.sendSms('x') }",
            "if (!utils.sendSms) return 1; utils.sendSms('x')",
            "utils.sendSms && utils.sendSms('x')",
            "const send = utils.sendSms || utils.log; send('x')",
            "if (utils.sendSms !== undefined) utils.sendSms('x')",
            "if ('sendSms' in utils) utils.sendSms('x')",
            "const { sendSms = null } = utils; return sendSms",
            "function f(utils) { return utils.zzz() } return f({ zzz() {} })",
            "const utils2 = { zzz() {} }; utils2.zzz()",
            "{ const utils = { zzz() {} }; utils.zzz() }",
            "try { throw 1 } catch (console) { console.zzz }",
            "utils.zzz = () => 1; utils.zzz()",
            "return [utils.hasOwnProperty('log'), String(console), utils.toString()]",
            "const name = 'log'; utils[name]('x')",
            "utils.log.call(null, 'x')",
            "const { log, ...rest } = utils; return rest",
        ],
    );
}

#[test]
fn a_variable_that_nothing_declares_is_an_error() {
    expect(
        &ACTION,
        &[
            (
                "const total = 1;\nreturn totl + 1",
                "error UNKNOWN_NAME 2:8 nothing declares `totl`",
                "`total`?",
            ),
            ("return parseint('1')", "error UNKNOWN_NAME 1:8", "`parseInt`?"),
            ("qqqq = 1", "error UNKNOWN_NAME 1:1", "declare it with `let`"),
            ("qqqq++", "error UNKNOWN_NAME 1:1", "declare it with `let`"),
            ("for (qqqq of []) {}", "error UNKNOWN_NAME 1:6", "declare it with `let`"),
            ("return { qqqq }", "error UNKNOWN_NAME 1:10", "declare it"),
            ("{ let inner = 1 } return inner", "error UNKNOWN_NAME 1:26", "declare it"),
            ("function f(a) {} return a1b2c3", "error UNKNOWN_NAME 1:25", "declare it"),
            ("for (let index = 0; index < 1; index++) {} return index", "error UNKNOWN_NAME 1:51", ""),
            ("sendWhatsapMessage('+39', 'x')", "error UNKNOWN_NAME 1:1", "`sendWhatsappMessage`?"),
            ("return `${qqqq}`", "error UNKNOWN_NAME 1:11", ""),
            ("return [].map((x) => x + qqqq)", "error UNKNOWN_NAME 1:26", ""),
            ("class A { m() { return qqqq } }", "error UNKNOWN_NAME 1:24", ""),
            ("try { qqqq() } catch { }", "warning UNKNOWN_NAME 1:7", ""),
            ("try { qqqq } catch { }", "warning UNKNOWN_NAME 1:7", ""),
        ],
    );
}

#[test]
fn names_are_seen_where_they_are_declared() {
    nothing_is_told(
        &ACTION,
        &[
            "return later(); function later() { return [vo, reqParams, companyId, applicationId, userInfo, require] }",
            "var a = b; var b; return a",
            "if (1) { var hoisted = 1 } return hoisted",
            "for (const [key, { value: [first] }] of Object.entries({})) { key; first }",
            "for (const key in {}) key; for (let i = 0, j = 1; i < j; i++) {}",
            "const f = ({ a, b: { c } = {} }, [d, ...e], g = a, ...h) => [a, c, d, e, g, h]; f({}, [])",
            "const fact = function self(n) { return n ? n * self(n - 1) : 1 }; return fact(3)",
            "const A = class Inner { static #p = 1; static { Inner.x = 1 } m() { return [Inner, A] } get q() { return 1 } }",
            "class B { constructor(x) { this.x = x } static s(y) { return new B(y) } }",
            "switch (vo.a) { case 1: let z = 1; break; default: z = 2 }",
            "try { throw 1 } catch ({ message, ...rest }) { return [message, rest] }",
            "label: for (;;) { break label }",
            "const o = { m(x) { return x }, get y() { return 1 }, set y(v) { v }, async *g(w) { yield w }, ['k']: 1 }",
            "function f() { return [arguments.length, new.target, undefined, NaN, Infinity, globalThis] } f()",
            "let a, b; [a, b] = [1, 2]; ({ a, b: [b] } = { b: [] }); return [a, b]",
            "let x; for (x of []) {} for ([x] of []) {}",
            "async function* g() { for await (const x of g()) yield x } await g().next()",
            "const tag = (s, ...v) => s; return tag`a${1}`",
            "const { a: { b = 1 } = {}, ...c } = {}; return [b, c]",
        ],
    );
}

#[test]
fn a_feature_test_makes_a_name_known() {
    nothing_is_told(
        &ACTION,
        &[
            "return typeof qqqq",
            "if (typeof fetch === 'function') await fetch('https://x')",
            "return globalThis.crypto ? crypto.randomUUID() : 'x'",
            "return 'process' in globalThis ? process.env.X : null",
        ],
    );
}

#[test]
fn habits_are_named_with_the_remedy() {
    expect(
        &ACTION,
        &[
            (
                "return process.env.API_KEY",
                "error UNKNOWN_NAME 1:8 `process`",
                "utils.getParameter(\"API_KEY\")",
            ),
            ("return process.cwd()", "error UNKNOWN_NAME 1:8 `process`", "utils.getParameter(\"NAME\")"),
            ("await fetch('https://x')", "error UNKNOWN_NAME 1:7 `fetch`", "no network"),
            ("new XMLHttpRequest()", "error UNKNOWN_NAME 1:5", "no network"),
            ("return Buffer.from('x').toString('base64')", "error UNKNOWN_NAME 1:8", "btoa"),
            ("return event.Body", "error UNKNOWN_NAME 1:8 `event`", "vo.Body"),
            ("callback(null, 'x')", "error UNKNOWN_NAME 1:1 `callback`", "return the value"),
            ("context.getTwilioClient()", "error UNKNOWN_NAME 1:1 `context`", "utils.sendWhatsappMessage"),
            ("return context.API_KEY", "error UNKNOWN_NAME 1:8", "utils.getParameter(\"API_KEY\")"),
            ("return new Twilio.twiml.MessagingResponse()", "error UNKNOWN_NAME 1:12", "return the reply"),
            ("return new Twilio.Response()", "error UNKNOWN_NAME 1:12", "return the reply"),
            ("await import('./lib/orders.js')", "error FOREIGN_HABIT 1:7 import()", "require("),
            (
                "exports.handler = async (event, context, callback) => callback(null, event.Body)",
                "error EXPORTS_IN_ACTION 1:1",
                "the whole file is the body",
            ),
            ("module.exports = { a: 1 }", "error EXPORTS_IN_ACTION 1:1", "lib/"),
            ("module.exports.a = 1; module.exports.b = 2", "error EXPORTS_IN_ACTION 1:1", "lib/"),
        ],
    );
    nothing_is_told(
        &Role::Module,
        &["exports.a = 1; module.exports = { b: vo }; module.exports.c = exports"],
    );
    nothing_is_told(
        &ACTION,
        &["if (typeof module !== 'undefined') module.exports = 1", "const exports = {}; exports.a = 1"],
    );
}

#[test]
fn a_required_file_is_looked_for_as_a_run_looks_for_it() {
    let linter = linter();
    let file = SourceFile {
        path: "orders/confirm.js".into(),
        shown: "x".into(),
        text: Ok("require('../lib/orders'); require('../lib/deep'); require('../util.js'); require('../lib/orders.js')".into()),
    };
    let linted = linter.lint(&file, &ACTION);
    assert_eq!((linted.findings, linted.requires_any), (Vec::new(), false));
    assert_eq!(linted.required, ["lib/orders.js", "lib/deep/index.js", "util.js"]);
    let file = SourceFile { text: Ok("const name = 'a'; require('./' + name)".into()), ..file };
    assert!(linter.lint(&file, &ACTION).requires_any);
    expect(
        &ACTION,
        &[
            ("require('./lib/ordres')", "error UNKNOWN_MODULE 1:9", "did you mean the file `lib/orders.js`?"),
            ("require('lib/orders')", "error UNKNOWN_MODULE 1:9", "write require(\"./lib/orders\")"),
            ("require('twilio')", "error UNKNOWN_MODULE 1:9", "utils.sendWhatsappMessage"),
            ("require('node:fs')", "error UNKNOWN_MODULE 1:9", "no files"),
            ("require('axios')", "error UNKNOWN_MODULE 1:9", "no network"),
            ("require('lodash')", "error UNKNOWN_MODULE 1:9", "no packages"),
            (
                "require('../../etc/passwd')",
                "error UNKNOWN_MODULE 1:9 require(\"../../etc/passwd\") leads out",
                "path",
            ),
            ("require('/etc/passwd')", "error UNKNOWN_MODULE 1:9", "begins with ./"),
            ("try { require('optional') } catch {}", "warning UNKNOWN_MODULE 1:15", "no packages"),
        ],
    );
    nothing_is_told(&ACTION, &["const require = (x) => x; require('twilio')"]);
}

#[test]
fn fields_of_a_form_have_twilios_spelling() {
    expect(
        &status(),
        &[
            ("return vo.messageSid", "warning VO_FIELD 1:11 `vo` has no `messageSid`", "write vo.MessageSid"),
            ("return vo.message_status", "warning VO_FIELD 1:11", "write vo.MessageStatus"),
            ("return vo['messagesid']", "warning VO_FIELD 1:11", "write vo.MessageSid"),
            ("const { errorCode } = vo; return errorCode", "warning VO_FIELD 1:9", "write vo.ErrorCode"),
            ("return vo.company_id", "warning VO_FIELD 1:11", "write vo.companyId"),
        ],
    );
    nothing_is_told(
        &status(),
        &[
            "return vo.MessageSid + vo.companyId + vo.Unknown + vo.toString()",
            "return vo.MessageSid ?? vo.messageSid",
            "if (vo.messageSid) return vo.messageSid",
            "const { errorCode = '' } = vo; return errorCode",
            "function f(vo) { return vo.messageSid } return f({})",
            "vo.messageSid = 1; return vo.messageSid",
        ],
    );
    nothing_is_told(&ACTION, &["return vo.messageSid"]);
    nothing_is_told(&Role::Module, &["exports.f = (vo) => vo.messageSid; exports.g = vo.messageSid"]);
}

#[test]
fn json_text_is_no_object() {
    let sent = "const outcome = utils.sendWhatsappMessage('+39', 'x');";
    let remedy = "JSON.parse(utils.sendWhatsappMessage(…))";
    expect(
        &ACTION,
        &[
            (
                &format!("{sent} if (outcome.success) return 1"),
                "warning OUTCOME_NOT_PARSED 1:68 `success`",
                remedy,
            ),
            (&format!("{sent} return () => outcome.sid"), "warning OUTCOME_NOT_PARSED", remedy),
            (&format!("{sent} const {{ sid }} = outcome; return sid"), "warning OUTCOME_NOT_PARSED", remedy),
            (
                "let o = await sendWhatsappMessage('+39', 'x'); return o.status",
                "warning OUTCOME_NOT_PARSED",
                remedy,
            ),
            ("return utils.sendWhatsappMessage('+39', 'x').sid", "warning OUTCOME_NOT_PARSED 1:46", remedy),
            (
                "const rows = utils.executeQuery('SELECT 1'); return rows[0].name",
                "warning OUTCOME_NOT_PARSED",
                "JSON.parse",
            ),
            (
                "return utils.executeQuery('SELECT 1').map((row) => row)",
                "warning OUTCOME_NOT_PARSED",
                "JSON.parse",
            ),
            (
                "for (const row of utils.executeQuery('SELECT 1')) row",
                "warning OUTCOME_NOT_PARSED 1:19",
                "JSON.parse",
            ),
            (
                "const [row] = utils.executeQuery('SELECT 1'); return row",
                "warning OUTCOME_NOT_PARSED",
                "JSON.parse",
            ),
        ],
    );
    nothing_is_told(
        &ACTION,
        &[
            "const o = JSON.parse(utils.sendWhatsappMessage('+39', 'x')); return o.success",
            "let o = utils.sendWhatsappMessage('+39', 'x'); o = JSON.parse(o); return o.success",
            "const o = utils.sendWhatsappMessage('+39', 'x'); return o.length + o.includes('true') + o[0].length",
            "const o = utils.whatsapp.send({}); return o.success",
            "const o = utils.sendWhatsappMessage('+39', 'x'); { const o = { success: 1 }; return o.success }",
            "const { length } = utils.executeQuery('SELECT 1'); return length",
        ],
    );
}

#[test]
fn arguments_are_counted() {
    expect(
        &ACTION,
        &[
            (
                "utils.executeQuery()",
                "warning ARGUMENT_COUNT 1:1 utils.executeQuery is called without `sql`",
                "...params",
            ),
            (
                "sendWhatsappMessage('+39', 'x', null, null, null, 7)",
                "warning ARGUMENT_COUNT 1:1 utils.sendWhatsappMessage takes 5 arguments, and is called with 6",
                "toPhoneNumber, message",
            ),
            ("utils.whatsapp.send()", "warning ARGUMENT_COUNT", "utils.whatsapp.send(message)"),
        ],
    );
    nothing_is_told(
        &ACTION,
        &[
            "utils.executeQuery('x', null, 1, 2, 3, 4, 5); utils.log(); const a = []; utils.getParameter(...a)",
            "sendWhatsappMessage('+39'); setTimeout(); require()",
        ],
    );
}

#[test]
fn a_promise_that_nobody_waits_for_is_told() {
    let awaits = "async function main() { await null; }\n";
    expect(
        &ACTION,
        &[
            (
                &format!("{awaits}main()"),
                "warning NOT_AWAITED 2:1 nobody waits for `main()`",
                "write `await`",
            ),
            (
                &format!("{awaits}main().catch(console.error); return 'x'"),
                "warning NOT_AWAITED 2:1",
                "`await`",
            ),
            ("const main = async () => { await null }; main()", "warning NOT_AWAITED 1:42", "`await`"),
            (
                "(async () => { await null })()",
                "warning NOT_AWAITED 1:1 nobody waits for an async function",
                "`await`",
            ),
            (";(async function () { await null }())", "warning NOT_AWAITED", "`await`"),
        ],
    );
    let working = [
        format!("{awaits}await main()"),
        format!("{awaits}return main()"),
        format!("{awaits}void main()"),
        format!("{awaits}main(); await new Promise((done) => setTimeout(done, 10))"),
        format!("{awaits}const p = main(); return p"),
        format!("{awaits}main(); return Promise.resolve()"),
        "async function main() { utils.log('x') } main()".to_owned(),
        "function main() {} main()".to_owned(),
        "(async () => { utils.log('x') })()".to_owned(),
    ];
    nothing_is_told(&ACTION, &working.iter().map(String::as_str).collect::<Vec<_>>());
    nothing_is_told(&Role::Module, &[&format!("{awaits}main()")]);
}

#[test]
fn tests_have_names_of_their_own() {
    let text = "test('x', async () => { run('a'); assert.equal(1, 1); phone; twilio; clock; query; })";
    nothing_is_told(&Role::Test, &[text]);
    assert!(!told_of(&linter(), text, &ACTION).is_empty());
}

#[test]
fn a_file_full_of_mistakes_is_told_to_a_limit() {
    let text = "utils.a1b2c3d4();\n".repeat(10 * MAX_NOTED);
    assert_eq!(told_of(&linter(), &text, &ACTION).len(), MAX_FINDINGS);
}

/// Twice as much text takes about twice as long: the nearest of ten thousand names is not looked for ten thousand times.
#[test]
fn many_names_and_many_mistakes_take_no_long_time() {
    let many = |before, after| {
        (0..5_000).fold(String::new(), |text, number| format!("{text}{before}{number}{after}"))
    };
    let declared: String = many("let name", ";\n");
    let mistakes: String = many("mistake", "();\n");
    let began = std::time::Instant::now();
    assert_eq!(told_of(&linter(), &(declared + &mistakes), &ACTION).len(), MAX_FINDINGS);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}
