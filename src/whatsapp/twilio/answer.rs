//! An answer of Twilio's, read within a limit.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use super::super::codes;
use super::super::message::lenient_code;
use super::{Hidden, Refusal};

/// How long an answer may be; the longest honest one, a page of 100 messages, has some 400 KiB.
const MAX_BODY: usize = 1024 * 1024;

/// The most that is believed of `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// An answer: its status is certain, its body may not have come whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    /// The body, or why there is none.
    body: Result<Vec<u8>, String>,
}

/// Twilio's description of an error.
#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default, deserialize_with = "lenient_code")]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    more_info: Option<String>,
}

impl Answer {
    /// Sends the request and reads the answer. An error means that there is not even a status.
    pub(super) async fn to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(Self {
            status: response.status(),
            retry_after: retry_after(&response),
            body: read_body(&mut response).await,
        })
    }

    /// The body as JSON.
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, String> {
        let body = self.body.as_ref().map_err(Clone::clone)?;
        // serde_json's error names lines and columns only, unless a value has the wrong kind, and then it may
        // quote it: the answer holds numbers and words of people.
        serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("Twilio's answer can't be read (JSON, line {line}, column {column})")
        })
    }

    /// What a 4xx says; a page of something between here and Twilio counts for its status alone.
    pub(super) fn refusal(&self) -> Refusal {
        let problem: Problem = self.json().unwrap_or_default();
        let http_status = self.status.as_u16();
        Refusal {
            http_status,
            code: problem.code,
            message: Hidden(problem.message.unwrap_or_else(|| {
                format!("Twilio's address answered with HTTP status {http_status} and no explanation")
            })),
            more_info: problem.more_info.or_else(|| problem.code.map(codes::more_info)),
        }
    }
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                return Err("Twilio's answer is longer than 1 MiB".to_owned());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("Twilio's answer broke off: {}", chain(&error.without_url()))),
        }
    }
}

/// `Retry-After` in either of its forms (RFC 9110, 10.2.3).
pub(in crate::whatsapp) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
