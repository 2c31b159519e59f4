//! Which answers about revocation a verdict lacks.

use std::collections::BTreeSet;

use super::super::artifact::{claims, find_envelope, read};
use super::super::chain::{Chain, Purpose};
use super::super::envelope::Envelope;
use super::super::timestamp;
use super::{Answers, crl, ocsp};
use crate::budget;
use crate::digest::Digest;
use crate::evidence::{Evidence, NoAnswer, RevocationKind};
use crate::limits;
use crate::manifest::Manifest;
use crate::time::UnixTime;
use crate::trust::{StoreKind, TrustMaterial};
use crate::x509::Certificate;

/// A question about the revocation of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRequest {
    /// How to ask.
    pub kind: RevocationKind,
    /// Whom to ask, over plain HTTP: the answer is signed.
    pub url: String,
    /// The fingerprint that goes into [`RevocationAnswer::certificate`].
    ///
    /// [`RevocationAnswer::certificate`]: crate::evidence::RevocationAnswer::certificate
    pub certificate: Digest,
    /// The OCSP request (DER) to send; none for a CRL.
    pub ocsp_request: Option<Vec<u8>>,
}

/// The questions whose answers would complete the evidence.
///
/// OCSP comes first, lists only where OCSP gave no answer, deltas once their base list is there:
/// ask, add the answers (failures, too) to the evidence, and call again until nothing is left.
/// That takes three rounds at most.
///
/// Only URLs of certificates below a certificate of a configured trust store are named, and only
/// `http`. Not checked: where they lead; guard against private networks before you follow one.
pub fn revocation_requests(
    evidence: &Evidence,
    trust: &TrustMaterial,
    now: UnixTime,
) -> Vec<RevocationRequest> {
    budget::metered(|| requests(evidence, trust, now))
}

/// As [`revocation_requests`], and what it cost.
#[cfg(feature = "internals")]
pub(crate) fn revocation_requests_at_cost(
    evidence: &Evidence,
    trust: &TrustMaterial,
    now: UnixTime,
) -> (Vec<RevocationRequest>, budget::Costs) {
    budget::metered_at_cost(|| requests(evidence, trust, now))
}

fn requests(evidence: &Evidence, trust: &TrustMaterial, now: UnixTime) -> Vec<RevocationRequest> {
    let answers = Answers::new(&evidence.revocation, now);
    let mut requests = Requests::default();
    let mut seen = BTreeSet::new();
    for artifact in evidence.all_artifacts() {
        let Ok(manifest) = Manifest::parse(artifact.manifest.bytes()) else {
            continue;
        };
        if !claims(&manifest) {
            continue;
        }
        let Ok((blob, format)) = find_envelope(artifact, &manifest) else {
            continue;
        };
        if !seen.insert((blob.digest(), format)) {
            continue;
        }
        // What is too costly to judge is refused anyway, and asks nobody.
        let asked = budget::share(|| {
            let mut asked = Requests::default();
            if let Ok(signed) = read(artifact.manifest.digest(), blob, format) {
                asked.seen.clone_from(&requests.seen);
                asked.add_chain(signing_links(&signed.envelope, trust), &answers);
                asked.add_chain(timestamp_links(&signed.envelope, trust), &answers);
            }
            asked
        });
        match asked {
            Ok(asked) => requests.extend(asked),
            Err(exceeded) if exceeded.is_of_verdict() => break,
            Err(_) => {}
        }
    }
    requests.found
}

/// A certificate and its issuer.
type Link = (Certificate, Certificate);

/// The links of the signing chain up to the highest certificate that is trusted: above it,
/// anybody may have written the URLs.
fn signing_links(envelope: &Envelope, trust: &TrustMaterial) -> Vec<Link> {
    let chain = envelope
        .certificates()
        .and_then(|certificates| Chain::check(certificates, Purpose::CodeSigning));
    let Ok(chain) = chain else {
        return Vec::new();
    };
    let trusted = |certificate: &Certificate| {
        let mut anchors = anchors(trust, |kind| kind != StoreKind::Tsa);
        anchors.any(|anchor| anchor == certificate)
    };
    let highest = chain
        .certificates()
        .enumerate()
        .filter(|(_, c)| trusted(c))
        .map(|(i, _)| i)
        .last();
    let links = highest.map_or(0, |highest| highest + 1);
    chain.links().take(links).map(clone_link).collect()
}

/// The links of the timestamp authority's chain, which ends in a trusted root.
fn timestamp_links(envelope: &Envelope, trust: &TrustMaterial) -> Vec<Link> {
    let Some(bytes) = &envelope.timestamp else {
        return Vec::new();
    };
    let anchors: Vec<_> = anchors(trust, |kind| kind == StoreKind::Tsa).collect();
    match timestamp::verify(bytes, &envelope.signature, &anchors) {
        Ok(token) => token.chain().links().map(clone_link).collect(),
        Err(_) => Vec::new(),
    }
}

fn anchors(
    trust: &TrustMaterial,
    wanted: impl Fn(StoreKind) -> bool,
) -> impl Iterator<Item = &Certificate> {
    trust
        .stores()
        .filter(move |(name, _)| wanted(name.kind))
        .flat_map(|(_, store)| store.certificates())
}

fn clone_link((certificate, issuer): (&Certificate, &Certificate)) -> Link {
    (certificate.clone(), issuer.clone())
}

#[derive(Default)]
struct Requests {
    found: Vec<RevocationRequest>,
    /// The links that were looked at: many signatures have them in common, and a list of
    /// megabytes says the same each time.
    seen: BTreeSet<(Digest, Digest)>,
}

impl Requests {
    fn add_chain(&mut self, links: Vec<Link>, answers: &Answers<'_>) {
        for (certificate, issuer) in links {
            if !self
                .seen
                .insert((certificate.fingerprint(), issuer.fingerprint()))
            {
                continue;
            }
            self.add_link(&certificate, &issuer, answers);
        }
    }

    fn add_link(&mut self, certificate: &Certificate, issuer: &Certificate, answers: &Answers<'_>) {
        if super::check(certificate, issuer, None, answers).is_ok() {
            return;
        }
        let unanswered = |kind, url: &String, about: &Certificate| !answers.has(kind, url, about);
        let ocsp_urls: Vec<_> = certificate
            .ocsp_urls()
            .into_iter()
            .filter(|url| is_http(url) && unanswered(RevocationKind::Ocsp, url, certificate))
            .collect();
        if !ocsp_urls.is_empty() {
            if let Ok(request) = ocsp::request(certificate, issuer) {
                for url in ocsp_urls {
                    self.push(
                        RevocationKind::Ocsp,
                        url,
                        certificate,
                        Some(request.clone()),
                    );
                }
            }
            return;
        }
        for url in certificate
            .crl_urls()
            .into_iter()
            .filter(|url| is_http(url))
        {
            match answers.find(RevocationKind::Crl, &url, issuer) {
                None => self.push(RevocationKind::Crl, url, issuer, None),
                Some(answer) => self.add_delta(answer, certificate, issuer, answers),
            }
        }
    }

    /// The deltas that a genuine base list names.
    fn add_delta(
        &mut self,
        base: Result<&[u8], &NoAnswer>,
        certificate: &Certificate,
        issuer: &Certificate,
        answers: &Answers<'_>,
    ) {
        let Some(base) = base
            .ok()
            .and_then(|der| crl::Crl::verify(der, issuer, answers.now()).ok())
        else {
            return;
        };
        for url in base.delta_urls(certificate) {
            if is_http(&url) && !answers.has(RevocationKind::Crl, &url, issuer) {
                self.push(RevocationKind::Crl, url, issuer, None);
            }
        }
    }

    fn push(
        &mut self,
        kind: RevocationKind,
        url: String,
        about: &Certificate,
        ocsp_request: Option<Vec<u8>>,
    ) {
        let request = RevocationRequest {
            kind,
            url,
            certificate: about.fingerprint(),
            ocsp_request,
        };
        self.add(request);
    }

    fn extend(&mut self, more: Self) {
        self.seen.extend(more.seen);
        more.found.into_iter().for_each(|request| self.add(request));
    }

    fn add(&mut self, request: RevocationRequest) {
        if self.found.len() < limits::REVOCATION_REQUESTS && !self.found.contains(&request) {
            self.found.push(request);
        }
    }
}

/// Whether this is a URL that is followed.
pub(super) fn is_http(url: &str) -> bool {
    url.get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}
