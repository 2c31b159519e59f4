//! Scarce things that registries share: turns, bytes, processors, threads that resolve names.
//!
//! Whoever may create a Pod chooses the registry, and whoever runs that registry chooses how slow
//! and how large its answers are. So nothing that registries take is one pot:
//!
//! * no registry has more than its share at once, and all strangers together have no more than
//!   theirs: names cost nothing, so a share for each name alone would be no bound;
//! * what waits is served in turn: registry by registry, within one namespace by namespace, the
//!   small before the large, and a part is kept for the small;
//! * when there are too many waiting, the longest queue loses its youngest;
//! * every wait has an end.

mod bounds;
mod party;
mod queue;
mod standing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::queue::{Lane, State, Ticket, Waiting};

pub(crate) use self::bounds::Bounds;
pub(crate) use self::party::Party;
pub(crate) use self::standing::Standing;

/// Somebody else had it for too long, or too many wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

/// Something scarce, and who has it.
pub(crate) struct Shares {
    bounds: Bounds,
    state: Mutex<State>,
}

/// What somebody has, until it is dropped.
pub(crate) struct Share {
    of: Arc<Shares>,
    key: Arc<str>,
    known: bool,
    units: usize,
}

impl Shares {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            state: Mutex::default(),
        })
    }

    /// Takes so much, or waits for it until `until`. More than anybody may have counts as all
    /// that one may have.
    pub(crate) async fn take(
        self: &Arc<Self>,
        party: &Party,
        units: usize,
        until: Instant,
    ) -> Result<Share, Crowded> {
        let units = self.clip(units, party.known);
        let (pushed_out, called, ticket) = {
            let mut state = self.lock();
            if let Some(share) = self.at_once(&mut state, party, units) {
                return Ok(share);
            }
            let pushed_out = match state.waiting < self.bounds.waiting {
                true => None,
                false => Some(state.make_room(party).ok_or(Crowded)?),
            };
            let (call, called) = oneshot::channel();
            let ticket = (units > self.bounds.small, state.tickets);
            state.tickets += 1;
            self.wait(&mut state, party, units, ticket, call);
            (pushed_out, called, ticket)
        };
        // Whoever loses its place hears of it outside of the lock.
        drop(pushed_out);
        let _place = Place {
            of: self,
            party,
            ticket,
        };
        match timeout_at(until, called).await {
            Ok(Ok(share)) => Ok(share),
            Ok(Err(_)) | Err(_) => Err(Crowded),
        }
    }

    /// Takes so much if it is there and nobody of the same party waits.
    pub(crate) fn try_take(
        self: &Arc<Self>,
        party: &Party,
        units: usize,
    ) -> Result<Share, Crowded> {
        let units = self.clip(units, party.known);
        let mut state = self.lock();
        self.at_once(&mut state, party, units).ok_or(Crowded)
    }

    fn clip(&self, units: usize, known: bool) -> usize {
        let Bounds {
            share,
            strangers,
            small,
            large,
            ..
        } = self.bounds;
        let most = match units > small {
            true => large.1,
            false => share,
        };
        let most = if known { most } else { most.min(strangers) };
        units.clamp(1, most.max(1))
    }

    fn at_once(self: &Arc<Self>, state: &mut State, party: &Party, units: usize) -> Option<Share> {
        let account = state.accounts.get(&party.key);
        // The small may pass the large of the same party, as they do when they wait.
        let ahead = account.is_some_and(|account| account.has_ahead(units > self.bounds.small));
        let taken = account.map_or(0, |account| account.taken);
        (!ahead && self.fits(state, taken, party.known, units))
            .then(|| self.give(state, &party.key, party.known, units))
    }

    fn wait(
        &self,
        state: &mut State,
        party: &Party,
        units: usize,
        ticket: Ticket,
        call: oneshot::Sender<Share>,
    ) {
        let waiting = Waiting {
            units,
            known: party.known,
            call,
        };
        let account = state.accounts.entry(party.key.clone()).or_default();
        if account.waiting == 0 {
            state.order.push_back(party.key.clone());
        }
        account.waiting += 1;
        state.waiting += 1;
        let lanes = &mut account.lanes;
        match lanes.iter_mut().find(|lane| lane.name == party.lane) {
            Some(lane) => drop(lane.waiting.insert(ticket, waiting)),
            None => lanes.push_back(Lane {
                name: party.lane.clone(),
                waiting: BTreeMap::from([(ticket, waiting)]),
            }),
        }
    }

    fn fits(&self, state: &State, taken: usize, known: bool, units: usize) -> bool {
        let bounds = &self.bounds;
        let (total, share) = match units > bounds.small {
            true => bounds.large,
            false => (bounds.total, bounds.share),
        };
        state.taken + units <= total
            && taken + units <= share
            && (known || state.by_strangers + units <= bounds.strangers)
    }

    fn give(
        self: &Arc<Self>,
        state: &mut State,
        key: &Arc<str>,
        known: bool,
        units: usize,
    ) -> Share {
        state.taken += units;
        if !known {
            state.by_strangers += units;
        }
        state.accounts.entry(key.clone()).or_default().taken += units;
        Share {
            of: Arc::clone(self),
            key: key.clone(),
            known,
            units,
        }
    }

    /// Gives to those who wait whatever there is; returns what nobody wanted any more.
    fn serve(self: &Arc<Self>, state: &mut State) -> Vec<Share> {
        let mut unwanted = Vec::new();
        let mut passed = 0;
        while passed < state.order.len() {
            let Some(key) = state.order.pop_front() else {
                break;
            };
            let next = self.next_of(state, &key);
            match next {
                Some(waiting) => {
                    passed = 0;
                    let share = self.give(state, &key, waiting.known, waiting.units);
                    unwanted.extend(waiting.call.send(share).err());
                }
                None => passed += 1,
            }
            let waits = state.accounts.get(&key).is_some_and(|a| a.waiting > 0);
            if waits {
                state.order.push_back(key);
            }
        }
        unwanted
    }

    /// The next of this party that can be served, taken off its lane.
    fn next_of(&self, state: &mut State, key: &Arc<str>) -> Option<Waiting> {
        let account = state.accounts.get(key)?;
        let fits = |lane: &Lane| {
            let first = lane.waiting.values().next();
            first.is_some_and(|one| self.fits(state, account.taken, one.known, one.units))
        };
        let at = account.lanes.iter().position(fits)?;
        let account = state.accounts.get_mut(key)?;
        let mut lane = account.lanes.remove(at)?;
        let first = lane.waiting.pop_first();
        if !lane.waiting.is_empty() {
            account.lanes.push_back(lane);
        }
        account.waiting -= 1;
        state.waiting -= 1;
        first.map(|(_, waiting)| waiting)
    }

    fn give_back(self: &Arc<Self>, key: &Arc<str>, known: bool, units: usize) {
        if units == 0 {
            return;
        }
        let unwanted = {
            let mut state = self.lock();
            state.taken -= units;
            if !known {
                state.by_strangers -= units;
            }
            if let Some(account) = state.accounts.get_mut(key) {
                account.taken -= units;
            }
            let unwanted = self.serve(&mut state);
            state.forget(key);
            unwanted
        };
        // Gives back what it holds, which takes the lock.
        drop(unwanted);
    }

    /// No code that can panic runs under the lock, but a poisoned one is no worse.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue, given up when it is dropped.
struct Place<'a> {
    of: &'a Arc<Shares>,
    party: &'a Party,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let left = self.of.lock().leave(self.party, self.ticket);
        drop(left);
    }
}

impl Share {
    /// Gives back all but so much.
    pub(crate) fn shrink(&mut self, units: usize) {
        let back = self.units.saturating_sub(units);
        self.units -= back;
        self.of.give_back(&self.key, self.known, back);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.give_back(&self.key, self.known, self.units);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} for {})", self.units, self.key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use futures::FutureExt as _;
    use futures::future::join_all;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    fn known(host: &str) -> Party {
        Party::known(host)
    }

    /// Whether it is given at once.
    fn at_once(shares: &Arc<Shares>, party: &Party, units: usize) -> Option<Share> {
        shares.try_take(party, units).ok()
    }

    #[tokio::test]
    async fn no_registry_has_more_than_its_share_f2() {
        let turns = Shares::new(Bounds::alike(8, 100));
        let slow: Vec<_> = (0..8)
            .map(|_| at_once(&turns, &known("slow.test"), 1))
            .collect();
        assert_eq!(slow.iter().flatten().count(), 2);
        for host in ["a.test", "b.test", "c.test"] {
            let both = [(); 2].map(|()| at_once(&turns, &known(host), 1).unwrap());
            std::mem::forget(both);
        }
        assert!(
            at_once(&turns, &known("d.test"), 1).is_none(),
            "all are taken"
        );
    }

    #[tokio::test]
    async fn strangers_have_half_together_however_many_names_they_have_f2() {
        let turns = Shares::new(Bounds::alike(8, 100));
        let strangers: Vec<_> = (0..100)
            .filter_map(|n| at_once(&turns, &Party::stranger(&format!("evil{n}.test")), 1))
            .collect();
        assert_eq!(strangers.len(), 4);
        assert!(at_once(&turns, &known("good.test"), 1).is_some());
        drop(strangers);
        let one_domain: Vec<_> = (0..100)
            .filter_map(|n| at_once(&turns, &Party::stranger(&format!("r{n}.evil.test")), 1))
            .collect();
        assert_eq!(one_domain.len(), 2, "the names of one domain are one party");
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_leave_room_for_small_ones_and_go_after_them_f5() {
        let bytes = Shares::new(Bounds::bytes(160, 40, 1, 100));
        let party = known("r.test");
        let large = bytes.take(&party, 40, soon()).await.unwrap();
        assert_eq!(bytes.try_take(&party, 40).err(), Some(Crowded));
        let small: Vec<_> = (0..100)
            .filter_map(|_| at_once(&bytes, &party, 1))
            .collect();
        assert_eq!(small.len(), 10, "the share of 50, less the large one");
        assert!(at_once(&bytes, &known("other.test"), 40).is_some());
        // A large one waits first, and is served after a small one.
        let mut second = Box::pin(bytes.take(&party, 40, soon()));
        assert!(second.as_mut().now_or_never().is_none());
        let mut one_more = Box::pin(bytes.take(&party, 1, soon()));
        assert!(one_more.as_mut().now_or_never().is_none());
        drop(small);
        let one_more = one_more.as_mut().now_or_never().unwrap().unwrap();
        assert!(second.as_mut().now_or_never().is_none());
        drop((large, one_more));
        assert!(second.as_mut().now_or_never().unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn registries_and_namespaces_take_turns() {
        let turns = Shares::new(Bounds {
            share: 1,
            ..Bounds::alike(1, 100)
        });
        let held = turns.take(&known("busy.test"), 1, soon()).await.unwrap();
        let order = Mutex::new(Vec::new());
        let ask = |host: &'static str, namespace: &'static str| {
            let party = known(host).in_namespace(Some(namespace));
            let (turns, order) = (&turns, &order);
            async move {
                let _turn = turns.take(&party, 1, soon()).await.unwrap();
                order.lock().unwrap().push((host, namespace));
            }
        };
        let mut all: Vec<_> = (0..3).map(|_| ask("a.test", "greedy")).collect();
        all.push(ask("a.test", "modest"));
        all.push(ask("b.test", "modest"));
        let release = async { drop(held) };
        tokio::join!(join_all(all), release);
        let greedy = ("a.test", "greedy");
        let expected = [
            greedy,
            ("b.test", "modest"),
            ("a.test", "modest"),
            greedy,
            greedy,
        ];
        assert_eq!(*order.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_queue_loses_its_youngest_f2() {
        let turns = Shares::new(Bounds::alike(4, 3));
        let (greedy, modest) = (known("greedy.test"), known("modest.test"));
        let _held = [&greedy, &modest, &known("c.test"), &known("d.test")]
            .map(|party| turns.try_take(party, 1).unwrap());
        let mut waiting: Vec<_> = (0..3)
            .map(|_| Box::pin(turns.take(&greedy, 1, soon())))
            .collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        assert_eq!(
            turns.take(&greedy, 1, soon()).await.err(),
            Some(Crowded),
            "nobody pushes out his own"
        );
        let other = greedy.clone().in_namespace(Some("other"));
        let mut other = Box::pin(turns.take(&other, 1, soon()));
        assert!(other.as_mut().now_or_never().is_none());
        let youngest = waiting.pop().unwrap().now_or_never();
        assert_eq!(youngest.unwrap().err(), Some(Crowded));
        let mut modest = Box::pin(turns.take(&modest, 1, soon()));
        assert!(modest.as_mut().now_or_never().is_none());
        assert!(
            other.now_or_never().is_none(),
            "of its party the longest lane pays"
        );
        let youngest = waiting.pop().unwrap().now_or_never();
        assert_eq!(youngest.unwrap().err(), Some(Crowded));
        assert!(waiting.pop().unwrap().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn every_wait_has_an_end_and_leaves_nothing_behind() {
        let turns = Shares::new(Bounds::alike(1, 10));
        let party = known("r.test");
        let held = turns.try_take(&party, 1).unwrap();
        let began = Instant::now();
        assert_eq!(turns.take(&party, 1, soon()).await.err(), Some(Crowded));
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        // Called, and gone before it noticed.
        let mut late = Box::pin(turns.take(&party, 1, soon()));
        assert!(late.as_mut().now_or_never().is_none());
        drop(held);
        drop(late);
        assert!(turns.try_take(&party, 1).is_ok());
        assert!(turns.lock().accounts.is_empty());
        assert_eq!(turns.lock().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_happens_everything_is_given_back() {
        let bytes = Shares::new(Bounds::bytes(64, 16, 2, 20));
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut held = VecDeque::new();
        let mut waiting = VecDeque::new();
        for _ in 0..20_000 {
            let host = format!("r{}.test", random(6));
            let party = match random(2) {
                0 => known(&host),
                _ => Party::stranger(&host),
            };
            let party = party.in_namespace(["a", "b"].get(random(2) as usize).copied());
            let units = random(20) as usize;
            let bytes = Arc::clone(&bytes);
            let mut one = Box::pin(async move { bytes.take(&party, units, soon()).await });
            match one.as_mut().now_or_never() {
                Some(Ok(share)) => held.push_back(share),
                Some(Err(Crowded)) => {}
                None => waiting.push_back(one),
            }
            match random(4) {
                0 => drop(held.pop_front()),
                1 => drop(waiting.pop_front()),
                2 => held.iter_mut().take(1).for_each(|share| share.shrink(1)),
                _ => {
                    if let Some(mut one) = waiting.pop_front() {
                        match one.as_mut().now_or_never() {
                            Some(share) => held.extend(share),
                            None => waiting.push_back(one),
                        }
                    }
                }
            }
            let state = bytes_of(&held);
            assert!(state <= 64);
        }
        drop((held, waiting));
        let state = bytes.lock();
        assert_eq!((state.taken, state.by_strangers, state.waiting), (0, 0, 0));
        assert!(state.accounts.is_empty() && state.order.is_empty());
    }

    fn bytes_of(held: &VecDeque<Share>) -> usize {
        held.iter().map(|share| share.units).sum()
    }
}
