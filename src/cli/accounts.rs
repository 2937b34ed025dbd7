//! `boatswain accounts list|remove`: of which accounts the host remembers keys that actions brought along. Never the keys.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde_json::Value;

use crate::base::{AccountSid, Diagnostic};
use crate::cli::look::{control, store};
use crate::cli::options::{AccountsCommand, AccountsOptions, Options, RemoveOptions};
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::control::views;
use crate::store::{DataDir, Filter, ForgetKeys, HostDb, Ledger};

const COLUMNS: [&str; 6] =
    ["appId", "companyId", "accountSid", "confirmedKeys", "unconfirmedKeys", "lastUsedAt"];

pub(super) async fn run(options: &Options, command: &AccountsCommand) -> Result<(), Failure> {
    match command {
        AccountsCommand::List(list) => {
            let rows = rows(options, list).await?;
            if list.json {
                rows.iter().for_each(output::json);
            } else {
                table(&rows);
            }
            Ok(())
        }
        AccountsCommand::Remove(remove) => {
            let forgotten = forget(options, remove).await?;
            if forgotten == 0 {
                let message = format!("no key of the account {} is remembered there", remove.account);
                output::problem(
                    &Diagnostic::error("NOT_FOUND", message)
                        .help("`accounts list` shows the accounts whose keys are remembered"),
                );
                return Err(Failure::Failed);
            }
            let keys = if forgotten == 1 { "key is" } else { "keys are" };
            output::line(format_args!("{forgotten} {keys} forgotten"));
            Ok(())
        }
    }
}

async fn rows(options: &Options, list: &AccountsOptions) -> Result<Vec<Value>, Failure> {
    let filter = Filter { app: list.app.clone(), company: list.company.clone(), ..Filter::default() };
    let Reached { data, host } = reach(options).await?;
    if let Some(host) = host {
        return host.accounts(&filter).await.map_err(control);
    }
    let file = DataDir::host_db_in(&data);
    if !file.exists() {
        return Ok(Vec::new());
    }
    Ledger::open(&file).and_then(|ledger| views::accounts(&ledger, &filter)).map_err(store)
}

/// How many keys were forgotten.
async fn forget(options: &Options, remove: &RemoveOptions) -> Result<usize, Failure> {
    let account = AccountSid::parse(&remove.account).map_err(|_| {
        Diagnostic::error("INVALID_VALUE", "what was given is not an account SID")
            .help("give the SID as `accounts list` shows it: AC and 32 hexadecimal digits")
    })?;
    let forget = ForgetKeys { account, app: remove.app.clone(), company: remove.company.clone() };
    let Reached { data, host } = reach(options).await?;
    if let Some(host) = host {
        return host.forget_keys(&forget).await.map_err(control);
    }
    if !DataDir::host_db_in(&data).exists() {
        return Ok(0);
    }
    let data = DataDir::create(&data).map_err(store)?;
    let _lock = data.lock().map_err(store)?;
    HostDb::open(&data.host_db()).and_then(|mut db| db.forget_keys(&forget)).map_err(store)
}

fn table(rows: &[Value]) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(COLUMNS);
    for row in rows {
        table.add_row(COLUMNS.iter().map(|column| match &row[*column] {
            Value::String(text) => crate::base::shown(text),
            other => other.to_string(),
        }));
    }
    output::line(table);
}
