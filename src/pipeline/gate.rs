//! Whether a message may leave: pauses, opt-outs, whom an application may write to, caps, and its sender's pace.
//!
//! Everything here comes before the intent to send is recorded: a message that is stopped was never about to leave, and
//! is not in the ledger.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{CompanyId, UnixMillis, stage};
use crate::config::{self, Environment, Rules};
use crate::host::{Send, correspondent, is_own};
use crate::pipeline::meter::{Caps, Counted, Meter, Reached, sameness};
use crate::pipeline::pacer::interval;
use crate::pipeline::{CapsHold, Surroundings};
use crate::store::{Closed, Ledger, StoreError, Writer};
use crate::whatsapp::{Outcome, Sender};

/// The gate of one application.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Books>);

/// What the outcome of a message warns of that goes to somebody who has not written for 24 hours.
const WINDOW_CLOSED: &str = "As far as this host has heard, the recipient has not written to this sender for 24 hours: \
    WhatsApp then takes templates only, and fails everything else with 63016. Send an approved template \
    (contentSid, sendWhatsappTemplate)";

/// What the gate looks into.
#[derive(Debug, Default)]
struct Books {
    /// Opened at the first send.
    ledger: Option<Ledger>,
    /// Begun at the first send that is counted.
    meter: Option<Meter>,
}

impl Gate {
    /// Whether anybody may be written to, and this recipient; `None`: yes.
    ///
    /// # Errors
    /// When `host.db` cannot be read.
    pub(super) fn refuses(
        &self,
        application: &config::Application,
        surroundings: &Surroundings,
        run: &CompanyId,
        send: &Send,
    ) -> Result<Option<Outcome>, StoreError> {
        let to = &send.message.to;
        if let Some(refused) = not_allowed(application, surroundings.caps, run, send) {
            return Ok(Some(refused));
        }
        let nobody = CompanyId::none();
        let writer = Writer {
            app: &application.id,
            company: &send.company,
            run,
            // Where companies send with the application's own sender, people answer to the application.
            sharing: is_own(&application.whatsapp, &send.message.sender).then_some(&nobody),
        };
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = books.ledger(surroundings)?.closed(writer, to);
        if closed.is_err() {
            books.ledger = None; // opened anew the next time
        }
        Ok(closed?.map(|closed| match closed {
            Closed::Paused { company, reason } => {
                let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                let whose = if company.is_empty() { String::new() } else { format!(" --company {company}") };
                let message = format!(
                    "sending is paused by an admin{why}: nothing leaves until `boatswain resume {}{whose}`",
                    application.id
                );
                Outcome { retryable: true, ..Outcome::failed("SENDING_PAUSED", message) }
            }
            Closed::OptedOut { company, reason } => Outcome::failed(
                "RECIPIENT_OPTED_OUT",
                format!(
                    "the recipient does not want to be written to by {company} ({reason}): send nothing until he opts \
                     in, by START or by `boatswain opt-outs remove`"
                ),
            ),
        }))
    }

    /// What to warn of where a message that is no template goes to somebody who has not written to its sender for 24
    /// hours. It leaves all the same: another system may have got his message. Nothing is known of a sender to which
    /// nobody has ever written here, and nothing is to be warned of where WhatsApp's rules do not hold.
    ///
    /// # Errors
    /// When `host.db` cannot be read.
    pub(super) fn closed_window(
        &self,
        application: &config::Application,
        surroundings: &Surroundings,
        send: &Send,
        now: UnixMillis,
    ) -> Result<Option<&'static str>, StoreError> {
        let rules_hold = application.whatsapp.environment != Environment::Simulator
            || surroundings.simulator_rules != Rules::Open;
        if send.message.content_sid.is_some() || !rules_hold {
            return Ok(None);
        }
        let nobody = CompanyId::none();
        let who = correspondent(application, &send.company, &send.message.sender, &nobody);
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = books.ledger(surroundings)?;
        let window = ledger.window(who, &send.message.to)?;
        let is_closed = !window.is_some_and(|window| window.is_open(now)) && ledger.hears(who)?;
        Ok(is_closed.then_some(WINDOW_CLOSED))
    }

    /// Counts a message, unless a cap is reached: then that is the outcome. Nothing is counted where no cap holds.
    ///
    /// # Errors
    /// When `host.db` cannot be read.
    pub(super) fn count(
        &self,
        application: &config::Application,
        surroundings: &Surroundings,
        send: &Send,
        now: UnixMillis,
    ) -> Result<Result<Option<Counted>, Outcome>, StoreError> {
        if !caps_hold(application, surroundings.caps) {
            return Ok(Ok(None));
        }
        let hash = send.content_hash(&surroundings.key);
        let message = Counted {
            company: send.company.clone(),
            // A reply answers one message: no loop of a script sends it.
            sameness: (!send.is_reply()).then(|| sameness(&send.company, &send.message.to, &hash)),
            at: now,
        };
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if books.meter.is_none() {
            let before = books.ledger(surroundings)?.sent_before(&application.id, now)?;
            books.meter = Some(Meter::begin(before));
        }
        let counted =
            books.meter.as_mut().map_or(Ok(()), |meter| meter.admit(&message, &caps(application, send)));
        Ok(counted.map(|()| Some(message)).map_err(|reached| cap_reached(application, send, reached)))
    }

    /// A message that was counted has not left.
    pub(super) fn give_back(&self, message: Option<&Counted>) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(meter), Some(message)) = (&mut books.meter, message) {
            meter.give_back(message);
        }
    }
}

impl Books {
    fn ledger(&mut self, surroundings: &Surroundings) -> Result<&Ledger, StoreError> {
        if self.ledger.is_none() {
            self.ledger = Some(Ledger::open(&surroundings.ledger)?);
        }
        self.ledger.as_ref().ok_or_else(|| StoreError::Unavailable("host.db is not open".into()))
    }
}

/// Takes a place in the line of the message's sender; gives how long it is until then.
pub(super) fn place_in_line(
    application: &config::Application,
    surroundings: &Surroundings,
    send: &Send,
) -> Result<Duration, Box<Outcome>> {
    let environment = application.whatsapp.environment;
    // A messaging service has several senders, and Twilio paces it.
    let (Some(interval), Sender::Number(sender)) =
        (interval(environment, surroundings.simulator_rules), &send.message.sender)
    else {
        return Ok(Duration::ZERO);
    };
    let patience = application.limits.send_wait;
    // Where an action brings a key along, nobody has proved that the number is its own: it stands in a line of its own.
    let whose = if send.brings_key { application.id.as_str() } else { "" };
    let line = format!("{whose} {} {}", send.account.sid, sender.as_str());
    surroundings.pacer.take_place(&line, interval, patience, stage::now()).map_err(|wait| {
        let message = format!(
            "too many messages wait for this sender: Twilio takes one in {} ms, so this one would wait {:.1} s, and \
             limits.send_wait_ms is {}: send it again later",
            interval.as_millis(),
            wait.as_secs_f64(),
            patience.as_millis()
        );
        Box::new(Outcome { retryable: true, ..Outcome::failed("SENDER_BUSY", message) })
    })
}

/// Whether caps and allowed countries hold for an application.
fn caps_hold(application: &config::Application, caps: CapsHold) -> bool {
    match caps {
        CapsHold::OutsideTheSimulator => application.whatsapp.environment != Environment::Simulator,
        CapsHold::Everywhere => true,
    }
}

/// Whether an admin has excluded the recipient.
fn not_allowed(
    application: &config::Application,
    caps: CapsHold,
    run: &CompanyId,
    send: &Send,
) -> Option<Outcome> {
    let to = &send.message.to;
    let of_application = format!("applications.{}.limits", application.id);
    // The company in whose name it goes and the one whose run sends it: naming another is no way around a list.
    let companies = [&send.company, run].map(|company| {
        let limits = application.companies.get(company).map(|section| &section.limits);
        (format!("applications.{}.companies.{company}.limits", application.id), limits)
    });
    let of_companies = companies
        .iter()
        .map(|(section, limits)| (section, limits.and_then(|limits| limits.only_to.as_ref())));
    let lists = std::iter::once((&of_application, application.limits.only_to.as_ref())).chain(of_companies);
    for (section, only_to) in lists {
        if only_to.is_some_and(|only_to| !only_to.contains(to)) {
            let message = format!(
                "this host may write to a few numbers only (`only_to` in [{section}]), and this is none of them: an \
                 admin adds it there"
            );
            return Some(Outcome::failed("RECIPIENT_NOT_ALLOWED", message));
        }
    }
    if !caps_hold(application, caps) {
        return None;
    }
    let of_companies = companies.iter().map(|(section, limits)| {
        (section, limits.map_or(&[][..], |limits| &limits.allowed_country_prefixes))
    });
    let own = application.limits.allowed_country_prefixes.as_slice();
    let lists = std::iter::once((&of_application, own)).chain(of_companies);
    for (section, allowed) in lists {
        if !allowed.is_empty() && !allowed.iter().any(|prefix| to.is_of(*prefix)) {
            let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            let message = format!(
                "the recipient's country is not among those that may be written to, {} (`allowed_country_prefixes` in \
                 [{section}]): an admin adds it there",
                allowed.join(", ")
            );
            return Some(Outcome::failed("COUNTRY_NOT_ALLOWED", message));
        }
    }
    None
}

/// The caps of a company's messages.
fn caps(application: &config::Application, send: &Send) -> Caps {
    let limits = &application.limits;
    let own = application.companies.get(&send.company).map(|section| &section.limits);
    Caps {
        per_minute: Some(limits.messages_per_minute),
        per_day: Some(limits.messages_per_day),
        company_per_minute: own
            .and_then(|own| own.messages_per_minute)
            .or(limits.company_messages_per_minute),
        company_per_day: own.and_then(|own| own.messages_per_day).or(limits.company_messages_per_day),
        identical_per_minute: Some(limits.identical_messages_per_minute),
    }
}

fn cap_reached(application: &config::Application, send: &Send, reached: Reached) -> Outcome {
    let app = &application.id;
    let own = application.companies.get(&send.company).map(|section| &section.limits);
    let of_company = |key: &str, is_own: bool| {
        if is_own {
            format!("`{key}` in [applications.{app}.companies.{}.limits]", send.company)
        } else {
            format!("`company_{key}` in [applications.{app}.limits]")
        }
    };
    let (code, retryable, what, key) = match reached {
        Reached::PerMinute(cap) => (
            "MESSAGES_PER_MINUTE",
            true,
            format!("the application may send {cap} messages a minute"),
            format!("`messages_per_minute` in [applications.{app}.limits]"),
        ),
        Reached::PerDay(cap) => (
            "MESSAGES_PER_DAY",
            true,
            format!("the application may send {cap} messages in 24 hours"),
            format!("`messages_per_day` in [applications.{app}.limits]"),
        ),
        Reached::CompanyPerMinute(cap) => (
            "COMPANY_MESSAGES_PER_MINUTE",
            true,
            format!("the company {} may send {cap} messages a minute", send.company),
            of_company("messages_per_minute", own.is_some_and(|own| own.messages_per_minute.is_some())),
        ),
        Reached::CompanyPerDay(cap) => (
            "COMPANY_MESSAGES_PER_DAY",
            true,
            format!("the company {} may send {cap} messages in 24 hours", send.company),
            of_company("messages_per_day", own.is_some_and(|own| own.messages_per_day.is_some())),
        ),
        Reached::Identical(cap) => (
            "IDENTICAL_MESSAGE",
            false,
            format!("this recipient has got the same message {cap} times within a minute"),
            format!("`identical_messages_per_minute` in [applications.{app}.limits]"),
        ),
    };
    let advice = if retryable { "send it again later, or ask an admin for more" } else { "look for a loop" };
    Outcome { retryable, ..Outcome::failed(code, format!("{what} ({key}): {advice}")) }
}
