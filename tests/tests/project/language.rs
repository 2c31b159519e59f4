//! The page of the policy language has every field that the reader knows, and what it shows is read.

use std::collections::BTreeSet;

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_tests::source::{self, Token};

const PAGE: &str = "docs/trust-policy.md";
const READERS: [&str; 7] = [
    "core/src/policy/keyless.rs",
    "core/src/policy/requirement.rs",
    "core/src/policy/trust_policy.rs",
    "core/src/policy/attestation.rs",
    "core/src/policy/exceptions.rs",
    "core/src/policy/notation.rs",
    "core/src/policy/static_action.rs",
];

fn page() -> String {
    std::fs::read_to_string(source::root().join(PAGE)).unwrap()
}

/// The names in `….finish(&[…])`: all that the reader takes.
pub(crate) fn fields() -> BTreeSet<String> {
    fields_of(&READERS)
}

fn fields_of(readers: &[&str]) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let functions = readers.iter().map(|file| source::functions(file).unwrap());
    for function in functions.flatten() {
        let mut rest = function.body.as_slice();
        while let [token, after @ ..] = rest {
            rest = after;
            if *token == Token::Word("finish".to_owned()) {
                let list = after.iter().take_while(|one| **one != Token::Mark(']'));
                fields.extend(list.filter_map(|one| match one {
                    Token::Text(name) => Some(name.clone()),
                    _ => None,
                }));
            }
        }
    }
    fields
}

#[test]
fn every_field_of_a_policy_is_documented() {
    let page = page();
    let fields = fields();
    assert!(fields.len() > 35, "{fields:?}");
    // What frames every document, and what is known only to be refused.
    let elsewhere = ["apiVersion", "kind", "metadata", "spec", "secret", "glob"];
    let missing: Vec<_> = fields
        .iter()
        .filter(|field| !elsewhere.contains(&field.as_str()))
        .filter(|field| !page.contains(&format!("`{field}`")))
        .collect();
    assert!(missing.is_empty(), "{PAGE} does not name {missing:?}");
}

fn problems(text: &str) -> Vec<String> {
    let file = PolicyFile {
        name: PAGE.to_owned(),
        text: text.to_owned(),
    };
    let read = file::load(&[file], NoMatch::Deny, &file::only_inline_keys);
    let problems = read.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

const SIGSTORES_PAGE: &str = "docs/cluster-image-policy.md";
const SIGSTORES_READERS: [&str; 6] = [
    "core/src/policy/cluster_image_policy/mod.rs",
    "core/src/policy/cluster_image_policy/attestation.rs",
    "core/src/policy/cluster_image_policy/authority.rs",
    "core/src/policy/cluster_image_policy/keys.rs",
    "core/src/policy/cluster_image_policy/trust_root.rs",
    "core/src/policy/cluster_image_policy/witnesses.rs",
];

/// Sigstore's own policies have a page of their own.
#[test]
fn every_field_of_a_cluster_image_policy_is_documented() {
    let page = std::fs::read_to_string(source::root().join(SIGSTORES_PAGE)).unwrap();
    let fields = fields_of(&SIGSTORES_READERS);
    assert!(fields.len() > 40, "{fields:?}");
    // What frames every document, and what a heading or a line about the whole speaks of.
    let elsewhere = [
        "apiVersion",
        "kind",
        "spec",
        "labels",
        "annotations",
        "certificateAuthorities",
        "tLogs",
        "ctLogs",
        "timestampAuthorities",
        "subject",
        "organization",
        "commonName",
        "uri",
        "certChain",
        "baseURL",
        "publicKey",
        "static",
    ];
    let missing: Vec<_> = fields
        .iter()
        .filter(|field| !elsewhere.contains(&field.as_str()))
        .filter(|field| {
            let ends = ["`", "[", "."];
            let named = |end: &&str| {
                [" ", "`", "."]
                    .iter()
                    .any(|start| page.contains(&format!("{start}{field}{end}")))
            };
            !ends.iter().any(named)
        })
        .collect();
    assert!(
        missing.is_empty(),
        "{SIGSTORES_PAGE} does not name {missing:?}"
    );
    for block in page.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        assert_eq!(problems(block), [""; 0], "{block}");
    }
}

#[test]
fn every_policy_on_the_page_is_read() {
    let page = page();
    let blocks: Vec<_> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 10);
    for block in &blocks {
        let problems = problems(block);
        assert!(problems.is_empty(), "{problems:#?}");
    }
    // What the reader says of a claim that there is not names those that there are.
    let wrong = blocks[0].replace("runnerEnvironment", "runner");
    let told = problems(&wrong).concat();
    let (_, claims) = told.split_once("expected one of ").unwrap();
    let claims: Vec<_> = claims.split(", ").map(str::trim).collect();
    assert_eq!(claims.len(), 21);
    for claim in claims {
        assert!(page.contains(&format!("`{claim}`")), "{claim:?}");
    }
}
