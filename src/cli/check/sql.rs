//! The statements of SQL that scripts write out, tried on the tables that the migrations make.

use crate::base::{AppId, Diagnostic, Place};
use crate::script::protocol::WrittenSql;
use crate::store::AppDb;

/// What cannot be read, or names what is not there. Nothing is told of an application whose scripts make tables themselves:
/// nobody knows which there are when.
pub(super) fn problems(db: &AppDb, app: &AppId, statements: Vec<(Place, WrittenSql)>) -> Vec<Diagnostic> {
    if statements.iter().any(|(_, written)| changes_tables(&written.sql)) {
        return Vec::new();
    }
    let tried = statements.into_iter().filter_map(|(place, written)| {
        let error = db.prepare(&written.sql).err()?;
        let problem = if written.is_sure {
            Diagnostic::error(error.code, error.message)
        } else {
            Diagnostic::warning(error.code, error.message)
        };
        Some(problem.at(place).help(format!(
            "the tables and their columns are those of scripts/{app}/migrations/*.sql, each applied once in the order of \
             their names"
        )))
    });
    tried.collect()
}

fn changes_tables(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default();
    ["create", "alter", "drop"].iter().any(|word| first.eq_ignore_ascii_case(word))
}
