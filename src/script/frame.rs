//! Frames as bytes: see [`protocol`](super::protocol) for their form and meaning.

use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::protocol::MAX_FRAME;

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// An empty buffer larger than this is given back.
const KEPT: usize = 1 << 20;

/// Appends a frame to `bytes`.
///
/// # Errors
/// `InvalidInput` when it is longer than [`MAX_FRAME`]; `bytes` is then as it was.
pub fn encode<T: Serialize>(frame: &T, bytes: &mut Vec<u8>) -> io::Result<()> {
    let begin = bytes.len();
    bytes.extend([0; 4]);
    let mut encoded = postcard::to_extend(frame, std::mem::take(bytes)).map_err(io::Error::other)?;
    let length = encoded.len() - begin - 4;
    match u32::try_from(length) {
        Ok(prefix) if length <= MAX_FRAME => {
            encoded[begin..begin + 4].copy_from_slice(&prefix.to_le_bytes());
            *bytes = encoded;
            Ok(())
        }
        _ => {
            encoded.truncate(begin);
            *bytes = encoded;
            let message = format!("a frame of {length} bytes is longer than {MAX_FRAME}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

/// Takes frames out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What has come in and has not been taken out is `begin..end` of it.
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Decoder {
    /// The next complete frame, if there is one.
    ///
    /// # Errors
    /// `InvalidData` when a frame is too long or does not decode.
    #[allow(clippy::should_implement_trait, reason = "what is next may be of any type")]
    pub fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let rest = &self.bytes[self.begin..self.end];
        let Some((prefix, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let (frame, left) = postcard::take_from_bytes(frame)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a frame does not decode"))?;
        if !left.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame has bytes left over"));
        }
        self.begin += 4 + length;
        Ok(Some(frame))
    }

    /// Reads once from `source`; returns how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// Those of the source; `WouldBlock` and `Interrupted` lose nothing.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.begin > 0 {
            self.bytes.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        if self.end == 0 && self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
        if self.bytes.len() < self.end + CHUNK {
            self.bytes.resize((2 * self.bytes.len()).max(self.end + CHUNK), 0);
        }
        let read = source.read(&mut self.bytes[self.end..])?;
        self.end += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::script::protocol::{FromWorker, LogLevel};

    fn log(text: &str) -> FromWorker {
        FromWorker::Log { ticket: 7, level: LogLevel::Warn, text: text.to_owned() }
    }

    #[test]
    fn frames_survive_any_division_of_the_stream() {
        let frames = [log(""), log("è una prova"), log(&"x".repeat(10_000))];
        let mut bytes = Vec::new();
        for frame in &frames {
            encode(frame, &mut bytes).unwrap();
        }
        for step in [1, 7, 65_536, bytes.len()] {
            let mut decoder = Decoder::default();
            let mut seen: Vec<FromWorker> = Vec::new();
            for mut part in bytes.chunks(step) {
                while decoder.fill(&mut part).unwrap() > 0 {}
                while let Some(frame) = decoder.next().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_on_both_sides() {
        let mut bytes = b"before".to_vec();
        assert!(encode(&log(&"x".repeat(MAX_FRAME)), &mut bytes).is_err());
        assert_eq!(bytes, b"before");
        let mut decoder = Decoder::default();
        decoder.fill(&mut &u32::MAX.to_le_bytes()[..]).unwrap();
        assert!(decoder.next::<FromWorker>().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let mut decoder = Decoder::default();
            decoder.fill(&mut &bytes[..]).unwrap();
            while let Ok(Some(_)) = decoder.next::<FromWorker>() {}
        }
    }
}
