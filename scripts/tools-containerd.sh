#!/usr/bin/env bash
# Fetches what runs the pods of the tests into target/tools/containerd/, all of Debian 12:
#   containerd, containerd-shim-runc-v2, ctr, runc
#   cni/{bridge,host-local,loopback}
#
# Nothing is installed and nothing is started. Binaries put there by hand are taken as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
dir=$tools/containerd
apt=$tools/.apt-containerd

# shellcheck source=scripts/debian.sh
. scripts/debian.sh

say() { printf 'tools: %s\n' "$*" >&2; }

# run DIR: containerd and runc in it start on this machine.
run() { "$1/containerd" --version && "$1/runc" --version; } >/dev/null 2>&1

# take DIR: puts what was unpacked in $apt/root into DIR.
take() {
    mkdir -p "$1/cni"
    mv "$apt"/root/usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$apt/root/usr/sbin/runc" "$1/"
    mv "$apt"/root/usr/lib/cni/{bridge,host-local,loopback} "$1/cni/"
}

get() {
    local mirror found place
    ! run "$dir" || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "containerd is missing and there is no apt to fetch it: put it and what belongs to it into ${dir#"$PWD"/}/"
        return 1
    fi
    say "fetching containerd from Debian bookworm"
    mapfile -t found < <(debian_mirrors)
    for mirror in "${found[@]}"; do
        place="${mirror/\/\/*@/\/\/} bookworm" # without a password that the address may hold
        if ! debian_state "$apt" bookworm "$mirror" \
            || ! debian_unpack "$apt" containerd runc containernetworking-plugins; then
            say "$place: $(debian_error "$apt" || echo "no containerd")"
            continue
        fi
        rm -rf "$apt/new" "$dir"
        take "$apt/new" && run "$apt/new" && mv "$apt/new" "$dir" && return 0
        say "what $place has does not run here: $("$apt/new/runc" --version 2>&1 | head -n 1)"
    done
    return 1
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock-containerd"
flock 9
trap 'rm -rf "$apt"' EXIT

get || {
    say "containerd can't be had, and the tests need it"
    exit 1
}
