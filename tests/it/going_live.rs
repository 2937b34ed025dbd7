//! docs/going-live.md keeps its word: every piece of parameters on that page is one that the program takes, and somebody goes
//! the whole way, with a simulator for Twilio and a proxy for the internet.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use crate::host::{ACCOUNT, Folder, TOKEN, runtime};
use crate::pages::{Block, Page};
use crate::reader::Reader;
use crate::simulator_docs::{Alone, alone_in};
use crate::testing_docs::copy as copied;

const PAGE: &str = "docs/going-live.md";
/// What [`TOKEN`] is changed for.
const NEXT: &str = "another-simulator-auth-token";

fn blocks() -> Vec<String> {
    Page::read(PAGE).texts("toml")
}

/// The key that a line sets.
fn key(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.starts_with(['#', '[']))
}

/// The first block with another one: as a whole, added at the end, or with its lines in the place of those that set the
/// same keys.
fn applied(first: &str, block: &str) -> String {
    if block.contains("[applications.shop.WHATSAPP]") {
        // Its own parameters, for the same host.
        return if block.contains("[host]") {
            block.to_owned()
        } else {
            let (host, _) = first.split_once("[applications").unwrap();
            format!("{host}{block}")
        };
    }
    if block.starts_with('[') {
        return format!("{first}{block}");
    }
    let mut changed = first.to_owned();
    for line in block.lines() {
        let set = key(line).unwrap_or_else(|| panic!("{line}"));
        let old = first.lines().find(|old| key(old) == Some(set)).unwrap_or_else(|| panic!("{set} is new"));
        changed = changed.replace(old, line);
    }
    changed
}

#[test]
fn the_parameters_on_the_page_are_taken_without_a_warning() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 6);
    let folder = Folder::with_params("", "");
    for name in ["auth_token", "next_auth_token", "acme_auth_token"] {
        folder.write(&format!("secrets/{name}"), "0123456789abcdef0123456789abcdef\n");
    }
    let key = include_str!("../data/test_only_service_account.json");
    folder.write("secrets/service-account.json", key);
    for file in std::fs::read_dir(folder.path("secrets")).unwrap() {
        // As the page says.
        std::fs::set_permissions(file.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder.write("scripts/shop/onWhatsappStatus.js", "");
    std::fs::remove_dir_all(folder.path("scripts/app")).unwrap();
    for block in &blocks {
        let params = applied(&blocks[0], block);
        let _ = std::fs::remove_dir_all(folder.path("scripts/club"));
        if params.contains("[applications.club") {
            folder.write("scripts/club/greet.js", "");
        }
        folder.write("app-params.toml", &params);
        let checked = folder.boatswain(&["check"]);
        let said =
            String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && said.contains("0 errors, 0 warnings"), "{said}\n{params}");
    }
}

/// Whoever looks a code of the table up finds it.
#[test]
fn the_codes_on_the_page_are_known() {
    let folder = Folder::with_params("", "");
    let page = Page::read(PAGE).text;
    let (_, table) = page.split_once("## Mistakes people make").unwrap();
    let words = table.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_code = |word: &&str| {
        let is_number = word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit());
        is_number || (word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    };
    let codes: std::collections::BTreeSet<&str> =
        words.filter(is_code).filter(|word| !word.starts_with("BOATSWAIN_")).collect();
    assert!(codes.len() >= 9, "{codes:?}");
    for code in codes {
        assert!(folder.boatswain(&["explain", code]).status.success(), "{code}");
    }
}

/// An address that stays: hands everything on to whoever is behind it at the time.
struct Proxy {
    url: String,
    behind: Arc<Mutex<Option<String>>>,
}

impl Proxy {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind: Arc<Mutex<Option<String>>> = Arc::default();
        let to = Arc::clone(&behind);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let to = to.lock().unwrap().clone();
                let Some(server) = to.and_then(|to| TcpStream::connect(to).ok()) else { continue };
                let there = (client.try_clone().unwrap(), server.try_clone().unwrap());
                for (mut from, mut to) in [there, (server, client)] {
                    std::thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { url, behind }
    }

    fn leads_to(&self, url: &str) {
        *self.behind.lock().unwrap() = Some(url.strip_prefix("http://").unwrap().to_owned());
    }
}

/// What `[Service]` of the unit says.
fn service_says(unit: &Block, key: &str) -> String {
    let (_, section) = unit.text.split_once("[Service]\n").unwrap();
    let mut lines = section.lines().take_while(|line| !line.starts_with('['));
    let line = lines.find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.unwrap_or_else(|| panic!("no {key}")).to_owned()
}

/// Twilio's side of the account: one token and one sender of its own.
async fn twilio(token: &str) -> Alone {
    let folder = tempfile::tempdir().unwrap();
    let account = format!(
        "[applications.any.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\n\
         auth_key = \"{token}\"\nfrom_phone_number = \"+14155238886\"\n\
         [applications.any.companies.OTHER.WHATSAPP]\nfrom_phone_number = \"+14155550100\"\n"
    );
    std::fs::write(folder.path().join("app-params.toml"), account).unwrap();
    alone_in(folder).await
}

/// Somebody who goes the way of the page, with what stands for the internet.
struct Traveller {
    reader: Reader,
    internet: Proxy,
}

impl Traveller {
    fn says(&mut self, line: &str) -> String {
        let said = self.reader.types(line);
        assert!(said.succeeded, "{line}: {}", said.text);
        said.text
    }

    fn serves(&mut self) {
        if self.reader.host.is_some() {
            self.reader.stops();
        }
        self.reader.host = Some(self.reader.folder.serve());
        self.internet.leads_to(&self.reader.host.as_ref().unwrap().url);
    }

    /// Sends as the page does, and sees it arrive: callbacks come through the proxy. The name tells the texts apart.
    fn sends(&mut self, page: &Page, name: &str) {
        let span =
            page.spans().into_iter().find(|span| span.starts_with("boatswain run shop/greet")).unwrap();
        let told = self.says(&span.replace('}', &format!(r#", "name": "{name}"}}"#)));
        assert!(told.contains(r#""status":"queued""#), "{told}");
        let sid = told.split('"').nth(3).unwrap().to_owned();
        while !self.says(&format!("boatswain messages show {sid} --json")).contains(r#""status":"read""#) {}
    }

    /// Writes parameters into the folder of a host that runs, and waits until it has taken them over.
    fn changes(&mut self, params: &str, times: usize) {
        self.reader.folder.write("app-params.toml", params);
        self.reader.host.as_ref().unwrap().wait_for_many("changes are taken over", times);
    }
}

#[test]
fn the_whole_way_can_be_gone() {
    let page = Page::read(PAGE);
    let Ok([layout, nginx, caddy, curl, sandbox, production, unit, service, _, both, next, google, _]) =
        <[Block; 13]>::try_from(page.blocks())
    else {
        panic!("the page has other blocks than this test knows")
    };
    let runtime = runtime();
    let mut before = runtime.block_on(twilio(TOKEN));
    let api = Proxy::new();
    api.leads_to(&before.url);
    let folder = Folder { root: tempfile::tempdir().unwrap() };
    let root = folder.root.path().display().to_string();
    let mut way = Traveller { reader: Reader::new(folder), internet: Proxy::new() };
    way.reader.means("https://bots.example.com", way.internet.url.clone());
    way.reader.means("sudo -u bots ", "");
    way.reader.means("/srv/bots", root);

    // A folder and its secrets.
    let folder = &way.reader.folder;
    for name in ["scripts", "public"] {
        copied(folder, &format!("{name}/demo"));
        std::fs::rename(folder.path(&format!("{name}/demo")), folder.path(&format!("{name}/shop"))).unwrap();
    }
    let greets = |block: &String| block.contains("`Ciao ${name}!`");
    folder.write(
        "scripts/shop/greet.js",
        &Page::read("README.md").texts("js").into_iter().find(greets).unwrap(),
    );
    folder.write("secrets/auth_token", TOKEN);
    folder.write("secrets/next_auth_token", NEXT);
    for name in ["auth_token", "next_auth_token"] {
        let file = folder.path(&format!("secrets/{name}"));
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    // An address on the internet. No proxy of theirs is here; what they are told is where a host listens, and the size.
    for proxy in [nginx, caddy] {
        assert!(proxy.text.contains("127.0.0.1:8080") && proxy.text.to_lowercase().contains("64k"));
    }

    // The sandbox.
    let stand_in = format!("environment = \"sandbox\"\napi_base_url = \"{}\"", api.url);
    let params = sandbox
        .text
        .replace("environment = \"sandbox\"", &stand_in)
        .replace("[host]", "[host]\nlisten = \"127.0.0.1:0\"")
        .replace("https://bots.example.com", &way.internet.url);
    way.reader.folder.write("app-params.toml", &params);
    let checked = way.reader.types("boatswain check --online").text;
    let told = [
        "PUBLIC_URL_UNREACHABLE",
        "Twilio takes auth_key",
        "from_phone_number is the sandbox's",
        "2 warnings",
    ];
    assert!(told.iter().all(|part| checked.contains(part)), "{checked}");
    way.serves();
    let [healthy, unsigned] = way.reader.read(&curl).try_into().ok().unwrap();
    assert!(
        healthy.text.contains("alive") && unsigned.text.contains("UNSIGNED"),
        "{} {}",
        healthy.text,
        unsigned.text
    );
    way.sends(&page, "Ada");
    for path in layout.text.lines().map(|line| line.split_whitespace().next().unwrap()) {
        let path = path.strip_prefix("/srv/bots/").unwrap().trim_end_matches('…');
        assert!(way.reader.folder.path(path).exists(), "{path}");
    }

    // A number of one's own.
    let params = applied(&params, &production.text);
    way.reader.folder.write("app-params.toml", &params);
    way.serves();
    way.sends(&page, "Bea");
    let listed = way.says("boatswain messages list");
    assert_eq!(listed.matches("read").count(), 2, "{listed}");

    // As a service: what the unit starts is a host, in the folder that it may write.
    let start = service_says(&unit, "ExecStart");
    assert_eq!(start.split(' ').collect::<Vec<_>>(), ["/usr/local/bin/boatswain", "serve"]);
    for key in ["WorkingDirectory", "ReadWritePaths"] {
        assert_eq!(service_says(&unit, key), "/srv/bots", "{key}");
    }
    let patience: u32 = service_says(&unit, "TimeoutStopSec").parse().unwrap();
    assert!(service_says(&unit, "KillMode") == "mixed" && patience > 25, "open runs may end");
    way.reader.stops();
    let said = way.reader.read(&service);
    assert_eq!(said.last().unwrap().text.matches("read").count(), 2, "as the host's user");
    way.internet.leads_to(&way.reader.host.as_ref().unwrap().url);

    // Another auth token: listed beside the old one, promoted, alone.
    let params = applied(&params, &both.text);
    way.changes(&params, 1);
    way.sends(&page, "Cleo");
    runtime.block_on(before.child.kill()).unwrap();
    let promoted = runtime.block_on(twilio(NEXT));
    api.leads_to(&promoted.url);
    way.sends(&page, "Dora");
    let params = applied(&params, &next.text);
    std::fs::remove_file(way.reader.folder.path("secrets/auth_token")).unwrap();
    way.changes(&params, 2);
    way.sends(&page, "Eva");

    // Google's own program is not here.
    way.reader.folder.write("secrets/service-account.json", "{}");
    way.reader.read(&google);
    let key = std::fs::metadata(way.reader.folder.path("secrets/service-account.json")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    way.reader.stops();
}
