#!/usr/bin/env bash
# What `tests/fuzz/run.sh` compiles this workspace's crates with: instrumented for libFuzzer, with
# `cfg(fuzzing)`, and fast. Cargo keeps what it makes apart from everything else, and uses the
# dependencies as they are, which need no instruments: what of them is generic is compiled here.
set -euo pipefail
for argument in "$@"; do
    # Build scripts run on their own, without libFuzzer.
    [ "$argument" != build_script_build ] || exec "$@"
done
case " $* " in
*" --crate-name "*) ;;
# Questions about the compiler.
*) exec "$@" ;;
esac
exec "$@" --cfg fuzzing -Copt-level=1 -Cdebug-assertions=yes -Coverflow-checks=yes \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
