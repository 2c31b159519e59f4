#!/usr/bin/env bash
# Runs the end-to-end suites against the real programs. Each prints its scenarios, what is expected,
# what was seen and how long it took; at the end there is a line for each suite.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/e2e.sh [SUITE]...     run the suites (default: all that there are)
       tests/e2e.sh --list         the suites
       tests/e2e.sh --tools        the suites and the programs that each needs

Builds the real programs that a suite needs (once, into a cache; tests/tools/README.md) and
`sealgate`, then runs the suite. Exit code: 0 if every scenario went as expected.
SEALGATE_BIN   the program to test instead of target/debug/sealgate
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# The programs of tests/tools that a suite looks for. A suite finds no other, even if it has been
# built, and a test compares this with the suite's source (tests/tests/project/suites.rs).
tools_of() {
    case $1 in
        rego) echo opa gator ;;
        registries) echo crane cosign-v3 cosign-v2 ;;
        collect) echo crane registry-referrers distribution cosign-v3 cosign-v2 ;;
        notation) echo notation-signer timestamp-server ;;
        signers) echo registry-referrers distribution cosign-v3 cosign-v2 ;;
        notary) echo crane registry-referrers distribution notation-signer timestamp-server ;;
        keyless) echo cosign-v3 fulcio timestamp-server rekor-posix ;;
        client) echo crane distribution cosign-v3 gatekeeper-client gatekeeper-client-3.17 ;;
        kyverno) echo crane registry-referrers cosign-v3 cosign-v2 etcd kube-apiserver kubectl kyverno ;;
        gatekeeper) echo etcd kube-apiserver kubectl gatekeeper gatekeeper-3.17 ;;
        cluster)
            echo crane registry-referrers distribution cosign-v3 cosign-v2 notation-signer
            echo etcd kube-apiserver kubectl gatekeeper gatekeeper-3.17
            ;;
        *) echo "no programs are listed for the suite $1: tools_of in tests/e2e.sh" >&2; return 1 ;;
    esac
}

# Each is the ignored tests of one suite.
suites() {
    printf '%s\n' rego notation
    local folder
    for folder in tests/tests/e2e_*/; do
        [ ! -f "$folder/main.rs" ] || basename "$folder" | sed 's/^e2e_//'
    done
}

run_suite() {
    SEALGATE_TOOLS_ONLY=$(tools_of "$1")
    export SEALGATE_TOOLS_ONLY
    case $1 in
        rego | notation) ignored "$1" ;;
        *) ignored "e2e_$1" ;;
    esac
}

# As `cargo test --workspace` builds them, so that nothing is compiled twice.
ignored() { cargo test --quiet --workspace --test "$1" -- --ignored --nocapture --test-threads 1; }

# Takes away the dots that cargo prints for tests, before rows.
tidy() { awk '{ sub(/^[.]+/, ""); print; fflush() }'; }

# How many lines match.
count() { grep -Ec "$1" "$2" || true; }

main() {
    case ${1:-} in
        -h | --help) usage; return ;;
        --list) suites; return ;;
        --tools) for suite in $(suites); do echo $suite $(tools_of "$suite"); done; return ;;
        --alone) run_suite "$2"; return ;;
    esac
    [ $# -gt 0 ] || mapfile -t all < <(suites)
    [ $# -gt 0 ] || set -- "${all[@]}"
    local suite began outcome rows failed=0 summary=''
    rows=$(mktemp)
    # shellcheck disable=SC2064
    trap "rm -f '$rows'" EXIT
    for suite in "$@"; do
        grep -qx "$suite" <(suites) || { usage >&2; echo "no such suite: $suite; there are: $(suites | xargs)" >&2; exit 64; }
    done
    local tools
    for suite in "$@"; do
        tools=$(tools_of "$suite")
        # shellcheck disable=SC2086
        tests/tools/build.sh $tools
    done
    # A test of the package builds its program, too.
    [ -n "${SEALGATE_BIN:-}" ] || cargo test --quiet --workspace --no-run --test operation
    export SEALGATE_BIN=${SEALGATE_BIN:-$root/target/debug/sealgate}
    for suite in "$@"; do
        printf '\n=== %s\n' "$suite"
        began=$SECONDS
        outcome=passed
        # In a shell of its own, where any failure ends it.
        "$BASH" tests/e2e.sh --alone "$suite" | tidy | tee "$rows" || { outcome=FAILED; failed=1; }
        summary+=$(printf '%-12s %-7s %4d s  %4d of %4d scenarios as expected' "$suite" $outcome $((SECONDS - began)) \
            "$(count '^ok   ' "$rows")" "$(count '^(ok  |FAIL) ' "$rows")")$'\n'
    done
    printf '\n=== all suites\n%s' "$summary"
    return $failed
}

main "$@"; exit
