//! Which addresses may be spoken to: the guard against server-side request forgery.
//!
//! Whoever may create a Pod chooses the registry's name, and whoever runs that registry
//! chooses where it redirects to. Neither may reach what only this process can reach. So
//! addresses are judged after name resolution, at every hop, and a name that resolves to a
//! public address now and to a private one later gains nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;
use url::Host;

use crate::shares::{Bounds, Crowded, Party, Shares, Standing};

/// Threads that wait for names to be resolved: of the whole process, for so are its threads. Half of
/// them are for names that were resolved before, or are listed; those of one domain have a few.
static RESOLVERS: LazyLock<Arc<Shares>> = LazyLock::new(|| {
    Shares::new(Bounds {
        share: 4,
        large: (64, 4),
        ..Bounds::alike(64, 1024)
    })
});
/// Names that were resolved before.
static RESOLVED: LazyLock<Standing> = LazyLock::new(|| Standing::new([]));
/// How long a name waits for a thread.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Who may be spoken to through one HTTP client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    /// Host names that may resolve to private addresses.
    private_names: Arc<BTreeSet<String>>,
}

/// Too many names are being resolved.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many other names are being resolved: try again")]
struct Busy;

/// An address that may not be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is at {address}, which is {what}")]
pub(crate) struct Forbidden {
    name: String,
    address: IpAddr,
    what: &'static str,
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The internet.
    Public,
    /// This machine or this network.
    Private,
    /// Nothing that a registry is ever at: metadata services, multicast, reserved ranges.
    Never,
}

impl Guard {
    /// Lets these names be at private addresses, too.
    pub(crate) fn allowing(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            private_names: Arc::new(names.into_iter().collect()),
        }
    }

    /// Judges the host of a URL that is an address already and so is never resolved. A name
    /// passes: it is judged once it is resolved. `listed`: whether the configuration names
    /// this very host.
    pub(crate) fn check_literal(host: &Host<&str>, listed: bool) -> Result<(), Forbidden> {
        let address = match host {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
        };
        match reach(address) {
            Reach::Public => Ok(()),
            _ if listed => Ok(()),
            reach => Err(Forbidden::new(&address.to_string(), address, reach)),
        }
    }

    /// Resolves a name on a thread that it may have to wait for. A resolver that does not answer
    /// holds its thread, whoever has given up meanwhile.
    async fn look_up(
        &self,
        name: &str,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let party = match self.private_names.contains(name) {
            true => Party::known(name),
            false => RESOLVED.party(name),
        };
        let until = Instant::now() + LONGEST_WAIT;
        let thread = RESOLVERS.take(&party, 1, until).await;
        let thread = thread.map_err(|Crowded| Busy)?;
        let asked = name.to_owned();
        let resolve = move || {
            let _thread = thread;
            (asked.as_str(), 0).to_socket_addrs().map(Vec::from_iter)
        };
        let found = tokio::task::spawn_blocking(resolve).await??;
        RESOLVED.prove(name);
        Ok(found)
    }

    fn check(&self, name: &str, address: IpAddr) -> Result<(), Forbidden> {
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private if self.private_names.contains(name) => Ok(()),
            reach => Err(Forbidden::new(name, address, reach)),
        }
    }

    /// The addresses that pass; an error if none does.
    fn filter(
        &self,
        name: &str,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Forbidden> {
        let mut allowed = Vec::new();
        let mut refused = None;
        for address in addresses {
            match self.check(name, address.ip()) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if allowed.is_empty() => Err(error),
            _ => Ok(allowed),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let found = guard.look_up(name).await?.into_iter();
            let allowed = guard.filter(name, found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Forbidden {
    fn new(name: &str, address: IpAddr, reach: Reach) -> Self {
        Self {
            name: name.to_owned(),
            address,
            what: match reach {
                Reach::Never => "an address that no registry may have",
                Reach::Public | Reach::Private => "a private address",
            },
        }
    }
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// IANA IPv4 Special-Purpose Address Registry, and the metadata services of clouds.
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // Alibaba Cloud's metadata service lies in the shared address space.
        [100, 100, 100, 200] => Reach::Never,
        [10 | 127, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if (16..32).contains(&second) => Reach::Private,
        [100, second, ..] if (64..128).contains(&second) => Reach::Private,
        [198, 18 | 19, ..] => Reach::Private,
        // This network, link-local (metadata services), protocol assignments, documentation,
        // multicast and reserved.
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Reach::Never
        }
        [first, ..] if first >= 224 => Reach::Never,
        _ => Reach::Public,
    }
}

/// IANA IPv6 Special-Purpose Address Registry. Addresses that carry an IPv4 address reach as
/// far as that.
fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(embedded) = address.to_ipv4_mapped() {
        return reach_v4(embedded);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    match (a, b) {
        (0, 0) if (c, d, e, f, g, h) == (0, 0, 0, 0, 0, 1) => Reach::Private,
        // NAT64 and 6to4.
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => reach_v4(v4(g, h)),
        (0x2002, _) => reach_v4(v4(b, c)),
        // Protocol assignments with Teredo, and documentation.
        (0x2001, ..0x200) | (0x2001, 0xdb8) | (0x3fff, ..0x1000) => Reach::Never,
        // Amazon's metadata service lies in the unique local addresses.
        (0xfd00, 0xec2) => Reach::Never,
        (0xfc00..=0xfdff, _) => Reach::Private,
        (0x2000..=0x3fff, _) => Reach::Public,
        _ => Reach::Never,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(address: &str) -> Reach {
        reach(address.parse().unwrap())
    }

    #[test]
    fn only_the_internet_is_public() {
        for public in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
        ] {
            assert_eq!(of(public), Reach::Public, "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
        ] {
            assert_eq!(of(private), Reach::Private, "{private}");
        }
        for never in [
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "2001:db8::1",
            "2001::1",
        ] {
            assert_eq!(of(never), Reach::Never, "{never}");
        }
    }

    #[test]
    fn an_ipv4_address_in_disguise_reaches_no_further() {
        assert_eq!(of("::ffff:127.0.0.1"), Reach::Private);
        assert_eq!(of("::ffff:169.254.169.254"), Reach::Never);
        assert_eq!(of("64:ff9b::a9fe:a9fe"), Reach::Never);
        assert_eq!(of("64:ff9b::101:101"), Reach::Public);
        assert_eq!(of("2002:7f00:1::"), Reach::Private);
        assert_eq!(of("::127.0.0.1"), Reach::Never);
    }

    #[test]
    fn a_listed_name_may_be_private_but_no_metadata_service_atk_08() {
        let guard = Guard::allowing(["r.corp".to_owned()]);
        let private = "10.1.2.3".parse().unwrap();
        let metadata = "169.254.169.254".parse().unwrap();
        assert_eq!(guard.check("r.corp", private), Ok(()));
        assert!(guard.check("r.corp", metadata).is_err());
        assert!(guard.check("other.corp", private).is_err());
        assert!(guard.check("evil.r.corp", private).is_err());
    }

    #[test]
    fn of_several_addresses_only_the_allowed_are_used() {
        let addresses = ["10.0.0.1:0", "1.1.1.1:0"].map(|text| text.parse().unwrap());
        let guard = Guard::default();
        let allowed = guard.filter("r", addresses.into_iter()).unwrap();
        assert_eq!(allowed, [addresses[1]]);
        assert!(guard.filter("r", addresses.into_iter().take(1)).is_err());
    }
}
