//! Which messages are a template's text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> TemplateText {
    TemplateText::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `name=value` of each placeholder, or `-` for no match.
fn matched(template: &str, message: &str) -> String {
    text(template).variables(message).map_or_else(
        || "-".to_owned(),
        |variables| {
            let pairs: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("|")
        },
    )
}

#[test]
fn a_message_in_the_words_of_a_template_gives_its_variables() {
    for (template, message, expected) in [
        ("Ciao {{1}}!", "Ciao Ada!", "1=Ada"),
        ("Ciao {{1}}!", "  Ciao Ada!\r\n", "1=Ada"),
        ("Ciao {{ 1 }}!", "Ciao Ada!", "1=Ada"),
        ("Ciao {{name}}, {{2}}.", "Ciao Ada, a presto.", "2=a presto|name=Ada"),
        ("{{1}} ti aspetta", "Bottega Aurora ti aspetta", "1=Bottega Aurora"),
        ("Il codice è {{1}}", "Il codice è 1234", "1=1234"),
        ("Grazie.\nA presto!", "Grazie.\r\nA presto!", ""),
        ("Grazie.\r\nA presto!", "Grazie.\rA presto!", ""),
        ("Grazie.", "Grazie", "-"),
        ("Grazie.", "Grazie. E ancora.", "-"),
        ("Ciao {{1}}!", "ciao Ada!", "-"),
        ("Ciao {{1}}!", "Ciao !", "-"),
        ("Ciao {{1}}!", "Ciao  \t!", "-"),
        ("Ciao {{1}}!", "Ciao!", "-"),
        ("Ciao {{1}}!", "", "-"),
        // The shortest that lets the rest match.
        ("{{1}} e {{2}}", "uno e due e tre", "1=uno|2=due e tre"),
        ("a {{1}}, b", "a x, b, b", "1=x, b"),
        ("a {{1}}.", "a 1.2.", "1=1.2"),
        ("a {{1}}.{{2}}", "a ..b", "1=.|2=b"),
        ("a {{1}} b {{2}} c", "a  b b b  c c", "1= b|2=b  c"),
        // Bytes are not characters.
        ("è {{1}}è", "è èè", "1=è"),
        ("{{1}}à{{2}}", "\u{1F600}à\u{1F600}", "1=\u{1F600}|2=\u{1F600}"),
        // The same placeholder is the same text.
        ("{{1}} è {{1}}", "uno è uno", "1=uno"),
        ("{{1}} è {{1}}", "uno è due", "-"),
        ("x{{1}}y{{1}}z", "x a y b y a y b z", "1= a y b "),
        ("{{2}} a {{1}} b {{1}}", "x a y a z b z", "1=z|2=x a y"),
        ("{{1}}, {{2}}: {{1}} o {{2}}", "a, b, c: a o b, c", "1=a|2=b, c"),
    ] {
        assert_eq!(matched(template, message), expected, "{template} / {message:?}");
    }
}

#[test]
fn what_is_no_template_is_told() {
    for (bad, expected) in [
        ("", "has no words of its own, so any message could be taken for it"),
        (" \n ", "has no words of its own, so any message could be taken for it"),
        ("{{1}}", "has no words of its own, so any message could be taken for it"),
        ("{{1}}.", "has no words of its own, so any message could be taken for it"),
        ("Ciao {{1}", "has a `{{` without its counterpart"),
        ("Ciao {1}}", "has a `}}` without its counterpart"),
        ("Ciao {{1}} }}", "has a `}}` without its counterpart"),
        ("Ciao {{}}", "has a placeholder `{{}}`, whose name is not of letters, digits and `_` (32 at most)"),
        (
            "Ciao {{il nome}}",
            "has a placeholder `{{il nome}}`, whose name is not of letters, digits and `_` (32 at most)",
        ),
        ("Ciao {{1}}{{2}}", "has the placeholders `{{1}}` and `{{2}}` with nothing between them"),
    ] {
        assert_eq!(TemplateText::parse(bad).unwrap_err().to_string(), expected, "{bad}");
    }
    assert_eq!(text(" Ciao {{ 1 }}, {{name}} {{1}}\n").to_string(), "Ciao {{1}}, {{name}} {{1}}");
    assert_eq!(text("{x} Ciao {{1}}, {{n}} {{1}}").placeholders().collect::<Vec<_>>(), ["1", "n"]);
    assert_eq!(text("\u{1F600} Ciao {{1}}").length(|name| name.len() * 10), 17);
}

/// Texts made to be cut in many ways: each is answered, and soon.
#[test]
fn a_hostile_message_takes_no_time() {
    let begun = Instant::now();
    let texts = |name: fn(usize) -> usize| {
        (0..200).map(|n| format!("a{{{{{}}}}}", name(n))).collect::<Vec<_>>().concat()
    };
    let (many, again) = (texts(|n| n), texts(|n| n % 7));
    for template in
        [many.as_str(), &again, "x{{1}}a{{2}}a{{1}}a{{2}}b", "{{1}}a{{2}}a{{3}}a{{1}}b{{2}}c{{3}}"]
    {
        for message in ["a".repeat(1600), format!("{}b", "a".repeat(1600)), "ab".repeat(800)] {
            let _ = text(template).variables(&message);
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

proptest! {
    /// A filled-in template is found again, and what is found fills in to the same message.
    #[test]
    fn what_was_filled_in_is_found(
        names in prop::collection::vec("[123]", 1..5),
        literals in prop::collection::vec("[ab, ]{1,3}", 5),
        values in prop::collection::vec("[abx ]{0,3}x", 3),
    ) {
        let value = |name: &str| values[name.parse::<usize>().unwrap() - 1].clone();
        let mut template = "Parola ".to_owned();
        let mut message = template.clone();
        for (name, literal) in names.iter().zip(&literals) {
            template += &["{{", name, "}}", literal].concat();
            message += &(value(name) + literal);
        }
        template += "fine";
        message += "fine";
        let template = text(&template);
        let found = template.variables(&message);
        prop_assert!(found.is_some(), "{template} / {message}");
        let found = found.unwrap();
        let mut filled = template.to_string();
        for (name, value) in &found {
            filled = filled.replace(&format!("{{{{{name}}}}}"), value);
        }
        prop_assert_eq!(filled, message);
    }
}
