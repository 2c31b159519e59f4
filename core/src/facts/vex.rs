//! What is known of vulnerabilities: OpenVEX documents as predicates.
//!
//! <https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md> (v0.2.0, and the shapes of v0.0.1),
//! and `ATTESTING.md` there: a statement without products is about the attestation's subject. One
//! with products counts only if one of them is named by the image's digest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Facts, Fields, Part, object, part};
use crate::digest::Digest;
use crate::time::UnixTime;

/// The types of predicates that are OpenVEX documents.
pub(crate) const TYPES: [&str; 2] = ["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"];

/// The labels that say why an image is not affected.
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

/// Characters of an impact statement that are shown.
const SHOWN: usize = 200;

/// What a document says of the image, by status: the vulnerabilities of whose latest statement that
/// is the status.
pub(super) fn facts(predicate: Part<'_>, image: &Digest) -> Facts {
    let Some(statements) = statements(predicate, image) else {
        return Facts::new();
    };
    let mut latest = BTreeMap::<&str, (UnixTime, &Status)>::new();
    for one in statements.iter().filter(|one| one.of.is_none()) {
        let name = one.ids.first().map(String::as_str).unwrap_or_default();
        let known = latest.entry(name).or_insert((one.time, &one.status));
        // Of two at one time the worse one.
        if (one.time, one.status.rank()) > (known.0, known.1.rank()) {
            *known = (one.time, &one.status);
        }
    }
    let of = |rank: usize| {
        let names = latest
            .iter()
            .filter(|(_, (_, status))| status.rank() == rank);
        let names: Vec<_> = names.map(|(name, _)| Value::from(*name)).collect();
        Some(Value::from(names))
    };
    let statements = object([
        ("fixed", of(0)),
        ("notAffected", of(1)),
        ("underInvestigation", of(2)),
        ("affected", of(3)),
    ]);
    object([("statements", Some(Value::Object(statements)))])
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Fixed,
    /// With the reason why.
    NotAffected(String),
    /// Also of what says no reason, and of what is no status.
    UnderInvestigation,
    Affected,
}

impl Status {
    /// From the best to the worst.
    fn rank(&self) -> usize {
        match self {
            Self::Fixed => 0,
            Self::NotAffected(_) => 1,
            Self::UnderInvestigation => 2,
            Self::Affected => 3,
        }
    }

    /// Why the vulnerability does not count, if it does not.
    fn clears(&self) -> Option<&str> {
        match self {
            Self::Fixed => Some("fixed"),
            Self::NotAffected(why) => Some(why),
            Self::UnderInvestigation | Self::Affected => None,
        }
    }
}

/// A statement about the image.
#[derive(Debug)]
struct Statement {
    /// The names of the vulnerability; there is one at least.
    ids: Vec<String>,
    status: Status,
    time: UnixTime,
    /// The parts of the image that it is about; none if the whole.
    of: Option<BTreeSet<String>>,
}

/// The statements of a document about an image; none if it is malformed.
fn statements(document: Part<'_>, image: &Digest) -> Option<Vec<Statement>> {
    let document = document.fields()?;
    let time = part(&document, "timestamp");
    let mut about = Vec::new();
    for one in part(&document, "statements").items()? {
        about.extend(statement(&one.fields()?, time, image)?);
    }
    Some(about)
}

/// One statement, if it is about the image; none if it is malformed.
fn statement(
    fields: &Fields<'_>,
    of_document: Part<'_>,
    image: &Digest,
) -> Option<Option<Statement>> {
    let time = match part(fields, "timestamp") {
        own if own.is_there() => own,
        _ => of_document,
    };
    let ids = names(part(fields, "vulnerability"))?;
    let status = status(fields)?;
    let time = time.text()?.parse().ok()?;
    let inner = part(fields, "subcomponents");
    let about = products(part(fields, "products"), inner, image)?;
    Some(about.map(|of| Statement {
        ids,
        status,
        time,
        of,
    }))
}

/// The names of a vulnerability: its own, and those that others have for it.
fn names(vulnerability: Part<'_>) -> Option<Vec<String>> {
    let Some(fields) = vulnerability.fields() else {
        return Some(vec![vulnerability.text()?]);
    };
    let mut names = vec![part(&fields, "name").text()?];
    let aliases = part(&fields, "aliases");
    if aliases.is_there() {
        for alias in aliases.items()? {
            names.push(alias.text()?);
        }
    }
    Some(names)
}

fn status(fields: &Fields<'_>) -> Option<Status> {
    let status = part(fields, "status").text()?;
    Some(match status.as_str() {
        "fixed" => Status::Fixed,
        "affected" => Status::Affected,
        "not_affected" => {
            let label = part(fields, "justification").text();
            let label = label.filter(|label| JUSTIFICATIONS.contains(&label.as_str()));
            let why = label.or_else(|| part(fields, "impact_statement").text());
            why.map_or(Status::UnderInvestigation, |why| {
                Status::NotAffected(why.chars().take(SHOWN).collect())
            })
        }
        _ => Status::UnderInvestigation,
    })
}

/// Whether the image is among the products, and which parts of it are meant: none for the whole.
/// None of all if they are malformed.
#[allow(
    clippy::option_option,
    reason = "malformed, not about it, about the whole"
)]
fn products(
    list: Part<'_>,
    inner: Part<'_>,
    image: &Digest,
) -> Option<Option<Option<BTreeSet<String>>>> {
    let inner = components(inner)?;
    if !list.is_there() {
        return Some(Some(inner));
    }
    let mut found = None;
    for product in list.items()? {
        let own = match product.fields() {
            Some(fields) => components(part(&fields, "subcomponents"))?,
            None => {
                product.text()?;
                None
            }
        };
        if !is_image(product, image) {
            continue;
        }
        let parts = own.or_else(|| inner.clone());
        found = Some(match (found, parts) {
            (None, parts) => parts,
            (Some(Some(mut known)), Some(more)) => {
                BTreeSet::extend(&mut known, more);
                Some(known)
            }
            // About the whole, one way or the other.
            _ => None,
        });
    }
    Some(found)
}

/// The names of components; none without a list.
fn components(list: Part<'_>) -> Option<Option<BTreeSet<String>>> {
    if !list.is_there() {
        return Some(None);
    }
    let mut names = BTreeSet::new();
    for one in list.items()? {
        match one.fields() {
            None => names.extend([one.text()?]),
            Some(_) => names.extend(identifiers(one)),
        }
    }
    Some(Some(names))
}

/// What a component is called: its own id, and its package URL.
fn identifiers(component: Part<'_>) -> impl Iterator<Item = String> {
    let id = component.field("@id").text();
    id.into_iter()
        .chain(component.at(["identifiers", "purl"]).text())
}

/// Whether a product is named by the image's digest.
fn is_image(product: Part<'_>, image: &Digest) -> bool {
    let hash = product.at(["hashes", "sha-256"]).text();
    image.algorithm_name() == "sha256" && hash.is_some_and(|hash| hash == image.hex())
        || product.text().is_some_and(|id| ends_with(&id, image))
        || identifiers(product).any(|id| ends_with(&id, image))
}

/// Whether a package URL, or an image reference, ends with a digest.
fn ends_with(id: &str, image: &Digest) -> bool {
    let id = id.split(['?', '#']).next().unwrap_or_default();
    let version = id.rsplit_once('@').map(|(_, version)| version);
    version
        .is_some_and(|version| version.replace("%3A", ":").replace("%3a", ":") == image.to_string())
}

/// Statements of several documents about one image.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    read: Vec<(Digest, Statement)>,
    /// Whether one of them is malformed: it may say anything of what others clear.
    malformed: bool,
}

impl Documents {
    /// Adds a document, which the statement of this digest has as its predicate.
    pub(crate) fn add(&mut self, statement: Digest, predicate: &RawValue, image: &Digest) {
        match statements(Part(Some(predicate)), image) {
            Some(read) => self
                .read
                .extend(read.into_iter().map(|one| (statement, one))),
            None => self.malformed = true,
        }
    }

    /// The vulnerabilities that do not count. What says so must be later than everything that says
    /// otherwise of the same vulnerability, by whichever of its names.
    pub(crate) fn cleared(self) -> Cleared {
        let mut open = BTreeMap::<String, UnixTime>::new();
        for (_, one) in self
            .read
            .iter()
            .filter(|(_, one)| one.status.clears().is_none())
        {
            for id in &one.ids {
                let latest = open.entry(id.clone()).or_insert(one.time);
                *latest = one.time.max(*latest);
            }
        }
        let mut cleared = Cleared::default();
        if self.malformed {
            return cleared;
        }
        for (statement, one) in self.read {
            let Some(why) = one.status.clears() else {
                continue;
            };
            let mut others = one.ids.iter().filter_map(|id| open.get(id));
            if others.any(|other| *other >= one.time) {
                continue;
            }
            for id in &one.ids {
                cleared.0.entry(id.clone()).or_default().push(Clearing {
                    why: why.to_owned(),
                    statement,
                    of: one.of.clone(),
                });
            }
        }
        cleared
    }
}

/// Vulnerabilities that do not count, by their names.
#[derive(Debug, Default)]
pub(crate) struct Cleared(BTreeMap<String, Vec<Clearing>>);

/// Why one does not.
#[derive(Debug)]
pub(crate) struct Clearing {
    /// The reason, as the document has it.
    pub(crate) why: String,
    /// The digest of the statement that says so.
    pub(crate) statement: Digest,
    of: Option<BTreeSet<String>>,
}

impl Cleared {
    /// None at all.
    pub(super) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why a vulnerability in a component does not count.
    pub(super) fn of(&self, id: &str, component: Option<&str>) -> Option<&Clearing> {
        self.0.get(id)?.iter().find(|clearing| match &clearing.of {
            None => true,
            Some(of) => component.is_some_and(|component| of.contains(component)),
        })
    }
}
