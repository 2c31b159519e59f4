//! What a trust root holds, and what has changed in it.

use std::fmt::Write as _;
use std::path::Path;

use sealgate_core::UnixTime;
use sealgate_core::trust::{Anchor, AnchorKind, SigstoreRoot};
use serde::Serialize;

use crate::rules::tuf::{LastGood, Versions};

/// An anchor that ends within this many seconds is reported as expiring.
const SOON: i64 = 90 * 86_400;
const DAY: i64 = 86_400;

/// A trust root as it is in force.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    source: String,
    revision: String,
    /// Of the metadata that vouch for it; absent for files and built-in roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip)]
    anchors: Vec<Anchor>,
}

/// What TUF says about a trust root.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    versions: Versions,
    refreshed_at: UnixTime,
    expires: UnixTime,
}

/// One key or chain, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    kind: AnchorKind,
    name: String,
    id: String,
    valid_for: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<UnixTime>,
}

/// What differs between two states.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    added: Vec<Entry>,
    removed: Vec<Entry>,
    /// The same key with another validity; as it is now.
    changed: Vec<Entry>,
    /// In force now, and not for long.
    expiring: Vec<Entry>,
}

impl State {
    pub(super) fn kept(repository: &str, good: &LastGood) -> Self {
        let metadata = Metadata {
            versions: good.versions,
            refreshed_at: good.refreshed_at,
            expires: good.expires,
        };
        Self {
            metadata: Some(metadata),
            ..Self::of(format!("TUF, {repository}"), &good.root)
        }
    }

    pub(super) fn file(file: &Path, root: &SigstoreRoot) -> Self {
        Self::of(format!("file, {}", file.display()), root)
    }

    pub(super) fn built_in(root: &SigstoreRoot) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self::of(format!("built in, as of sealgate {version}"), root)
    }

    fn of(source: String, root: &SigstoreRoot) -> Self {
        Self {
            source,
            revision: root.revision().to_string(),
            metadata: None,
            anchors: root.anchors(),
        }
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.revision == other.revision
    }

    /// Everything it holds.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.anchors.iter().map(Entry::of).collect()
    }

    /// Where it comes from, which version it is and how old, a line each.
    pub(super) fn lines(&self, now: UnixTime) -> String {
        let mut text = format!(
            "  source    {}\n  revision  {}\n",
            self.source, self.revision
        );
        if let Some(metadata) = &self.metadata {
            let v = metadata.versions;
            let refreshed = metadata.refreshed_at;
            let expires = metadata.expires;
            let expiry = match expires < now {
                true => format!("expired   {expires}: it may be outdated"),
                false => format!("expires   {expires}"),
            };
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "  metadata  root {}, timestamp {}, snapshot {}, targets {}\n  \
                 refreshed {refreshed}, {} ago\n  {expiry}\n",
                v.root,
                v.timestamp,
                v.snapshot,
                v.targets,
                age(refreshed, now),
            );
        }
        text
    }
}

impl Changes {
    /// From `before` to `after`.
    pub(super) fn between(before: Option<&State>, after: &State, now: UnixTime) -> Self {
        let old = before.map_or(&[][..], |state| &state.anchors);
        let new = &after.anchors[..];
        let same = |a: &Anchor, b: &Anchor| a.kind == b.kind && a.id == b.id;
        let known = |anchor: &Anchor, others: &[Anchor]| {
            let found = others.iter().find(|other| same(anchor, other));
            found.map(|other| other.valid_for)
        };
        let soon = |anchor: &&Anchor| {
            anchor
                .ends
                .is_some_and(|end| end >= now && end <= now.plus(SOON))
        };
        let all = |anchors: &[Anchor], wanted: &dyn Fn(&Anchor) -> bool| {
            let wanted = anchors.iter().filter(|anchor| wanted(anchor));
            wanted.map(Entry::of).collect()
        };
        Self {
            added: all(new, &|anchor| known(anchor, old).is_none()),
            removed: all(old, &|anchor| known(anchor, new).is_none()),
            changed: all(new, &|anchor| {
                known(anchor, old).is_some_and(|window| window != anchor.valid_for)
            }),
            expiring: all(new, &|anchor| soon(&anchor)),
        }
    }

    /// A line for each.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for (sign, entries) in [
            ("+ added   ", &self.added),
            ("- removed ", &self.removed),
            ("~ changed ", &self.changed),
            ("! expiring", &self.expiring),
        ] {
            for entry in entries {
                text.push_str(&format!("  {sign} {}\n", entry.line()));
            }
        }
        text
    }
}

impl Entry {
    fn of(anchor: &Anchor) -> Self {
        Self {
            kind: anchor.kind,
            name: anchor.name.clone(),
            id: anchor.id.clone(),
            valid_for: anchor.valid_for.to_string(),
            ends: anchor.ends,
        }
    }

    pub(super) fn line(&self) -> String {
        let id: String = self.id.chars().take(16).collect();
        let ends = self.ends.map(|end| format!(", ends {end}"));
        format!(
            "{} {} ({id}), valid {}{}",
            self.kind,
            self.name,
            self.valid_for,
            ends.unwrap_or_default()
        )
    }
}

fn age(then: UnixTime, now: UnixTime) -> String {
    let seconds = now.seconds().saturating_sub(then.seconds()).max(0);
    match (seconds / DAY, seconds / 3600, seconds / 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (days, ..) => format!("{days} d"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_removed_changed_and_ends_soon_is_told_apart() {
        let read = |root: &serde_json::Value| {
            let root = SigstoreRoot::from_json(root.to_string().as_bytes()).unwrap();
            State::built_in(&root)
        };
        let first = sealgate_testkit::sigstore::Sigstore::new("first");
        let second = sealgate_testkit::sigstore::Sigstore::new("second").trusted_root();
        let now = sealgate_testkit::sigstore::SIGNED;
        let before = first.trusted_root();
        let mut after = before.clone();
        *after.pointer_mut("/ctlogs").unwrap() = second.pointer("/ctlogs").unwrap().clone();
        let window = after.pointer_mut("/tlogs/0/publicKey/validFor").unwrap();
        window
            .as_object_mut()
            .unwrap()
            .insert("end".to_owned(), now.plus(DAY).to_string().into());
        let changes = Changes::between(Some(&read(&before)), &read(&after), now);
        let names = |entries: &[Entry]| entries.iter().map(|e| e.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&changes.added), ["https://ct.second.example"]);
        assert_eq!(names(&changes.removed), ["https://ct.first.example"]);
        assert_eq!(names(&changes.changed), ["https://rekor.first.example"]);
        assert_eq!(names(&changes.expiring), ["https://rekor.first.example"]);
        let text = changes.lines();
        assert!(
            text.contains("+ added    certificate transparency log https://ct.second.example"),
            "{text}"
        );
        let unchanged = Changes::between(Some(&read(&before)), &read(&before), now);
        assert_eq!(unchanged.lines(), "");
    }
}
