#!/usr/bin/env bash
# usage: run.sh [MINUTES [TARGET…]]
# Runs the fuzz targets, all or those named, for MINUTES together (default 10), each its share.
# SEALGATE_FUZZ_JOBS of them run side by side (default 1). SEALGATE_FUZZ_RUNS ends each after so
# many inputs, the same ones in every run from a clean checkout. Inputs that were found before are in
# the target folder and used again; those that break something are said, and kept there, too.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."
built="$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
work="$built/fuzz"

# One target, called by the loop below.
if [ "${1:-}" = --one ]; then
    name=$2 seconds=$3
    mkdir -p "$work/corpus/$name" "$work/crashes" "$work/logs"
    status=0
    again=()
    [ -z "${SEALGATE_FUZZ_RUNS:-}" ] || again=(-seed=1 -runs="$SEALGATE_FUZZ_RUNS")
    SEALGATE_FUZZ_TARGET="$name" "$built/debug/fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$work/crashes/$name-" "${again[@]}" \
        "$work/corpus/$name" "$here/corpus/$name" >"$work/logs/$name.log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/logs/$name.log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/logs/$name.log" | tail -1)
    printf '%-18s %10s runs %8s edges %6s inputs%s\n' "$name" "${runs:-?}" "${covered:-?}" \
        "$(find "$work/corpus/$name" "$here/corpus/$name" -type f | wc -l)" \
        "$([ "$status" = 0 ] || echo "  FAILED, see $work/logs/$name.log")"
    exit "$status"
fi

minutes=${1:-10}
shift || true
mapfile -t names < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else ls "$here/corpus"; fi)

if [ -z "${SEALGATE_WASM:-}" ]; then
    cargo build --release --target wasm32-unknown-unknown -p sealgate-policy-wasm --locked
    export SEALGATE_WASM="$built/wasm32-unknown-unknown/release/sealgate_policy_wasm.wasm"
fi
RUSTC_WORKSPACE_WRAPPER="$here/rustc.sh" \
    cargo build -p sealgate-fuzz --features libfuzzer --bin fuzz --locked

jobs=${SEALGATE_FUZZ_JOBS:-1}
seconds=$((minutes * 60 * jobs / ${#names[@]}))
[ "$seconds" -gt 0 ] || seconds=1
printf '%s targets, %s s each\n' "${#names[@]}" "$seconds"
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I '{}' "$here/run.sh" --one '{}' "$seconds" || {
    echo "inputs that break something: $work/crashes"
    echo "make one small: SEALGATE_FUZZ_TARGET=TARGET $built/debug/fuzz -minimize_crash=1 -max_total_time=60 FILE"
    echo "then keep it beside the mend: tests/fuzz/corpus/TARGET"
    exit 1
}
