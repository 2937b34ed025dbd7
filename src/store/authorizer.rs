//! What the SQL of a script may do: only what is listed here.
//!
//! SQLite asks while it prepares a statement (<https://sqlite.org/c3ref/set_authorizer.html>), and again when a
//! schema change makes it prepare the statement anew; so the host's own statements run under a switch, not under
//! another set of rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Tables with this prefix are the host's.
const HOST_PREFIX: &str = "_host_";

/// Functions that one statement may name, views and triggers included, and of these `LIKE` and `GLOB`, the slowest:
/// between two of them nothing asks whether the time is over.
const MOST_FUNCTIONS: u32 = 2000;
const MOST_PATTERNS: u32 = 100;

/// What a script's statement may call. Not here: what reaches outside (`load_extension`, `readfile`, `edit`), what
/// belongs to full-text and spatial indexes, what writes to the program's log (`sqlite_log`).
#[rustfmt::skip] // words in lines
static FUNCTIONS: &[&str] = &[
    // Operators and texts: https://sqlite.org/lang_corefunc.html
    "abs", "changes", "char", "coalesce", "concat", "concat_ws", "format", "glob", "hex", "if", "ifnull", "iif", "instr",
    "last_insert_rowid", "length", "like", "likelihood", "likely", "lower", "ltrim", "max", "min", "nullif",
    "octet_length", "printf", "quote", "random", "randomblob", "replace", "round", "rtrim", "sign", "soundex",
    "sqlite_compileoption_get", "sqlite_compileoption_used", "sqlite_source_id", "sqlite_version", "substr", "substring",
    "subtype", "total_changes", "trim", "typeof", "unhex", "unicode", "unistr", "unistr_quote", "unlikely", "upper",
    "zeroblob",
    // lang_aggfunc.html, windowfunctions.html
    "avg", "count", "cume_dist", "dense_rank", "first_value", "group_concat", "lag", "last_value", "lead", "median",
    "nth_value", "ntile", "percent_rank", "percentile", "percentile_cont", "percentile_disc", "rank", "row_number",
    "string_agg", "sum", "total",
    // lang_datefunc.html
    "current_date", "current_time", "current_timestamp", "date", "datetime", "julianday", "strftime", "time", "timediff",
    "unixepoch",
    // lang_mathfunc.html, where the build has them
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "ceiling", "cos", "cosh", "degrees", "exp",
    "floor", "ln", "log", "log10", "log2", "mod", "pi", "pow", "power", "radians", "sin", "sinh", "sqrt", "tan", "tanh",
    "trunc",
    // json1.html
    "->", "->>", "json", "json_array", "json_array_insert", "json_array_length", "json_error_position", "json_extract",
    "json_group_array", "json_group_object", "json_insert", "json_object", "json_patch", "json_pretty", "json_quote",
    "json_remove", "json_replace", "json_set", "json_type", "json_valid", "jsonb", "jsonb_array", "jsonb_array_insert",
    "jsonb_extract", "jsonb_group_array", "jsonb_group_object", "jsonb_insert", "jsonb_object", "jsonb_patch",
    "jsonb_remove", "jsonb_replace", "jsonb_set",
    // What ALTER TABLE is made of. SQLite itself lets no statement name these.
    "sqlite_add_constraint", "sqlite_drop_column", "sqlite_drop_constraint", "sqlite_fail", "sqlite_find_constraint",
    "sqlite_rename_column", "sqlite_rename_quotefix", "sqlite_rename_table", "sqlite_rename_test",
];

/// Tables that are there without having been made, and show the file's pages, statements of others, or settings. Of
/// those only `json_each` and `json_tree` are for scripts. All `pragma_…` are refused with them.
#[rustfmt::skip]
static SYSTEM_TABLES: &[&str] = &[
    "bytecode", "completion", "dbstat", "fts3", "fts3tokenize", "fts4", "fts4aux", "fts5", "fts5vocab", "rtree",
    "rtree_i32", "sqlite_dbpage", "sqlite_memstat", "sqlite_stmt", "tables_used", "wholenumber",
];

/// Whose statement is being prepared. Scripts' rules hold unless the host has said otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct HostMode(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_host: AtomicBool,
    functions: AtomicU32,
    patterns: AtomicU32,
    was_asked: AtomicBool,
    changes_schema: AtomicBool,
    drops: AtomicBool,
    alters: AtomicBool,
}

impl HostMode {
    /// Runs `work` with the host's rights.
    pub(super) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.0.is_host.swap(true, Ordering::Relaxed);
        let result = work();
        self.0.is_host.store(before, Ordering::Relaxed);
        result
    }

    /// A script's statement is about to be prepared: what is counted of it begins anew.
    pub(super) fn next_statement(&self) {
        self.0.functions.store(0, Ordering::Relaxed);
        self.0.patterns.store(0, Ordering::Relaxed);
        self.0.was_asked.store(false, Ordering::Relaxed);
        self.0.changes_schema.store(false, Ordering::Relaxed);
        self.0.drops.store(false, Ordering::Relaxed);
        self.0.alters.store(false, Ordering::Relaxed);
    }

    /// Whether that statement was prepared now: the connection had not kept it.
    pub(super) fn was_asked(&self) -> bool {
        self.0.was_asked.load(Ordering::Relaxed)
    }

    /// Whether the statement that was prepared last makes, changes or drops a table, index, view or trigger.
    pub(super) fn changes_schema(&self) -> bool {
        self.0.changes_schema.load(Ordering::Relaxed)
    }

    /// Whether it drops one, and so makes the schema no larger.
    pub(super) fn drops(&self) -> bool {
        self.0.drops.load(Ordering::Relaxed)
    }

    fn allows(&self, action: &AuthAction<'_>) -> bool {
        self.0.was_asked.store(true, Ordering::Relaxed);
        if let AuthAction::DropTable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropView { .. } = action
        {
            self.0.drops.store(true, Ordering::Relaxed);
        }
        match action {
            AuthAction::Function { function_name } => self.allows_function(function_name),
            AuthAction::Insert { table_name: "sqlite_master" }
            | AuthAction::Update { table_name: "sqlite_master", .. }
            | AuthAction::Delete { table_name: "sqlite_master" } => {
                self.0.changes_schema.store(true, Ordering::Relaxed);
                true
            }
            AuthAction::AlterTable { .. } => {
                let allowed = allows(action);
                self.0.alters.store(allowed, Ordering::Relaxed);
                allowed
            }
            // Where a column is added that has a constraint, or to a STRICT table, SQLite looks at the rows that are
            // there with a query and a pragma of its own (`sqlite3AlterFinishAddColumn`). No text of a script can stand in
            // an ALTER TABLE that names them.
            AuthAction::Read { table_name: "pragma_quick_check", .. }
            | AuthAction::Pragma { pragma_name: "quick_check", .. } => self.0.alters.load(Ordering::Relaxed),
            _ => allows(action),
        }
    }

    fn allows_function(&self, name: &str) -> bool {
        let is_pattern = name == "like" || name == "glob";
        FUNCTIONS.contains(&name)
            && self.0.functions.fetch_add(1, Ordering::Relaxed) < MOST_FUNCTIONS
            && (!is_pattern || self.0.patterns.fetch_add(1, Ordering::Relaxed) < MOST_PATTERNS)
    }
}

/// Puts the rules in force on a connection.
pub(super) fn install(connection: &mut Connection, mode: &HostMode) -> rusqlite::Result<()> {
    let mode = mode.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        if mode.0.is_host.load(Ordering::Relaxed) || mode.allows(&context.action) {
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
        A::Read { table_name: table, .. } => !is_hosts(table) && !is_system(table),
        A::Analyze { table_name: table }
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
        // Transactions and savepoints are the host's; ATTACH, PRAGMA, temporary and virtual tables reach outside
        // the run or the file.
        _ => false,
    }
}

fn is_system(table: &str) -> bool {
    begins_with(table, "pragma_") || SYSTEM_TABLES.iter().any(|name| table.eq_ignore_ascii_case(name))
}

fn is_hosts(table: &str) -> bool {
    begins_with(table, HOST_PREFIX)
}

fn begins_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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
        let (connection, mode) = scripts_connection();
        for sql in [
            "SELECT count(*), max(id) FROM orders",
            "INSERT INTO orders(id) VALUES (1)",
            "UPDATE orders SET id = id + 1",
            "DELETE FROM orders",
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT)",
            "CREATE INDEX by_name ON customers(name)",
            "ALTER TABLE customers ADD COLUMN phone TEXT",
            "INSERT INTO customers(name) VALUES ('Ada')",
            "ALTER TABLE customers ADD COLUMN vip INTEGER NOT NULL DEFAULT 0 CHECK (vip IN (0, 1))",
            "CREATE TABLE visits(at TEXT) STRICT",
            "INSERT INTO visits VALUES ('2026-01-05')",
            "ALTER TABLE visits ADD COLUMN note TEXT",
            "ALTER TABLE customers RENAME COLUMN phone TO telephone",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
            "DROP TABLE customers",
            "ANALYZE orders",
        ] {
            mode.next_statement();
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
            "CREATE TEMP VIEW v AS SELECT 1",
            "CREATE TEMP TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END",
            "CREATE TEMP TABLE t AS SELECT 1",
            "DROP TABLE sqlite_master",
            "ALTER TABLE sqlite_master RENAME TO mine",
            "CREATE TABLE sqlite_mine(x)",
            "CREATE INDEX i ON sqlite_master(name)",
            "CREATE TRIGGER t AFTER INSERT ON sqlite_master BEGIN SELECT 1; END",
            "CREATE TRIGGER t AFTER INSERT ON orders BEGIN DELETE FROM _host_done; END; INSERT INTO orders VALUES (1)",
            "DETACH main",
            "VACUUM",
            "RELEASE s",
            "END",
            "SELECT * FROM pragma_table_info('orders')",
            "SELECT * FROM PRAGMA_database_list",
            "SELECT * FROM pragma_quick_check('orders')",
            "PRAGMA quick_check",
            "SELECT * FROM dbstat",
            "SELECT * FROM fts3tokenize('simple', 'a b')",
            "SELECT fts3_tokenizer('simple')",
            "SELECT sqlite_log(1, 'x')",
            "SELECT sqlite_rename_table('main', 'table', 'orders', '', '', '', 0)",
            "SELECT matchinfo(orders) FROM orders",
            "SELECT rtreecheck('orders')",
        ] {
            mode.next_statement();
            let outcome = connection.prepare(sql).and_then(|mut statement| statement.raw_execute());
            assert!(outcome.is_err(), "{sql}");
        }
        mode.with(|| connection.execute("INSERT INTO _host_done VALUES (1)", [])).unwrap();
    }

    /// What another version of SQLite brings must be decided here.
    #[test]
    fn every_function_and_every_table_of_the_build_is_decided() {
        let connection = Connection::open_in_memory().unwrap();
        let names = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let refused = [
            "bm25",
            "fts3_tokenizer",
            "fts5",
            "fts5_get_locale",
            "fts5_insttoken",
            "fts5_locale",
            "fts5_source_id",
            "highlight",
            "load_extension",
            "match",
            "matchinfo",
            "offsets",
            "optimize",
            "rtreecheck",
            "rtreedepth",
            "rtreenode",
            "snippet",
            "sqlite_log",
        ];
        let functions = names("SELECT DISTINCT name FROM pragma_function_list ORDER BY name");
        let undecided: Vec<_> = functions
            .iter()
            .filter(|name| FUNCTIONS.contains(&name.as_str()) == refused.contains(&name.as_str()))
            .collect();
        assert!(undecided.is_empty(), "{undecided:?}");
        // SQLite knows these once they are asked for.
        connection.prepare("SELECT * FROM json_each('[]'), json_tree('[]'), pragma_table_info('x')").unwrap();
        let undecided: Vec<_> = names("SELECT name FROM pragma_module_list")
            .into_iter()
            .filter(|name| is_system(name) == name.starts_with("json"))
            .collect();
        assert!(undecided.is_empty(), "{undecided:?}");
    }

    #[test]
    fn one_statement_names_a_bounded_number_of_functions() {
        let (connection, mode) = scripts_connection();
        let prepare = |times: u32, function: &str| {
            mode.next_statement();
            let all = vec![function; times as usize].join(", ");
            connection.prepare(&format!("SELECT 1 IN ({all})")).map(|_| ())
        };
        prepare(MOST_FUNCTIONS, "abs(1)").unwrap();
        prepare(MOST_FUNCTIONS + 1, "abs(1)").unwrap_err();
        prepare(MOST_PATTERNS, "'a' LIKE 'b'").unwrap();
        prepare(MOST_PATTERNS + 1, "'a' GLOB 'b'").unwrap_err();
    }

    #[test]
    fn what_changes_the_schema_is_known() {
        let (connection, mode) = scripts_connection();
        for (sql, expected) in [
            ("INSERT INTO orders VALUES (1)", false),
            ("SELECT * FROM sqlite_schema", false),
            ("CREATE TABLE a(x)", true),
            ("CREATE INDEX i ON orders(id)", true),
            ("CREATE VIEW v AS SELECT 1", true),
            ("ALTER TABLE orders ADD COLUMN x", true),
            ("ALTER TABLE orders RENAME COLUMN id TO number", true),
            ("DROP TABLE orders", true),
        ] {
            mode.next_statement();
            connection.prepare(sql).unwrap();
            assert_eq!(mode.changes_schema(), expected, "{sql}");
            assert_eq!(mode.drops(), sql.starts_with("DROP"), "{sql}");
        }
    }
}
