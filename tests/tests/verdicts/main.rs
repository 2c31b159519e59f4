//! Every request of `tests/vectors/verdicts` has the response that lies beside it, natively and in
//! wasm, byte for byte.
//!
//! `VECTORS=answers` puts today's responses in their place, where a change of them is meant.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealgate_tests::verdicts::{self, Vector};
use sealgate_tests::wasm::Host;
use sealgate_tests::{pages, source};
use serde_json::Value;

const MAKE: &str = "VECTORS=answers cargo test -p sealgate-tests --test verdicts";

fn asked_to(what: &str) -> bool {
    std::env::var_os("VECTORS").is_some_and(|value| value == what)
}

#[test]
fn every_request_has_its_response_natively_and_in_wasm() {
    let all = verdicts::all().unwrap();
    let mut wrong = Vec::new();
    for vector in &all {
        let request = vector.request().unwrap();
        let native = sealgate_policy_wasm::verify(&request);
        if asked_to("answers") {
            vector.answer(&native).unwrap();
        }
        let wasm = Host::shared().verify(&request).unwrap();
        let expected = vector.response().unwrap();
        for (by, response) in [("natively", native), ("in wasm", wasm)] {
            if response != expected {
                let shown = String::from_utf8_lossy(&response).into_owned();
                wrong.push(format!("{} {by}: {shown}", vector.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ; if that is meant: {MAKE}\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
    // The page counts them, so that none is lost unseen.
    let file = "tests/vectors/verdicts/README.md";
    pages::check(file, &page(&all), asked_to("answers"), MAKE);
}

/// No verdict of what is kept depends on the machine it was made on.
#[test]
fn nothing_of_a_machine_is_in_them() {
    let root = source::root().canonicalize().unwrap();
    let root = root.to_string_lossy().into_owned();
    for vector in verdicts::all().unwrap() {
        for bytes in [vector.request().unwrap(), vector.response().unwrap()] {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&root), "{}", vector.name);
        }
    }
}

#[derive(Default)]
struct Row {
    tests: std::collections::BTreeSet<String>,
    requests: usize,
    verified: usize,
    errors: usize,
}

fn page(all: &[Vector]) -> String {
    let mut rows = BTreeMap::<&str, Row>::new();
    let mut codes = BTreeMap::<String, usize>::new();
    for vector in all {
        let response: Value = serde_json::from_slice(&vector.response().unwrap()).unwrap();
        let row = rows.entry(vector.suite()).or_default();
        let test = vector.name.rsplit_once('/').unwrap().0;
        row.tests.insert(test.to_owned());
        row.requests += 1;
        row.verified += usize::from(response["verdict"]["verified"] == true);
        row.errors += usize::from(response["error"].is_object());
        let code = match &response["error"]["code"] {
            Value::String(code) => Some(code.clone()),
            _ => response["verdict"]["reasons"][0]["code"]
                .as_str()
                .map(str::to_owned),
        };
        if let Some(code) = code {
            *codes.entry(code).or_default() += 1;
        }
    }
    let mut page = HEAD.to_owned();
    for (suite, row) in &rows {
        writeln!(
            page,
            "| `{suite}` | {} | {} | {} | {} |",
            row.tests.len(),
            row.requests,
            row.verified,
            row.errors
        )
        .unwrap();
    }
    writeln!(
        page,
        "\n{} requests. The first reasons of those that are not verified, and the codes of errors:\n",
        all.len()
    )
    .unwrap();
    let codes: Vec<_> = codes
        .iter()
        .map(|(code, count)| format!("`{code}` {count}"))
        .collect();
    writeln!(page, "{}.", codes.join(", ")).unwrap();
    page
}

const HEAD: &str = "\
# Requests and their verdicts

What a host of the wasm module sends, and the bytes that it must get back. `TEST/NNN.request.json`
is a request as `policy-wasm/src/call.rs` describes it, with the time in it; `TEST/NNN.response.json`
is the whole response. A few requests are not JSON, on purpose: send the bytes as they are.

A host that calls `sealgate_verify` can be tested with nothing else: for each request compare the
response byte for byte. `tests/tests/verdicts` does that, with core itself and with the module.
A change of these files is a change of what sealgate decides or says, and is reviewed as one.

The folders are named after the suites and the tests that asked. Made by `VECTORS=write cargo test
-p sealgate-tests` with everything of the kit's own (`tests/kit`): keys that nobody has any more,
times that are injected, registries that do not exist. Since most keys are made anew in each run,
whoever writes all of them changes all of them: write the folders of new tests alone
(`VECTORS=write cargo test -p sealgate-tests --test words -- a_new_test`). Where responses are meant
to change, `VECTORS=answers cargo test -p sealgate-tests --test verdicts` puts the new ones in place,
and this page. Requests above 64 KiB are asked by the suites and not kept, nor is what one test asks
beyond 64 times.

| suite | tests | requests | verified | errors |
|---|---|---|---|---|
";
