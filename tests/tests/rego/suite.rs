//! `suite.yaml`, the cases that gator runs, run by the emulation and by gator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealgate_core::UnixTime;
use sealgate_testkit::rego::{ExternalData, ProviderAnswer, RegoGate, Review, Template, Violation};
use sealgate_tests::e2e::Scenario;
use sealgate_tests::tools;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::{answer, image_of, item};
use crate::templates;

#[derive(Deserialize)]
struct Suite {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    constraint: PathBuf,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    object: PathBuf,
    assertions: Vec<Assertion>,
}

/// How many violations have a message that matches.
#[derive(Deserialize)]
struct Assertion {
    violations: Value,
    #[serde(default)]
    message: String,
}

#[test]
fn every_case_of_the_suites_holds() {
    let now: UnixTime = "2026-12-01T12:00:00Z".parse().unwrap();
    for folder in templates::folders() {
        let gates = templates::applied(&folder).map(|text| RegoGate::new(&text).unwrap().at(now));
        let answers: Value = read(&folder, "samples/answers.json");
        let suite: Suite = read(&folder, "suite.yaml");
        for test in &suite.tests {
            let constraint: Value = read(&folder, &test.constraint);
            let parameters = constraint.pointer("/spec/parameters").cloned();
            for case in &test.cases {
                let object: Value = read(&folder, &case.object);
                let review =
                    Review::create(object).parameters(parameters.clone().unwrap_or(json!({})));
                for gate in &gates {
                    let answers = answers.clone();
                    let client = ExternalData::new()
                        .provider("sealgate", move |keys| from_samples(&answers, keys));
                    let violations = gate.review(&review, &client).unwrap();
                    for assertion in &case.assertions {
                        let name = format!("{}/{}: {violations:#?}", test.name, case.name);
                        assert!(assertion.holds(&violations), "{name}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_sample_is_part_of_its_suite() {
    for folder in templates::folders() {
        let suite = templates::text(&folder.join("suite.yaml"));
        for case in fs::read_dir(folder.join("samples")).unwrap() {
            let case = case.unwrap().path();
            if case.is_dir() {
                for sample in fs::read_dir(&case).unwrap() {
                    let sample = sample.unwrap().path();
                    let name = sample.strip_prefix(&folder).unwrap().display().to_string();
                    assert!(suite.contains(&name), "{name} is used nowhere");
                }
            }
        }
    }
}

/// gator compiles the templates as Gatekeeper does, but for `external_data`, which it
/// does not have: a function of that name answers from the samples.
#[test]
#[ignore = "needs gator: just tools gator"]
fn gator_agrees_with_the_suites_in_both_dialects() {
    let gator = tools::find("gator").unwrap_or_else(|missing| panic!("{missing}"));
    for folder in templates::folders() {
        let suite: Suite = read(&folder, "suite.yaml");
        let passes: usize = suite.tests.iter().map(|test| 1 + test.cases.len()).sum();
        for template in templates::applied(&folder) {
            let parsed = Template::parse(&template).unwrap();
            let scenario = format!("gator verify {}, Rego {:?}", parsed.kind, parsed.dialect);
            let row = Scenario::begin(&scenario, &format!("{passes} pass"));
            let copy = tempfile::tempdir().unwrap();
            copy_tree(&folder, copy.path());
            let stubbed = with_stub(&folder, &template);
            fs::write(copy.path().join("template.yaml"), stubbed).unwrap();
            let mut command = Command::new(&gator);
            let printed = tools::run(
                command
                    .arg("verify")
                    .arg("-v")
                    .arg(copy.path().join("suite.yaml")),
            );
            let printed = printed.unwrap_or_else(|failed| panic!("{failed}"));
            assert_eq!(printed.matches("--- PASS").count(), passes, "{printed}");
            row.seen(format!("{passes} pass"));
        }
    }
}

fn with_stub(folder: &Path, template: &str) -> String {
    let parsed = Template::parse(template).unwrap();
    let answers = templates::text(&folder.join("samples/answers.json"));
    let rego = format!("{}\nanswers := {answers}\n{STUB}", parsed.rego);
    let head = template.split_once("  targets:\n").unwrap().0;
    let libs: Vec<_> = parsed.libs.iter().map(String::as_str).collect();
    Template::render(&format!("{head}  targets:"), parsed.dialect, &rego, &libs)
}

const STUB: &str = r#"
external_data(request) := {
	"responses": [],
	"errors": [],
	"status_code": 200,
	"system_error": concat("; ", failures),
} if {
	failures := [answers.systemErrors[image(key)] | some key in request.keys]
	count(failures) > 0
} else := {
	"responses": [[key, answers.verdicts[image(key)]] | some key in request.keys],
	"errors": [[key, answers.errors[image(key)]] | some key in request.keys],
	"status_code": 200,
	"system_error": "",
}

image(key) := json.unmarshal(key).image
"#;

/// A provider that answers what `samples/answers.json` says.
fn from_samples(answers: &Value, keys: &[String]) -> ProviderAnswer {
    let said = |about: &str, key: &String| answers[about].get(image_of(key)).cloned();
    let failures: Vec<_> = keys
        .iter()
        .filter_map(|key| said("systemErrors", key))
        .collect();
    if let Some(failure) = failures.first() {
        return answer(200, &[], failure.as_str().unwrap());
    }
    let items: Vec<_> = keys
        .iter()
        .filter_map(|key| {
            said("verdicts", key)
                .map(|verdict| item(key, verdict))
                .or_else(|| said("errors", key).map(|error| json!({"key": key, "error": error})))
        })
        .collect();
    answer(200, &items, "")
}

impl Assertion {
    /// gator's `yes` is any number but none, and no count at all means `yes`.
    fn holds(&self, violations: &[Violation]) -> bool {
        let matching = violations
            .iter()
            .filter(|v| self.matches(&v.message))
            .count();
        match &self.violations {
            Value::Number(count) => count.as_u64() == u64::try_from(matching).ok(),
            Value::String(word) if word == "no" => matching == 0,
            Value::String(word) if word == "yes" => matching > 0,
            other => panic!("unknown count {other}"),
        }
    }

    /// Of regular expressions the suite uses the anchor only.
    fn matches(&self, message: &str) -> bool {
        match self.message.strip_prefix('^') {
            Some(start) => message.starts_with(start),
            None => message.contains(&self.message),
        }
    }
}

fn read<T: DeserializeOwned>(folder: &Path, path: impl AsRef<Path>) -> T {
    let path = folder.join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_norway::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
