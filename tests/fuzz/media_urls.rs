//! The host asks nobody's neighbours: whatever URL a script or a redirect gives, however it is spelt, what it leads to is
//! public by a second reading of IANA's registries, or it is not asked.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use boatswain::whatsapp::probe::{Forbidden, Resolver, Resolving, is_global};
use boatswain::whatsapp::{MediaAddress, MediaProbe, Reach, Unprobed};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Runtime;
use url::{Host, Url};

use crate::cases::{all, edited, edits, escaped, one_in, words};
use crate::listening::listening;

/// Special purposes that are not public, first and last address each, from
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, with the blocks that mix both taken whole, multicast
/// (RFC 5771) and the address of Azure's platform.
const SPECIAL_V4: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
];
/// The same of IPv6, from <https://www.iana.org/assignments/iana-ipv6-special-registry> and what is not yet given to anybody.
const SPECIAL_V6: &[(&str, &str)] = &[
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];
/// Prefixes of 96 bits behind which an IPv4 address stands that is what is connected to: mapped, and NAT64.
const EMBEDDING: &[&str] = &["::ffff:0:0", "64:ff9b::"];

fn is_public(address: IpAddr) -> bool {
    let is_special = |ranges: &[(&str, &str)]| {
        ranges.iter().any(|(first, last)| {
            let (first, last): (IpAddr, IpAddr) = (first.parse().unwrap(), last.parse().unwrap());
            (first..=last).contains(&address)
        })
    };
    match address {
        IpAddr::V4(_) => !is_special(SPECIAL_V4),
        IpAddr::V6(address) => {
            let octets = address.octets();
            let embeds = EMBEDDING
                .iter()
                .any(|prefix| prefix.parse::<Ipv6Addr>().unwrap().octets()[..12] == octets[..12]);
            if embeds {
                is_public(IpAddr::from(*octets.last_chunk::<4>().unwrap()))
            } else {
                !is_special(SPECIAL_V6)
            }
        }
    }
}

/// An IPv4 address: any, or one at or near the end of a special block.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let near = (select(SPECIAL_V4), any::<bool>(), -2..3_i64).prop_map(|((first, last), at_end, by)| {
        let end: Ipv4Addr = if at_end { last } else { first }.parse().unwrap();
        Ipv4Addr::from_bits(end.to_bits().wrapping_add_signed(i32::try_from(by).unwrap()))
    });
    prop_oneof![any::<u32>().prop_map(Ipv4Addr::from_bits), near]
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let near = (select(SPECIAL_V6), any::<bool>(), -2..3_i128).prop_map(|((first, last), at_end, by)| {
        let end: Ipv6Addr = if at_end { last } else { first }.parse().unwrap();
        Ipv6Addr::from_bits(end.to_bits().wrapping_add_signed(by))
    });
    let within = (select(SPECIAL_V6), any::<u128>()).prop_map(|((first, last), bits)| {
        let (first, last): (Ipv6Addr, Ipv6Addr) = (first.parse().unwrap(), last.parse().unwrap());
        Ipv6Addr::from_bits(first.to_bits() + bits % (last.to_bits() - first.to_bits()).max(1))
    });
    // In disguise: mapped, compatible, translated, NAT64 (also the local one), 6to4, Teredo (turned over), ISATAP.
    let disguised = (v4(), 0..8_usize).prop_map(|(address, kind)| {
        let [a, b, c, d] = address.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        match kind {
            0 | 1 => Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            2 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            3 => Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            4 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            5 => Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            6 => Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            _ => Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low),
        }
    });
    prop_oneof![any::<u128>().prop_map(Ipv6Addr::from_bits), near, within, disguised]
}

/// A host's spelling of an IPv4 address that browsers take for it (<https://url.spec.whatwg.org/#concept-ipv4-parser>).
fn spelt_v4(address: Ipv4Addr) -> impl Strategy<Value = String> {
    let disguise = select(vec!["", "", ".", "percent", "full width", "ideographic stops", "soft hyphen"]);
    (1..=4_usize, prop::collection::vec(0..5_usize, 4), disguise).prop_map(move |(parts, bases, disguise)| {
        // With fewer parts, the last one stands for all bytes that are left.
        let [a, b, c, d] = address.octets().map(u32::from);
        let numbers = match parts {
            1 => vec![address.to_bits()],
            2 => vec![a, b << 16 | c << 8 | d],
            3 => vec![a, b, c << 8 | d],
            _ => vec![a, b, c, d],
        };
        let numbers = numbers.into_iter().zip(bases).map(|(number, base)| match base {
            0 | 1 => number.to_string(),
            2 => format!("0{number:o}"),
            3 => format!("0x{number:x}"),
            _ => format!("0X000{number:X}"),
        });
        let text = numbers.collect::<Vec<_>>().join(".");
        match disguise {
            "percent" => escaped(&text),
            "full width" => {
                text.chars()
                    .map(|c| {
                        if c.is_ascii_digit() { char::from_u32(c as u32 - 0x30 + 0xff10).unwrap() } else { c }
                    })
                    .collect()
            }
            "ideographic stops" => text.replace('.', "\u{3002}"),
            "soft hyphen" => format!("{}\u{ad}{}", &text[..1], &text[1..]),
            end => text + end,
        }
    })
}

fn spelt_v6(address: Ipv6Addr) -> impl Strategy<Value = String> {
    (0..3_usize).prop_map(move |form| {
        let words = address.segments();
        let [.., high, low] = words;
        let end = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
        let hex = |words: &[u16]| words.iter().map(|word| format!("{word:x}")).collect::<Vec<_>>().join(":");
        match form {
            0 => format!("[{address}]"),
            1 => format!("[{}]", hex(&words).to_uppercase()),
            _ => format!("[{}:{end}]", hex(&words[..6])),
        }
    })
}

/// An address with a spelling of it.
fn spelt() -> impl Strategy<Value = (IpAddr, String)> {
    prop_oneof![
        v4().prop_flat_map(|address| (Just(IpAddr::from(address)), spelt_v4(address))),
        v6().prop_flat_map(|address| (Just(IpAddr::from(address)), spelt_v6(address))),
    ]
}

/// What stands around a host in a URL; each leaves it the host that is asked.
const AROUND: &[(&str, &str)] = &[
    ("https://", "/a.png"),
    ("HTTPS://", ""),
    ("https:", "/a"),
    ("https:/", "/a"),
    ("https:\\\\", "\\a"),
    ("https:///", "/a"),
    ("https://", ":443/"),
    ("https://", ":8443/a"),
    ("https://", ":1024/a?b#c"),
    ("https://", "?x=@good.example"),
    ("https://", "#@good.example"),
    ("https://", "\\@good.example/"),
    ("https://", "/..//@good.example"),
    ("\t https://", " \n"),
    ("ht\ttps:/\n/", "/"),
    ("https://good.example:x@", "/"),
    ("https://good.example@", "/"),
    ("https://good.example%23@", "/a"),
    ("https://@", "/"),
    ("https://:@", "/"),
    ("http://", "/a"),
    ("https://", ":22/"),
    ("https://", ":0/"),
    ("ftp://", "/"),
    ("wss://", "/"),
];

const OWN: &str = "http://127.0.0.1:9/base";

fn probe() -> MediaProbe {
    MediaProbe::with_resolver(OWN, Reach::Public, Nobody).unwrap()
}

/// A resolver that everything is private to.
struct Nobody;

impl Resolver for Nobody {
    fn resolve(&self, _: &str) -> Resolving {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

proptest! {
    #![proptest_config(all())]

    #[test]
    fn an_address_is_public_by_both_readings_of_the_registries(v4 in v4(), v6 in v6()) {
        prop_assert_eq!(is_global(v4.into()), is_public(v4.into()), "{}", v4);
        prop_assert_eq!(is_global(v6.into()), is_public(v6.into()), "{}", v6);
    }

    #[test]
    fn no_spelling_of_an_address_hides_what_it_is((address, spelling) in spelt(), (before, after) in select(AROUND)) {
        let Ok(url) = Url::parse(&format!("{before}{spelling}{after}")) else { return Ok(()) };
        match url.host() {
            // To be judged by what it resolves to, below.
            Some(Host::Domain(name)) => prop_assert!(name.parse::<IpAddr>().is_err(), "{}", url),
            Some(Host::Ipv4(host)) => prop_assert_eq!(IpAddr::V4(host), address, "{}", url),
            Some(Host::Ipv6(host)) => prop_assert_eq!(IpAddr::V6(host), address, "{}", url),
            None => {}
        }
        let admitted = probe().admits(&MediaAddress::given(url.clone()));
        if admitted.is_ok() {
            let is_plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
            prop_assert!(is_public(address) && is_plain && url.port().is_none_or(|port| port == 80 || port >= 1024), "{}", url);
        } else if is_public(address) && (before, after) == ("https://", "/a.png") {
            prop_assert!(false, "{} is public and not admitted", url);
        }
    }

    #[test]
    fn any_text_is_judged(text in prop_oneof![
        ".{0,60}",
        (select(AROUND), words("127.1 [::1] localhost 0x7f.1 [::ffff:a00:1] xn-- 1.2.3.4.5 \u{2488}\u{2488}1.1 a..b"),
            edits(&["@", ":", "/", "\\", ".", "[", "]", "%", "%00", "#", "?", "\u{3002}", "0x", "::", "\t", "\u{ad}"]))
            .prop_map(|((before, after), host, edits)| edited(&format!("{before}{host}{after}"), &edits)),
    ]) {
        let Ok(url) = Url::parse(&text) else { return Ok(()) };
        if probe().admits(&MediaAddress::given(url.clone())).is_ok() {
            let is_fit = match url.host() {
                Some(Host::Ipv4(host)) => is_public(host.into()),
                Some(Host::Ipv6(host)) => is_public(host.into()),
                Some(Host::Domain(name)) => name.parse::<IpAddr>().is_err() && !name.is_empty(),
                None => false,
            };
            prop_assert!(is_fit, "{}", url);
        }
    }

    /// The host's own public files are trusted wherever it is; nothing else at its address is.
    #[test]
    fn nothing_beside_the_hosts_public_files_counts_as_one_of_them(
        prefix in words("/base/public/ /base/public/ /base/public /base/ / /public/"),
        pieces in prop::collection::vec(prop_oneof![
            2 => words(".. .. / / \\ %2f %5C"),
            1 => words(". %2e %2E%2e .%2e %252e %252f public base a.png data ; ? # // %00 \t \u{2025}"),
        ], 0..7),
    ) {
        let Ok(url) = Url::parse(&format!("http://127.0.0.1:9{prefix}{}", pieces.concat())) else { return Ok(()) };
        if probe().admits(&MediaAddress::given(url.clone())).is_ok() {
            // What a proxy in front may make of it, which decodes once more than it should.
            let mut path = url.path().to_owned();
            for _ in 0..2 {
                path = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().replace('\\', "/");
                prop_assert!(path.starts_with("/base/public/"), "{}", url);
                if !path.contains('%') {
                    break;
                }
            }
            let once = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
            prop_assert!(!once.split(['/', '\\']).any(|segment| segment == ".."), "{}", url);
        }
    }
}

/// A server that is the host's own, and sends everybody elsewhere.
struct Redirecting {
    runtime: Runtime,
    address: std::net::SocketAddr,
    location: Arc<Mutex<Vec<u8>>>,
    /// A listener at this computer that nobody may reach.
    forbidden: TcpListener,
}

fn redirecting() -> Redirecting {
    let location: Arc<Mutex<Vec<u8>>> = Arc::default();
    let told = Arc::clone(&location);
    let routes = Router::new().fallback(move || async move {
        (
            StatusCode::FOUND,
            [(header::LOCATION, header::HeaderValue::from_bytes(&told.lock().unwrap()).unwrap())],
        )
    });
    let (runtime, address) = listening(routes);
    let forbidden = TcpListener::bind("127.0.0.1:0").unwrap();
    forbidden.set_nonblocking(true).unwrap();
    Redirecting { runtime, address, location, forbidden }
}

/// Only addresses that are not public are tried: what is let through would leave this computer.
#[test]
fn no_redirect_leads_to_a_neighbour() {
    let redirecting = redirecting();
    let port = redirecting.forbidden.local_addr().unwrap().port();
    let own = Url::parse(&format!("http://{}/public/a", redirecting.address)).unwrap();
    let probe =
        MediaProbe::with_resolver(&format!("http://{}", redirecting.address), Reach::Public, Nobody).unwrap();
    proptest!(one_in(4), |(
        (address, spelling) in spelt(),
        (before, after) in select(AROUND),
        at_forbidden in any::<bool>(),
        relative in any::<bool>(),
    )| {
        prop_assume!(!is_public(address));
        let before = if relative { before.trim_start().strip_prefix("https:").unwrap_or(before) } else { before };
        let after = if at_forbidden { format!(":{port}/") } else { after.to_owned() };
        let location = format!("{before}{spelling}{after}");
        // What a header can hold.
        prop_assume!(location.chars().all(|c| c == '\t' || !c.is_control()));
        // On the way back to itself it would go round.
        prop_assume!(own.join(&location).is_ok_and(|url| url.origin() != own.origin()) || !location.is_ascii());
        *redirecting.location.lock().unwrap() = location.clone().into_bytes();
        let looked = redirecting.runtime.block_on(async {
            let medium = MediaAddress::given(own.clone());
            tokio::time::timeout(Duration::from_mins(1), probe.look(&medium)).await.unwrap()
        });
        let is_refused = match &looked {
            Err(Unprobed::Forbidden(Forbidden::Redirect(_))) => true,
            Err(Unprobed::Unreachable(why)) => why.contains("no URL") && !location.is_ascii(),
            _ => false,
        };
        prop_assert!(is_refused, "{:?}: {:?}", location, looked);
        let connected = redirecting.forbidden.accept();
        prop_assert_eq!(connected.err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    });
}
