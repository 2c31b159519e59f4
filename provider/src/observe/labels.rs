//! The labels of metrics: enums with stable names, and names in the configuration.

use std::fmt;
use std::net::SocketAddr;

use prometheus_client::encoding::{
    EncodeLabel, EncodeLabelSet, EncodeLabelValue, LabelSetEncoder, LabelValueEncoder,
};

/// Declares an enum whose variants are label values.
macro_rules! labels {
    ($(#[doc = $doc:literal])+ $name:ident { $( $(#[doc = $vdoc:literal])+ $variant:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $( $(#[doc = $vdoc])+ $variant, )+ }

        impl $name {
            /// The label value.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
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
    /// Where a decision comes from.
    CacheStatus {
        /// From the cache.
        Hit = "hit",
        /// Made for this question.
        Miss = "miss",
        /// From the cache, beyond its life: the registry could not be asked.
        Stale = "stale",
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
        /// Verdicts by the bytes of keys.
        Keys = "keys",
    }
}

/// What is read again when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Loaded {
    /// Policies.
    Policies,
    /// Trust roots and trust stores.
    Trust,
    /// The certificates of the listener that has this address in the configuration.
    Tls(SocketAddr),
}

impl Loaded {
    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Trust => "trust",
            Self::Tls(_) => "tls",
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Tls(listener) => write!(f, " of {listener}"),
            Self::Policies | Self::Trust => Ok(()),
        }
    }
}

impl EncodeLabelSet for Loaded {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("what", self.as_str()).encode(encoder.encode_label())?;
        match self {
            Self::Tls(listener) => {
                ("listener", listener.to_string()).encode(encoder.encode_label())
            }
            Self::Policies | Self::Trust => Ok(()),
        }
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
pub(super) struct RequestLabels {
    pub(super) route: Route,
    pub(super) answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: Route,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) outcome: &'static str,
    pub(super) cache: CacheStatus,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CauseLabels {
    pub(super) cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WorkLabels {
    pub(super) work: Work,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CacheLabels {
    pub(super) cache: CacheName,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReloadLabels {
    pub(super) what: &'static str,
    pub(super) result: ReloadResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReviewLabels {
    pub(super) result: Reviewed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ListenerLabels {
    pub(super) listener: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LogLossLabels {
    pub(super) cause: LogLoss,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ClosedLabels {
    pub(super) cause: Closed,
}

/// A trust root from TUF, by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RootLabels {
    pub(super) root: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RefreshLabels {
    pub(super) root: String,
    pub(super) result: &'static str,
}
