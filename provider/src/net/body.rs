//! Bodies of other servers' responses, read within bounds: the only place that reads any.
//!
//! | who | how much | how slowly |
//! |---|---|---|
//! | API server, revocation services, TUF | [`Body::whole`] | within the deadline of the request |
//! | manifests, blobs, tokens of registries | [`Body::whole`] | [`Pace`]: a registry holds memory meanwhile |
//! | lists of referrers | [`Body::piece`], each read and dropped | [`Pace`] |
//! | errors of registries | [`Body::beginning`], for a message only | a moment |

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout};

/// Bytes a second that a body has on average, once it has taken as long as it may be silent.
const LEAST_PACE: f64 = 16_384.0;

/// How slowly a body may come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The time within which each piece comes.
    pub(crate) hesitation: Duration,
    /// The time that it may take longer than 16 KiB a second do.
    pub(crate) silence: Duration,
}

/// A body on its way.
pub(crate) struct Body {
    response: Response,
    /// Without one, whoever reads has a deadline.
    pace: Option<Pace>,
    began: Instant,
    bytes: usize,
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It does not come.
    Broken(Broken),
    /// There are more bytes than allowed.
    TooLarge(Size),
}

/// Why a body does not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] reqwest::Error),
    /// Nothing came for so long.
    #[error("silence for {} ms", .0.as_millis())]
    Silent(Duration),
    /// It came too slowly.
    #[error("{bytes} bytes in {seconds:.1} s")]
    Slow {
        /// What came.
        bytes: usize,
        /// In this time.
        seconds: f64,
    },
}

/// How large a body is, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// As the response says.
    Announced(usize),
    /// So much came, and it did not end.
    AtLeast(usize),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced(bytes) => write!(f, "{bytes}"),
            Self::AtLeast(bytes) => write!(f, "at least {bytes}"),
        }
    }
}

impl From<Broken> for BodyError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Body {
    /// The body of a response, of which nothing has been read.
    pub(crate) fn new(response: Response, pace: Option<Pace>) -> Self {
        Self {
            response,
            pace,
            began: Instant::now(),
            bytes: 0,
        }
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next piece; none at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        let piece = match self.pace {
            None => self.response.chunk().await?,
            Some(Pace { hesitation, .. }) => timeout(hesitation, self.response.chunk())
                .await
                .map_err(|_| Broken::Silent(hesitation))??,
        };
        self.bytes += piece.as_ref().map_or(0, Bytes::len);
        let seconds = self.began.elapsed().as_secs_f64();
        let most = |pace: Pace| pace.silence.as_secs_f64() + self.bytes as f64 / LEAST_PACE;
        match piece.is_some() && self.pace.is_some_and(|pace| seconds > most(pace)) {
            true => Err(Broken::Slow {
                bytes: self.bytes,
                seconds,
            }),
            false => Ok(piece),
        }
    }

    /// All of it, of at most `most` bytes, whatever the response says of its length.
    pub(crate) async fn whole(mut self, most: usize) -> Result<Vec<u8>, BodyError> {
        let announced = announced(&self.response);
        if let Some(bytes) = announced.filter(|bytes| *bytes > most) {
            return Err(BodyError::TooLarge(Size::Announced(bytes)));
        }
        let mut body = Vec::with_capacity(announced.unwrap_or_default());
        while let Some(piece) = self.piece().await? {
            if self.bytes > most {
                return Err(BodyError::TooLarge(Size::AtLeast(self.bytes)));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// What comes of it in time; nothing if that is more than `most` bytes. Neither a failure nor
    /// a body that never ends costs anything else.
    pub(crate) async fn beginning(mut self, most: usize, within: Duration) -> Vec<u8> {
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(piece)) = self.piece().await {
                body.extend_from_slice(&piece);
                if body.len() > most {
                    body.clear();
                    break;
                }
            }
        };
        // What came in time will do.
        drop(timeout(within, read).await);
        body
    }
}

/// The length that a response announces.
pub(crate) fn announced(response: &Response) -> Option<usize> {
    let length = response.content_length()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}
