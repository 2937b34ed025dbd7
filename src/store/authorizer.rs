//! What the SQL of a script may do: only what is listed here.
//!
//! SQLite asks while it prepares a statement (<https://sqlite.org/c3ref/set_authorizer.html>), and again when a
//! schema change makes it prepare the statement anew; so the host's own statements run under a switch, not under
//! another set of rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Tables with this prefix are the host's.
const HOST_PREFIX: &str = "_host_";

/// Whose statement is being prepared. Scripts' rules hold unless the host has said otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct HostMode(Arc<AtomicBool>);

impl HostMode {
    /// Runs `work` with the host's rights.
    pub(super) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.0.swap(true, Ordering::Relaxed);
        let result = work();
        self.0.store(before, Ordering::Relaxed);
        result
    }
}

/// Puts the rules in force on a connection.
pub(super) fn install(connection: &mut Connection, mode: &HostMode) -> rusqlite::Result<()> {
    let mode = mode.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        if mode.0.load(Ordering::Relaxed) || allows(&context.action) {
            Authorization::Allow
        } else {
            Authorization::Deny
        }
    }))
}

fn allows(action: &AuthAction<'_>) -> bool {
    use AuthAction as A;
    match action {
        A::Select | A::Recursive | A::Reindex { .. } => true,
        A::Analyze { table_name: table }
        | A::Read { table_name: table, .. }
        | A::Insert { table_name: table }
        | A::Update { table_name: table, .. }
        | A::Delete { table_name: table }
        | A::CreateTable { table_name: table }
        | A::CreateIndex { table_name: table, .. }
        | A::CreateTrigger { table_name: table, .. }
        | A::CreateView { view_name: table }
        | A::DropTable { table_name: table }
        | A::DropIndex { table_name: table, .. }
        | A::DropTrigger { table_name: table, .. }
        | A::DropView { view_name: table }
        | A::AlterTable { table_name: table, .. } => !is_hosts(table),
        A::Function { function_name } => {
            !["load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"]
                .iter()
                .any(|refused| function_name.eq_ignore_ascii_case(refused))
        }
        // Transactions and savepoints are the host's; ATTACH, PRAGMA, temporary and virtual tables reach outside
        // the run or the file.
        _ => false,
    }
}

fn is_hosts(table: &str) -> bool {
    table.get(..HOST_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(HOST_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts_connection() -> (Connection, HostMode) {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE _host_done(x); CREATE TABLE orders(id)").unwrap();
        let mode = HostMode::default();
        install(&mut connection, &mode).unwrap();
        (connection, mode)
    }

    #[test]
    fn authors_may_use_their_own_tables() {
        let (connection, _) = scripts_connection();
        for sql in [
            "SELECT count(*), max(id) FROM orders",
            "INSERT INTO orders(id) VALUES (1)",
            "UPDATE orders SET id = id + 1",
            "DELETE FROM orders",
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT)",
            "CREATE INDEX by_name ON customers(name)",
            "ALTER TABLE customers ADD COLUMN phone TEXT",
            "ALTER TABLE customers RENAME COLUMN phone TO telephone",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
            "DROP TABLE customers",
            "ANALYZE orders",
        ] {
            connection.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if !sql.starts_with("SELECT") && !sql.starts_with("WITH") {
                connection.execute(sql, []).unwrap_or_else(|e| panic!("{sql}: {e}"));
            }
        }
    }

    #[test]
    fn nothing_else_is_allowed() {
        let (connection, mode) = scripts_connection();
        for sql in [
            "SELECT * FROM _host_done",
            "SELECT * FROM _HOST_DONE",
            "INSERT INTO _host_done VALUES (1)",
            "DROP TABLE _host_done",
            "CREATE TABLE _host_mine(x)",
            "CREATE TRIGGER t AFTER INSERT ON _host_done BEGIN SELECT 1; END",
            "ATTACH 'other.db' AS other",
            "PRAGMA journal_mode = DELETE",
            "PRAGMA writable_schema = 1",
            "VACUUM INTO 'copy.db'",
            "ANALYZE _host_done",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT s",
            "SELECT load_extension('x')",
            "CREATE TEMP TABLE t(x)",
            "CREATE VIRTUAL TABLE v USING fts5(x)",
            "UPDATE sqlite_master SET sql = ''",
        ] {
            let outcome = connection.prepare(sql).and_then(|mut statement| statement.raw_execute());
            assert!(outcome.is_err(), "{sql}");
        }
        mode.with(|| connection.execute("INSERT INTO _host_done VALUES (1)", [])).unwrap();
    }
}
