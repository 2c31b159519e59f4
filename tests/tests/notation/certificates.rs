//! Certificates: the rules for chains, trust stores, trusted identities.

use std::sync::Arc;

use sealgate_core::Digest;
use sealgate_core::trust::{StoreKind, TrustStore};
use sealgate_testkit::certificate::{purpose, usage};
use sealgate_testkit::der;
use sealgate_testkit::notation::{Certificate, Envelope, Format, Key, Kind, NOW, Profile, YEAR};
use serde_json::json;

use crate::scene::{
    SIGNER, Signer, accepted, image, judge, judge_at, payload_for, policy, refused, strict, trust,
    with_envelope,
};

fn nothing(_: &mut Profile) {}

#[track_caller]
fn refuses(signer: &Signer, code: &str) {
    for format in Format::ALL {
        let verdict = judge(&signer.signed(format), &strict(), &signer.trust());
        refused(&verdict, code);
    }
}

#[track_caller]
fn leaf_refused(code: &str, change: fn(&mut Profile)) {
    refuses(&Signer::with(nothing, nothing, change), code);
}

#[track_caller]
fn authority_refused(code: &str, change: fn(&mut Profile)) {
    refuses(&Signer::with(nothing, change, nothing), code);
    refuses(&Signer::with(change, nothing, nothing), code);
}

/// Judges a signature with this chain by this leaf.
fn chain_verdict(
    chain: &[&Certificate],
    signer: &Certificate,
    root: &Certificate,
) -> sealgate_core::Verdict {
    let pack = image();
    let envelope = Envelope::x509(Format::Jws, chain, payload_for(&pack)).sign(&signer.key);
    let pack = with_envelope(pack, Format::Jws, &envelope);
    judge(&pack, &strict(), &trust(&[("ca:acme", &[root])]))
}

#[test]
fn an_ordinary_chain_is_accepted() {
    let signer = Signer::new();
    for format in Format::ALL {
        accepted(&judge(&signer.signed(format), &strict(), &signer.trust()));
    }
}

#[test]
fn what_the_rules_allow_is_accepted() {
    let allowed: [fn(&mut Profile); 6] = [
        |p| p.purposes = None,
        |p| p.purposes = Some((true, vec![purpose::CODE_SIGNING])),
        |p| p.purposes = Some((false, vec!["1.3.6.1.4.1.311.10.3.13"])),
        |p| p.basic_constraints = Some((false, false, None)),
        |p| p.key_usage = Some((true, vec![usage::DIGITAL_SIGNATURE, 1])),
        // Critical extensions other than the three are ignored, as the specification says.
        |p| p.extensions.push(("1.2.3.4.5".into(), true, der::null())),
    ];
    for change in allowed {
        let signer = Signer::with(nothing, nothing, change);
        accepted(&judge(
            &signer.signed(Format::Jws),
            &strict(),
            &signer.trust(),
        ));
    }
}

#[test]
fn a_leaf_must_not_be_an_authority() {
    leaf_refused("certificate_profile", |p| {
        p.basic_constraints = Some((true, true, None))
    });
}

/// So that one knows which one of a chain to replace: by its name and the beginning of its hash.
#[test]
fn a_message_says_which_certificate_breaks_a_rule() {
    let signer = Signer::with(nothing, nothing, |p| p.key_usage = None);
    let verdict = judge(&signer.signed(Format::Jws), &strict(), &signer.trust());
    let hash = Digest::sha256(&signer.leaf.der).to_string();
    let hash = &hash["sha256:".len()..][..16];
    let message = &verdict.reasons[0].message;
    let certificate =
        format!("the certificate \"CN=release,O=acme,ST=WA,C=US\" (sha256 {hash}…): ");
    assert!(message.contains(&certificate), "{message}");
}

#[test]
fn a_leaf_needs_a_critical_key_usage_with_digital_signature() {
    leaf_refused("certificate_profile", |p| p.key_usage = None);
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((false, vec![0]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![1]))
    });
}

#[test]
fn a_leafs_key_must_have_no_other_usage() {
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::KEY_ENCIPHERMENT]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::DATA_ENCIPHERMENT]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::KEY_AGREEMENT]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::KEY_CERT_SIGN]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::CRL_SIGN]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::ENCIPHER_ONLY]))
    });
    leaf_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![0, usage::DECIPHER_ONLY]))
    });
}

#[test]
fn a_leaf_must_have_no_other_purpose() {
    for other in [
        purpose::ANY,
        purpose::SERVER_AUTH,
        purpose::CLIENT_AUTH,
        purpose::EMAIL_PROTECTION,
        purpose::TIME_STAMPING,
        purpose::OCSP_SIGNING,
    ] {
        let signer = Signer::with(nothing, nothing, |p| {
            p.purposes = Some((false, vec![purpose::CODE_SIGNING, other]));
        });
        refuses(&signer, "certificate_profile");
    }
}

#[test]
fn an_authority_needs_critical_basic_constraints_that_say_so() {
    authority_refused("certificate_profile", |p| {
        p.basic_constraints = Some((false, true, None))
    });
    // Such a root is no authority for the trust store either, so only the intermediate is tried.
    let without = Signer::with(nothing, |p| p.basic_constraints = None, nothing);
    refuses(&without, "certificate_profile");
    let denied = Signer::with(
        nothing,
        |p| p.basic_constraints = Some((true, false, None)),
        nothing,
    );
    refuses(&denied, "certificate_profile");
}

#[test]
fn an_authority_needs_a_critical_key_usage_with_key_cert_sign() {
    authority_refused("certificate_profile", |p| p.key_usage = None);
    authority_refused("certificate_profile", |p| {
        p.key_usage = Some((false, vec![usage::KEY_CERT_SIGN]))
    });
    authority_refused("certificate_profile", |p| {
        p.key_usage = Some((true, vec![usage::CRL_SIGN]))
    });
}

#[test]
fn the_path_length_is_honoured() {
    let constrain =
        |most| move |p: &mut Profile| p.basic_constraints = Some((true, true, Some(most)));
    refuses(
        &Signer::with(constrain(0), nothing, nothing),
        "certificate_profile",
    );
    let signer = Signer::with(constrain(1), constrain(0), nothing);
    accepted(&judge(
        &signer.signed(Format::Jws),
        &strict(),
        &signer.trust(),
    ));
}

#[test]
fn a_signing_key_outside_the_specification_is_refused() {
    leaf_refused("algorithm_unsupported", |p| {
        let ed25519 = Key::generate(Kind::Ed25519);
        p.spki = Some(ed25519.spki().to_vec());
    });
    // A small RSA key: the modulus of a 2048-bit one, cut to 1024 bits.
    leaf_refused("algorithm_unsupported", |p| {
        let key = der::sequence(&[der::integer(&[0xc1; 128]), der::number(65537)]);
        let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::null()]);
        p.spki = Some(der::sequence(&[algorithm, der::bits(&key)]));
    });
}

#[test]
fn a_certificate_signed_over_sha_1_is_refused() {
    let sha1 = der::sequence(&[der::oid("1.2.840.10045.4.1")]);
    for signer in [
        Signer::with(nothing, nothing, |p| p.algorithm = Some(sha1.clone())),
        Signer::with(nothing, |p| p.algorithm = Some(sha1.clone()), nothing),
    ] {
        refuses(&signer, "algorithm_unsupported");
    }
}

#[test]
fn a_chain_must_be_complete_ordered_and_without_strangers() {
    let signer = Signer::new();
    let stranger = Signer::new();
    let (leaf, intermediate, root) = (&signer.leaf, &signer.intermediate, &signer.root);
    for chain in [
        &[leaf, intermediate][..],
        &[leaf, root, intermediate],
        &[leaf, root],
        &[leaf, intermediate, &stranger.root],
        &[leaf, &stranger.intermediate, root],
        &[leaf, intermediate, root, root],
        &[leaf, intermediate, root, &stranger.root],
        &[leaf],
    ] {
        let verdict = chain_verdict(chain, leaf, root);
        refused(&verdict, "certificate_chain_invalid");
    }
}

#[test]
fn a_chain_is_told_by_signatures_not_by_names() {
    // Leaf and root share their name, as in the Notary Project's own vectors.
    let root = Certificate::self_signed(&Profile::authority(SIGNER));
    let leaf = root.issue(&Profile::signer(SIGNER));
    accepted(&chain_verdict(&[&leaf, &root], &leaf, &root));
    // A certificate that bears the root's name, but not its signature.
    let forged = root.forge(&Profile::signer(SIGNER), Key::shared());
    refused(
        &chain_verdict(&[&forged, &root], &forged, &root),
        "certificate_chain_invalid",
    );
}

#[test]
fn a_self_signed_signing_certificate_may_stand_alone() {
    let alone = Certificate::self_signed(&Profile::signer(SIGNER));
    accepted(&chain_verdict(&[&alone], &alone, &alone));
    let authority = Certificate::self_signed(&Profile::authority(SIGNER));
    refused(
        &chain_verdict(&[&authority], &authority, &authority),
        "certificate_profile",
    );
}

#[test]
fn two_signature_algorithms_in_one_certificate_are_refused() {
    let sha1 = der::sequence(&[der::oid("1.2.840.113549.1.1.5"), der::null()]);
    let signer = Signer::with(nothing, nothing, |p| p.signed_algorithm = Some(sha1));
    refuses(&signer, "certificate_malformed");
}

#[test]
fn a_repeated_extension_is_refused() {
    leaf_refused("certificate_malformed", |p| {
        p.extensions
            .push(("2.5.29.15".into(), true, der::named_bits(&[0])));
    });
}

#[test]
fn an_rsa_key_of_another_size_is_refused() {
    // 2048, 3072 and 4096 bits are the only ones; the wrong algorithm for a size is refused, too.
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme"));
    let leaf = root.issue_for(
        &Profile::signer(SIGNER),
        Arc::new(Key::generate(Kind::Rsa2048)),
    );
    let pack = image();
    let envelope = Envelope::x509(Format::Jws, &[&leaf, &root], payload_for(&pack))
        .with(|e| e.algorithm = Some(("PS384", -38)));
    let pack = with_envelope(pack, Format::Jws, &envelope.sign(&leaf.key));
    let verdict = judge(&pack, &strict(), &trust(&[("ca:acme", &[&root])]));
    refused(&verdict, "algorithm_unsupported");
}

#[test]
fn too_long_a_chain_is_refused_before_it_is_read_cve_2026_32280() {
    let signer = Signer::new();
    let pack = signer.signed_with(Format::Jws, |e| {
        e.with(|e| e.chain = vec![b"not even a certificate".to_vec(); 10_000])
    });
    refused(&judge(&pack, &strict(), &signer.trust()), "limit_exceeded");
}

/// As many certificates as are allowed make a chain, and one more does not.
#[test]
fn a_chain_of_ten_certificates_is_accepted_and_of_eleven_refused() {
    let name = |i: usize| format!("C=US, ST=WA, O=acme, CN=authority {i}");
    for (length, code) in [(10, None), (11, Some("limit_exceeded"))] {
        let mut chain = vec![Certificate::self_signed(&Profile::authority(&name(0)))];
        for i in 1..length - 1 {
            let next = chain[i - 1].issue(&Profile::authority(&name(i)));
            chain.push(next);
        }
        let leaf = chain[length - 2].issue(&Profile::signer(SIGNER));
        chain.push(leaf);
        chain.reverse();
        let pack = image();
        let holders: Vec<&Certificate> = chain.iter().collect();
        let envelope = Envelope::x509(Format::Cose, &holders, payload_for(&pack));
        let pack = with_envelope(pack, Format::Cose, &envelope.sign(&chain[0].key));
        let trust = trust(&[("ca:acme", &[&chain[length - 1]])]);
        let verdict = judge(&pack, &strict(), &trust);
        match code {
            None => accepted(&verdict),
            Some(code) => refused(&verdict, code),
        }
    }
}

#[test]
fn certificates_must_be_valid_now_without_a_timestamp() {
    let expired = Signer::with(nothing, nothing, |p| p.validity = (NOW - YEAR, NOW - 1));
    refuses(&expired, "certificate_outside_validity");
    let early = Signer::with(nothing, nothing, |p| p.validity = (NOW + 1, NOW + YEAR));
    refuses(&early, "certificate_outside_validity");
    // A leaf that outlives its issuer is fine, as long as both are valid (CVE-2026-24122).
    let issuer = Signer::with(nothing, |p| p.validity = (NOW - YEAR, NOW - 1), nothing);
    refuses(&issuer, "certificate_outside_validity");
    let signer = Signer::with(nothing, nothing, |p| p.validity = (NOW, NOW + 60));
    for (now, fits) in [
        (NOW - 1, false),
        (NOW, true),
        (NOW + 60, true),
        (NOW + 61, false),
    ] {
        let verdict = judge_at(
            &signer.signed(Format::Cose),
            &strict(),
            &signer.trust(),
            now,
        );
        assert_eq!(verdict.verified, fits, "{now}: {:?}", verdict.reasons);
    }
}

#[test]
fn a_verdict_holds_as_long_as_its_certificates() {
    let signer = Signer::with(nothing, nothing, |p| p.validity = (NOW, NOW + 60));
    let verdict = judge(&signer.signed(Format::Cose), &strict(), &signer.trust());
    assert_eq!(verdict.valid_until.unwrap().seconds(), NOW + 60);
}

#[test]
fn another_trust_store_does_not_help() {
    let signer = Signer::new();
    let stranger = Signer::new();
    refused(
        &judge(&signer.signed(Format::Jws), &strict(), &stranger.trust()),
        "certificate_untrusted",
    );
    // The right root in a store of the wrong kind.
    let authority = trust(&[
        ("ca:acme", &[&stranger.root]),
        ("signingAuthority:acme", &[&signer.root]),
    ]);
    let policy = policy(&[("trustStores", json!(["ca:acme", "signingAuthority:acme"]))]);
    refused(
        &judge(&signer.signed(Format::Jws), &policy, &authority),
        "certificate_untrusted",
    );
}

#[test]
fn any_certificate_of_the_chain_may_be_the_trusted_one() {
    let signer = Signer::new();
    let pinned = trust(&[("ca:acme", &[&signer.intermediate])]);
    accepted(&judge(&signer.signed(Format::Jws), &strict(), &pinned));
    // A certificate that merely has the same name and key as the trusted one is another.
    let profile = Profile::authority("C=US, ST=WA, O=acme, CN=intermediate");
    let twin = signer
        .root
        .issue_for(&profile, Arc::clone(&signer.intermediate.key));
    let pinned = trust(&[("ca:acme", &[&twin])]);
    refused(
        &judge(&signer.signed(Format::Jws), &strict(), &pinned),
        "certificate_untrusted",
    );
}

#[test]
fn a_missing_trust_store_leaves_it_undecided() {
    let signer = Signer::new();
    let now = sealgate_core::UnixTime::from_seconds(NOW);
    let pack = signer.signed(Format::Jws);
    let undecided =
        sealgate_core::verify(pack.evidence(), &strict(), &trust(&[]), now).unwrap_err();
    assert_eq!(undecided.code(), "trust_store_missing");
}

#[test]
fn trusted_identities_select_by_the_leafs_subject() {
    let signer = Signer::new();
    for (identity, fits) in [
        ("*", true),
        ("x509.subject: C=US, ST=WA, O=acme", true),
        ("x509.subject: C=US, ST=WA, O=acme, CN=release", true),
        ("x509.subject: CN=release, O=acme, S=WA, C=US", true),
        ("x509.subject: C=US, ST=WA, O=acme, CN=root", false),
        ("x509.subject: C=US, ST=WA, O=acme, OU=ops", false),
        ("x509.subject: C=US, ST=WA, O=acme corp", false),
        ("x509.subject: C=US, ST=WA, O=Acme", false),
        ("x509.subject: C=CA, ST=WA, O=acme", false),
        ("com.example.profile: arn:acme", false),
    ] {
        let policy = policy(&[("trustedIdentities", json!([identity]))]);
        for format in Format::ALL {
            let verdict = judge(&signer.signed(format), &policy, &signer.trust());
            match fits {
                true => accepted(&verdict),
                false => refused(&verdict, "trusted_identity_mismatch"),
            }
        }
    }
    let either = json!([
        "x509.subject: C=CA, ST=ON, O=b",
        "x509.subject: C=US, ST=WA, O=acme"
    ]);
    let policy = policy(&[("trustedIdentities", either)]);
    accepted(&judge(
        &signer.signed(Format::Jws),
        &policy,
        &signer.trust(),
    ));
}

/// Components of domains and mail addresses are IA5String, and no other text is (RFC 5280 appendix
/// A.1).
#[test]
fn subjects_with_domains_and_mail_addresses_are_read() {
    let signer = Signer::with(nothing, nothing, |p| {
        p.subject = "C=US, ST=WA, O=acme, DC=example, EMAIL=r@example.org".to_owned();
    });
    for (more, fits) in [
        ("DC=example", true),
        ("EMAILADDRESS=r@example.org", true),
        ("DC=example.org", false),
        ("EMAILADDRESS=R@example.org", false),
    ] {
        let identity = format!("x509.subject: C=US, ST=WA, O=acme, {more}");
        let policy = policy(&[("trustedIdentities", json!([identity]))]);
        let verdict = judge(&signer.signed(Format::Cose), &policy, &signer.trust());
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "trusted_identity_mismatch"),
        }
    }
}

#[test]
fn an_ambiguous_subject_matches_no_identity_but_the_wildcard() {
    let signer = Signer::with(nothing, nothing, |p| {
        p.subject = "C=US, ST=WA, O=acme, O=evil".to_owned();
    });
    let named = policy(&[(
        "trustedIdentities",
        json!(["x509.subject: C=US, ST=WA, O=acme"]),
    )]);
    let pack = signer.signed(Format::Jws);
    refused(
        &judge(&pack, &named, &signer.trust()),
        "trusted_identity_mismatch",
    );
    accepted(&judge(&pack, &strict(), &signer.trust()));
}

#[test]
fn trust_stores_take_what_the_specification_allows() {
    let signer = Signer::new();
    let alone = Certificate::self_signed(&Profile::signer(SIGNER));
    let read =
        |kind, certificate: &Certificate| TrustStore::read(kind, [certificate.der.as_slice()]);
    for kind in [StoreKind::Ca, StoreKind::SigningAuthority] {
        assert!(read(kind, &signer.root).is_ok());
        assert!(read(kind, &signer.intermediate).is_ok());
        assert!(read(kind, &alone).is_ok());
        assert!(
            read(kind, &signer.leaf)
                .unwrap_err()
                .to_string()
                .contains("certificate authority")
        );
    }
    assert!(read(StoreKind::Tsa, &signer.root).is_ok());
    assert!(read(StoreKind::Tsa, &signer.intermediate).is_err());
    assert!(read(StoreKind::Tsa, &alone).is_err());
    let pem = format!("{}{}", signer.root.pem(), signer.intermediate.pem());
    assert!(TrustStore::read(StoreKind::Ca, [pem.as_bytes()]).is_ok());
    assert!(TrustStore::read(StoreKind::Ca, [&b"nonsense"[..]]).is_err());
    assert!(TrustStore::read(StoreKind::Ca, [&b"-----BEGIN PUBLIC KEY-----"[..]]).is_err());
    assert!(TrustStore::read(StoreKind::Ca, []).is_err());
}
