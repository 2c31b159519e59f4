//! `tests/e2e.sh` builds for each suite what the suite looks for, so that each runs alone on a
//! machine that has nothing yet.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use sealgate_tests::source::{self, Function, Token};
use sealgate_tests::tools;

type Names = BTreeSet<String>;

#[test]
fn every_suite_finds_its_programs_built() {
    let known = lines("tests/tools/build.sh", "--list")
        .into_keys()
        .collect();
    let library = functions("tests/src");
    let built = lines("tests/e2e.sh", "--tools");
    assert!(built.len() >= 10, "{built:?}");
    let mut wrong = String::new();
    for (suite, built) in built {
        let files = sources(&suite);
        let own: Vec<_> = files
            .iter()
            .flat_map(|file| source::functions(file).unwrap())
            .collect();
        let looked_for = looked_for(&own, &library, &known);
        assert!(
            !looked_for.is_empty(),
            "{suite} looks for nothing in {files:?}"
        );
        let words = |names: &Names| names.iter().cloned().collect::<Vec<_>>().join(" ");
        if built != looked_for {
            let (built, looked_for) = (words(&built), words(&looked_for));
            wrong += &format!("\n{suite} builds {built}\n{suite} looks for {looked_for}");
        }
    }
    assert!(wrong.is_empty(), "mend tools_of in tests/e2e.sh:{wrong}");
}

/// What a script prints with this argument, by the first word of each line.
fn lines(script: &str, argument: &str) -> BTreeMap<String, Names> {
    let mut command = Command::new("bash");
    let printed = tools::run(command.arg(source::root().join(script)).arg(argument));
    let printed = printed.unwrap_or_else(|failed| panic!("{failed}"));
    let words = printed
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned));
    words
        .filter_map(|mut words| Some((words.next()?, words.collect())))
        .collect()
}

fn functions(folder: &str) -> Vec<Function> {
    let files = source::files(folder).unwrap();
    files
        .iter()
        .flat_map(|file| source::functions(file).unwrap())
        .collect()
}

/// The files of a suite: that of its folder, and the modules it names.
fn sources(suite: &str) -> Names {
    let roots = ["e2e_", ""].map(|before| format!("tests/tests/{before}{suite}/main.rs"));
    let root = roots
        .into_iter()
        .find(|path| source::root().join(path).is_file());
    let mut found = Names::new();
    let mut open = vec![root.unwrap()];
    while let Some(file) = open.pop() {
        let tokens = source::tokens(&std::fs::read_to_string(source::root().join(&file)).unwrap());
        let folder = file.rsplit_once('/').unwrap().0;
        let by_path = tokens.windows(3).filter_map(|three| match three {
            [Token::Word(word), Token::Mark('='), Token::Text(path)] if word == "path" => {
                Some(path.clone())
            }
            _ => None,
        });
        let by_name = tokens.windows(3).filter_map(|three| match three {
            [Token::Word(word), Token::Word(name), Token::Mark(';')] if word == "mod" => {
                Some(format!("{name}.rs"))
            }
            _ => None,
        });
        let modules = by_path
            .chain(by_name)
            .map(|module| format!("{folder}/{module}"));
        open.extend(modules.filter(|path| source::root().join(path).is_file()));
        found.insert(file);
    }
    found
}

/// The programs that are named in what the suite's tests may call: an approximation from above,
/// by names. A method counts if something of its type is made on the way: `Type::…`.
fn looked_for(own: &[Function], library: &[Function], known: &Names) -> Names {
    // A type of the suite's own hides the library's of that name.
    let hidden: BTreeSet<_> = own.iter().filter_map(|one| one.owner.as_ref()).collect();
    let seen = |one: &&Function| {
        one.owner
            .as_ref()
            .is_none_or(|owner| !hidden.contains(owner))
    };
    let all: Vec<&Function> = own.iter().chain(library.iter().filter(seen)).collect();
    let mut met = vec![false; all.len()];
    let (mut made, mut called) = (Names::new(), BTreeSet::new());
    let mut programs = Names::new();
    let mut open: Vec<usize> = (0..own.len())
        .filter(|&at| own[at].is_test() && own[at].is_ignored())
        .collect();
    while !open.is_empty() {
        for at in open {
            met[at] = true;
            let texts = all[at].texts().filter(|text| known.contains(*text));
            programs.extend(texts.map(str::to_owned));
            let calls = calls(all[at]);
            let types = calls.iter().filter_map(|call| match call {
                Call::Of(owner, _) => Some(owner.clone()),
                _ => None,
            });
            made.extend(types.chain(all[at].owner.clone()));
            called.extend(calls);
        }
        // Also what was called before its type was made.
        let meant = |&at: &usize| !met[at] && is_meant(all[at], &called, &made);
        open = (0..all.len()).filter(meant).collect();
    }
    programs
}

/// A name that may be a function's: alone, after `Type::`, or after a dot.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Free(String),
    Of(String, String),
    Method(String),
}

fn calls(function: &Function) -> Vec<Call> {
    let body = &function.body;
    let mark = |at: Option<usize>, mark| at.and_then(|at| body.get(at)) == Some(&Token::Mark(mark));
    let mut found = Vec::new();
    for (at, token) in body.iter().enumerate().skip(1) {
        let Token::Word(name) = token else { continue };
        let before = |steps| at.checked_sub(steps);
        if mark(before(1), '.') {
            found.push(Call::Method(name.clone()));
        } else if mark(before(1), ':') && mark(before(2), ':') {
            if let Some(Token::Word(owner)) = before(3).and_then(|at| body.get(at)) {
                let owner = match (owner.as_str(), &function.owner) {
                    ("Self", Some(own)) => own,
                    _ => owner,
                };
                found.push(Call::Of(owner.clone(), name.clone()));
                // Of a module.
                found.push(Call::Free(name.clone()));
            }
        } else if mark(Some(at + 1), '(') {
            found.push(Call::Free(name.clone()));
        }
    }
    found
}

fn is_meant(function: &Function, calls: &BTreeSet<Call>, made: &Names) -> bool {
    let name = function.name.clone();
    match &function.owner {
        None => calls.contains(&Call::Free(name)),
        Some(owner) => {
            calls.contains(&Call::Of(owner.clone(), name.clone()))
                || function.is_method()
                    && made.contains(owner)
                    && calls.contains(&Call::Method(name))
        }
    }
}
