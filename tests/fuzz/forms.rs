//! What the signature covers and what the action sees come from one parser, and both are what a second implementation
//! makes of the same bytes.

use aws_lc_rs::digest;
use boatswain::base::Secret;
use boatswain::whatsapp::form::MAX_FIELDS;
use boatswain::whatsapp::{Form, incoming, signature};
use proptest::prelude::*;

use crate::cases::{all, words};
use crate::reference::{self, Address};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A body: pieces of forms, and what forms are not, in any order.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => words("& & = + % %2 %zz %+1 %00 %C3%A8 %c3%a8 %26 %3D"),
        1 => words("%C3 %ED%A0%80 %FF %F0%9F%98%80 %EF%BB%BF %e2%80%ae"),
        4 => words("AccountSid From From= a a=1 b __proto__ companyId MediaUrl0 A"),
        2 => prop::sample::select(vec!["'", "\"", ";", "&&", "==", "&=&", "è", "\u{feff}", "\0", "\r\n", " ", "x", "9"]),
    ];
    let text = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let huge = (1..40_000_usize, "[a&=%+]{1,3}").prop_map(|(times, piece)| piece.repeat(times).into_bytes());
    let many = (MAX_FIELDS - 2..=MAX_FIELDS + 2).prop_map(|fields| b"&a=1".repeat(fields));
    prop_oneof![30 => text, 8 => bytes, 1 => huge, 1 => many]
}

/// A URL as a host may have one, and some that it may not.
pub fn address() -> impl Strategy<Value = Address> {
    let host = prop_oneof![
        "[a-z]{1,9}(\\.[a-zA-Z]{2,5}){0,2}\\.?",
        "[0-9]{1,3}(\\.[0-9]{1,3}){3}",
        "\\[[0-9a-f:]{2,9}\\]"
    ];
    let port = prop::option::of(prop_oneof![
        "[1-9][0-9]{0,4}",
        Just("80".into()),
        Just("443".into()),
        Just(String::new())
    ]);
    let piece = prop_oneof![
        "[a-zA-Z0-9]{1,6}",
        "[/&=;:@~!$()*,._-]",
        Just("'".to_owned()),
        Just("%27".to_owned()),
        "%[0-9a-fA-F]{2}",
        "%",
        "\\+",
        "[\\[\\]è ]"
    ];
    let text = move || prop::collection::vec(piece.clone(), 0..8).prop_map(|pieces| pieces.concat());
    let fragment = prop_oneof![4 => Just(String::new()), 1 => "#[a-z=5,&%'27]{0,12}"];
    let rest = (text(), prop::option::of(text()), fragment).prop_map(|(path, query, fragment)| {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = if path.is_empty() { path } else { format!("/{path}") };
        format!("{path}{query}{fragment}")
    });
    let user = prop_oneof![4 => Just(String::new()), 1 => "[a-z:%'0-9]{0,6}@"];
    ("(https?|HTTPS?|Http)", user, host, port, rest).prop_map(|(scheme, user, host, port, rest)| Address {
        scheme,
        user,
        host,
        port,
        rest,
    })
}

proptest! {
    #![proptest_config(all())]

    #[test]
    fn a_body_has_the_fields_that_the_standard_gives_it(body in body()) {
        let fields = reference::fields(&body);
        match Form::parse(&body) {
            Ok(form) => {
                prop_assert_eq!(form.pairs(), &fields[..]);
                prop_assert_eq!(Form::parse(form.encode().as_bytes()), Ok(form), "written and read again");
            }
            Err(_) => prop_assert!(fields.len() > MAX_FIELDS),
        }
    }

    #[test]
    fn what_the_action_sees_is_what_was_signed(body in body(), address in address()) {
        let fields = reference::fields(&body);
        prop_assume!(fields.len() <= MAX_FIELDS);
        let (url, form) = (address.url(), Form::parse(&body).unwrap());
        let signed = reference::signature(&reference::content(&url, &fields), TOKEN);
        prop_assert_eq!(signature::sign(&url, &form, &Secret::new(TOKEN)), signed.clone());
        prop_assert!(signature::verify(&url, &form, &signed, &[Secret::new(TOKEN)]));

        let seen = reference::seen(&fields);
        prop_assert_eq!(form.fields(), seen.clone());
        for (name, value) in &seen {
            prop_assert_eq!(form.get(name), Some(*value));
        }
        // An incoming message's has members of its own beside them.
        let vo = incoming::vo(&form, "ACME");
        let own = ["phoneNumber", "profileName", "media", "location", "button", "companyId"];
        for (name, value) in seen.into_iter().filter(|(name, value)| !own.contains(name) && (*name, *value) != ("ProfileName", "")) {
            prop_assert_eq!(&vo[name], value);
        }
        prop_assert_eq!(&vo["companyId"], "ACME");
    }

    #[test]
    fn a_url_is_accepted_in_the_spellings_of_the_official_libraries_and_in_no_other(
        asked in address(),
        other in address(),
        which in 0..6_usize,
        body in body(),
    ) {
        let fields = reference::fields(&body);
        prop_assume!(fields.len() <= MAX_FIELDS);
        // What was signed differs from what is asked in one piece, or in nothing but its spelling.
        let near = asked.clone();
        let signed = match which {
            0 => Address { scheme: other.scheme, ..near },
            1 => Address { user: other.user, ..near },
            2 => Address { host: other.host, ..near },
            3 => Address { port: other.port, ..near },
            4 => Address { rest: other.rest, ..near },
            _ => Address { rest: near.rest.replacen('\'', "%27", 1), ..near },
        };
        let form = Form::parse(&body).unwrap();
        for signed in signed.spellings().into_iter().chain([signed.url()]) {
            let signature = reference::signature(&reference::content(&signed, &fields), TOKEN);
            // There are no separators: what the URL lacks may be made up by the fields.
            let is_same = asked.spellings().iter().any(|asked| {
                reference::content(asked, &fields) == reference::content(&signed, &fields)
            });
            let is_accepted = signature::verify(&asked.url(), &form, &signature, &[Secret::new(TOKEN)]);
            prop_assert_eq!(is_accepted, is_same, "{} was asked, {} was signed", asked.url(), signed);
        }
    }

    #[test]
    fn a_body_that_is_no_form_is_bound_to_its_url_by_its_hash(
        address in address(),
        body in prop::collection::vec(any::<u8>(), 0..300),
        other in prop::collection::vec(any::<u8>(), 0..300),
        upper in any::<bool>(),
    ) {
        let hash = digest::digest(&digest::SHA256, &body);
        let hash: String = hash.as_ref().iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect();
        let (scheme, host) = (address.scheme, address.host);
        let url = format!("{scheme}://{host}/a?x=1&bodySHA256={hash}");
        let token = [Secret::new(TOKEN)];
        let signed = reference::signature(url.as_bytes(), TOKEN);
        prop_assert!(signature::verify_body(&url, &body, &signed, &token));
        prop_assert_eq!(signature::verify_body(&url, &other, &signed, &token), other == body);
        let unbound = format!("{scheme}://{host}/a?x=1");
        prop_assert!(!signature::verify_body(&unbound, &body, &reference::signature(unbound.as_bytes(), TOKEN), &token));
    }
}
