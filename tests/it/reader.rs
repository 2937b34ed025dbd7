//! Somebody who follows a page in a folder of his own: writes the files that it shows, types its commands, and compares
//! what they say.
//!
//! A block whose info string names a file (```` ```js scripts/tables/book.js ````) is that file from there on. Of a block of
//! `sh` in which lines begin with `$ ` these are typed, and what follows each is what it says on both its outputs; `…` stands
//! for anything. Of any other block of `sh` every line is typed, and has to succeed. What cannot be typed in a test stands
//! in `instead.rs`, with what is looked at instead.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::curl::{Request, words};
use crate::host::{BINARY, Folder, HostProcess, runtime};
use crate::instead::is_looked_at;
use crate::pages::{Block, Page};

/// A test shares its computer with others, and with a host that somebody serves.
const FREE_PORTS: &str = "\n[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n";

pub struct Reader {
    pub folder: Folder,
    /// The host that he serves in another terminal, or as a service.
    pub host: Option<HostProcess>,
    /// What a page writes, and what it is here.
    meant: Vec<(String, String)>,
    /// Where his shell finds `boatswain`.
    programs: tempfile::TempDir,
    pub files: usize,
    pub commands: usize,
}

/// What came of a line.
pub struct Said {
    pub succeeded: bool,
    /// On both outputs.
    pub text: String,
}

impl Reader {
    pub fn new(folder: Folder) -> Self {
        let programs = tempfile::tempdir().unwrap();
        symlink(BINARY, programs.path().join("boatswain")).unwrap();
        Self { folder, host: None, meant: Vec::new(), programs, files: 0, commands: 0 }
    }

    /// With a host in another terminal.
    pub fn beside_a_host(folder: Folder) -> Self {
        let host = folder.serve();
        Self { host: Some(host), ..Self::new(folder) }
    }

    /// What stands in a page for something that only the reader has. The last meaning counts.
    pub fn means(&mut self, written: &str, here: impl Into<String>) {
        self.meant.retain(|(known, _)| known != written);
        self.meant.push((written.to_owned(), here.into()));
    }

    fn meant(&self, text: &str) -> String {
        self.meant.iter().fold(text.to_owned(), |text, (written, here)| text.replace(written, here))
    }

    /// Does what a page says. Gives how many files and commands that were.
    pub fn follow(&mut self, page: &str) -> (usize, usize) {
        for block in Page::read(page).blocks() {
            self.read(&block);
        }
        (self.files, self.commands)
    }

    /// Does what a block says; gives what the commands said that were typed.
    #[track_caller]
    pub fn read(&mut self, block: &Block) -> Vec<Said> {
        let place = block.place();
        match block.info.split_once(' ') {
            Some((language, name)) if language != "js" || name.contains('/') => {
                let ports = if name == "app-params.toml" { FREE_PORTS } else { "" };
                self.folder.write(name, &format!("{}{ports}", self.meant(&block.text)));
                self.files += 1;
                Vec::new()
            }
            None if block.info == "sh" => {
                let mut said = Vec::new();
                for (line, expected) in commands(&block.text) {
                    if expected.is_none() && is_looked_at(&line, &place) {
                        continue;
                    }
                    let told = self.types(&line);
                    let shown = told.text.trim();
                    match expected {
                        Some(expected) => {
                            let expected = self.meant(expected.trim());
                            assert!(
                                fits(&expected, shown),
                                "{place}: $ {line}\n{shown}\nand the page says\n{expected}"
                            );
                        }
                        None => assert!(told.succeeded, "{place}: {line}\n{shown}"),
                    }
                    self.commands += 1;
                    said.push(told);
                }
                said
            }
            _ => Vec::new(),
        }
    }

    /// What a line says to somebody who types it.
    pub fn types(&mut self, line: &str) -> Said {
        let line = self.meant(line);
        let bare = line.split(" #").next().unwrap().trim();
        let quiet = || Said { succeeded: true, text: String::new() };
        match bare.split(' ').next().unwrap() {
            "curl" => asks(bare),
            "sqlite3" => self.queries(bare),
            _ if matches!(
                bare,
                "boatswain serve" | "systemctl start boatswain" | "systemctl enable --now boatswain"
            ) =>
            {
                if self.host.is_none() {
                    self.host = Some(self.folder.serve());
                    if bare == "boatswain serve" {
                        self.stops();
                    }
                }
                quiet()
            }
            _ if bare == "systemctl stop boatswain" => {
                self.stops();
                quiet()
            }
            _ => {
                let path = format!("{}:/usr/bin:/bin", self.programs.path().display());
                let root = self.folder.root.path();
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(root).env_clear();
                let output = shell.env("PATH", path).env("HOME", root).stdin(Stdio::null()).output().unwrap();
                Said { succeeded: output.status.success(), text: String::from_utf8(output.stdout).unwrap() }
            }
        }
    }

    /// Ends the host, which has to go well.
    pub fn stops(&mut self) {
        assert_eq!(self.host.take().expect("a host serves").terminate(), Some(0));
    }

    /// What `sqlite3` says.
    fn queries(&self, line: &str) -> Said {
        let words = words(line, &|name| panic!("what is ${name}?"));
        let [_, file, sql @ ..] = words.as_slice() else { panic!("{line}") };
        assert!(self.folder.path(file).exists(), "{line}");
        let db = rusqlite::Connection::open(self.folder.path(file)).unwrap();
        let done = db.execute_batch(&sql.join(" "));
        Said { succeeded: done.is_ok(), text: done.err().map(|error| error.to_string()).unwrap_or_default() }
    }
}

/// What `curl` says.
fn asks(line: &str) -> Said {
    let request = Request::of(words(line, &|name| panic!("what is ${name}?")));
    let answered = runtime().block_on(request.send());
    match answered {
        Ok(answered) => Said { succeeded: true, text: answered.body },
        Err(error) => Said { succeeded: false, text: error.to_string() },
    }
}

/// The lines of a block that are typed, and what each says where the page shows it. A backslash continues a line.
pub fn commands(block: &str) -> Vec<(String, Option<String>)> {
    let block = block.replace("\\\n", " ");
    let shown = block.strip_prefix("$ ").or_else(|| block.split_once("\n$ ").map(|(_, rest)| rest));
    if let Some(shown) = shown {
        let parts = shown.split("\n$ ").map(|part| part.split_once('\n').unwrap_or((part, "")));
        return parts.map(|(line, told)| (line.to_owned(), Some(told.to_owned()))).collect();
    }
    block.lines().filter(|line| !line.trim().is_empty()).map(|line| (line.to_owned(), None)).collect()
}

/// Whether a text is what was expected, in which `…` stands for anything.
pub fn fits(expected: &str, told: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return expected == told };
    let Some(mut told) = told.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = rest.split('…').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = told.split_once(part) else { return false };
        told = after;
    }
    told.ends_with(last)
}

#[test]
fn what_a_page_shows_is_compared() {
    let two = commands("$ boatswain a\none\ntwo\n$ boatswain b\n");
    let two: Vec<_> = two.iter().map(|(line, told)| (line.as_str(), told.as_deref())).collect();
    assert_eq!(two, [("boatswain a", Some("one\ntwo")), ("boatswain b", Some(""))]);
    let typed =
        |block| commands(block).into_iter().map(|(line, told)| (line, told.is_some())).collect::<Vec<_>>();
    assert_eq!(typed("cd there\n$ boatswain a\n"), [("boatswain a".to_owned(), true)]);
    assert_eq!(typed("a \\\n  b\n\nc\n"), [("a    b".to_owned(), false), ("c".to_owned(), false)]);
    for (expected, told, same) in [
        ("one", "one", true),
        ("one", "one two", false),
        ("one…", "one two", true),
        ("…two", "one two", true),
        ("…two", "one two three", false),
        ("a …, b … c", "a 1, b 2 c", true),
        ("a …, b … c", "a 1; b 2 c", false),
        ("…", "", true),
        ("one…one", "one", false),
    ] {
        assert_eq!(fits(expected, told), same, "{expected}: {told}");
    }
}
