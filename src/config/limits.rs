//! `limits` sections: an application's, and a company's beside it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::codes;
use super::params::{CompanyLimits, Limits};
use super::reader::{Field, Section};
use super::{values, whatsapp};
use crate::base::{CountryPrefix, PhoneNumber};

/// So many messages at most, whatever is counted.
const MESSAGES: RangeInclusive<u32> = 1..=100_000_000;

pub(super) fn of_application(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let limit = |key, range, unit| section.get(key).and_then(|field| values::whole(&field, range, unit));
    let millis = |key, range| {
        let number = limit(key, range, " (milliseconds)");
        number.map(|number| Duration::from_millis(u64::from(number)))
    };
    let limits = Limits {
        cpu: millis("cpu_ms", 1..=60_000).unwrap_or(default.cpu),
        wall: millis("wall_ms", 10..=600_000).unwrap_or(default.wall),
        memory_mb: limit("memory_mb", 8..=1024, " (megabytes)").unwrap_or(default.memory_mb),
        host_calls: limit("host_calls", 1..=10_000_000, " (calls)").unwrap_or(default.host_calls),
        sends: limit("sends", 0..=100_000, " (messages)").unwrap_or(default.sends),
        vo_kb: limit("vo_kb", 256..=4096, " (kilobytes)").unwrap_or(default.vo_kb),
        result_kb: limit("result_kb", 1..=4096, " (kilobytes)").unwrap_or(default.result_kb),
        log_lines: limit("log_lines", 1..=100_000, " (lines)").unwrap_or(default.log_lines),
        sql_memory_mb: limit("sql_memory_mb", 8..=4096, " (megabytes)").unwrap_or(default.sql_memory_mb),
        database_mb: limit("database_mb", 1..=1_000_000, " (megabytes)").unwrap_or(default.database_mb),
        cpu_percent: limit("cpu_percent", 1..=6400, " (percent of one core)").unwrap_or(default.cpu_percent),
        runs_per_context: limit("runs_per_context", 1..=1_000_000, "").unwrap_or(default.runs_per_context),
        workers: limit("workers", 1..=32, "").unwrap_or(default.workers),
        send_wait: millis("send_wait_ms", 0..=600_000).unwrap_or(default.send_wait),
        messages_per_minute: messages(section, "messages_per_minute").unwrap_or(default.messages_per_minute),
        messages_per_day: messages(section, "messages_per_day").unwrap_or(default.messages_per_day),
        company_messages_per_minute: messages(section, "company_messages_per_minute"),
        company_messages_per_day: messages(section, "company_messages_per_day"),
        identical_messages_per_minute: messages(section, "identical_messages_per_minute")
            .unwrap_or(default.identical_messages_per_minute),
        allowed_country_prefixes: countries(section),
        only_to: recipients(section),
    };
    if limits.wall < limits.cpu {
        less_wall_than_cpu(section, &limits);
    }
    limits
}

pub(super) fn of_company(section: &Section<'_>) -> CompanyLimits {
    CompanyLimits {
        messages_per_minute: messages(section, "messages_per_minute"),
        messages_per_day: messages(section, "messages_per_day"),
        allowed_country_prefixes: countries(section),
        only_to: recipients(section),
    }
}

fn messages(section: &Section<'_>, key: &str) -> Option<u32> {
    values::whole(&section.get(key)?, MESSAGES, " (messages)")
}

fn countries(section: &Section<'_>) -> Vec<CountryPrefix> {
    let help = "list the countries' calling codes: [\"+39\", \"+41\"]";
    let field = section.get("allowed_country_prefixes");
    field.and_then(|field| values::list(&field, help, whatsapp::prefix)).unwrap_or_default()
}

fn recipients(section: &Section<'_>) -> Option<Vec<PhoneNumber>> {
    let help = "list the phone numbers in international form: [\"+393331234567\"]";
    // A fence that was written wrongly must not stand open; the problem is reported, and nothing starts.
    section.get("only_to").map(|field| values::list(&field, help, recipient).unwrap_or_default())
}

fn recipient(field: &Field<'_>) -> Option<PhoneNumber> {
    let text = field.text()?;
    let international = text.starts_with('+') || text.starts_with("00");
    let number = PhoneNumber::recipient(text, CountryPrefix::default()).ok().filter(|_| international);
    number.or_else(|| {
        field.invalid(
            "lists what is not a phone number in international form",
            "write a plus, the country's code and the number, like \"+393331234567\"",
        )
    })
}

fn less_wall_than_cpu(section: &Section<'_>, limits: &Limits) {
    let (cpu, wall) = (limits.cpu.as_millis(), limits.wall.as_millis());
    let at = section.get("wall_ms").or_else(|| section.get("cpu_ms"));
    if let Some(field) = at {
        field.source.report(
            field.key_start,
            codes::CONFLICTING_KEYS,
            format!("`wall_ms` ({wall}) is less than `cpu_ms` ({cpu}), so a run could never use its time"),
            "raise `wall_ms` or lower `cpu_ms`".to_owned(),
        );
    }
}
