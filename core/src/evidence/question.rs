//! Evidence that somebody carried, and the question that it must be an answer to.
//!
//! Which policies apply is decided by the question. Whoever carries evidence must not choose
//! it: an image, namespace or policy of his own would turn a refusal into an approval.

use super::{Evidence, Request};
use crate::reference::ReferenceError;

/// Evidence as it was carried here: its question is the carrier's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried(Evidence);

/// Why evidence is no answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// What was asked about is no image.
    #[error("{image:?} is not an image: {error}")]
    Image {
        /// What was asked about.
        image: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// The evidence says that it answers another question.
    #[error("asked about the {what} {asked}, and the evidence is for {carried}")]
    Other {
        /// `image`, `namespace` or `policy`.
        what: &'static str,
        /// What was asked, in words.
        asked: String,
        /// What the evidence says, in words.
        carried: String,
    },
}

impl QuestionError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Image { .. } => "image_unparsable",
            Self::Other { .. } => "question_mismatch",
        }
    }
}

impl Carried {
    /// Takes evidence whose question is not the asker's.
    ///
    /// # Errors
    /// If it does not even agree with itself about the image.
    pub(super) fn new(evidence: Evidence) -> Result<Self, QuestionError> {
        let asked = evidence.request.image.clone();
        let carried = Self(evidence);
        carried.check_image(&asked)?;
        Ok(carried)
    }

    /// The question that it says it answers.
    pub fn question(&self) -> &Request {
        &self.0.request
    }

    /// The evidence as the answer to this question, the asker's own.
    ///
    /// The image must be the same, however it is spelled. A namespace or policy that the
    /// evidence names must be the one asked for; if it names none, it says nothing about it.
    ///
    /// # Errors
    /// If it answers another question.
    pub fn answering(mut self, asked: Request) -> Result<Evidence, QuestionError> {
        self.check_image(&asked.image)?;
        let carried = &self.0.request;
        agree("namespace", &asked.namespace, &carried.namespace)?;
        agree("policy", &asked.policy, &carried.policy)?;
        if carried.beyond_scope && !asked.beyond_scope {
            return Err(QuestionError::Other {
                what: "policy",
                asked: "within its scope".to_owned(),
                carried: "a policy beyond its scope".to_owned(),
            });
        }
        self.0.request = asked;
        Ok(self.0)
    }

    /// The evidence with the question that it came with: for whoever trusts where it was
    /// kept, or shows that question to who reads the verdict.
    pub fn as_it_says(self) -> Evidence {
        self.0
    }

    fn check_image(&self, image: &str) -> Result<(), QuestionError> {
        let reference: crate::Reference = image.parse().map_err(|error| QuestionError::Image {
            image: image.chars().take(100).collect(),
            error,
        })?;
        let carried = &self.0.subject.reference;
        match reference == *carried {
            true => Ok(()),
            false => Err(QuestionError::Other {
                what: "image",
                asked: reference.to_string(),
                carried: carried.to_string(),
            }),
        }
    }
}

fn agree(
    what: &'static str,
    asked: &Option<String>,
    carried: &Option<String>,
) -> Result<(), QuestionError> {
    let words = |text: &Option<String>| match text {
        Some(text) => format!("{:?}", text.chars().take(100).collect::<String>()),
        None => "none".to_owned(),
    };
    match carried.is_none() || asked == carried {
        true => Ok(()),
        false => Err(QuestionError::Other {
            what,
            asked: words(asked),
            carried: words(carried),
        }),
    }
}
