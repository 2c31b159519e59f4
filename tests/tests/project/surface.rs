//! What core shows is a list, in `core/src/lib.rs`: what is not on it is private, so that the
//! compiler sees what nobody uses.

use std::collections::BTreeSet;

use sealgate_tests::source::{self, Token};

/// The modules that are public as such. What is in them is used under their names; of every other
/// module `pub use` shows what is meant to be seen.
const MODULES: [&str; 10] = [
    "digest",
    "evidence",
    // What people look at, apart from what decides.
    "inspect",
    // Behind the feature `internals`, which no product is built with.
    "internals",
    "json",
    "limits",
    "policy",
    "reference",
    "trust",
    "verdict",
];

#[test]
fn core_shows_a_list_and_no_module_beside_it() {
    let text = std::fs::read_to_string(source::root().join("core/src/lib.rs")).unwrap();
    let tokens = source::tokens(&text);
    let word = |token: &Token, text: &str| *token == Token::Word(text.to_owned());
    let mut public = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        let after = &tokens[index + 1..];
        if word(token, "pub") && after.first().is_some_and(|next| word(next, "mod")) {
            let Some(Token::Word(name)) = after.get(1) else {
                panic!("a module without a name");
            };
            public.insert(name.clone());
        }
        if word(token, "pub") && after.first().is_some_and(|next| word(next, "use")) {
            let end = after.iter().position(|next| *next == Token::Mark(';'));
            let shown = &after[..end.unwrap()];
            assert!(
                !shown.contains(&Token::Mark('*')),
                "a glob is no list: {shown:?}"
            );
        }
    }
    assert_eq!(public, BTreeSet::from(MODULES.map(str::to_owned)));
}

/// A bound stands in `limits.rs`, where SECURITY.md says that all of them are.
#[test]
fn bounds_of_core_stand_in_one_file() {
    let mut elsewhere = Vec::new();
    for file in source::files("core/src").unwrap() {
        let text = std::fs::read_to_string(source::root().join(&file)).unwrap();
        let tokens = source::tokens(&text);
        for window in tokens.windows(4) {
            let [
                Token::Word(keyword),
                Token::Word(name),
                Token::Mark(':'),
                Token::Word(_),
            ] = window
            else {
                continue;
            };
            let bounds = ["MAX_", "_BYTES", "_DEPTH"].map(|part| name.contains(part));
            if keyword == "const" && bounds.contains(&true) && file != "core/src/limits.rs" {
                elsewhere.push(format!("{file}: {name}"));
            }
        }
    }
    assert_eq!(elsewhere, [""; 0]);
}
