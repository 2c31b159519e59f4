//! Unit tests written in Rego, run as `opa test` runs them.

use super::Dialect;
use super::gate::{Clock, GateError, with_clock};

/// The built-in that tests replace. Where they do not, it is undefined, as the clock is.
const BUILTINS: &str = "package builtins\n\
    import future.keywords.if\n\
    external_data(request) := request if {\n\tfalse\n}\n";

/// The name of a test, and whether it passed, or why it cannot be run here.
pub type TestOutcome = (String, Result<bool, String>);

/// Runs every rule `test_…` of these sources, each with a name, and says which passed: those that
/// are true, or why one cannot be run here. Tests may replace `external_data`
/// (`with external_data as …`).
///
/// # Errors
/// If the sources do not compile.
pub fn run_tests(
    dialect: Dialect,
    sources: &[(String, String)],
) -> Result<Vec<TestOutcome>, GateError> {
    let mut engine = regorus::Engine::new();
    engine.set_rego_v0(dialect == Dialect::V0);
    engine.set_strict_builtin_errors(false);
    let compiled = |e: &dyn std::fmt::Display| GateError::Compile(e.to_string());
    engine
        .add_policy("builtins.rego".to_owned(), BUILTINS.to_owned())
        .map_err(|e| compiled(&e))?;
    let mut tests = Vec::new();
    for (name, text) in sources {
        // Only functions of the sources can be replaced.
        let replaceable = text.replace("external_data", "data.builtins.external_data");
        let package = engine
            .add_policy(name.clone(), replaceable)
            .map_err(|e| compiled(&e))?;
        let rules = text.lines().filter_map(|line| line.split(' ').next());
        let rules = rules.filter(|rule| rule.starts_with("test_"));
        tests.extend(rules.map(|rule| format!("{package}.{rule}")));
    }
    with_clock(&mut engine, Clock::default())?;
    let run = |test: String| {
        let outcome = engine.eval_rule(test.clone());
        let passed = outcome.map(|value| value == regorus::Value::Bool(true));
        (test, passed.map_err(|e| e.to_string()))
    };
    Ok(tests.into_iter().map(run).collect())
}
