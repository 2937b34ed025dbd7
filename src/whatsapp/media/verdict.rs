//! What was seen at a medium's URL, turned into warnings or a refusal.

use super::{caption_warning, judge};
use crate::config::MediaCheck;
use crate::whatsapp::probe::{Seen, Unprobed};

/// Whether a message with a medium may leave: the warnings for its outcome, or the code and the sentence with which it
/// is refused.
///
/// What was learnt and breaks WhatsApp's rules is refused. What could not be learnt is a warning, or refused where
/// the check is strict; a size that the server doesn't tell is a warning only. A text that the medium can't carry
/// is a warning.
///
/// # Errors
/// `MEDIA_TOO_LARGE`, `MEDIA_TYPE`, `MEDIA_UNREACHABLE` or `MEDIA_FORBIDDEN`, with a sentence for the author.
pub fn verdict(
    check: MediaCheck,
    has_text: bool,
    looked: &Result<Seen, Unprobed>,
) -> Result<Vec<String>, (&'static str, String)> {
    if check == MediaCheck::Off {
        return Ok(Vec::new());
    }
    let seen = match looked {
        Ok(seen) => seen,
        Err(why) if check == MediaCheck::Strict => {
            return Err((why.code(), format!("{why}. The parameters ask for a check before each send")));
        }
        Err(why) => {
            return Ok(vec![format!("The medium could not be looked at before sending: {why}")]);
        }
    };
    let kind = judge(seen.content_type.as_deref(), seen.size)
        .map_err(|problem| (problem.code(), problem.to_string()))?;
    let mut warnings = Vec::new();
    if seen.size.is_none() {
        warnings.push(
            "The medium's server does not tell its size: WhatsApp takes pictures of 5 MB and other media of 16 MB at \
             most"
                .to_owned(),
        );
    }
    if has_text {
        warnings.extend(caption_warning(kind));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatsapp::probe::Forbidden;

    fn seen(content_type: &str, size: Option<u64>) -> Seen {
        Seen { content_type: Some(content_type.to_owned()), size }
    }

    fn code(check: MediaCheck, looked: &Result<Seen, Unprobed>) -> Option<&'static str> {
        verdict(check, true, looked).err().map(|(code, _)| code)
    }

    fn unprobed() -> [(Unprobed, &'static str); 3] {
        [
            (Unprobed::Forbidden(Forbidden::NotPublic), "MEDIA_FORBIDDEN"),
            (Unprobed::Unreachable("no answer within 5 seconds".to_owned()), "MEDIA_UNREACHABLE"),
            (Unprobed::HttpStatus(404), "MEDIA_UNREACHABLE"),
        ]
    }

    #[test]
    fn what_breaks_the_rules_is_refused_in_both_modes() {
        for check in [MediaCheck::Warn, MediaCheck::Strict] {
            assert_eq!(code(check, &Ok(seen("image/png", Some(6_000_000)))), Some("MEDIA_TOO_LARGE"));
            assert_eq!(code(check, &Ok(seen("image/gif", Some(1)))), Some("MEDIA_TYPE"));
            assert_eq!(code(check, &Ok(Seen { content_type: None, size: Some(1) })), Some("MEDIA_TYPE"));
            assert_eq!(verdict(check, true, &Ok(seen("image/png", Some(1)))), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_can_not_be_seen_is_a_warning_or_an_error_where_it_is_strict() {
        for (why, expected) in unprobed() {
            let sentence = why.to_string();
            let looked = Err(why);
            let warnings = verdict(MediaCheck::Warn, true, &looked).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(&sentence), "{warnings:?}");
            let (code, message) = verdict(MediaCheck::Strict, true, &looked).unwrap_err();
            assert_eq!(code, expected);
            assert!(message.contains(&sentence), "{message}");
        }
    }

    #[test]
    fn a_text_is_warned_of_where_the_medium_shows_none() {
        for check in [MediaCheck::Warn, MediaCheck::Strict] {
            for (content_type, count) in
                [("image/jpeg", 0), ("video/mp4", 1), ("application/pdf", 1), ("image/webp", 1)]
            {
                let warnings = verdict(check, true, &Ok(seen(content_type, Some(1)))).unwrap();
                assert_eq!(warnings.len(), count, "{content_type}: {warnings:?}");
                assert_eq!(verdict(check, false, &Ok(seen(content_type, Some(1)))), Ok(Vec::new()));
            }
        }
    }

    #[test]
    fn a_size_that_is_not_told_is_a_warning() {
        for check in [MediaCheck::Warn, MediaCheck::Strict] {
            let warnings = verdict(check, false, &Ok(seen("video/mp4", None))).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains("size"), "{warnings:?}");
        }
    }

    #[test]
    fn nothing_is_judged_where_the_check_is_off() {
        for looked in [Ok(seen("image/gif", Some(u64::MAX))), Err(Unprobed::HttpStatus(404))] {
            assert_eq!(verdict(MediaCheck::Off, true, &looked), Ok(Vec::new()));
        }
    }
}
