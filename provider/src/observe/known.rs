//! Metrics that every cached answer counts, each looked up once: a [`Family`] takes a lock and hashes
//! the labels each time.
//!
//! [`Family`]: prometheus_client::metrics::family::Family

use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// As many as there are values of any of these labels. The metrics of one beyond are looked up each
/// time.
const LABELS: usize = 8;

/// The metrics, by the numbers of their labels.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) requests: ByLabel<ByLabel<OnceLock<Counter>>>,
    pub(super) request_seconds: ByLabel<OnceLock<Histogram>>,
    pub(super) decisions: ByLabel<ByLabel<OnceLock<Counter>>>,
}

/// Something for each value of a label.
#[derive(Debug, Default)]
pub(super) struct ByLabel<T>([T; LABELS]);

impl<T> ByLabel<T> {
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.0.get(number)
    }
}

/// Counts with the metric that is kept here; it is looked up if it is not there yet.
pub(super) fn count<M>(
    kept: Option<&OnceLock<M>>,
    look_up: impl FnOnce() -> M,
    count: impl FnOnce(&M),
) {
    match kept {
        Some(kept) => count(kept.get_or_init(look_up)),
        None => count(&look_up()),
    }
}
