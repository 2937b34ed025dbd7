//! Characters that are no JavaScript, though they look as if: quotes and dashes that a word processor has made, what cannot
//! be seen, letters of another width.

/// What is wrong with a character outside of texts, and what to do.
pub(super) fn told(c: char) -> (String, String) {
    let code = format!("U+{:04X}", u32::from(c));
    let is_instead =
        |what: &str, written: &str| (format!("`{c}` ({code}) is {what}"), format!("write `{written}`"));
    match c {
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => {
            is_instead("a typographic quote, which begins no text", "\"")
        }
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '‹' | '›' => {
            is_instead("a typographic quote, which begins no text", "'")
        }
        '‐' | '‑' | '‒' | '–' | '—' | '−' => is_instead("a typographic dash, and no minus", "-"),
        '…' => is_instead("one character, and not three dots", "..."),
        '×' => is_instead("no operator", "*"),
        '÷' => is_instead("no operator", "/"),
        '≠' => is_instead("no operator", "!=="),
        '≤' => is_instead("no operator", "<="),
        '≥' => is_instead("no operator", ">="),
        '\u{37e}' => is_instead("a Greek question mark, and no semicolon", ";"),
        '\u{ff01}'..='\u{ff5e}' => {
            let plain = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
            is_instead("a character of full width", &plain.to_string())
        }
        '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{202a}'..='\u{202e}' | '\u{ad}' | '\u{85}' => {
            (
                format!("a character that cannot be seen stands here ({code})"),
                "delete it: it came with what was pasted; retype the line if it cannot be found".to_owned(),
            )
        }
        c if c.is_control() => (
            format!("a control character stands here ({code})"),
            "delete it, and look whether the file is text in UTF-8".to_owned(),
        ),
        '@' => ("`@` begins nothing here: there are no decorators".to_owned(), "leave it out".to_owned()),
        c => (
            format!("`{c}` ({code}) means nothing outside of a text"),
            "put it into quotes, or delete it".to_owned(),
        ),
    }
}

/// The character that was probably meant to close a text which begins with `quote`.
pub(super) fn closing(text: &str, quote: char) -> Option<char> {
    let lookalikes: &[char] =
        if quote == '"' { &['”', '“', '„', '″'] } else { &['’', '‘', '′', '´'] };
    text.chars().rev().find(|c| lookalikes.contains(c))
}
