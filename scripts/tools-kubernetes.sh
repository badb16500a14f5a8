#!/usr/bin/env bash
# Fetches what the tests of deploy/kustomize run into target/tools/:
#   kubectl-1.32/kubectl   of Debian 13, with kustomize 5.5 inside
#   manifests/             a Python environment with the schemas of Kubernetes and of the Prometheus operator
#
# Nothing is installed. A kubectl put there by hand is taken as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
apt=$tools/.apt-kubernetes
kubectl=$tools/kubectl-1.32/kubectl
venv=$tools/manifests
requirements=scripts/manifest-requirements.txt

# shellcheck source=scripts/debian.sh
. scripts/debian.sh

say() { printf 'tools: %s\n' "$*" >&2; }

# runs FILE: it is a kubectl 1.32 that starts on this machine.
runs() { [[ -x $1 && $("$1" version --client 2>&1) == "Client Version: v1.32."* ]]; }

get_kubectl() {
    local mirror found
    ! runs "$kubectl" || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "kubectl 1.32 is missing and there is no apt to fetch it: put it at ${kubectl#"$PWD"/}"
        return 1
    fi
    say "fetching kubectl 1.32 from Debian trixie"
    mapfile -t found < <(debian_mirrors)
    for mirror in "${found[@]}"; do
        if debian_state "$apt" trixie "$mirror" && debian_unpack "$apt" kubectl && runs "$apt/root/usr/bin/kubectl"; then
            mkdir -p "${kubectl%/*}" && mv "$apt/root/usr/bin/kubectl" "$kubectl"
            return
        fi
        # Without a password that the address may hold.
        say "${mirror/\/\/*@/\/\/} trixie: $(debian_error "$apt" || echo "no kubectl 1.32 that runs here")"
    done
    return 1
}

# The environment is made anew whenever the pins change. Wheels only: building from source would run code that downloads
# what is not pinned. The operator's schemas are written down once, since loading its models takes seconds.
get_schemas() {
    set -e
    cmp -s "$requirements" "$venv/requirements.txt" && return
    say "fetching the schemas of Kubernetes and of the Prometheus operator from PyPI"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --only-binary=:all: \
        -r "$requirements"
    "$venv/bin/python" tests/manifests/operator_schemas.py "$venv/schemas"
    cp "$requirements" "$venv/requirements.txt"
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock-kubernetes"
flock 9
trap 'rm -rf "$apt"' EXIT

get_schemas &
schemas=$!
kubectl_there=1
get_kubectl || kubectl_there=
wait "$schemas" || {
    say "the schemas can't be had, and the tests need them"
    exit 1
}
[[ -n $kubectl_there ]] || {
    say "kubectl 1.32 can't be had, and the tests need it"
    exit 1
}
