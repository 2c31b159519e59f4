//! Who may be connected: places, of which each address has a share.
//!
//! A newcomer always finds a place while others are idle: when all are taken, or all of his
//! address's share, the connection that has been idle longest gives up its own. Those that never had
//! a request admitted go first, whatever they are doing; one that is being answered after that is
//! never closed for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is looked again whether somebody has become idle, while nobody is.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The places of a listener.
pub(super) struct Places {
    most: usize,
    /// Of one address.
    share: usize,
    /// Requests of all listeners that are being answered.
    requests: Arc<AtomicUsize>,
    started: Instant,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    last: u64,
    taken: HashMap<u64, (IpAddr, Arc<Activity>)>,
}

/// The place of a connection, given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    activity: Arc<Activity>,
}

/// What goes on on a connection.
pub(crate) struct Activity {
    all_requests: Arc<AtomicUsize>,
    started: Instant,
    /// Being answered.
    requests: AtomicUsize,
    /// Milliseconds after `started` when it began to be idle, or to be answered.
    since: AtomicU64,
    asked: AtomicBool,
    first_asked: Notify,
    admitted: AtomicBool,
    writing: AtomicBool,
    displaced: CancellationToken,
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Activity>);

impl Places {
    pub(super) fn new(most: usize, share: usize, requests: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            most,
            share,
            requests,
            started: Instant::now(),
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Waits until there is a place, or one that can be given up.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let open = self.lock();
                if open.taken.len() < self.most || open.idle_longest(|_| true).is_some() {
                    return;
                }
            }
            // Whether it was freed or it is time to look again.
            let _ = tokio::time::timeout(LOOK_AGAIN, freed).await;
        }
    }

    /// Takes a place for a connection from this address. Whether another has to give up its own
    /// for it. None if the address has its share, and is being answered on all of it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<(Place, bool)> {
        let address = address.to_canonical();
        let mut open = self.lock();
        let of_address = |(peer, _): &&(IpAddr, _)| *peer == address;
        let share = open.taken.values().filter(of_address).count();
        let victim = if share >= self.share {
            Some(open.idle_longest(|peer| *peer == address)?)
        } else if open.taken.len() >= self.most {
            Some(open.idle_longest(|_| true)?)
        } else {
            None
        };
        if let Some(victim) = victim {
            open.displace(victim);
        }
        let activity = Arc::new(Activity::new(self));
        open.last += 1;
        let number = open.last;
        open.taken.insert(number, (address, Arc::clone(&activity)));
        let place = Place {
            places: Arc::clone(self),
            number,
            activity,
        };
        Some((place, victim.is_some()))
    }

    /// Closes the connection that has been idle longest. Whether there is one.
    pub(super) fn displace_one(&self) -> bool {
        let mut open = self.lock();
        let victim = open.idle_longest(|_| true);
        victim.is_some_and(|victim| {
            open.displace(victim);
            true
        })
    }

    /// Whether more than half of the places are taken.
    pub(super) fn are_scarce(&self) -> bool {
        self.lock().taken.len() > self.most / 2
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Of these addresses, the connection that gives up its place first.
    fn idle_longest(&self, of: impl Fn(&IpAddr) -> bool) -> Option<u64> {
        let these = self.taken.iter().filter(|(_, (peer, _))| of(peer));
        let ranked = these.filter_map(|(number, (_, activity))| {
            let admitted = activity.admitted.load(Ordering::Relaxed);
            let spared = admitted && activity.is_unfinished();
            let since = activity.since.load(Ordering::Relaxed);
            (!spared).then_some((admitted, since, *number))
        });
        ranked.min().map(|(.., number)| number)
    }

    fn displace(&mut self, number: u64) {
        if let Some((_, activity)) = self.taken.remove(&number) {
            activity.displaced.cancel();
        }
    }
}

impl Place {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Whether more than half of the places are taken.
    pub(super) fn is_scarce(&self) -> bool {
        self.places.are_scarce()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().taken.remove(&self.number);
        self.places.freed.notify_one();
    }
}

impl Activity {
    fn new(places: &Places) -> Self {
        let activity = Self {
            all_requests: Arc::clone(&places.requests),
            started: places.started,
            requests: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            first_asked: Notify::new(),
            admitted: AtomicBool::new(false),
            writing: AtomicBool::new(false),
            displaced: CancellationToken::new(),
        };
        activity.touch();
        activity
    }

    /// A request has come, and is answered until what this returns is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Answering {
        self.all_requests.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.touch();
        if !self.asked.swap(true, Ordering::Relaxed) {
            self.first_asked.notify_one();
        }
        Answering(Arc::clone(self))
    }

    /// A request's sender may ask: from now on the connection may be idle for long.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }

    /// Whether bytes wait for the peer to take them.
    pub(super) fn set_writing(&self, writing: bool) {
        self.writing.store(writing, Ordering::Relaxed);
    }

    pub(super) fn was_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Whether any request has come.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits for the first request.
    pub(super) async fn first_asked(&self) {
        self.first_asked.notified().await;
    }

    /// Whether a request is being answered, or its sender, who was admitted, has not taken all
    /// of the answer.
    pub(super) fn is_unfinished(&self) -> bool {
        let writing = self.writing.load(Ordering::Relaxed) && self.was_admitted();
        writing || self.requests.load(Ordering::Relaxed) > 0
    }

    /// Since when no request is being answered. None: one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        let idle = self.requests.load(Ordering::Relaxed) == 0;
        idle.then(|| self.started + since)
    }

    /// Waits until the place has been given to another.
    pub(super) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }

    fn touch(&self) {
        let since = self.started.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(activity) = self;
        activity.touch();
        activity.requests.fetch_sub(1, Ordering::Relaxed);
        activity.all_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    /// Time passes only when it is told to.
    async fn later() {
        tokio::time::advance(Duration::from_millis(5)).await;
    }

    fn is_displaced(place: &Place) -> bool {
        place.activity().displaced.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_fills_its_share_and_no_place_of_others_f9() {
        let places = Places::new(4, 2, Arc::default());
        let first = places.take(address(1)).unwrap().0;
        later().await;
        let second = places.take(address(1)).unwrap().0;
        let other = places.take(address(2)).unwrap().0;
        let mut next = Vec::new();
        for round in 0..100 {
            later().await;
            let (place, displaced) = places.take(address(1)).unwrap();
            next.push(place);
            assert!(displaced);
            assert!(is_displaced(&first), "the oldest of its own goes");
            assert_eq!(is_displaced(&second), round > 0);
        }
        assert!(!is_displaced(&other));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_taken_the_one_idle_longest_goes_and_no_answer_is_cut_off_f9() {
        let places = Places::new(3, 3, Arc::default());
        let known = places.take(address(1)).unwrap().0;
        known.activity().admit();
        let _answer = known.activity().begin();
        later().await;
        let idle = places.take(address(2)).unwrap().0;
        drop(idle.activity().begin());
        idle.activity().admit();
        later().await;
        // Younger, but nobody of whom anything is known; being answered does not help.
        let stranger = places.take(address(3)).unwrap().0;
        let _refusal = stranger.activity().begin();
        later().await;
        let (_next, displaced) = places.take(address(4)).unwrap();
        assert!(displaced && is_displaced(&stranger));
        assert!(!is_displaced(&known) && !is_displaced(&idle));
        later().await;
        let (next, _) = places.take(address(5)).unwrap();
        next.activity().admit();
        let _answer_of_next = next.activity().begin();
        assert!(!is_displaced(&idle), "the other stranger went");
        later().await;
        let (last, _) = places.take(address(6)).unwrap();
        assert!(is_displaced(&idle), "then who is known, and idle");
        last.activity().admit();
        let answer = last.activity().begin();
        assert!(places.take(address(7)).is_none(), "all are being answered");
        assert!(!places.displace_one());
        // Room is there as soon as one of them is done.
        let room = places.room();
        tokio::pin!(room);
        assert!(futures::poll!(room.as_mut()).is_pending());
        drop(answer);
        room.await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_ipv4_address_is_one_address_however_it_is_written_f9() {
        let places = Places::new(4, 1, Arc::default());
        let place = places.take(address(1)).unwrap().0;
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
        assert!(places.take(mapped.into()).unwrap().1);
        assert!(is_displaced(&place));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_given_back_is_free_and_counted_requests_end_f9() {
        let requests = Arc::new(AtomicUsize::new(0));
        let places = Places::new(1, 1, Arc::clone(&requests));
        let (place, _) = places.take(address(1)).unwrap();
        assert!(places.are_scarce());
        let answering = place.activity().begin();
        assert_eq!(requests.load(Ordering::Relaxed), 1);
        assert_eq!(place.activity().idle_since(), None);
        drop(answering);
        assert_eq!(requests.load(Ordering::Relaxed), 0);
        assert_eq!(place.activity().idle_since(), Some(Instant::now()));
        drop(place);
        let (_place, displaced) = places.take(address(2)).unwrap();
        assert!(!displaced);
    }
}
