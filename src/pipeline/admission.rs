//! A message on its way to the gate: what may stop it, and what it may have to wait for, before it is sent.

use std::sync::Arc;
use std::time::Duration;

use crate::base::stage;
use crate::config::{Environment, MediaCheck};
use crate::host::Send;
use crate::pipeline::batch::Batch;
use crate::pipeline::gate::place_in_line;
use crate::pipeline::meter::Counted;
use crate::pipeline::run::{Origin, Run, Stop};
use crate::whatsapp::{Outcome, verdict};

/// What passing the gate took, besides its own questions.
enum Took {
    Nothing,
    /// Enough for things to have changed.
    Time,
}

impl Batch<'_> {
    /// Whether a message may leave now; waits in its sender's line if it must. Gives what it was counted as, or what
    /// stops it: its outcome.
    ///
    /// # Errors
    /// When the run cannot go on.
    pub(super) fn admit(
        &mut self,
        run: &mut Run,
        send: &mut Send,
    ) -> Result<Result<Option<Counted>, Outcome>, Stop> {
        let application = self.application;
        let edition = Arc::clone(&self.edition);
        let (parameters, surroundings) = (&edition.parameters, &application.surroundings);
        if let Some(refused) =
            application.gate.refuses(parameters, surroundings, &run.context.company, send)?
        {
            return Ok(Err(refused));
        }
        let counted = match application.gate.count(parameters, surroundings, send, application.now())? {
            Ok(counted) => counted,
            Err(reached) => return Ok(Err(reached)),
        };
        let passed = self.pass(run, send).and_then(|passed| match passed {
            // Meanwhile an admin may have paused it, or the recipient may have written STOP.
            Ok(Took::Time) => Ok(application
                .gate
                .refuses(parameters, surroundings, &run.context.company, send)?
                .map_or(Ok(()), Err)),
            Ok(Took::Nothing) => Ok(Ok(())),
            Err(refused) => Ok(Err(refused)),
        });
        let passed = passed.and_then(|passed| {
            if passed.is_ok() {
                let warning =
                    application.gate.closed_window(parameters, surroundings, send, application.now())?;
                send.warnings.extend(warning.map(str::to_owned));
            }
            Ok(passed)
        });
        if !matches!(passed, Ok(Ok(()))) {
            application.gate.give_back(counted.as_ref());
        }
        Ok(match passed? {
            Ok(()) => Ok(counted),
            Err(refused) => Err(refused),
        })
    }

    /// What takes time: a look at the medium, and the line of the sender.
    fn pass(&mut self, run: &mut Run, send: &mut Send) -> Result<Result<Took, Outcome>, Stop> {
        let took = if send.medium.is_some() { Took::Time } else { Took::Nothing };
        match self.look_at_medium(run, send)? {
            Ok(warnings) => send.warnings.extend(warnings),
            Err(refused) => return Ok(Err(refused)),
        }
        let application = self.application;
        let wait = match place_in_line(&self.edition.parameters, &application.surroundings, send) {
            Ok(wait) => wait,
            Err(busy) => return Ok(Err(*busy)),
        };
        if wait.is_zero() {
            return Ok(Ok(took));
        }
        let goes_on = self.aside(run, || {
            let until = stage::now() + wait;
            loop {
                // Somebody may be woken early.
                let left = until.saturating_duration_since(stage::now());
                if left.is_zero() {
                    return true;
                }
                if !application.pause(left.max(Duration::from_millis(1))) {
                    return false;
                }
            }
        })?;
        run.waited += wait; // it is no time of the run's
        match (goes_on, &run.origin) {
            (true, _) => Ok(Ok(Took::Time)),
            (false, Origin::Notification { .. }) => Err(Stop::Stopping),
            (false, Origin::Direct(_)) => {
                let message = "the host is stopping, and the message still waited in line: nothing has left";
                Ok(Err(Outcome { retryable: true, ..Outcome::failed("SENDER_BUSY", message) }))
            }
        }
    }

    /// Whether WhatsApp would take the medium, learnt from the URL that Twilio will fetch: warnings, or a refusal.
    fn look_at_medium(&mut self, run: &mut Run, send: &Send) -> Result<Result<Vec<String>, Outcome>, Stop> {
        let whatsapp = &self.edition.parameters.whatsapp;
        let (Some(medium), check) = (&send.medium, whatsapp.media_check) else { return Ok(Ok(Vec::new())) };
        if check == MediaCheck::Off {
            return Ok(Ok(Vec::new()));
        }
        let network = &self.application.surroundings.network;
        // Where the simulator stands in for Twilio, nothing leaves this computer.
        if whatsapp.environment == Environment::Simulator && !network.is_at_home(medium) {
            return Ok(Ok(Vec::new()));
        }
        let looked = self.aside(run, || network.look_at(medium))?;
        let judged = verdict(check, send.message.body.is_some(), &looked);
        Ok(judged.map_err(|(code, sentence)| Outcome::failed(code, sentence)))
    }
}
