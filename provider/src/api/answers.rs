//! Answers the keys of one request together.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;

use super::reply::Rejection;
use super::{Api, Asking};
use crate::config::Limits;
use crate::observe::audit::{Asked, Became};
use crate::question::{KeyError, Question};
use crate::service::{Decision, Key, NoDecision};
use crate::shares::{Bounds, Crowded, Party, Share, Shares};

/// How many undecided images a message names.
const NAMED: usize = 10;

/// Bytes of verdicts in an answer that needs no room of its own.
const SMALL: usize = 32 << 10;

/// What bytes of answers are counted in.
const UNIT: usize = 1 << 10;

/// Room for the packs and the verdicts of all answers: as much as one may have.
pub(super) fn room(limits: &Limits) -> Arc<Shares> {
    let total = usize::try_from(limits.evidence_bytes).unwrap_or(usize::MAX) / UNIT;
    let total = total.max(1);
    Shares::new(Bounds {
        total,
        share: total,
        strangers: total,
        small: total,
        large: (total, total),
        waiting: limits.waiting,
    })
}

/// A decided key, or one that is wrong in itself.
pub(super) struct Answered<'a> {
    pub(super) key: &'a str,
    /// The image as the key has it.
    pub(super) image: Arc<str>,
    pub(super) answer: Result<Decision, KeyError>,
}

/// The image as the key has it, and what was found out about it.
type Answer = (Arc<str>, Result<Decision, NoDecision>);

/// How the keys of a request are read.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// As keys in any of their forms, by the policy that the route names.
    Key(Option<&'a str>),
    /// As images alone.
    Image,
    /// As images, with the namespace and the policy of the list they are in.
    Listed {
        namespace: Option<&'a str>,
        policy: Option<&'a str>,
    },
}

impl<'a> Form<'a> {
    pub(super) fn question(self, key: &str) -> Result<Question, KeyError> {
        match self {
            Self::Key(policy) => Question::from_key(key, policy),
            Self::Image => Question::from_image(key),
            Self::Listed { .. } if key.is_empty() => Err(KeyError::Empty),
            Self::Listed { namespace, policy } => Question::new(key, namespace, policy),
        }
    }

    /// The key as a whole question, so that its bytes tell what the answer was. Only where nothing
    /// else of the request goes into it.
    fn whole(self, key: &'a str) -> Option<Key<'a>> {
        match self {
            Self::Key(policy) => Some(Key { policy, key }),
            Self::Image | Self::Listed { .. } => None,
        }
    }
}

/// What there is of an answer without waiting.
enum Known {
    Answer(Answer),
    Open(Question),
}

impl Answered<'_> {
    /// Bytes of its verdict, and of what is said beside it.
    pub(super) fn size(&self) -> usize {
        match &self.answer {
            Ok(decision) => {
                let judged = &decision.judged;
                judged.json.len() + judged.message.as_ref().map_or(0, String::len)
            }
            Err(_) => 0,
        }
    }
}

impl Api {
    /// Answers every distinct key once, in the order of the request.
    pub(super) async fn answer_all<'a>(
        &self,
        asking: &Asking,
        keys: &'a [Cow<'a, str>],
        form: Form<'a>,
    ) -> Result<Vec<Answered<'a>>, Rejection> {
        let keys = distinct(keys);
        let known: Vec<_> = keys.iter().map(|key| self.known(key, form)).collect();
        // A place is for who waits: while none is left, what is in the caches is answered.
        let _place = match known.iter().any(|one| matches!(one, Known::Open(_))) {
            true => Some(self.places.try_acquire().map_err(|_| Rejection::shed())?),
            false => None,
        };
        let answers = join_all(known.into_iter().map(async |known| match known {
            Known::Answer(answer) => answer,
            // In a box: what is known already needs no room for it.
            Known::Open(question) => Box::pin(self.found(question, asking.deadline)).await,
        }));
        let answers = answers.await;
        self.account(asking, &keys, &answers);
        complete(&keys, answers)
    }

    async fn found(&self, question: Question, deadline: Instant) -> Answer {
        let answer = self.service.answer(&question, deadline).await;
        (question.request.image.into(), answer)
    }

    /// Room in memory for an answer of so many bytes of verdicts, which must not be too large.
    ///
    /// Small ones need none: there are no more of them than requests.
    pub(super) async fn room(
        &self,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Vec<Share>, Rejection> {
        if bytes <= SMALL {
            return Ok(Vec::new());
        }
        let most = usize::try_from(self.limits.evidence_bytes).unwrap_or(usize::MAX);
        if bytes > most {
            return Err(Rejection::answer_too_large(bytes, most));
        }
        Ok(vec![Box::pin(self.share(bytes, deadline)).await?])
    }

    /// A share of the room of all answers.
    pub(super) async fn share(&self, bytes: usize, deadline: Instant) -> Result<Share, Rejection> {
        let callers = Party::known("callers");
        let share = self.packs.take(&callers, bytes.div_ceil(UNIT), deadline);
        share.await.map_err(|Crowded| Rejection::no_room())
    }

    /// The answer that is there without waiting; else the question.
    fn known<'a>(&self, key: &'a str, form: Form<'a>) -> Known {
        let whole = form.whole(key);
        if let Some((image, decision)) = whole.and_then(|key| self.service.recall(key)) {
            return Known::Answer((image, Ok(decision)));
        }
        match form.question(key) {
            Err(error) => Known::Answer(("".into(), Err(NoDecision::Question(error)))),
            Ok(question) => match self.service.cached(&question, whole) {
                Some(decision) => Known::Answer((question.request.image.into(), Ok(decision))),
                None => Known::Open(question),
            },
        }
    }

    /// Counts and records every answer, also those that the caller will not get to see
    /// because another image is undecided.
    fn account(&self, asking: &Asking, keys: &[&str], answers: &[Answer]) {
        for (key, (_, answer)) in keys.iter().zip(answers) {
            let became = self.count(answer);
            let asked = Asked {
                now: self.clock.now(),
                request_id: &asking.id,
                route: asking.route.as_str(),
                key,
            };
            self.audit.record(&asked, &became);
        }
    }

    fn count<'a>(&self, answer: &'a Result<Decision, NoDecision>) -> Became<'a> {
        match answer {
            Ok(decision) => {
                let judged = &decision.judged;
                self.metrics.decision(judged.outcome, decision.status);
                Became::Decided {
                    cache: decision.status.as_str(),
                    age: decision.age,
                    verdict: &judged.audit,
                }
            }
            Err(NoDecision::Question(error)) => {
                self.metrics.wrong_key();
                Became::WrongKey { code: error.code() }
            }
            Err(NoDecision::Undecided(undecided)) => {
                self.metrics.undecided(undecided.cause().code());
                Became::Undecided {
                    code: undecided.code(),
                    message: undecided,
                    admin_hint: undecided.admin_hint(),
                }
            }
        }
    }
}

/// Each key once, in order.
fn distinct<'a>(keys: &'a [Cow<'a, str>]) -> Vec<&'a str> {
    if let [key] = keys {
        return vec![key];
    }
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter()
        .map(|key| &**key)
        .filter(|key| seen.insert(*key))
        .collect()
}

/// All answers, or what is undecided.
fn complete<'a>(keys: &[&'a str], answers: Vec<Answer>) -> Result<Vec<Answered<'a>>, Rejection> {
    let total = keys.len();
    let mut undecided = Vec::new();
    let mut causes = Vec::new();
    let mut answered = Vec::with_capacity(total);
    for (key, (image, answer)) in keys.iter().zip(answers) {
        let answer = match answer {
            Ok(decision) => Ok(decision),
            Err(NoDecision::Question(error)) => Err(error),
            Err(NoDecision::Undecided(cause)) => {
                undecided.push(format!("{}: {}: {cause}", printable(key), cause.code()));
                causes.push(cause);
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
    Err(Rejection::undecided(&message, &causes))
}

/// A key without what could disturb a log or a terminal, and not too long.
fn printable(key: &str) -> String {
    let short: String = key.chars().take(200).collect();
    format!("{short:?}")
}
