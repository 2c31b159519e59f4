//! Sigstore signatures of a private instance: what passes, and how each attack is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod bench;
mod certificates;
mod differential;
mod forms;
mod images;
mod keys;
mod logs;
mod mutations;
mod oracle;
mod paths;
mod timestamps;

/// What every module here uses.
mod prelude {
    pub(crate) use base64::Engine as _;
    pub(crate) use base64::engine::general_purpose::STANDARD;
    pub(crate) use sealgate_core::Digest;
    pub(crate) use sealgate_core::Window;
    pub(crate) use sealgate_core::policy::SubjectType;
    pub(crate) use sealgate_testkit::der;
    pub(crate) use sealgate_testkit::key::{Key, Kind};
    pub(crate) use sealgate_testkit::sigstore::certificate::{
        CODE_SIGNING, Description, SERVER_AUTH, San, TIME_STAMPING,
    };
    pub(crate) use sealgate_testkit::sigstore::log::{self, Log};
    pub(crate) use sealgate_testkit::sigstore::timestamp::TimestampAuthority;
    pub(crate) use sealgate_testkit::sigstore::{
        END, ISSUER, SIGNED, START, SUBJECT, Signed, Sigstore, Verifier, add_entry, add_timestamp,
        bundle, statement,
    };
    pub(crate) use serde_json::{Value, json};

    pub(crate) use crate::bench::*;
}
