//! `boatswain messages settle ID --sent SID | --not-sent`: a person's word on a message in doubt.

use crate::base::{Clock, Diagnostic, MessageId, MessageSid, SystemClock};
use crate::cli::look::{control, not_found, parameters, show, store};
use crate::cli::options::{Options, SettleOptions};
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::control::SettleOrder;
use crate::control::mask::Recipients;
use crate::control::settle::{fate, refusal};
use crate::control::views::{self, Kind};
use crate::store::{DataDir, HostDb, Ledger, Settlement};

pub(super) async fn run(options: &Options, settle: &SettleOptions) -> Result<(), Failure> {
    let sent = settle.sent.as_deref().map(MessageSid::typed).transpose().map_err(|error| {
        Diagnostic::error("INVALID_VALUE", error.to_string())
            .help("give the SID as Twilio's log shows it, `SM…` or `MM…`")
    })?;
    let order = SettleOrder { sent };
    let recipients = Recipients::shown_if(settle.sight.unmask);
    let Ok(id) = MessageId::parse(&settle.id) else { return failed(&not_found(Kind::Messages, &settle.id)) };
    let Reached { data, host } = reach(options).await?;
    let row = match host {
        Some(host) => match host.settle(id, &order, recipients).await {
            Ok(row) => row,
            Err(error) => return Err(control(error)),
        },
        None if !DataDir::host_db_in(&data).exists() => {
            return failed(&not_found(Kind::Messages, &settle.id));
        }
        None => {
            let data = DataDir::create(&data).map_err(store)?;
            let _lock = data.lock().map_err(store)?;
            let settlement = Settlement { id, fate: fate(&order), at: SystemClock.now() };
            let settled =
                HostDb::open(&data.host_db()).and_then(|mut db| db.settle(&settlement)).map_err(store)?;
            if let Some(refused) = refusal(id, &settled) {
                return failed(&refused);
            }
            let ledger = Ledger::open(&data.host_db()).map_err(store)?;
            views::show(&ledger, &|app| parameters(options, app), Kind::Messages, &id.to_string(), recipients)
                .map_err(store)?
                .unwrap_or_default()
        }
    };
    show(&row, settle.json);
    Ok(())
}

fn failed(problem: &Diagnostic) -> Result<(), Failure> {
    output::problem(problem);
    Err(Failure::Failed)
}
