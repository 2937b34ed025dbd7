//! The 24 hours after a person's last message: kept with it, told to actions and people, warned of, forgotten.

use std::time::Duration;

use boatswain::Host;
use boatswain::base::Secret;
use boatswain::pipeline::Event;
use boatswain::whatsapp::{Form, signature};
use serde_json::{Value, json};

use crate::host::{ACCOUNT, TOKEN, client, post_signed, sid};
use crate::production::Production;

const ANNA: &str = "+393331234567";
const SHOP: &str = "+14155238886";
const BAR: &str = "+14155238887";
const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);

const SEND: &str = "
    if (vo.ask) return JSON.parse(utils.getWhatsappWindow(vo.ask));
    return utils.whatsapp.send({ to: '+393331234567', from: vo.from, body: vo.template ? null : 'Ciao', contentSid: vo.template });
";
const LISTENS: &str = "incoming_message = 'incoming'";

struct Town {
    production: Production,
    host: Host,
}

impl Town {
    fn new(environment: &str, more: &str) -> Self {
        let production = Production::new(environment, "", more, SEND);
        production.folder.write("scripts/app/incoming.js", "");
        let host = production.host();
        Self { production, host }
    }

    /// Stops the host and serves anew.
    fn restarted(self) -> Self {
        self.production.stop(self.host);
        let host = self.production.host();
        Self { production: self.production, host }
    }

    /// Anna writes.
    fn writes(&self, n: u32, company: &str, to: &str) {
        let url = format!("{}/whatsapp/message/app/{company}", self.host.public_url());
        let mut form = Form::default();
        for (name, value) in [
            ("AccountSid", ACCOUNT),
            ("Body", "Ciao"),
            ("From", &format!("whatsapp:{ANNA}")),
            ("MessageSid", &sid(n)),
            ("SmsStatus", "received"),
            ("To", &format!("whatsapp:{to}")),
        ] {
            form.push(name, value);
        }
        let signature = signature::sign(&url, &form, &Secret::new(TOKEN));
        let answer = self.production.runtime.block_on(post_signed(&client(), &url, &form, &signature));
        assert_eq!(answer.unwrap(), 200);
    }

    fn run(&self, company: &str, vo: Value) -> Value {
        self.production.run(&self.host, company, vo)
    }

    fn window(&self, company: &str) -> Value {
        self.run(company, json!({ "ask": ANNA }))
    }

    /// Sends a text to Anna; whether the outcome warns.
    #[track_caller]
    fn is_warned(&self, company: &str, from: Option<&str>) -> bool {
        let outcome = self.run(company, json!({ "from": from }));
        assert_eq!(outcome["success"], true, "a warning stops nothing: {outcome}");
        match outcome["warnings"].as_array().unwrap().as_slice() {
            [] => false,
            [warning] => {
                let warning = warning.as_str().unwrap();
                assert!(warning.contains("63016") && warning.contains("template"), "{warning}");
                true
            }
            more => panic!("{more:?}"),
        }
    }

    fn stop(self) -> Production {
        self.production.stop(self.host);
        self.production
    }
}

#[test]
fn a_window_opens_with_a_message_and_closes_a_day_later_over_a_restart() {
    let town = Town::new("production", LISTENS);
    assert_eq!(town.window("ACME"), json!({ "open": false, "lastMessageAt": null, "closesAt": null }));
    town.writes(1, "ACME", SHOP);
    let open = json!({
        "open": true, "lastMessageAt": "2027-01-15T08:00:00.000Z", "closesAt": "2027-01-16T08:00:00.000Z",
    });
    assert_eq!(town.window("ACME"), open);
    assert!(!town.is_warned("ACME", None));
    assert_eq!(town.run("ACME", json!({ "ask": "333 123 4567" })), open, "as a number is written there");
    assert_eq!(town.window("OTHER")["open"], false, "what ACME is told is ACME's");
    town.production.clock.advance(DAY.saturating_sub(MOMENT));
    let town = town.restarted();
    assert_eq!(town.window("ACME"), open);
    town.production.clock.advance(MOMENT);
    assert_eq!(town.window("ACME")["open"], false);
    assert_eq!(town.window("ACME")["closesAt"], open["closesAt"], "when it closed stays known");
    assert!(town.is_warned("ACME", None));
    town.writes(1, "ACME", SHOP);
    assert_eq!(town.window("ACME")["open"], false, "a repeat of yesterday's message is no message");
    town.writes(2, "ACME", SHOP);
    assert_eq!(town.window("ACME")["lastMessageAt"], "2027-01-16T08:00:00.000Z");
    assert!(!town.is_warned("ACME", None));
    town.stop();
}

#[test]
fn a_window_is_of_the_sender_that_was_written_to() {
    let town = Town::new(
        "production",
        &format!("{LISTENS}\n[applications.app.companies.BAR.WHATSAPP]\nfrom_phone_number = '{BAR}'"),
    );
    town.production.twilio.register(Production::account(&[SHOP, BAR]));
    town.writes(1, "BAR", BAR);
    assert_eq!(
        (town.window("BAR")["open"].clone(), town.window("ACME")["open"].clone()),
        (json!(true), json!(false))
    );
    assert!(
        !town.is_warned("ACME", None),
        "nobody has ever written to this sender, so nothing follows from it"
    );
    assert!(!town.is_warned("BAR", Some(SHOP)));
    // The application's own sender: people answer to the application.
    town.writes(2, "NODEFINED", SHOP);
    for company in ["NODEFINED", "ACME", "OTHER"] {
        assert_eq!(town.window(company)["open"], true, "{company}");
        assert!(!town.is_warned(company, None), "{company}");
    }
    town.production.clock.advance(DAY);
    town.writes(3, "BAR", BAR);
    assert!(
        town.is_warned("ACME", None) && town.is_warned("BAR", Some(SHOP)) && !town.is_warned("BAR", None)
    );
    town.stop();
}

#[test]
fn nothing_is_warned_of_where_nothing_is_known_or_no_rule_holds() {
    let template = json!({ "template": format!("HX{:032x}", 1) });
    for (environment, more, warns) in [
        ("production", LISTENS, true),
        ("sandbox", LISTENS, true),
        ("simulator", LISTENS, false),
        ("production", "", true), // no action waits, and the host hears all the same
    ] {
        let town = Town::new(environment, more);
        town.writes(1, "ACME", SHOP);
        town.production.clock.advance(DAY);
        assert_eq!(town.is_warned("ACME", None), warns, "{environment} {more}");
        assert_eq!(town.run("ACME", template.clone())["warnings"], json!([]), "{environment}");
        town.stop();
    }
    // A simulator that keeps WhatsApp's rules.
    let production = Production::new("simulator", "", LISTENS, SEND);
    production.folder.write("scripts/app/incoming.js", "");
    let params = std::fs::read_to_string(production.folder.path("app-params.toml")).unwrap();
    let strict = params.replace("[simulator]", "[simulator]\nrules = 'production'");
    production.folder.write("app-params.toml", &strict);
    let host = production.host();
    let town = Town { production, host };
    town.writes(1, "ACME", SHOP);
    assert!(!town.is_warned("ACME", None));
    town.production.clock.advance(DAY);
    assert!(town.is_warned("ACME", None));
    town.stop();
}

#[test]
fn people_are_told_until_when_the_window_is_open() {
    let town = Town::new("production", LISTENS);
    let outcome = town.run("ACME", json!({}));
    let sid = outcome["sid"].as_str().unwrap();
    let shown = || -> Value {
        serde_json::from_str(&town.production.said(&["messages", "show", sid, "--json"])).unwrap()
    };
    assert_eq!(shown()["windowClosesAt"], Value::Null);
    town.writes(1, "NODEFINED", SHOP);
    assert_eq!(shown()["windowClosesAt"], "2027-01-16T08:00:00.000Z");
    let text = town.production.said(&["messages", "show", sid]);
    assert!(text.contains("windowClosesAt: 2027-01-16T08:00:00.000Z"), "{text}");
    let explained = town.production.said(&["explain", "63016"]);
    assert!(explained.contains("messages show") && explained.contains("getWhatsappWindow"), "{explained}");
    town.stop();

    // By the same rule as the warning: what is written to the application's own sender is no company's that has another.
    let town = Town::new(
        "production",
        &format!("{LISTENS}\n[applications.app.companies.BAR.WHATSAPP]\nfrom_phone_number = '{BAR}'"),
    );
    town.production.twilio.register(Production::account(&[SHOP, BAR]));
    town.writes(1, "NODEFINED", BAR);
    let outcome = town.run("BAR", json!({}));
    assert_eq!(town.window("BAR")["closesAt"], Value::Null);
    let sid = outcome["sid"].as_str().unwrap().to_owned();
    let shown = |production: &Production| -> Value {
        serde_json::from_str(&production.said(&["messages", "show", &sid, "--json"])).unwrap()
    };
    assert_eq!(shown(&town.production)["windowClosesAt"], Value::Null);
    town.writes(2, "BAR", BAR);
    let closes = town.window("BAR")["closesAt"].clone();
    assert_eq!(
        (shown(&town.production)["windowClosesAt"].clone(), closes.is_string()),
        (closes.clone(), true)
    );
    let production = town.stop();
    assert_eq!(shown(&production)["windowClosesAt"], closes, "also while no host is up");
}

#[test]
fn who_is_forgotten_is_in_no_window() {
    let town = Town::new("production", LISTENS);
    town.writes(1, "ACME", SHOP);
    let export =
        || -> Value { serde_json::from_str(&town.production.said(&["export", ANNA, "--json"])).unwrap() };
    let window = json!({
        "appId": "app", "companyId": "ACME", "sender": SHOP,
        "lastMessageAt": "2027-01-15T08:00:00.000Z", "closesAt": "2027-01-16T08:00:00.000Z",
    });
    assert_eq!(export()["windows"], json!([window]));
    let plan = town.production.said(&["forget", ANNA, "--dry-run"]);
    assert!(plan.contains("1 notes of when the person last wrote would be erased"), "{plan}");
    assert_eq!(export()["windows"], json!([window]), "that was a question");
    town.production.output(&["forget", ANNA]);
    assert_eq!(export()["windows"], json!([]));
    assert_eq!(town.window("ACME")["open"], false);
    town.stop();
}

#[test]
fn the_same_reply_may_be_given_as_often_as_somebody_writes() {
    let town = Town::new("production", LISTENS);
    town.production.folder.write("scripts/app/incoming.js", "return 'Ciao'");
    let town = town.restarted();
    let mut events = town.host.events();
    for n in 1..=5 {
        town.writes(n, "ACME", SHOP);
    }
    town.production.runtime.block_on(async {
        let mut sent = 0;
        while sent < 5 {
            if let Event::Sent { outcome, .. } = events.recv().await.unwrap() {
                assert!(outcome.success, "{outcome:?}");
                sent += 1;
            }
        }
    });
    // What a script sends is counted as ever.
    let codes: Vec<_> = (0..4).map(|_| town.run("ACME", json!({}))["errorCode"].clone()).collect();
    assert_eq!(codes, [json!(null), json!(null), json!(null), json!("IDENTICAL_MESSAGE")]);
    town.stop();
}

#[test]
fn what_is_no_number_is_an_error_of_its_own() {
    let send = "try { utils.getWhatsappWindow(vo.ask) } catch (error) { return { name: error.name, code: error.code, text: error.message } }";
    let production = Production::new("production", "", "", send);
    let host = production.host();
    for (ask, name, code) in [
        (json!(null), "TypeError", json!(null)),
        (json!({}), "TypeError", json!(null)),
        (json!("98989898989898"), "Error", json!("INVALID_PHONE_NUMBER")),
    ] {
        let thrown = production.run(&host, "ACME", json!({ "ask": ask }));
        assert_eq!((&thrown["name"], &thrown["code"]), (&json!(name), &code), "{ask}");
        assert!(!thrown["text"].as_str().unwrap().contains("989"), "exceptions stand in logs: {thrown}");
    }
    production.stop(host);
}
