# List the recipes.
_default:
    @just --list --unsorted

# Build the real programs that end-to-end tests run against: all, core, cluster, sigstore, kyverno, or by name.
tools *what:
    tests/tools/build.sh {{ what }}

# The README's test command.
test:
    cargo test --workspace

# Everything that must hold before a change lands.
ci:
    .ci/run

# Format, lints and documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --features sealgate-mutants/schemata -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The wasm module, and its size.
wasm:
    cargo build --target wasm32-unknown-unknown -p sealgate-policy-wasm --release
    @ls -l target/wasm32-unknown-unknown/release/sealgate_policy_wasm.wasm

# End to end against the real programs: all suites, or those named (tests/e2e.sh --list).
e2e *suite:
    tests/e2e.sh {{ suite }}

# Fuzz for so many minutes, all targets together (tests/fuzz/README.md).
fuzz minutes="10":
    tests/fuzz/run.sh {{ minutes }}

# The memory of the program under attack for so many minutes, as a curve: docs/memory.svg.
soak minutes="10":
    SEALGATE_SOAK_MINUTES={{ minutes }} SEALGATE_WRITE_DOCS=1 cargo test -p sealgate --test memory -- --ignored --nocapture soak

# Mutation testing of what decides: all of it, or FILE of core, or `--draw N SEED`.
mutants *what:
    tests/mutants/run {{ what }}

# The page of claims, from claims.txt and the names of the tests.
claims:
    CLAIMS=write cargo test -p sealgate-tests --test project claims

# Measure speed, as ratios within one run, of what runs in a cluster.
bench:
    cargo bench --profile dist -p sealgate-tests --bench cached_path --bench verification
