//! Answers the keys of one request together.

use std::borrow::Cow;
use std::collections::HashSet;

use futures::future::join_all;

use super::reply::Rejection;
use super::{Api, Asking};
use crate::audit::Asked;
use crate::key::{KeyError, Question};
use crate::service::{Decision, NoDecision};

/// How many undecided images a message names.
const NAMED: usize = 10;

/// A decided key, or one that is wrong in itself.
pub(super) struct Answered<'a> {
    pub(super) key: &'a str,
    /// The image as the key has it.
    pub(super) image: String,
    pub(super) answer: Result<Decision, KeyError>,
}

impl Api {
    /// Answers every distinct key once, in the order of the request.
    ///
    /// `read` makes the question of a key.
    pub(super) async fn answer_all<'a>(
        &self,
        asking: &Asking,
        keys: &'a [Cow<'a, str>],
        read: impl Fn(&str) -> Result<Question, KeyError>,
    ) -> Result<Vec<Answered<'a>>, Rejection> {
        let keys = distinct(keys);
        let answers = join_all(keys.iter().map(|key| self.answer(asking, read(key)))).await;
        self.account(asking, &keys, &answers);
        complete(&keys, answers)
    }

    /// From the cache without waiting, or by the service.
    async fn answer(
        &self,
        asking: &Asking,
        question: Result<Question, KeyError>,
    ) -> (String, Result<Decision, NoDecision>) {
        let question = match question {
            Ok(question) => question,
            Err(error) => return (String::new(), Err(NoDecision::Question(error))),
        };
        let decision = match self.service.cached(&question) {
            Some(decision) => Ok(decision),
            None => self.service.answer(&question, asking.deadline).await,
        };
        (question.request.image, decision)
    }

    /// Counts and records every answer, also those that the caller will not get to see
    /// because another image is undecided.
    fn account(
        &self,
        asking: &Asking,
        keys: &[&str],
        answers: &[(String, Result<Decision, NoDecision>)],
    ) {
        for (key, (_, answer)) in keys.iter().zip(answers) {
            match answer {
                Ok(decision) => self
                    .metrics
                    .decision(decision.judged.outcome, decision.status),
                Err(NoDecision::Question(_)) => self.metrics.wrong_key(),
                Err(NoDecision::Undecided(undecided)) => self.metrics.undecided(undecided.cause()),
            }
            let asked = Asked {
                now: self.clock.now(),
                request_id: &asking.id,
                route: asking.route.name(),
                key,
            };
            self.audit.record(&asked, answer);
        }
    }
}

/// Each key once, in order.
fn distinct<'a>(keys: &'a [Cow<'a, str>]) -> Vec<&'a str> {
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter()
        .map(|key| &**key)
        .filter(|key| seen.insert(*key))
        .collect()
}

/// All answers, or what is undecided.
fn complete<'a>(
    keys: &[&'a str],
    answers: Vec<(String, Result<Decision, NoDecision>)>,
) -> Result<Vec<Answered<'a>>, Rejection> {
    let total = keys.len();
    let mut undecided = Vec::new();
    let mut answered = Vec::with_capacity(total);
    for (key, (image, answer)) in keys.iter().zip(answers) {
        let answer = match answer {
            Ok(decision) => Ok(decision),
            Err(NoDecision::Question(error)) => Err(error),
            Err(NoDecision::Undecided(cause)) => {
                undecided.push(format!("{}: {}: {cause}", printable(key), cause.code()));
                continue;
            }
        };
        answered.push(Answered { key, image, answer });
    }
    if undecided.is_empty() {
        return Ok(answered);
    }
    let count = undecided.len();
    let mut message = format!("{count} of {total} images could not be decided: ");
    undecided.truncate(NAMED);
    message.push_str(&undecided.join("; "));
    if count > NAMED {
        message.push_str(&format!("; and {} more", count - NAMED));
    }
    Err(Rejection::undecided(message))
}

/// A key without what could disturb a log or a terminal, and not too long.
fn printable(key: &str) -> String {
    let short: String = key.chars().take(200).collect();
    format!("{short:?}")
}
