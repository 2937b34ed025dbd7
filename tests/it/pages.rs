//! The pages for users, and what is in them: blocks between fences, and code within sentences.

use std::path::{Path, PathBuf};

/// A text of the project.
pub fn project_file(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A page: its name within the project, and its text.
pub struct Page {
    pub name: String,
    pub text: String,
}

/// What stands between two fences.
pub struct Block {
    pub page: String,
    /// Of the opening fence.
    pub line: usize,
    /// What stands behind the opening fence: a language, and what it is for.
    pub info: String,
    /// Without the indentation of the list that it stands in.
    pub text: String,
}

impl Block {
    pub fn language(&self) -> &str {
        self.info.split([' ', ',']).next().unwrap_or_default()
    }

    /// Where it is, for whoever mends it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

impl Page {
    pub fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: project_file(name) }
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else { continue };
            let indentation = line.len() - line.trim_start().len();
            let body = lines.by_ref().map(|(line, _)| line).take_while(|line| line.trim() != "```");
            let text = body.flat_map(|line| [line.get(indentation..).unwrap_or_default(), "\n"]).collect();
            blocks.push(Block { page: self.name.clone(), line: number, info: info.to_owned(), text });
        }
        blocks
    }

    /// The texts of the blocks whose info string is this one.
    pub fn texts(&self, info: &str) -> Vec<String> {
        self.blocks().into_iter().filter(|block| block.info == info).map(|block| block.text).collect()
    }

    /// Code within sentences and tables, as one line each.
    pub fn spans(&self) -> Vec<String> {
        let mut prose = String::new();
        let mut within = false;
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                within = !within;
            } else if !within {
                prose.extend([line, "\n"]);
            }
        }
        prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")).collect()
    }
}

/// Every page for users.
pub fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let below = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.extend(below(root.join("docs")));
    files.extend(below(root.join("scripts")).map(|folder| folder.join("README.md")));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md") && file.exists());
    files.sort();
    assert!(files.len() > 20, "{}", files.len());
    files.iter().map(|file| Page::read(&file.strip_prefix(root).unwrap().display().to_string())).collect()
}

#[test]
fn blocks_and_spans_are_told_apart() {
    let text = "A `span` of\n`two\nlines`.\n\n1. In a list:\n\n   ```sh\n   one\n     two\n   ```\n\n```js run zone=UTC\n`x`\n```\n";
    let page = Page { name: "p.md".to_owned(), text: text.to_owned() };
    let blocks = page.blocks();
    let told: Vec<_> = blocks.iter().map(|block| (block.place(), block.language(), &*block.text)).collect();
    assert_eq!(told, [("p.md:7".to_owned(), "sh", "one\n  two\n"), ("p.md:12".to_owned(), "js", "`x`\n")]);
    assert_eq!(page.spans(), ["span", "two lines"]);
    assert_eq!(page.texts("js run zone=UTC"), ["`x`\n"]);
}
