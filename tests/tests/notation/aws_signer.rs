//! Signatures of AWS Signer: envelopes with the attributes of its plugin, judged by signing profile.

use sealgate_core::Verdict;
use sealgate_core::evidence::RevocationKind;
use sealgate_core::policy::Action;
use sealgate_core::verdict::CheckResult;
use sealgate_testkit::notation::envelope::{AWS_JOB, AWS_PROFILE, header};
use sealgate_testkit::notation::revocation::{Ocsp, Status, answer};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Header, NOW};
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::{PolicyTexts, TrustDocuments};
use serde_json::{Value, json};

use crate::scene::{
    Signer, accepted, check, image, judge, load, load_text, logged, payload_for, refused,
    statement_with, trust, unproven, with_envelope,
};

const PROFILE: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/prod";
const VERSION: &str = "awUPb84ibN";
const JOB: &str =
    "arn:aws:signer:us-west-2:111122223333:/signing-jobs/5808635f-05de-4207-a891-c95f827b50f4";

fn text(value: &str) -> Header {
    Header::Text(value.to_owned())
}

fn version_of(profile: &str) -> String {
    format!("{profile}/{VERSION}")
}

/// AWS's certificates, which are the same for all who sign there.
fn aws() -> (Signer, TrustDocuments) {
    let aws = Signer::new();
    let trust = trust(&[("signingAuthority:aws-signer-ts", &[&aws.root])]);
    (aws, trust)
}

/// An image with a signature by this profile.
fn signed_by(aws: &Signer, format: Format, profile: &str) -> Pack {
    signed_with(aws, format, |e| e.aws_signer(&version_of(profile), JOB))
}

fn signed_with(aws: &Signer, format: Format, change: impl Fn(Envelope) -> Envelope) -> Pack {
    let pack = image();
    let chain: [&Certificate; 3] = aws.chain();
    let envelope = Envelope::signing_authority(format, &chain, payload_for(&pack), NOW - 60);
    let envelope = change(envelope).sign(&aws.leaf.key);
    with_envelope(pack, format, &envelope)
}

/// What AWS's guide shows, with what is done about revocation.
fn statement(identities: &[&str], revocation: &str) -> Value {
    statement_with(&[
        ("trustStores", json!(["signingAuthority:aws-signer-ts"])),
        ("trustedIdentities", json!(identities)),
        (
            "signatureVerification/override",
            json!({"revocation": revocation}),
        ),
    ])
}

fn trusting(identities: &[&str]) -> PolicyTexts {
    load(&[statement(identities, "log")]).unwrap()
}

/// Every change, in both formats, is refused for this reason.
#[track_caller]
fn refuses(code: &str, change: impl Fn(Envelope) -> Envelope) -> Verdict {
    let (aws, trust) = aws();
    let verdicts = Format::ALL.map(|format| {
        let verdict = judge(
            &signed_with(&aws, format, &change),
            &trusting(&[PROFILE]),
            &trust,
        );
        refused(&verdict, code);
        verdict
    });
    verdicts.into_iter().next().unwrap()
}

#[test]
fn a_signature_by_a_trusted_profile_or_version_is_accepted_and_shown() {
    let (aws, trust) = aws();
    let version = version_of(PROFILE);
    for identity in [PROFILE, &version] {
        for format in Format::ALL {
            let verdict = judge(
                &signed_by(&aws, format, PROFILE),
                &trusting(&[identity]),
                &trust,
            );
            accepted(&verdict);
            let signer = &verdict.signers[0];
            assert_eq!(signer.signing_profile.as_deref(), Some(PROFILE));
            assert_eq!(signer.signing_profile_version.as_deref(), Some(VERSION));
            assert_eq!(signer.signing_job.as_deref(), Some(JOB));
            assert_eq!(signer.times[0].time.seconds(), NOW - 60);
            logged(&verdict, "revocation", "revocation_unknown");
        }
    }
}

#[test]
fn a_trust_policy_of_ones_own_names_profiles_as_well() {
    let (aws, trust) = aws();
    let policies = own("level: strict, override: {revocation: log}");
    for format in Format::ALL {
        accepted(&judge(&signed_by(&aws, format, PROFILE), &policies, &trust));
    }
}

/// A TrustPolicy with one authority for the profile.
fn own(level: &str) -> PolicyTexts {
    load_text(own_text(PROFILE, level)).unwrap()
}

fn own_text(identity: &str, level: &str) -> String {
    format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
         images: [{{glob: '**'}}]\n  authorities:\n  - name: aws\n    notation:\n      \
         trustStores: [\"signingAuthority:aws-signer-ts\"]\n      \
         trustedIdentities: [\"{identity}\"]\n      {}\n",
        level.replace(", ", "\n      ")
    )
}

#[test]
fn a_signature_by_any_other_profile_is_by_nobody_trusted() {
    let (aws, trust) = aws();
    let others = [
        "arn:aws:signer:us-west-2:111122223333:/signing-profiles/prod_evil",
        "arn:aws:signer:us-west-2:111122223333:/signing-profiles/pro",
        "arn:aws:signer:us-west-2:111122223333:/signing-profiles/Prod",
        "arn:aws:signer:us-west-2:111122223334:/signing-profiles/prod",
        "arn:aws:signer:us-west-1:111122223333:/signing-profiles/prod",
        "arn:aws-cn:signer:us-west-2:111122223333:/signing-profiles/prod",
    ];
    for other in others {
        for format in Format::ALL {
            let verdict = judge(
                &signed_by(&aws, format, other),
                &trusting(&[PROFILE]),
                &trust,
            );
            refused(&verdict, "trusted_identity_mismatch");
            assert!(verdict.reasons[0].message.contains(other));
            accepted(&judge(
                &signed_by(&aws, format, other),
                &trusting(&[PROFILE, other]),
                &trust,
            ));
        }
    }
}

#[test]
fn a_version_of_a_profile_is_no_other_version() {
    let (aws, trust) = aws();
    for other in ["awUPb84ibM", "AwUPb84ibN"] {
        let policies = trusting(&[&format!("{PROFILE}/{other}")]);
        for format in Format::ALL {
            let verdict = judge(&signed_by(&aws, format, PROFILE), &policies, &trust);
            refused(&verdict, "trusted_identity_mismatch");
        }
    }
}

/// AWS signs for all of its customers with the same certificates: neither their subject nor "anybody"
/// is an identity.
#[test]
fn neither_a_subject_nor_everybody_is_a_signing_profile() {
    let (aws, trust) = aws();
    for identity in ["*", "x509.subject: C=US, ST=WA, O=acme", "com.example: x"] {
        for format in Format::ALL {
            let verdict = judge(
                &signed_by(&aws, format, PROFILE),
                &trusting(&[identity]),
                &trust,
            );
            refused(&verdict, "trusted_identity_mismatch");
            assert!(verdict.reasons[0].message.contains(PROFILE));
        }
    }
}

#[test]
fn an_ordinary_signature_is_by_no_signing_profile() {
    let (aws, trust) = aws();
    for format in Format::ALL {
        let verdict = judge(
            &signed_with(&aws, format, |e| e),
            &trusting(&[PROFILE]),
            &trust,
        );
        refused(&verdict, "trusted_identity_mismatch");
        assert!(verdict.reasons[0].message.contains(PROFILE));
    }
}

#[test]
fn a_stranger_who_names_the_profile_is_still_a_stranger() {
    let ((aws, trusted), stranger) = (aws(), Signer::new());
    let as_ca = trust(&[
        ("signingAuthority:aws-signer-ts", &[&stranger.root]),
        ("ca:aws-signer-ts", &[&aws.root]),
    ]);
    let with_both = statement_with(&[
        (
            "trustStores",
            json!(["signingAuthority:aws-signer-ts", "ca:aws-signer-ts"]),
        ),
        ("trustedIdentities", json!([PROFILE])),
        (
            "signatureVerification/override",
            json!({"revocation": "log"}),
        ),
    ]);
    for format in Format::ALL {
        let forged = signed_by(&stranger, format, PROFILE);
        let verdict = judge(&forged, &trusting(&[PROFILE]), &trusted);
        refused(&verdict, "certificate_untrusted");
        // Whom a store of kind `ca` trusts is no signing authority.
        let policies = load(std::slice::from_ref(&with_both)).unwrap();
        let verdict = judge(&signed_by(&aws, format, PROFILE), &policies, &as_ca);
        refused(&verdict, "certificate_untrusted");
    }
}

#[test]
fn both_attributes_must_be_there_once_critical_and_texts() {
    let whole = |e: Envelope| e.aws_signer(&version_of(PROFILE), JOB);
    for name in [AWS_PROFILE, AWS_JOB] {
        refuses("header_invalid", |e| whole(e).without(name));
        refuses("header_invalid", |e| {
            whole(e).without(name).and(name, Header::Number(7), true)
        });
        refuses("header_invalid", |e| {
            whole(e).with(|e| e.critical.retain(|other| other != name))
        });
        refuses("header_invalid", |e| {
            whole(e).without(name).and(name, text(""), true)
        });
        refuses("envelope_malformed", |e| {
            let twice = (name.to_owned(), text(PROFILE));
            whole(e).with(|e| e.headers.push(twice))
        });
    }
}

#[test]
fn arns_of_anything_else_are_no_profile_and_no_job() {
    for profile in [
        PROFILE,
        JOB,
        "arn:aws:s3:::prod/awUPb84ibN",
        "arn:aws:signer:us-west-2:111122223333:/signing-profiles/prod-evil/awUPb84ibN",
        "arn:aws:signer:us-west-2:*:/signing-profiles/prod/awUPb84ibN",
        "com.example.profile",
    ] {
        refuses("header_invalid", |e| e.aws_signer(profile, JOB));
    }
    for job in [
        PROFILE,
        "arn:aws:lambda:us-west-2:111122223333:function:x",
        "5808635f",
    ] {
        refuses("header_invalid", |e| {
            e.aws_signer(&version_of(PROFILE), job)
        });
    }
}

#[test]
fn nobody_but_a_signing_authority_signs_for_aws() {
    let (aws, trust) = aws();
    for format in Format::ALL {
        let pack = aws.signed_with(format, |e| e.aws_signer(&version_of(PROFILE), JOB));
        refused(
            &judge(&pack, &trusting(&[PROFILE]), &trust),
            "header_invalid",
        );
    }
}

#[test]
fn other_critical_attributes_and_other_plugins_are_refused_as_ever() {
    let whole = |e: Envelope| e.aws_signer(&version_of(PROFILE), JOB);
    let more = "com.amazonaws.signer.signingCondition";
    let verdict = refuses("critical_attribute_unknown", |e| {
        whole(e).and(more, text("x"), true)
    });
    assert!(verdict.reasons[0].message.contains(more));
    // Without the plugin nobody says what the attributes mean.
    refuses("critical_attribute_unknown", |e| {
        whole(e).without(&header("verificationPlugin"))
    });
    for plugin in [
        "com.amazonaws.signer.notation.plugin2",
        "com.amazonaws.signer.notation",
        "COM.AMAZONAWS.SIGNER.NOTATION.PLUGIN",
    ] {
        refuses("plugin_unsupported", |e| {
            whole(e).without(&header("verificationPlugin")).and(
                &header("verificationPlugin"),
                text(plugin),
                true,
            )
        });
    }
}

#[test]
fn a_newer_plugin_than_the_one_that_is_known_is_not_imitated() {
    let (aws, trust) = aws();
    let name = header("verificationPluginMinVersion");
    let demanding = |e: Envelope, version: Header, critical: bool| {
        e.aws_signer(&version_of(PROFILE), JOB)
            .and(&name, version, critical)
    };
    for version in ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.0.2292"] {
        for format in Format::ALL {
            let pack = signed_with(&aws, format, |e| demanding(e, text(version), true));
            accepted(&judge(&pack, &trusting(&[PROFILE]), &trust));
        }
    }
    for version in ["1.1.0", "1.1.0-rc.1", "2.0.0"] {
        let verdict = refuses("plugin_unsupported", |e| demanding(e, text(version), true));
        assert!(verdict.reasons[0].message.contains(version));
    }
    for version in ["", "1", "1.0", "v1.0.0"] {
        refuses("header_invalid", |e| demanding(e, text(version), true));
    }
    refuses("header_invalid", |e| demanding(e, Header::Number(1), true));
    refuses("header_invalid", |e| demanding(e, text("1.0.0"), false));
}

/// Nobody asks AWS, so that nobody knows.
#[test]
fn what_is_not_known_to_be_revoked_is_not_known_to_be_good_either() {
    let (aws, trust) = aws();
    let subject = "x509.subject: C=US, ST=WA, O=other";
    let enforced = load(&[statement(&[PROFILE, subject], "enforce")]).unwrap();
    let skipped = load(&[statement(&[PROFILE], "skip")]).unwrap();
    for format in Format::ALL {
        let pack = signed_by(&aws, format, PROFILE);
        let verdict = judge(&pack, &enforced, &trust);
        refused(&verdict, "revocation_unknown");
        let message = &verdict.reasons[0].message;
        assert!(message.contains(JOB) && message.contains("override: {revocation: log}"));
        let verdict = judge(&pack, &skipped, &trust);
        accepted(&verdict);
        assert_eq!(check(&verdict, "revocation").result, CheckResult::Skipped);
        let verdict = judge(&pack, &own("level: permissive"), &trust);
        accepted(&verdict);
        logged(&verdict, "revocation", "revocation_unknown");
        assert_eq!(check(&verdict, "authenticity").action, Action::Enforce);
    }
}

/// What certificates say of their own revocation is asked all the same.
#[test]
fn a_revoked_certificate_of_aws_is_revoked() {
    const OCSP: &str = "http://ocsp.example.com/";
    let aws = Signer::with(|_| {}, |_| {}, |p| p.ocsp = vec![OCSP.to_owned()]);
    let trust = trust(&[("signingAuthority:aws-signer-ts", &[&aws.root])]);
    let ocsp = Ocsp::new(Status::Revoked);
    let bytes = ocsp.sign(&aws.leaf, &aws.intermediate, &aws.intermediate);
    let mut pack = signed_by(&aws, Format::Jws, PROFILE);
    pack.evidence_mut().revocation = vec![answer(RevocationKind::Ocsp, OCSP, &aws.leaf, bytes)];
    let subject = "x509.subject: C=US, ST=WA, O=other";
    let enforced = load(&[statement(&[PROFILE, subject], "enforce")]).unwrap();
    refused(&judge(&pack, &enforced, &trust), "certificate_revoked");
    let verdict = judge(&pack, &trusting(&[PROFILE]), &trust);
    accepted(&verdict);
    logged(&verdict, "revocation", "certificate_revoked");
}

#[test]
fn audit_lets_another_profile_in_unproven() {
    let (aws, trust) = aws();
    let pack = signed_by(&aws, Format::Cose, &format!("{PROFILE}_evil"));
    let verdict = judge(&pack, &own("level: audit"), &trust);
    unproven(&verdict);
    logged(&verdict, "authenticity", "trusted_identity_mismatch");
}

/// The certificate is AWS's; who signed is the profile.
#[test]
fn two_profiles_are_two_signers_and_two_versions_of_one_are_one() {
    let (aws, trust) = aws();
    let review = PROFILE.replace("prod", "review");
    let somebody = "x509.subject: C=US, ST=WA, O=somebody";
    let two = |second: &str, more: &str| {
        let authority = |name: &str, identity: &str| {
            format!(
                "  - name: {name}\n    notation: {{trustStores: ['signingAuthority:aws-signer-ts'], \
                 trustedIdentities: ['{identity}', '{more}'], override: {{revocation: log}}}}\n"
            )
        };
        let text = format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: two}}\nspec:\n  \
             images: [{{glob: '**'}}]\n  authorities:\n{}{}  require: {{atLeast: {{count: 2}}}}\n",
            authority("build", PROFILE),
            authority("second", second),
        );
        load_text(text)
    };
    let signed = |profile: &str, version: &str| {
        let pack = signed_by(&aws, Format::Jws, PROFILE);
        let chain = aws.chain();
        let body = payload_for(&pack);
        let envelope = Envelope::signing_authority(Format::Jws, &chain, body, NOW - 30)
            .aws_signer(&format!("{profile}/{version}"), JOB)
            .sign(&aws.leaf.key);
        with_envelope(pack, Format::Jws, &envelope)
    };
    let policies = two(&review, somebody).unwrap();
    accepted(&judge(&signed(&review, VERSION), &policies, &trust));
    let other = "0123456789";
    let version = format!("{PROFILE}/{other}");
    let policies = two(&version, somebody).unwrap();
    let verdict = judge(&signed(PROFILE, other), &policies, &trust);
    refused(&verdict, "threshold_not_met");
    // Where nobody else is trusted, that is known before.
    assert!(two(&review, PROFILE.replace("prod", "test").as_str()).is_ok());
    let problems = two(&version, PROFILE).unwrap_err();
    assert!(
        problems[0].contains("fewer distinct signers"),
        "{problems:#?}"
    );
}

#[track_caller]
fn problem(text: &str, line: usize, field: &str, expected: &str) {
    let problems = load_text(text.to_owned()).unwrap_err();
    let place = format!("trustpolicy.json:{line}: {field}: ");
    assert!(
        problems
            .iter()
            .any(|one| one.starts_with(&place) && one.contains(expected)),
        "{problems:#?}"
    );
}

#[test]
fn identities_that_are_no_signing_profile_are_named_with_line_and_field() {
    let field = "spec.authorities[0].notation.trustedIdentities";
    for (identity, expected) in [
        ("arn:aws:s3:::prod", "expected an ARN of AWS Signer"),
        (
            "arn:aws:signer:us-west-2:123:/signing-profiles/prod",
            "expected an account of 12 digits",
        ),
        (
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/*",
            "there are no patterns",
        ),
        (
            JOB,
            "expected the ARN to end with \"/signing-profiles/NAME\"",
        ),
    ] {
        let text = own_text(identity, "override: {revocation: log}");
        problem(&text, 10, field, expected);
        let statement = statement(&[identity], "log").to_string();
        let text = format!("{{\"version\": \"1.0\", \"trustPolicies\": [\n{statement}]}}");
        problem(&text, 2, "trustPolicies[0].trustedIdentities", expected);
    }
}

#[test]
fn profiles_that_nothing_can_match_are_problems_with_their_remedy() {
    let field = "spec.authorities[0].notation.trustedIdentities";
    for level in ["level: strict", "override: {revocation: enforce}"] {
        problem(&own_text(PROFILE, level), 10, field, "{revocation: log}");
    }
    let as_ca = own_text(PROFILE, "level: permissive").replace("signingAuthority:", "ca:");
    problem(&as_ca, 10, field, "signingAuthority:aws-signer-ts");
    let unchanged = json!({"version": "1.0", "trustPolicies": [{
        "name": "aws-signer-tp",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["signingAuthority:aws-signer-ts"],
        "trustedIdentities": [PROFILE],
    }]});
    problem(
        &unchanged.to_string(),
        1,
        "trustPolicies[0].trustedIdentities",
        "{revocation: log}",
    );
}
