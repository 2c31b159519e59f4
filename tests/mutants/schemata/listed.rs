//! The mutants, as cargo-mutants lists them, and what became of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Failure;

/// One small change of the code.
pub(crate) struct Mutant {
    /// Its number, which chooses it when tests run. 0 is none.
    pub(crate) id: usize,
    /// As cargo-mutants prints it: `FILE:LINE:COLUMN: replace … with … in …`.
    pub(crate) name: String,
    /// The name without the place, which moves; with `(2 of 3)` where several are called the same.
    pub(crate) bare: String,
    pub(crate) file: String,
    pub(crate) genre: String,
    /// What is replaced: lines and columns, from 1, the end exclusive.
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
    pub(crate) replacement: String,
    pub(crate) return_type: String,
}

/// What became of a mutant.
pub(crate) enum Outcome {
    /// This test fails.
    Caught(String),
    /// The tests do not end: that would be seen, too.
    Timeout(String),
    /// The change does not compile.
    Unviable,
    /// Every test passes that reaches it.
    Missed,
    /// No test reaches it.
    Unreached,
    /// It cannot be chosen when the tests run.
    NotWoven,
}

impl Outcome {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Caught(_) => "caught",
            Self::Timeout(_) => "timeout",
            Self::Unviable => "unviable",
            Self::Missed => "missed",
            Self::Unreached => "unreached",
            Self::NotWoven => "not-woven",
        }
    }

    pub(crate) fn test(&self) -> &str {
        match self {
            Self::Caught(test) | Self::Timeout(test) => test,
            _ => "",
        }
    }
}

/// Reads what `cargo mutants --list --json` says.
pub(crate) fn read(list: &Path) -> Result<Vec<Mutant>, Failure> {
    let said: Vec<Value> = serde_json::from_slice(&fs::read(list)?)?;
    let mut mutants: Vec<Mutant> = said
        .iter()
        .enumerate()
        .map(|(at, one)| mutant(at + 1, one))
        .collect::<Result<_, _>>()?;
    let mut alike: HashMap<String, usize> = HashMap::new();
    for mutant in &mutants {
        *alike.entry(mutant.bare.clone()).or_default() += 1;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for mutant in &mut mutants {
        let all = alike.get(&mutant.bare).copied().unwrap_or(1);
        let nth = seen.entry(mutant.bare.clone()).or_default();
        *nth += 1;
        if all > 1 {
            mutant.bare = format!("{} ({nth} of {all})", mutant.bare);
        }
    }
    Ok(mutants)
}

/// `FILE:LINE:COLUMN: …` without the line and the column.
fn bare(name: &str) -> String {
    match name.splitn(4, ':').collect::<Vec<_>>().as_slice() {
        [file, _, _, change] => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
}

fn mutant(id: usize, one: &Value) -> Result<Mutant, Failure> {
    let text = |pointer: &str| -> Result<String, Failure> {
        Ok(one
            .pointer(pointer)
            .and_then(Value::as_str)
            .ok_or(pointer)?
            .to_owned())
    };
    let number = |pointer: &str| -> Result<usize, Failure> {
        let number = one
            .pointer(pointer)
            .and_then(Value::as_u64)
            .ok_or(pointer)?;
        Ok(usize::try_from(number)?)
    };
    Ok(Mutant {
        id,
        name: text("/name")?,
        bare: bare(&text("/name")?),
        file: text("/file")?,
        genre: text("/genre")?,
        start: (number("/span/start/line")?, number("/span/start/column")?),
        end: (number("/span/end/line")?, number("/span/end/column")?),
        replacement: text("/replacement")?,
        return_type: text("/function/return_type").unwrap_or_default(),
    })
}
