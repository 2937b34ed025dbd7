//! Whatever stands in `app-params.toml`, reading it ends soon, with parameters or with problems that have a place in it.

use std::path::Path;
use std::time::{Duration, Instant};

use boatswain::base::{Diagnostic, Severity};
use boatswain::config::{self, Loaded};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::cases::{edited, edits, one_in, spoil, words};

/// The shipped file: every key stands in it, as a comment at least.
const SHIPPED: &str = include_str!("../../app-params.toml");
const FILE: &str = "app-params.toml";
/// How long a text of some kilobytes may take; nothing comes near it.
const SOON: Duration = Duration::from_secs(20);

const WORDS: &[&str] = &[
    "[",
    "[[",
    "]",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "#",
    "\"",
    "\"\"\"",
    "'",
    "'''",
    "\\",
    "\\u0000",
    "\\U00110000",
    "\0",
    "\r",
    "\r\n",
    "\n",
    "\t",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "è",
    "e\u{301}",
    "-",
    "+",
    "_",
    "inf",
    "nan",
    "true",
    "1979-05-27T07:32:00Z",
    "99:99:99",
    "0x",
    "0b2",
    "1e999",
    "-0",
    "1_",
    "9223372036854775808",
    "340282366920938463463374607431768211456",
    "[host]",
    "[applications]",
    "[applications.demo.WHATSAPP]",
    "[applications.demo]",
    "[[applications.demo.companies]]",
    "listen = ",
    "auth_key = ",
    "environment = \"production\"",
    "public_url = \"https://[::1]/\"",
    "limits.cpu_ms = 1",
    "applications.demo.WHATSAPP.account_id",
    "\"MG00000000000000000000000000000001\"",
    "{ env = \"X\" }",
    "{ file = \".\" }",
    "[{ env = 1 }]",
    "\"whatsapp:+393331234567\"",
    "{{1}}",
    "only_to = []",
];

/// What may stand where a value belongs.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\"\"",
            "\"x\"",
            "''",
            "'''\nx'''",
            "1",
            "-1",
            "0",
            "1.5",
            "1e400",
            "nan",
            "true",
            "[]",
            "{}",
            "[1, \"a\"]",
            "[[]]",
            "{ env = \"HOME\" }",
            "{ file = \"x\" }",
            "{ env = \"A\", file = \"b\" }",
            "1979-05-27",
            "",
            "\"\\u0000\"",
            "99999999999999999999999999999999999999",
            "0xffffffffffffffffffffff",
            "\"+393331234567\"",
            "\"https://x/\"",
            "\"http://a:b@c/?d#e\"",
            "\"..\"",
            "\"[::]:0\"",
            "\"\u{202e}\"",
            "{ a.b.c = 1, a.b.d = [{}] }",
        ])
        .prop_map(str::to_owned),
        "[0-9]{1,60}",
        "\"[ -~è]{0,40}\"",
        // Deep, and deeper than any parser goes.
        (prop::sample::select(vec!["[", "{a=", "[{a.b.c="]), 1..3000_usize)
            .prop_map(|(open, depth)| open.repeat(depth)),
        (1..80_usize).prop_map(|depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth))),
        (1..70_usize).prop_map(|depth| format!("{}1{}", "{a.b=".repeat(depth), "}".repeat(depth))),
    ]
}

/// One change of the shipped file that keeps most of it.
#[derive(Debug, Clone)]
enum Change {
    Delete(Index),
    Twice(Index, Index),
    Value(Index, String),
    Uncomment(Index),
    Line(Index, String),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let key = prop_oneof![
        "[a-z_]{1,12}",
        "(\"[ -~è]{0,9}\"\\.)?[A-Za-z0-9_-]{1,9}(\\.[a-z]{1,4}){0,4}",
        (1..3000_usize).prop_map(|depth| "a.".repeat(depth) + "a"),
    ];
    let line = prop_oneof![
        (key.clone(), value()).prop_map(|(key, value)| format!("{key} = {value}")),
        key.clone().prop_map(|key| format!("[{key}]")),
        key.prop_map(|key| format!("[[{key}]]")),
        ".{0,30}",
    ];
    let change = prop_oneof![
        any::<Index>().prop_map(Change::Delete),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Twice(from, to)),
        (any::<Index>(), value()).prop_map(|(at, value)| Change::Value(at, value)),
        any::<Index>().prop_map(Change::Uncomment),
        (any::<Index>(), line).prop_map(|(at, line)| Change::Line(at, line)),
    ];
    prop::collection::vec(change, 1..8)
}

fn changed(changes: Vec<Change>) -> String {
    let mut lines: Vec<String> = SHIPPED.lines().map(str::to_owned).collect();
    for change in changes {
        // The file has hundreds of lines, and a list of changes a handful.
        let at = |index: &Index| index.index(lines.len());
        match change {
            Change::Delete(index) => drop(lines.remove(at(&index))),
            Change::Twice(from, to) => lines.insert(at(&to), lines[at(&from)].clone()),
            Change::Value(index, value) => {
                let with_values: Vec<usize> =
                    (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
                let at = with_values[index.index(with_values.len())];
                let (key, _) = lines[at].split_once(" = ").unwrap();
                lines[at] = format!("{} = {value}", key.trim_start_matches(['#', ' ']));
            }
            Change::Uncomment(index) => {
                let at = at(&index);
                let line = lines.remove(at);
                lines.insert(at, line.trim_start_matches(['#', ' ']).to_owned());
            }
            Change::Line(index, line) => lines.insert(at(&index), line),
        }
    }
    lines.join("\n")
}

/// Reads a text and holds what must be true of any.
fn read(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let began = Instant::now();
    let read = config::parse(Path::new(FILE), text, &|name| {
        (name == "HOME").then(|| boatswain::base::Secret::new("/root"))
    });
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");
    match &read {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                assert_eq!(warning.severity, Severity::Warning);
                judge(warning, text);
            }
        }
        Err(problems) => {
            assert!((1..=200).contains(&problems.len()), "{}", problems.len());
            for problem in problems {
                assert_eq!(problem.severity, Severity::Error);
                assert!(problem.place.as_ref().is_some_and(|place| place.position.is_some()), "{problem}");
                judge(problem, text);
            }
        }
    }
    read
}

/// A diagnostic stands in the text, and can be shown.
fn judge(diagnostic: &Diagnostic, text: &str) {
    let place = diagnostic.place.as_ref().unwrap_or_else(|| panic!("no place: {diagnostic}"));
    assert_eq!(place.file, Path::new(FILE));
    assert!(diagnostic.help.as_ref().is_some_and(|help| !help.is_empty()), "{diagnostic}");
    let steering = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!diagnostic.to_string().contains(steering), "{diagnostic:?}");
    let Some((line, column)) = place.position else { return };
    let line = usize::try_from(line).unwrap();
    let column = usize::try_from(column).unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The end of a text is a place in it.
    let there =
        text.split('\n').nth(line.wrapping_sub(1)).unwrap_or_else(|| panic!("no such line: {diagnostic}"));
    assert!((1..=there.chars().count() + 1).contains(&column), "no such column: {diagnostic}");
}

proptest! {
    #![proptest_config(one_in(8))]

    #[test]
    fn the_shipped_file_may_be_changed_in_any_way(changes in changes()) {
        let _ = read(&changed(changes));
    }

    #[test]
    fn the_shipped_file_may_be_spoilt_in_any_way(edits in edits(WORDS)) {
        let _ = read(&edited(SHIPPED, &edits));
    }

    #[test]
    fn any_pieces_of_a_file_may_stand_in_any_order(pieces in prop::collection::vec((prop::sample::select(WORDS), 1..4_usize), 0..60)) {
        let _ = read(&pieces.into_iter().map(|(word, times)| word.repeat(times)).collect::<String>());
    }

    #[test]
    fn any_nesting_is_refused_and_none_overflows_the_stack(
        pieces in prop::collection::vec((words("[ { a. a= {a= [[ \n ] } [a. 'a'. \"a\"= 1 ,"), 1..4000_usize), 1..8),
        tables in 1..90_usize,
        keys in 1..90_usize,
    ) {
        let _ = read(&pieces.into_iter().map(|(piece, times)| piece.repeat(times)).collect::<String>());
        // The deepest that the parser takes: tables in tables, under keys that are tables in tables.
        let key = "a.".repeat(keys) + "a";
        let _ = read(&format!("[{key}]\n{}1{}", format!("{key} = {{").repeat(tables), "}".repeat(tables)));
    }

    /// How lines end and whether the file begins with a mark changes nothing.
    #[test]
    fn line_ends_and_byte_order_marks_mean_nothing(changes in changes(), begin in any::<Index>()) {
        let text = changed(changes);
        let lines: Vec<&str> = text.lines().collect();
        let text = lines[begin.index(lines.len())..].join("\n");
        prop_assume!(!text.contains(['\r', '\u{feff}']) && !text.contains("'''") && !text.contains("\"\"\""));
        let positions = |read: Result<Loaded, Vec<Diagnostic>>| read.map(|loaded| loaded.params).map_err(|problems| {
            problems.into_iter().map(|problem| (problem.code, problem.place)).collect::<Vec<_>>()
        });
        let plain = positions(read(&text));
        prop_assert_eq!(positions(read(&format!("\u{feff}{text}"))), plain.clone());
        let other = positions(read(&text.replace('\n', "\r\n")));
        prop_assert_eq!(other.is_ok(), plain.is_ok());
        if plain.is_ok() {
            prop_assert_eq!(other, plain);
        }
    }

    /// Bytes of a file, which need not be UTF-8.
    #[test]
    fn a_file_may_hold_any_bytes(edits in edits(WORDS)) {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        spoil(&mut bytes, &edits);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, &bytes).unwrap();
        match config::load(&file) {
            Ok(loaded) => prop_assert_eq!(loaded.params.file, file),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                let lines = bytes.split(|byte| *byte == b'\n').count();
                for problem in problems {
                    let (line, _) = problem.place.as_ref().unwrap().position.unwrap();
                    prop_assert!(usize::try_from(line).unwrap() <= lines, "{}", problem);
                }
            }
        }
    }
}

/// The properties above would also hold of a reader that refuses everything.
#[test]
fn the_shipped_file_is_sound() {
    assert!(!read(SHIPPED).unwrap().params.applications.is_empty());
}
