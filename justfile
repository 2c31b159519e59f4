# List the recipes.
_default:
    @just --list --unsorted

# Build the real programs that end-to-end tests run against: all, core, cluster, sigstore, kyverno, or by name.
tools *what:
    tests/tools/build.sh {{ what }}

# Verify what the Notary Project's own Go libraries sign, and decide beside them.
e2e-notation:
    cargo test -p sealgate-tests --test notation -- --ignored

# The README's test command.
test:
    cargo test --workspace

# Everything that must hold before a change lands.
ci:
    .ci/run

# Format, lints and documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The wasm module, and its size.
wasm:
    cargo build --target wasm32-unknown-unknown -p sealgate-policy-wasm --release
    @ls -l target/wasm32-unknown-unknown/release/sealgate_policy_wasm.wasm

# End to end against the real programs: all suites, or those named (signers, keyless, notary, notation, rego, cluster, kyverno).
e2e *suite:
    tests/e2e.sh {{ suite }}

# Fuzz for so many minutes, all targets together (tests/fuzz/README.md).
fuzz minutes="10":
    tests/fuzz/run.sh {{ minutes }}

# Measure speed, as ratios within one run.
bench:
    cargo bench -p sealgate-tests --bench cached_path --bench verification
