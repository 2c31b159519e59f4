//! Names and patterns.

use std::time::{Duration, Instant};

use sealgate_core::policy::{ImagePattern, Matcher, NamespacePattern, Pattern};
use sealgate_core::{Digest, Reference};
use sealgate_testkit::pack::Pack;

use crate::scene::{IMAGE, judge, key, policies};

/// What takes longer is not linear: it is a matter of milliseconds.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_megabyte_of_separators_costs_little_adv_23() {
    let began = Instant::now();
    for separator in [
        "/", ".", ":", "@", "-", "_", "a/", "a.", "a:", "sha256:", "%2e", "[", "*",
    ] {
        let text = separator.repeat((1 << 20) / separator.len());
        for name in [
            text.clone(),
            format!("registry.example.com/{text}"),
            format!("{text}/app:1.0"),
            format!("registry.example.com/app:{text}"),
            format!("registry.example.com/app@sha256:{text}"),
        ] {
            assert!(name.parse::<Reference>().is_err());
            assert!(name.parse::<Digest>().is_err());
        }
    }
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

/// The same in whatever else has separators: subjects, stores, media types, object identifiers.
#[test]
fn a_megabyte_of_separators_costs_little_in_every_carrier_adv_23() {
    use sealgate_core::policy::TrustedIdentities;
    use sealgate_core::trust::{StoreKind, StoreName, TrustStore};
    use sealgate_core::{Manifest, PublicKey};
    use serde_json::json;

    let began = Instant::now();
    for separator in [
        ".", "/", ",", ";", "=", "+", ":", "\\", "CN=,", "1.", "a/", "\n",
    ] {
        let text = separator.repeat((1 << 20) / separator.len());
        assert!(TrustedIdentities::parse(&[format!("x509.subject: {text}")]).is_err());
        // Dots and digits are letters of such a name.
        let store = format!("ca:{text}").parse::<StoreName>();
        assert_eq!(store.is_ok(), [".", "1."].contains(&separator));
        let armored = format!("-----BEGIN PUBLIC KEY-----{text}-----END PUBLIC KEY-----");
        assert!(PublicKey::from_pem(armored.as_bytes()).is_err());
        assert!(TrustStore::read(StoreKind::Ca, [armored.as_bytes()]).is_err());
        // A media type is compared, and never taken apart.
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": text,
            "artifactType": text,
            "config": {"mediaType": text, "digest": Digest::sha256(b"{}"), "size": 2},
            "layers": [],
        });
        let manifest = Manifest::parse(manifest.to_string().as_bytes());
        assert!(manifest.is_err() || manifest.is_ok_and(|manifest| manifest.kind() == text));
    }
    // The object identifier of a key: every byte below 128 is a part of it.
    let length = 60_000_usize;
    let sized = |tag: u8, content: &[u8]| {
        let size = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &size[..], content].concat()
    };
    let oid = sized(0x06, &vec![1; length]);
    let key = sized(
        0x30,
        &[sized(0x30, &oid), vec![0x03, 0x02, 0x00, 0x01]].concat(),
    );
    assert!(PublicKey::from_der(&key).is_err());
    assert!(TrustStore::read(StoreKind::Ca, [key.as_slice()]).is_err());
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

/// All texts of up to `length` of these parts.
fn texts(parts: &[&str], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut begin = 0;
    for _ in 0..length {
        let end = all.len();
        for at in begin..end {
            all.extend(
                parts
                    .iter()
                    .map(|part| format!("{}{part}", all[at]))
                    .collect::<Vec<_>>(),
            );
        }
        begin = end;
    }
    all
}

/// What a glob means, by its definition: `*` is any text without `/`, `**` any text.
fn means(pattern: &str, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**") {
        return (0..=name.len()).any(|at| means(rest, &name[at..]));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        let segment = name.find('/').unwrap_or(name.len());
        return (0..=segment).any(|at| means(rest, &name[at..]));
    }
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some(p), Some(n)) => p == n && means(&pattern[1..], &name[1..]),
        _ => false,
    }
}

#[test]
fn globs_match_what_their_definition_says_adv_53() {
    let names = texts(&["a", "b", "/"], 5);
    let mut matched = 0;
    for pattern in texts(&["a", "b", "/", "*", "**"], 4) {
        let pattern = format!("r.io/{pattern}");
        // One that could match nothing may be refused.
        let Ok(glob) = ImagePattern::new(&pattern) else {
            continue;
        };
        for name in &names {
            let name = format!("r.io/{name}");
            let expected = means(&pattern, &name);
            assert_eq!(glob.matches(&name), expected, "{pattern} and {name}");
            matched += usize::from(expected);
        }
    }
    assert!(matched > 10_000, "{matched}");
}

/// What other dialects give a meaning is refused, or stands for itself.
#[test]
fn globs_have_no_second_dialect_adv_53() {
    for pattern in [
        "r.io/[!a]",
        "r.io/[^a]",
        "r.io/a?",
        "r.io/{a,b}",
        "r.io/!a",
        "!r.io/a",
        "r.io/a\\*",
        "r.io/a|b",
        "r.io/(a)",
        "r.io/a+",
        "r.io/a$",
        "^r.io/a",
        "r.io/a*\n",
        " r.io/a",
    ] {
        assert!(ImagePattern::new(pattern).is_err(), "{pattern:?}");
    }
    for (pattern, name) in [
        ("r.io/[ab]", "r.io/a"),
        ("r.io/a.b", "r.io/axb"),
        ("r.io/[a-z]", "r.io/c"),
    ] {
        let matches = ImagePattern::new(pattern).is_ok_and(|glob| glob.matches(name));
        assert!(!matches, "{pattern} {name}");
    }
}

#[test]
fn expressions_match_the_whole_of_one_line_atk_21() {
    let good = "https://github.com/good/repo";
    for source in [
        "https://github\\.com/good/.*",
        "https://github\\.com/(good|better)/[a-z]+",
        "https://github\\.com/good/repo|https://github\\.com/better/repo",
        "(?i)https://github\\.com/GOOD/repo",
    ] {
        let pattern = Matcher::Pattern(Pattern::new(source).unwrap());
        assert!(pattern.matches(good), "{source}");
        for other in [
            "https://github.com/good-evil/repo",
            "https://github.com/evil?https://github.com/good/repo",
            "https://evil.example/https://github.com/good/repo",
            "https://githubxcom/good/repo",
            "https://github.com/good/repo\nhttps://evil.example",
            "https://evil.example\nhttps://github.com/good/repo",
            "https://github.com/good/repo\n",
            "\nhttps://github.com/good/repo",
            "https://github.com/good/repo\r\n",
            "",
        ] {
            assert!(!pattern.matches(other), "{source} matches {other:?}");
        }
    }
    // What would move the anchors, or let a pattern out of its group.
    for source in ["(?m)https://github\\.com/good/repo$", "a)|(?:b", "(?x)a#"] {
        let Ok(pattern) = Pattern::new(source) else {
            continue;
        };
        for other in [
            "https://github.com/good/repo\nhttps://evil.example",
            "https://evil.example\nhttps://github.com/good/repo",
            "b",
            "evil",
            "https://github.com/good-evil/repo",
        ] {
            assert!(!pattern.matches(other), "{source} matches {other:?}");
        }
    }
    let began = Instant::now();
    let hostile = Pattern::new("(a|a|a|a)*(a*)*b").unwrap();
    assert!(!hostile.matches(&"a".repeat(100_000)));
    assert!(Pattern::new(&"(a{1000}){1000}".repeat(10)).is_err());
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

/// A policy for some namespaces covers them, and whoever names none; nobody else.
#[test]
fn a_policy_covers_its_namespaces_and_who_names_none() {
    let key = key();
    let image = Pack::image(IMAGE, "a");
    let of = |more: &str, namespace: Option<&str>| {
        let mut pack = image.clone();
        pack.evidence_mut().request.namespace = namespace.map(str::to_owned);
        let verdict = judge(&pack, &policies(&key, more));
        assert!(!verdict.verified);
        verdict.reasons[0].code.as_str()
    };
    let some = "  namespaces: [\"prod-*\", ops]\n";
    for (more, namespace, code) in [
        (some, Some("prod-eu"), "no_signatures"),
        (some, Some("ops"), "no_signatures"),
        (some, None, "no_signatures"),
        (some, Some("prod"), "no_policy"),
        (some, Some("dev"), "no_policy"),
        (some, Some("ops-2"), "no_policy"),
        ("", Some("dev"), "no_signatures"),
        ("", None, "no_signatures"),
    ] {
        assert_eq!(of(more, namespace), code, "{namespace:?} with {more:?}");
    }
}

/// A pattern that can match nothing says how what it means is called.
#[test]
fn a_pattern_that_matches_nothing_says_what_was_meant() {
    let nothing = |text: &str| ImagePattern::new(text).unwrap_err().to_string();
    assert_eq!(
        nothing("docker.io/nginx"),
        "no image can match this pattern: it is called docker.io/library/nginx"
    );
    assert_eq!(
        NamespacePattern::new("-a").unwrap_err().to_string(),
        "no namespace can match this pattern"
    );
}
