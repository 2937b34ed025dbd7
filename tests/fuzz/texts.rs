//! Small texts with a form of their own, read by hand: moments, sums, templates, names.

use std::path::{Component, Path};

use boatswain::base::{
    ActionId, AppId, CompanyId, MessageId, MessageSid, TemplateText, UnixMillis, code_frame, mask, nearest,
    shown,
};
use proptest::prelude::*;

use crate::cases::{all, edited, edits, words};

const MOMENTS: &[&str] = &[
    "2026-11-22T18:30:00Z",
    "2026-11-22",
    "1969-12-31 23:59:59.999+23:59",
    "0000-01-01T00:00:00Z",
    "9999-12-31t23:59:60.123456789-00:00",
    "2024-02-29",
    "2023-02-29",
];
const MARKS: &[&str] = &[
    "-",
    ":",
    ".",
    "T",
    "Z",
    "+",
    "0",
    "9",
    "è",
    " ",
    "\0",
    "00",
    "000000000",
    "+23:59",
    "\u{661}",
    "e",
    "{{",
    "}}",
    "{{1}}",
    "/",
];

/// Names of what lies below a folder, and what would lie beside it.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => words("a B9 _ - . .. / lib a.b .js NODEFINED con"),
        2 => words("... // \\ %2e %2f %00 ~ * C: ; \0 \n è \u{ff0e} \u{2024} \u{2025} \u{2215} \u{29f8} \u{202e}"),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat()),
        "[A-Za-z0-9._/-]{0,250}",
        ".{0,20}"
    ]
}

/// The days of a month, by the calendar on the wall.
fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 to the first of a month, counted year by year.
fn days_before(year: i64, month: i64) -> i64 {
    let years: i64 = (0..year).map(|year| 337 + days_of(year, 2)).sum();
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months - 719_528 // 1970 is so many days after the year 0
}

/// Whether a relative path stays below where it begins, by its components and nothing else.
fn stays_below(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

proptest! {
    #![proptest_config(all())]

    #[test]
    fn a_moment_is_read_and_written_or_refused(text in prop_oneof![
        (prop::sample::select(MOMENTS), edits(MARKS)).prop_map(|(text, edits)| edited(text, &edits)),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,10})?(Z|z|[+-][0-9]{2}:[0-9]{2}))?",
        ".{0,30}",
    ]) {
        if let Some(moment) = UnixMillis::parse(&text) {
            let (year, rest) = text.split_at_checked(4).unwrap();
            prop_assert!(year.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with('-'), "{:?}", text);
            let written = moment.to_string();
            // An offset may carry the first and the last day out of the four digits that RFC 3339 has for a year.
            if !year.starts_with("0000") && !year.starts_with("9999") {
                prop_assert_eq!(UnixMillis::parse(&written), Some(moment), "{:?} is {}", text, written);
            }
        }
    }

    #[test]
    fn a_moment_is_counted_from_1970(date in (0..=9999_i64, 1..=12_i64, 1..=31_i64), time in (0..24_i64, 0..60_i64, 0..60_i64), millis in 0..1000_i64, zone in (-23..=23_i64, 0..60_i64)) {
        let ((year, month, day), (hour, minute, second), (hours, minutes)) = (date, time, zone);
        let (sign, offset) = if hours < 0 { ('-', hours * 60 - minutes) } else { ('+', hours * 60 + minutes) };
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}{sign}{:02}:{minutes:02}", hours.abs());
        let days = (day <= days_of(year, month)).then(|| days_before(year, month) + day - 1);
        let counted = days.map(|days| UnixMillis((((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000 + millis));
        prop_assert_eq!(UnixMillis::parse(&text), counted, "{}", text);
    }

    #[test]
    fn any_number_is_a_moment_that_can_be_shown(moment in any::<i64>()) {
        prop_assert!(UnixMillis(moment).to_string().ends_with('Z'));
    }

    #[test]
    fn a_template_is_read_and_what_it_was_filled_with_is_found(
        text in prop_oneof!["([a-zè ]{0,5}(\\{\\{[0-9a-z_]{1,3}\\}\\})?){0,4}", "[{} a1]{0,30}", ".{0,40}"],
        message in ".{0,60}",
        value in "[A-Za-zè0-9]{1,8}",
    ) {
        let Ok(template) = TemplateText::parse(&text) else { return Ok(()) };
        prop_assert_eq!(TemplateText::parse(&template.to_string()), Ok(template.clone()));
        let _ = template.variables(&message);
        let filled = template.filled(|_| Some(value.as_str()));
        let found = template.variables(&filled);
        prop_assert!(found.is_some(), "{:?} in {:?}", filled, text);
        let found = found.unwrap();
        // What it was filled with may be split otherwise, but it makes the same text.
        let again = template.filled(|name| found.get(name).map(String::as_str));
        prop_assert_eq!(again.trim(), filled.trim());
    }

    #[test]
    fn an_id_names_something_below_its_folder(text in path()) {
        let plain = |text: &str, more: &[u8]| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        if let Ok(id) = AppId::parse(&text) {
            prop_assert!(plain(&text, b"_-") && text.len() <= 63 && text.as_bytes()[0].is_ascii_alphabetic());
            prop_assert_eq!(id.as_str(), &text);
            let file = format!("{id}.db");
            prop_assert!(stays_below(Path::new(&file)), "{}", file);
        }
        if let Ok(id) = CompanyId::parse(&text) {
            prop_assert!(plain(&text, b"._-") && text.len() <= 64 && text.as_bytes()[0].is_ascii_alphanumeric());
            prop_assert_eq!(CompanyId::parse(id.as_str()), Ok(id));
        }
        if let Ok(id) = ActionId::parse(&text) {
            prop_assert!(text.split('/').all(|segment| plain(segment, b"._-") && !segment.starts_with('.')));
            let file = format!("{id}.js");
            prop_assert!(stays_below(Path::new(&file)) && !file.contains("/."), "{}", file);
            prop_assert_eq!(Path::new(&file).components().count(), text.split('/').count());
        }
        if MessageSid::parse(&text).is_ok() {
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (2..=64).contains(&text.len()));
        }
        for error in [AppId::parse(&text).err(), CompanyId::parse(&text).err(), ActionId::parse(&text).err()].into_iter().flatten() {
            prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error);
        }
    }

    #[test]
    fn a_message_of_the_hosts_is_read_as_it_was_written(bytes in any::<[u8; 16]>(), text in "[0-9a-fA-F{}:urnid-]{0,46}") {
        let id = MessageId::from_bytes(bytes);
        prop_assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        if let Ok(id) = MessageId::parse(&text) {
            prop_assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn what_is_shown_steers_no_terminal(text in "\\PC{0,20}|.{0,40}", names in prop::collection::vec(".{0,9}", 0..6)) {
        let shown = shown(&text);
        let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        prop_assert!(!shown.contains(steers), "{:?}", shown);
        let near = nearest(&text, names.iter().map(String::as_str));
        prop_assert!(near.is_none_or(|near| names.iter().any(|name| name == near)));
    }

    #[test]
    fn code_around_a_place_is_short_and_steers_nothing(
        lines in prop::collection::vec(prop_oneof![".{0,40}", "[a-z0-9+='\" :]{0,200}", "(漢|\t|\u{1b}|\u{202e}){0,300}"], 0..6),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\u{2028}")],
        line in prop_oneof![0..9_u32, any::<u32>()],
        column in prop_oneof![0..400_u32, any::<u32>()],
    ) {
        let text = lines.join(end);
        if let Some(frame) = code_frame(&text, line, column) {
            prop_assert!(frame.lines().count() <= 5 && frame.len() < 8_000, "{}", frame);
            prop_assert_eq!(frame.lines().filter(|line| line.starts_with('>')).count(), 1);
            prop_assert!(frame.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
        for line in &lines {
            let hidden = mask::hide_in_code(line);
            prop_assert_eq!(hidden.chars().count(), line.chars().count());
            prop_assert_eq!(mask::hide_in_code(&hidden), hidden);
        }
    }
}
