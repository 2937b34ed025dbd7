//! Mistakes that are told, and programs that work, of which nothing is told.

mod across;

use super::*;
use crate::script::protocol::{AsyncExport, Bundle, CallShape, FunctionSpec, SandboxLimits, Scope, Start};

fn linter() -> Linter {
    let function = |name: &str, parameters: &[&str], required, returns_json: bool, scope| {
        let parameters = parameters.iter().map(|name| (*name).to_owned()).collect();
        (
            FunctionSpec { name: name.into(), parameters, scope, returns_object: !returns_json },
            CallShape { required, returns_json, ..CallShape::default() },
        )
    };
    let message = ["toPhoneNumber", "message", "publicMediaURL", "bucketName", "fileName"];
    let (functions, mut shapes): (Vec<_>, Vec<_>) = [
        function("sendWhatsappMessage", &message, 1, true, Scope::Global),
        function("whatsapp.send", &["message"], 1, false, Scope::Utils),
        function("executeQuery", &["sql", "dataSourceId", "...params"], 1, true, Scope::Utils),
        function("getParameter", &["name"], 1, false, Scope::Utils),
        function("log", &["message", "level"], 0, false, Scope::Utils),
        function("setReturnValue", &["value"], 0, false, Scope::Utils),
        function("reply", &["returned"], 1, false, Scope::Hidden),
    ]
    .into_iter()
    .unzip();
    shapes[1].members = ["to", "body", "mediaUrl"].map(str::to_owned).to_vec();
    shapes[1].aliases = vec![("text".to_owned(), "body".to_owned())];
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
    let findings = linter.lint(&file, role, &[]).findings;
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
    let linted = linter.lint(&file, &ACTION, &[]);
    assert_eq!((linted.findings, linted.requires_any), (Vec::new(), false));
    assert_eq!(linted.required, ["lib/orders.js", "lib/deep/index.js", "util.js"]);
    let file = SourceFile { text: Ok("const name = 'a'; require('./' + name)".into()), ..file };
    assert!(linter.lint(&file, &ACTION, &[]).requires_any);
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
            (
                "const { MesageStatus } = vo; return MesageStatus",
                "warning VO_FIELD 1:9",
                "write vo.MessageStatus",
            ),
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
            // What a promise is given runs later, whether or not the function awaits.
            (
                "async function main() { return 1 }\nmain().then((x) => utils.setReturnValue(x))",
                "warning NOT_AWAITED 2:1 nobody waits for `main()`: a run ends with the file, and what `.then(…)`",
                "`await`",
            ),
            (
                "Promise.all(vo.list.map((x) => x)).then(utils.log).finally(() => utils.log('end'))",
                "warning NOT_AWAITED 1:1 nobody waits for a promise",
                "`await`",
            ),
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
        "return Promise.all(vo.list).then(utils.log)".to_owned(),
        "const p = Promise.all(vo.list).then(utils.log); await p".to_owned(),
        "vo.list.map((x) => x).filter(Boolean)".to_owned(),
    ];
    nothing_is_told(&ACTION, &working.iter().map(String::as_str).collect::<Vec<_>>());
    nothing_is_told(&Role::Module, &[&format!("{awaits}main()")]);
}

#[test]
fn a_promise_that_is_taken_for_its_value_is_told() {
    let load = "async function load(id) { await null; return { id } }\n";
    let remedy = "write `await load(…)` in line 2";
    let cases = [
        (
            "const order = load(1); return order.id",
            "warning NOT_AWAITED 2:37 `order` is a promise, because `load` is async, so it has no `id`",
            remedy,
        ),
        ("let order = load(1); return order['id']", "warning NOT_AWAITED 2:35", remedy),
        (
            "const order = load(1); return order[0]",
            "warning NOT_AWAITED 2:31 `order` is a promise, because `load` is async, so it has no elements",
            remedy,
        ),
        ("const order = load(1); return order?.id", "warning NOT_AWAITED 2:38", remedy),
        ("const order = load(1); return order.lines.map((x) => x)", "warning NOT_AWAITED 2:37", remedy),
        ("const order = load(1); return order + 1", "warning NOT_AWAITED 2:31", remedy),
        ("const order = load(1); return 2 * order", "warning NOT_AWAITED 2:35", remedy),
        ("const order = load(1); return -order", "warning NOT_AWAITED 2:32", remedy),
        ("const order = load(1); return `${order}`", "warning NOT_AWAITED 2:34", remedy),
        ("const order = load(1); if (order) return 1", "warning NOT_AWAITED 2:28", "in line 2"),
        ("const order = load(1); if (vo.a && !order) return 1", "warning NOT_AWAITED 2:37", remedy),
        ("const order = load(1); return order ? 1 : 2", "warning NOT_AWAITED 2:31", remedy),
        ("const order = load(1); while (order) break", "warning NOT_AWAITED 2:31", remedy),
        ("const order = load(1); return order === null", "warning NOT_AWAITED 2:31", remedy),
        ("const order = load(1); return JSON.stringify(order)", "warning NOT_AWAITED 2:46", remedy),
        ("const order = load(1); console.log('x', order)", "warning NOT_AWAITED 2:41", remedy),
        ("const order = load(1); utils.log(order)", "warning NOT_AWAITED 2:34", remedy),
        ("const order = load(1); sendWhatsappMessage('+39', order)", "warning NOT_AWAITED 2:51", remedy),
        ("const order = load(1); return String(order)", "warning NOT_AWAITED 2:38", remedy),
        ("const order = load(1); const { id } = order; return id", "warning NOT_AWAITED 2:39", remedy),
        ("const orders = load(1); for (const order of orders) order", "warning NOT_AWAITED 2:45", remedy),
        ("const orders = load(1); return [...orders]", "warning NOT_AWAITED 2:36", remedy),
        // It is told once, where it is first met.
        ("const order = load(1); utils.log(order.id); return order.id", "warning NOT_AWAITED 2:40", remedy),
        // In functions too, and before the declaration.
        (
            "function f() { const order = load(1); return order.id } return f()",
            "warning NOT_AWAITED 2:52",
            remedy,
        ),
        (
            "function f() { return order.id } const order = load(1); return f()",
            "warning NOT_AWAITED 2:29",
            remedy,
        ),
        ("if (vo.a) { const order = load(1); return order.id }", "warning NOT_AWAITED 2:49", remedy),
        (
            "const f = () => { const save = async () => 1; const s = save(); return s + 1 }; f()",
            "warning NOT_AWAITED 2:72",
            "await save(…)",
        ),
        // Another variable of that name excuses nothing.
        (
            "function f() { const order = load(1); return order } const order = load(1); f(); return order.id",
            "warning NOT_AWAITED 2:95",
            remedy,
        ),
        // At once.
        (
            "return load(1).id",
            "warning NOT_AWAITED 2:16 `load(…)` is a promise, because `load` is async, so it has no `id`",
            "`(await load(…)).id`",
        ),
        (
            "if (load(1)) return 1",
            "warning NOT_AWAITED 2:5 `load(…)` is a promise, because `load` is async, so it always counts as true",
            "`await load(…)`",
        ),
        ("return `${load(1)}`", "warning NOT_AWAITED 2:11", "await"),
        ("utils.log(load(1))", "warning NOT_AWAITED 2:11", "await"),
        ("const { id } = load(1); return id", "warning NOT_AWAITED 2:16", "await"),
        ("return !load(1)", "warning NOT_AWAITED 2:9", "await"),
    ];
    let texts: Vec<_> = cases.iter().map(|(text, ..)| format!("{load}{text}")).collect();
    let cases: Vec<_> =
        texts.iter().zip(&cases).map(|(text, (_, told, help))| (text.as_str(), *told, *help)).collect();
    expect(&ACTION, &cases);
    expect(
        &Role::Module,
        &cases.iter().filter(|(text, ..)| !text.contains("return load")).copied().collect::<Vec<_>>(),
    );
}

#[test]
fn a_promise_that_somebody_may_wait_for_is_not_told() {
    let load = "async function load(id) { await null; return { id } }\n";
    let working = [
        "const order = await load(1); return order.id",
        "return (await load(1)).id",
        "return load(1).then((order) => order.id)",
        "const order = load(1); return (await order).id + order.then",
        "const order = load(1); console.log(order); return order",
        "const order = load(1); console.log(order); await order.then(utils.log)",
        "const order = load(1); await Promise.all([order]); utils.log(order)",
        "const order = load(1); keep(order); function keep() {} return order.id",
        "const order = load(1); const kept = { order }; return [kept, `${order}`]",
        "const order = load(1); const other = order; return [`${order}`, other]",
        "let order = load(1); order = await order; return order.id",
        "let order = load(1); return order.id; function f() { order = 7 } f()",
        "let load2 = async () => 1; load2 = () => 1; const n = load2(); return n + 1",
        "const order = load(1); return order instanceof Promise && order.id",
        "const order = load(1); return (async () => (await order).id)() && order.id",
        "const order = load(1); utils.setReturnValue(order); if (order) return",
        "const order = load(1); return vo.a && order",
        "function f(order) { return order.id } const order = load(1); return [f({}), await order]",
        "{ const order = { id: 1 }; return order.id } const order = load(1); await order",
        "function g(load) { const order = load(1); return order.id } return g(() => ({}))",
        "const { then } = load(1); return then",
        "async function* pages() { yield 1 } const all = pages(); for await (const page of all) utils.log(page)",
        "const order = load(1); order.catch(() => 1); return order.constructor",
        "function* ids() { yield 1 } const all = ids(); return all.next().value",
        "const order = vo.a ? load(1) : { id: 1 }; return order.id",
    ];
    let working: Vec<_> = working.iter().map(|text| format!("{load}{text}")).collect();
    nothing_is_told(&ACTION, &working.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn lists_wait_for_no_callback() {
    expect(
        &ACTION,
        &[
            (
                "[1].forEach(async (x) => { await null; utils.log(x) }); return 'ok'",
                "warning NOT_AWAITED 1:5 forEach waits for no async callback",
                "`for (const x of list) { await … }`",
            ),
            ("vo.list.forEach(async function (x) { await x })", "warning NOT_AWAITED 1:9", "Promise.all"),
            (
                "const send = async (x) => { await x }; return [1].forEach(send)",
                "warning NOT_AWAITED 1:51",
                "Promise.all",
            ),
            (
                "return [1].filter(async (x) => x > 1)",
                "warning NOT_AWAITED 1:12 filter does not wait",
                "Promise.all",
            ),
            (
                "async function isPaid() { return false } return [1].some(isPaid)",
                "warning NOT_AWAITED 1:53 some",
                "Promise.all",
            ),
        ],
    );
    nothing_is_told(
        &ACTION,
        &[
            "[1].forEach(async (x) => { utils.log(x) })",
            "[1].forEach((x) => { utils.log(x) })",
            "await Promise.all([1].map(async (x) => { await x }))",
            "await new Promise((done) => [1].forEach(async (x) => { await x; done() }))",
            "return [1].filter((x) => x > 1)",
            "return [1].reduce(async (before, x) => (await before) + x, 0)",
        ],
    );
}

#[test]
fn an_action_that_calls_none_of_its_functions_does_nothing() {
    expect(
        &ACTION,
        &[
            (
                "// sends\nasync function main() { utils.log('x') }",
                "warning NOTHING_RUNS 2:16 nothing happens in this action",
                "`return main();`",
            ),
            (
                "function main(vo) { return helper(vo) }\nfunction helper() {}",
                "warning NOTHING_RUNS 1:10",
                "`return main(vo);`",
            ),
            (
                "'use strict';\nconst orders = require('./lib/orders'); const rate = -1;\nconst send = () => orders.x(rate);",
                "warning NOTHING_RUNS 3:7",
                "`return send();`",
            ),
            (
                "const { log } = utils; var f = function (a) { log(a) }",
                "warning NOTHING_RUNS 1:28",
                "`return f(vo);`",
            ),
            (
                "class A { x = 1 } const a = [1, { b: `c`, d() {} }]; const f = async () => A",
                "warning NOTHING_RUNS",
                "f()",
            ),
        ],
    );
    nothing_is_told(
        &ACTION,
        &[
            "",
            "// nothing yet",
            "const rate = 1",
            "require('./lib/orders')",
            "function main() {} main()",
            "const f = () => 1; return f()",
            "function f() {} const x = f()",
            "function f() {} const x = new Date()",
            "const f = () => 1; if (vo.a) f()",
            "class A { static { utils.log('x') } } function f() {}",
            "class A { static x = utils.log('x') } function f() {}",
            "function f() {} const x = `${f()}`",
            "function f() {} throw f",
        ],
    );
    nothing_is_told(&Role::Module, &["function main() {}"]);
    nothing_is_told(&Role::Test, &["function main() {}"]);
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

#[test]
fn members_of_an_object_that_the_host_is_given_are_known() {
    expect(
        &ACTION,
        &[
            (
                "return utils.whatsapp.send({ to: vo.From, text: 'Ciao' })",
                "error UNKNOWN_NAME 1:43 utils.whatsapp.send: there is no member `text`",
                "did you mean `body`?",
            ),
            (
                "const mediaURL = 'x'; return utils.whatsapp.send({ ...vo.base, mediaURL })",
                "error UNKNOWN_NAME 1:64 utils.whatsapp.send: there is no member `mediaURL`",
                "did you mean `mediaUrl`?",
            ),
            (
                "const { whatsapp } = utils; return utils.whatsapp.send({ 'elsewhere': 1 })",
                "error UNKNOWN_NAME",
                "it takes to, body, mediaUrl",
            ),
            (
                "try { utils.whatsapp.send({ Text: 'Ciao' }) } catch { return 1 }",
                "warning UNKNOWN_NAME",
                "did you mean `body`?",
            ),
        ],
    );
    let linter = linter();
    for sound in [
        "return utils.whatsapp.send({ to: vo.From, body: 'Ciao', ...vo.more })",
        "return utils.whatsapp.send({ [vo.name]: 'Ciao' })",
        "return utils.whatsapp.send(vo.message)",
        "return utils.setReturnValue({ text: 'Ciao' })",
    ] {
        assert_eq!(told_of(&linter, sound, &ACTION), Vec::<String>::new(), "{sound}");
    }
}

#[test]
fn a_constant_that_is_given_another_value_is_told() {
    let remedy = "declare it with `let` in line 1";
    expect(
        &ACTION,
        &[
            ("const sum = 0;\nsum = 1", "error CONST_ASSIGNED 2:1 `sum` is a const", remedy),
            ("const sum = 0;\nfor (const x of vo.list) sum += x", "error CONST_ASSIGNED 2:26", remedy),
            ("const n = 0;\nreturn n++", "error CONST_ASSIGNED 2:8", remedy),
            (
                "const { a, ...b } = vo;\nfunction f() { b = 1 }\nreturn [a, f()]",
                "error CONST_ASSIGNED 2:16",
                remedy,
            ),
            ("const a = 1; let b;\n[a, b] = [b, a]", "error CONST_ASSIGNED 2:1", remedy),
            ("const a = 1;\nfor (a of vo.list) utils.log(a)", "error CONST_ASSIGNED 2:6", remedy),
            ("const a = 1;\ntry { a = 2 } catch { return 1 }", "warning CONST_ASSIGNED 2:7", remedy),
        ],
    );
    let linter = linter();
    for sound in [
        "let a = 1; a = 2",
        "var a = 1; a++",
        "const a = {}; a.b = 1; a['c'] = 2; a.d++",
        "const a = 1; { let a = 2; a = 3 }",
        "const a = 1; function f(a) { a = 2; return a } return f(a)",
        "const a = vo.a; a ??= 1; a ||= 2; a &&= 3",
        "let a = 1; { const a = 2; utils.log(a) } a = 3",
        "for (const a of vo.list) { utils.log(a) } let a = 1; a = 2",
    ] {
        assert_eq!(told_of(&linter, sound, &ACTION), Vec::<String>::new(), "{sound}");
    }
}
