//! What is built is newer than the advisories against it, and what has a history is not built.
//! `cargo deny` (`.ci/run`) knows more of them, but only where its database can be had.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use sealgate_tests::{source, tools};

/// The packages of `Cargo.lock`, with every version of each.
fn locked() -> BTreeMap<String, Vec<[u64; 3]>> {
    let lock = fs::read_to_string(source::root().join("Cargo.lock")).unwrap();
    let value = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let mut found = BTreeMap::<_, Vec<_>>::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("name = ") {
            let version = lines.next().and_then(value).unwrap();
            found
                .entry(value(line).unwrap())
                .or_default()
                .push(numbers(&version));
        }
    }
    found
}

fn numbers(version: &str) -> [u64; 3] {
    let (core, _) = version.split_once(['-', '+']).unwrap_or((version, ""));
    let mut parts = core.split('.').map(|part| part.parse().unwrap());
    [(); 3].map(|()| parts.next().unwrap())
}

#[test]
fn nothing_is_built_that_is_older_than_its_advisory_adv_69_adv_70_adv_71_adv_72_adv_74_adv_76() {
    let locked = locked();
    for (name, least) in [
        ("rustls-webpki", "0.103.13"), // RUSTSEC-2026-0049, -0098, -0099, -0104
        ("aws-lc-sys", "0.39.0"),      // RUSTSEC-2026-0044 to -0048
        ("rustls", "0.23.18"),         // RUSTSEC-2024-0336, -0399
        ("h2", "0.4.16"),              // RUSTSEC-2026-0258
        ("time", "0.3.47"),            // RUSTSEC-2026-0009
        ("tracing-subscriber", "0.3.20"), // RUSTSEC-2025-0055
        ("idna", "1.0.3"),             // RUSTSEC-2024-0421
    ] {
        let versions = locked
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not built"));
        for version in versions {
            assert!(
                *version >= numbers(least),
                "{name} {version:?} is older than {least}"
            );
        }
    }
}

#[test]
fn crates_with_a_history_are_not_built_adv_77_adv_78_adv_80() {
    let locked = locked();
    for name in [
        "protobuf",       // RUSTSEC-2024-0437
        "hickory-proto",  // RUSTSEC-2026-0118, without a fix
        "rustls-pemfile", // RUSTSEC-2025-0134
        "serde_yaml",     // unmaintained
        "serde_yml",      // RUSTSEC-2025-0068
        "openssl",
        "native-tls",
    ] {
        assert!(!locked.contains_key(name), "{name}");
    }
}

/// What is in `Cargo.lock` for a feature that nobody switches on is not built: `cargo deny` refuses
/// these by name.
#[test]
fn the_service_has_no_second_cryptography_and_hosts_no_wasm_adv_68_adv_73_adv_79() {
    let read = |path: &str| fs::read_to_string(source::root().join(path)).unwrap();
    let deny = read("deny.toml");
    for name in [
        "ring",
        "openssl",
        "native-tls",
        "serde_yml",
        "rustls-pemfile",
    ] {
        assert!(deny.contains(&format!("{{ name = \"{name}\"")), "{name}");
    }
    // The one waiver: there is no private RSA key here.
    assert_eq!(
        deny.matches("RUSTSEC-").filter(|_| true).count() - 2,
        1,
        "{deny}"
    );
    assert!(deny.contains("\"RUSTSEC-2023-0071\""));
    for file in source::files("core/src").unwrap() {
        let private = source::tokens(&read(&file))
            .iter()
            .any(|token| *token == source::Token::Word("RsaPrivateKey".to_owned()));
        assert!(!private, "{file}");
    }
    for manifest in [
        "core/Cargo.toml",
        "provider/Cargo.toml",
        "policy-wasm/Cargo.toml",
    ] {
        assert!(!read(manifest).contains("wasmtime"), "{manifest}");
    }
}

/// The README's first command names no program: what it builds is what the default members need,
/// and no feature that another member of the workspace wants.
#[test]
fn the_first_command_builds_the_service_and_its_demo_alone() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--prefix", "none"]);
    cargo.args(["--edges", "normal,build"]);
    let tree = tools::run(cargo.current_dir(source::root())).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names.first(), Some(&"sealgate"));
    let distinct: BTreeSet<_> = names.into_iter().collect();
    for name in [
        "wasmtime",
        "sealgate-policy-wasm",
        "libfuzzer-sys",
        "libtest-mimic",
    ] {
        assert!(!distinct.contains(name), "{name}");
    }
}
