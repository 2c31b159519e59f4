//! Metrics. Labels come from enums, by their stable names, and from names in the configuration,
//! never from names of images, hosts or people: the number of series is fixed.

use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Instant;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sealgate_core::UnixTime;
use sealgate_core::verdict::Outcome;

use super::known::{Known, count};
use super::labels::{
    CacheLabels, CauseLabels, ClosedLabels, DecisionLabels, ListenerLabels, LogLossLabels,
    RefreshLabels, ReloadLabels, RequestLabels, ReviewLabels, RootLabels, RouteLabels, WorkLabels,
};

pub(crate) use super::labels::{
    Answer, CacheName, CacheStatus, Closed, Loaded, LogLoss, ReloadResult, Reviewed, Route, Work,
};

/// There is one log, which begins before everything else.
static LOG_LOST: LazyLock<Family<LogLossLabels, Counter>> = LazyLock::new(Family::default);

/// Counts lines of the log that are not written.
pub(crate) fn log_lost(cause: LogLoss, lines: usize) {
    LOG_LOST
        .get_or_create(&LogLossLabels { cause })
        .inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
}

/// From a cache hit to a caller's deadline.
const SECONDS: [f64; 12] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// A metric of the table below, at zero.
trait Zero {
    fn zero() -> Self;
}

impl Zero for Counter {
    fn zero() -> Self {
        Self::default()
    }
}

impl Zero for Gauge {
    fn zero() -> Self {
        Self::default()
    }
}

impl Zero for Histogram {
    fn zero() -> Self {
        Self::new(SECONDS)
    }
}

impl<L: Clone + Eq + Hash, M: Zero> Zero for Family<L, M> {
    fn zero() -> Self {
        Self::new_with_constructor(M::zero)
    }
}

/// Declares the metrics: each with its field, its name, its unit if it has one, and what it says.
macro_rules! metrics {
    ($( $field:ident: $type:ty = $name:literal $(in $unit:ident)?, $help:literal; )+) => {
        /// All metrics of the service.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            known: Known,
            $( $field: $type, )+
        }

        impl Metrics {
            /// All metrics, at zero.
            pub fn new() -> Self {
                let mut registry = Registry::with_prefix("sealgate");
                $(
                    let $field = <$type>::zero();
                    metrics!(@register registry, $field, $name, $help $(, $unit)?);
                )+
                registry.register(
                    "log_lost",
                    "Lines of the log that were not written",
                    LOG_LOST.clone(),
                );
                Self { registry, known: Known::default(), $( $field, )+ }
            }
        }
    };
    (@register $registry:ident, $field:ident, $name:literal, $help:literal) => {
        $registry.register($name, $help, $field.clone());
    };
    (@register $registry:ident, $field:ident, $name:literal, $help:literal, $unit:ident) => {
        $registry.register_with_unit($name, $help, Unit::$unit, $field.clone());
    };
}

metrics! {
    requests: Family<RequestLabels, Counter> = "requests", "Requests, by route and how they ended";
    request_seconds: Family<RouteLabels, Histogram> = "request_duration" in Seconds, "Time from the head of a request to its answer";
    decisions: Family<DecisionLabels, Counter> = "decisions", "Decisions about images, by outcome and cache status";
    undecided: Family<CauseLabels, Counter> = "undecided", "Images that could not be decided, by cause";
    wrong_keys: Counter = "wrong_keys", "Keys that name no image, namespace or policy";
    work_seconds: Family<WorkLabels, Histogram> = "work_duration" in Seconds, "Time of lookups, fetches and verifications that succeeded";
    work_in_progress: Family<WorkLabels, Gauge> = "work_in_progress", "Lookups, fetches and verifications that are running";
    cache_bytes: Family<CacheLabels, Gauge> = "cache_size" in Bytes, "Bytes in a cache";
    cache_entries: Family<CacheLabels, Gauge> = "cache_entries", "Entries in a cache";
    connections: Gauge = "connections", "Open connections";
    handshake_failures: Counter = "handshake_failures", "TLS handshakes that failed";
    token_reviews: Family<ReviewLabels, Counter> = "token_reviews", "Tokens of callers that the API server was asked about";
    reloads: Family<ReloadLabels, Counter> = "reloads", "Changed files that were read again";
    broken: Family<Loaded, Gauge> = "load_broken", "1 while files cannot be used and the last good content is in force";
    certificate_expiry: Family<ListenerLabels, Gauge> = "certificate_expiry_timestamp" in Seconds, "When the certificate of a listener expires, in seconds since 1970";
    audit_lost: Counter = "audit_lost", "Decisions that could not be written to the audit log";
    stuck: Family<Loaded, Gauge> = "load_stuck", "1 while files do not answer when they are looked at, and the last good content is in force";
    connections_closed: Family<ClosedLabels, Counter> = "connections_closed", "Connections that we closed because of what their clients did, or did not do";
    root_refreshes: Family<RefreshLabels, Counter> = "trust_root_refreshes", "Refreshes of a trust root from TUF: ok, or why they failed";
    root_refreshed: Family<RootLabels, Gauge> = "trust_root_refreshed_timestamp" in Seconds, "When its repository last confirmed a trust root, in seconds since 1970";
    root_expiry: Family<RootLabels, Gauge> = "trust_root_expiry_timestamp" in Seconds, "When the first of the metadata expires that vouch for a trust root, in seconds since 1970";
}

impl Metrics {
    /// The text format of OpenMetrics.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn request(&self, route: Route, answer: Answer, started: Instant) {
        let requests = self.known.requests.get(route as usize);
        count(
            requests.and_then(|answers| answers.get(answer as usize)),
            || {
                let labels = RequestLabels { route, answer };
                self.requests.get_or_create_owned(&labels)
            },
            |requests| {
                requests.inc();
            },
        );
        let took = started.elapsed().as_secs_f64();
        count(
            self.known.request_seconds.get(route as usize),
            || {
                let labels = RouteLabels { route };
                self.request_seconds.get_or_create_owned(&labels)
            },
            |seconds| seconds.observe(took),
        );
    }

    pub(crate) fn decision(&self, outcome: Outcome, cache: CacheStatus) {
        let decisions = self.known.decisions.get(outcome as usize);
        count(
            decisions.and_then(|statuses| statuses.get(cache as usize)),
            || {
                let labels = DecisionLabels {
                    outcome: outcome.as_str(),
                    cache,
                };
                self.decisions.get_or_create_owned(&labels)
            },
            |decisions| {
                decisions.inc();
            },
        );
    }

    pub(crate) fn undecided(&self, cause: &'static str) {
        self.undecided.get_or_create(&CauseLabels { cause }).inc();
    }

    pub(crate) fn wrong_key(&self) {
        self.wrong_keys.inc();
    }

    /// Times some work; [`Timer::stop`] records it.
    pub(crate) fn start(&self, work: Work) -> Timer {
        Timer {
            seconds: self.work_seconds.get_or_create_owned(&WorkLabels { work }),
            started: Instant::now(),
        }
    }

    pub(crate) fn in_progress(&self, work: Work, count: usize) {
        set(
            &self.work_in_progress.get_or_create(&WorkLabels { work }),
            count,
        );
    }

    pub(crate) fn cache_size(&self, cache: CacheName, bytes: u64, entries: u64) {
        let labels = CacheLabels { cache };
        set(&self.cache_bytes.get_or_create(&labels), bytes);
        set(&self.cache_entries.get_or_create(&labels), entries);
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connection(&self) -> ConnectionGuard {
        self.connections.inc();
        ConnectionGuard(self.connections.clone())
    }

    pub(crate) fn handshake_failure(&self) {
        self.handshake_failures.inc();
    }

    pub(crate) fn token_review(&self, result: Reviewed) {
        self.token_reviews
            .get_or_create(&ReviewLabels { result })
            .inc();
    }

    pub(crate) fn reload(&self, what: Loaded, result: ReloadResult) {
        self.reloads
            .get_or_create(&ReloadLabels {
                what: what.as_str(),
                result,
            })
            .inc();
        let broken = i64::from(result == ReloadResult::Broken);
        self.broken.get_or_create(&what).set(broken);
    }

    /// Whether what was last read could not be used.
    pub(crate) fn is_broken(&self, what: Loaded) -> bool {
        self.broken.get_or_create(&what).get() != 0
    }

    /// Whether its files do not answer when they are looked at.
    pub(crate) fn set_stuck(&self, what: Loaded, stuck: bool) {
        let stuck = i64::from(stuck);
        self.stuck.get_or_create(&what).set(stuck);
    }

    /// What [`Metrics::set_stuck`] was told last.
    pub(crate) fn is_stuck(&self, what: Loaded) -> bool {
        self.stuck.get_or_create(&what).get() != 0
    }

    pub(crate) fn connection_closed(&self, cause: Closed) {
        self.connections_closed
            .get_or_create(&ClosedLabels { cause })
            .inc();
    }

    pub(crate) fn certificate_expiry(&self, listener: SocketAddr, seconds: i64) {
        let labels = ListenerLabels {
            listener: listener.to_string(),
        };
        self.certificate_expiry.get_or_create(&labels).set(seconds);
    }

    pub(crate) fn audit_lost(&self, lines: usize) {
        self.audit_lost
            .inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
    }

    /// What is in force, whether just refreshed or kept: when that was, and until when it is good.
    pub(crate) fn trust_root(&self, root: &str, refreshed: UnixTime, expires: UnixTime) {
        let labels = RootLabels {
            root: root.to_owned(),
        };
        let (refreshed, expires) = (refreshed.seconds(), expires.seconds());
        self.root_refreshed.get_or_create(&labels).set(refreshed);
        self.root_expiry.get_or_create(&labels).set(expires);
    }

    /// How a refresh ended: `ok`, or the code of its failure.
    pub(crate) fn trust_root_refresh(&self, root: &str, result: &'static str) {
        let labels = RefreshLabels {
            root: root.to_owned(),
            result,
        };
        self.root_refreshes.get_or_create(&labels).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn set(gauge: &Gauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}

/// Work that is timed.
pub(crate) struct Timer {
    seconds: Histogram,
    started: Instant,
}

impl Timer {
    pub(crate) fn stop(self) {
        self.seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

/// An open connection.
pub(crate) struct ConnectionGuard(Gauge);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_series_does_not_depend_on_what_is_asked_l29_adv_34() {
        let metrics = Metrics::new();
        let series = |n: usize| {
            for _ in 0..n {
                metrics.decision(Outcome::Unsigned, CacheStatus::Miss);
                metrics.undecided("deadline_exceeded");
                metrics.wrong_key();
            }
            metrics.render().lines().count()
        };
        assert_eq!(series(1), series(10_000));
        assert!(
            metrics
                .render()
                .contains(r#"sealgate_decisions_total{outcome="unsigned",cache="miss"} 10001"#)
        );
    }
}
