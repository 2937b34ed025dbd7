//! `boatswain messages report`: groups of messages, as a table, CSV or JSON.

use std::collections::BTreeSet;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde_json::Value;

use crate::cli::look::{Source, control, filter, source, store, text};
use crate::cli::options::{Options, Which};
use crate::cli::{Failure, output};
use crate::control::views;
use crate::store::By;

#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// What to group by: some of app, company, month, day, status, template, country.
    #[arg(long, value_name = "NAMES", default_value = "company,month")]
    pub(super) by: By,
    #[command(flatten)]
    pub(super) which: Which,
    /// Comma-separated values (RFC 4180).
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
    /// One object a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// The columns of numbers, behind those of the group.
const NUMBERS: [&str; 5] = ["messages", "delivered", "read", "failed", "unknown"];

pub(super) async fn run(options: &Options, report: &ReportOptions) -> Result<(), Failure> {
    let filter = filter(&report.which);
    let rows = match source(options).await? {
        Source::Host(host) => host.report(&report.by, &filter).await.map_err(control)?,
        Source::Ledger(ledger) => views::report(&ledger, &report.by, &filter).map_err(store)?,
        Source::Nothing => Vec::new(),
    };
    if report.json {
        rows.iter().for_each(output::json);
        return Ok(());
    }
    let groups: Vec<_> = report.by.0.iter().map(|dimension| dimension.as_str()).collect();
    let units: BTreeSet<_> =
        rows.iter().filter_map(|row| row["cost"].as_object()).flat_map(|cost| cost.keys().cloned()).collect();
    let head = groups.iter().chain(&NUMBERS).map(|name| (*name).to_owned());
    let head: Vec<_> = head.chain(units.iter().map(|unit| format!("cost_{unit}"))).collect();
    let cells = |row: &Value| -> Vec<String> {
        let named = groups.iter().chain(&NUMBERS).map(|name| text(&row[*name]));
        named.chain(units.iter().map(|unit| text(&row["cost"][unit]))).collect()
    };
    if report.csv {
        let lines = std::iter::once(head).chain(rows.iter().map(cells));
        output::text(&lines.map(|line| csv_line(&line)).collect::<String>());
    } else {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY).set_header(&head);
        for row in &rows {
            table.add_row(cells(row));
        }
        output::line(table);
    }
    Ok(())
}

/// A line of CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe before it.
fn csv_line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        let defused = match cell.chars().next() {
            Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
            _ => cell.clone(),
        };
        if defused.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", defused.replace('"', "\"\""))
        } else {
            defused
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_defused() {
        let line =
            |cells: &[&str]| csv_line(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["a", "", "1.5"]), "a,,1.5\r\n");
        assert_eq!(line(&["a,b", "say \"x\"", "two\nlines"]), "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\r\n");
        for formula in ["=1+1", "+39", "-1", "@x"] {
            assert_eq!(line(&[formula]), format!("'{formula}\r\n"));
        }
        assert_eq!(line(&["=a,b"]), "\"'=a,b\"\r\n");
    }
}
