//! What JavaScript means in an action: each `cases/*.js` is an action whose calls, log and end stand in the `.out`
//! beside it. `UPDATE_CASES=1` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use boatswain::script::Worker;
use boatswain::script::protocol::{Bundle, Returned, SourceFile};

use crate::support::{Told, command, run_in, start};

pub const MODULES: &[(&str, &str)] = &[
    ("lib/money.js", "exports.euro = (cents) => (cents / 100).toFixed(2) + ' €'"),
    (
        "lib/deep/index.js",
        "module.exports = { from: __where(), up: require('../money').euro(5) };\nfunction __where() { return 'lib/deep' }",
    ),
    ("lib/a.js", "exports.early = 1; const b = require('./b'); exports.late = b.sawEarly + '/' + b.sawLate"),
    ("lib/b.js", "const a = require('./a'); exports.sawEarly = a.early; exports.sawLate = a.late"),
    ("lib/counter.js", "let count = 0; module.exports = () => ++count"),
    (
        "lib/scope.js",
        "const vo2 = vo; module.exports = () => [vo2 === vo, companyId, applicationId, reqParams.actionId, userInfo.companyId, typeof utils.echo]",
    ),
    ("lib/broken.js", "exports.x = 1;\nexports.y = ;\n"),
    (
        "lib/typo.js",
        "const rate = 2;\nexports.total = (lines) => {\n  let sum = 0;\n  for (const line of lines) sum += line * rat;\n  return sum;\n};",
    ),
    (
        "lib/prices.json",
        "\u{feff}{ \"coffee\": 120, \"__proto__\": { \"x\": 1 }, \"bün\": [1.5, null, true] }\n",
    ),
    ("lib/pricing.js", "exports.prices = require('./prices.json')"),
    ("lib/list.json", "[1, \"two\"]"),
    ("lib/null.json", "null"),
    ("lib/both.js", "module.exports = 'the script'"),
    ("lib/both.json", "\"the data\""),
    ("lib/broken.json", "{\n  \"a\": 1,\n  \"è\": [1, 2,]\n}"),
    ("lib/throws.js", "function inner() {\n  null.x;\n}\nexports.go = inner;"),
];

#[test]
fn every_case_does_what_stands_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of cases")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".js").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let texts: Vec<(String, String)> = names
        .iter()
        .map(|name| {
            let file = format!("{name}.js");
            let text = fs::read_to_string(folder.join(&file)).expect("a case");
            (file, text)
        })
        .collect();
    let mut files: Vec<(&str, &str)> =
        texts.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    files.extend_from_slice(MODULES);
    let mut start = start(&files);
    let large = SourceFile {
        path: "lib/large.json".into(),
        shown: "scripts/demo/lib/large.json".into(),
        text: Err("it is larger than 1 MiB".into()),
    };
    start.bundle.files.push(large);
    start.limits.cpu_ms = 5_000;
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    let mut wrong = Vec::new();
    for (ticket, name) in (0..).zip(&names) {
        let said = describe(&run_in(&mut worker, ticket, name), &start.bundle);
        let expected = folder.join(format!("{name}.out"));
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&expected, &said).expect("written");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if said != expected {
            wrong.push(format!("--- {name}: expected\n{expected}--- but it was\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn describe(told: &Told, bundle: &Bundle) -> String {
    let mut said = String::new();
    for (function, arguments) in &told.calls {
        let _ = writeln!(said, "call {function} {arguments:?}");
    }
    for (level, text) in &told.logs {
        let _ = writeln!(said, "{} {text}", format!("{level:?}").to_lowercase());
    }
    match &told.ended.as_ref().expect("alive").result {
        Ok(Returned::Undefined) => said.push_str("returned nothing\n"),
        Ok(Returned::String(text)) => {
            let _ = writeln!(said, "returned the string {text:?}");
        }
        Ok(Returned::Json(json)) => {
            let _ = writeln!(said, "returned {json}");
        }
        Err(failure) => {
            let _ = writeln!(said, "failed ({}): {}", failure.reason.as_str(), failure.message);
            if let Some(code) = &failure.code {
                let _ = writeln!(said, "  code {code}");
            }
            for frame in &failure.frames {
                let function = if frame.function.is_empty() { "(file)" } else { &frame.function };
                let _ = writeln!(said, "  at {function} {}", frame.place());
            }
            if let Some(frame) = failure.frames.first().and_then(|place| bundle.code_frame(place)) {
                for line in frame.lines() {
                    let _ = writeln!(said, "    {}", line.trim_end());
                }
            }
            if let Some(causes) = failure.caused_by() {
                let _ = writeln!(said, "{causes}");
            }
            if let Some(help) = &failure.help {
                let _ = writeln!(said, "help: {help}");
            }
        }
    }
    said
}
