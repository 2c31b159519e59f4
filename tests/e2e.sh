#!/usr/bin/env bash
# Runs the end-to-end suites against the real programs. Each prints its scenarios, what is expected,
# what was seen and how long it took; at the end there is a line for each suite.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/e2e.sh [SUITE]...     run the suites (default: all that there are)
       tests/e2e.sh --list         the suites

Builds the real programs that a suite needs (once, into a cache; tests/tools/README.md) and
`sealgate`, then runs the suite. Exit code: 0 if every scenario went as expected.
SEALGATE_BIN   the program to test instead of target/debug/sealgate
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# The programs of tests/tools that a suite needs; a suite that is not here needs all of them.
tools_of() {
    case $1 in
        registries | collect | signers | notation) echo core ;;
        rego) echo opa gator ;;
        client) echo core client ;;
        cluster | gatekeeper) echo core cluster ;;
        keyless) echo core sigstore ;;
        notary) echo core timestamp-server ;;
        kyverno) echo core etcd kube-apiserver kubectl kyverno ;;
        *) echo all ;;
    esac
}

# Each is the ignored tests of one file.
suites() {
    printf '%s\n' rego registries collect notation
    local file
    for file in tests/tests/e2e_*.rs; do basename "$file" .rs | sed 's/^e2e_//'; done
}

run_suite() {
    case $1 in
        rego | notation) ignored "$1" ;;
        registries) ignored registry_tools ;;
        collect) ignored collect_tools ;;
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
    for suite in "$@"; do
        # shellcheck disable=SC2046
        tests/tools/build.sh $(tools_of "$suite")
    done
    # A test of the package builds its program, too.
    [ -n "${SEALGATE_BIN:-}" ] || cargo test --quiet --workspace --no-run --test collect_tools
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
