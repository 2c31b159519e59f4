//! Bills of materials: SPDX 2 and CycloneDX 1, in JSON.
//!
//! Licenses are those that the document names; a package without any is not told apart.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Facts, Part, object, part};

/// A document of SPDX 2.
pub(super) fn spdx(predicate: Part<'_>) -> Facts {
    let document = predicate.fields().unwrap_or_default();
    match part(&document, "spdxVersion").text() {
        Some(_) => found(spdx_packages(part(&document, "packages"))),
        None => Facts::new(),
    }
}

/// A document of CycloneDX 1.
pub(super) fn cyclonedx(predicate: Part<'_>) -> Facts {
    let document = predicate.fields().unwrap_or_default();
    match part(&document, "bomFormat").text().as_deref() {
        Some("CycloneDX") => found(components(part(&document, "components"))),
        _ => Facts::new(),
    }
}

struct Found {
    packages: usize,
    licenses: BTreeSet<String>,
}

fn found(found: Option<Found>) -> Facts {
    let (packages, licenses) = match found {
        Some(found) => (
            Some(Value::from(found.packages)),
            Some(found.licenses.into_iter().collect()),
        ),
        None => (None, None),
    };
    object([("packages", packages), ("licenses", licenses)])
}

fn spdx_packages(packages: Part<'_>) -> Option<Found> {
    let packages = packages.items()?;
    let mut licenses = BTreeSet::new();
    for package in &packages {
        let package = package.fields()?;
        for field in ["licenseConcluded", "licenseDeclared"] {
            let license = part(&package, field);
            if license.is_there() {
                licenses.insert(license.text()?);
            }
        }
    }
    licenses.remove("NOASSERTION");
    licenses.remove("NONE");
    Some(Found {
        packages: packages.len(),
        licenses,
    })
}

fn components(components: Part<'_>) -> Option<Found> {
    let mut open = components.items()?;
    let mut found = Found {
        packages: 0,
        licenses: BTreeSet::new(),
    };
    while let Some(component) = open.pop() {
        let component = component.fields()?;
        found.packages += 1;
        let licenses = part(&component, "licenses");
        if licenses.is_there() {
            for choice in licenses.items()? {
                found.licenses.insert(license(choice)?);
            }
        }
        let inner = part(&component, "components");
        if inner.is_there() {
            open.extend(inner.items()?);
        }
    }
    Some(found)
}

/// An expression, or a license by its identifier or its name.
fn license(choice: Part<'_>) -> Option<String> {
    let license = choice.field("license");
    let expression = choice.field("expression").text();
    let by_id = expression.or_else(|| license.field("id").text());
    by_id.or_else(|| license.field("name").text())
}
