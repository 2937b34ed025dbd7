//! The list of an account's messages: filters and pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State as Shares};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;
use super::dates::Span;
use super::error::ApiError;
use super::rest::form_of;
use super::store::{Message, messages_path};
use crate::base::MessageSid;
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
    let number = |name| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("PageSize").unwrap_or(PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    let page = number("Page").unwrap_or(0);
    let after = query
        .get("PageToken")
        .map(|token| token.strip_prefix("PA").and_then(|sid| MessageSid::parse(sid).ok()))
        .map(|sid| sid.ok_or_else(|| ApiError::new(20001, "PageToken is invalid")))
        .transpose()?;

    // A page without a token is counted from the newest; pages with tokens follow each other although new
    // messages come in between.
    let skipped = if after.is_some() { 0 } else { page.saturating_mul(size) };
    let found: Vec<_> = {
        let state = shared.state();
        let matching = state.messages.newest_first(after.as_ref());
        let matching = matching.filter(|message| message.account == account.sid && filter.admits(message));
        matching
            .skip(skipped)
            .take(size + 1)
            .map(|message| (message.sid.clone(), message.resource()))
            .collect()
    };
    let has_more = found.len() > size;
    let last = found.iter().take(size).next_back().map(|(sid, _)| sid.clone());
    let uri = |page: usize, token: Option<String>| {
        let kept = query
            .pairs()
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "Page" | "PageToken" | "PageSize"));
        let mut form: Form = kept.map(|(name, value)| (name, value)).collect();
        form.push("PageSize", size.to_string());
        form.push("Page", page.to_string());
        if let Some(token) = token {
            form.push("PageToken", token);
        }
        format!("{}.json?{}", messages_path(&account.sid), form.encode())
    };
    let next = last.filter(|_| has_more).map(|sid| uri(page + 1, Some(format!("PA{sid}"))));
    let messages: Vec<_> = found.into_iter().take(size).map(|(_, resource)| resource).collect();
    Ok(Json(json!({
        "end": (page * size + messages.len()).saturating_sub(1),
        "first_page_uri": uri(0, None),
        "next_page_uri": next,
        "page": page,
        "page_size": size,
        "previous_page_uri": (page > 0).then(|| uri(page - 1, None)),
        "start": page * size,
        "uri": uri(page, query.get("PageToken").map(str::to_owned)),
        "messages": messages,
    }))
    .into_response())
}

/// What a list is filtered by. A message that was not sent yet counts by the date of its creation.
struct Filter<'a> {
    to: Option<&'a str>,
    from: Option<&'a str>,
    on: Option<Span>,
    until: Option<Span>,
    since: Option<Span>,
}

impl<'a> Filter<'a> {
    fn of(query: &'a Form) -> Result<Self, ApiError> {
        let text = |name| query.get(name).filter(|value| !value.is_empty());
        let date = |name| {
            let parsed = text(name).map(|value| Span::parse(value).ok_or(value)).transpose();
            parsed.map_err(|value| ApiError::new(20001, format!("{name} is not a date: {value}")))
        };
        Ok(Self {
            to: text("To"),
            from: text("From"),
            on: date("DateSent")?,
            until: date("DateSent<")?,
            since: date("DateSent>")?,
        })
    }

    fn admits(&self, message: &Message) -> bool {
        let date = message.sent.unwrap_or(message.created);
        self.to.is_none_or(|to| message.to.as_str() == to)
            && self.from.is_none_or(|from| message.from.as_ref().is_some_and(|known| known.as_str() == from))
            && self.on.is_none_or(|span| span.contains(date))
            && self.until.is_none_or(|span| date < span.until)
            && self.since.is_none_or(|span| date >= span.from)
    }
}
