//! Where in a parameter file a value stands, for problems that show only when something else is read too.

use std::path::Path;

use super::reader::{Secrets, Source, find};
use super::{document, load};
use crate::base::Place;

/// Where the value of the key at the end of `path` stands in `file`; the file alone where it cannot be found.
#[must_use]
pub fn place_of(file: &Path, path: &[&str]) -> Place {
    place_in(file, path).unwrap_or_else(|| Place::file(file))
}

fn place_in(file: &Path, path: &[&str]) -> Option<Place> {
    let text = load::text_of(file).ok()?.0;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let document = document::parse(text);
    let source = Source::new(file, text, Secrets::StoodIn);
    let at = find(&source, &document.root, path)?.start();
    Some(source.place(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_the_names_that_lead_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app-params.toml");
        std::fs::write(&file, "[applications.demo.WHATSAPP]\nwhatsapp_callback = \"x\"\n").unwrap();
        let path = ["applications", "demo", "WHATSAPP", "whatsapp_callback"];
        assert_eq!(place_of(&file, &path), Place::at(&file, 2, 21));
        assert_eq!(place_of(&file, &path[..3]).file, file);
        for nothing in [&["applications", "other"][..], &[]] {
            assert_eq!(place_of(&file, nothing), Place::file(&file));
        }
        let missing = folder.path().join("missing.toml");
        assert_eq!(place_of(&missing, &path), Place::file(&missing));
    }
}
