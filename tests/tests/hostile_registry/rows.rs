//! The behaviours: what the registry does, and what the provider must make of it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use sealgate_testkit::image::{INDEX, MANIFEST};
use sealgate_testkit::publish::{self, EMPTY_CONFIG, Listing, Referrer};
use sealgate_testkit::registry::{Descriptor, Fault, Route, Rule, sha256};
use sealgate_testkit::sign;
use serde_json::{Value, json};

use crate::scene::Class::{Error, Refused, Undecided, Verified};
use crate::scene::{Answer, Class, Guarded, Scene, Signed, timed};

/// One behaviour.
pub(crate) struct Row {
    /// Of what.
    pub(crate) place: &'static str,
    pub(crate) behaviour: String,
    pub(crate) signed: Signed,
    pub(crate) class: Class,
    pub(crate) code: &'static str,
    guarded: Guarded,
    stage: Box<dyn Fn(&Scene) + Send + Sync>,
    /// How often it is asked; the last answer counts.
    asks: usize,
    pinned: bool,
    /// Requests at most, of all askings.
    pub(crate) requests: usize,
    /// Bytes at most that the registry may hand to the system, beside what fits its buffers.
    pub(crate) kilobytes: u64,
    /// Memory at most that the process takes for it. Such a row runs alone.
    pub(crate) megabytes: Option<u64>,
}

/// What was seen of a row.
pub(crate) struct Measured {
    pub(crate) answer: Answer,
    time: Duration,
    requests: usize,
    bytes: u64,
    memory: u64,
    leaks: Vec<String>,
}

/// What the buffers of the system may take of what nobody reads: 8 MiB where it does not say.
fn buffers() -> u64 {
    let most = |name: &str| -> Option<u64> {
        let sizes = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok()?;
        sizes.split_whitespace().last()?.parse().ok()
    };
    let [receive, send] = ["tcp_rmem", "tcp_wmem"].map(|name| most(name).unwrap_or(4 << 20));
    receive + send
}
/// The time that every row ends in: silence and repetitions within it, on a busy machine.
const TIME: Duration = Duration::from_secs(15);

impl Row {
    fn new(
        place: &'static str,
        behaviour: impl Into<String>,
        signed: Signed,
        class: Class,
        code: &'static str,
        stage: impl Fn(&Scene) + Send + Sync + 'static,
    ) -> Self {
        Self {
            place,
            behaviour: behaviour.into(),
            signed,
            class,
            code,
            guarded: Guarded::Open,
            stage: Box::new(stage),
            asks: 1,
            pinned: false,
            requests: 8,
            kilobytes: 64,
            megabytes: None,
        }
    }

    fn guarded(self, guarded: Guarded) -> Self {
        Self { guarded, ..self }
    }

    fn asks(self, asks: usize) -> Self {
        Self { asks, ..self }
    }

    fn pinned(self) -> Self {
        Self {
            pinned: true,
            ..self
        }
    }

    fn requests(self, requests: usize) -> Self {
        Self { requests, ..self }
    }

    fn kilobytes(self, kilobytes: u64) -> Self {
        Self { kilobytes, ..self }
    }

    fn megabytes(self, megabytes: u64) -> Self {
        Self {
            megabytes: Some(megabytes),
            ..self
        }
    }

    pub(crate) async fn run(&self) -> Measured {
        let scene = Scene::new(self.signed, self.guarded).await;
        (self.stage)(&scene);
        let key = match self.pinned {
            true => scene.image.pinned(),
            false => scene.image.tagged("v1"),
        };
        let before = memory::begin();
        let (answer, time) = timed(async {
            let mut answer = scene.ask_for(&key).await;
            for _ in 1..self.asks {
                answer = scene.ask_for(&key).await;
            }
            answer
        })
        .await;
        Measured {
            leaks: scene.leaks(&answer),
            memory: memory::peak().saturating_sub(before),
            requests: scene.requests(),
            bytes: scene.bytes(),
            answer,
            time,
        }
    }

    /// Everything that is not as it should be.
    pub(crate) fn problems(&self, measured: &Measured) -> Vec<String> {
        let mut problems = measured.leaks.clone();
        let Measured {
            answer,
            time,
            requests,
            bytes,
            memory,
            ..
        } = measured;
        if (answer.class, answer.code.as_str()) != (self.class, self.code) {
            problems.push(format!(
                "expected {:?} {}, found {:?} {}: {}",
                self.class, self.code, answer.class, answer.code, answer.body
            ));
        }
        if *time > TIME {
            problems.push(format!("it took {time:?}"));
        }
        if *requests > self.requests {
            let most = self.requests;
            problems.push(format!("{requests} requests, more than {most}"));
        }
        if *bytes > self.kilobytes * 1024 + buffers() {
            problems.push(format!("{bytes} bytes"));
        }
        if let Some(most) = self.megabytes
            && *memory > most << 20
        {
            problems.push(format!("{} MiB of memory, more than {most}", memory >> 20));
        }
        let name = format!("{}: {}", self.place, self.behaviour);
        problems
            .iter()
            .map(|one| format!("{name}: {one}"))
            .collect()
    }
}

/// Every behaviour, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    [
        tag(),
        connection(),
        redirects(),
        image(),
        list(),
        pages(),
        sizes(),
        referrer(),
        blob(),
        tags_beside(),
        credentials(),
        storms(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn answers(status: u16) -> Fault {
    Fault::Status(StatusCode::from_u16(status).unwrap())
}

fn html() -> Fault {
    page("text/html", "<html><body>Welcome</body></html>")
}

fn page(kind: &str, body: &'static str) -> Fault {
    Fault::Answer(
        StatusCode::OK,
        kind.to_owned(),
        Bytes::from_static(body.as_bytes()),
    )
}

/// Bytes of the same length that are no JSON.
fn other_bytes(length: usize) -> Bytes {
    vec![b'x'; length].into()
}

const TAG: Route = Route::ManifestByTag;

fn tag() -> Vec<Row> {
    let tag = |behaviour: &str, class, code, fault: Fault| {
        Row::new(
            "The tag",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                scene.fault(TAG, fault.clone());
            },
        )
    };
    let digest = |text: &str| Fault::ContentDigest(Some(text.to_owned()));
    let both = r#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
    vec![
        tag(
            "401 without a challenge",
            Undecided,
            "registry_unauthorized",
            Fault::Challenge(String::new()),
        )
        .requests(1),
        tag(
            "401 with a challenge of a kind that is not known",
            Undecided,
            "registry_unauthorized",
            Fault::Challenge("Negotiate".into()),
        )
        .requests(1),
        tag("403", Undecided, "registry_forbidden", answers(403)).requests(1),
        tag("404", Error, "image_not_found", answers(404)).requests(1),
        tag(
            "404 whose body never ends",
            Error,
            "image_not_found",
            Fault::Unfinished(StatusCode::NOT_FOUND),
        )
        .requests(1),
        tag("418", Undecided, "registry_unexpected_status", answers(418)).requests(1),
        tag("204", Undecided, "registry_unexpected_status", answers(204)).requests(1),
        tag("429", Undecided, "registry_throttled", answers(429)).requests(1),
        tag("500", Undecided, "registry_error", answers(500)).requests(1),
        tag(
            "200 with a page of HTML",
            Undecided,
            "registry_malformed",
            html(),
        )
        .requests(4),
        tag(
            "200 with nothing",
            Undecided,
            "registry_malformed",
            page(MANIFEST, ""),
        )
        .requests(4),
        tag(
            "a manifest that is an image and an index (ADV-56)",
            Undecided,
            "registry_malformed",
            page(MANIFEST, both),
        )
        .requests(4),
        tag(
            "a digest in the header that the bytes do not have (ADV-43)",
            Undecided,
            "digest_mismatch",
            digest(&format!("sha256:{}", "0".repeat(64))),
        )
        .requests(1),
        tag(
            "a digest in the header that is none (ADV-61)",
            Undecided,
            "registry_malformed",
            digest("sha256:../x"),
        )
        .requests(1),
        tag(
            "no digest in the header",
            Verified,
            "verified",
            Fault::ContentDigest(None),
        ),
        tag(
            "an announced length of 1 TiB (ATK-06)",
            Undecided,
            "registry_too_large",
            Fault::ContentLength(1 << 40),
        )
        .requests(1),
        tag(
            "an announced length that is too short",
            Undecided,
            "digest_mismatch",
            Fault::ContentLength(10),
        )
        .requests(1),
        tag(
            "an announced length that is too long",
            Undecided,
            "registry_unreachable",
            Fault::ContentLength(100_000),
        )
        .requests(2),
        tag(
            "an endless body (ADV-09)",
            Undecided,
            "registry_too_large",
            Fault::Endless,
        )
        .requests(1)
        .kilobytes(4 << 10)
        .megabytes(24),
        tag(
            "a body that is a gzip bomb (ATK-07)",
            Undecided,
            "registry_malformed",
            Fault::GzipBomb(4 << 20),
        )
        .requests(2),
        Row::new(
            "The tag",
            "it names another image at each request (ATK-10)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                let other =
                    sealgate_testkit::image::single(&scene.registry, "app", "other", "other");
                let moves = [&scene.image, &other].map(|image| image.digest.to_string());
                scene.fault(TAG, Fault::TagMoves(moves.to_vec()));
            },
        ),
    ]
}

fn connection() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, route, place) in [
        ("the tag", TAG, "/v1"),
        ("the list of referrers", Route::Referrers, ""),
        ("a referrer's manifest", Route::ManifestByDigest, ""),
        ("a blob", Route::Blob, ""),
    ] {
        let row = |behaviour: &str, class, code, fault: Fault, times: u64| {
            Row::new(
                "The connection",
                format!("{name}: {behaviour}"),
                Signed::Bundle,
                class,
                code,
                move |scene: &Scene| {
                    let rule = Rule::on(route, fault.clone()).ending(place);
                    scene.registry.inject(rule.times(times));
                },
            )
        };
        const EVER: u64 = u64::MAX;
        let unreachable = "registry_unreachable";
        rows.extend([
            row("silence, once (F10)", Verified, "verified", Fault::Hang, 1),
            row("silence, always", Undecided, unreachable, Fault::Hang, EVER),
            row(
                "silence in the middle, once",
                Verified,
                "verified",
                Fault::Stall(7),
                1,
            ),
            row(
                "silence in the middle, always",
                Undecided,
                unreachable,
                Fault::Stall(7),
                EVER,
            ),
            row("reset, once", Verified, "verified", Fault::Reset, 1),
            row("reset, always", Undecided, unreachable, Fault::Reset, EVER),
            row(
                "a byte each 50 ms (ATK-06)",
                Undecided,
                unreachable,
                Fault::Trickle(Duration::from_millis(50)),
                EVER,
            ),
            row(
                "closed in the middle",
                Undecided,
                unreachable,
                Fault::Truncate(7),
                EVER,
            ),
        ]);
    }
    let raw = |behaviour: &str, class, code, bytes: Vec<u8>| {
        Row::new(
            "The connection",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                scene.fault(TAG, Fault::Raw(bytes.clone().into()));
            },
        )
    };
    let unreachable = "registry_unreachable";
    let head = "HTTP/1.1 200 OK\r\n";
    rows.extend([
        raw(
            "bytes that are no HTTP",
            Undecided,
            unreachable,
            b"\x00\xffSSH-2.0\r\n".repeat(100),
        )
        .requests(2),
        raw(
            "a header of 1 MiB",
            Undecided,
            unreachable,
            format!("{head}x: {}\r\n\r\n", "y".repeat(1 << 20)).into(),
        )
        .requests(2)
        .kilobytes(2 << 10),
        raw(
            "ten thousand headers",
            Undecided,
            unreachable,
            format!("{head}{}\r\n", "x: y\r\n".repeat(10_000)).into(),
        )
        .requests(2),
        raw(
            "two lengths that differ",
            Undecided,
            unreachable,
            format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}").into(),
        )
        .requests(2),
        raw(
            "a chunk of more bytes than there can be",
            Undecided,
            unreachable,
            format!("{head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx").into(),
        )
        .requests(2),
        raw(
            "interim answers without end",
            Undecided,
            unreachable,
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20_000).into(),
        )
        .requests(2)
        .kilobytes(2 << 10),
    ]);
    rows
}

fn redirects() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, route) in [
        ("the tag", TAG),
        ("the list of referrers", Route::Referrers),
        ("a blob", Route::Blob),
    ] {
        let to = |behaviour: &str, code, place: fn(&Scene) -> String| {
            Row::new(
                "A redirect",
                format!("{name}: {behaviour}"),
                Signed::Bundle,
                Undecided,
                code,
                move |scene: &Scene| {
                    scene.fault(route, Fault::Redirect(place(scene)));
                },
            )
            .guarded(Guarded::Token)
        };
        rows.extend([
            to(
                "to a metadata service (ATK-08)",
                "registry_address_forbidden",
                |_| "https://169.254.169.254/latest".into(),
            ),
            to(
                "to a loopback address over https",
                "registry_address_forbidden",
                |scene| format!("https://{}/x", scene.stranger.host()),
            ),
            to(
                "to a loopback address as one number",
                "registry_address_forbidden",
                |_| "https://2130706433/x".into(),
            ),
            to(
                "to a loopback address in IPv6",
                "registry_address_forbidden",
                |_| "https://[::ffff:127.0.0.1]/x".into(),
            ),
            to(
                "to another host over plain HTTP",
                "registry_redirect_refused",
                |scene| format!("{}/x", scene.stranger.url()),
            ),
            to(
                "to a URL with a user name (ATK-09)",
                "registry_redirect_refused",
                |_| "https://user:word@example.com/x".into(),
            ),
            to("to nowhere", "registry_redirect_refused", |_| {
                "https://".into()
            }),
        ]);
    }
    rows.push(
        Row::new(
            "A redirect",
            "the tag: to itself",
            Signed::Bundle,
            Undecided,
            "registry_redirect_refused",
            |scene| {
                scene.fault(TAG, Fault::RedirectOrigin(scene.registry.url()));
            },
        )
        .requests(4),
    );
    rows.push(
        Row::new(
            "A redirect",
            "a blob: to the storage, which gets no credentials (ADV-59)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                let (_, manifest) = scene.signature();
                let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
                scene
                    .storage
                    .push_blob("app", scene.registry.blob("app", &layer).unwrap());
                scene.fault(Route::Blob, Fault::RedirectOrigin(scene.storage.url()));
            },
        )
        .guarded(Guarded::Token)
        .requests(12),
    );
    rows.push(
        Row::new(
            "A redirect",
            "a blob: to the storage, which asks for credentials",
            Signed::Bundle,
            Undecided,
            "registry_unauthorized",
            |scene| {
                scene.fault(Route::Blob, Fault::RedirectOrigin(scene.storage.url()));
                scene
                    .storage
                    .fault(Route::Blob, Fault::Challenge("Basic realm=\"x\"".into()));
            },
        )
        .guarded(Guarded::Token)
        .requests(12),
    );
    rows
}

fn image() -> Vec<Row> {
    let image = |behaviour: &str, class, code, fault: fn(&Scene) -> Fault| {
        Row::new(
            "The image by its digest",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                let rule = Rule::on(Route::ManifestByDigest, fault(scene));
                scene
                    .registry
                    .inject(rule.ending(&scene.image.digest.to_string()));
            },
        )
        .pinned()
    };
    vec![
        image("404", Error, "image_not_found", |_| answers(404)),
        image("403", Undecided, "registry_forbidden", |_| answers(403)),
        image("500", Undecided, "registry_error", |_| answers(500)),
        image(
            "other bytes of the same length",
            Undecided,
            "digest_mismatch",
            |scene| {
                Fault::Body(other_bytes(
                    usize::try_from(scene.image.descriptor.size).unwrap(),
                ))
            },
        ),
        image(
            "a header that says another digest",
            Verified,
            "verified",
            |_| Fault::ContentDigest(Some(format!("sha256:{}", "0".repeat(64)))),
        ),
    ]
}

fn list() -> Vec<Row> {
    let list = |behaviour: String, signed, class, code, fault: Fault| {
        Row::new(
            "The list of referrers",
            behaviour,
            signed,
            class,
            code,
            move |scene: &Scene| {
                scene.fault(Route::Referrers, fault.clone());
            },
        )
    };
    let mut rows = Vec::new();
    for code in [400, 405, 406, 410, 415] {
        rows.push(list(
            format!("{code} (F12)"),
            Signed::Bundle,
            Undecided,
            "registry_unexpected_status",
            answers(code),
        ));
    }
    let bad = || answers(400);
    rows.extend([
        list(
            "501".into(),
            Signed::Bundle,
            Undecided,
            "registry_error",
            answers(501),
        ),
        list("400".into(), Signed::Sig, Verified, "verified", bad()),
        list("400".into(), Signed::Fallback, Verified, "verified", bad()),
        list(
            "400".into(),
            Signed::No,
            Undecided,
            "registry_unexpected_status",
            bad(),
        ),
        list(
            "404: there is no such API".into(),
            Signed::No,
            Refused,
            "no_signatures",
            answers(404),
        ),
        list(
            "404: there is no such API".into(),
            Signed::Fallback,
            Verified,
            "verified",
            answers(404),
        ),
        list(
            "401 without a challenge".into(),
            Signed::Bundle,
            Undecided,
            "registry_unauthorized",
            Fault::Challenge(String::new()),
        ),
        list(
            "403".into(),
            Signed::Sig,
            Undecided,
            "registry_forbidden",
            answers(403),
        ),
        list(
            "429".into(),
            Signed::Bundle,
            Undecided,
            "registry_throttled",
            answers(429),
        ),
        list(
            "500".into(),
            Signed::Bundle,
            Undecided,
            "registry_error",
            answers(500),
        ),
        list(
            "200 with a page of HTML (F12)".into(),
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            html(),
        ),
        list(
            "200 with a page of HTML".into(),
            Signed::Sig,
            Verified,
            "verified",
            html(),
        ),
        list(
            "sent as application/json (F12)".into(),
            Signed::Bundle,
            Verified,
            "verified",
            Fault::ContentType("application/json".into()),
        ),
        list(
            "empty, though there are some".into(),
            Signed::Bundle,
            Refused,
            "no_signatures",
            Fault::EmptyReferrers,
        ),
        list(
            "empty, beside an index under the fallback tag".into(),
            Signed::Fallback,
            Verified,
            "verified",
            page(INDEX, r#"{"manifests":[]}"#),
        ),
        list(
            "with the config's type as artifact type".into(),
            Signed::Bundle,
            Verified,
            "verified",
            Fault::Mislabelled,
        ),
        list(
            "an index that ends too early".into(),
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            page(INDEX, r#"{"manifests":[{"#),
        ),
        list(
            "an index with two lists (ATK-16)".into(),
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            page(INDEX, r#"{"manifests":[],"manifests":[]}"#),
        ),
        list(
            "an index without a list".into(),
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            page(INDEX, "{}"),
        ),
        list(
            "compressed, which nobody asked for".into(),
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            Fault::GzipBomb(1 << 20),
        ),
    ]);
    let index_of = |behaviour: &str, class, code, entry: fn(Descriptor) -> Value| {
        Row::new(
            "The list of referrers",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                let (descriptor, _) = scene.signature();
                let index = json!({"schemaVersion": 2, "manifests": [entry(descriptor)]});
                scene.fault(
                    Route::Referrers,
                    Fault::Answer(StatusCode::OK, INDEX.into(), index.to_string().into()),
                );
            },
        )
    };
    rows.extend([
        index_of(
            "an entry with no digest",
            Refused,
            "limit_exceeded",
            |_| json!({"mediaType": MANIFEST, "digest": "sha256:../x", "size": 1}),
        ),
        index_of(
            "an entry of another type than its manifest",
            Verified,
            "verified",
            |mut entry| {
                entry.artifact_type = Some("application/spdx+json".into());
                json!(entry)
            },
        ),
        index_of(
            "an entry of a digest that is nowhere",
            Refused,
            "limit_exceeded",
            |mut entry| {
                entry.digest = sha256(b"nowhere");
                json!(entry)
            },
        ),
        index_of(
            "an entry that is smaller than its manifest",
            Refused,
            "limit_exceeded",
            |mut entry| {
                entry.size = 10;
                json!(entry)
            },
        ),
        index_of(
            "an entry that is larger than its manifest",
            Verified,
            "verified",
            |mut entry| {
                entry.size += 1000;
                json!(entry)
            },
        ),
        index_of(
            "an entry of 100 MiB",
            Refused,
            "limit_exceeded",
            |mut entry| {
                entry.size = 100 << 20;
                json!(entry)
            },
        ),
    ]);
    rows
}

fn pages() -> Vec<Row> {
    let next = |behaviour: &str, link: fn(&Scene) -> String| {
        Row::new(
            "Pages",
            behaviour,
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            move |scene: &Scene| {
                scene.fault(Route::Referrers, Fault::NextLink(link(scene)));
            },
        )
        .requests(3)
    };
    let mut rows = vec![
        next("the next one is the first (ATK-05)", |scene| {
            format!("/v2/app/referrers/{}", scene.image.digest)
        }),
        next("the next one is at another host (ATK-05)", |scene| {
            format!("{}/v2/app/referrers/x", scene.stranger.url())
        }),
        next("the next one is of another repository", |_| {
            "/v2/other/referrers/x".into()
        }),
        next(
            "the next one is something else of this repository",
            |scene| format!("/v2/app/manifests/{}", scene.image.digest),
        ),
        next("the next one is no URL", |_| "http://[".into()),
    ];
    rows.push(
        Row::new(
            "Pages",
            "the second one answers 500",
            Signed::Bundle,
            Undecided,
            "registry_error",
            |scene| {
                let next = format!("/v2/app/referrers/{}?last=x", scene.image.digest);
                scene.fault(Route::Referrers, Fault::NextLink(next));
                scene
                    .registry
                    .inject(Rule::on(Route::Referrers, answers(500)).skip(1));
            },
        )
        .requests(3),
    );
    rows
}

/// A list of these entries, written by hand: a registry would take long to make it.
fn index(entries: impl Iterator<Item = Value>) -> Fault {
    let entries: Vec<_> = entries.map(|entry| entry.to_string()).collect();
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        entries.join(",")
    );
    Fault::Answer(StatusCode::OK, INDEX.into(), index.into())
}

fn noise(kind: &str, padding: usize) -> impl FnMut(usize) -> Value {
    let kind = kind.to_owned();
    move |number| {
        let digest = sha256(number.to_string().as_bytes());
        json!({
            "mediaType": MANIFEST, "digest": digest, "size": 500, "artifactType": kind,
            "annotations": {"pad": "x".repeat(padding)},
        })
    }
}

fn sizes() -> Vec<Row> {
    let beside = |behaviour: &str, signed, entries: usize, padding: usize| {
        Row::new(
            "Lists that are too long",
            behaviour,
            signed,
            Verified,
            "verified",
            move |scene: &Scene| {
                let noise = (0..entries).map(noise("application/x-noise", padding));
                let own = scene.try_signature().map(|(entry, _)| json!(entry));
                scene.fault(Route::Referrers, index(noise.chain(own)));
            },
        )
        .requests(30)
        .kilobytes(36 << 10)
        .megabytes(40)
    };
    vec![
        beside(
            "a bundle beside two referrers with 2.2 MB of annotations each (F6)",
            Signed::Bundle,
            2,
            2_200_000,
        ),
        beside(
            "a signature under .sig, and two such referrers (F6)",
            Signed::Sig,
            2,
            2_200_000,
        ),
        beside(
            "a bundle after 50 000 other entries (F6)",
            Signed::Bundle,
            50_000,
            0,
        ),
        Row::new(
            "Lists that are too long",
            "40 MB, from a registry that filters (F6)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                let long = index((0..4).map(noise("application/x-noise", 10 << 20)));
                scene
                    .registry
                    .inject(Rule::on(Route::Referrers, long).times(1));
            },
        )
        .requests(30)
        .kilobytes(36 << 10)
        .megabytes(40),
        Row::new(
            "Lists that are too long",
            "40 MB, from a registry that does not filter",
            Signed::Bundle,
            Refused,
            "limit_exceeded",
            |scene| {
                let long = index((0..4).map(noise("application/x-noise", 10 << 20)));
                scene.fault(Route::Referrers, long);
            },
        )
        .requests(30)
        .kilobytes(96 << 10)
        .megabytes(40),
        Row::new(
            "Lists that are too long",
            "40 MB, from a registry that does not filter",
            Signed::Sig,
            Verified,
            "verified",
            |scene| {
                let long = index((0..4).map(noise("application/x-noise", 10 << 20)));
                scene.fault(Route::Referrers, long);
            },
        )
        .requests(30)
        .kilobytes(96 << 10)
        .megabytes(40),
        Row::new(
            "Lists that are too long",
            "an index under the fallback tag of 6 MB of annotations (F6)",
            Signed::Fallback,
            Verified,
            "verified",
            |scene| {
                let own = scene.try_signature().map(|(entry, _)| json!(entry));
                let all = (0..3)
                    .map(noise("application/x-noise", 2_000_000))
                    .chain(own);
                scene.fault_tag("", index(all));
            },
        )
        .requests(30)
        .kilobytes(8 << 10)
        .megabytes(40),
        Row::new(
            "Lists that are too long",
            "nothing but white space, for ever",
            Signed::Bundle,
            Undecided,
            "registry_malformed",
            |scene| {
                scene.fault(Route::Referrers, Fault::Body(Bytes::from_static(b" ")));
                scene.fault(Route::Referrers, Fault::Endless);
            },
        )
        .kilobytes(36 << 10)
        .megabytes(40),
    ]
}

fn referrer() -> Vec<Row> {
    let referrer = |behaviour: &str, class, code, fault: fn(&Descriptor) -> Fault| {
        Row::new(
            "A referrer's manifest",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                let (entry, _) = scene.signature();
                let rule = Rule::on(Route::ManifestByDigest, fault(&entry));
                scene.registry.inject(rule.ending(&entry.digest));
            },
        )
    };
    let foreign = |behaviour: &str, signed, class, code, fault: Fault| {
        Row::new(
            "A referrer's manifest",
            behaviour,
            signed,
            class,
            code,
            move |scene: &Scene| {
                let artifact = Referrer {
                    subject: &scene.image.descriptor,
                    artifact_type: Some("application/spdx+json"),
                    config_media_type: EMPTY_CONFIG,
                    layer_media_type: "application/spdx+json",
                    blob: b"{}",
                    annotations: std::collections::BTreeMap::new(),
                };
                let other = publish::referrer(&scene.registry, "app", &artifact, Listing::Api);
                let rule = Rule::on(Route::ManifestByDigest, fault.clone());
                scene.registry.inject(rule.ending(&other.digest));
            },
        )
    };
    vec![
        referrer("404", Refused, "limit_exceeded", |_| answers(404)),
        referrer("403", Undecided, "registry_forbidden", |_| answers(403)),
        referrer("500", Undecided, "registry_error", |_| answers(500)),
        referrer(
            "other bytes of the same length",
            Undecided,
            "digest_mismatch",
            move |entry| Fault::Body(other_bytes(usize::try_from(entry.size).unwrap())),
        ),
        referrer("an endless body", Refused, "limit_exceeded", |_| {
            Fault::Endless
        })
        .kilobytes(4 << 10),
        referrer("a gzip bomb", Undecided, "registry_malformed", |_| {
            Fault::GzipBomb(4 << 20)
        }),
        referrer(
            "another digest in the header, right bytes",
            Verified,
            "verified",
            |_| Fault::ContentDigest(Some(sha256(b"x"))),
        ),
        foreign(
            "500 for one listed as something else (F12)",
            Signed::No,
            Undecided,
            "registry_error",
            answers(500),
        ),
        foreign(
            "500 for one listed as something else",
            Signed::Bundle,
            Verified,
            "verified",
            answers(500),
        ),
        foreign(
            "404 for one listed as something else",
            Signed::No,
            Refused,
            "limit_exceeded",
            answers(404),
        ),
        Row::new(
            "A referrer's manifest",
            "of another image, transplanted",
            Signed::No,
            Refused,
            "referrer_subject_mismatch",
            move |scene: &Scene| {
                let other =
                    sealgate_testkit::image::single(&scene.registry, "app", "other", "other");
                let statement = sign::statement(&other.digest, sign::COSIGN_SIGN, &json!({}));
                let bundle = sign::bundle(&scene.key, &statement);
                let entry = publish::bundle(
                    &scene.registry,
                    "app",
                    &other.descriptor,
                    &bundle,
                    Listing::Api,
                );
                scene.fault(Route::Referrers, index(std::iter::once(json!(entry))));
            },
        ),
    ]
}

fn blob() -> Vec<Row> {
    let blob = |behaviour: &str, class, code, fault: fn(usize) -> Fault| {
        Row::new(
            "A blob",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                let (_, manifest) = scene.signature();
                let size = manifest["layers"][0]["size"].as_u64().unwrap();
                scene.fault(Route::Blob, fault(usize::try_from(size).unwrap()));
            },
        )
    };
    vec![
        blob("404", Refused, "blob_missing", |_| answers(404)),
        blob(
            "401 without a challenge",
            Undecided,
            "registry_unauthorized",
            |_| Fault::Challenge(String::new()),
        ),
        blob("403", Undecided, "registry_forbidden", |_| answers(403)),
        blob("429", Undecided, "registry_throttled", |_| answers(429)),
        blob("500", Undecided, "registry_error", |_| answers(500)),
        blob("a page of HTML", Undecided, "digest_mismatch", |_| html()),
        blob(
            "other bytes of the same length",
            Undecided,
            "digest_mismatch",
            |size| Fault::Body(other_bytes(size)),
        ),
        blob("an endless body", Refused, "blob_missing", |_| {
            Fault::Endless
        })
        .kilobytes(4 << 10),
        blob(
            "an announced length of 1 TiB",
            Refused,
            "blob_missing",
            |_| Fault::ContentLength(1 << 40),
        ),
        blob(
            "a gzip bomb (ATK-07)",
            Undecided,
            "registry_malformed",
            |_| Fault::GzipBomb(4 << 20),
        ),
    ]
}

fn tags_beside() -> Vec<Row> {
    let beside = |suffix: &'static str, behaviour: &str, signed, class, code, fault: Fault| {
        let place = match suffix {
            "" => "The fallback tag",
            ".sig" => "The tag .sig",
            _ => "The tag .att",
        };
        Row::new(
            place,
            behaviour,
            signed,
            class,
            code,
            move |scene: &Scene| {
                scene.fault_tag(suffix, fault.clone());
            },
        )
    };
    let large = || {
        let text = format!("{{\"pad\":\"{}\"}}", "x".repeat(5 << 20));
        Fault::Answer(StatusCode::OK, MANIFEST.into(), text.into())
    };
    let mut rows = Vec::new();
    for suffix in [".sig", ".att"] {
        rows.extend([
            beside(
                suffix,
                "404",
                Signed::No,
                Refused,
                "no_signatures",
                answers(404),
            ),
            beside(
                suffix,
                "403",
                Signed::No,
                Undecided,
                "registry_forbidden",
                answers(403),
            ),
            beside(
                suffix,
                "500",
                Signed::No,
                Undecided,
                "registry_error",
                answers(500),
            ),
            beside(
                suffix,
                "500, beside a bundle",
                Signed::Bundle,
                Verified,
                "verified",
                answers(500),
            ),
            beside(
                suffix,
                "a page of HTML",
                Signed::No,
                Undecided,
                "registry_malformed",
                html(),
            ),
            beside(
                suffix,
                "a manifest of 5 MiB",
                Signed::No,
                Refused,
                "limit_exceeded",
                large(),
            ),
            beside(
                suffix,
                "silence",
                Signed::No,
                Undecided,
                "registry_unreachable",
                Fault::Hang,
            )
            .requests(12),
        ]);
    }
    let garbage = |kind: &str| Fault::Answer(StatusCode::OK, kind.into(), Bytes::from_static(b"{"));
    rows.extend([
        beside(
            "",
            "403",
            Signed::Fallback,
            Undecided,
            "registry_forbidden",
            answers(403),
        ),
        beside(
            "",
            "500",
            Signed::Fallback,
            Undecided,
            "registry_error",
            answers(500),
        ),
        beside(
            "",
            "an index that ends too early",
            Signed::Fallback,
            Undecided,
            "registry_malformed",
            garbage(INDEX),
        ),
        beside(
            "",
            "an image in place of an index",
            Signed::Fallback,
            Refused,
            "limit_exceeded",
            page(MANIFEST, r#"{"schemaVersion":2,"config":{},"layers":[]}"#),
        ),
        beside(
            "",
            "a page of HTML",
            Signed::Fallback,
            Undecided,
            "registry_malformed",
            html(),
        ),
        beside(
            "",
            "sent as something else",
            Signed::Fallback,
            Verified,
            "verified",
            Fault::ContentType("text/plain".into()),
        ),
        beside(
            "",
            "silence",
            Signed::Fallback,
            Undecided,
            "registry_unreachable",
            Fault::Hang,
        ),
    ]);
    rows
}

fn credentials() -> Vec<Row> {
    let token = |behaviour: &str, class, code, fault: fn(&Scene) -> Fault| {
        Row::new(
            "The token service",
            behaviour,
            Signed::Bundle,
            class,
            code,
            move |scene: &Scene| {
                scene.fault(Route::Token, fault(scene));
            },
        )
        .guarded(Guarded::Token)
    };
    let realm = |behaviour: &str, code, realm: fn(&Scene) -> String| {
        Row::new(
            "A challenge",
            behaviour,
            Signed::Bundle,
            Undecided,
            code,
            move |scene: &Scene| {
                let challenge = format!("Bearer realm=\"{}\",service=\"s\"", realm(scene));
                scene.fault(TAG, Fault::Challenge(challenge));
            },
        )
        .guarded(Guarded::Token)
    };
    let refused = "registry_token_refused";
    vec![
        token("401", Undecided, "registry_unauthorized", |_| answers(401)),
        token("403", Undecided, "registry_unauthorized", |_| answers(403)),
        token("404", Undecided, refused, |_| answers(404)),
        token("429", Undecided, "registry_throttled", |_| answers(429)),
        token("500", Undecided, "registry_error", |_| answers(500)),
        token("a page of HTML", Undecided, "registry_malformed", |_| {
            html()
        }),
        token(
            "a token with a line break (ATK-31)",
            Undecided,
            "registry_malformed",
            |_| page("application/json", r#"{"token":"a\r\nHost: x"}"#),
        ),
        token("an empty token", Undecided, "registry_malformed", |_| {
            page("application/json", r#"{"token":""}"#)
        }),
        token(
            "a token that is refused",
            Undecided,
            "registry_unauthorized",
            |_| page("application/json", r#"{"token":"worthless"}"#),
        ),
        token("an endless body", Undecided, "registry_too_large", |_| {
            Fault::Endless
        }),
        token("silence", Undecided, "registry_unreachable", |_| {
            Fault::Hang
        }),
        token("silence, once", Verified, "verified", |_| {
            Fault::Latency(Duration::from_millis(600))
        })
        .requests(16),
        token("a redirect to a stranger", Undecided, refused, |scene| {
            Fault::Redirect(format!("{}/token", scene.stranger.url()))
        }),
        realm(
            "a realm at another host over plain HTTP (ADV-58)",
            refused,
            |scene| format!("{}/token", scene.stranger.url()),
        ),
        realm(
            "a realm at another host over https (ADV-57)",
            refused,
            |scene| format!("https://{}/token", scene.stranger.host()),
        ),
        realm("a realm at a metadata service", refused, |_| {
            "https://169.254.169.254/token".into()
        }),
        realm("a realm with a user name in it", refused, |_| {
            "https://user:word@example.com/token".into()
        }),
        realm("a realm that is a file", refused, |_| {
            "file:///etc/passwd".into()
        }),
        realm(
            "a realm at the storage, which may have no credentials (ADV-57)",
            refused,
            |scene| format!("{}/token", scene.storage.url()),
        ),
        realm(
            "a realm of its own, again and again",
            "registry_unauthorized",
            |scene| format!("{}/token", scene.registry.url()),
        )
        .requests(4),
        Row::new(
            "A challenge",
            "Basic, at a registry with a password",
            Signed::Bundle,
            Verified,
            "verified",
            |_| {},
        )
        .guarded(Guarded::Basic)
        .requests(10),
        Row::new(
            "A challenge",
            "one useless realm, once, then none (F7)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                let challenge = format!("Bearer realm=\"{}/gone\"", scene.registry.url());
                scene
                    .registry
                    .inject(Rule::on(TAG, Fault::Challenge(challenge)).times(1));
            },
        )
        .asks(2)
        .requests(12),
    ]
}

fn storms() -> Vec<Row> {
    let storm = |behaviour: &str, code, fault: Fault| {
        Row::new(
            "Asked a hundred times",
            behaviour,
            Signed::Bundle,
            Undecided,
            code,
            move |scene: &Scene| {
                scene.fault(TAG, fault.clone());
            },
        )
        .asks(100)
    };
    vec![
        storm(
            "429 with Retry-After: 3600",
            "registry_throttled",
            Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 3600),
        )
        .requests(1),
        storm(
            "503 with Retry-After: 3600",
            "registry_throttled",
            Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, 3600),
        )
        .requests(1),
        storm("500 (F13)", "registry_error", answers(500)).requests(12),
        storm("reset (F13)", "registry_unreachable", Fault::Reset).requests(24),
        Row::new(
            "Asked twice",
            "503 with Retry-After: 1, once (OPS-01)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                let busy = Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, 1);
                scene.registry.inject(Rule::on(TAG, busy).times(1));
            },
        )
        .asks(2),
        Row::new(
            "Asked twice",
            "429 once (F13)",
            Signed::Bundle,
            Verified,
            "verified",
            |scene| {
                scene.registry.inject(Rule::on(TAG, answers(429)).times(1));
            },
        )
        .asks(2),
    ]
}

/// The memory of this process, where the system tells.
mod memory {
    /// Forgets the peak so far; the bytes in use now.
    pub(super) fn begin() -> u64 {
        // Without this right the peak is that of the whole run, and the test too strict.
        drop(std::fs::write("/proc/self/clear_refs", "5"));
        field("VmRSS:")
    }

    /// The most bytes in use since then.
    pub(super) fn peak() -> u64 {
        field("VmHWM:")
    }

    fn field(name: &str) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default()
            * 1024
    }
}
