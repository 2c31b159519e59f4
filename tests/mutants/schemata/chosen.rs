//! Which mutant is chosen, and which were asked for. Woven into a copy of core, see `weave.rs`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static STATE: OnceLock<State> = OnceLock::new();
static REACHED: [AtomicBool; LAST + 1] = [const { AtomicBool::new(false) }; LAST + 1];

struct State {
    chosen: usize,
    reached: Option<File>,
}

/// Whether this mutant is the one to try. Notes that it was asked for, where that is wanted.
pub(crate) fn chosen(id: usize) -> bool {
    let state = STATE.get_or_init(|| State {
        chosen: variable("MUTANT_CHOSEN").and_then(|id| id.parse().ok()).unwrap_or(0),
        reached: variable("MUTANTS_REACHED")
            .map(|path| OpenOptions::new().append(true).create(true).open(path).unwrap()),
    });
    if let Some(mut file) = state.reached.as_ref()
        && !REACHED[id].swap(true, Ordering::Relaxed)
    {
        file.write_all(format!("{id}\n").as_bytes()).unwrap();
    }
    state.chosen == id
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
