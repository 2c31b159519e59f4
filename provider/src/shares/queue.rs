//! Who has something scarce, and who waits for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Share;
use super::party::Party;

#[derive(Default)]
pub(super) struct State {
    pub(super) taken: usize,
    pub(super) by_strangers: usize,
    pub(super) accounts: HashMap<Arc<str>, Account>,
    /// The parties that wait, the next one first.
    pub(super) order: VecDeque<Arc<str>>,
    pub(super) waiting: usize,
    pub(super) tickets: u64,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) taken: usize,
    pub(super) waiting: usize,
    /// Of those with somebody in them, the next one first.
    pub(super) lanes: VecDeque<Lane>,
}

pub(super) struct Lane {
    pub(super) name: Arc<str>,
    /// The small ones first, in the order in which they came.
    pub(super) waiting: BTreeMap<Ticket, Waiting>,
}

pub(super) type Ticket = (bool, u64);

pub(super) struct Waiting {
    pub(super) units: usize,
    pub(super) known: bool,
    pub(super) call: oneshot::Sender<Share>,
}

impl State {
    /// Takes its place from the youngest of the longest queue, if that is longer than the one of
    /// `party`.
    pub(super) fn make_room(&mut self, party: &Party) -> Option<Waiting> {
        let own = self.accounts.get(&party.key);
        let own_lane = own.and_then(|own| own.lanes.iter().find(|l| l.name == party.lane));
        let own_lane = own_lane.map_or(0, |lane| lane.waiting.len());
        let own = own.map_or(0, |own| own.waiting);
        let longest = self
            .accounts
            .iter()
            .max_by_key(|(_, account)| account.waiting);
        let (key, length) = longest.map(|(key, account)| (key.clone(), account.waiting))?;
        let (key, least) = match length > own + 1 {
            true => (key, 0),
            false => (party.key.clone(), own_lane + 1),
        };
        let account = self.accounts.get_mut(&key)?;
        let lanes = account.lanes.iter_mut().enumerate();
        let (at, lane) = lanes.max_by_key(|(_, lane)| lane.waiting.len())?;
        if lane.waiting.len() <= least {
            return None;
        }
        let (_, youngest) = lane.waiting.pop_last()?;
        if lane.waiting.is_empty() {
            account.lanes.remove(at);
        }
        self.left(&key);
        Some(youngest)
    }

    /// Somebody of this party does not wait any more.
    fn left(&mut self, key: &Arc<str>) {
        self.waiting -= 1;
        if let Some(account) = self.accounts.get_mut(key) {
            account.waiting -= 1;
            if account.waiting == 0 {
                self.order.retain(|other| other != key);
            }
        }
        self.forget(key);
    }

    pub(super) fn forget(&mut self, key: &Arc<str>) {
        let idle = |account: &Account| account.taken == 0 && account.waiting == 0;
        if self.accounts.get(key).is_some_and(idle) {
            self.accounts.remove(key);
        }
    }

    pub(super) fn leave(&mut self, party: &Party, ticket: Ticket) -> Option<Waiting> {
        let account = self.accounts.get_mut(&party.key)?;
        let lanes = &mut account.lanes;
        let at = lanes.iter().position(|lane| lane.name == party.lane)?;
        let lane = lanes.get_mut(at)?;
        let waiting = lane.waiting.remove(&ticket)?;
        if lane.waiting.is_empty() {
            lanes.remove(at);
        }
        self.left(&party.key);
        Some(waiting)
    }
}

impl Account {
    /// Whether somebody waits who would be served before one that is large, or small.
    pub(super) fn has_ahead(&self, large: bool) -> bool {
        let mut first = self
            .lanes
            .iter()
            .filter_map(|lane| lane.waiting.keys().next());
        first.any(|(is_large, _)| large || !is_large)
    }
}
