//! The program under attack for as long as one likes: its memory as a curve.
//!
//! ```text
//! SEALGATE_SOAK_MINUTES=10 SEALGATE_WRITE_DOCS=1 cargo test -p sealgate --test memory -- --ignored --nocapture soak
//! ```
//!
//! `SEALGATE_PROGRAM` names another program than the one of this build, as `target/release/sealgate`.
//! The samples go to `soak.csv` beside the programs, the curve to `docs/memory.svg`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sealgate_core::Digest;
use sealgate_testkit::image::Image;
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{Auth, Registry, RegistryOptions, TokenAuth};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::json;

use super::{Program, attach, images, limit};

/// A moment of a run.
struct Sample {
    seconds: u64,
    mebibytes: u64,
    requests: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes, by hand"]
async fn soak() {
    let minutes = std::env::var("SEALGATE_SOAK_MINUTES").ok();
    let minutes = minutes.and_then(|text| text.parse().ok()).unwrap_or(10);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let [hostile, healthy] = [(), ()].map(|()| Registry::start(RegistryOptions::default()));
    let issuer = Registry::start(RegistryOptions {
        auth: Auth::Token(TokenAuth::anonymous()),
        ..RegistryOptions::default()
    });
    let (hostile, healthy) = (hostile.await.unwrap(), healthy.await.unwrap());
    let issuer = issuer.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Kind::P256);
    let registries = [&hostile, &issuer, &healthy];
    let program = Arc::new(Program::start(folder.path(), &key, &registries));
    let good = images(&healthy, "good", 20, |image| {
        sign_image(&healthy, &key, image)
    });
    let requests = Arc::new(AtomicU64::new(0));

    let sampled = tokio::spawn(sample(Arc::clone(&program), Arc::clone(&requests), end));
    let (mut rounds, mut wrong) = (0_u64, 0_u64);
    while Instant::now() < end {
        let Attack { loads, blobs } = attack(&hostile, &issuer, rounds);
        let ask = async |images: &[String]| {
            requests.fetch_add(1, Ordering::Relaxed);
            program.ask("/v1/verify", images).await
        };
        let hostile_answers = futures::future::join_all(loads.iter().map(|load| ask(load)));
        let good_answers = async {
            for image in &good {
                let answer = ask(std::slice::from_ref(image)).await;
                // Undecided for a while is no wrong answer, another verdict is one.
                let verdict = &answer["verdicts"][0]["verified"];
                wrong += u64::from(*verdict == false);
            }
        };
        let (answers, ()) = tokio::join!(hostile_answers, good_answers);
        for answer in answers {
            let verdicts = answer["verdicts"].as_array().into_iter().flatten();
            wrong += verdicts.filter(|one| one["verified"] == true).count() as u64;
        }
        // A round's images are not asked about again.
        hostile.clear_requests();
        issuer.clear_requests();
        healthy.clear_requests();
        for (repository, digest) in blobs {
            hostile.remove_blob(&repository, &digest);
        }
        rounds += 1;
    }
    let samples = sampled.await.unwrap();
    let most = program.most_memory();
    let (limit, asked) = (limit(), requests.load(Ordering::Relaxed));
    println!(
        "{minutes} min, {rounds} rounds, {asked} requests, {wrong} wrong answers, at most {} of {} MiB",
        most >> 20,
        limit >> 20
    );
    let mut csv = "seconds,mebibytes,requests\n".to_owned();
    for Sample {
        seconds,
        mebibytes,
        requests,
    } in &samples
    {
        writeln!(csv, "{seconds},{mebibytes},{requests}").unwrap();
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(built.join("soak.csv"), csv).unwrap();
    if std::env::var_os("SEALGATE_WRITE_DOCS").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/memory.svg");
        std::fs::write(file, plot(&samples, limit >> 20, most >> 20)).unwrap();
    }
    assert_eq!(wrong, 0);
    assert!(most < limit, "{} of {} MiB", most >> 20, limit >> 20);
}

fn sign_image(registry: &Registry, key: &SigningKey, image: &Image) {
    let statement = sign::statement(&image.digest, sign::COSIGN_SIGN, &json!({}));
    let bundle = sign::bundle(key, &statement);
    let subject = &image.descriptor;
    publish::bundle(registry, &image.repository, subject, &bundle, Listing::Api);
}

/// What is asked in one round, and the blobs beside it.
struct Attack {
    loads: Vec<Vec<String>>,
    blobs: Vec<(String, String)>,
}

/// Images that were never seen, with the worst that is known beside them, as they are asked about.
fn attack(hostile: &Registry, issuer: &Registry, round: u64) -> Attack {
    let large = |bytes: usize, n: u64| {
        let head = format!("{{\"mediaType\":\"{}\",\"n\":{n},\"pad\":\"", sign::BUNDLE);
        [head.as_bytes(), &vec![b'x'; bytes], b"\"}"].concat()
    };
    let heavy = vec![large(18 << 20, 2 * round), large(18 << 20, 2 * round + 1)];
    let dense = format!("{{\"n\":{round},\"x\":[{}{{}}]}}", "{},".repeat(1 << 20));
    let many = (0..90)
        .map(|n| large(100 << 10, 1000 * round + n))
        .collect();
    let mut made = Attack {
        loads: Vec::new(),
        blobs: Vec::new(),
    };
    for (kind, count, blobs) in [
        ("heavy", 4, heavy),
        ("dense", 2, vec![dense.into_bytes()]),
        ("many", 2, many),
    ] {
        let repository = format!("{kind}{round}");
        made.loads
            .push(images(hostile, &repository, count, |image| {
                blobs.iter().for_each(|blob| attach(hostile, image, blob));
            }));
        let digests = blobs.iter().map(|blob| Digest::sha256(blob).to_string());
        made.blobs
            .extend(digests.map(|digest| (repository.clone(), digest)));
    }
    // Names that need not exist, for each of which there is a token.
    let names = (0..400).map(|n| format!("{}/r{round}-{n}:v1", issuer.host()));
    made.loads.push(names.collect());
    made
}

async fn sample(program: Arc<Program>, requests: Arc<AtomicU64>, end: Instant) -> Vec<Sample> {
    let start = Instant::now();
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut samples = Vec::new();
    while Instant::now() < end {
        every.tick().await;
        samples.push(Sample {
            seconds: start.elapsed().as_secs(),
            mebibytes: program.memory("VmRSS:") >> 20,
            requests: requests.load(Ordering::Relaxed),
        });
    }
    samples
}

/// The curve, with the limit above it.
fn plot(samples: &[Sample], limit: u64, most: u64) -> String {
    const WIDTH: u64 = 640;
    const HEIGHT: u64 = 240;
    const LEFT: u64 = 56;
    const TOP: u64 = 28;
    let seconds = samples.last().map_or(1, |last| last.seconds.max(1));
    let top = limit + limit / 8;
    let x = |at: u64| LEFT + at * WIDTH / seconds;
    let y = |mebibytes: u64| TOP + HEIGHT - (mebibytes * HEIGHT / top).min(HEIGHT);
    // No more points than there is room for: of each, the highest.
    let per_point = (samples.len() / 320).max(1);
    let points: Vec<_> = samples
        .chunks(per_point)
        .filter_map(|chunk| chunk.iter().max_by_key(|sample| sample.mebibytes))
        .map(|sample| format!("{},{}", x(sample.seconds), y(sample.mebibytes)))
        .collect();
    let requests = samples.last().map_or(0, |last| last.requests);
    let mut marks = String::new();
    for mebibytes in (0..=limit).step_by(256) {
        let (at, right) = (y(mebibytes), LEFT + WIDTH);
        writeln!(
            marks,
            "<path d=\"M{LEFT} {at}H{right}\" stroke=\"#ddd\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{mebibytes}</text>",
            LEFT - 6,
            at + 4
        )
        .unwrap();
    }
    let minutes = seconds.div_ceil(60);
    for minute in (0..=minutes).step_by(usize::try_from(minutes.div_ceil(10)).unwrap_or(1)) {
        let at = x((minute * 60).min(seconds));
        writeln!(
            marks,
            "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{minute}</text>",
            TOP + HEIGHT + 16
        )
        .unwrap();
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"16\">resident memory (MiB) over minutes, {requests} requests of hostile \
         registries and good callers; at most {most}</text>\n{marks}\
         <path d=\"M{LEFT} {limit_y}H{}\" stroke=\"#c00\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#c00\">limit of the manifests, {limit}</text>\n\
         <polyline fill=\"none\" stroke=\"#06c\" points=\"{}\"/>\n</svg>\n",
        LEFT + WIDTH + 16,
        TOP + HEIGHT + 28,
        LEFT + WIDTH,
        LEFT + WIDTH,
        y(limit) - 5,
        points.join(" "),
        limit_y = y(limit),
    )
}
