//! Which media WhatsApp takes, how large they may be, and which of them show a text.
//!
//! Twilio believes the `Content-Type` with which the medium's server answers, and so do these rules. A rule that is
//! broken here would have failed after the message was taken, where only a callback would tell.
//!
//! Source: <https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages>.

mod verdict;

use std::fmt;

pub use self::verdict::verdict;

/// The largest medium, in bytes. Twilio writes "16MB" and doesn't say of which kind; the larger meaning is taken,
/// so that nothing is refused here that WhatsApp might have taken.
pub const MAX_SIZE: u64 = 16 * MB;
/// The largest picture, in bytes; "5 MB" is read in the same way. Twilio names no other limit for stickers.
pub const MAX_IMAGE_SIZE: u64 = 5 * MB;

const MB: u64 = 1024 * 1024;

/// The code of a medium that is larger than WhatsApp takes.
pub const MEDIA_TOO_LARGE: &str = "MEDIA_TOO_LARGE";
/// The code of a medium that is of no kind that WhatsApp takes, as far as its server says.
pub const MEDIA_TYPE: &str = "MEDIA_TYPE";

/// The types that WhatsApp takes, without parameters, in lower case. Several names of one format are in use.
pub(crate) const TYPES: [(&str, Kind); 27] = [
    ("image/jpeg", Kind::Image),
    ("image/jpg", Kind::Image),
    ("image/png", Kind::Image),
    ("image/webp", Kind::Sticker),
    ("audio/ogg", Kind::Audio),
    ("audio/opus", Kind::Audio),
    ("audio/amr", Kind::Audio),
    ("audio/amr-nb", Kind::Audio),
    ("audio/3gpp", Kind::Audio),
    ("audio/3gp", Kind::Audio),
    ("audio/aac", Kind::Audio),
    ("audio/mpeg", Kind::Audio),
    ("audio/mp3", Kind::Audio),
    ("video/mp4", Kind::Video),
    ("video/mpeg4", Kind::Video),
    ("video/3gpp", Kind::Video),
    ("video/3gp", Kind::Video),
    ("application/pdf", Kind::Document),
    ("application/msword", Kind::Document),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Kind::Document),
    ("application/vnd.ms-powerpoint", Kind::Document),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", Kind::Document),
    ("application/vnd.ms-excel", Kind::Document),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Kind::Document),
    ("text/vcard", Kind::Contact),
    ("text/x-vcard", Kind::Contact),
    ("text/directory", Kind::Contact), // vCard before RFC 6350
];

/// What a medium is to WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JPEG or PNG.
    Image,
    /// WEBP.
    Sticker,
    /// OGG with Opus, AMR, 3GP, AAC or MPEG.
    Audio,
    /// MP4 or 3GP.
    Video,
    /// PDF, or a document of an office: text, slides or sheet.
    Document,
    /// A vCard.
    Contact,
}

impl Kind {
    /// Whether a text sent with it reliably arrives. WhatsApp drops it without a word otherwise.
    #[must_use]
    pub fn carries_caption(self) -> bool {
        self == Self::Image
    }

    /// The most bytes that it may have.
    #[must_use]
    pub fn max_size(self) -> u64 {
        match self {
            Self::Image | Self::Sticker => MAX_IMAGE_SIZE,
            Self::Audio | Self::Video | Self::Document | Self::Contact => MAX_SIZE,
        }
    }
}

/// With its article, for the middle of a sentence.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "a picture",
            Self::Sticker => "a sticker",
            Self::Audio => "an audio file",
            Self::Video => "a video",
            Self::Document => "a document",
            Self::Contact => "a contact card",
        })
    }
}

/// Why WhatsApp would not take a medium; the sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaProblem {
    /// It has too many bytes.
    TooLarge {
        /// What it is.
        kind: Kind,
        /// How many bytes it has.
        size: u64,
    },
    /// Its server doesn't say what it is.
    NoType,
    /// It is of a type that WhatsApp does not take; the type as the server gave it, shortened.
    Type(String),
    /// It is OGG, but of another codec than Opus.
    Codec,
}

impl MediaProblem {
    /// The stable word for it: [`MEDIA_TOO_LARGE`] or [`MEDIA_TYPE`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => MEDIA_TOO_LARGE,
            Self::NoType | Self::Type(_) | Self::Codec => MEDIA_TYPE,
        }
    }
}

impl fmt::Display for MediaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { kind, size } => write!(
                f,
                "the medium is {kind} of {} bytes, and WhatsApp takes {} ({} bytes) at most: make it smaller, or send a \
                 link to it as text",
                grouped(*size),
                if kind.max_size() == MAX_IMAGE_SIZE { "5 MB" } else { "16 MB" },
                grouped(kind.max_size()),
            ),
            Self::NoType => f.write_str(
                "the medium's server gives no Content-Type, which Twilio goes by: set it where the file is kept, such \
                 as image/jpeg",
            ),
            Self::Type(found) => match found.as_str() {
                "text/html" | "application/xhtml+xml" => write!(
                    f,
                    "the medium's URL answers with a web page ({found}), often one to sign in: give a URL that answers \
                     with the file itself, without a login"
                ),
                "application/octet-stream" | "binary/octet-stream" => write!(
                    f,
                    "the medium's server calls it {found}, which may be anything, and Twilio goes by that: set its \
                     Content-Type where the file is kept, such as image/jpeg"
                ),
                _ => write!(
                    f,
                    "the medium is {found}, which WhatsApp does not take: send JPEG or PNG pictures, WEBP stickers, \
                     OGG (Opus), AMR, 3GP, AAC or MPEG audio, MP4 video, PDF, Word, PowerPoint or Excel documents, or \
                     vCards"
                ),
            },
            Self::Codec => f.write_str(
                "the medium is OGG audio of another codec than Opus, which WhatsApp does not take: encode it with Opus",
            ),
        }
    }
}

impl std::error::Error for MediaProblem {}

/// Judges a medium by what its server says of it: its `Content-Type`, with parameters or without, and its size in
/// bytes where that is known.
///
/// # Errors
/// [`MediaProblem`] where WhatsApp would not take it.
pub fn judge(content_type: Option<&str>, size: Option<u64>) -> Result<Kind, MediaProblem> {
    let text = content_type.map_or("", str::trim);
    if text.is_empty() {
        return Err(MediaProblem::NoType);
    }
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let Some(kind) = TYPES.iter().find(|(known, _)| *known == essence).map(|(_, kind)| *kind) else {
        return Err(MediaProblem::Type(shown(&essence)));
    };
    if essence == "audio/ogg" && codecs(parameters).is_some_and(|codecs| !codecs.eq_ignore_ascii_case("opus"))
    {
        return Err(MediaProblem::Codec);
    }
    match size {
        Some(size) if size > kind.max_size() => Err(MediaProblem::TooLarge { kind, size }),
        _ => Ok(kind),
    }
}

/// What to tell an author whose text WhatsApp drops, for the kinds that show none.
#[must_use]
pub fn caption_warning(kind: Kind) -> Option<String> {
    (!kind.carries_caption()).then(|| {
        format!(
            "WhatsApp shows no text with {kind}: the text is dropped, only the medium arrives. Send the text apart, with \
             a second sendWhatsappMessage that has the text and no medium"
        )
    })
}

/// The parameter `codecs` of a content type (RFC 6381), without its quotes.
fn codecs(parameters: &str) -> Option<&str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("codecs"))
        .map(|(_, value)| value.trim().trim_matches('"').trim())
}

/// A stranger's word, short and without anything that a terminal or a log might obey.
fn shown(text: &str) -> String {
    text.chars().take(80).filter(char::is_ascii_graphic).collect()
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_supported_type_has_its_kind() {
        for (content_type, kind) in [
            ("image/jpeg", Kind::Image),
            ("image/PNG", Kind::Image),
            ("IMAGE/JPEG; charset=binary", Kind::Image),
            ("image/webp", Kind::Sticker),
            ("audio/ogg", Kind::Audio),
            ("audio/ogg; codecs=opus", Kind::Audio),
            ("Audio/OGG;Codecs=\"Opus\"", Kind::Audio),
            ("audio/amr", Kind::Audio),
            ("audio/3gpp", Kind::Audio),
            ("audio/aac", Kind::Audio),
            ("audio/mpeg", Kind::Audio),
            (" video/mp4 ", Kind::Video),
            ("video/3gpp", Kind::Video),
            ("application/pdf;qs=0.001", Kind::Document),
            ("application/msword", Kind::Document),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Kind::Document),
            ("application/vnd.ms-powerpoint", Kind::Document),
            ("application/vnd.openxmlformats-officedocument.presentationml.presentation", Kind::Document),
            ("application/vnd.ms-excel", Kind::Document),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Kind::Document),
            ("text/vcard; charset=utf-8", Kind::Contact),
            ("text/x-vcard", Kind::Contact),
        ] {
            assert_eq!(judge(Some(content_type), None), Ok(kind), "{content_type}");
            assert_eq!(judge(Some(content_type), Some(0)), Ok(kind), "{content_type}");
        }
    }

    #[test]
    fn a_wrong_type_is_named_with_what_to_do() {
        for (content_type, said) in [
            (None, "no Content-Type"),
            (Some(""), "no Content-Type"),
            (Some("  "), "no Content-Type"),
            (Some("application/octet-stream"), "Content-Type where the file is kept"),
            (Some("binary/octet-stream"), "may be anything"),
            (Some("text/html; charset=utf-8"), "web page (text/html), often one to sign in"),
            (Some("TEXT/HTML"), "web page"),
            (Some("image/gif"), "the medium is image/gif"),
            (Some("image/svg+xml"), "JPEG or PNG"),
            (Some("video/quicktime"), "MP4"),
            (Some("audio/ogg; codecs=vorbis"), "Opus"),
            (Some("application/xml"), "application/xml"),
            (Some("image"), "the medium is image,"),
            (Some(";"), "which WhatsApp does not take"),
            (Some("image/jpeg, text/html"), "does not take"),
        ] {
            let problem = judge(content_type, None).unwrap_err();
            assert_eq!(problem.code(), MEDIA_TYPE, "{content_type:?}");
            assert!(problem.to_string().contains(said), "{content_type:?}: {problem}");
        }
    }

    #[test]
    fn a_strangers_type_stays_short_and_plain() {
        let long = format!("x/\u{1b}[31m\u{7}{}", "y".repeat(5000));
        let sentence = judge(Some(&long), None).unwrap_err().to_string();
        assert!(sentence.len() < 400 && !sentence.contains('\u{1b}'), "{sentence}");
    }

    #[test]
    fn pictures_end_at_5_mb_and_the_rest_at_16() {
        for (content_type, max, said) in [
            (
                "image/png",
                MAX_IMAGE_SIZE,
                "a picture of 5,242,881 bytes, and WhatsApp takes 5 MB (5,242,880 bytes)",
            ),
            ("image/webp", MAX_IMAGE_SIZE, "a sticker of 5,242,881 bytes"),
            (
                "audio/aac",
                MAX_SIZE,
                "an audio file of 16,777,217 bytes, and WhatsApp takes 16 MB (16,777,216 bytes)",
            ),
            ("video/mp4", MAX_SIZE, "a video of"),
            ("application/pdf", MAX_SIZE, "a document of"),
            ("text/vcard", MAX_SIZE, "a contact card of"),
        ] {
            assert!(judge(Some(content_type), Some(max)).is_ok(), "{content_type}");
            let problem = judge(Some(content_type), Some(max + 1)).unwrap_err();
            assert_eq!(problem.code(), MEDIA_TOO_LARGE);
            assert!(problem.to_string().contains(said), "{problem}");
        }
        assert!(judge(Some("video/mp4"), Some(u64::MAX)).is_err());
        assert_eq!(judge(Some("image/gif"), Some(u64::MAX)).unwrap_err().code(), MEDIA_TYPE);
    }

    #[test]
    fn only_pictures_show_a_text() {
        assert_eq!(caption_warning(Kind::Image), None);
        for (kind, named) in [
            (Kind::Sticker, "a sticker"),
            (Kind::Audio, "an audio file"),
            (Kind::Video, "a video"),
            (Kind::Document, "a document"),
            (Kind::Contact, "a contact card"),
        ] {
            let warning = caption_warning(kind).unwrap();
            assert!(warning.contains(named) && warning.contains("second sendWhatsappMessage"), "{warning}");
        }
    }

    #[test]
    fn digits_are_grouped_by_three() {
        let numbers = [0, 999, 1000, 16_777_216].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "16,777,216"]);
    }
}
