//! Replies, and everything that is no answer.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;

use super::{json, wire};
use crate::callers::Refusal;
use crate::observe::metrics::{Answer, Route};
use crate::service::Undecided;
use crate::shares::Share;
use crate::words;

/// A reply, with what is counted and logged about it.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) answer: Answer,
    /// Why it is no answer.
    pub(super) message: Option<String>,
    /// What only whoever runs sealgate can do about it.
    pub(super) admin_hint: Option<String>,
}

/// The body of an answer, and what it takes of the bytes that may be held.
struct Held {
    body: Vec<u8>,
    _shares: Vec<Share>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// Why a request gets no answer.
pub(super) struct Rejection {
    status: StatusCode,
    answer: Answer,
    code: &'static str,
    message: String,
    /// What whoever deploys can do about it.
    help: Option<&'static str>,
    /// What only whoever runs sealgate can do about it.
    admin_hint: Option<String>,
}

/// What stands between the message of a system error and what is meant for the platform team: the
/// Rego library tells them apart by it.
const TO_PLATFORM_TEAM: &str = " | platform team: ";

impl Reply {
    /// Every key has its answer.
    pub(super) fn answered(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            body: body.into(),
            answer: Answer::Answered,
            message: None,
            admin_hint: None,
        }
    }

    /// The same of an answer that counts as held until it is sent.
    pub(super) fn held(body: Vec<u8>, shares: Vec<Share>) -> Self {
        let body = Bytes::from_owner(Held {
            body,
            _shares: shares,
        });
        Self {
            body,
            ..Self::answered(Vec::new())
        }
    }

    pub(super) fn response(self) -> Response {
        let mut response = json(self.status, self.body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"sealgate\"");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Rejection {
    /// The request is malformed or over a limit.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            answer: Answer::Rejected,
            code,
            message: message.into(),
            help: None,
            admin_hint: None,
        }
    }

    /// More images than one request may have.
    pub(super) fn too_many(found: usize, most: usize) -> Self {
        let message =
            format!("the request has {found} keys, more than the {most} of limits.keys: split it");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_keys", message)
    }

    /// The verdicts of one request have more bytes than an answer may have. None of them is left out
    /// or cut: that would be another verdict.
    pub(super) fn answer_too_large(found: usize, most: usize) -> Self {
        let message = format!(
            "the verdicts have {found} bytes, more than the {most} of limits.evidenceBytes: \
             ask for fewer images at once"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "answer_too_large", message)
    }

    /// An image is undecided, or several, for these causes.
    ///
    /// Gatekeeper gets 200, as its protocol has it; who looks at the status gets 503.
    pub(super) fn undecided(message: &str, causes: &[Undecided]) -> Self {
        let mut hints: Vec<&str> = Vec::new();
        for hint in causes.iter().filter_map(Undecided::admin_hint) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        let words = words::of_causes(causes.iter().map(Undecided::code));
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            answer: Answer::Undecided,
            code: "undecided",
            message: message.replace(TO_PLATFORM_TEAM, " "),
            help: Some(words.todo),
            admin_hint: Some(hints.join("; ")).filter(|hint| !hint.is_empty()),
        }
    }

    /// The caller may not ask, or it is not known whether he may.
    pub(super) fn caller(refusal: &Refusal) -> Self {
        let status = match refusal {
            Refusal::User { .. } => StatusCode::FORBIDDEN,
            Refusal::Unreviewed(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        };
        Self {
            status,
            answer: match refusal {
                Refusal::Unreviewed(_) => Answer::Undecided,
                _ => Answer::Rejected,
            },
            code: refusal.code(),
            message: refusal.to_string(),
            help: match refusal {
                Refusal::Unreviewed(_) => Some(words::UNDECIDED.todo),
                _ => None,
            },
            admin_hint: None,
        }
    }

    /// There are too many requests at once.
    pub(super) fn shed() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            answer: Answer::Shed,
            code: "overloaded",
            message: "more requests at once than limits.requests: try again".to_owned(),
            help: Some(words::UNDECIDED.todo),
            admin_hint: None,
        }
    }

    /// The bodies of other requests, or large answers, take all the room there is.
    pub(super) fn no_room() -> Self {
        Self {
            message: "no room in memory within limits.bodiesBytes and limits.evidenceBytes: \
                      try again"
                .to_owned(),
            ..Self::shed()
        }
    }

    /// A defect.
    pub(super) fn failed() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            answer: Answer::Failed,
            code: "internal_error",
            message: "a defect of sealgate, which its log describes".to_owned(),
            help: None,
            admin_hint: None,
        }
    }

    /// In the shape that the clients of this route read.
    pub(super) fn reply(self, route: Route) -> Reply {
        let (status, body) = match route {
            Route::Validate | Route::Mutate => {
                let status = match self.answer {
                    Answer::Undecided => StatusCode::OK,
                    _ => self.status,
                };
                // A mutator prints it as it is, to whoever deploys; a template adds what to do.
                let more = match (route, &self.help, &self.admin_hint) {
                    (Route::Mutate, Some(help), _) => format!(". {help}."),
                    (Route::Validate, _, Some(hint)) => format!("{TO_PLATFORM_TEAM}{hint}"),
                    _ => String::new(),
                };
                let message = format!("sealgate: {}{more}", self.message);
                (status, wire::system_error(&message))
            }
            Route::Verify | Route::Evidence => {
                let error = ErrorWire {
                    code: self.code,
                    message: &self.message,
                    help: self.help.map(|help| format!("{help}.")),
                    admin_hint: self.admin_hint.as_deref(),
                };
                let body = serde_json::to_vec(&BodyWire { error });
                // Strings in fixed fields: this cannot fail.
                (self.status, body.unwrap_or_default())
            }
        };
        Reply {
            status,
            body: body.into(),
            answer: self.answer,
            message: Some(self.message),
            admin_hint: self.admin_hint,
        }
    }
}

#[derive(Serialize)]
struct BodyWire<'a> {
    error: ErrorWire<'a>,
}

/// In this order: some clients show a body as it is, and its beginning is for whoever deploys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorWire<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_hint: Option<&'a str>,
}

/// A URL or method that there is not: in the shape that Gatekeeper reads, since it is its
/// Provider that has the wrong URL most often.
pub(super) fn no_route(status: StatusCode) -> Response {
    let message = "sealgate: there is no such route: POST to /v1/validate, \
                   /v1/validate/{policy}, /v1/mutate, /v1/verify or /v1/evidence";
    json(status, wire::system_error(message).into())
}
