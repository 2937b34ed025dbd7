//! The list of an account's messages: filters and pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State as Shares};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Shared;
use super::dates::Span;
use super::error::ApiError;
use super::rest::form_of;
use super::store::{Message, messages_path};
use crate::base::UnixMillis;
use crate::whatsapp::Form;

/// The size of a page where none is asked for, and the largest.
const PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1000;

pub(super) async fn list(
    Shares(shared): Shares<Arc<Shared>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let account = shared.authorize(&headers, &account)?;
    let query = form_of(query.unwrap_or_default().as_bytes())?;
    let filter = Filter::of(&query)?;
    let pages = Pages::of(&query)?;
    let found: Vec<_> = {
        let state = shared.state();
        let matching = state.messages.newest_first(pages.before);
        let matching =
            matching.filter(|(_, message)| message.account == account.sid && filter.admits(message));
        let page = matching.skip(pages.skipped()).take(pages.size + 1);
        page.map(|(number, message)| (number, message.resource())).collect()
    };
    let (numbers, found): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let path = format!("{}.json", messages_path(&account.sid));
    Ok(Json(pages.envelope(&path, "messages", found, |last| numbers.get(last).copied())).into_response())
}

/// Which page of a list is asked for. A page without a token is counted from the first; pages with tokens follow each
/// other although something new comes in between, or is deleted.
pub(super) struct Pages<'a> {
    query: &'a Form,
    pub(super) size: usize,
    page: usize,
    /// What the token says: what is on the page is older than this.
    before: Option<u64>,
}

impl<'a> Pages<'a> {
    pub(super) fn of(query: &'a Form) -> Result<Self, ApiError> {
        let number = |name| {
            let parsed = query.get(name).filter(|text| !text.is_empty()).map(str::parse::<usize>).transpose();
            parsed.map_err(|_| ApiError::new(20001, format!("{name} is not a number")))
        };
        let token =
            |text: &str| text.strip_prefix("PASM").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let before = query
            .get("PageToken")
            .map(|text| token(text).ok_or_else(|| ApiError::new(20001, "PageToken is invalid")));
        Ok(Self {
            query,
            size: number("PageSize")?.unwrap_or(PAGE_SIZE).clamp(1, MAX_PAGE_SIZE),
            page: number("Page")?.unwrap_or(0),
            before: before.transpose()?,
        })
    }

    /// How many are on the pages before this one.
    pub(super) fn skipped(&self) -> usize {
        if self.before.is_some() { 0 } else { self.page.saturating_mul(self.size) }
    }

    /// The page as Twilio shows it. `found` has one more than the page where another page follows; `token_of` is the token
    /// of the one that follows what stands at an index.
    pub(super) fn envelope(
        &self,
        path: &str,
        name: &str,
        mut found: Vec<Value>,
        token_of: impl Fn(usize) -> Option<u64>,
    ) -> Value {
        let has_more = found.len() > self.size;
        found.truncate(self.size);
        let token = |number: u64| format!("PASM{number:032x}");
        let next = has_more.then(|| {
            self.uri(
                path,
                self.page.saturating_add(1),
                found.len().checked_sub(1).and_then(token_of).map(token),
            )
        });
        let start = self.page.saturating_mul(self.size);
        json!({
            "end": start.saturating_add(found.len()).saturating_sub(1),
            "first_page_uri": self.uri(path, 0, None),
            "next_page_uri": next,
            "page": self.page,
            "page_size": self.size,
            "previous_page_uri": self.page.checked_sub(1).map(|page| self.uri(path, page, None)),
            "start": start,
            "uri": self.uri(path, self.page, self.query.get("PageToken").map(str::to_owned)),
            name: found,
        })
    }

    /// The page as Twilio shows it where its newer APIs answer: with absolute URLs, in `meta`. `found` as above.
    pub(super) fn with_meta(&self, url: &str, name: &str, mut found: Vec<Value>) -> Value {
        let has_more = found.len() > self.size;
        found.truncate(self.size);
        let next = has_more.then(|| self.uri(url, self.page.saturating_add(1), None));
        json!({
            "meta": {
                "first_page_url": self.uri(url, 0, None),
                "key": name,
                "next_page_url": next,
                "page": self.page,
                "page_size": self.size,
                "previous_page_url": self.page.checked_sub(1).map(|page| self.uri(url, page, None)),
                "url": self.uri(url, self.page, None),
            },
            name: found,
        })
    }

    fn uri(&self, path: &str, page: usize, token: Option<String>) -> String {
        let is_kept = |name: &str| !matches!(name, "Page" | "PageToken" | "PageSize");
        let kept = self.query.pairs().iter().filter(|(name, _)| is_kept(name));
        let mut form: Form = kept.map(|(name, value)| (name, value)).collect();
        form.push("PageSize", self.size.to_string());
        form.push("Page", page.to_string());
        if let Some(token) = token {
            form.push("PageToken", token);
        }
        format!("{path}?{}", form.encode())
    }
}

/// Dates that a list is filtered by.
pub(super) struct DateFilter {
    on: Option<Span>,
    until: Option<Span>,
    since: Option<Span>,
}

impl DateFilter {
    /// The fields of a query that begin with `name`. Libraries write `DateSent>` (`DateSent>=2026-11-22` in a URL), or
    /// encode the sign whole.
    pub(super) fn of(query: &Form, name: &str) -> Result<Self, ApiError> {
        let date = |signs: &[&str]| {
            let field = |sign: &&str| query.get(&format!("{name}{sign}")).filter(|value| !value.is_empty());
            let Some(value) = signs.iter().find_map(field) else { return Ok(None) };
            let parsed = Span::parse(value).map(Some);
            parsed.ok_or_else(|| ApiError::new(20001, format!("{name} is not a date: {value}")))
        };
        Ok(Self { on: date(&[""])?, until: date(&["<", "<="])?, since: date(&[">", ">="])? })
    }

    pub(super) fn admits(&self, date: UnixMillis) -> bool {
        self.on.is_none_or(|span| span.contains(date))
            && self.until.is_none_or(|span| date < span.until)
            && self.since.is_none_or(|span| date >= span.from)
    }
}

/// What a list is filtered by. A message that was not sent yet counts by the date of its creation.
struct Filter<'a> {
    to: Option<&'a str>,
    from: Option<&'a str>,
    dates: DateFilter,
}

impl<'a> Filter<'a> {
    fn of(query: &'a Form) -> Result<Self, ApiError> {
        let text = |name| query.get(name).filter(|value| !value.is_empty());
        Ok(Self { to: text("To"), from: text("From"), dates: DateFilter::of(query, "DateSent")? })
    }

    fn admits(&self, message: &Message) -> bool {
        self.to.is_none_or(|to| message.to.as_str() == to)
            && self.from.is_none_or(|from| message.from.as_ref().is_some_and(|known| known.as_str() == from))
            && self.dates.admits(message.sent.unwrap_or(message.created))
    }
}
