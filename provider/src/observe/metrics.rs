//! Metrics. Labels come from enums, by their stable names, and from names in the configuration,
//! never from names of images, hosts or people: the number of series is fixed.

use std::fmt;
use std::sync::LazyLock;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sealgate_core::UnixTime;
use sealgate_core::verdict::Outcome;

/// All metrics of the service.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    decisions: Family<DecisionLabels, Counter>,
    undecided: Family<CauseLabels, Counter>,
    wrong_keys: Counter,
    work_seconds: Family<WorkLabels, Histogram>,
    work_in_progress: Family<WorkLabels, Gauge>,
    cache_bytes: Family<CacheLabels, Gauge>,
    cache_entries: Family<CacheLabels, Gauge>,
    connections: Gauge,
    handshake_failures: Counter,
    token_reviews: Family<ReviewLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    broken: Family<LoadedLabels, Gauge>,
    certificate_expiry: Gauge,
    audit_lost: Counter,
    stuck: Family<LoadedLabels, Gauge>,
    connections_closed: Family<ClosedLabels, Counter>,
    root_refreshes: Family<RefreshLabels, Counter>,
    root_refreshed: Family<RootLabels, Gauge>,
    root_expiry: Family<RootLabels, Gauge>,
}

/// Declares an enum whose variants are label values.
macro_rules! labels {
    ($(#[doc = $doc:literal])+ $name:ident { $( $(#[doc = $vdoc:literal])+ $variant:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[doc = $vdoc])+ $variant, )+ }

        impl $name {
            /// The label value.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.name(), encoder)
            }
        }
    };
}

labels! {
    /// The routes of the main listeners.
    Route {
        /// `/v1/validate`, with or without a policy.
        Validate = "validate",
        /// `/v1/mutate`.
        Mutate = "mutate",
        /// `/v1/verify`.
        Verify = "verify",
        /// `/v1/evidence`.
        Evidence = "evidence",
    }
}

labels! {
    /// How a request ended.
    Answer {
        /// With an answer for every key.
        Answered = "answered",
        /// At least one image is undecided.
        Undecided = "undecided",
        /// The request was malformed or over a limit.
        Rejected = "rejected",
        /// Too many requests at once.
        Shed = "shed",
        /// A defect.
        Failed = "failed",
    }
}

labels! {
    /// Work that goes on behind a request.
    Work {
        /// Asking what a tag names.
        Lookup = "lookup",
        /// Fetching evidence.
        Fetch = "fetch",
        /// Verifying.
        Verification = "verification",
        /// All of it, for one question.
        Decision = "decision",
    }
}

labels! {
    /// The caches.
    CacheName {
        /// Tag lookups.
        Tags = "tags",
        /// Evidence.
        Evidence = "evidence",
        /// Verdicts.
        Verdicts = "verdicts",
    }
}

labels! {
    /// What is reloaded.
    Loaded {
        /// Policies.
        Policies = "policies",
        /// Trust roots and trust stores.
        Trust = "trust",
        /// Certificates of listeners.
        Tls = "tls",
    }
}

labels! {
    /// How a reload ended.
    ReloadResult {
        /// The new content is in force.
        Ok = "ok",
        /// The last good content stays in force.
        Broken = "broken",
    }
}

labels! {
    /// Why lines of the log were not written.
    LogLoss {
        /// Standard error was not read fast enough.
        Unread = "unread",
        /// There were too many of one kind.
        Repeated = "repeated",
    }
}

labels! {
    /// Why we closed a connection.
    Closed {
        /// Another needed its place, and it had been idle longest.
        Displaced = "displaced",
        /// Its address had its share of places, all of them in use.
        Refused = "refused",
        /// No request came in time.
        Silent = "silent",
    }
}

labels! {
    /// How the review of a caller's token ended.
    Reviewed {
        /// He may ask.
        Allowed = "allowed",
        /// He may not.
        Refused = "refused",
        /// It is not known.
        Failed = "failed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Route,
    answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Route,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
    cache: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkLabels {
    work: Work,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: CacheName,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    what: Loaded,
    result: ReloadResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    result: Reviewed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoadedLabels {
    what: Loaded,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogLossLabels {
    cause: LogLoss,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    cause: Closed,
}

/// There is one log, which begins before everything else.
static LOG_LOST: LazyLock<Family<LogLossLabels, Counter>> = LazyLock::new(Family::default);

/// Counts lines of the log that are not written.
pub(crate) fn log_lost(cause: LogLoss, lines: usize) {
    LOG_LOST
        .get_or_create(&LogLossLabels { cause })
        .inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
}

/// A trust root from TUF, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RootLabels {
    root: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    root: String,
    result: &'static str,
}

/// From a cache hit to a caller's deadline.
const SECONDS: [f64; 12] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("sealgate"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            decisions: Family::default(),
            undecided: Family::default(),
            wrong_keys: Counter::default(),
            work_seconds: Family::new_with_constructor(histogram),
            work_in_progress: Family::default(),
            cache_bytes: Family::default(),
            cache_entries: Family::default(),
            connections: Gauge::default(),
            handshake_failures: Counter::default(),
            token_reviews: Family::default(),
            reloads: Family::default(),
            broken: Family::default(),
            certificate_expiry: Gauge::default(),
            audit_lost: Counter::default(),
            stuck: Family::default(),
            connections_closed: Family::default(),
            root_refreshes: Family::default(),
            root_refreshed: Family::default(),
            root_expiry: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self { registry, .. } = self;
        registry.register(
            "requests",
            "Requests, by route and how they ended",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register(
            "decisions",
            "Decisions about images, by outcome and cache status",
            self.decisions.clone(),
        );
        registry.register(
            "undecided",
            "Images that could not be decided, by cause",
            self.undecided.clone(),
        );
        registry.register(
            "wrong_keys",
            "Keys that name no image, namespace or policy",
            self.wrong_keys.clone(),
        );
        registry.register_with_unit(
            "work_duration",
            "Time of lookups, fetches and verifications that succeeded",
            Unit::Seconds,
            self.work_seconds.clone(),
        );
        registry.register(
            "work_in_progress",
            "Lookups, fetches and verifications that are running",
            self.work_in_progress.clone(),
        );
        registry.register_with_unit(
            "cache_size",
            "Bytes in a cache",
            Unit::Bytes,
            self.cache_bytes.clone(),
        );
        registry.register(
            "cache_entries",
            "Entries in a cache",
            self.cache_entries.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "handshake_failures",
            "TLS handshakes that failed",
            self.handshake_failures.clone(),
        );
        registry.register(
            "token_reviews",
            "Tokens of callers that the API server was asked about",
            self.token_reviews.clone(),
        );
        registry.register(
            "reloads",
            "Changed files that were read again",
            self.reloads.clone(),
        );
        registry.register(
            "load_broken",
            "1 while files cannot be used and the last good content is in force",
            self.broken.clone(),
        );
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When the first server certificate expires, in seconds since 1970",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        registry.register(
            "audit_lost",
            "Decisions that could not be written to the audit log",
            self.audit_lost.clone(),
        );
        registry.register(
            "log_lost",
            "Lines of the log that were not written",
            LOG_LOST.clone(),
        );
        registry.register(
            "load_stuck",
            "1 while files do not answer when they are looked at, and the last good content is in force",
            self.stuck.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections that we closed because of what their clients did, or did not do",
            self.connections_closed.clone(),
        );
        registry.register(
            "trust_root_refreshes",
            "Refreshes of a trust root from TUF: ok, or why they failed",
            self.root_refreshes.clone(),
        );
        registry.register_with_unit(
            "trust_root_refreshed_timestamp",
            "When its repository last confirmed a trust root, in seconds since 1970",
            Unit::Seconds,
            self.root_refreshed.clone(),
        );
        registry.register_with_unit(
            "trust_root_expiry_timestamp",
            "When the first of the metadata expires that vouch for a trust root, in seconds since 1970",
            Unit::Seconds,
            self.root_expiry.clone(),
        );
    }

    /// The text format of OpenMetrics.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn request(&self, route: Route, answer: Answer, started: Instant) {
        self.requests
            .get_or_create(&RequestLabels { route, answer })
            .inc();
        self.request_seconds
            .get_or_create(&RouteLabels { route })
            .observe(started.elapsed().as_secs_f64());
    }

    pub(crate) fn decision(&self, outcome: Outcome, cache: &'static str) {
        let labels = DecisionLabels {
            outcome: outcome.name(),
            cache,
        };
        self.decisions.get_or_create(&labels).inc();
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
            .get_or_create(&ReloadLabels { what, result })
            .inc();
        let broken = i64::from(result == ReloadResult::Broken);
        self.broken
            .get_or_create(&LoadedLabels { what })
            .set(broken);
    }

    /// Whether what was last read could not be used.
    pub(crate) fn is_broken(&self, what: Loaded) -> bool {
        self.broken.get_or_create(&LoadedLabels { what }).get() != 0
    }

    /// Whether its files do not answer when they are looked at.
    pub(crate) fn set_stuck(&self, what: Loaded, stuck: bool) {
        let stuck = i64::from(stuck);
        self.stuck.get_or_create(&LoadedLabels { what }).set(stuck);
    }

    /// What [`Metrics::set_stuck`] was told last.
    pub(crate) fn is_stuck(&self, what: Loaded) -> bool {
        self.stuck.get_or_create(&LoadedLabels { what }).get() != 0
    }

    pub(crate) fn connection_closed(&self, cause: Closed) {
        self.connections_closed
            .get_or_create(&ClosedLabels { cause })
            .inc();
    }

    pub(crate) fn certificate_expiry(&self, seconds: i64) {
        self.certificate_expiry.set(seconds);
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
                metrics.decision(Outcome::Unsigned, "miss");
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
