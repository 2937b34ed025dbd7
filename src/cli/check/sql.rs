//! The statements of SQL that scripts write out, tried on the tables that the migrations make.

use crate::base::{AppId, Diagnostic};
use crate::script::judge::Statement;
use crate::store::AppDb;

/// What cannot be read, or names what is not there. Nothing is told of an application whose scripts make tables themselves, or
/// may: nobody knows which there are when.
pub(super) fn problems(db: &AppDb, app: &AppId, statements: Vec<Statement>) -> Vec<Diagnostic> {
    if statements.iter().any(may_change_tables) {
        return Vec::new();
    }
    let whole = statements.into_iter().filter(|statement| statement.is_whole);
    let tried = whole.filter_map(|Statement { sql, is_sure, place, code_frame, .. }| {
        let error = db.prepare(&sql).err()?;
        let problem = if is_sure {
            Diagnostic::error(error.code, error.message)
        } else {
            Diagnostic::warning(error.code, error.message)
        };
        Some(problem.at(place).code_frame(code_frame).help(format!(
            "the tables and their columns are those of scripts/{app}/migrations/*.sql, each applied once in the order of \
             their names"
        )))
    });
    tried.collect()
}

fn may_change_tables(statement: &Statement) -> bool {
    let first = statement.sql.split_whitespace().next();
    let makes = |word: &str| ["create", "alter", "drop"].iter().any(|known| word.eq_ignore_ascii_case(known));
    first.map_or(!statement.is_whole, makes)
}
