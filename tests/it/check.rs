//! `boatswain check`: mistakes in scripts, tests, and files that nothing reaches; with place and remedy, and none where
//! there is none.

use std::path::Path;

use boatswain::base::Severity;
use boatswain::script::judge::{self, Review};
use boatswain::script::protocol::{CallShape, SandboxLimits, Start};
use serde_json::Value;

use crate::host::{ACCOUNT, Folder};
use crate::support::{command, limits, start};

/// What `check --json` says about scripts, and its exit status. One line each: `severity CODE file:line:column`.
fn told_of(folder: &Folder) -> (Vec<String>, i32) {
    let output = folder.boatswain(&["check", "--json"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_scripts = told.iter().filter(|one| one["code"] != "CONFINEMENT_MISSING");
    let lines = of_scripts.map(|one| {
        assert!(
            one["help"].as_str().is_some_and(|help| !help.is_empty()) || one["code"] == "SCRIPT_SYNTAX",
            "{one}"
        );
        let place = &one["place"];
        let file = Path::new(place["file"].as_str().unwrap()).strip_prefix("scripts").ok();
        let file = file.map_or_else(|| "app-params.toml".to_owned(), |file| file.display().to_string());
        let position =
            place["position"].as_array().map(|at| format!(":{}:{}", at[0], at[1])).unwrap_or_default();
        format!("{} {} {file}{position}", one["severity"].as_str().unwrap(), one["code"].as_str().unwrap())
    });
    (lines.collect(), output.status.code().unwrap())
}

fn folder(scripts: &[(&str, &str)]) -> Folder {
    let folder = Folder::new("return vo.MessageSid", "");
    for (path, text) in scripts {
        folder.write(&format!("scripts/{path}"), text);
    }
    folder
}

#[test]
fn mistakes_in_scripts_are_told_and_only_errors_change_the_exit_status() {
    let warned = [
        ("app/callback.js", "return vo.messageSid"),
        ("app/loses.js", "async function main() { await null }\nmain()"),
        ("app/lib/parse.js", "exports.f = () => utils.executeQuery('SELECT 1').map((row) => row)"),
        ("app/counts.js", "utils.getParameter()"),
        ("app/lib/orders.js", "module.exports = { load: async (id) => ({ id }) }"),
        (
            "app/takes.js",
            "const orders = require('./lib/orders')\nconst order = orders.load(7)\nreturn order.id",
        ),
    ];
    let (told, status) = told_of(&folder(&warned));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "warning VO_FIELD app/callback.js:1:11\n\
             warning ARGUMENT_COUNT app/counts.js:1:1\n\
             warning OUTCOME_NOT_PARSED app/lib/parse.js:1:50\n\
             warning NOT_AWAITED app/loses.js:2:1\n\
             warning NOT_AWAITED app/takes.js:3:14",
            0
        )
    );
    let (told, status) = told_of(&folder(&[
        ("app/a.js", "utils.sendWhatsapMessage('+39')"),
        ("app/b.js", "return require('./lib/ordres')"),
        ("app/lib/orders.js", "exports.x = totl"),
        ("app/c.js", "exports.handler = async () => 1"),
        ("app/d.js", "import x from 'x'"),
        ("app/e.js", "await import('./lib/orders.js')"),
        ("app/f.test.js", "test('x', () => { assert.equal(1, 1); tset(); })"),
        ("app/g.test.js", "test('x', () => {"),
    ]));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "error SCRIPT_SYNTAX app/d.js:1:1\n\
             error SCRIPT_SYNTAX app/g.test.js:1:17\n\
             error UNKNOWN_NAME app/a.js:1:7\n\
             error UNKNOWN_MODULE app/b.js:1:16\n\
             error EXPORTS_IN_ACTION app/c.js:1:1\n\
             error FOREIGN_HABIT app/e.js:1:7\n\
             error UNKNOWN_NAME app/lib/orders.js:1:13\n\
             error UNKNOWN_NAME app/f.test.js:1:39",
            1
        )
    );
}

#[test]
fn a_mistake_is_shown_with_its_place_and_the_nearest_name() {
    let output = folder(&[("app/a.js", "\n  utils.sendWhatsapMessage('+39')")]).boatswain(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted = "error[UNKNOWN_NAME]: `utils` has no `sendWhatsapMessage`\n  --> scripts/app/a.js:2:9\n  1 |\n\
                  > 2 |   utils.sendWhatsapMessage('+39')\n    |         ^\nhelp: did you mean `utils.sendWhatsappMessage`?\n";
    assert!(said.contains(wanted), "{said}");
}

/// What would be walked through again for each of its parts would take longer than looking may, and be told.
#[test]
fn long_chains_are_looked_over_to_their_end() {
    let chain = |part: &str, by: &str| format!("return {}", vec![part; 3_000].join(by));
    let texts = [
        chain("vo.abc", " || "),
        chain("vo.abc", " === "),
        chain("!vo.abc", " && "),
        chain("vo", ".abc"),
        format!("if ({}vo.abc) return 1", "!".repeat(3_000)),
    ];
    let names: Vec<_> = (0..texts.len()).map(|n| format!("app/chain{n}.js")).collect();
    let files: Vec<_> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(told_of(&folder(&files)), (Vec::new(), 0));
}

/// What a run would be told by SQLite, `check` tells before: the tables are those of the migrations.
#[test]
fn statements_that_scripts_write_out_are_tried_on_the_tables_of_the_migrations() {
    let sound = (
        "app/sound.js",
        "utils.executeSql(`INSERT INTO effects(sid) VALUES (:MESSAGE_SID)\n  ON CONFLICT DO NOTHING`, null)\n\
         utils.executeQuery('SELECT ' + vo.columns + ' FROM nowhere', null)\n\
         return utils.executeQuery(`SELECT ${vo.column} FROM effects`, null)",
    );
    let wrong = [
        sound,
        (
            "app/column.js",
            "return utils.executeQuery('SELECT nope FROM effects WHERE sid = ?', null, vo.sid)",
        ),
        ("app/lib/table.js", "exports.f = () =>\n  utils.executeSql(`UPDATE efects SET sid = 1`, null)"),
        ("app/word.js", "return utils.executeQuery('SELCT 1', null)"),
        ("app/hosts.js", "return utils.executeQuery('SELECT * FROM _host_done', null)"),
        ("app/caught.js", "try { utils.executeQuery('SELECT 1 FROM later', null) } catch { return 1 }"),
    ];
    let folder_of_wrong = folder(&wrong);
    let said = String::from_utf8(folder_of_wrong.boatswain(&["check"]).stderr).unwrap();
    assert!(said.contains("> 1 | return utils.executeQuery('SELECT nope FROM effects"), "{said}");
    let (told, status) = told_of(&folder_of_wrong);
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "error SQL_SYNTAX app/column.js:1:27\n\
             error SQL_DENIED app/hosts.js:1:27\n\
             error SQL_ERROR app/lib/table.js:2:20\n\
             error SQL_SYNTAX app/word.js:1:27\n\
             warning SQL_ERROR app/caught.js:1:26",
            1
        )
    );
    // Where a script makes tables, or may, nobody knows which there are.
    let uses = ("app/uses.js", "return utils.executeQuery('SELECT x FROM later', null)");
    for makes in [
        "utils.executeSql('CREATE TABLE IF NOT EXISTS later (x)', null)",
        "utils.executeSql(`create table ${vo.name} (x)`, null)",
        "const TABLES = 'CREATE TABLE later (x)'; utils.executeSql(TABLES, null)",
    ] {
        assert_eq!(told_of(&folder(&[("app/makes.js", makes), uses])), (Vec::new(), 0), "{makes}");
    }
    for makes_none in
        ["utils.executeSql(`UPDATE ${vo.name} SET x = 1`, null)", "utils.executeQuery(vo.sql, null)"]
    {
        let told = vec!["error SQL_ERROR app/uses.js:1:27".to_owned()];
        assert_eq!(told_of(&folder(&[("app/makes.js", makes_none), uses])), (told, 1), "{makes_none}");
    }
}

/// A file that another one requires is a module, wherever it lies; and so may any be where a path is put together.
#[test]
fn a_module_may_lie_outside_of_lib() {
    let module = ("app/util.js", "module.exports = { x: 1 }");
    let sound = (Vec::new(), 0);
    assert_eq!(told_of(&folder(&[module, ("app/a.js", "return require('./util').x")])), sound);
    assert_eq!(told_of(&folder(&[module, ("app/a.js", "return require('./' + vo.name)")])), sound);
    let (told, status) = told_of(&folder(&[module, ("app/a.js", "return 1")]));
    assert_eq!((told, status), (vec!["error EXPORTS_IN_ACTION app/util.js:1:1".to_owned()], 1));
}

#[test]
fn what_nothing_reaches_is_told() {
    let (told, status) = told_of(&folder(&[
        ("app/orders.mjs", "export default 1"),
        ("app/lib/money.ts", "const x: number = 1"),
        ("app/types.d.ts", "declare const x: number"),
        ("app/node_modules/left-pad/index.js", "module.exports = require('fs')"),
        ("ap/x.js", "return 1"),
        (".git/x.js", "return 1"),
    ]));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "warning FOREIGN_FILE app/node_modules\n\
             warning FOREIGN_FILE app/lib/money.ts\n\
             warning FOREIGN_FILE app/orders.mjs\n\
             warning UNUSED_FOLDER ap",
            0
        )
    );
}

#[test]
fn an_action_that_there_is_not_is_told_where_it_is_named() {
    let params = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\nenvironment = \"simulator\"\n\
         account_id = \"{ACCOUNT}\"\nauth_key = \"x\"\nwhatsapp_callback = \"onWhatsappstatus\"\n"
    );
    let folder = Folder::with_params("return 1", &params);
    folder.write("scripts/app/onWhatsappStatus.js", "return 1");
    let output = folder.boatswain(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let place = "app-params.toml:7:21\nhelp: did you mean `onWhatsappStatus`?";
    assert!(said.contains("error[UNKNOWN_ACTION]") && said.contains(place), "{said}");
}

/// Who followed such a proposal would hand statuses to the action of incoming messages, or the reverse.
#[test]
fn the_action_of_the_other_key_is_not_proposed() {
    let params = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\nenvironment = \"simulator\"\n\
         account_id = \"{ACCOUNT}\"\nauth_key = \"x\"\nwhatsapp_callback = \"onWhatsappStatus\"\n\
         incoming_message = \"onWhatsappMessage\"\n"
    );
    let folder = Folder::with_params("return 1", &params);
    for (there, gone, place) in
        [("onWhatsappMessage", "onWhatsappStatus", "7:21"), ("onWhatsappStatus", "onWhatsappMessage", "8:20")]
    {
        folder.write(&format!("scripts/app/{there}.js"), "return 1");
        let said = String::from_utf8(folder.boatswain(&["check"]).stderr).unwrap();
        let expected = format!(
            "names `{gone}`, which does not exist\n  --> app-params.toml:{place}\n\
             help: write scripts/app/{gone}.js or put it back, or delete the line\n"
        );
        assert!(said.contains(&expected), "{said}");
        std::fs::remove_file(folder.path(&format!("scripts/app/{there}.js"))).unwrap();
    }
}

/// A folder that is nearly called `migrations` leaves the application without its tables, and nothing fails before a statement does.
#[test]
fn sql_that_is_no_migration_is_told_with_its_right_name() {
    let sql = "CREATE TABLE things(x)";
    for (path, told, help) in [
        ("migration/1.sql", "migration/", "rename it to `migrations`"),
        ("Migrations/1.sql", "Migrations/", "rename it to `migrations`"),
        ("migrations/1.SQL", "migrations/1.SQL", "rename it to `1.sql`"),
        ("migrations/old/1.sql", "migrations/old/", "move its files into `migrations/`"),
        ("things.sql", "things.sql", "move what is to be applied into `migrations/`"),
    ] {
        let folder = folder(&[]);
        std::fs::remove_dir_all(folder.path("scripts/app/migrations")).unwrap();
        folder.write(&format!("scripts/app/{path}"), sql);
        let said = String::from_utf8(folder.boatswain(&["check"]).stderr).unwrap();
        let expected = format!(
            "warning[FOREIGN_FILE]: `{told}` is never applied: migrations are files `migrations/*.sql`\n  \
             --> scripts/app/{}\nhelp: {help}",
            told.trim_end_matches('/')
        );
        assert!(said.contains(&expected), "{path}: {said}");
    }
    let both = folder(&[
        ("app/migrations/1.sql", sql),
        ("app/migration/1.sql", "CREATE TABLE others(x)"),
        ("app/migration/2.sql", sql),
        ("app/.old/1.sql", sql),
    ]);
    assert_eq!(told_of(&both), (vec!["warning FOREIGN_FILE app/migration".to_owned()], 0));
    let said = String::from_utf8(both.boatswain(&["check"]).stderr).unwrap();
    assert!(said.contains("help: move its files into `migrations/`\n"), "{said}");
}

/// Source that ends the process which parses it costs the others nothing: their mistakes are told.
#[test]
fn a_file_that_ends_who_reads_it_hides_no_mistakes() {
    let deep = "[".repeat(100_000);
    let folder = folder(&[("app/a.js", "return totl1"), ("app/b.js", &deep), ("app/c.js", "return totl2")]);
    let (told, status) = told_of(&folder);
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "error SCRIPT_UNREADABLE app/b.js\nerror UNKNOWN_NAME app/a.js:1:8\nerror UNKNOWN_NAME app/c.js:1:8",
            1
        )
    );
}

/// The mistakes of files that compile: `severity CODE path`, each once.
fn mistakes_of(start: &Start, shapes: Vec<CallShape>) -> Vec<String> {
    let limits = SandboxLimits { cpu_ms: 10_000, wall_ms: 20_000, ..limits() };
    let review = Review {
        app_id: "demo",
        bundle: &start.bundle,
        tests: &[],
        functions: start.functions.clone(),
        shapes,
        vo: Vec::new(),
    };
    let told = judge::review(&command(), &limits, &review).found;
    let told = told.iter().filter(|one| !one.code.starts_with("SCRIPT_"));
    let lines = told.map(|one| {
        let severity = if one.severity == Severity::Error { "error" } else { "warning" };
        let file = one.place.as_ref().unwrap().file.display().to_string();
        format!("{severity} {} {}", one.code, file.trim_start_matches("scripts/demo/"))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Scripts below a folder of this repository, by their names.
fn corpus(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let scripts = files.filter(|file| file.extension().is_some_and(|extension| extension == "js"));
    let named = scripts.map(|file| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(file).unwrap())
    });
    named.filter(|(name, _)| wanted(name)).collect()
}

/// Of some fifty programs that show what JavaScript does in an action, only the mistakes are told that they are about.
#[test]
fn of_programs_that_work_nothing_is_told() {
    let cases = corpus("tests/it/cases", |name| !name.starts_with("error_")); // those are about mistakes
    assert!(cases.len() > 40);
    let mut files: Vec<_> = cases.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend_from_slice(crate::cases::MODULES);
    let start = start(&files);
    let shapes = vec![CallShape::default(); start.functions.len()];
    assert_eq!(
        mistakes_of(&start, shapes),
        [
            "error UNKNOWN_MODULE require_missing.js",
            "error UNKNOWN_NAME assign_undeclared.js",
            "error UNKNOWN_NAME lib/typo.js",
            "error UNKNOWN_NAME undefined_nested.js",
            "error UNKNOWN_NAME undefined_variable.js",
            "warning NOT_AWAITED pending.js",
            "warning NOT_AWAITED rejected_floating.js",
            "warning UNKNOWN_MODULE require_missing.js",
        ]
    );
}

/// The same of more than a hundred hostile ones.
#[test]
fn of_hostile_programs_only_mistakes_are_told() {
    let mut hostile = Vec::new();
    for folder in
        ["completed", "cpu_limit", "host_call_limit", "memory_limit", "output_limit", "stack_limit", "thrown"]
    {
        // Those that are about being parsed take their time, and are tried elsewhere.
        hostile.extend(corpus(&format!("tests/hostile/{folder}"), |name| !name.starts_with("text_")));
    }
    assert!(hostile.len() > 100);
    let mut files: Vec<_> = hostile.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("lib/counter.js", ""), ("lib/spins.js", "")]);
    let mut start = start(&files);
    start.functions = boatswain::host::specs();
    assert_eq!(
        mistakes_of(&start, boatswain::host::shapes()),
        [
            "error FOREIGN_HABIT code_import.js",
            "error UNKNOWN_NAME code_process.js",
            "error UNKNOWN_NAME code_shared_memory.js",
            "error UNKNOWN_NAME code_weak_ref.js",
            "error UNKNOWN_NAME leaves_undeclared.js",
        ]
    );
}

const PAGE: &str = include_str!("../../docs/check.md");

/// The rows of the page's tables: their cells, without the code marks around them.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        row.trim_matches(['|', ' ']).split(" | ").map(|cell| cell.trim_matches('`').to_owned()).collect()
    })
    .collect()
}

/// Every example of docs/check.md is told as the page says, and nothing else of it.
#[test]
fn the_examples_on_the_page_are_told_as_it_says() {
    let rows = rows("## Scripts");
    assert!(rows.len() > 10);
    let folder = folder(&[("app/lib/orders.js", "exports.x = 1")]);
    let mut wanted = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let [code, severity, example, _] = row.as_slice() else { panic!("{row:?}") };
        // `vo` is known in configured actions only.
        let name = if code == "VO_FIELD" { "callback".to_owned() } else { format!("example{number}") };
        folder.write(&format!("scripts/app/{name}.js"), example);
        wanted.push(format!("{severity} {code} app/{name}.js"));
    }
    let (told, status) = told_of(&folder);
    let mut told: Vec<_> = told.iter().map(|line| line.rsplitn(3, ':').last().unwrap().to_owned()).collect();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!((told, status), (wanted, 1));
}

/// Every code on the page is one that `explain` knows.
#[test]
fn the_codes_on_the_page_are_known() {
    let folder = Folder::with_params("", "");
    let is_code = |word: &&str| {
        word.len() > 5 && word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    let words = PAGE.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(is_code);
    let others = ["TWILIO_AUTH_TOKEN", "GOOGLE_CLOUD_STORAGE", "SHOP_NAME"];
    let codes: std::collections::BTreeSet<&str> = words.filter(|word| !others.contains(word)).collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(folder.boatswain(&["explain", code]).status.success(), "{code}");
    }
}

/// The shipped application is without mistakes.
#[test]
fn nothing_is_told_of_what_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new("return 1", "");
    let arguments = ["check", "--json", "--params"].map(str::to_owned);
    let params = root.join("app-params.toml").display().to_string();
    let data = folder.path("data").display().to_string();
    let arguments = arguments.into_iter().chain([params, "--data".into(), data]).collect::<Vec<_>>();
    let output = folder.boatswain(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = told.lines().filter(|line| !line.contains("CONFINEMENT_MISSING")).collect();
    assert_eq!((told, output.status.code()), (Vec::new(), Some(0)));
}
