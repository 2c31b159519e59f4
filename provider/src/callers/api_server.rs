//! The API server, asked whose token it is: `POST /apis/authentication.k8s.io/v1/tokenreviews`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use reqwest::Client;
use sealgate_core::json::{self, JsonError};
use serde::{Deserialize, Serialize};
use url::Url;

use super::bearer::Bearer;
use super::refusal::ReviewError;
use crate::config::TokenReview;
use crate::files;
use crate::files::kept::{Kept, ReadError};
use crate::net::body::{Body, BodyError};
use crate::net::causes::with_causes;
use crate::net::client::{self, client_for_authorities};
use crate::net::guard::Guard;
use crate::net::pem::{self, PemError};

const ROUTE: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const API_VERSION: &str = "authentication.k8s.io/v1";
const KIND: &str = "TokenReview";
/// Bytes of an answer: the token itself, a user, and the groups of that user.
const MOST_BYTES: usize = 1 << 20;

/// Why tokens cannot be reviewed at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no API server to ask.
    #[error(
        "apiServer is not set, and KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name none: \
         this is no Pod, so name the API server"
    )]
    NoServer,
    /// The URL of the API server is none.
    #[error("{0:?} is no URL of an API server: expected https://HOST:PORT")]
    Server(String),
    /// A file is missing, or is not what it should be.
    #[error("{}: {message}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Who the API server says the owner of a token is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Review {
    /// The token is good.
    Authenticated {
        user: String,
        /// Those of the audiences asked for that the token has. None: the API server has not
        /// looked at audiences.
        audiences: Vec<String>,
    },
    /// It is not, or not for the audiences asked for.
    Unknown,
}

/// The API server.
pub(super) struct ApiServer {
    url: Url,
    token_file: PathBuf,
    /// Made with the certificate authorities that were read last and could be used.
    client: Kept<Client>,
}

/// How often certificate authorities are looked at: reviews are rare, and one is not to fail
/// because they were changed just now.
const EVERY_TIME: Duration = Duration::ZERO;

#[derive(Serialize)]
struct RequestWire<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    spec: SpecWire<'a>,
}

#[derive(Serialize)]
struct SpecWire<'a> {
    token: &'a str,
    audiences: &'a [String],
}

#[derive(Deserialize)]
struct ReviewWire {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    status: StatusWire,
}

#[derive(Deserialize)]
struct StatusWire {
    #[serde(default)]
    authenticated: bool,
    #[serde(default)]
    user: UserWire,
    #[serde(default)]
    audiences: Vec<String>,
}

#[derive(Default, Deserialize)]
struct UserWire {
    #[serde(default)]
    username: String,
}

impl ApiServer {
    /// `variable` reads the environment, which names the cluster's API server to a Pod.
    pub(super) fn new(
        config: &TokenReview,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        let url = match &config.api_server {
            Some(url) => url.clone(),
            None => in_cluster(variable).ok_or(SetupError::NoServer)?,
        };
        let wrong = || SetupError::Server(url.clone());
        let base = Url::parse(&url).map_err(|_| wrong())?;
        let host = base.host_str().ok_or_else(wrong)?.to_owned();
        let url = base.join(ROUTE).map_err(|_| wrong())?;
        let bytes = |file: &Path| files::read(file).map_err(|error| cannot_read(file, &error));
        // Now, so that what is missing is missed when it can be mended.
        bytes(&config.token_file)?;
        let ca = bytes(&config.ca)?;
        let first = client(&host, &ca).map_err(|error| SetupError::File {
            file: config.ca.clone(),
            message: error.to_string(),
        })?;
        let client = move |file: &Path, ca: &[u8]| {
            client(&host, ca).map_err(|error| ReadError::new(file, error))
        };
        Ok(Self {
            url,
            token_file: config.token_file.clone(),
            client: Kept::new(&config.ca, EVERY_TIME, client).holding(&ca, first),
        })
    }

    /// Asks whose token it is, for these audiences. Without a deadline of its own.
    pub(super) async fn review(
        &self,
        token: &Bearer,
        audiences: &[String],
    ) -> Result<Review, ReviewError> {
        let own = files::read_off_thread(&self.token_file).await;
        let own = own.and_then(|own| String::from_utf8(own).map_err(std::io::Error::other));
        let own = own.map_err(|error| ReviewError::OwnToken(error.to_string()))?;
        let request = RequestWire {
            api_version: API_VERSION,
            kind: KIND,
            spec: SpecWire {
                token: token.reveal(),
                audiences,
            },
        };
        let client = self.client.read().await;
        let client = client.map_err(|error| ReviewError::Unreachable(error.to_string()))?;
        let asked = client.post(self.url.clone()).bearer_auth(own.trim());
        let answer = asked
            .json(&request)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED => {
                parse(&Body::new(answer, None).whole(MOST_BYTES).await?)
            }
            status => Err(ReviewError::Status(status)),
        }
    }
}

/// A client that believes these certificate authorities.
fn client(host: &str, ca: &[u8]) -> Result<Client, ClientError> {
    let authorities = pem::certificates(ca)?;
    // The API server is at a private address.
    let guard = Guard::allowing([host.to_owned()]);
    Ok(client_for_authorities(Some(&authorities), guard)?)
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error(transparent)]
    Authorities(#[from] PemError),
    #[error(transparent)]
    Client(#[from] client::SetupError),
}

/// The API server, as Kubernetes names it to every container.
fn in_cluster(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let host = variable("KUBERNETES_SERVICE_HOST")?;
    let port = variable("KUBERNETES_SERVICE_PORT")?;
    match host.contains(':') {
        true => Some(format!("https://[{host}]:{port}")),
        false => Some(format!("https://{host}:{port}")),
    }
}

fn cannot_read(file: &Path, error: &std::io::Error) -> SetupError {
    SetupError::File {
        file: file.to_owned(),
        message: format!("cannot be read: {error}"),
    }
}

impl From<BodyError> for ReviewError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken(error) => unreachable(&error),
            BodyError::TooLarge(_) => {
                Self::Malformed(format!("it has more than {MOST_BYTES} bytes"))
            }
        }
    }
}

/// Reads an answer. `status.error` is left alone: it may repeat what it was given.
fn parse(body: &[u8]) -> Result<Review, ReviewError> {
    let malformed = |error: JsonError| {
        // Only the place: serde's own words may quote the answer, which has the token in it.
        let (line, column) = (error.line(), error.column());
        ReviewError::Malformed(format!("line {line}, column {column}"))
    };
    let wire: ReviewWire = json::parse(body).map_err(malformed)?;
    if wire.api_version != API_VERSION || wire.kind != KIND {
        let message = format!("expected a {KIND} of {API_VERSION}");
        return Err(ReviewError::Malformed(message));
    }
    Ok(match wire.status.authenticated {
        true => Review::Authenticated {
            user: wire.status.user.username,
            audiences: wire.status.audiences,
        },
        false => Review::Unknown,
    })
}

/// What went wrong, down to its cause. Neither the URL nor an error holds a token.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> ReviewError {
    ReviewError::Unreachable(with_causes(error))
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_knows_its_api_server() {
        let of = |host: &'static str| {
            in_cluster(move |name| match name {
                "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
                "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
                _ => None,
            })
        };
        assert_eq!(of("10.0.0.1").as_deref(), Some("https://10.0.0.1:443"));
        assert_eq!(of("fd00::1").as_deref(), Some("https://[fd00::1]:443"));
        assert_eq!(in_cluster(|_| None), None);
    }

    #[test]
    fn an_answer_must_be_a_token_review() {
        let good = br#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"secret"},
            "status":{"authenticated":true,"user":{"username":"u","groups":["g"]},"audiences":["a"]}}"#;
        let expected = Review::Authenticated {
            user: "u".to_owned(),
            audiences: vec!["a".to_owned()],
        };
        assert_eq!(parse(good), Ok(expected));
        for (answer, named) in [
            (&b"{"[..], "line 1"),
            (br#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":"secret"}"#, "line 1"),
            (br#"{"apiVersion":"v1","kind":"Status","status":{"authenticated":true}}"#, "expected a TokenReview"),
        ] {
            let Err(ReviewError::Malformed(message)) = parse(answer) else {
                panic!("{answer:?} was read");
            };
            assert!(message.contains(named), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
