//! What the listeners of one registry, and its handle, have in common.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::auth::Gatekeeper;
use super::fault::{Firing, Phase, Rule, Rules};
use super::request::{Call, RecordedRequest};
use super::store::Store;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gatekeeper: Gatekeeper,
    /// The most entries of one page; `None` means no limit.
    pub(crate) page_size: Option<usize>,
    /// Bytes sent on all connections.
    pub(crate) sent: Arc<AtomicU64>,
    referrers_api: AtomicBool,
    store: Mutex<Store>,
    rules: Mutex<Rules>,
    requests: Mutex<Vec<RecordedRequest>>,
}

impl Shared {
    pub(crate) fn new(
        gatekeeper: Gatekeeper,
        page_size: Option<usize>,
        referrers_api: bool,
    ) -> Self {
        Self {
            gatekeeper,
            page_size,
            sent: Arc::default(),
            referrers_api: AtomicBool::new(referrers_api),
            store: Mutex::default(),
            rules: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(crate) fn has_referrers_api(&self) -> bool {
        self.referrers_api.load(Ordering::Relaxed)
    }

    pub(crate) fn set_referrers_api(&self, present: bool) {
        self.referrers_api.store(present, Ordering::Relaxed);
    }

    pub(crate) fn inject(&self, rule: Rule) {
        lock(&self.rules).add(rule);
    }

    pub(crate) fn clear_faults(&self) {
        lock(&self.rules).clear();
    }

    pub(crate) fn firing(&self, call: &Call, phase: Phase) -> Vec<Firing> {
        lock(&self.rules).take(call, phase)
    }

    pub(crate) fn record(&self, request: RecordedRequest) {
        lock(&self.requests).push(request);
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.requests).clone()
    }

    pub(crate) fn clear_requests(&self) {
        lock(&self.requests).clear();
    }
}

/// A panic elsewhere leaves the data as good as it was: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
