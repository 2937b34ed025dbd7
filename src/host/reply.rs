//! A reply by return: what an action returned that an incoming message started goes to the person who wrote, from the
//! sender that was written to, and like every other message.
//!
//! The sandbox hands the value over as the run's last call. Whom it goes to stands in the host's own copy of the form,
//! which no script can change.

use crate::base::{AccountSid, PhoneNumber, UnixMillis};
use crate::host::RunContext;
use crate::host::accounts::{api_base_url, known_account};
use crate::host::functions::{Call, Reply};
use crate::host::messages::{Between, OutcomeForm, Refused, Route, answer, refused};
use crate::host::request::Request;
use crate::script::protocol::{LogLevel, Thrown, Value};
use crate::whatsapp::Sender;

/// Takes what an action returned. No script is given the outcome: the run's log tells it.
pub(super) fn reply(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let Some(request) = Request::reply(call.arguments)? else {
        let what = call.arguments.kind(0);
        let line = format!(
            "the action returned {what}, which is no reply: nothing was sent. A reply is a text, or an object such as \
             {{ body: \"…\", mediaUrl: \"https://…\" }}; return nothing where none is meant"
        );
        call.effects.log.push((LogLevel::Warn, line));
        return Ok(Reply::Return(Value::Undefined));
    };
    let mut between = Between::default();
    let route = route(call.run, call.now, &mut between);
    Ok(answer(call, &request, OutcomeForm::Log, between, route))
}

/// The way back.
fn route(run: &RunContext, now: UnixMillis, between: &mut Between) -> Result<Route, Refused> {
    let field = |name| run.vo.text(name).unwrap_or_default();
    let sender = PhoneNumber::sender(field("To"))
        .or_else(|error| refused("INVALID_SENDER", format!("the message's To: {error}")))?;
    between.from = Some(sender.whatsapp());
    let to = PhoneNumber::writer(field("From")).or_else(|_| {
        refused(
            "REPLY_NO_PHONE_NUMBER",
            "the person who wrote has no phone number that the host could send to: Twilio named him otherwise in From",
        )
    })?;
    between.to = Some(to.whatsapp());
    let own = run.application.whatsapp_of(&run.company);
    if api_base_url(own, run.simulator_url.as_ref()).is_none() {
        return refused("SIMULATOR_MISSING", "the simulator is not running");
    }
    let sid = AccountSid::parse(field("AccountSid")).ok();
    let account = sid.and_then(|sid| known_account(run, &sid, now));
    let Some(account) = account else {
        return refused(
            "REPLY_ACCOUNT_UNKNOWN",
            "the host has no key for the account that the message came by: an admin names it in the parameters, or the \
             company's actions send with it first (…WithSettings)",
        );
    };
    // A remembered key is remembered already.
    Ok(Route { account, brings_key: false, sender: Sender::Number(sender), to, company: run.company.clone() })
}
