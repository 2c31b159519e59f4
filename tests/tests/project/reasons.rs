//! Every code that the sources know is explained, and nothing else is.

use std::collections::BTreeSet;

use sealgate::explain;
use sealgate_tests::pages;
use sealgate_tests::source::{self, Function, Token};

/// The codes that a function gives out: what a function of the name `code` returns, what stands
/// in a field `code`, and the words of an outcome.
fn codes(function: &Function) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let returns = function.name == "code"
        || function.owner.as_deref() == Some("Outcome") && function.name == "as_str";
    if returns {
        codes.extend(function.texts().map(str::to_owned));
    }
    for window in function.body.windows(3) {
        if let [Token::Word(field), Token::Mark(':'), Token::Text(code)] = window
            && field == "code"
        {
            codes.insert(code.clone());
        }
    }
    codes
}

#[test]
fn every_code_that_is_given_out_is_explained() {
    let mut given: BTreeSet<String> = BTreeSet::new();
    for folder in ["core/src", "provider/src", "policy-wasm/src"] {
        let files = source::files(folder).unwrap();
        for file in files.iter().filter(|file| !file.ends_with("/tests.rs")) {
            let functions = source::functions(file).unwrap();
            let given_out = functions.iter().filter(|one| !one.is_test());
            given.extend(given_out.flat_map(codes));
        }
    }
    let reasons = sealgate_core::Code::ALL.iter();
    given.extend(reasons.map(|code| code.as_str().to_owned()));
    assert!(given.len() > 120, "too few codes were found: {given:?}");
    let explained: BTreeSet<String> = explain::rows().map(|row| row.code.to_owned()).collect();
    let unexplained: Vec<_> = given.difference(&explained).collect();
    let unknown: Vec<_> = explained.difference(&given).collect();
    assert!(
        unexplained.is_empty() && unknown.is_empty(),
        "without an explanation in provider/src/commands/explain/table.rs: {unexplained:?}\n\
         explained there, and given out by nothing: {unknown:?}"
    );
}

#[test]
fn the_page_of_reasons_is_up_to_date() {
    pages::check_written("docs/reasons.md", &explain::page());
}
