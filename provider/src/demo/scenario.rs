//! What is shown, and what should come of it.

use serde_json::{Value, json};

use super::cluster::{Admission, TAG_LIFE};
use super::shop::Shop;

/// One thing that somebody deploys.
pub(super) struct Scene {
    /// What it is.
    pub(super) title: &'static str,
    kind: Kind,
    /// The images, the first in an init container if there are several.
    images: Vec<(&'static str, &'static str)>,
    before: Before,
    /// What should come of it: let in, or a refusal with this situation.
    pub(super) expected: Option<&'static str>,
    seen: Option<Admission>,
}

/// What makes the containers.
#[derive(Clone, Copy)]
enum Kind {
    Pod,
    Deployment,
}

/// What happens before.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    TheTagMoves,
    TheRegistryGoesDown,
}

/// The show, in order.
pub(super) fn all() -> Vec<Scene> {
    let pod = |title, name, expected| Scene {
        title,
        kind: Kind::Pod,
        images: vec![(name, "1.0")],
        before: Before::Nothing,
        expected,
        seen: None,
    };
    vec![
        pod("signed by the trusted key (cosign v2)", "signed", None),
        pod("signed by the trusted key (cosign v3)", "signed-v3", None),
        pod("not signed", "unsigned", Some("unsigned")),
        pod("signed by a stranger", "stranger", Some("untrusted")),
        pod(
            "signature of another image",
            "transplanted",
            Some("invalid"),
        ),
        pod("signed payload altered", "altered", Some("untrusted")),
        pod(
            "payload swapped inside the registry",
            "swapped",
            Some("tampered_registry"),
        ),
        pod("signed, under a tag that will move", "moving", None),
        Scene {
            before: Before::TheTagMoves,
            ..pod(
                "the same tag, moved to another image",
                "moving",
                Some("unsigned"),
            )
        },
        Scene {
            kind: Kind::Deployment,
            images: vec![("unsigned", "1.0"), ("signed", "1.0")],
            ..pod(
                "Deployment, unsigned init container",
                "signed",
                Some("unsigned"),
            )
        },
        Scene {
            images: vec![("signed", "2.0")],
            before: Before::TheRegistryGoesDown,
            ..pod(
                "signed, but the registry is down",
                "signed",
                Some("undecided"),
            )
        },
        Scene {
            images: vec![("signed", "2.0")],
            ..pod("the same, the registry back up", "signed", None)
        },
    ]
}

impl Scene {
    /// Does what happens before.
    pub(super) async fn prepare(&self, shop: &Shop) {
        match self.before {
            Before::Nothing => {}
            Before::TheTagMoves => {
                shop.move_tag();
                // The lookup of the tag is remembered; the verdict belongs to the digest.
                tokio::time::sleep(TAG_LIFE * 2).await;
            }
            Before::TheRegistryGoesDown => shop.go_down(),
        }
    }

    /// The object that is deployed.
    pub(super) fn object(&self, shop: &Shop) -> Value {
        let container = |(i, (name, tag)): (usize, &(&str, &str))| json!({"name": format!("c{i}"), "image": shop.image(name, tag)});
        let mut containers: Vec<_> = self.images.iter().enumerate().map(container).collect();
        let last = containers.split_off(containers.len().saturating_sub(1));
        let spec = json!({"initContainers": containers, "containers": last});
        let metadata = json!({"name": "demo", "namespace": "shop"});
        match self.kind {
            Kind::Pod => {
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
            }
            Kind::Deployment => json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": metadata,
                "spec": {"template": {"spec": spec}},
            }),
        }
    }

    /// The same scene, played.
    pub(super) fn seen(self, admission: Admission) -> Self {
        Self {
            seen: Some(admission),
            ..self
        }
    }

    /// Whether it went as it should: also that it was refused for its own reason.
    pub(super) fn as_expected(&self) -> bool {
        match (&self.seen, self.expected) {
            (Some(Admission::Admitted), None) => true,
            (Some(Admission::Denied(violations)), Some(expected)) => {
                let situation = |v: &sealgate_testkit::rego::Violation| {
                    v.details.get("situation").and_then(Value::as_str) == Some(expected)
                };
                !violations.is_empty() && violations.iter().all(situation)
            }
            _ => false,
        }
    }

    /// `admitted` or `denied`.
    pub(super) fn outcome(&self) -> &'static str {
        match &self.seen {
            Some(Admission::Admitted) => "admitted",
            Some(Admission::Denied(_)) => "denied",
            None => "not played",
        }
    }

    /// What is said at the kubectl prompt.
    pub(super) fn messages(&self) -> Vec<&str> {
        match &self.seen {
            Some(Admission::Denied(violations)) => {
                violations.iter().map(|v| v.message.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }
}
