//! Contestants that take turns.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How many turns everybody has, unless the work takes long.
const ROUNDS: usize = 41;
/// How long a turn takes, about: short, so that a neighbour disturbs few of them.
const TURN: Duration = Duration::from_millis(10);

/// Whoever does the same work in another way.
struct Contestant<'a> {
    name: String,
    /// One turn: the time that the work took once.
    turn: Box<dyn FnMut() -> Duration + 'a>,
    budget: Option<f64>,
}

/// A comparison. The first contestant is the measure of all others.
pub struct Contest<'a> {
    title: String,
    rounds: usize,
    contestants: Vec<Contestant<'a>>,
}

impl<'a> Contest<'a> {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            rounds: ROUNDS,
            contestants: Vec::new(),
        }
    }

    /// So many turns.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Adds work that is done in this process.
    pub fn work(self, name: impl Into<String>, work: impl FnMut() + 'a) -> Self {
        self.turns(name, repeated(work))
    }

    /// Adds whoever measures a turn himself, and gives the time of one piece of work.
    pub fn turns(mut self, name: impl Into<String>, turn: impl FnMut() -> Duration + 'a) -> Self {
        self.contestants.push(Contestant {
            name: name.into(),
            turn: Box::new(turn),
            budget: None,
        });
        self
    }

    /// The most that the last one may take, in units of the first.
    pub fn budget(mut self, ratio: f64) -> Self {
        if let Some(last) = self.contestants.last_mut() {
            last.budget = Some(ratio);
        }
        self
    }

    /// Has everybody take turns, and prints medians.
    pub fn run(mut self) {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); self.contestants.len()];
        for _ in 0..self.rounds {
            for (contestant, times) in self.contestants.iter_mut().zip(&mut times) {
                times.push((contestant.turn)().as_secs_f64());
            }
        }
        println!("{}", self.title);
        for (contestant, own) in self.contestants.iter().zip(&times) {
            let ratios = own.iter().zip(&times[0]).map(|(own, first)| own / first);
            let ratio = median(ratios.collect());
            let budget = contestant.budget.map_or(String::new(), |budget| {
                let verdict = if ratio <= budget { "met" } else { "MISSED" };
                format!("   budget {budget}: {verdict}")
            });
            println!(
                "  {:<44} {:>10.1} us {ratio:>8.2}{budget}",
                contestant.name,
                median(own.clone()) * 1e6,
            );
        }
    }
}

/// Turns of so many repetitions that each takes about [`TURN`].
fn repeated<'a>(mut work: impl FnMut() + 'a) -> impl FnMut() -> Duration + 'a {
    work();
    let started = cpu_time();
    work();
    let once = (cpu_time() - started).max(Duration::from_nanos(1));
    let times = (TURN.as_nanos() / once.as_nanos()).clamp(1, 100_000) as u32;
    move || {
        let started = cpu_time();
        for _ in 0..times {
            work();
        }
        (cpu_time() - started) / times
    }
}

/// What this thread has used of a processor: waiting for one does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
