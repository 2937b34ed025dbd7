//! docs/reference.md is made of the manifest: `UPDATE_REFERENCE=1 cargo test --test it reference` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use boatswain::host::{Body, Function, MANIFEST, Parameter};

const HEAD: &str = "\
# Reference

Every function in `utils`, made of the same source as the types for [editors](types.md). [Writing actions](actions.md) and
[Sending messages](sending.md) explain them; the shapes (`WhatsappOutcome`, …) stand in
[`scripts/boatswain.d.ts`](../scripts/boatswain.d.ts). A parameter with `| null` may be null, undefined or left out. An argument of
the wrong kind throws a `TypeError` that names it.
";

fn page() -> String {
    let visible = || MANIFEST.iter().filter(|function| !matches!(function.body, Body::Reply(_)));
    let mut page = format!("{HEAD}\n");
    for Function { name, documentation, .. } in visible() {
        let anchor: String = format!("utils{name}").to_lowercase().replace('.', "");
        let sentence = documentation.split_inclusive(". ").next().unwrap().trim();
        let _ = writeln!(page, "* [`utils.{name}`](#{anchor}): {sentence}");
    }
    for function in visible() {
        section(&mut page, function);
    }
    page
}

fn section(page: &mut String, function: &Function) {
    let Function { name, documentation, returns, .. } = function;
    let also = if function.global { format!(" Also a global, `{name}`.") } else { String::new() };
    let _ = write!(page, "\n## utils.{name}\n\n{documentation}{also}\n\n```ts\n");
    for parameters in std::iter::once(function.parameters).chain(function.otherwise.iter().copied()) {
        let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
        let _ = writeln!(page, "utils.{name}({}): {}", names.join(", "), returns.kind);
    }
    page.push_str("```\n\n| parameter | type | |\n| --- | --- | --- |\n");
    for Parameter { name, kind, documentation } in function.parameters {
        let name = name.trim_start_matches("...");
        let _ = writeln!(page, "| `{name}` | `{}` | {documentation} |", kind.replace('|', "\\|"));
    }
    if !returns.documentation.is_empty() {
        let _ = writeln!(page, "\nReturns {}.", returns.documentation);
    }
    if !function.throws.is_empty() {
        page.push_str("\n| throws `error.code` | when |\n| --- | --- |\n");
        for throws in function.throws {
            let _ = writeln!(page, "| `{}` | {} |", throws.code, throws.when);
        }
    }
    let _ = write!(page, "\n```js\n{}```\n", function.example);
}

#[test]
fn the_reference_is_that_of_the_manifest() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let there = std::fs::read_to_string(file).unwrap_or_default();
    assert!(there == page(), "run `UPDATE_REFERENCE=1 cargo test --test it reference` and read what differs");
}
