//! The same questions to `sigstore-verify`, which the Sigstore project maintains: wherever
//! the answers differ, the table says why.

use crate::mutations;
use crate::oracle::{Policy, oracle};
use crate::prelude::*;

/// What is judged differently: the bundle, whether sealgate accepts it, and why.
const DIVERGENCES: &[(&str, bool, &str)] = &[
    (
        "v1: no media type",
        false,
        "without one the version, and so what an entry needs, is anybody's guess",
    ),
    ("v1: unknown field", false, STRICT),
    ("v1: unknown field in the material", false, STRICT),
    ("v1: unknown field in an entry", false, STRICT),
    (
        "v1: certificate and key",
        false,
        "a oneof has one value; of two, two readers may take different ones",
    ),
    (
        "v2: checkpoint signed in another name",
        false,
        "C2SP signed-note: a signature counts for its name and its key together",
    ),
];

const STRICT: &str =
    "the JSON mapping of Protocol Buffers refuses unknown fields, as sigstore-go does";

#[test]
fn answers_differ_only_where_the_table_says_so() {
    let bench = Bench::new();
    let root = bench.root.to_string();
    let mut differing = Vec::new();
    for (name, bundle) in mutations::all(&bench) {
        let ours = bench.judge_bytes(bundle.to_string().as_bytes()).is_ok();
        let policy = Policy::Identity(SUBJECT, ISSUER);
        if oracle(&bundle.to_string(), &root, ARTIFACT, policy) != ours {
            differing.push((name, ours));
        }
    }
    let expected: Vec<_> = DIVERGENCES
        .iter()
        .map(|(name, ours, _)| ((*name).to_owned(), *ours))
        .collect();
    assert_eq!(differing, expected);
}
