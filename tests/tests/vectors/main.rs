//! Vectors of others, which lie outside the repository (`../shared/vectors`).
//!
//! Where they are not at hand each suite is reported as ignored, with the reason; none passes
//! empty. With `SEALGATE_VECTORS=required` their absence is a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod cluster_image_policy;
mod json;
mod limbo;
mod notary;
mod rfc3161;
mod sigstore_conformance;
mod table;
mod tuf;

#[path = "../sigstore/oracle.rs"]
mod oracle;
#[path = "../notation/scene.rs"]
#[expect(dead_code, reason = "the suite of the Notary Project uses all of it")]
mod scene;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use sealgate_tests::vectors;

type Suite = (&'static str, fn());

const SUITES: &[Suite] = &[
    (
        "cluster_image_policy::invalid",
        cluster_image_policy::what_policy_controller_refuses_is_refused_at_a_field,
    ),
    (
        "cluster_image_policy::valid",
        cluster_image_policy::what_policy_controller_takes_is_read_or_listed,
    ),
    ("json_test_suite::parsing", json::parsing),
    ("json_test_suite::transform", json::transform),
    (
        "notary::alpine",
        notary::the_signatures_of_alpine_are_accepted,
    ),
    (
        "notary::mock_envelopes",
        notary::the_mock_envelopes_get_as_far_as_they_should,
    ),
    (
        "rfc3161::tokens",
        rfc3161::every_token_is_judged_as_the_table_says_adv_25,
    ),
    (
        "rfc3161::injected_certificates",
        rfc3161::an_injected_certificate_vouches_for_nothing_cve_2026_39984,
    ),
    ("rfc3161::altered", rfc3161::no_altered_token_counts),
    (
        "sigstore_conformance::native",
        sigstore_conformance::every_case_is_judged_rightly_and_refused_for_its_own_reason,
    ),
    (
        "sigstore_conformance::sigstore_verify",
        sigstore_conformance::sigstore_verify_says_the_same,
    ),
    (
        "sigstore_conformance::wasm",
        sigstore_conformance::wasm_judges_alike,
    ),
    (
        "tuf_conformance::static",
        tuf::the_static_repository_is_verified,
    ),
    ("tuf_conformance::altered", tuf::an_altered_file_is_refused),
    (
        "x509_limbo::paths",
        limbo::every_case_is_judged_as_it_or_the_table_says,
    ),
];

fn main() -> ExitCode {
    let root = vectors::root();
    if root.is_none() && std::env::var("SEALGATE_VECTORS").is_ok_and(|value| value == "required") {
        eprintln!(
            "SEALGATE_VECTORS=required, and the vectors are not at {}",
            vectors::expected_at().display()
        );
        return ExitCode::FAILURE;
    }
    let trial = |(name, suite): &Suite| {
        let suite = *suite;
        let trial = Trial::test(*name, move || {
            suite();
            Ok(())
        });
        match root {
            Some(_) => trial,
            None => trial
                .with_kind("needs ../shared/vectors, which is not there")
                .with_ignored_flag(true),
        }
    };
    let trials = SUITES.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
