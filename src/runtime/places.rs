//! Which folders are watched for which names, so that no change of a file goes unseen, whatever way it comes: written in
//! place, renamed over, or by a link on the way to it that leads elsewhere from now on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::runtime::reload::Sources;

/// Links in a row, as Linux follows them.
const MOST_LINKS: usize = 40;
/// Folders inside folders, as scripts are read.
const MAX_DEPTH: usize = 16;

/// The names that matter in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Scripts, migrations and folders, but for hidden ones.
    of_scripts: bool,
    these: BTreeSet<OsString>,
}

impl Names {
    /// These names as well.
    pub fn add(&mut self, more: Self) {
        self.of_scripts |= more.of_scripts;
        self.these.extend(more.these);
    }

    /// Whether all of these are among them.
    pub fn has(&self, others: &Self) -> bool {
        (self.of_scripts || !others.of_scripts) && others.these.is_subset(&self.these)
    }

    /// Whether a name is among them.
    pub fn mean(&self, name: &OsStr, is_folder: bool) -> bool {
        let is_script = || {
            let path = Path::new(name);
            let extension = path.extension().and_then(OsStr::to_str);
            !name.as_encoded_bytes().starts_with(b".")
                && (is_folder || matches!(extension, Some("js" | "sql")))
        };
        self.these.contains(name) || self.of_scripts && is_script()
    }
}

/// The folders in which something may happen to these sources, as the files are now.
pub(super) fn folders(sources: &Sources) -> BTreeMap<PathBuf, Names> {
    let mut folders = Folders::default();
    for file in &sources.files {
        folders.trace(file);
    }
    for tree in &sources.trees {
        for tree in [tree.clone(), tree.join("migrations")] {
            folders.trace(&tree);
            if let Ok(real) = fs::canonicalize(&tree) {
                folders.walk(&real, 0);
            }
        }
    }
    folders.0
}

#[derive(Default)]
struct Folders(BTreeMap<PathBuf, Names>);

impl Folders {
    /// Watches the last step to a file, and every link on the way to it. Where the way ends early, what is missing is
    /// waited for.
    fn trace(&mut self, path: &Path) {
        let Ok(path) = std::path::absolute(path) else { return };
        let mut rest: VecDeque<OsString> =
            path.components().map(|step| step.as_os_str().to_owned()).collect();
        let (mut at, mut links) = (PathBuf::new(), 0);
        while let Some(step) = rest.pop_front() {
            if step == Component::ParentDir.as_os_str() {
                at.pop(); // no link: those that came before were followed
                continue;
            }
            let here = at.join(&step);
            let target = match fs::symlink_metadata(&here) {
                Ok(metadata) if metadata.is_symlink() => fs::read_link(&here).ok(),
                Ok(_) if !rest.is_empty() => {
                    at = here;
                    continue;
                }
                _ => None,
            };
            self.0.entry(at.clone()).or_default().these.insert(step);
            let Some(target) = target.filter(|_| links < MOST_LINKS) else { return };
            links += 1;
            for step in target.components().rev() {
                rest.push_front(step.as_os_str().to_owned());
            }
            if target.is_absolute() {
                at = PathBuf::new();
            }
        }
    }

    /// Watches a folder and those in it, as far as scripts are read.
    fn walk(&mut self, folder: &Path, depth: usize) {
        self.0.entry(folder.to_owned()).or_default().of_scripts = true;
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if !is_hidden && depth < MAX_DEPTH {
                self.walk(&entry.path(), depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The watched names below a folder that has these entries: a folder (`x/`), a link (`x -> y`) or a file.
    fn watched(entries: &[&str], file: &str, tree: Option<&str>) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for entry in entries {
            match entry.split_once(" -> ") {
                Some((link, target)) => std::os::unix::fs::symlink(target, root.join(link)).unwrap(),
                None if entry.ends_with('/') => fs::create_dir_all(root.join(entry)).unwrap(),
                None => fs::write(root.join(entry), "").unwrap(),
            }
        }
        let trees = tree.into_iter().map(|tree| root.join(tree)).collect();
        let folders = folders(&Sources { files: [root.join(file)].into(), trees });
        let mut shown = Vec::new();
        for (folder, names) in folders {
            let folder = folder.strip_prefix(&root).unwrap().display().to_string();
            shown.extend(names.these.iter().map(|name| format!("{folder}: {}", name.display())));
            shown.extend(names.of_scripts.then(|| format!("{folder}: scripts")));
        }
        shown
    }

    #[test]
    fn a_file_is_watched_in_its_folder_and_one_that_is_missing_where_its_way_ends() {
        assert_eq!(watched(&["etc/", "etc/p.toml"], "etc/p.toml", None), ["etc: p.toml"]);
        assert_eq!(watched(&["etc/"], "etc/p.toml", None), ["etc: p.toml"]);
        assert_eq!(watched(&[], "etc/deep/p.toml", None), [": etc"]);
    }

    /// As Kubernetes brings secrets: the file's name stays a link for ever, and the folder behind it changes.
    #[test]
    fn every_link_on_the_way_is_watched() {
        let entries = ["s/", "s/..1/", "s/..1/key", "s/..data -> ..1", "s/key -> ..data/key"];
        assert_eq!(watched(&entries, "s/key", None), ["s: ..data", "s: key", "s/..1: key"]);
        assert_eq!(watched(&["round -> about", "about -> round"], "round", None), [": about", ": round"]);
        assert_eq!(watched(&["a/", "b/", "b/p", "a/up -> ../b"], "a/up/p", None), ["a: up", "b: p"]);
    }

    #[test]
    fn a_tree_is_watched_to_its_leaves_but_for_what_is_hidden() {
        let entries =
            ["releases/1/demo/lib/deep/", "releases/1/demo/.git/objects/", "scripts -> releases/1", "p.toml"];
        let expected = [
            ": p.toml",
            ": scripts",
            "releases/1: demo",
            "releases/1/demo: migrations",
            "releases/1/demo: scripts",
            "releases/1/demo/lib: scripts",
            "releases/1/demo/lib/deep: scripts",
        ];
        assert_eq!(watched(&entries, "p.toml", Some("scripts/demo")), expected);
        assert_eq!(watched(&["p.toml"], "p.toml", Some("scripts/demo")), [": p.toml", ": scripts"]);
    }

    #[test]
    fn what_editors_put_beside_does_not_count() {
        let names = Names { of_scripts: true, these: [OsString::from("..data")].into() };
        let mean = |name: &str, is_folder| names.mean(OsStr::new(name), is_folder);
        assert!(mean("x.js", false) && mean("1.sql", false) && mean("lib", true) && mean("..data", false));
        assert!(
            !mean("4913", false) && !mean("x.js~", false) && !mean(".x.js.swp", false) && !mean(".git", true)
        );
    }
}
