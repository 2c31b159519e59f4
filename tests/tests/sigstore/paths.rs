//! Paths: which of the certificates that come with a signature lead to the trusted ones.

use sealgate_testkit::sigstore::certificate::Holder;

use crate::prelude::*;

fn authority(name: &str, serial: u64, by: &Holder) -> Holder {
    let mut description = Description::authority(name, (START, END));
    description.serial = serial;
    // Certificates of one name have one key: that is what cross-signing means.
    description.issued_by(Key::new(Kind::P256, name), by)
}

fn stranger(name: &str) -> Holder {
    Description::authority(name, (START, END)).self_signed(Key::new(Kind::P256, name))
}

/// A bundle by a leaf below `issuer`, with these certificates above it.
fn below(bench: &Bench, issuer: &Holder, chain: &[&Holder]) -> Value {
    let leaf = log::issue_logged(
        &bench.sigstore.leaf(),
        Key::new(Kind::P256, "leaf"),
        issuer,
        &[&bench.sigstore.ct_log],
        &[],
    );
    let mut bundle = bench.by_holder(&leaf);
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    let certificates: Vec<_> = std::iter::once(&leaf)
        .chain(chain.iter().copied())
        .map(|holder| json!({"rawBytes": STANDARD.encode(&holder.der)}))
        .collect();
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert(
        "x509CertificateChain".to_owned(),
        json!({"certificates": certificates}),
    );
    bundle
}

/// Cross-signed authorities have several certificates; the one that leads to the trusted root is
/// found in any order, and one that comes twice takes no place of another.
#[test]
fn a_cross_signed_authority_is_found_in_any_order() {
    let bench = Bench::new();
    let other = stranger("other root");
    let trusted = authority("issuing", 8, &bench.sigstore.intermediate);
    let crossed = authority("issuing", 9, &other);
    let again = authority("issuing", 10, &stranger("another root"));
    for chain in [
        &[&trusted][..],
        &[&trusted, &crossed],
        &[&crossed, &trusted],
        &[&crossed, &crossed, &trusted],
        &[&crossed, &crossed, &crossed, &trusted],
    ] {
        bench.passes(&below(&bench, &trusted, chain));
    }
    for chain in [
        &[][..],
        &[&crossed],
        // Two issuers of one name are tried, not three.
        &[&crossed, &again, &trusted],
    ] {
        bench.refuses(&below(&bench, &trusted, chain), "certificate_untrusted");
    }
}

/// What leads nowhere by its name does not count against the lines that are tried.
#[test]
fn a_long_path_through_cross_signed_authorities_is_found() {
    let bench = Bench::new();
    let other = stranger("other root");
    let middle = authority("middle", 20, &bench.sigstore.intermediate);
    let middle_crossed = authority("middle", 21, &other);
    let issuing = authority("issuing", 22, &middle);
    let issuing_crossed = authority("issuing", 23, &other);
    let chain = [&issuing_crossed, &issuing, &middle_crossed, &middle];
    bench.passes(&below(&bench, &issuing, &chain));
}

/// Of the lines whose names lead to a trusted authority four are tried: what a stranger may add is
/// bounded, and a genuine chain has one.
#[test]
fn four_lines_to_a_trusted_name_are_tried() {
    let bench = Bench::new();
    let named = |name: &str, key: &str, by: &Holder| {
        Description::authority(name, (START, END)).issued_by(Key::new(Kind::P256, key), by)
    };
    let twin = stranger("private intermediate");
    let upper = named("upper", "upper", &bench.sigstore.intermediate);
    let upper_fake = named("upper", "another upper", &twin);
    let middle = named("middle", "middle", &upper);
    let middle_fake = named("middle", "another middle", &twin);
    let issuing = named("issuing", "issuing", &middle);
    let issuing_fake = named("issuing", "another issuing", &middle_fake);
    let alone = [&issuing, &middle, &upper];
    bench.passes(&below(&bench, &issuing, &alone));
    // Lines through the false issuer and the false middle come first; the right one is the sixth.
    let crowded = [
        &issuing_fake,
        &issuing,
        &middle_fake,
        &middle,
        &upper_fake,
        &upper,
    ];
    bench.refuses(&below(&bench, &issuing, &crowded), "certificate_untrusted");
    // Here it is the second.
    let ordered = [&issuing, &middle, &middle_fake, &upper];
    bench.passes(&below(&bench, &issuing, &ordered));
}

/// A name is no signature: an authority that only calls itself one below the trusted is none.
#[test]
fn an_authority_that_the_trusted_one_did_not_sign_leads_nowhere() {
    let bench = Bench::new();
    let twin = stranger("private intermediate");
    let forged = authority("issuing", 8, &twin);
    bench.refuses(&below(&bench, &forged, &[&forged]), "certificate_untrusted");
    // A link in the middle that nobody signed is found before anything else is looked at.
    let middle = authority("middle", 20, &bench.sigstore.intermediate);
    let false_middle = Description::authority("middle", (START, END))
        .self_signed(Key::new(Kind::P256, "another middle"));
    let forged = authority("issuing", 21, &false_middle);
    let mut bundle = below(&bench, &forged, &[&forged, &middle]);
    bench.refuses(&bundle, "certificate_untrusted");
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    bench.refuses(&bundle, "certificate_untrusted");
}

/// The whole path must have been valid when it was signed, up to the root.
#[test]
fn a_root_that_expired_before_its_leaf_does_not_vouch() {
    let mut bench = Bench::new();
    let root = Description::authority("short root", (START, SIGNED.plus(-30)))
        .self_signed(Key::new(Kind::P384, "short root"));
    let mut intermediate = Description::authority("below it", (START, END));
    intermediate.purposes = vec![CODE_SIGNING];
    let intermediate = intermediate.issued_by(Key::new(Kind::P384, "below it"), &root);
    let leaf = log::issue_logged(
        &bench.sigstore.leaf(),
        Key::new(Kind::P256, "leaf"),
        &intermediate,
        &[&bench.sigstore.ct_log],
        &[],
    );
    let chain = [&intermediate, &root].map(|c| json!({"rawBytes": STANDARD.encode(&c.der)}));
    bench.root["certificateAuthorities"][0]["certChain"]["certificates"] = json!(chain);
    bench.refuses(&bench.by_holder(&leaf), "certificate_outside_validity");
}
