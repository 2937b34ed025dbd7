//! The catalogue: an application's scripts as they lie in `scripts/<appId>/`.
//!
//! All `*.js` files below the folder belong to it, and the `*.json` files that they may require, except tests
//! (`*.test.js`, see [`read_tests`]), what begins with a dot and what editors keep beside scripts ([`NO_DATA`]). What a
//! file cannot be (too large, not UTF-8, a link out of the folder) stays in the catalogue as the reason why, so
//! that it fails its own runs and no others. The version is a hash of paths and contents: equal trees, equal
//! versions.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::protocol::{Bundle, JSON, SourceFile};
use crate::base::AppId;

/// The largest file, in bytes: 1 MiB.
pub const MAX_FILE: u64 = 1 << 20;
/// All files of an application together, in bytes: 6 MiB, so that a bundle fits into a frame.
pub const MAX_TOTAL: u64 = 6 << 20;
/// Files of an application.
const MAX_FILES: usize = 4_000;
/// Folders inside folders.
const MAX_DEPTH: usize = 16;
/// Bytes of a file's path below the application's folder.
const MAX_PATH: usize = 200;

/// Settings of editors, which are JSON with comments.
const NO_DATA: [&str; 2] = ["jsconfig.json", "tsconfig.json"];

/// Why the scripts of an application cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the folder {}: {source}", folder.display())]
pub struct CatalogueError {
    /// The folder.
    pub folder: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// Reads the scripts of `app` in `scripts`, which is written in errors as it is given.
///
/// # Errors
/// When the application's folder, or one inside it, cannot be read.
pub fn read_bundle(scripts: &Path, app: &AppId) -> Result<Bundle, CatalogueError> {
    let files = read_files(scripts, app, &is_script)?;
    Ok(Bundle { version: version(&files), files })
}

/// The same with the tests.
///
/// # Errors
/// As [`read_bundle`].
pub fn read_with_tests(scripts: &Path, app: &AppId) -> Result<Bundle, CatalogueError> {
    let files = read_files(scripts, app, &is_script_or_test)?;
    Ok(Bundle { version: version(&files), files })
}

/// The bundle without its tests, as [`read_bundle`] reads it.
#[must_use]
pub fn without_tests(bundle: &Bundle) -> Bundle {
    let files: Vec<_> = bundle.files.iter().filter(|file| !is_test(&file.path)).cloned().collect();
    Bundle { version: version(&files), files }
}

/// Reads the tests of `app` in `scripts`: its files `*.test.js`, in order of paths.
///
/// # Errors
/// As [`read_bundle`].
pub fn read_tests(scripts: &Path, app: &AppId) -> Result<Vec<SourceFile>, CatalogueError> {
    read_files(scripts, app, &is_test)
}

/// The paths, below the folder of `app`, of files in other dialects of JavaScript, which nothing reads.
///
/// # Errors
/// As [`read_bundle`].
pub fn in_other_dialects(scripts: &Path, app: &AppId) -> Result<Vec<String>, CatalogueError> {
    let is_other = |path: &str| {
        let dialect = path.rsplit_once('.').is_some_and(|(_, extension)| DIALECTS.contains(&extension));
        dialect && !path.ends_with(".d.ts")
    };
    paths(scripts, app, &is_other)
}

/// The files of SQL in an application's folder, as paths below it, sorted; whatever the case of their ending.
///
/// # Errors
/// As [`read_bundle`].
pub fn sql_files(scripts: &Path, app: &AppId) -> Result<Vec<String>, CatalogueError> {
    let is_sql = |path: &str| {
        path.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("sql"))
    };
    paths(scripts, app, &is_sql)
}

fn paths(scripts: &Path, app: &AppId, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, CatalogueError> {
    let mut paths = Vec::new();
    list(&scripts.join(app.as_str()), "", 0, wanted, &mut paths)
        .map_err(|(folder, source)| CatalogueError { folder, source })?;
    paths.sort_unstable();
    Ok(paths)
}

/// Endings of JavaScript's other dialects.
const DIALECTS: [&str; 8] = ["mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "coffee"];

/// Whether a path below an application's folder is a test's.
#[must_use]
pub fn is_test(path: &str) -> bool {
    path.ends_with(".test.js")
}

fn is_script(path: &str) -> bool {
    is_script_or_test(path) && !is_test(path)
}

fn is_script_or_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.strip_suffix(".js").is_some() || path.ends_with(JSON) && !NO_DATA.contains(&name)
}

fn read_files(
    scripts: &Path,
    app: &AppId,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<SourceFile>, CatalogueError> {
    let folder = scripts.join(app.as_str());
    let fail = |folder: &Path| {
        let folder = folder.to_owned();
        move |source| CatalogueError { folder, source }
    };
    let root = fs::canonicalize(&folder).map_err(fail(&folder))?;
    let mut paths = Vec::new();
    list(&folder, "", 0, wanted, &mut paths).map_err(|(folder, source)| CatalogueError { folder, source })?;
    paths.sort_unstable();
    let mut total = 0_u64;
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let file = folder.join(&path);
        let text = read(&file, &root).and_then(|text| {
            let length = text.len() as u64;
            if total + length > MAX_TOTAL {
                return Err(format!(
                    "the application's scripts are larger than {} MiB together",
                    MAX_TOTAL >> 20
                ));
            }
            total += length;
            Ok(text)
        });
        files.push(SourceFile { shown: file.display().to_string(), path, text });
    }
    Ok(files)
}

/// The actions of a bundle: its files but those in `lib/`, without `.js`.
pub fn actions(bundle: &Bundle) -> impl Iterator<Item = &str> {
    let names = bundle.files.iter().filter_map(|file| file.path.strip_suffix(".js"));
    names.filter(|name| !is_module(name))
}

/// Whether a path below an application's folder is that of a module or a test, and not an action's.
pub(in crate::script) fn is_module(path: &str) -> bool {
    path.starts_with("lib/") || is_test(path)
}

/// Collects the paths of the files that are `wanted` below `folder`, which is `prefix` below the application's.
fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    wanted: &dyn Fn(&str) -> bool,
    paths: &mut Vec<String>,
) -> Result<(), (PathBuf, io::Error)> {
    let fail = |error| (folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if path.len() > MAX_PATH || paths.len() >= MAX_FILES {
            continue;
        }
        // Not following links: a folder that is one could lead anywhere, and round in circles.
        if entry.file_type().map_err(fail)?.is_dir() {
            if depth < MAX_DEPTH {
                list(&entry.path(), &path, depth + 1, wanted, paths)?;
            }
        } else if wanted(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

/// A file's text, or why there is none.
fn read(path: &Path, root: &Path) -> Result<String, String> {
    let real = fs::canonicalize(path).map_err(|error| error.to_string())?;
    if !real.starts_with(root) {
        return Err("it is a link that leads out of the application's folder".to_owned());
    }
    if !fs::metadata(&real).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(&real).map_err(|error| error.to_string())?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 text (byte {} is the first that is not)", error.utf8_error().valid_up_to())
    })
}

/// The first 12 hexadecimal digits of a SHA-256 over all paths and contents, each with its length before it.
fn version(files: &[SourceFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        let text = file.text.as_ref().map_or_else(String::as_str, String::as_str);
        for part in [file.path.as_str(), text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update([u8::from(file.text.is_ok())]);
    }
    let mut version = String::new();
    for byte in hash.finalize().iter().take(6) {
        let _ = write!(version, "{byte:02x}");
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &[u8])]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (path, bytes) in files {
                let path = tree.0.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            tree
        }

        fn read(&self) -> Bundle {
            read_bundle(self.0.path(), &AppId::parse("demo").unwrap()).unwrap()
        }
    }

    #[test]
    fn every_script_and_its_data_but_tests_and_hidden_files_is_read_in_order() {
        let tree = Tree::new(&[
            ("demo/z.js", b"return 1"),
            ("demo/a.js", b"return 2"),
            ("demo/lib/money.js", b"exports.x = 1"),
            ("demo/orders/confirm.js", b""),
            ("demo/a.test.js", b"no"),
            ("demo/.hidden.js", b"no"),
            ("demo/.git/x.js", b"no"),
            ("demo/lib/prices.json", b"{}"),
            ("demo/lib/jsconfig.json", b"// no"),
            ("demo/.hidden.json", b"no"),
            ("demo/migrations/1.sql", b"no"),
            ("other/x.js", b"no"),
        ]);
        let bundle = tree.read();
        let paths: Vec<_> = bundle.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a.js", "lib/money.js", "lib/prices.json", "orders/confirm.js", "z.js"]);
        assert!(bundle.files[1].shown.ends_with("demo/lib/money.js"));
        assert_eq!(bundle.files[0].text.as_deref(), Ok("return 2"));
        assert_eq!(actions(&bundle).collect::<Vec<_>>(), ["a", "orders/confirm", "z"]);
    }

    #[test]
    fn the_version_is_that_of_paths_and_contents() {
        let one = Tree::new(&[("demo/a.js", b"1"), ("demo/b.js", b"2")]).read().version;
        let same = Tree::new(&[("demo/b.js", b"2"), ("demo/a.js", b"1")]).read().version;
        let moved = Tree::new(&[("demo/a.js", b"1"), ("demo/c.js", b"2")]).read().version;
        let shifted = Tree::new(&[("demo/a.js", b"12"), ("demo/b.js", b"")]).read().version;
        assert_eq!(one, same);
        assert_eq!(one.len(), 12);
        let data =
            |text: &'static [u8]| Tree::new(&[("demo/a.js", b"1"), ("demo/b.json", text)]).read().version;
        assert_ne!(data(b"1"), data(b"2"));
        assert_ne!(one, moved);
        assert_ne!(one, shifted);
    }

    #[test]
    fn a_file_that_cannot_be_is_kept_with_the_reason() {
        let large = vec![b' '; usize::try_from(MAX_FILE).unwrap() + 1];
        let tree = Tree::new(&[
            ("demo/large.js", &large),
            ("demo/latin.js", b"return '\xe8'"),
            ("demo/good.js", b"return 1"),
            ("secret.js", b"the neighbour's"),
        ]);
        std::os::unix::fs::symlink("../secret.js", tree.0.path().join("demo/link.js")).unwrap();
        std::os::unix::fs::symlink("..", tree.0.path().join("demo/folder.js")).unwrap();
        std::os::unix::fs::symlink("good.js", tree.0.path().join("demo/alias.js")).unwrap();
        let bundle = tree.read();
        let reason = |path: &str| {
            let file = bundle.files.iter().find(|file| file.path == path).unwrap();
            file.text.clone().expect_err(path)
        };
        assert!(reason("large.js").contains("1 MiB"));
        assert!(reason("latin.js").contains("UTF-8"));
        assert!(reason("link.js").contains("out of"));
        assert!(reason("folder.js").contains("out of"));
        let alias = bundle.files.iter().find(|file| file.path == "alias.js").unwrap();
        assert_eq!(alias.text.as_deref(), Ok("return 1"));
    }

    #[test]
    fn files_that_are_too_large_together_are_kept_as_far_as_they_fit() {
        let mebibyte = vec![b' '; usize::try_from(MAX_FILE).unwrap()];
        let names: Vec<String> = (0..7).map(|number| format!("demo/{number}.js")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &*mebibyte)).collect();
        let bundle = Tree::new(&files).read();
        assert_eq!(bundle.files.iter().filter(|file| file.text.is_ok()).count(), 6);
        assert!(bundle.files[6].text.clone().unwrap_err().contains("together"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let tree = Tree::new(&[]);
        let error = read_bundle(tree.0.path(), &AppId::parse("demo").unwrap()).unwrap_err();
        assert!(error.to_string().contains("demo"), "{error}");
    }
}
