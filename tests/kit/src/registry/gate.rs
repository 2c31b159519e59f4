//! A door at which requests wait, so that tests need no sleeps.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds requests until it is opened, and tells how many have come. Clones are the same gate.
///
/// ```
/// # use sealgate_testkit::registry::Gate;
/// # async fn example(gate: Gate) {
/// gate.arrivals(1).await; // the first request is waiting now
/// gate.open();            // it goes on, and so do all later ones
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<Doorway>>);

#[derive(Debug, Default)]
struct Doorway {
    open: bool,
    arrived: u64,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Doorway::default())))
    }

    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.0.send_modify(|doorway| doorway.open = true);
    }

    /// Waits until `count` requests have reached the gate, since it was made.
    pub async fn arrivals(&self, count: u64) {
        self.until(|doorway| doorway.arrived >= count).await;
    }

    /// Arrives, and waits for the gate to open.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|doorway| doorway.arrived += 1);
        self.until(|doorway| doorway.open).await;
    }

    async fn until(&self, condition: impl FnMut(&Doorway) -> bool) {
        // An error would mean that the sender is gone, but `self` holds it.
        drop(self.0.subscribe().wait_for(condition).await);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
