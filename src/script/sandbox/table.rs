//! `console.table`, drawn as Node.js draws it.

use boa_engine::object::JsObject;
use boa_engine::object::builtins::{JsArray, JsMap, JsSet};
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsValue};

use super::inspect::{self, Look};
use super::layout::length;
use super::values::text;
use crate::base::cut;

/// Rows and columns that are shown.
const MOST_ROWS: usize = 200;
const MOST_COLUMNS: usize = 50;
/// Once a table has so many bytes, the rows that are left are left out: no line of a log is that long.
const MOST_BYTES: usize = 64 << 10;

/// What is said of how a table's rows are called.
const INDEX: &str = "(index)";
const ITERATION: &str = "(iteration index)";
const VALUES: &str = "Values";

/// The table of `data`, with the columns `wanted` if that is a list; `None` where `data` has no rows.
pub(super) fn table(data: &JsValue, wanted: &JsValue, context: &mut Context) -> Option<String> {
    let object = data.as_object()?;
    let mut table = Table { columns: Vec::new(), fixed: false, rows: Vec::new(), bytes: 0 };
    if let Ok(map) = JsMap::from_object(object.clone()) {
        let mut pairs = Vec::new();
        let _ = map.for_each_native(|key, value| {
            if pairs.len() < MOST_ROWS {
                pairs.push((key, value));
            }
            Ok(())
        });
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            let cells =
                vec![("Key".to_owned(), cell(&key, context)), (VALUES.to_owned(), cell(&value, context))];
            table.row(index.to_string(), cells);
        }
        return Some(table.draw(ITERATION));
    }
    if let Ok(set) = JsSet::from_object(object.clone()) {
        let mut values = Vec::new();
        let _ = set.for_each_native(|value| {
            if values.len() < MOST_ROWS {
                values.push(value);
            }
            Ok(())
        });
        for (index, value) in values.into_iter().enumerate() {
            table.row(index.to_string(), vec![(VALUES.to_owned(), cell(&value, context))]);
        }
        return Some(table.draw(ITERATION));
    }
    if let Some(wanted) = wanted.as_object().and_then(|list| JsArray::from_object(list).ok()) {
        table.fixed = true;
        for index in 0..wanted.length(context).unwrap_or(0).min(MOST_COLUMNS as u64) {
            let name = wanted.get(index, context).ok().and_then(|name| name.as_string());
            table.columns.extend(name.map(|name| text(&name)));
        }
    }
    for (key, row) in members(&object, MOST_ROWS, context) {
        let cells = match row.as_object().filter(|row| !row.is_callable()) {
            Some(row) => {
                let members = members(&row, MOST_COLUMNS, context).into_iter();
                members.map(|(key, value)| (key, cell(&value, context))).collect()
            }
            None => vec![(VALUES.to_owned(), cell(&row, context))],
        };
        table.row(key, cells);
        if table.bytes > MOST_BYTES {
            break;
        }
    }
    Some(table.draw(INDEX))
}

struct Table {
    columns: Vec<String>,
    /// The columns were chosen by the caller.
    fixed: bool,
    rows: Vec<(String, Vec<(String, String)>)>,
    bytes: usize,
}

impl Table {
    fn row(&mut self, name: String, cells: Vec<(String, String)>) {
        for (column, cell) in &cells {
            self.bytes += cell.len();
            if !self.fixed && !self.columns.contains(column) && self.columns.len() < MOST_COLUMNS {
                self.columns.push(column.clone());
            }
        }
        self.rows.push((name, cells));
    }

    fn draw(mut self, corner: &str) -> String {
        // What rows are that have no columns of their own comes last.
        if !self.fixed && corner == INDEX && self.columns.iter().any(|column| column == VALUES) {
            self.columns.retain(|column| column != VALUES);
            self.columns.push(VALUES.to_owned());
        }
        let header = [corner.to_owned()].into_iter().chain(self.columns.iter().cloned()).collect();
        let mut lines: Vec<Vec<String>> = vec![header];
        for (name, cells) in &self.rows {
            let cell = |column: &String| {
                let found = cells.iter().find(|(name, _)| name == column);
                found.map(|(_, cell)| cell.clone()).unwrap_or_default()
            };
            let cells = self.columns.iter().map(cell);
            lines.push([name.clone()].into_iter().chain(cells).collect());
        }
        let columns = lines[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| lines.iter().map(|line| length(&line[column])).max().unwrap_or(0))
            .collect();
        let rule = |left: &str, middle: &str, right: &str| {
            let dashes: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
            format!("{left}{}{right}", dashes.join(middle))
        };
        let mut drawn = rule("┌", "┬", "┐");
        for (index, line) in lines.iter().enumerate() {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} ")).collect();
            drawn = format!("{drawn}\n│{}│", cells.join("│"));
            if index == 0 {
                drawn = format!("{drawn}\n{}", rule("├", "┼", "┤"));
            }
            if drawn.len() > MOST_BYTES {
                break;
            }
        }
        format!("{drawn}\n{}", rule("└", "┴", "┘"))
    }
}

/// The first own enumerable members of an object that are named by texts; what a getter would say is not asked.
fn members(object: &JsObject, most: usize, context: &mut Context) -> Vec<(String, JsValue)> {
    let keys = object.own_property_keys(context).unwrap_or_default();
    let mut members = Vec::new();
    for key in keys {
        let name = match &key {
            PropertyKey::Symbol(_) => continue,
            PropertyKey::String(name) => cut(&text(name), 100),
            PropertyKey::Index(index) => index.get().to_string(),
        };
        if members.len() >= most {
            break;
        }
        let property = object.borrow().properties().get(&key);
        match property {
            Some(property) if property.enumerable() == Some(true) => {
                members.push((name, property.value().cloned().unwrap_or_default()));
            }
            // Of a typed array or a proxy.
            None => members.extend(object.get(key, context).ok().map(|value| (name, value))),
            Some(_) => {}
        }
    }
    members
}

/// A value in its cell, on one line.
fn cell(value: &JsValue, context: &mut Context) -> String {
    let object = value.as_object().filter(|object| !object.is_array() && !object.is_callable());
    let large = object.is_some_and(|object| members(&object, 3, context).len() > 2);
    let look = Look { levels: usize::from(!large), items: 3, width: usize::MAX };
    cut(&inspect::with(value, look, context).replace('\n', "\\n"), 1000)
}
