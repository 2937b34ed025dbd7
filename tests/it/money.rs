//! What sending may cost: caps, countries, trial numbers, pauses, opt-outs, and the pace that Twilio takes.

use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ActionId, AppId, CompanyId};
use boatswain::pipeline::{DirectRun, Event};
use boatswain::script::protocol::Returned;
use serde_json::{Value, json};

use crate::production::Production;

/// Sends what `vo` says, `vo.times` times over, and returns what became of each.
const SEND: &str = "
    const told = [];
    for (let n = 0; n < (vo.times ?? 1); n++) {
        const body = vo.same ? 'Ciao' : `Ciao ${n} ${vo.salt ?? ''}`;
        const outcome = utils.whatsapp.send({ to: vo.to ?? '+393331234567', body, companyId: vo.companyId });
        told.push(outcome.success ? 'sent' : outcome.errorCode + (outcome.retryable ? ' retryable' : ''));
        var last = outcome;
    }
    return vo.whole ? last : told;
";

fn production(environment: &str, more: &str) -> Production {
    Production::new(environment, "", more, SEND)
}

#[test]
fn caps_hold_over_a_restart_and_name_their_parameter() {
    let bench = production(
        "production",
        "[applications.app.limits]
         messages_per_minute = 4
         messages_per_day = 6
         company_messages_per_minute = 3
         [applications.app.companies.SMALL.limits]
         messages_per_day = 1",
    );
    let host = bench.host();
    let send = |host: &Host, company: &str, times: u32| {
        bench.run(host, company, json!({ "times": times, "salt": company }))
    };
    assert_eq!(
        send(&host, "BIG", 4),
        json!(["sent", "sent", "sent", "COMPANY_MESSAGES_PER_MINUTE retryable"])
    );
    assert_eq!(send(&host, "SMALL", 2), json!(["sent", "COMPANY_MESSAGES_PER_DAY retryable"]));
    assert_eq!(send(&host, "OTHER", 1), json!(["MESSAGES_PER_MINUTE retryable"]));
    let whole = bench.run(&host, "SMALL", json!({ "whole": true }));
    assert_eq!(
        whole["errorMessage"],
        "the company SMALL may send 1 messages in 24 hours (`messages_per_day` in \
         [applications.app.companies.SMALL.limits]): send it again later, or ask an admin for more"
    );
    assert_eq!((&whole["status"], &whole["to"]), (&json!("failed"), &json!("whatsapp:+393331234567")));
    bench.stop(host);

    let host = bench.host();
    assert_eq!(send(&host, "OTHER", 1), json!(["MESSAGES_PER_MINUTE retryable"]), "after a restart");
    assert_eq!(send(&host, "SMALL", 1), json!(["COMPANY_MESSAGES_PER_DAY retryable"]));
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(send(&host, "OTHER", 3), json!(["sent", "sent", "MESSAGES_PER_DAY retryable"]));
    bench.stop(host);

    bench.clock.advance(Duration::from_hours(24));
    let host = bench.host();
    assert_eq!(send(&host, "SMALL", 2), json!(["sent", "COMPANY_MESSAGES_PER_DAY retryable"]), "a day later");
    bench.stop(host);
    assert_eq!(bench.twilio.messages().len(), 7);
    assert_eq!(
        bench.folder.count("SELECT count(*) FROM messages"),
        7,
        "what was stopped was never about to leave"
    );
}

#[test]
fn the_same_message_to_the_same_person_is_stopped() {
    let bench = production("production", "[applications.app.limits]\nidentical_messages_per_minute = 2");
    let host = bench.host();
    let send = |vo: Value| bench.run(&host, "ACME", vo);
    assert_eq!(send(json!({ "times": 3, "same": true })), json!(["sent", "sent", "IDENTICAL_MESSAGE"]));
    assert_eq!(send(json!({ "same": true, "to": "+393331234568" })), json!(["sent"]), "to somebody else");
    assert_eq!(send(json!({})), json!(["sent"]), "something else");
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(send(json!({ "same": true })), json!(["sent"]));
    bench.stop(host);
}

#[test]
fn only_allowed_countries_and_numbers_are_written_to() {
    let bench = production(
        "production",
        "[applications.app.limits]
         allowed_country_prefixes = ['+39', '+41']
         [applications.app.companies.SWISS.limits]
         allowed_country_prefixes = ['+41', '+33']
         [applications.app.companies.TRIAL.limits]
         only_to = ['+393331234567']",
    );
    let host = bench.host();
    let send = |company: &str, to: &str| bench.run(&host, company, json!({ "to": to }))[0].clone();
    assert_eq!(send("ACME", "+393331234567"), "sent");
    assert_eq!(send("ACME", "+41781234567"), "sent");
    assert_eq!(send("ACME", "+33612345678"), "COUNTRY_NOT_ALLOWED");
    assert_eq!(send("SWISS", "+41781234567"), "sent");
    assert_eq!(send("SWISS", "+393331234567"), "COUNTRY_NOT_ALLOWED");
    assert_eq!(send("SWISS", "+33612345678"), "COUNTRY_NOT_ALLOWED", "both lists hold");
    assert_eq!(send("TRIAL", "+393331234567"), "sent");
    assert_eq!(send("TRIAL", "+393331234568"), "RECIPIENT_NOT_ALLOWED");
    let for_other = bench.run(&host, "TRIAL", json!({ "to": "+393331234568", "companyId": "ACME" }));
    assert_eq!(for_other, json!(["RECIPIENT_NOT_ALLOWED"]), "its runs write to nobody else");
    bench.stop(host);
}

#[test]
fn the_simulator_counts_nothing_and_keeps_to_the_trial_numbers() {
    let bench = production(
        "simulator",
        "[applications.app.limits]
         messages_per_minute = 1
         messages_per_day = 1
         identical_messages_per_minute = 1
         allowed_country_prefixes = ['+41']
         only_to = ['+393331234567']",
    );
    let host = bench.host();
    assert_eq!(bench.run(&host, "A", json!({ "times": 3, "same": true })), json!(["sent", "sent", "sent"]));
    assert_eq!(bench.run(&host, "A", json!({ "to": "+393331234568" })), json!(["RECIPIENT_NOT_ALLOWED"]));
    bench.stop(host);
}

#[test]
fn a_pause_holds_until_somebody_lifts_it() {
    let bench = production("simulator", "");
    let host = bench.host();
    let send = |host: &Host, company: &str| bench.run(host, company, json!({}))[0].clone();
    assert_eq!(send(&host, "ACME"), "sent");
    assert_eq!(
        bench.said(&["pause", "app", "--company", "ACME", "--reason", "unpaid"]),
        "ACME of app sends nothing from now on; its notifications run as before\n"
    );
    assert_eq!(send(&host, "ACME"), "SENDING_PAUSED retryable");
    assert_eq!(send(&host, "OTHER"), "sent");
    let for_other = bench.run(&host, "ACME", json!({ "companyId": "OTHER" }));
    assert_eq!(for_other, json!(["SENDING_PAUSED retryable"]), "its runs send for nobody");
    let whole = bench.run(&host, "ACME", json!({ "whole": true }));
    assert!(
        whole["errorMessage"].as_str().unwrap().contains(
            "paused by an admin (unpaid): nothing leaves until `boatswain resume app --company ACME`"
        ),
        "{whole}"
    );
    assert!(bench.said(&["pause"]).contains("unpaid"));
    let unknown = bench.output(&["pause", "ap"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("error[UNKNOWN_APPLICATION]"));
    bench.stop(host);

    // While no host is up, and over a restart.
    assert_eq!(bench.folder.boatswain(&["pause", "ap"]).status.code(), Some(2));
    bench.said(&["pause", "app"]);
    bench.said(&["resume", "app", "--company", "ACME"]);
    let host = bench.host();
    assert_eq!(send(&host, "ACME"), "SENDING_PAUSED retryable", "the application still is");
    assert_eq!(bench.said(&["resume", "app"]), "app sends again\n");
    assert_eq!(bench.said(&["resume", "app"]), "app was not paused\n");
    assert_eq!(send(&host, "ACME"), "sent");
    bench.stop(host);
}

#[test]
fn who_has_opted_out_is_not_written_to_again_by_that_company() {
    let bench = production("simulator", "");
    let host = bench.host();
    let send = |company: &str, to: &str| bench.run(&host, company, json!({ "to": to }))[0].clone();
    // Twilio refuses at once, with 21610.
    let stopped = "+393990121610";
    assert_eq!(send("ACME", stopped), "21610");
    assert_eq!(send("ACME", stopped), "RECIPIENT_OPTED_OUT");
    assert_eq!(send("OTHER", stopped), "21610", "another company learns for itself");
    // Twilio reports it later, with 63014.
    let blocked = "+393990263014";
    let mut events = host.events();
    assert_eq!(send("ACME", blocked), "sent");
    bench.runtime.block_on(async {
        for _ in 0..2 {
            while !matches!(events.recv().await.unwrap(), Event::Received(_)) {}
        }
    });
    assert_eq!(send("ACME", blocked), "RECIPIENT_OPTED_OUT");
    let listed = bench.said(&["opt-outs", "list", "--company", "ACME", "--json"]);
    assert!(!listed.contains(blocked) && listed.contains("63014") && listed.contains("21610"), "{listed}");
    assert!(bench.said(&["opt-outs", "list", "--unmask"]).contains(blocked));
    bench.said(&["opt-outs", "remove", blocked, "--app", "app", "--company", "ACME"]);
    assert_eq!(send("ACME", blocked), "sent", "he has opted in");
    // Who has had enough of the application has had enough of all companies that send with its sender.
    bench.said(&["opt-outs", "add", "+39 333 1234569", "--app", "app"]);
    assert_eq!(send("ACME", "333 1234569"), "RECIPIENT_OPTED_OUT");
    bench.said(&["opt-outs", "add", "+39 333 1234567", "--app", "app", "--company", "ACME"]);
    assert_eq!(send("ACME", "333 1234567"), "RECIPIENT_OPTED_OUT");
    bench.stop(host);
}

#[test]
fn what_never_reached_twilio_costs_nothing() {
    let bench = production("production", "[applications.app.limits]\nmessages_per_day = 1\nwall_ms = 600");
    let reachable = std::fs::read_to_string(bench.folder.path("app-params.toml")).unwrap();
    // Nobody listens at port 9.
    bench.folder.write("app-params.toml", &reachable.replace(&bench.twilio.base_url(), "http://127.0.0.1:9"));
    let host = bench.host();
    assert_eq!(bench.run(&host, "ACME", json!({})), json!(["TWILIO_UNREACHABLE retryable"]));
    assert_eq!(bench.run(&host, "ACME", json!({})), json!(["TWILIO_UNREACHABLE retryable"]));
    bench.stop(host);
    bench.folder.write("app-params.toml", &reachable);
    let host = bench.host();
    assert_eq!(
        bench.run(&host, "ACME", json!({ "times": 2 })),
        json!(["sent", "MESSAGES_PER_DAY retryable"])
    );
    bench.stop(host);
}

#[test]
fn a_full_line_sends_messages_back() {
    let bench = production("sandbox", "[applications.app.limits]\nsend_wait_ms = 0");
    let host = bench.host();
    let told = bench.run(&host, "ACME", json!({ "times": 2 }));
    assert_eq!(told, json!(["sent", "SENDER_BUSY retryable"]));
    bench.stop(host);
    assert_eq!(bench.folder.count("SELECT count(*) FROM messages"), 1);
}

/// Three seconds of waiting, which are the sandbox's own.
#[test]
fn waiting_in_line_is_not_the_runs_time() {
    let bench = production("sandbox", "[applications.app.limits]\nwall_ms = 2500");
    let host = bench.host();
    assert_eq!(bench.run(&host, "ACME", json!({ "times": 2 })), json!(["sent", "sent"]));
    bench.stop(host);
    let sent = bench.twilio.messages();
    assert!(sent.iter().all(|message| message.status.as_str() != "failed") && sent.len() == 2);
}

/// The line of the sandbox is three seconds long.
#[test]
fn what_waits_in_line_when_sending_is_paused_does_not_leave() {
    let bench = production("sandbox", "");
    let host = bench.host();
    let run = DirectRun {
        action: ActionId::parse("send").unwrap(),
        company: CompanyId::parse("ACME").unwrap(),
        vo: Arc::new(json!({ "times": 2 })),
    };
    let mut pause = bench.folder.command(&["pause", "app"]);
    let mut events = host.events();
    let app = AppId::parse("app").unwrap();
    let (report, ()) = bench.runtime.block_on(async {
        tokio::join!(host.run(&app, run), async {
            while !matches!(events.recv().await.unwrap(), Event::Sent { .. }) {}
            tokio::task::spawn_blocking(move || assert!(pause.output().unwrap().status.success()))
                .await
                .unwrap();
        })
    });
    assert_eq!(
        report.unwrap().result.unwrap_or_else(|failure| panic!("{failure:?}")),
        Returned::Json(json!(["sent", "SENDING_PAUSED retryable"]).to_string())
    );
    bench.stop(host);
    assert_eq!(bench.folder.count("SELECT count(*) FROM messages"), 1);
}
