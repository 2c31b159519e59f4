//! Tries every mutant of a list with one build.
//!
//! cargo-mutants builds the code and its tests anew for each mutant. Here all of them are woven into
//! one copy of the code, each behind a question (`chosen(17)`) which a variable of the environment
//! answers when the tests run: mutant schemata. What cannot be woven is listed, and is tried by
//! cargo-mutants itself.
//!
//! The tests are asked first which questions they reach. A mutant is then tried against those
//! tests alone that reach it, and the first that fails has caught it.
#![allow(clippy::indexing_slicing)]

mod build;
mod listed;
mod trial;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use build::Built;
use listed::{Mutant, Outcome};

/// What went wrong, for a person.
type Failure = Box<dyn Error + Send + Sync>;

const USAGE: &str = "usage: schemata LIST ONLY ROOT TREE OUTCOMES JOBS

LIST      what `cargo mutants --list --json` says
ONLY      the names of those to try, with their places or without
ROOT      the repository
TREE      a copy of it, whose core is written anew
OUTCOMES  the file to write: outcome, name, name without its place, the test that caught it;
          what is there of an earlier run stays, for those that are not tried
JOBS      how many to try at once";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, only, root, tree, outcomes, jobs] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let only = fs::read_to_string(only)?;
    let only: BTreeSet<&str> = only.lines().collect();
    let (mutants, others): (Vec<Mutant>, Vec<Mutant>) = listed::read(Path::new(list))?
        .into_iter()
        .partition(|mutant| only.contains(&*mutant.name) || only.contains(&*mutant.bare));
    let (root, tree) = (Path::new(root), Path::new(tree));
    let originals = originals(&mutants, root)?;

    let last = fs::read_to_string(outcomes).unwrap_or_default();
    let last: BTreeMap<&str, (&str, &str)> = last.lines().filter_map(of_last_time).collect();
    let last_of = |mutant: &Mutant| last.get(&*mutant.bare).copied();
    // What did not compile the last time is not tried again: each such round is a build.
    let mut unviable: BTreeSet<usize> = mutants
        .iter()
        .filter(|mutant| last_of(mutant).is_some_and(|(word, _)| word == "unviable"))
        .map(|mutant| mutant.id)
        .collect();
    let (woven, binaries) = loop {
        let woven = weave::all(&mutants, &originals, &unviable)?;
        woven.write(root, tree)?;
        match build::build(tree, &woven)? {
            Built::Binaries(binaries) => break (woven, binaries),
            Built::Refused(refused) => {
                eprintln!("{} mutants do not compile", refused.len());
                unviable.extend(refused);
            }
        }
    };
    let asked: Vec<usize> = woven.woven().into_iter().collect();
    let tried = trial::all(&binaries, &asked, jobs.parse()?)?;

    let mut said: BTreeMap<usize, Outcome> = tried;
    said.extend(unviable.into_iter().map(|id| (id, Outcome::Unviable)));
    said.extend(woven.unviable().map(|id| (id, Outcome::Unviable)));
    let line = |mutant: &Mutant, word: &str, test: &str| {
        let Mutant { name, bare, .. } = mutant;
        format!("{word}\t{name}\t{bare}\t{test}\n")
    };
    let tried = mutants.iter().map(|mutant| {
        let outcome = said.get(&mutant.id).unwrap_or(&Outcome::NotWoven);
        line(mutant, outcome.word(), outcome.test())
    });
    let not_tried = others
        .iter()
        .filter_map(|mutant| last_of(mutant).map(|(word, test)| line(mutant, word, test)));
    fs::write(outcomes, tried.chain(not_tried).collect::<String>())?;
    Ok(())
}

/// What became of a mutant the last time, by its name without its place.
fn of_last_time(line: &str) -> Option<(&str, (&str, &str))> {
    match line.split('\t').collect::<Vec<_>>().as_slice() {
        [word, _, bare, test] => Some((bare, (word, test))),
        _ => None,
    }
}

/// The code of the files that have mutants, as it is before anything is woven into it.
fn originals(mutants: &[Mutant], root: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let files: BTreeSet<&String> = mutants.iter().map(|mutant| &mutant.file).collect();
    files
        .into_iter()
        .map(|file| Ok((file.clone(), fs::read_to_string(root.join(file))?)))
        .collect()
}
