//! Answers that prove nothing, from a server in the provider's place: the policies must refuse
//! them all.

use http::StatusCode;
use sealgate_tests::e2e::{Reply, StandIn, Table};

use crate::kyverno::{Expect, KINDS, pod};
use crate::world::World;

const IMAGE: &str = "registry.example.com/app:1";

/// What is answered at which path, and what the policies say to it: the ValidatingPolicy and the
/// ClusterPolicy.
const LIES: [(&str, &str, [&str; 2]); 12] = [
    ("null", "null", ["no verdict", UNREADABLE]),
    ("empty", "{}", ["no verdict", UNREADABLE]),
    ("nothing", "", ["no verdict", UNREADABLE]),
    ("text", "verified: true", ["no verdict", UNREADABLE]),
    ("list", "[true]", ["no verdict", UNREADABLE]),
    (
        "null-verdicts",
        r#"{"verdicts": null}"#,
        ["iterable", UNREADABLE],
    ),
    (
        "no-verdicts",
        r#"{"verdicts": []}"#,
        ["no verdict", "no proof"],
    ),
    (
        "other-image",
        r#"{"verdicts": [{"image": {"requested": "registry.example.com/app:2"}, "verified": true}]}"#,
        ["no verdict", "no proof"],
    ),
    (
        "text-for-true",
        r#"{"verdicts": [{"image": {"requested": "registry.example.com/app:1"}, "verified": "true"}]}"#,
        ["not verified"; 2],
    ),
    (
        "null-for-true",
        r#"{"verdicts": [{"image": {"requested": "registry.example.com/app:1"}, "verified": null}]}"#,
        ["not verified"; 2],
    ),
    (
        "no-image",
        r#"{"verdicts": [{"verified": true}]}"#,
        ["no such key: image", "no proof"],
    ),
    (
        "no-verdict",
        r#"{"verdicts": [{"image": {"requested": "registry.example.com/app:1"}}]}"#,
        ["no such key: verified", "not verified"],
    ),
];

/// Kyverno cannot evaluate what the ClusterPolicy makes of it.
const UNREADABLE: &str = "failed to resolve length(answer.verdicts)";

const TRUE: &str =
    r#"{"verdicts": [{"image": {"requested": "registry.example.com/app:1"}, "verified": true}]}"#;

pub(crate) async fn run(world: &World, table: &mut Table) {
    let authority = sealgate_tests::e2e::Authority::new("stand-in").unwrap();
    let stand_in = StandIn::start(&authority, &world.folder, answer);
    let stand_in = stand_in.await.unwrap();
    let ca = world.folder.join("stand-in-ca.crt");
    std::fs::write(&ca, authority.pem()).unwrap();
    let kyverno_at = |path: &str| {
        let mut kyverno = world.kyverno_at(&format!("{}/{path}", stand_in.url));
        kyverno.trust(&ca);
        kyverno
    };
    let pod = pod(IMAGE);
    for (index, kind) in KINDS.into_iter().enumerate() {
        // Without this the refusals below would show nothing.
        let truth = "answers: proven";
        kyverno_at("true").expect(table, kind, truth, &pod, Expect::Passes);
        let failed = "answers: proven, with status 500";
        kyverno_at("500").expect(table, kind, failed, &pod, Expect::Refused("500"));
        for (path, _, says) in LIES {
            let scenario = format!("answers: {path}");
            let expect = Expect::Refused(says[index]);
            kyverno_at(path).expect(table, kind, &scenario, &pod, expect);
        }
    }
}

fn answer(path: &str, _: &[String]) -> Reply {
    let path = path.trim_start_matches('/');
    let lie = LIES.iter().find(|(name, ..)| *name == path);
    match (path, lie) {
        ("500", _) => Reply::Body(StatusCode::INTERNAL_SERVER_ERROR, TRUE.to_owned()),
        (_, Some((_, body, _))) => Reply::Body(StatusCode::OK, (*body).to_owned()),
        _ => Reply::Body(StatusCode::OK, TRUE.to_owned()),
    }
}
