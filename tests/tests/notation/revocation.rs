//! Revocation by OCSP and by lists, judged at the time of the verdict.

use sealgate_core::evidence::{NoAnswer, RevocationAnswer, RevocationKind};
use sealgate_core::revocation_requests;
use sealgate_core::{Digest, UnixTime, Verdict};
use sealgate_testkit::certificate::{
    distribution_points, extension, limited_point, purpose, uri, usage,
};
use sealgate_testkit::der;
use sealgate_testkit::notation::revocation::{Crl, Entry, Ocsp, Status, answer, ocsp_error};
use sealgate_testkit::notation::token;
use sealgate_testkit::notation::{Certificate, Envelope, Format, Key, NOW, Profile, YEAR};
use sealgate_testkit::pack::Pack;
use serde_json::json;

use crate::scene::{
    Signer, accepted, image, judge, judge_at, payload_for, policy, refused, strict, trust,
    with_envelope,
};

const OCSP: &str = "http://ocsp.example.com/";
const CRL: &str = "http://crl.example.com/acme.crl";
const DELTA: &str = "http://crl.example.com/acme-delta.crl";
const DAY: i64 = 24 * 3600;

fn by_ocsp() -> Signer {
    Signer::with(|_| {}, |_| {}, |p| p.ocsp = vec![OCSP.to_owned()])
}

fn by_crl() -> Signer {
    Signer::with(|_| {}, |_| {}, |p| p.crl = vec![CRL.to_owned()])
}

fn by_both() -> Signer {
    Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.ocsp = vec![OCSP.to_owned()];
            p.crl = vec![CRL.to_owned()];
        },
    )
}

fn verdict(signer: &Signer, answers: Vec<RevocationAnswer>) -> Verdict {
    verdict_at(signer, answers, NOW)
}

fn verdict_at(signer: &Signer, answers: Vec<RevocationAnswer>, now: i64) -> Verdict {
    let mut pack = signer.signed(Format::Jws);
    pack.evidence_mut().revocation = answers;
    judge_at(&pack, &strict(), &signer.trust(), now)
}

fn response(signer: &Signer, ocsp: &Ocsp) -> RevocationAnswer {
    let bytes = ocsp.sign(&signer.leaf, &signer.intermediate, &signer.intermediate);
    answer(RevocationKind::Ocsp, OCSP, &signer.leaf, bytes)
}

fn list(signer: &Signer, crl: &Crl) -> RevocationAnswer {
    list_at(signer, crl, CRL)
}

fn list_at(signer: &Signer, crl: &Crl, url: &str) -> RevocationAnswer {
    answer(
        RevocationKind::Crl,
        url,
        &signer.intermediate,
        crl.sign(&signer.intermediate),
    )
}

#[test]
fn a_certificate_that_names_no_way_to_ask_is_not_revocable() {
    accepted(&verdict(&Signer::new(), Vec::new()));
}

#[test]
fn without_answers_the_status_is_unknown() {
    for signer in [by_ocsp(), by_crl(), by_both()] {
        refused(&verdict(&signer, Vec::new()), "revocation_unknown");
    }
    let signer = by_ocsp();
    let mut failed = response(&signer, &Ocsp::new(Status::Good));
    failed.outcome = Err(NoAnswer("connection refused".to_owned()));
    let verdict = verdict(&signer, vec![failed]);
    refused(&verdict, "revocation_unknown");
    assert!(verdict.reasons[0].message.contains("connection refused"));
}

#[test]
fn ocsp_says_good_revoked_or_unknown() {
    let signer = by_ocsp();
    let good = verdict(&signer, vec![response(&signer, &Ocsp::new(Status::Good))]);
    accepted(&good);
    assert_eq!(good.valid_until.unwrap().seconds(), NOW + DAY);
    let revoked = verdict(
        &signer,
        vec![response(&signer, &Ocsp::new(Status::Revoked))],
    );
    refused(&revoked, "certificate_revoked");
    let unknown = verdict(
        &signer,
        vec![response(&signer, &Ocsp::new(Status::Unknown))],
    );
    refused(&unknown, "revocation_unknown");
}

#[test]
fn a_revoked_intermediate_refuses_too() {
    let signer = Signer::with(|_| {}, |p| p.ocsp = vec![OCSP.to_owned()], |_| {});
    let response =
        Ocsp::new(Status::Revoked).sign(&signer.intermediate, &signer.root, &signer.root);
    let response = answer(RevocationKind::Ocsp, OCSP, &signer.intermediate, response);
    refused(&verdict(&signer, vec![response]), "certificate_revoked");
}

#[test]
fn revoked_tells_more_than_unknown() {
    let signer = Signer::with(
        |_| {},
        |p| p.ocsp = vec![OCSP.to_owned()],
        |p| p.ocsp = vec![OCSP.to_owned()],
    );
    let revoked = Ocsp::new(Status::Revoked).sign(&signer.intermediate, &signer.root, &signer.root);
    let revoked = answer(RevocationKind::Ocsp, OCSP, &signer.intermediate, revoked);
    refused(&verdict(&signer, vec![revoked]), "certificate_revoked");
}

#[test]
fn an_ocsp_response_counts_only_in_its_time() {
    let signer = by_ocsp();
    for (validity, now, fits) in [
        ((NOW - DAY, Some(NOW)), NOW, true),
        ((NOW - DAY, Some(NOW - 1)), NOW, false),
        ((NOW + 300, Some(NOW + DAY)), NOW, true),
        ((NOW + 301, Some(NOW + DAY)), NOW, false),
        ((NOW - DAY, None), NOW, false),
    ] {
        let ocsp = Ocsp::new(Status::Good).with(|o| o.validity = validity);
        let verdict = verdict_at(&signer, vec![response(&signer, &ocsp)], now);
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "revocation_unknown"),
        }
    }
}

#[test]
fn an_ocsp_response_about_another_certificate_does_not_count() {
    let signer = by_ocsp();
    let other = Ocsp::new(Status::Good).with(|o| o.serial = Some(vec![99]));
    refused(
        &verdict(&signer, vec![response(&signer, &other)]),
        "revocation_unknown",
    );
    // The right serial number, of another issuer.
    let stranger = Signer::new();
    let bytes = Ocsp::new(Status::Good).sign(&signer.leaf, &stranger.root, &signer.intermediate);
    let bytes = answer(RevocationKind::Ocsp, OCSP, &signer.leaf, bytes);
    refused(&verdict(&signer, vec![bytes]), "revocation_unknown");
}

#[test]
fn an_ocsp_response_must_be_signed_by_the_issuer_or_its_delegate() {
    let signer = by_ocsp();
    let profile = Profile::signer("C=US, O=acme, CN=ocsp");
    let for_ocsp = |p: &mut Profile| p.purposes = Some((false, vec![purpose::OCSP_SIGNING]));
    let delegate = signer.intermediate.issue(&profile.clone().with(for_ocsp));
    let not_for_ocsp = signer.intermediate.issue(&profile);
    let of_another = Signer::new()
        .intermediate
        .issue(&profile.clone().with(for_ocsp));
    let expired = profile
        .clone()
        .with(for_ocsp)
        .with(|p| p.validity = (NOW - YEAR, NOW - 1));
    let expired = signer.intermediate.issue(&expired);
    let impostor = Certificate {
        subject: signer.intermediate.subject.clone(),
        ..of_another.clone()
    };
    for (responder, fits) in [
        (&delegate, true),
        (&not_for_ocsp, false),
        (&of_another, false),
        (&expired, false),
        (&signer.leaf, false),
        (&impostor, false),
    ] {
        let bytes = Ocsp::new(Status::Good).sign(&signer.leaf, &signer.intermediate, responder);
        let verdict = verdict(
            &signer,
            vec![answer(RevocationKind::Ocsp, OCSP, &signer.leaf, bytes)],
        );
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "revocation_unknown"),
        }
    }
    let without = Ocsp::new(Status::Good).with(|o| o.with_certificate = false);
    let bytes = without.sign(&signer.leaf, &signer.intermediate, &delegate);
    let without = answer(RevocationKind::Ocsp, OCSP, &signer.leaf, bytes);
    refused(&verdict(&signer, vec![without]), "revocation_unknown");
}

#[test]
fn what_is_no_ocsp_response_does_not_count() {
    let signer = by_ocsp();
    for bytes in [
        Vec::new(),
        b"garbage".to_vec(),
        vec![0x30; 30_000],
        ocsp_error(3),
        ocsp_error(6),
    ] {
        let bytes = answer(RevocationKind::Ocsp, OCSP, &signer.leaf, bytes);
        refused(&verdict(&signer, vec![bytes]), "revocation_unknown");
    }
}

#[test]
fn lists_are_asked_only_when_ocsp_does_not_know() {
    let signer = by_both();
    let good = response(&signer, &Ocsp::new(Status::Good));
    let unknown = response(&signer, &Ocsp::new(Status::Unknown));
    let empty = list(&signer, &Crl::new(Vec::new()));
    let revoking = list(&signer, &Crl::new(vec![Entry::new(&signer.leaf, None)]));
    accepted(&verdict(&signer, vec![good, revoking.clone()]));
    accepted(&verdict(&signer, vec![unknown.clone(), empty.clone()]));
    refused(
        &verdict(&signer, vec![unknown, revoking]),
        "certificate_revoked",
    );
}

#[test]
fn an_answer_that_was_taken_out_is_none_that_failed_rt_17() {
    let signer = by_both();
    let revoked = response(&signer, &Ocsp::new(Status::Revoked));
    let empty = list(&signer, &Crl::new(Vec::new()));
    let both = vec![revoked, empty.clone()];
    refused(&verdict(&signer, both), "certificate_revoked");
    refused(&verdict(&signer, vec![empty.clone()]), "revocation_unknown");
    // One that was asked and did not answer is no reason to refuse.
    let mut failed = response(&signer, &Ocsp::new(Status::Good));
    failed.outcome = Err(NoAnswer("no answer before the deadline".to_owned()));
    accepted(&verdict(&signer, vec![failed, empty.clone()]));
    // Of two responders both must have been asked.
    let other = "http://ocsp2.example.com/";
    let two = Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.ocsp = vec![other.to_owned(), OCSP.to_owned()];
            p.crl = vec![CRL.to_owned()];
        },
    );
    let good = response(&two, &Ocsp::new(Status::Good));
    let list = list(&two, &Crl::new(Vec::new()));
    let one = vec![good.clone(), list];
    refused(&verdict(&two, one), "revocation_unknown");
    let mut first = good.clone();
    first.url = other.to_owned();
    accepted(&verdict(&two, vec![first, good]));
}

#[test]
fn a_list_revokes_what_it_names() {
    let signer = by_crl();
    accepted(&verdict(
        &signer,
        vec![list(&signer, &Crl::new(Vec::new()))],
    ));
    let other = Crl::new(vec![Entry::new(&signer.root, None)]);
    let other = verdict(&signer, vec![list(&signer, &other)]);
    accepted(&other);
    assert_eq!(other.valid_until.unwrap().seconds(), NOW + DAY);
    for reason in [
        None,
        Some(0),
        Some(1),
        Some(3),
        Some(4),
        Some(5),
        Some(6),
        Some(9),
    ] {
        let crl = Crl::new(vec![Entry::new(&signer.leaf, reason)]);
        refused(
            &verdict(&signer, vec![list(&signer, &crl)]),
            "certificate_revoked",
        );
    }
}

#[test]
fn a_list_counts_only_in_its_time() {
    let signer = by_crl();
    for (validity, fits) in [
        ((NOW - DAY, Some(NOW)), true),
        ((NOW - DAY, Some(NOW - 1)), false),
        ((NOW + 301, Some(NOW + DAY)), false),
        ((NOW - DAY, None), false),
    ] {
        let crl = Crl::new(Vec::new()).with(|c| c.validity = validity);
        let verdict = verdict(&signer, vec![list(&signer, &crl)]);
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "revocation_unknown"),
        }
    }
}

#[test]
fn a_list_must_be_the_issuers_own() {
    let signer = by_crl();
    let stranger = Signer::new();
    let forged = Certificate {
        key: stranger.root.key.clone(),
        ..signer.intermediate.clone()
    };
    for issuer in [&stranger.intermediate, &signer.root, &forged] {
        let bytes = Crl::new(Vec::new()).sign(issuer);
        let bytes = answer(RevocationKind::Crl, CRL, &signer.intermediate, bytes);
        refused(&verdict(&signer, vec![bytes]), "revocation_unknown");
    }
    let cannot = Signer::with(
        |_| {},
        |p| p.key_usage = Some((true, vec![usage::KEY_CERT_SIGN])),
        |p| p.crl = vec![CRL.to_owned()],
    );
    let verdict = verdict(&cannot, vec![list(&cannot, &Crl::new(Vec::new()))]);
    refused(&verdict, "revocation_unknown");
}

#[test]
fn a_list_for_other_certificates_does_not_count() {
    let signer = by_crl();
    let point = |url: &str| der::context(0, &der::context(0, &uri(url)));
    for (scope, fits) in [
        (point(CRL), true),
        (der::tlv(0x81, &[0xff]), true),
        (point("http://crl.example.com/others.crl"), false),
        (der::tlv(0x82, &[0xff]), false),
        (der::tlv(0x83, &[6, 0x40]), false),
        (der::tlv(0x84, &[0xff]), false),
        (der::tlv(0x85, &[0xff]), false),
    ] {
        let crl = Crl::new(Vec::new()).with(|c| c.scope = Some(der::tlv(0x30, &scope)));
        let verdict = verdict(&signer, vec![list(&signer, &crl)]);
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "revocation_unknown"),
        }
    }
}

#[test]
fn an_unknown_critical_extension_of_a_list_does_not_count() {
    let signer = by_crl();
    let unknown =
        Crl::new(Vec::new()).with(|c| c.extensions.push(extension("1.2.3.4", true, &der::null())));
    refused(
        &verdict(&signer, vec![list(&signer, &unknown)]),
        "revocation_unknown",
    );
    for bytes in [Vec::new(), b"garbage".to_vec()] {
        let bytes = answer(RevocationKind::Crl, CRL, &signer.intermediate, bytes);
        refused(&verdict(&signer, vec![bytes]), "revocation_unknown");
    }
}

#[test]
fn the_first_usable_list_decides() {
    let signer = Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.crl = vec!["http://down.example.com/a.crl".to_owned(), CRL.to_owned()];
        },
    );
    accepted(&verdict(
        &signer,
        vec![list(&signer, &Crl::new(Vec::new()))],
    ));
}

fn with_delta(signer: &Signer, entries: Vec<Entry>, delta: &Crl) -> Verdict {
    let base = Crl::new(entries).with(|c| c.delta_urls = vec![DELTA.to_owned()]);
    verdict(
        signer,
        vec![list(signer, &base), list_at(signer, delta, DELTA)],
    )
}

fn delta(entries: Vec<Entry>) -> Crl {
    Crl::new(entries).with(|c| {
        c.number = 11;
        c.base_number = Some(10);
    })
}

#[test]
fn a_delta_list_revokes_and_lifts_holds() {
    let signer = by_crl();
    let entry = |reason, since| {
        let mut entry = Entry::new(&signer.leaf, Some(reason));
        entry.since = since;
        entry
    };
    accepted(&with_delta(&signer, Vec::new(), &delta(Vec::new())));
    let revoked = with_delta(&signer, Vec::new(), &delta(vec![entry(1, NOW - 60)]));
    refused(&revoked, "certificate_revoked");
    let held = vec![entry(6, NOW - DAY)];
    accepted(&with_delta(
        &signer,
        held.clone(),
        &delta(vec![entry(8, NOW - 60)]),
    ));
    refused(
        &with_delta(&signer, held.clone(), &delta(Vec::new())),
        "certificate_revoked",
    );
    let older = delta(vec![entry(8, NOW - 2 * DAY)]);
    refused(&with_delta(&signer, held, &older), "certificate_revoked");
    // What is revoked for good stays so.
    let revoked = vec![entry(1, NOW - DAY)];
    refused(
        &with_delta(&signer, revoked, &delta(vec![entry(8, NOW - 60)])),
        "certificate_revoked",
    );
}

#[test]
fn a_named_delta_list_is_needed_and_must_fit() {
    let signer = by_crl();
    let base = Crl::new(Vec::new()).with(|c| c.delta_urls = vec![DELTA.to_owned()]);
    refused(
        &verdict(&signer, vec![list(&signer, &base)]),
        "revocation_unknown",
    );
    for wrong in [
        delta(Vec::new()).with(|c| c.number = 10),
        delta(Vec::new()).with(|c| c.base_number = Some(11)),
        delta(Vec::new()).with(|c| c.base_number = None),
        delta(Vec::new()).with(|c| c.validity = (NOW - DAY, Some(NOW - 1))),
        delta(Vec::new()).with(|c| c.scope = Some(der::tlv(0x30, &der::tlv(0x81, &[0xff])))),
    ] {
        refused(
            &with_delta(&signer, Vec::new(), &wrong),
            "revocation_unknown",
        );
    }
    // A delta alone is no base list.
    refused(
        &verdict(&signer, vec![list(&signer, &delta(Vec::new()))]),
        "revocation_unknown",
    );
    // The certificate may name the delta, too.
    let names = Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.crl = vec![CRL.to_owned()];
            p.delta_crl = vec![DELTA.to_owned()];
        },
    );
    let base = list(&names, &Crl::new(Vec::new()));
    refused(&verdict(&names, vec![base.clone()]), "revocation_unknown");
    accepted(&verdict(
        &names,
        vec![base, list_at(&names, &delta(Vec::new()), DELTA)],
    ));
}

/// The verdict on what a signing authority signed at this time.
fn by_authority(signer: &Signer, time: i64, answers: Vec<RevocationAnswer>) -> Verdict {
    let mut pack = image();
    let envelope =
        Envelope::signing_authority(Format::Cose, &signer.chain(), payload_for(&pack), time);
    pack = with_envelope(pack, Format::Cose, &envelope.sign(&signer.leaf.key));
    pack.evidence_mut().revocation = answers;
    let policies = policy(&[("trustStores", json!(["signingAuthority:acme"]))]);
    judge(
        &pack,
        &policies,
        &trust(&[("signingAuthority:acme", &[&signer.root])]),
    )
}

#[test]
fn what_was_authentically_signed_before_the_key_became_invalid_still_counts() {
    let invalid_since = NOW - DAY;
    let ocsp = Ocsp::new(Status::Revoked).with(|o| o.invalidity_date = Some(invalid_since));
    let signer = by_ocsp();
    let answers = || vec![response(&signer, &ocsp)];
    accepted(&by_authority(&signer, invalid_since - 1, answers()));
    refused(
        &by_authority(&signer, invalid_since, answers()),
        "certificate_revoked",
    );
    // A claimed time does not help.
    refused(&verdict(&signer, answers()), "certificate_revoked");
    let signer = by_crl();
    let mut entry = Entry::new(&signer.leaf, Some(1));
    entry.invalidity_date = Some(invalid_since);
    let answers = || vec![list(&signer, &Crl::new(vec![entry.clone()]))];
    accepted(&by_authority(&signer, invalid_since - 1, answers()));
    refused(
        &by_authority(&signer, invalid_since, answers()),
        "certificate_revoked",
    );
}

fn requests(
    pack: &Pack,
    trusted: &sealgate_core::TrustMaterial,
) -> Vec<(RevocationKind, String, Digest)> {
    revocation_requests(pack.evidence(), trusted, UnixTime::from_seconds(NOW))
        .into_iter()
        .map(|request| {
            assert_eq!(
                request.kind == RevocationKind::Ocsp,
                request.ocsp_request.is_some()
            );
            (request.kind, request.url, request.certificate)
        })
        .collect()
}

#[test]
fn requests_ask_ocsp_first_then_lists_then_deltas_then_nothing() {
    let signer = by_both();
    let mut pack = signer.signed(Format::Jws);
    let leaf = Digest::sha256(&signer.leaf.der);
    let issuer = Digest::sha256(&signer.intermediate.der);
    let trusted = signer.trust();
    assert_eq!(
        requests(&pack, &trusted),
        [(RevocationKind::Ocsp, OCSP.to_owned(), leaf)]
    );
    let unknown = response(&signer, &Ocsp::new(Status::Unknown));
    pack.evidence_mut().revocation.push(unknown);
    assert_eq!(
        requests(&pack, &trusted),
        [(RevocationKind::Crl, CRL.to_owned(), issuer)]
    );
    let base = Crl::new(Vec::new()).with(|c| c.delta_urls = vec![DELTA.to_owned()]);
    pack.evidence_mut().revocation.push(list(&signer, &base));
    assert_eq!(
        requests(&pack, &trusted),
        [(RevocationKind::Crl, DELTA.to_owned(), issuer)]
    );
    let delta = list_at(&signer, &delta(Vec::new()), DELTA);
    pack.evidence_mut().revocation.push(delta);
    assert_eq!(requests(&pack, &trusted), []);
    accepted(&judge(&pack, &strict(), &trusted));
}

/// A list of some reasons, or by somebody else, says nothing about the others (RFC 5280 section
/// 4.2.1.13).
#[test]
fn lists_of_some_reasons_or_by_others_are_not_asked_for() {
    let elsewhere = der::context(
        2,
        &der::context(4, &der::name("C=US, O=elsewhere, CN=lists")),
    );
    let some = der::tlv(0x81, &[5, 0x60]);
    for (fields, asked) in [
        (vec![], 1),
        (vec![some.clone()], 0),
        (vec![elsewhere.clone()], 0),
        (vec![some, elsewhere], 0),
    ] {
        let signer = Signer::with(
            |_| {},
            |_| {},
            |leaf| {
                let points = limited_point(CRL, &fields);
                leaf.extensions.push(("2.5.29.31".into(), false, points));
            },
        );
        let pack = signer.signed(Format::Jws);
        assert_eq!(requests(&pack, &signer.trust()).len(), asked, "{fields:?}");
    }
}

#[test]
fn a_good_answer_leaves_nothing_to_ask() {
    let signer = by_both();
    let mut pack = signer.signed(Format::Cose);
    pack.evidence_mut().revocation = vec![response(&signer, &Ocsp::new(Status::Good))];
    assert_eq!(requests(&pack, &signer.trust()), []);
}

#[test]
fn the_ocsp_request_names_the_certificate() {
    let signer = by_ocsp();
    let pack = signer.signed(Format::Jws);
    let now = UnixTime::from_seconds(NOW);
    let request = revocation_requests(pack.evidence(), &signer.trust(), now).remove(0);
    let der = request.ocsp_request.unwrap();
    let serial = der::integer(&signer.leaf.serial);
    assert!(der.windows(serial.len()).any(|window| window == serial));
}

#[test]
fn urls_of_untrusted_certificates_are_never_followed_adv_33() {
    let signer = by_both();
    let pack = signer.signed(Format::Jws);
    assert_eq!(requests(&pack, &Signer::new().trust()), []);
    assert_eq!(requests(&pack, &trust(&[])), []);
    // A store for timestamps does not vouch for signers.
    assert_eq!(
        requests(&pack, &trust(&[("tsa:acme", &[&signer.root])])),
        []
    );
    // Above a pinned certificate anybody may have written the URLs.
    let evil = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    let profile = Profile::authority("C=US, ST=WA, O=acme, CN=intermediate")
        .with(|p| p.ocsp = vec!["http://evil.example.com/".to_owned()]);
    let twin = evil.issue_for(&profile, signer.intermediate.key.clone());
    let chain = [&signer.leaf, &twin, &evil];
    let envelope = Envelope::x509(Format::Jws, &chain, payload_for(&image()));
    let pack = with_envelope(image(), Format::Jws, &envelope.sign(&signer.leaf.key));
    assert_eq!(
        requests(&pack, &trust(&[("ca:acme", &[&signer.intermediate])])),
        []
    );
    // A chain whose signatures do not hold names nothing, whatever its root.
    let forged = signer.intermediate.forge(
        &Profile::signer("C=US, ST=WA, O=acme").with(|p| p.ocsp = vec![OCSP.to_owned()]),
        Key::shared(),
    );
    let chain = [&forged, &signer.intermediate, &signer.root];
    let envelope = Envelope::x509(Format::Jws, &chain, payload_for(&image()));
    let pack = with_envelope(image(), Format::Jws, &envelope.sign(&forged.key));
    assert_eq!(requests(&pack, &signer.trust()), []);
}

#[test]
fn only_http_is_asked() {
    for url in [
        "https://ocsp.example.com/",
        "ldap://ocsp.example.com/",
        "file:///etc/passwd",
    ] {
        let signer = Signer::with(
            |_| {},
            |_| {},
            |p| {
                p.ocsp = vec![url.to_owned()];
                p.crl = vec![url.to_owned()];
            },
        );
        assert_eq!(requests(&signer.signed(Format::Jws), &signer.trust()), []);
    }
}

#[test]
fn timestamp_authorities_are_asked_about_too() {
    let signer = Signer::new();
    let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
    let tsa = Profile::timestamper("C=US, O=time, CN=tsa").with(|p| p.crl = vec![CRL.to_owned()]);
    let tsa = tsa_root.issue(&tsa);
    let envelope = signer
        .envelope(Format::Jws, &image())
        .sign_and_stamp(&signer.leaf.key, |signature| {
            token(&[&tsa]).sign(&tsa, signature)
        });
    let pack = with_envelope(image(), Format::Jws, &envelope);
    let trusted = trust(&[("ca:acme", &[&signer.root]), ("tsa:time", &[&tsa_root])]);
    let issuer = Digest::sha256(&tsa_root.der);
    assert_eq!(
        requests(&pack, &trusted),
        [(RevocationKind::Crl, CRL.to_owned(), issuer)]
    );
    assert_eq!(requests(&pack, &signer.trust()), []);
    assert!(!distribution_points(&[CRL.to_owned()]).is_empty());
}
