//! What docs/testing.md shows is run: each of its tests, over the demo.

use std::path::Path;

use boatswain::script::protocol::TEST_GLOBALS;

use crate::host::Folder;

/// The blocks of a language in a Markdown text.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    let parts = text.split(open.as_str()).skip(1);
    parts.map(|part| part.split("\n```").next().unwrap()).collect()
}

/// The files of a folder of the project, copied.
pub fn copy(folder: &Folder, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if from.is_dir() {
        for entry in std::fs::read_dir(from).unwrap() {
            copy(folder, &format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    } else {
        let to = folder.path(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

/// The demo, alone.
pub fn demo() -> Folder {
    let folder = Folder { root: tempfile::tempdir().unwrap() };
    for name in ["scripts/demo", "public/demo"] {
        copy(&folder, name);
    }
    folder.write(
        "app-params.toml",
        "[applications.demo.WHATSAPP]
         environment = \"simulator\"
         account_id = \"AC00000000000000000000000000000001\"
         auth_key = \"simulator-auth-token\"
         from_phone_number = \"+14155238886\"
         whatsapp_callback = \"onWhatsappStatus\"
         incoming_message = \"onWhatsappMessage\"",
    );
    folder
}

#[test]
fn the_tests_that_are_shown_pass() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/testing.md")).unwrap();
    let shown = blocks(&text, "js");
    assert!(shown.len() >= 5, "{}", shown.len());
    let folder = demo();
    for (number, block) in shown.iter().enumerate() {
        // An action says in its first line where it stands.
        let named = block.lines().next().and_then(|line| line.strip_prefix("// scripts/"));
        let own = named.map(|path| format!("scripts/{path}"));
        folder.write(&own.unwrap_or_else(|| format!("scripts/demo/docs/{number}.test.js")), block);
    }
    let output = folder.boatswain(&["test", "docs/"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("11 passed, 0 failed"), "{said}");
}

#[test]
fn what_a_test_has_is_in_the_table() {
    let prelude =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/prelude.js")).unwrap();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/testing.md")).unwrap();
    let globals = prelude.split("Object.assign(globalThis, {\n").nth(1).unwrap();
    let globals =
        globals.split("});").next().unwrap().split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut known = 0;
    for name in globals.filter(|name| *name != "utils") {
        assert!(TEST_GLOBALS.contains(&name), "`check` does not know {name}");
        let shown = ["(", ".", "`"].iter().any(|next| text.contains(&format!("| `{name}{next}")));
        assert!(shown, "{name} is not in the table of docs/testing.md");
        known += 1;
    }
    assert_eq!(known, TEST_GLOBALS.len());
}
