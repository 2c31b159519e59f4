# List the recipes.
_default:
    @just --list --unsorted

# Build the real programs that end-to-end tests run against: all, core, cluster, sigstore, kyverno, or by name.
tools *what:
    tests/tools/build.sh {{ what }}
