//! Runs the tests: first to see which mutants each reaches, then against one mutant after another.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::build::Binary;
use crate::listed::Outcome;

/// What one process may take of memory: a mutant may well collect without end.
const KIBIBYTES: u64 = 6 << 20;
/// The signal that ends a process which has used up its time.
const SIGXCPU: i32 = 24;
/// Tests that try thousands of cases, and see nothing that others do not see sooner.
const LEFT_OUT: [&str; 1] = ["mutations::no_single_changed_character_passes"];
/// Tests that take longer are asked last.
const QUICK: Duration = Duration::from_millis(700);

/// A test, what it reaches and how long it takes.
struct Test<'a> {
    binary: &'a Binary,
    name: String,
    reaches: Vec<usize>,
    takes: Duration,
}

/// Tries each of these mutants.
pub(crate) fn all(
    binaries: &[Binary],
    asked: &[usize],
    jobs: usize,
) -> Result<BTreeMap<usize, Outcome>, Failure> {
    let began = Instant::now();
    let names = listed(binaries)?;
    let tests = in_parallel(jobs, &names, |(binary, name)| unchanged(binary, name))
        .into_iter()
        .collect::<Result<Vec<Test>, Failure>>()?;
    let mut reaching: HashMap<usize, Vec<&Test>> = HashMap::new();
    for test in &tests {
        for id in &test.reaches {
            reaching.entry(*id).or_default().push(test);
        }
    }
    say(
        &format!("{} tests pass without a mutant", tests.len()),
        began,
    );
    let mut slowest: Vec<&Test> = tests.iter().collect();
    slowest.sort_by_key(|test| std::cmp::Reverse(test.takes));
    for test in slowest.iter().take(8) {
        say(&format!("  {} takes {:.1?}", test.name, test.takes), began);
    }

    let began = Instant::now();
    let done = AtomicUsize::new(0);
    let outcomes = in_parallel(jobs, asked, |id| {
        let outcome = match reaching.get(id) {
            None => Ok(Outcome::Unreached),
            Some(tests) => one(*id, tests),
        };
        if let Ok(outcome @ (Outcome::Missed | Outcome::Unreached)) = &outcome {
            say(&format!("{}: number {id}", outcome.word()), began);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(50) {
            say(&format!("{done} of {} mutants tried", asked.len()), began);
        }
        outcome.map(|outcome| (*id, outcome))
    });
    say(&format!("{} mutants tried", asked.len()), began);
    outcomes.into_iter().collect()
}

fn say(what: &str, since: Instant) {
    eprintln!("{what} [{} s]", since.elapsed().as_secs());
}

/// All tests of the binaries that are neither ignored nor left out.
fn listed(binaries: &[Binary]) -> Result<Vec<(&Binary, String)>, Failure> {
    let names = |binary: &Binary, more: &[&str]| -> Result<Vec<String>, Failure> {
        let output = Command::new(&binary.path)
            .args(["--list", "--format", "terse"])
            .args(more)
            .current_dir(&binary.folder)
            .output()?;
        Ok(String::from_utf8(output.stdout)?
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect())
    };
    let mut all = Vec::new();
    for binary in binaries {
        let ignored = names(binary, &["--ignored"])?;
        all.extend(
            names(binary, &[])?
                .into_iter()
                .filter(|name| !ignored.contains(name) && !LEFT_OUT.contains(&name.as_str()))
                .map(|name| (binary, name)),
        );
    }
    Ok(all)
}

/// Runs a test without a mutant, and notes what it reaches.
fn unchanged<'a>(binary: &'a Binary, name: &str) -> Result<Test<'a>, Failure> {
    static NOTES: AtomicUsize = AtomicUsize::new(0);
    let note = NOTES.fetch_add(1, Ordering::Relaxed);
    let notes = std::env::temp_dir().join(format!("reached-{}-{note}", std::process::id()));
    let began = Instant::now();
    let mut command = tests(binary, &[name], Duration::from_secs(600));
    let passed = command
        .env("MUTANTS_REACHED", &notes)
        .stderr(Stdio::null())
        .output()?;
    let takes = began.elapsed();
    if !passed.status.success() {
        let said = String::from_utf8_lossy(&passed.stdout).into_owned();
        return Err(format!("{name} fails without a mutant:\n{said}").into());
    }
    let reaches = fs::read_to_string(&notes).unwrap_or_default();
    drop(fs::remove_file(&notes));
    Ok(Test {
        binary,
        name: name.to_owned(),
        reaches: reaches.lines().map(str::parse).collect::<Result<_, _>>()?,
        takes,
    })
}

/// Tries a mutant against the tests that reach it, the quick ones first.
fn one(id: usize, reaching: &[&Test]) -> Result<Outcome, Failure> {
    let (quick, slow): (Vec<&Test>, Vec<&Test>) =
        reaching.iter().partition(|test| test.takes < QUICK);
    for some in [quick, slow] {
        let mut by_binary: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
        for test in some {
            by_binary.entry(&test.binary.name).or_default().push(test);
        }
        let mut runs: Vec<Vec<&Test>> = by_binary.into_values().collect();
        runs.sort_by_key(|run| run.iter().map(|test| test.takes).sum::<Duration>());
        for run in &runs {
            match against(id, run)? {
                Outcome::Missed => {}
                seen => return Ok(seen),
            }
        }
    }
    Ok(Outcome::Missed)
}

/// Runs tests of one binary against a mutant, until the first fails.
fn against(id: usize, run: &[&Test]) -> Result<Outcome, Failure> {
    let Some(first) = run.first() else {
        return Ok(Outcome::Missed);
    };
    let names: Vec<&str> = run.iter().map(|test| test.name.as_str()).collect();
    let takes: Duration = run.iter().map(|test| test.takes).sum();
    let limit = takes * 2 + Duration::from_secs(20);
    let mut child = tests(first.binary, &names, limit)
        .env("MUTANT_CHOSEN", id.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    // Others may use the machine: the time of the clock is the wider limit.
    let clock = limit * 6;
    let running = Mutex::new(child);
    let (ended, wait) = mpsc::channel::<()>();
    let failed = thread::scope(|scope| {
        let running = &running;
        scope.spawn(move || {
            if wait.recv_timeout(clock) == Err(RecvTimeoutError::Timeout) {
                end(running);
            }
        });
        let failed = first_failure(output);
        if failed.is_some() {
            end(running);
        }
        drop(ended);
        failed
    });
    let status = running.into_inner()?.wait()?;
    let of_these = || format!("{}::{}", first.binary.name, names.first().unwrap_or(&""));
    Ok(match failed {
        Some(test) => Outcome::Caught(format!("{}::{test}", first.binary.name)),
        None if status.success() => Outcome::Missed,
        None if matches!(status.signal(), Some(SIGXCPU | 9)) => Outcome::Timeout(of_these()),
        None => Outcome::Caught(format!("{}: {status}", of_these())),
    })
}

fn end(child: &Mutex<Child>) {
    if let Ok(mut child) = child.lock() {
        drop(child.kill());
    }
}

/// Reads what tests print until one has failed.
fn first_failure(output: impl Read) -> Option<String> {
    BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
            Some(name.trim_end_matches(" - should panic").to_owned())
        })
}

/// A command that runs these tests, within limits.
fn tests(binary: &Binary, names: &[&str], limit: Duration) -> Command {
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!(
            "ulimit -c 0; ulimit -v {KIBIBYTES}; ulimit -t {}; exec \"$@\"",
            limit.as_secs()
        ))
        .arg("bash")
        .arg(&binary.path)
        .args(["--exact", "--test-threads", "2"])
        .args(names)
        .current_dir(&binary.folder)
        .env("CARGO_MANIFEST_DIR", &binary.folder)
        // Nobody reads where a test failed.
        .env("RUST_BACKTRACE", "0");
    command
}

/// Does something for each item, several at once; the answers are in the order of the items.
fn in_parallel<'a, T: Sync, R: Send>(
    jobs: usize,
    items: &'a [T],
    work: impl Fn(&'a T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1))
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(at) else {
                            return mine;
                        };
                        mine.push((at, work(item)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().ok())
            .flatten()
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
