//! Every step of a look at an image, crossed with every common way to fail.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::StatusCode;
use sealgate_testkit::registry::{Fault, Route, Rule};

use crate::rows::answers;
use crate::scene::{Class, Guarded, Scene, Signed, timed};

/// The steps, each with an image for which it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Token,
    Tag,
    Image,
    Referrers,
    Fallback,
    Manifest,
    Blob,
    Sig,
    Att,
}

pub(crate) const STEPS: [(Step, &str); 9] = [
    (Step::Token, "token"),
    (Step::Tag, "tag"),
    (Step::Image, "image"),
    (Step::Referrers, "referrers"),
    (Step::Fallback, "fallback tag"),
    (Step::Manifest, "referrer"),
    (Step::Blob, "blob"),
    (Step::Sig, ".sig"),
    (Step::Att, ".att"),
];

/// The faults, and how often each happens.
pub(crate) fn faults() -> Vec<(&'static str, Fault, u64)> {
    let page = |kind: &str, body: &'static str| {
        let bytes = Bytes::from_static(body.as_bytes());
        Fault::Answer(StatusCode::OK, kind.to_owned(), bytes)
    };
    let ever = u64::MAX;
    vec![
        ("400", answers(400), ever),
        ("401", Fault::Challenge(String::new()), ever),
        ("403", answers(403), ever),
        ("404", answers(404), ever),
        ("405", answers(405), ever),
        ("429", answers(429), ever),
        ("500", answers(500), ever),
        ("503", answers(503), ever),
        ("204", answers(204), ever),
        ("HTML", page("text/html", "<html>"), ever),
        ("nothing", page("application/octet-stream", ""), ever),
        ("endless", Fault::Endless, ever),
        ("1 TiB announced", Fault::ContentLength(1 << 40), ever),
        ("7 bytes announced", Fault::ContentLength(7), ever),
        ("cut off", Fault::Truncate(7), ever),
        ("gzip", Fault::GzipBomb(1 << 20), ever),
        ("reset once", Fault::Reset, 1),
        ("reset", Fault::Reset, ever),
        ("silent once", Fault::Hang, 1),
        ("silent", Fault::Hang, ever),
        (
            "redirect inwards",
            Fault::Redirect("https://10.0.0.1/x".to_owned()),
            ever,
        ),
    ]
}

/// The codes, by fault and step.
pub(crate) async fn run() -> Vec<(&'static str, Vec<String>)> {
    let faults = faults();
    let cells: Vec<_> = faults
        .iter()
        .flat_map(|fault| STEPS.map(|(step, _)| (step, fault.clone())))
        .collect();
    let codes: Vec<String> = stream::iter(cells)
        .map(|(step, (name, fault, times))| cell(step, name, fault, times))
        .buffered(4)
        .collect()
        .await;
    let rows = codes.chunks(STEPS.len()).map(<[String]>::to_vec);
    faults.iter().map(|(name, ..)| *name).zip(rows).collect()
}

async fn cell(step: Step, name: &str, fault: Fault, times: u64) -> String {
    let (signed, guarded) = match step {
        Step::Token => (Signed::Bundle, Guarded::Token),
        Step::Fallback => (Signed::Fallback, Guarded::Open),
        Step::Sig => (Signed::Sig, Guarded::Open),
        Step::Att => (Signed::No, Guarded::Open),
        _ => (Signed::Bundle, Guarded::Open),
    };
    let scene = Scene::new(signed, guarded).await;
    let tag = scene.image.digest.tag_prefix();
    let (route, ending) = match step {
        Step::Token => (Route::Token, String::new()),
        Step::Tag => (Route::ManifestByTag, "/v1".to_owned()),
        Step::Image => (Route::ManifestByDigest, scene.image.digest.to_string()),
        Step::Referrers => (Route::Referrers, String::new()),
        Step::Fallback => (Route::ManifestByTag, tag),
        Step::Manifest => (Route::ManifestByDigest, scene.signature().0.digest),
        Step::Blob => (Route::Blob, String::new()),
        Step::Sig => (Route::ManifestByTag, format!("{tag}.sig")),
        Step::Att => (Route::ManifestByTag, format!("{tag}.att")),
    };
    let rule = Rule::on(route, fault).times(times);
    scene.registry.inject(match ending.is_empty() {
        true => rule,
        false => rule.ending(&ending),
    });
    let key = match step {
        Step::Image => scene.image.pinned(),
        _ => scene.image.tagged("v1"),
    };
    let (answer, time) = timed(scene.ask_for(&key)).await;
    let place = format!("{name} at {step:?}");
    assert!(time < Duration::from_secs(15), "{place}: {time:?}");
    assert!(scene.requests() <= 24, "{place}: {}", scene.requests());
    // A list of 32 MiB and three of 4 MiB, with what fits the buffers of each connection.
    assert!(scene.bytes() < 96 << 20, "{place}: {}", scene.bytes());
    assert_eq!(scene.leaks(&answer), [""; 0], "{place}");
    if times > 1 && step != Step::Att && answer.class == Class::Refused {
        // What a stranger can bring about by pushing, or a plain "there is no such thing".
        assert!(
            ["404", "endless", "1 TiB announced"].contains(&name),
            "{place}: a signed image is refused: {}",
            answer.body
        );
    }
    answer.code
}
