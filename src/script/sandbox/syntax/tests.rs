//! What is said of texts that do not parse, and where.

use boa_engine::ast::{Position, Span};
use boa_engine::parser::Error as ParseError;
use proptest::prelude::*;

use super::mistakes::explain;
use super::tokens;
use crate::script::protocol::SourceFile;
use crate::script::sandbox::compile::{Kind, LoadError, check};

fn problem(text: &str, kind: Kind) -> LoadError {
    let file = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok(text.into()) };
    check(&file, kind).expect_err(text)
}

/// Each text with the place, a part of the sentence, and a part of the remedy.
fn expect_of(kind: Kind, cases: &[(&str, &str, &str, &str)]) {
    for (text, place, message, remedy) in cases {
        let LoadError { message: said, place: at, help } = problem(text, kind);
        let at = at.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
        assert_eq!(at, *place, "{text}\n{said}");
        assert!(said.contains(message), "{text}\n{said}");
        assert!(help.as_deref().unwrap_or_default().contains(remedy), "{text}\n{said}\n{help:?}");
    }
}

fn expect(cases: &[(&str, &str, &str, &str)]) {
    expect_of(Kind::Action, cases);
}

#[test]
fn await_needs_an_async_function_which_is_named() {
    let not_async = "`await` stands in a function that is not async";
    expect(&[
        (
            "function load(id) {\n  const x = await f(id);\n}",
            "2:13",
            not_async,
            "before `function load` in line 1, column 1",
        ),
        (
            "const load = (id) => {\n  return await f(id);\n};",
            "2:10",
            not_async,
            "before `(` in line 1, column 14",
        ),
        ("vo.list.map((x) => await f(x))", "1:20", not_async, "before `(` in line 1, column 13"),
        ("vo.list.forEach(x => { await f(x) })", "1:24", not_async, "before `x` in line 1, column 17"),
        (
            "async function a() {\n  vo.list.forEach(function (x) {\n    if (x) { await f(x); }\n  });\n}",
            "3:14",
            not_async,
            "before `function` in line 2",
        ),
        ("const o = {\n  load() {\n    await f();\n  },\n};", "3:5", not_async, "before `load` in line 2"),
        ("function f(xs) { for await (const x of xs) {} }", "1:22", not_async, "before `function f`"),
    ]);
    expect_of(
        Kind::Module,
        &[
            (
                "const rows = await f();",
                "1:14",
                "`await` stands at the top of a module",
                "export an async function",
            ),
            (
                "exports.f = function () { return await g() };",
                "1:34",
                not_async,
                "before `function` in line 1",
            ),
        ],
    );
}

#[test]
fn what_is_not_closed_is_told_where_it_begins() {
    expect(&[
        ("const a = [1, 2,\n", "1:11", "`[` is never closed", "write `]`"),
        ("f({\n  a: 1,\n", "1:3", "`{` is never closed", "write `}`"),
        (
            "function f() {\n  if (vo.a) {\n    return 1;\n}\nreturn f();\n",
            "2:13",
            "`{` is never closed: the `}` of line 4",
            "before line 4",
        ),
        ("if (vo.a) {\n\treturn 1;\n", "1:11", "`{` is never closed", "write `}`"),
        ("const a = `hello ${vo.x} there\nreturn a", "1:11", "the template that begins here", "backtick"),
        (
            "const a = `hello ${vo.x there`;",
            "1:25",
            "`}` is missing before `there`",
            "`${` in line 1, column 18",
        ),
        ("const a = \"hello;\nreturn a\n", "1:11", "the string that begins here", "close it with"),
        ("const a = \"hello”;\nreturn a\n", "1:11", "the string that begins here", "`”` (U+201D)"),
        ("const a = 1;\n/* hello\nreturn a", "2:1", "the comment that begins here", "`*/`"),
        ("const a = /abc;\nreturn a", "1:11", "the regular expression that begins here", "`/`"),
        ("utils.log(\"x\";\nreturn 1", "1:14", "`)` is missing before `;`", "the `(` in line 1, column 10"),
        (
            "const a = [1, 2\nconst b = 3;",
            "2:1",
            "`]` is missing before `const`",
            "the `[` in line 1, column 11",
        ),
        ("const a = (1 + [2);", "1:18", "`]` is missing before `)`", "the `[` in line 1, column 16"),
        (
            "const o = {\n  a: 1,\nreturn o",
            "3:1",
            "`}` is missing before `return`",
            "the `{` in line 1, column 11",
        ),
    ]);
}

#[test]
fn what_closes_nothing_is_told() {
    let nothing = "nothing is open that it could close";
    expect(&[
        ("f(\"x\"));", "1:7", nothing, ""),
        ("const a = [1]];", "1:14", nothing, ""),
        ("if (vo.a) {\n}\n}\nreturn 2", "3:1", nothing, ""),
        ("function f() { g()); }", "1:19", "no `(` is open", ""),
    ]);
}

#[test]
fn typescript_is_named() {
    for (text, place, written) in [
        ("const x: string = 'a';", "1:8", ": string"),
        ("let { a }: Order = vo;", "1:10", ": Order"),
        ("function f(a: number) { return a }", "1:13", ": number"),
        ("function f(a?: number) { return a }", "1:13", "?"),
        ("function f(a): number { return a }", "1:14", ": number"),
        ("const f = (a: number): string => a;", "1:13", ": number"),
        ("const x = vo.a as string;", "1:16", "as string"),
        ("interface Order {\n  id: number;\n}", "1:1", "interface"),
        ("type A = { id: number };", "1:1", "type"),
        ("enum A { B }", "1:1", "enum"),
        ("import type { A } from './a';", "1:1", "import type"),
        ("const a = new Map<string, number>();", "1:18", "<…>"),
        ("function f<T>(a) { return a }", "1:11", "<…>"),
        ("return vo.a!.b;", "1:12", "!"),
        ("class A { x: number; }", "1:12", ": number"),
        ("class A { private x = 1; }", "1:11", "private"),
    ] {
        expect(&[(text, place, &format!("`{written}` is TypeScript"), "docs/types.md")]);
    }
    for text in ["const a = b ? c;", "const a = 1 : 2;", "if (vo.a): return 1", "type = ;", "const as = ;"] {
        assert!(!problem(text, Kind::Action).message.contains("TypeScript"), "{text}");
    }
}

#[test]
fn characters_that_only_look_right_are_named() {
    expect(&[
        ("const a = “hello”;", "1:11", "`“` (U+201C) is a typographic quote", "write `\"`"),
        ("f(‘x’);", "1:3", "`‘` (U+2018)", "write `'`"),
        ("const a\u{200b} = 1;", "1:8", "cannot be seen stands here (U+200B)", "delete it"),
        ("const a = 1 – 2;", "1:13", "U+2013", "write `-`"),
        ("const a = 1；", "1:12", "U+FF1B", "write `;`"),
        ("f(…list)", "1:3", "U+2026", "write `...`"),
        ("return 1 😀", "1:10", "U+1F600", "quotes"),
        ("const a = 1;\u{85}return a", "1:13", "U+0085", "delete it"),
    ]);
    for sound in ["const\u{a0}a = 1;\n\u{feff}return a", "return '“é”' + `‘`"] {
        let file = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok(sound.into()) };
        assert_eq!(check(&file, Kind::Action).map(drop), Ok(()), "{sound}");
    }
}

#[test]
fn slips_are_told_with_what_to_write() {
    expect(&[
        ("# a comment\nreturn 1", "1:1", "`#` begins no comment", "`//`"),
        ("const a = 1; # set", "1:14", "`#` begins no comment", "`//`"),
        ("const a = 'it's me';", "1:15", "the string ends at the quote before this", "double quotes"),
        ("f({ to = vo.to, body = 'x' });", "1:8", "`=` stands in an object", "write `to: …`"),
        (
            "const { a: { b = 1 } = {} } = vo; f({ c = 2 });",
            "1:41",
            "`=` stands in an object",
            "write `c: …`",
        ),
        ("const a = {\n  x: 1\n  y: 2\n};", "3:3", "`,` is missing before `y`", ""),
        ("const a = { x: 1; y: 2 };", "1:17", "`;` stands in an object", "`,`"),
        ("const a = [1 2];", "1:14", "`,` or an operator is missing before `2`", ""),
        ("f('x' 'secret');", "1:7", "`,` or an operator is missing before a string", ""),
        ("return 'x' vo.b;", "1:12", "`vo` cannot follow a string", "operator"),
        ("const class = 1;", "1:7", "`class` is a word of the language", "another name"),
        ("const first-name = 1;", "1:12", "a name has no `-`", "firstName"),
        ("const a;", "1:7", "`a` is a constant", "`let`"),
        ("if (vo.a and vo.b) {}", "1:10", "`and` is no word of JavaScript", "`&&`"),
        ("if (vo.a) {\n} elif (vo.b) {\n}", "2:3", "`elif` is no word", "`else if`"),
        ("def f(x):\n  return x", "1:1", "`def` is no word", "`function`"),
        ("send(to: 1)", "1:8", "arguments have no names", "{ name: value }"),
        ("return\n  { a: 1, b: 2 }", "2:3", "`return` ends with its line", "on the line of `return`"),
        ("vo.list.forEach((x) => { if (x) { break; } })", "1:35", "`break` stands in no loop", "return"),
        (
            "for (const x of []) { if (x) { break } }\nif (vo.a) { break }",
            "2:13",
            "`break` stands in no loop",
            "for (const",
        ),
        ("let a; const a = 1;", "1:14", "`a` is declared twice", "another name"),
        ("import x from 'y'", "1:1", "`import` is not available", "require("),
        ("const b = 1; export { b }", "1:14", "`export` is not available", "module.exports"),
    ]);
}

#[test]
fn places_are_the_authors() {
    let at = |text: &str| {
        let place = problem(text, Kind::Action).place.expect("a place");
        (place.line, place.column)
    };
    assert_eq!(at("#!/usr/bin/env node\r\nconst a = [1,\r\n"), (2, 11));
    assert_eq!(at("\u{feff}const a = “x”;"), (1, 11));
    assert_eq!(at("\t\tconst a = 'x;\n"), (1, 13));
    assert_eq!(at("const a = '😀'; const b = “x”;"), (1, 26));
    assert_eq!(at("const a = 1;\r\nconst b = {\r\n  x: 1\r\n  y: 2\r\n};\r\n"), (4, 3));
    assert_eq!(at("const a = '\u{2028}';\nconst b = {"), (3, 11));
}

/// The time that unpleasant texts take grows with their length, and not with its square.
#[test]
fn long_texts_take_no_long_time() {
    let n = 60_000;
    let texts = [
        "(".repeat(n) + &"]".repeat(n),
        "{".repeat(n) + &"\n}".repeat(n / 2),
        "`${".repeat(n),
        "a=>".repeat(n),
        "((".repeat(n) + &")=>{}".repeat(n),
        "{a=1,".repeat(n),
        " ".repeat(n) + &"{\n}".repeat(n),
        "'\\".repeat(n),
        "/".repeat(n),
        "#<".repeat(n),
    ];
    let began = std::time::Instant::now();
    for text in &texts {
        for error in errors(text.len() / 2) {
            let _ = explain(text, Kind::Action, &error, 0);
        }
    }
    assert!(began.elapsed() < std::time::Duration::from_mins(1), "{:?}", began.elapsed());
}

/// What the parser may say, with a place.
fn errors(column: usize) -> Vec<ParseError> {
    let at = Position::new(1, u32::try_from(column).unwrap_or(0) + 1);
    let general = |message: &str| ParseError::General { message: message.into(), position: at };
    let expected = |token: &str, context| ParseError::Expected {
        expected: Box::new([token.to_owned()]),
        found: "canary".into(),
        context,
        span: Span::new(at, at),
    };
    vec![
        ParseError::AbruptEnd,
        general("illegal break statement"),
        general("lexical name declared multiple times"),
        general("invalid object literal in function statement list"),
        general("Expected initializer for const declaration"),
        general("unterminated string literal"),
        general("unterminated template literal"),
        general("abrupt end on regular expression"),
        expected(",", "argument list"),
        expected(";", "return statement"),
        expected("(", "method definition"),
    ]
}

proptest! {
    /// Whatever a text is and whatever the parser says of it: something is told, and its place is in the text.
    #[test]
    fn every_text_is_told_of(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "(", ")", "[", "]", "`", "${", "'", "\"", "/", "=>", "=", ":", ";", ",", "!", "?", "<", ">", "#", "@",
                "\n", "\r\n", "\u{2028}", " ", "“", "😀", "\u{200b}", "await", "async", "function", "class", "const", "return", "for",
                "break", "interface", "type", "as", "private", "import", "export", "elif", "x", "constructor", "1", "//", "/*", "\\",
            ]),
            0..40,
        ),
        column in 0_usize..80,
    ) {
        let text = words.concat();
        for kind in [Kind::Action, Kind::Module] {
            for error in errors(column) {
                let told = explain(&text, kind, &error, 0);
                prop_assert!(!told.message.is_empty());
                let end = tokens::position(&text, text.len());
                prop_assert!((1, 1) <= told.at && told.at <= end, "{:?}", told);
            }
        }
    }
}

#[test]
fn a_word_that_is_misspelt_is_told_with_the_one_that_is_meant() {
    expect(&[
        ("cosnt x = 1;", "1:1", "`cosnt` is no word of JavaScript", "did you mean `const`?"),
        ("if (vo.a) {\n  f();\n} esle {\n  g();\n}", "3:3", "`esle` is no word", "did you mean `else`?"),
        ("retrun 1;", "1:1", "`retrun` is no word", "did you mean `return`?"),
        ("const a = order total;", "1:17", "cannot follow `order`", "an operator"),
    ]);
}

#[test]
fn a_template_that_ends_in_another_line_is_told_where_it_begins() {
    let text = "const name = `Ada ${vo.x};\nconst a = 1;\nconst b = `other`;\nreturn a;";
    expect(&[(
        text,
        "1:14",
        "the template that begins here ends before line 3, column 12",
        "close it where it ends",
    )]);
}

/// What stands in quotes may be anybody's secret, and what stands there is shown nowhere. Nor is a name shown whole that
/// somebody has made as long as a file.
#[test]
fn no_string_is_shown_and_no_name_that_is_too_long() {
    let long = "x".repeat(10_000);
    for pattern in [
        "class C { apiKey: \"TEXT\"; }",
        "class C { apiKey: \"TEXT\" | null = null; }",
        "class C { \"TEXT\": string; }",
        "class C { \"TEXT\" \"TEXT\" }",
        "class C { private \"TEXT\" }",
        "function f(a, secretKey: \"TEXT\") {}",
        "function f(a): \"TEXT\" {}",
        "const x = password as \"TEXT\";",
        "const x = password satisfies \"TEXT\";",
        "const o = { \"TEXT\"() { await f(); } };",
        "const o = { \"TEXT\" = 1 };",
        "const \"TEXT\" = 1;",
        "const a = if (\"TEXT\") {};",
        "function \"TEXT\"() {}",
        "for (\"TEXT\") {}",
        "x = { get \"TEXT\" };",
        "f(\"TEXT\" \"TEXT\");",
        "new.\"TEXT\";",
        "a.\"TEXT\";",
        "return `TEXT` `TEXT` 1 `TEXT`",
        "throw\n`TEXT`",
        "break \"TEXT\";",
        "case \"TEXT\": 1",
        "import \"TEXT\";",
        "switch (1) { \"TEXT\" }",
        "let a\"TEXT\"",
        "do \"TEXT\" until (1)",
        "try \"TEXT\"",
        "label: \"TEXT\" }",
        "const key = 'a'TEXT';",
        "const key = `a;\nconst other = `TEXT`;",
    ] {
        for text in ["live-7f3e99ab12", "canary", &long] {
            let LoadError { message, help, .. } = problem(&pattern.replace("TEXT", text), Kind::Action);
            let told = format!("{message} {}", help.unwrap_or_default());
            for word in ["live", "7f3e99ab12", "canary", "xxx"] {
                assert!(!told.contains(word), "{pattern}\n{}", &told[..told.len().min(900)]);
            }
        }
    }
    for pattern in [
        "class C { apiKey: NAME; }",
        "class C { NAME: 1; }",
        "const x: NAME = 1;",
        "const x = y as NAME;",
        "function NAME() { await f(); }",
        "const o = { NAME() { await f(); } };",
        "f({ NAME = 1 });",
        "let NAME; const NAME = 1;",
        "if (vo.a) { let NAME; const NAME = 1; }",
        "function f(NAME) { let NAME; }",
        "break NAME;",
        "const NAME NAME",
        "const class = NAME NAME",
        "a: a: NAME: NAME: 1",
        "return NAME NAME",
    ] {
        let LoadError { message, help, .. } = problem(&pattern.replace("NAME", &long), Kind::Action);
        assert!(message.len() + help.unwrap_or_default().len() < 400, "{pattern}\n{}", &message[..80]);
    }
}

#[test]
fn a_member_of_a_class_gets_its_value_with_an_equals_sign() {
    let message = "a member of a class gets its value with `=`";
    expect(&[
        ("class C { apiKey: \"x\"; }", "1:17", message, "write `apiKey = …`"),
        ("class C {\n  count: 0,\n}", "2:8", message, "write `count = …`"),
        ("class C { list: []; }", "1:15", message, "write `list = …`"),
        ("class C { load: async () => 1 }", "1:15", message, "write `load = …`"),
        ("class C { list: [] = []; }", "1:15", "is TypeScript", ""),
        ("class C { state: \"on\" | \"off\" = \"on\"; }", "1:16", "`: \"…\"` is TypeScript", ""),
    ]);
}

#[test]
fn what_beginners_write_is_told_in_their_terms() {
    expect(&[
        ("class C { a = 1, b = 2 }", "1:16", "`,` stands in a class", "separated by `;`"),
        ("class C { a() {}, b() {} }", "1:17", "`,` stands in a class", "by nothing"),
        ("class C { function a() {} }", "1:11", "`function` stands before a member", "leave it out"),
        ("class C { const a = 1; }", "1:11", "`const` stands before a member", "leave it out"),
        ("if vo.a {\n}", "1:4", "`(` is missing behind `if`", "`if (…) {`"),
        ("if (vo.a) {} else if {}", "1:22", "`(` is missing behind `if`", "parentheses"),
        ("if (vo.a {\n}", "1:10", "`)` is missing before `{`", "the `(` in line 1, column 4"),
        ("for (let i = 0; i < 3; i++ {\n}", "1:28", "`)` is missing before `{`", "the `(`"),
        ("for (const x of vo.list {\n}", "1:25", "`)` is missing before `{`", "the `(`"),
        ("if (vo.a) then { f() }", "1:11", "`then` is no word", "write `{`"),
        ("foreach (const x of vo.list) {}", "1:1", "`foreach` is no word", "for (const x of list)"),
        ("foreach (vo.list) {}", "1:1", "`foreach` is no word", "for (const x of list)"),
        ("const f = (a) -> a;", "1:16", "an arrow is written `=>`", "write `=>`"),
        ("return vo.map(x => { a: 1, b: 2 });", "1:20", "begins the body of a function", "`=> ({ … })`"),
        ("throw\nnew Error('x')", "1:1", "`throw` ends with its line", "on the line of `throw`"),
        ("const 2nd = 1;", "1:7", "letters stand right behind a number", "begins with a letter"),
        ("if (1 = vo.a) {}", "1:7", "can be given no value", "`===`"),
        ("const x = vo.a ? 1;", "1:19", "`:` is missing before `;`", "CONDITION"),
        ("return vo.a ?? 1 || 2;", "1:18", "`??` stands beside", "parentheses"),
        ("const o = { a, f() };", "1:20", "`{` is missing before `}`", "`name: call()`"),
        ("const { a, b = vo;\nreturn a", "1:18", "`}` is missing before `;`", "the `{`"),
        ("const o = { function f() {} };", "1:13", "`function` stands before a member", "leave it out"),
        ("const o = { a-b: 1 };", "1:14", "a name in an object has no `-`", "quotes"),
        ("for (let i = 0, i < 3, i++) {}", "1:6", "three parts", "`for (let i = 0; i <"),
        ("for (let i = 0; i < 3) {}", "1:22", "three parts", "`for (let i = 0; i <"),
        ("try { f() } catch e { g() }", "1:19", "`(` is missing behind `catch`", "`catch (…) {`"),
        ("try { f() } except (e) { g() }", "1:13", "`except` is no word", "write `catch`"),
        ("let a = 1 +\nlet b = 2", "1:11", "something must follow `+`", "leave it out"),
        ("const a = b &&\nconst c = 2", "1:13", "something must follow `&&`", "leave it out"),
        ("const a = \"C:\\users\";", "1:11", "begins no sign that is known", "write `\\\\`"),
        ("const a = \"C:\\\";\nreturn a", "1:11", "is not closed on its line", "`\\\\\"`"),
        ("{ \"a\": 1, \"b\": 2 }", "1:1", "begins a block, and no object", "`return { … }`"),
        ("return vo.map(x => { \"a\": 1 });", "1:20", "begins the body of a function", "`=> ({ … })`"),
        ("async load() { return 1 }", "1:7", "`function` is missing before `load`", "async function load"),
        ("load() { return 1 }", "1:8", "`{` cannot follow `)`", "begins with `function`"),
    ]);
}

#[test]
fn a_jump_without_a_loop_is_told_where_it_stands() {
    let stands = "`break` stands in no loop";
    expect(&[
        ("for (const x of [1]) {}\nif (vo.a) break;", "2:11", stands, "for (const"),
        ("list.forEach(x => { if (x) break; })", "1:28", stands, "return"),
        ("if (vo.a) f();\nelse break;", "2:6", stands, ""),
        ("switch (vo.a) {\n  case 1: continue;\n}", "2:11", "`continue` stands in no loop", ""),
        ("for (const x of []) if (x) break;\nelse { break }\nif (vo.a) { break; }", "3:13", stands, ""),
        ("do if (vo.a) break; while (vo.b)\nbreak", "2:1", stands, ""),
        ("const o = { break: 1 };\no.break = 2;\nlabel: { f(); break }", "3:15", stands, ""),
        (
            "for (;;) { break; }\nouter: for (;;) { break outer; }\nfor (;;) break inner;",
            "3:10",
            "no loop around this has the name `inner`",
            "NAME:",
        ),
        ("for (;;) { [1].map((x) => { continue }) }", "1:29", "`continue` stands in no loop", ""),
    ]);
}

#[test]
fn an_insertion_without_its_brace_is_told_where_it_begins() {
    for (text, place, closing) in [
        ("const t = `Hello ${vo.name`;\nreturn t;", "1:18", "line 1, column 27"),
        ("const t = `Hello ${vo.name`;\nconst u = `x`;", "1:18", "line 1, column 27"),
        ("const t = `Hello ${vo.name`;\nconst u = ` x y`;", "1:18", "line 1, column 27"),
        ("const t = `Hello ${vo.name`;\nconst u = `${vo.x} y`;", "1:18", "line 1, column 27"),
        ("const t = `a ${vo.a} b ${vo.b`;", "1:24", "line 1, column 30"),
        ("f(`a ${g(1)`, 2);", "1:6", "line 1, column 12"),
        ("const t = `a ${g(2`;\nreturn t", "1:14", "line 1, column 19"),
    ] {
        let message = format!("this `${{` is not closed before the backtick in {closing}");
        expect(&[(text, place, &message, "write `}` where what is inserted ends")]);
    }
    expect(&[("return `a ${b} c;", "1:8", "the template that begins here", "backtick")]);
}

#[test]
fn names_that_are_declared_twice_are_found_in_every_function_and_block() {
    for (text, place) in [
        ("function g() { const a = 1; const a = 2; return a; } return g();", "1:35"),
        ("const f = () => { let a; class a {} };", "1:32"),
        ("const f = async (x) => { var a; let a; };", "1:37"),
        ("const o = { m() { let { b: a } = vo; const [a] = []; } };", "1:45"),
        ("class C { constructor() { let a; let a; } }", "1:38"),
        ("class C { m() { function a() {} const a = 1; } }", "1:39"),
        ("function f() { function g() { let b, a = b; let c = a, a; } }", "1:56"),
        ("let a = 1, b = a, a = 2;", "1:19"),
        ("if (vo.a) { let a; const b = [a, b]; let a; }", "1:42"),
        ("if (vo.a) { { f() } let a; const { x: a } = vo; }", "1:39"),
        ("for (const x of []) { const a = 1;\n  function a() {}\n}", "2:12"),
        ("switch (vo.a) { case 1: let a; case 2: let a; }", "1:44"),
        ("switch (vo.a) { case 1: let a; break; default: var a; }", "1:52"),
        ("try { f() } catch (e) { let e; }", "1:29"),
        ("try { f() } catch { let e; let e; }", "1:32"),
        ("function f(a) { let a; }", "1:21"),
        ("for (let i = 0; i < 3; i++) { var i = 1; }", "1:35"),
        ("const f = (x, { a }) => { const a = 1; };", "1:33"),
        ("const f = a => { const a = 1; };", "1:24"),
        ("const o = { m(b, a) { f(); let a; } };", "1:32"),
    ] {
        expect(&[(text, place, "` is declared twice", "another name")]);
    }
    for sound in [
        "var a; var a; function f() { var a; var a; }",
        "function f(a) { var a; }",
        "function f(a) { function a() {} }",
        "function f() {} function f() {}",
        "const f = function a() { let a; };",
        "let a; { let a; { const a = 1; } }",
        "try { f() } catch (e) { { let e; } }",
        "try { f() } catch (e) { let x; }",
        "switch (vo.a) { case 1: { let a; } case 2: { let a; } }",
        "for (let i = 0; i < 1; i++) { let i; } for (let i of []) {}",
        "const { a: b } = vo; const { a } = vo; const { c: { a: d } } = vo;",
        "const x = 1, f = (x) => x; class A { a; a() {} }",
        "let g = function () { let g; }; class C { static { let g; } }",
    ] {
        let file = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok(sound.into()) };
        assert_eq!(check(&file, Kind::Action).map(drop), Ok(()), "{sound}");
    }
}

proptest! {
    /// Whatever stands around a string: no message shows anything of it.
    #[test]
    fn no_string_is_ever_shown(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "(", ")", "[", "]", "=>", "=", ":", ";", ",", "!", "?", "<", ">", "#", "@", ".", "\n", " ", "await ", "async ",
                "function ", "class ", "const ", "return ", "for ", "break ", "interface ", "type ", "as ", "private ", "import ",
                "export ", "elif ", " x ", "constructor", " 1 ", "case ", "switch ", "\"canary\"", "'canary'", "`canary`",
                "`canary ${x} canary`", "\"canary\\\"canary\"",
            ]),
            0..30,
        ),
        column in 0_usize..80,
    ) {
        let text = words.concat();
        let file = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok(text.clone()) };
        let errors = errors(column);
        let told = errors.iter().map(|error| explain(&text, Kind::Action, error, 0)).map(|it| (it.message, it.help));
        let checked = check(&file, Kind::Action).err().map(|error| (error.message, error.help));
        for (message, help) in told.chain(checked) {
            prop_assert!(!message.contains("canary"), "{text}\n{message}");
            prop_assert!(!help.clone().unwrap_or_default().contains("canary"), "{text}\n{message}\n{help:?}");
            prop_assert!(message.len() < 400);
        }
    }
}
