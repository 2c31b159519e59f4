# List the recipes.
_default:
    @just --list --unsorted

# Build the real programs that end-to-end tests run against: all, core, cluster, sigstore, kyverno, or by name.
tools *what:
    tests/tools/build.sh {{ what }}

# Verify what the Notary Project's own Go libraries sign, and decide beside them.
e2e-notation:
    cargo test -p sealgate-tests --test notation -- --ignored
