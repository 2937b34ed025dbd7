//! Each company's callbacks are accepted with its own keys and with no other, wherever the keys stand: in the parameters,
//! in an author's table, or only in the host's memory of what was sent with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ActionId, AppId, CompanyId, ManualClock, Secret, UnixMillis};
use boatswain::pipeline::DirectRun;
use boatswain::script::protocol::Returned;
use boatswain::whatsapp::{Form, signature};
use serde_json::{Value, json};

use crate::host::{Folder, callback, client, form, post_signed, runtime};
use crate::support::command;
use crate::twilio::{Twilio, account, token};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// Sends with the settings of the author's table, where it has some, and as the parameters say otherwise.
const SEND: &str = r#"
    const [row] = JSON.parse(utils.executeQuery("SELECT * FROM settings WHERE company = ?", null, companyId));
    return JSON.parse(row
        ? sendWhatsappMessageWithSettings(row.account, row.key, row.sender, "+393331234567", "Ciao")
        : sendWhatsappMessage("+393331234567", "Ciao"));
"#;
const SET: &str = r#"
    utils.executeSql("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, '+14155550100')", null, false, true,
        companyId, vo.account, vo.key);
"#;
/// What the tests below send with; it is in no file but the scripts.
const SECRET: &str = "5ec2e700112233445566778899aabbcc";

/// A folder with the actions, over a stand-in for Twilio.
fn folder(params: &str) -> Folder {
    let folder = Folder::with_params("", params);
    folder.write("scripts/app/send.js", SEND);
    folder.write("scripts/app/set.js", SET);
    folder.write(
        "scripts/app/migrations/002.sql",
        "CREATE TABLE settings (company TEXT PRIMARY KEY, account TEXT, key TEXT, sender TEXT)",
    );
    folder
}

/// Parameters of an application; `own` is what its section says of its account, `more` what follows.
fn params(twilio: &Twilio, own: &str, more: &str) -> String {
    format!(
        r#"
        [host]
        listen = "127.0.0.1:0"
        [applications.app.WHATSAPP]
        environment = "simulator"
        api_base_url = "{}"
        from_phone_number = "+14155238886"
        whatsapp_callback = "callback"
        {own}
        {more}
        "#,
        twilio.url
    )
}

fn names(keys: &[u32], number: u32) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("\"{}\"", token(number, *key))).collect();
    format!("account_id = \"{}\"\nauth_key = [{}]\n", account(number), keys.join(", "))
}

/// A host in this process, whose clock stands still.
struct Still {
    host: Host,
    clock: Arc<ManualClock>,
    client: reqwest::Client,
}

impl Still {
    async fn serve(folder: &Folder) -> Self {
        Self::serve_at(folder, NOW).await
    }

    async fn serve_at(folder: &Folder, now: UnixMillis) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let host = Host::builder(params, command()).clock(Arc::clone(&clock) as _).serve().await.unwrap();
        Self { host, clock, client: client() }
    }

    async fn run(&self, company: &str, action: &str, vo: Value) -> Value {
        let run = DirectRun {
            action: ActionId::parse(action).unwrap(),
            company: CompanyId::parse(company).unwrap(),
            vo: Arc::new(vo),
        };
        let report = self.host.run(&AppId::parse("app").unwrap(), run).await.unwrap();
        match report.result.unwrap() {
            Returned::Json(json) => serde_json::from_str(&json).unwrap(),
            _ => Value::Null,
        }
    }

    /// Sends in a company's name; gives the outcome.
    async fn send(&self, company: &str) -> Value {
        self.run(company, "send", json!({})).await
    }

    /// Puts a key into the author's table.
    async fn set(&self, company: &str, account: &str, key: &str) {
        self.run(company, "set", json!({ "account": account, "key": key })).await;
    }

    /// What the host answers to a callback of this account, signed with this key.
    async fn called(&self, company: &str, account: &str, key: &str) -> u16 {
        let url = format!("{}/whatsapp/callback/app/{company}", self.host.public_url());
        let form = callback_form(account);
        let signature = signature::sign(&url, &form, &Secret::new(key));
        post_signed(&self.client, &url, &form, &signature).await.unwrap()
    }

    /// Which keys of three accounts a company's callbacks are accepted with, as numbers of account and key.
    async fn accepted(&self, company: &str) -> Vec<(u32, u32)> {
        let mut accepted = Vec::new();
        for account_number in 1..=3 {
            for owner in 1..=3 {
                for key in 0..3 {
                    match self.called(company, &account(account_number), &token(owner, key)).await {
                        204 => {
                            assert_eq!(owner, account_number, "another account's key for {company}");
                            accepted.push((owner, key));
                        }
                        status => assert_eq!(status, 403),
                    }
                }
            }
        }
        accepted
    }

    async fn stop(self) {
        assert!(self.host.stop(Duration::from_mins(1)).await);
    }
}

/// A callback's form, the same for an account each time.
fn callback_form(account: &str) -> Form {
    let form = form(&format!("SM{}", &account[2..]), "delivered");
    let pairs = form.pairs().iter().map(|(name, value)| match name.as_str() {
        "AccountSid" => (name.clone(), account.to_owned()),
        _ => (name.clone(), value.clone()),
    });
    pairs.collect()
}

/// Where a company's account and keys stand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    /// Nowhere: the application's are used.
    Application,
    Section,
    Table,
}

/// Forty companies: whose account they use, and where that stands.
fn companies() -> Vec<(String, u32, Kept)> {
    let company = |number: u32| {
        let (account, kept) = match number % 4 {
            0 => (1, Kept::Application),
            1 => (2, Kept::Section),
            2 => (3, Kept::Section),
            _ => (2 + number / 4 % 2, Kept::Table),
        };
        (format!("C{number}"), account, kept)
    };
    (0..40).map(company).collect()
}

/// Parameters with the application on the first account, and these keys in all sections.
fn sections(twilio: &Twilio, keys: &[u32]) -> String {
    let sections = companies().into_iter().filter(|(_, _, kept)| *kept == Kept::Section);
    let sections = sections.map(|(company, account, _)| {
        let names = names(keys, account);
        format!(
            "[applications.app.companies.{company}.WHATSAPP]\n{names}from_phone_number = \"+1415555010{account}\"\n"
        )
    });
    params(twilio, &names(keys, 1), &sections.collect::<String>())
}

/// What Twilio accepts, what the sections name, the table's key, and what callbacks of each kind may be signed with then.
type Phase = (&'static [u32], &'static [u32], u32, &'static [u32], &'static [u32]);

#[test]
fn forty_companies_on_three_accounts_keep_to_their_own_keys_before_and_after_rotations() {
    let twilio = Twilio::listen();
    let folder = folder("");
    let phases: [Phase; 4] = [
        (&[0], &[0], 0, &[0], &[0]),
        // The console has made the second key the primary one, and the first is dead.
        (&[1], &[0, 1], 1, &[0, 1], &[0, 1]),
        // The first has left the parameters; the tables have kept theirs.
        (&[1], &[1], 1, &[1], &[0, 1]),
        // A third key pushes out the first.
        (&[1, 2], &[1, 2], 2, &[1, 2], &[1, 2]),
    ];
    for (day, (valid, listed, in_table, of_sections, of_tables)) in phases.into_iter().enumerate() {
        for number in 1..=3 {
            twilio.accepts(&account(number), valid.iter().map(|key| token(number, *key)).collect());
        }
        folder.write("app-params.toml", &sections(&twilio, listed));
        let numbers =
            |account: u32, keys: &[u32]| keys.iter().map(move |key| (account, *key)).collect::<Vec<_>>();
        runtime().block_on(async {
            let now = NOW.plus(Duration::from_hours(24 * day as u64));
            let still = Still::serve_at(&folder, now).await;
            if day == 0 {
                for (company, _, kept) in companies() {
                    if kept == Kept::Table {
                        assert_eq!(still.accepted(&company).await, [(1, 0)], "{company} has not sent yet");
                    }
                }
            }
            for (company, number, kept) in companies() {
                if kept == Kept::Table {
                    still.set(&company, &account(number), &token(number, in_table)).await;
                }
                let outcome = still.send(&company).await;
                assert_eq!(outcome["success"], true, "{company}: {outcome}");
                let sent = twilio.last();
                assert_eq!(sent.account, account(number), "{company}");
                assert!(
                    sent.form.get("StatusCallback").unwrap().contains(&format!("/callback/app/{company}?"))
                );
                let sender = match kept {
                    Kept::Application => "whatsapp:+14155238886".to_owned(),
                    Kept::Section => format!("whatsapp:+1415555010{number}"),
                    Kept::Table => "whatsapp:+14155550100".to_owned(),
                };
                assert_eq!(sent.form.get("From"), Some(sender.as_str()), "{company}");
            }
            for (company, number, kept) in companies() {
                // The application's account is every company's to fall back to.
                let mut expected = numbers(1, of_sections);
                match kept {
                    Kept::Application => {}
                    Kept::Section => expected.extend(numbers(number, of_sections)),
                    Kept::Table => expected.extend(numbers(number, of_tables)),
                }
                assert_eq!(still.accepted(&company).await, expected, "{company} {kept:?}");
            }
            assert_eq!(still.accepted("STRANGER").await, numbers(1, of_sections));
            still.stop().await;
        });
    }
    // Forty messages in each phase, and in the second a refused first key for all that the parameters name.
    assert_eq!(twilio.taken().len(), 160);
    assert_eq!(twilio.refused(), 30);
    let kept = "SELECT count(*) FROM accounts WHERE confirmed";
    assert_eq!(folder.count(kept), 20, "two keys of each of the ten companies");
}

#[test]
fn a_callback_that_overtakes_the_answer_is_accepted_and_a_refused_key_counts_no_longer() {
    let twilio = Twilio::listen();
    let folder = folder(&params(&twilio, "", ""));
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        let (twos, wrong) = (account(2), token(2, 1));
        twilio.accepts(&twos, vec![token(2, 0)]);
        // Called from Twilio's side while the host waits for the answer.
        let host = still.host.public_url().to_owned();
        let (form, key) = (callback_form(&twos), token(2, 0));
        twilio.before_answers(move |request| {
            let url = request.form.get("StatusCallback").unwrap().split('#').next().unwrap().to_owned();
            let path = url.strip_prefix(host.as_str()).unwrap();
            let mut seen = vec![callback(&host, &host, path, &form, &key).status];
            let foreign = path.replace("/ACME?", "/OTHER?");
            seen.push(callback(&host, &host, &foreign, &form, &key).status);
            seen
        });
        still.set("ACME", &twos, &token(2, 0)).await;
        assert_eq!(still.send("ACME").await["success"], true);
        assert_eq!(twilio.last().seen, [204, 403]);
        twilio.before_answers(|_| Vec::new());

        still.set("ACME", &twos, &wrong).await;
        let refused = still.send("ACME").await;
        assert_eq!((&refused["success"], &refused["errorCode"]), (&json!(false), &json!(20003)));
        assert_eq!(still.called("ACME", &twos, &wrong).await, 403);
        assert_eq!(still.called("ACME", &twos, &token(2, 0)).await, 204, "the good one stays");
        for (company, status) in [("ACME", 200), ("OTHER", 403)] {
            let url = format!("{}/whatsapp/message/app/{company}", still.host.public_url());
            let form = callback_form(&twos);
            let signature = signature::sign(&url, &form, &Secret::new(token(2, 0)));
            let answer = post_signed(&still.client, &url, &form, &signature).await.unwrap();
            assert_eq!(answer, status, "incoming messages are signed with it too");
        }

        // What nobody knows the outcome of counts for a day.
        twilio.answers_nothing(true);
        assert_eq!(still.send("ACME").await["status"], "unknown");
        assert_eq!(still.called("ACME", &twos, &wrong).await, 204);
        still.clock.advance(Duration::from_hours(24) + Duration::from_millis(1));
        assert_eq!(still.called("ACME", &twos, &wrong).await, 403);
        still.stop().await;
    });
    assert_eq!(folder.count("SELECT count(*) FROM accounts WHERE confirmed"), 1);
}

#[test]
fn messages_of_an_account_that_only_an_action_knows_are_asked_for() {
    let twilio = Twilio::listen();
    let folder = folder(&params(&twilio, "", ""));
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        twilio.accepts(&account(3), vec![token(3, 0)]);
        still.set("ACME", &account(3), &token(3, 0)).await;
        let sid = still.send("ACME").await["sid"].as_str().unwrap().to_owned();
        // And one in doubt, with a key that Twilio has not confirmed when it is looked for.
        twilio.answers_nothing(true);
        still.set("DOUBT", &account(3), &token(3, 0)).await;
        assert_eq!(still.send("DOUBT").await["status"], "unknown");
        twilio.answers_nothing(false);
        assert_eq!(folder.count("SELECT confirmed FROM accounts WHERE company = 'DOUBT'"), 0);

        still.clock.advance(Duration::from_mins(2));
        still.host.reconcile();
        let delivered =
            format!("SELECT count(*) FROM notifications WHERE message_sid = '{sid}' AND source = 'poll'");
        until(|| folder.count(&delivered) == 1).await;
        until(|| folder.count("SELECT confirmed FROM accounts WHERE company = 'DOUBT'") == 1).await;
        still.stop().await;
    });
    assert_eq!(folder.count("SELECT count(*) FROM messages WHERE polls = 1"), 2);
}

/// Twilio has the message and the host dies before it hears so: the key of its callbacks was written before it left.
#[test]
fn a_key_outlives_a_host_that_dies_while_it_sends() {
    let twilio = Twilio::listen();
    let folder = sends_with_settings(&twilio);
    folder.write("app-params.toml", &params(&twilio, &names(&[0], 1), ""));
    let send = std::fs::read_to_string(folder.path("scripts/app/good.js")).unwrap();
    let first = format!("if (vo.AccountSid === '{}') {{ {send} }}", account(1));
    folder.write("scripts/app/callback.js", &first);
    let host = folder.serve_until(Some("send-answered"));
    let start = |url: &str| {
        let path = "/whatsapp/callback/app/ACME";
        callback(url, url, path, &callback_form(&account(1)), &token(1, 0)).status
    };
    assert_eq!(start(&host.url), 204);
    host.wait_for("failpoint: send-answered");
    host.kill();
    assert_eq!(folder.count("SELECT count(*) FROM accounts WHERE NOT confirmed"), 1);

    let host = folder.serve();
    // The run is taken up again, and finds the message in Twilio's log.
    host.wait_for("told {");
    assert_eq!(folder.count("SELECT count(*) FROM accounts WHERE confirmed"), 1);
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(twilio.taken().len(), 1);
}

/// Waits for what no event tells.
async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
}

#[test]
fn an_account_of_the_parameters_counts_with_both_its_keys_there_and_those_brought_along() {
    let twilio = Twilio::listen();
    let own = format!(
        "{}api_key_id = \"SK00000000000000000000000000000001\"\napi_key_secret = \"{SECRET}\"",
        names(&[0], 1)
    );
    let folder = folder(&params(&twilio, &own, ""));
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        twilio.accepts("SK00000000000000000000000000000001", vec![SECRET.into()]);
        twilio.accepts(&account(1), vec![token(1, 0), token(1, 1)]);
        assert_eq!(still.send("ACME").await["success"], true);
        assert_eq!(twilio.last().username, "SK00000000000000000000000000000001", "an API key sends");
        assert_eq!(still.called("ACME", &account(1), SECRET).await, 403, "and signs nothing");
        assert_eq!(still.accepted("ACME").await, [(1, 0)]);
        still.set("ACME", &account(1), &token(1, 1)).await;
        assert_eq!(still.send("ACME").await["success"], true);
        assert_eq!(twilio.last().username, account(1));
        assert_eq!(still.accepted("ACME").await, [(1, 0), (1, 1)]);
        assert_eq!(still.accepted("OTHER").await, [(1, 0)], "brought along by another company");
        still.stop().await;
    });
}

#[test]
fn what_is_no_account_is_named_and_not_shown() {
    let twilio = Twilio::listen();
    let folder = folder(&params(&twilio, "", ""));
    runtime().block_on(async {
        let still = Still::serve(&folder).await;
        for (given, named) in [
            (format!("SK{SECRET}"), "an API key (SK…)"),
            (SECRET.to_owned(), "an auth token"),
            ("+14155238886".to_owned(), "a phone number"),
        ] {
            still.set("ACME", &given, &token(1, 0)).await;
            let outcome = still.send("ACME").await;
            assert_eq!(outcome["errorCode"], "INVALID_ACCOUNT");
            let message = outcome["errorMessage"].as_str().unwrap();
            assert!(message.contains(named) && !message.contains(&given), "{message}");
        }
        still.stop().await;
    });
    assert_eq!(twilio.taken().len(), 0);
}

/// A host in a process of its own, whose action has sent with [`SECRET`].
fn sends_with_settings(twilio: &Twilio) -> Folder {
    twilio.accepts(&account(2), vec![SECRET.into()]);
    let folder = folder(&params(twilio, "", ""));
    let send = |id: &str, key: &str| {
        format!(
            r#"
            const told = utils.whatsapp.send({{ to: "+393331234567", body: "Ciao", from: "+14155550100",
                accountId: "{id}", secretKey: "{key}" }});
            utils.log("told " + JSON.stringify(told));
            return told;
            "#
        )
    };
    folder.write("scripts/app/good.js", &send(&account(2), SECRET));
    folder.write("scripts/app/swapped.js", &send(SECRET, &account(2)));
    folder.write("scripts/app/refused.js", &send(&account(3), SECRET));
    folder.write(
        "scripts/app/number.js",
        &format!(
            "return sendWhatsappMessageWithSettings('{}', 'x', '{SECRET}', '+393331234567', 'x')",
            account(2)
        ),
    );
    folder.write(
        "scripts/app/thrown.js",
        &format!("return sendWhatsappMessageWithSettings({{ key: '{SECRET}' }}, ['{SECRET}'], 1, 2, 3)"),
    );
    folder.write("scripts/app/callback.js", &send(&account(2), SECRET));
    folder
}

/// A callback of the second account, signed with [`SECRET`].
fn called(url: &str, company: &str) -> u16 {
    callback(url, url, &format!("/whatsapp/callback/app/{company}"), &callback_form(&account(2)), SECRET)
        .status
}

#[test]
fn a_key_that_was_sent_with_is_nowhere_to_be_read() {
    let twilio = Twilio::listen();
    let folder = sends_with_settings(&twilio);
    let host = folder.serve_with(&[("BOATSWAIN_LOG", "trace")]);
    let mut said = String::new();
    let mut say = |arguments: &[&str]| {
        let output = folder.boatswain(arguments);
        said.push_str(&String::from_utf8(output.stdout).unwrap());
        said.push_str(&String::from_utf8(output.stderr).unwrap());
        output.status.code().unwrap()
    };
    for (action, status) in [("good", 0), ("swapped", 0), ("refused", 0), ("number", 0), ("thrown", 1)] {
        assert_eq!(say(&["run", &format!("app/{action}"), "--company", "ACME"]), status, "{action}");
    }
    // A notification's run keeps a journal.
    assert_eq!(called(&host.url, "ACME"), 204);
    host.wait_for("told {");
    for look in [
        &["accounts", "list"][..],
        &["accounts", "list", "--json"],
        &["messages", "list", "--json"],
        &["runs", "list", "--json"],
        &["runs", "show", "1"],
        &["notifications", "show", "1"],
        &["backup", "backup.tar"],
    ] {
        assert_eq!(say(look), 0, "{look:?}");
    }
    assert!(said.contains(&account(2)) && said.contains("confirmedKeys"), "{said}");
    let log = host.end();
    assert_eq!(twilio.taken().len(), 2);

    let is_in = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    assert!(!is_in(said.as_bytes()), "{said}");
    assert!(!is_in(log.as_bytes()), "{log}");
    let mut files = vec![folder.path("backup.tar")];
    for data in [folder.path("data"), folder.path("data/apps")] {
        files.extend(std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()));
    }
    let files: Vec<_> = files.into_iter().filter(|file| file.is_file()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert!(!is_in(&std::fs::read(&file).unwrap()), "{}", file.display());
    }
}

#[test]
fn keys_are_listed_by_account_and_forgotten_beside_a_host_and_without_one() {
    let twilio = Twilio::listen();
    let folder = sends_with_settings(&twilio);
    folder.write("scripts/app/callback.js", "");
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let output = folder.boatswain(&[&["accounts", "list", "--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let removed = |arguments: &[&str]| {
        let output = folder.boatswain(&[&["accounts", "remove"], arguments].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let twos = account(2);
    assert_eq!((rows(&[]).len(), removed(&[&twos]).0), (0, 1), "before there is anything");

    let host = folder.serve();
    for company in ["ACME", "OTHER", "THIRD"] {
        assert_eq!(folder.boatswain(&["run", "app/good", "--company", company]).status.code(), Some(0));
    }
    let all = rows(&[]);
    assert_eq!(all.len(), 3);
    let row: BTreeMap<String, Value> =
        serde_json::from_value(rows(&["--company", "ACME"])[0].clone()).unwrap();
    let names: Vec<_> = row.keys().map(String::as_str).collect();
    assert_eq!(names, ["accountSid", "appId", "companyId", "confirmedKeys", "lastUsedAt", "unconfirmedKeys"]);
    assert_eq!((&row["accountSid"], &row["confirmedKeys"]), (&json!(twos), &json!(1)));
    assert_eq!(rows(&["--app", "another"]).len(), 0);

    let (status, said) = removed(&["SK1"]);
    assert!(status == 2 && said.contains("error[INVALID_VALUE]") && !said.contains("SK1"), "{said}");
    let (status, said) = removed(&[&twos, "--app", "another"]);
    assert!(status == 1 && said.contains("error[NOT_FOUND]") && said.contains("help: "), "{said}");
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(removed(&[&twos, "--company", "ACME"]), (0, "1 key is forgotten\n".into()));
    assert_eq!((called(&host.url, "ACME"), called(&host.url, "OTHER")), (403, 204), "at once");
    assert_eq!(host.terminate(), Some(0));

    assert_eq!(removed(&[&twos, "--company", "OTHER"]).0, 0);
    let host = folder.serve();
    assert_eq!((called(&host.url, "OTHER"), called(&host.url, "THIRD")), (403, 204), "kept over a restart");
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_host_without_its_key_starts_warns_and_learns_anew() {
    let twilio = Twilio::listen();
    let folder = sends_with_settings(&twilio);
    folder.write("scripts/app/callback.js", "");
    let host = folder.serve();
    assert_eq!(folder.boatswain(&["run", "app/good", "--company", "ACME"]).status.code(), Some(0));
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(folder.boatswain(&["backup", "backup.tar"]).status.code(), Some(0));
    assert_eq!(host.terminate(), Some(0));

    // A backup has no host.key.
    std::fs::rename(folder.path("data"), folder.path("before")).unwrap();
    let archive = std::fs::File::open(folder.path("backup.tar")).unwrap();
    tar::Archive::new(archive).unpack(folder.path("data")).unwrap();
    let host = folder.serve();
    host.wait_for("sealed with another host.key");
    assert_eq!(called(&host.url, "ACME"), 403);
    assert_eq!(folder.boatswain(&["run", "app/good", "--company", "ACME"]).status.code(), Some(0));
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(host.terminate(), Some(0));
    let host = folder.serve();
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(host.terminate(), Some(0));

    // With the old key beside the old data all is as it was.
    std::fs::copy(folder.path("before/host.key"), folder.path("data/host.key")).unwrap();
    let host = folder.serve();
    assert_eq!(called(&host.url, "ACME"), 204);
    assert_eq!(host.terminate(), Some(0));
}
