//! The unit tests of the Rego, as `opa test` runs them, without OPA.

use sealgate_testkit::rego::{Dialect, run_tests};

use crate::templates;

#[test]
fn every_unit_test_passes_in_both_dialects() {
    let sources: Vec<_> = templates::sources()
        .iter()
        .map(|path| (path.display().to_string(), templates::text(path)))
        .collect();
    for dialect in [Dialect::V0, Dialect::V1] {
        let outcomes = run_tests(dialect, &sources).unwrap();
        let (run, not): (Vec<_>, Vec<_>) = outcomes
            .iter()
            .partition(|(_, outcome)| !outcome.as_ref().is_err_and(|why| needs_opa(why)));
        let failed: Vec<_> = run.iter().filter(|(_, o)| *o != Ok(true)).collect();
        assert!(failed.is_empty(), "{dialect:?}: {failed:#?}");
        assert!(run.len() > 60, "only {} tests", run.len());
        assert!(not.len() < 15, "{} tests: {not:?}", not.len());
    }
}

/// Some tests use a built-in that only OPA has.
fn needs_opa(why: &str) -> bool {
    why.contains("could not find function json.patch")
}
