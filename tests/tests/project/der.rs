//! DER is read by core at one door, `core/src/strict_der.rs`, which says why. A reader of the `der`
//! crates that is called beside it would be called without that protection.

use std::collections::BTreeSet;

use sealgate_tests::source::{self, Token};

use crate::allowed::{Allowed, Row};

/// The door.
const DOOR: &str = "core/src/strict_der.rs";

/// What reads DER in the `der` crates: their traits, without which nobody can call `from_der` of
/// a type of theirs, the types that hand out elements, and what needs neither.
const READERS: &[&str] = &[
    "Decode",
    "DecodeOwned",
    "DecodeValue",
    "DecodePem",
    "DecodePublicKey",
    "DecodePrivateKey",
    "DecodeRsaPublicKey",
    "DecodeRsaPrivateKey",
    "DecodeEcPrivateKey",
    "SliceReader",
    "PemReader",
    "decode_as",
    "load_pem_chain",
];

/// Where one of them stands all the same.
const ALLOWED: &[Row] = &[
    (
        "core/src/crypto/key.rs",
        "decode_as",
        "the parameters within a key that came through the door",
    ),
    (
        "core/src/sigstore/identity.rs",
        "decode_as",
        "a name within an extension that came through the door",
    ),
    (
        "core/src/timestamp/token.rs",
        "decode_as",
        "the parts of a token that came through the door",
    ),
    (
        "core/src/timestamp/tst_info.rs",
        "decode_as",
        "a time without its fraction, which is put together there",
    ),
    (
        "core/src/x509/extensions.rs",
        "Decode",
        "what the door can read: a bound of types, and no call",
    ),
    (
        "core/src/x509/signed.rs",
        "SliceReader",
        "the first element within what came through the door, as it stands there",
    ),
    (
        "core/src/x509/subject.rs",
        "decode_as",
        "a text within a certificate that came through the door",
    ),
];

/// The types of the project that have a `from_der` of their own: it uses the door, or does not
/// compile without a reader above.
const OWN: &[&str] = &["Certificate", "PublicKey", "Self", "TstInfo"];

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// The names that a file takes from other crates.
fn foreign(tokens: &[Token]) -> BTreeSet<&str> {
    let uses = tokens.split(|token| *token == Token::Mark(';'));
    let uses = uses.filter_map(|statement| {
        let start = statement.iter().rposition(|one| word(one) == Some("use"))?;
        statement.get(start + 1..)
    });
    uses.filter(|path| {
        let first = path.iter().find_map(word);
        !matches!(first, Some("crate" | "self" | "super"))
    })
    .flat_map(|path| path.iter().filter_map(word))
    .collect()
}

/// The readers in a file, and the types of others whose `from_der` it calls.
fn readers(tokens: &[Token]) -> BTreeSet<&str> {
    let foreign = foreign(tokens);
    let mut found: BTreeSet<_> = tokens
        .iter()
        .filter_map(word)
        .filter(|word| READERS.contains(word))
        .collect();
    for (index, token) in tokens.iter().enumerate() {
        if word(token) != Some("from_der") {
            continue;
        }
        let before = |places: usize| index.checked_sub(places).and_then(|at| tokens.get(at));
        let path = [before(4), before(5)] == [Some(&Token::Mark(':')); 2];
        match (before(1), before(3).and_then(word)) {
            // Its declaration.
            (Some(Token::Word(_)), ..) => {}
            // Of a type by its bare name, which is the project's.
            (Some(Token::Mark(':')), Some(name))
                if OWN.contains(&name) && !foreign.contains(name) && !path => {}
            _ => {
                found.insert("from_der");
            }
        }
    }
    found
}

#[test]
fn core_reads_der_at_one_door() {
    let mut allowed = Allowed::new(ALLOWED);
    let files = source::files("core/src").unwrap();
    assert!(files.contains(DOOR), "the door is gone: {DOOR}");
    for file in files.iter().filter(|file| *file != DOOR) {
        let text = std::fs::read_to_string(source::root().join(file)).unwrap();
        let tokens = source::tokens(&text);
        for reader in readers(source::without_tests(&tokens)) {
            let is = |place: &str, what: &str| place == file && what == reader;
            allowed.note(is, format!("{file}: {reader}"));
        }
    }
    allowed.assert_exact(&format!("DER is read beside {DOOR}"));
}

#[test]
fn readers_are_found_under_any_name() {
    let found = |source: &str| {
        let tokens = source::tokens(source);
        let found = readers(&tokens).into_iter().map(str::to_owned);
        found.collect::<Vec<_>>()
    };
    for (source, expected) in [
        (
            "use crate::x509::Certificate; fn f() { Certificate::from_der(x) }",
            &[][..],
        ),
        (
            "impl PublicKey { fn from_der(x: &[u8]) { strict_der::read(x) } }",
            &[],
        ),
        ("fn f() { Certificate::from_der(x) }", &[]),
        (
            "use x509_cert::Certificate; fn f() { Certificate::from_der(x) }",
            &["from_der"],
        ),
        (
            "use x509_cert::{Certificate as C}; fn f() { C::from_der(x) }",
            &["from_der"],
        ),
        (
            "fn f() { x509_cert::Certificate::from_der(x) }",
            &["from_der"],
        ),
        ("fn f() { <Any as D>::from_der(x) }", &["from_der"]),
        ("fn f() { x.map(Any::from_der) }", &["from_der"]),
        ("use der::Decode as _;", &["Decode"]),
        ("fn f() { any.decode_as() }", &["decode_as"]),
        ("use spki::DecodePublicKey;", &["DecodePublicKey"]),
    ] {
        assert_eq!(found(source), expected, "{source}");
    }
}
