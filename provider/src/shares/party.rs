//! In whose name something scarce is taken.

use std::sync::Arc;

use url::Host;

/// In whose name something is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    /// The registry; of strangers, the domain.
    pub(super) key: Arc<str>,
    /// Who wants it of the registry: the namespace.
    pub(super) lane: Arc<str>,
    pub(super) known: bool,
}

impl Party {
    /// The registry as its own party.
    pub(crate) fn known(host: &str) -> Self {
        Self {
            key: host.into(),
            lane: "".into(),
            known: true,
        }
    }

    /// Somebody of whom nothing is known: all hosts of a domain are one.
    pub(crate) fn stranger(host: &str) -> Self {
        Self {
            key: domain(host).into(),
            lane: "".into(),
            known: false,
        }
    }

    /// The same for somebody in this namespace.
    pub(crate) fn in_namespace(self, namespace: Option<&str>) -> Self {
        Self {
            lane: namespace.unwrap_or_default().into(),
            ..self
        }
    }
}

/// The last two labels of a name; an address as it is. Good enough to tell apart those who pay
/// for their names.
fn domain(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let labels: Vec<_> = name.split('.').collect();
    match (Host::parse(name), labels.as_slice()) {
        (Ok(Host::Domain(_)), [.., second, first]) => format!("{second}.{first}"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_apart_by_domain_or_address() {
        for (host, expected) in [
            ("r1.evil.test", "evil.test"),
            ("r1.evil.test:5000", "evil.test"),
            ("evil.test", "evil.test"),
            ("localhost:5000", "localhost:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(domain(host), expected, "{host}");
        }
    }
}
