//! Whether a medium is what its `Content-Type` says, by its first bytes.
//!
//! Source: the formats' own specifications. Only what can't be that type is found out; what is broken further on is not.

/// How many bytes are looked at.
pub(super) const HEAD: usize = 16;

const RIFF: &[(usize, &[u8])] = &[(0, b"RIFF"), (8, b"WEBP")];
const ISO_MEDIA: &[(usize, &[u8])] = &[(4, b"ftyp")];
const OLE: &[(usize, &[u8])] = &[(0, b"\xD0\xCF\x11\xE0")];
const ZIP: &[(usize, &[u8])] = &[(0, b"PK\x03\x04")];

/// Whether a body that begins like this may be of a type, which is given without parameters.
pub(super) fn may_be(essence: &str, head: &[u8]) -> bool {
    let is = |marks: &[(usize, &[u8])]| {
        marks.iter().all(|(at, mark)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)))
    };
    // ADTS and MPEG audio: eleven bits set; MP3 files may begin with a tag.
    let is_mpeg_audio = || is(&[(0, b"ID3")]) || matches!(head, [0xFF, second, ..] if second & 0xE0 == 0xE0);
    match essence.trim().to_ascii_lowercase().as_str() {
        "image/jpeg" | "image/jpg" => is(&[(0, b"\xFF\xD8\xFF")]),
        "image/png" => is(&[(0, b"\x89PNG\r\n\x1A\n")]),
        "image/webp" => is(RIFF),
        "audio/ogg" | "audio/opus" => is(&[(0, b"OggS")]),
        "audio/amr" | "audio/amr-nb" => is(&[(0, b"#!AMR")]),
        "audio/aac" => is_mpeg_audio() || is(&[(0, b"ADIF")]) || is(ISO_MEDIA),
        "audio/mpeg" | "audio/mp3" => is_mpeg_audio(),
        "audio/3gpp" | "audio/3gp" | "video/3gpp" | "video/3gp" | "video/mp4" | "video/mpeg4" => {
            is(ISO_MEDIA)
        }
        "application/pdf" => is(&[(0, b"%PDF-")]),
        "application/msword" | "application/vnd.ms-powerpoint" | "application/vnd.ms-excel" => {
            is(OLE) || is(ZIP)
        }
        office if office.starts_with("application/vnd.openxmlformats-") => is(ZIP) || is(OLE),
        "text/vcard" | "text/x-vcard" | "text/directory" => {
            let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
            text.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"BEGIN:VCARD"))
        }
        _ => true,
    }
}

/// How a medium of a type begins, at least, where that is looked at.
#[must_use]
pub fn beginning(essence: &str) -> &'static [u8] {
    match essence.trim().to_ascii_lowercase().as_str() {
        "image/jpeg" | "image/jpg" => b"\xFF\xD8\xFF",
        "image/png" => b"\x89PNG\r\n\x1A\n",
        "image/webp" => b"RIFF\0\0\0\0WEBP",
        "audio/ogg" | "audio/opus" => b"OggS",
        "audio/amr" | "audio/amr-nb" => b"#!AMR\n",
        "audio/aac" => b"ADIF",
        "audio/mpeg" | "audio/mp3" => b"ID3\x04",
        "audio/3gpp" | "audio/3gp" | "video/3gpp" | "video/3gp" => b"\0\0\0\x18ftyp3gp4",
        "video/mp4" | "video/mpeg4" => b"\0\0\0\x20ftypisom",
        "application/pdf" => b"%PDF-1.7\n",
        "application/msword" | "application/vnd.ms-powerpoint" | "application/vnd.ms-excel" => {
            b"\xD0\xCF\x11\xE0"
        }
        office if office.starts_with("application/vnd.openxmlformats-") => b"PK\x03\x04",
        "text/vcard" | "text/x-vcard" | "text/directory" => b"BEGIN:VCARD\r\n",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatsapp::media::TYPES;

    #[test]
    fn a_medium_begins_like_its_type() {
        let page = b"<!DOCTYPE html><html>";
        for (essence, head) in [
            ("image/jpeg", &b"\xFF\xD8\xFF\xE0\0\x10JFIF"[..]),
            ("IMAGE/PNG", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8 "),
            ("audio/ogg", b"OggS\0\x02"),
            ("audio/amr", b"#!AMR\n"),
            ("audio/aac", b"\xFF\xF1\x50\x80"),
            ("audio/mpeg", b"ID3\x04"),
            ("audio/mpeg", b"\xFF\xFB\x90\x64"),
            ("audio/3gpp", b"\0\0\0\x18ftyp3gp4"),
            ("video/mp4", b"\0\0\0\x20ftypisom"),
            ("application/pdf", b"%PDF-1.7\n"),
            ("application/msword", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04\x14\0"),
            ("text/vcard", b"\xEF\xBB\xBFbegin:vcard\n"),
            ("text/x-vcard", b"BEGIN:VCARD\r\nVERSION:3.0"),
        ] {
            assert!(may_be(essence, head), "{essence}");
            assert!(!may_be(essence, page) && !may_be(essence, b""), "{essence}");
        }
        assert!(may_be("text/plain", page), "what is not taken at all is not looked at");
    }

    #[test]
    fn every_type_that_is_taken_has_a_beginning() {
        for essence in TYPES.map(|(essence, _)| essence) {
            assert!(!may_be(essence, b""), "{essence} is looked at");
            assert!(may_be(essence, beginning(essence)), "{essence}");
        }
        assert!(beginning("text/plain").is_empty());
    }
}
