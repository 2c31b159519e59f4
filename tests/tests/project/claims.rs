//! `tests/CLAIMS.md`: every known attack with the tests that carry its id in their names, or the
//! reason why there is none.
//!
//! The register is `tests/claims.txt`; `CLAIMS=write cargo test -p sealgate-tests --test project
//! claims` makes the page from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use sealgate_tests::{pages, source};

/// The families of ids, with what they are.
const FAMILIES: [(&str, &str); 7] = [
    ("ADV", "Advisories against others"),
    ("TOB", "Findings of an audit of sigstore-rust"),
    ("ATK", "Classes of attacks without an advisory"),
    ("L", "Lessons from an incumbent"),
    ("OPS", "Failures in operation"),
    ("RT", "Our own red team: core and wasm"),
    ("F", "Our own red team: the provider as a service"),
];

const MAKE: &str = "CLAIMS=write cargo test -p sealgate-tests --test project claims";

type Id = (&'static str, u32);

/// Tests with their files, by the ids that they carry.
type Held = BTreeMap<Id, BTreeSet<(String, String)>>;

/// A line of the register.
struct Claim {
    /// `CVE-2022-23649`, as test names may say instead of the id.
    advisories: Vec<String>,
    claim: String,
    /// Why no test carries the id.
    reason: Option<String>,
    /// Who is at it.
    open: Option<String>,
}

#[test]
fn every_claim_has_a_test_or_a_reason() {
    let claims = register();
    let (held, unknown) = held(&claims);
    let open = claims
        .iter()
        .filter(|(id, claim)| claim.open.is_some() && !held.contains_key(*id));
    let open: Vec<_> = open.map(|(id, _)| name(id)).collect();
    println!(
        "{} claims, {} open: {}",
        claims.len(),
        open.len(),
        open.join(" ")
    );
    assert_eq!(
        unknown,
        BTreeSet::new(),
        "tests with ids that tests/claims.txt does not have"
    );
    let bare = claims.iter().filter(|(id, claim)| {
        claim.reason.is_none() && claim.open.is_none() && !held.contains_key(*id)
    });
    let bare: Vec<_> = bare.map(|(id, _)| name(id)).collect();
    assert_eq!(
        bare,
        Vec::<String>::new(),
        "claims without a test and without a reason"
    );
}

#[test]
fn the_page_of_claims_is_up_to_date() {
    let claims = register();
    let page = page(&claims, &held(&claims).0);
    let write = std::env::var_os("CLAIMS").is_some_and(|value| value == "write");
    pages::check("tests/CLAIMS.md", &page, write, MAKE);
}

/// Reads `tests/claims.txt`: `ID [CVE]… | claim`, then perhaps `  because …` or `  open …`.
fn register() -> BTreeMap<Id, Claim> {
    let text = fs::read_to_string(source::root().join("tests/claims.txt")).unwrap();
    let mut claims = BTreeMap::new();
    let mut last = None;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(note) = line.strip_prefix("  ") {
            let claim: &mut Claim = claims.get_mut(&last.unwrap()).unwrap();
            match note.split_once(' ') {
                Some(("because", reason)) => claim.reason = Some(reason.to_owned()),
                Some(("open", who)) => claim.open = Some(who.to_owned()),
                _ => panic!("neither because nor open: {line:?}"),
            }
            continue;
        }
        let (names, claim) = line.split_once(" | ").unwrap_or_else(|| panic!("{line:?}"));
        let (id, advisories) = names.split_once(' ').unwrap_or((names, ""));
        let (family, number) = id.rsplit_once('-').unwrap_or_else(|| panic!("{line:?}"));
        let family = FAMILIES.iter().find(|(one, _)| *one == family);
        let id = (
            family.unwrap_or_else(|| panic!("{line:?}")).0,
            number.parse().unwrap(),
        );
        let claim = Claim {
            advisories: advisories.split_whitespace().map(str::to_owned).collect(),
            claim: claim.to_owned(),
            reason: None,
            open: None,
        };
        assert!(claims.insert(id, claim).is_none(), "twice: {line:?}");
        last = Some(id);
    }
    claims
}

/// The tests by the ids in their names, and names with ids that nobody knows.
fn held(claims: &BTreeMap<Id, Claim>) -> (Held, BTreeSet<String>) {
    let mut held = Held::new();
    let mut unknown = BTreeSet::new();
    for (file, test) in tests() {
        for id in ids(&test) {
            match claims.contains_key(&id) {
                true => drop(
                    held.entry(id)
                        .or_default()
                        .insert((test.clone(), file.clone())),
                ),
                false => drop(unknown.insert(format!("{test} ({})", name(&id)))),
            }
        }
        for advisory in advisories(&test) {
            let of = claims
                .iter()
                .filter(|(_, claim)| claim.advisories.contains(&advisory));
            for (id, _) in of {
                held.entry(*id)
                    .or_default()
                    .insert((test.clone(), file.clone()));
            }
        }
    }
    (held, unknown)
}

/// The test functions, with their files. Those for the vectors of others are run by a harness of
/// their own, which names them.
fn tests() -> Vec<(String, String)> {
    const VECTORS: &str = "tests/tests/vectors/";
    let harness = fs::read_to_string(source::root().join(VECTORS).join("main.rs")).unwrap();
    let is_run = |function: &source::Function| {
        let named = harness.contains(&format!("::{},", function.name));
        function.is_test() || (function.file.starts_with(VECTORS) && named)
    };
    let mut found = Vec::new();
    for folder in ["core", "provider", "policy-wasm", "tests"] {
        for file in source::files(folder).unwrap() {
            let functions = source::functions(&file).unwrap();
            let tests = functions.into_iter().filter(is_run);
            found.extend(tests.map(|test| (file.clone(), test.name)));
        }
    }
    found
}

/// `…_adv_23`, `…_l03`: the ids in a name.
fn ids(test: &str) -> Vec<Id> {
    let words: Vec<&str> = test.split('_').collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let family = FAMILIES
            .iter()
            .find(|(one, _)| one.to_lowercase() == letters);
        let Some((family, _)) = family else { continue };
        let digits = match &word[letters.len()..] {
            "" => words.get(at + 1).copied().unwrap_or_default(),
            digits => digits,
        };
        found.extend(digits.parse().ok().map(|number| (*family, number)));
    }
    found
}

/// `…_cve_2022_23649`: the CVE numbers in a name.
fn advisories(test: &str) -> Vec<String> {
    let words: Vec<&str> = test.split('_').collect();
    let numbers = words.windows(3).filter(|words| words[0] == "cve");
    numbers
        .map(|words| format!("CVE-{}-{}", words[1], words[2]))
        .collect()
}

fn name((family, number): &Id) -> String {
    match *family {
        "RT" | "F" | "TOB" => format!("{family}-{number}"),
        _ => format!("{family}-{number:02}"),
    }
}

fn page(claims: &BTreeMap<Id, Claim>, held: &Held) -> String {
    let mut page = format!(
        "# Claims\n\n\
         Every known attack, and the tests that hold it off: they carry its id, or the number of its\n\
         advisory, in their names. Made from [`claims.txt`](claims.txt) and the names of the tests;\n\
         `cargo test` fails if it is not up to date (`{MAKE}`).\n"
    );
    for (family, title) in FAMILIES {
        let rows = claims.iter().filter(|((one, _), _)| *one == family);
        write!(
            page,
            "\n## {title}\n\n| id | what holds | held by |\n|---|---|---|\n"
        )
        .unwrap();
        for (id, claim) in rows {
            let tests = held.get(id).into_iter().flatten();
            let tests: Vec<_> = tests
                .map(|(test, file)| format!("`{test}` in {file}"))
                .collect();
            let by = match (tests.is_empty(), &claim.reason, &claim.open) {
                (false, None, _) => tests.join("<br>"),
                (false, Some(reason), _) => format!("{}<br>{reason}", tests.join("<br>")),
                (true, Some(reason), _) => reason.clone(),
                (true, None, Some(who)) => format!("**open**: {who}"),
                (true, None, None) => "**nothing**".to_owned(),
            };
            let mut id = name(id);
            for advisory in &claim.advisories {
                write!(id, "<br>{advisory}").unwrap();
            }
            writeln!(page, "| {id} | {} | {by} |", claim.claim).unwrap();
        }
    }
    page
}
