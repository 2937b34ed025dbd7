//! How many inputs are tried, and how they are spoilt.

use proptest::prelude::*;
use proptest::sample::{Index, Select, select};
use proptest::test_runner::Config;

/// proptest's configuration (`PROPTEST_CASES`).
pub fn all() -> Config {
    // However many inputs are tried, some of them are not what a property is about.
    Config { max_global_rejects: u32::MAX, ..Config::default() }
}

/// The same with one of `part` cases, for what takes longer than a function call.
pub fn one_in(part: u32) -> Config {
    let all = all();
    Config { cases: (all.cases / part).max(1), ..all }
}

/// One change of a sequence of bytes.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Turns one bit over.
    Flip(Index, u8),
    /// Puts these bytes in.
    Insert(Index, Vec<u8>),
    /// Takes so many bytes out.
    Remove(Index, usize),
    /// Says so many bytes twice.
    Repeat(Index, usize),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let piece = |at: &Index, length: usize| {
            let begin = at.index(bytes.len() + 1);
            begin..(begin + length).min(bytes.len())
        };
        match self {
            Self::Flip(at, bit) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << (bit % 8);
            }
            Self::Flip(..) => {}
            Self::Insert(at, new) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => drop(bytes.drain(piece(at, *length))),
            Self::Repeat(at, length) => {
                let piece = piece(at, *length);
                let again = bytes[piece.clone()].to_vec();
                bytes.splice(piece.end..piece.end, again);
            }
        }
    }
}

/// Changes of which those that insert take from `words`, or any bytes.
pub fn edits(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Edit>> {
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let edit = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (any::<Index>(), word).prop_map(|(at, word)| Edit::Insert(at, word)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, new)| Edit::Insert(at, new)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    prop::collection::vec(edit, 1..6)
}

/// Makes the changes, one after another.
pub fn spoil(bytes: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits {
        edit.apply(bytes);
    }
}

/// One of the words of `text`, which stand between spaces.
pub fn words(text: &'static str) -> Select<&'static str> {
    select(text.split(' ').collect::<Vec<_>>())
}

/// `text` with the changes; what is no UTF-8 any more becomes U+FFFD.
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    spoil(&mut bytes, edits);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every byte of `text` escaped.
pub fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}
