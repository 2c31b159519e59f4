//! `ctlog` and `rfc3161timestamp`: who must have seen a signature.

use super::super::reader::{Field, flip};

/// The trust root of an authority that names none.
pub(super) const PUBLIC_GOOD: &str = "public-good";

/// The transparency log of Sigstore's public-good instance.
const REKOR: &str = "https://rekor.sigstore.dev";

/// Who must have seen a signature.
pub(super) struct Witnesses<'a> {
    /// A transparency log, and the trust root that is named for it.
    pub(super) ctlog: Option<Named<'a>>,
    /// A timestamp authority, and the trust root that is named for it.
    pub(super) timestamp: Option<Named<'a>>,
}

/// A field, and the trust root that it names.
pub(super) struct Named<'a> {
    field: Field<'a>,
    root: Option<&'a str>,
}

/// Reads the two fields.
pub(super) fn read<'a>(
    ctlog: Option<Field<'a>>,
    timestamp: Option<Field<'a>>,
) -> Option<Witnesses<'a>> {
    let ctlog = flip(ctlog.map(log));
    let timestamp = flip(timestamp.map(authority));
    Some(Witnesses {
        ctlog: ctlog?,
        timestamp: timestamp?,
    })
}

fn log(field: Field<'_>) -> Option<Named<'_>> {
    let mut fields = field.fields()?;
    let url = fields.take("url");
    let root = flip(fields.take("trustRootRef").map(|root| root.text()));
    fields.finish(&["url", "trustRootRef"]);
    let root = root?;
    if let Some(url) = url {
        let text = url.text()?;
        if text.trim_end_matches('/') != REKOR && root.is_none() {
            url.warning(format!(
                "this log is not asked: what counts is the entry beside a signature, by a log of the \
                 authority's trust root, which is {PUBLIC_GOOD:?} unless `trustRootRef` names another"
            ));
        }
    }
    Some(Named { field, root })
}

fn authority(field: Field<'_>) -> Option<Named<'_>> {
    let mut fields = field.fields()?;
    let root = fields.need("trustRootRef").and_then(|root| root.text());
    fields.finish(&["trustRootRef"]);
    let root = root?;
    Some(Named {
        field,
        root: Some(root),
    })
}

impl<'a> Witnesses<'a> {
    /// Whether anybody must have seen it.
    pub(super) fn any(&self) -> bool {
        self.ctlog.is_some() || self.timestamp.is_some()
    }

    /// The one trust root of the authority, beside `own`, which its certificates have. Two are a
    /// problem.
    pub(super) fn trust_root<'b>(&self, own: Option<&'b str>) -> Option<Option<&'b str>>
    where
        'a: 'b,
    {
        let mut root: Option<&'b str> = own;
        for named in [&self.ctlog, &self.timestamp].into_iter().flatten() {
            match (root, named.root) {
                (Some(one), Some(other)) if one != other => {
                    named.field.problem(format!(
                        "an authority has one trust root, and {one:?} stands beside {other:?}: put all \
                         into one TrustRoot, and name that everywhere"
                    ));
                    return None;
                }
                (None, Some(other)) => root = Some(other),
                _ => {}
            }
        }
        Some(root)
    }
}
