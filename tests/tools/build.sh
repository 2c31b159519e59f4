#!/usr/bin/env bash
# Builds the real programs that tests and examples run against, once, into a
# cache outside the tree. README.md beside this file says what each is for.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/tools/build.sh [GROUP|TOOL]...   build what is missing (default: all)
       tests/tools/build.sh --list            tools, groups and versions; builds nothing
       tests/tools/build.sh --print-dir       the directory that holds the programs

groups: core client cluster sigstore kyverno all
SEALGATE_TOOLS       the cache (default: ${XDG_CACHE_HOME:-~/.cache}/sealgate/tools)
SEALGATE_TOOLS_JOBS  parallel compile steps (default: the number of cores)
TEXT
}

# name, group, module directory here (or a module file in it, where one program
# is built with several sets of pins), package, string variables that hold the
# version (comma-separated; `go install` would have stamped it by itself).
readonly TOOLS='
crane               core     oci                 github.com/google/go-containerregistry/cmd/crane               github.com/google/go-containerregistry/cmd/crane/cmd.Version
registry-referrers  core     oci                 ./registry-referrers                                           -
distribution        core     distribution        github.com/distribution/distribution/v3/cmd/registry           github.com/distribution/distribution/v3/version.version
cosign-v3           core     cosign-v3           github.com/sigstore/cosign/v3/cmd/cosign                       sigs.k8s.io/release-utils/version.gitVersion
notation-signer     core     notation-signer     .                                                              -
opa                 core     opa                 github.com/open-policy-agent/opa                               -
cosign-v2           core     cosign-v2           github.com/sigstore/cosign/v2/cmd/cosign                       sigs.k8s.io/release-utils/version.gitVersion
gatekeeper          cluster  gatekeeper-3.23     github.com/open-policy-agent/gatekeeper/v3                     github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version
etcd                cluster  etcd                go.etcd.io/etcd/server/v3                                      -
kube-apiserver      cluster  kubernetes          k8s.io/kubernetes/cmd/kube-apiserver                           k8s.io/component-base/version.gitVersion
kubectl             cluster  kubernetes          k8s.io/kubernetes/cmd/kubectl                                  k8s.io/component-base/version.gitVersion
gator               cluster  gatekeeper-3.23     github.com/open-policy-agent/gatekeeper/v3/cmd/gator           github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version
fulcio              sigstore fulcio              github.com/sigstore/fulcio                                     sigs.k8s.io/release-utils/version.gitVersion
timestamp-server    sigstore timestamp-authority .                                                              -
rekor-posix         sigstore rekor-tiles         github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix      sigs.k8s.io/release-utils/version.gitVersion
gatekeeper-3.17     cluster  gatekeeper-3.17     github.com/open-policy-agent/gatekeeper/v3                     github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version
gatekeeper-client      client gatekeeper-client       .                                                            -
gatekeeper-client-3.17 client gatekeeper-client/3.17.mod .                                                         -
kyverno             kyverno  kyverno             github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno             github.com/kyverno/kyverno/pkg/version.BuildVersion
'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SEALGATE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/sealgate/tools}
jobs=${SEALGATE_TOOLS_JOBS:-$(getconf _NPROCESSORS_ONLN)}
readonly here cache jobs
failed=0
partial= # where a program is being built: moved into the store once complete

main() {
    case ${1:-} in
        -h | --help) usage; return ;;
        --print-dir) printf '%s\n' "$cache/bin"; return ;;
        --list) list; return ;;
    esac
    [ $# -gt 0 ] || set -- all
    local wanted
    for wanted in "$@"; do known "$wanted" || { usage >&2; die "unknown tool or group: $wanted"; }; done

    mkdir -p "$cache/bin" "$cache/store" "$cache/log"
    trap '[ -z "$partial" ] || rm -rf "$partial"' EXIT
    local name group module package version_vars
    while read -r name group module package version_vars; do
        selected "$name" "$group" "$@" && provide "$name" "$module" "$package" "$version_vars" </dev/null
    done < <(rows)
    printf 'tools are in %s\n' "$cache/bin"
    [ "$failed" -eq 0 ] || die "$failed of the tools could not be built"
}

list() {
    local name group module package
    while read -r name group module package _; do
        printf '%-22s %-9s %s\n' "$name" "$group" "$(version_of "$module" "$package")"
    done < <(rows)
}

# Makes one tool available under bin/, compiling it only if this very recipe
# has not been compiled before, and says what it did.
provide() {
    local name=$1 module=$2 package=$3 version_vars=$4
    local version home
    version=$(version_of "$module" "$package")
    home=$cache/store/$name-$(recipe_digest "$@" "$version")
    if [ -x "$home/$name" ]; then
        printf '%-22s %-10s present\n' "$name" "$version"
    else
        compile "$name" "$module" "$package" "$version_vars" "$version" "$home" || return 0
    fi
    ln -sfn "../store/$(basename "$home")/$name" "$cache/bin/$name"
    case $name in
        gatekeeper | gatekeeper-3.17) ln -sfn "store/$(basename "$home")/deploy.yaml" "$cache/gatekeeper-${version#v}.yaml" ;;
    esac
}

compile() {
    local name=$1 module=$2 package=$3 version_vars=$4 version=$5 home=$6
    local log=$cache/log/$name.log began=$SECONDS
    require_go
    printf '%-22s %-10s building ... ' "$name" "$version"
    partial=$(mktemp -d "$cache/store/.$name.XXXXXX")
    if go_build "$module" "$partial/$name" "$package" "$(ldflags "$version_vars" "$version")" >"$log" 2>&1 &&
        extras "$name" "$here/$module" "$partial" >>"$log" 2>&1; then
        chmod 755 "$partial"
        # Another run may have been faster: what is in the store is complete.
        if [ -d "$home" ]; then rm -rf "$partial"; else mv "$partial" "$home"; fi
        printf 'built in %d s\n' $((SECONDS - began))
        return 0
    fi
    rm -rf "$partial"
    failed=$((failed + 1))
    printf 'FAILED after %d s; the end of %s:\n' $((SECONDS - began)) "$log"
    tail -n 8 "$log" | sed 's/^/    /'
    return 1
}

# GOTOOLCHAIN=auto lets each go.mod say which Go it needs; no cgo, so that no
# C compiler is needed.
go_build() (
    cd "$(folder_of "$1")"
    export CGO_ENABLED=0 GOTOOLCHAIN=auto GOWORK=off
    # On a busy machine a download may be given up, which says nothing about the next one.
    for _ in 1 2; do
        go list -deps -modfile="$(mod_file_of "$1")" -mod=readonly "$3" >/dev/null && break
    done
    go build -modfile="$(mod_file_of "$1")" -mod=readonly -buildvcs=false -trimpath -p "$jobs" -ldflags "$4" -o "$2" "$3"
)

# Gatekeeper's own deployment manifest holds its CRDs and webhook
# configurations: keep it beside the program of the same version.
extras() (
    case $1 in gatekeeper | gatekeeper-3.17) ;; *) return 0 ;; esac
    cd "$2"
    local source
    source=$(GOTOOLCHAIN=auto GOWORK=off go list -mod=readonly -m -f '{{.Dir}}' github.com/open-policy-agent/gatekeeper/v3)
    install -m 644 "$source/deploy/gatekeeper.yaml" "$3/deploy.yaml"
)

ldflags() {
    local flags='-s -w' variable
    [ "$1" = - ] || for variable in ${1//,/ }; do flags+=" -X $variable=$2"; done
    # kube-apiserver answers /version, and kubectl warns on skew, by these two.
    [ "$1" != k8s.io/component-base/version.gitVersion ] ||
        flags+=$(printf '%s' "$2" | sed -E 's/^v([0-9]+)\.([0-9]+)\..*/ -X k8s.io\/component-base\/version.gitMajor=\1 -X k8s.io\/component-base\/version.gitMinor=\2/')
    printf '%s' "$flags"
}

# The pinned version of the required module that holds the package, or the
# word "here" for a program whose source is in this directory.
version_of() {
    case $2 in .*) printf 'here'; return ;; esac
    awk -v package="$2" '
        $1 == "require" && $2 != "(" { module = $2; version = $3 }
        /^\t/ && $1 != "//"          { module = $1; version = $2 }
        version ~ /^v/ && index(package "/", module "/") == 1 && length(module) > best { best = length(module); found = version }
        END { print found }' "$(mod_file_of "$1")"
}

folder_of() { case $1 in *.mod) dirname "$here/$1" ;; *) printf '%s' "$here/$1" ;; esac; }

mod_file_of() { case $1 in *.mod) printf '%s' "$here/$1" ;; *) printf '%s' "$here/$1/go.mod" ;; esac; }

# Everything that decides what is compiled: the recipe, the machine, and the
# files of the module.
recipe_digest() {
    local module=$2
    {
        printf '%s\n' "$*" "$(uname -sm)"
        (cd "$(folder_of "$module")" && find . -type f \( -name '*.go' -o -name '*.mod' -o -name '*.sum' \) ! -name '*_test.go' | LC_ALL=C sort |
            while read -r file; do printf '%s ' "$file"; git hash-object "$file"; done)
    } | git hash-object --stdin | cut -c1-16
}

require_go() {
    command -v go >/dev/null ||
        die "Go is missing: these programs are built from source with Go 1.21 or newer (https://go.dev/dl), which fetches the exact toolchain a module asks for"
}

rows() { printf '%s\n' "$TOOLS" | sed '/^ *$/d'; }

known() { [ "$1" = all ] || rows | awk -v word="$1" '$1 == word || $2 == word { found = 1 } END { exit !found }'; }

selected() {
    local name=$1 group=$2 wanted
    shift 2
    for wanted in "$@"; do
        case $wanted in all | "$name" | "$group") return 0 ;; esac
    done
    return 1
}

die() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

main "$@"; exit
