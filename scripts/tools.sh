#!/usr/bin/env bash
# Fetches the Prometheus servers that the tests run against into target/tools/:
#   prometheus-2.42/{prometheus,promtool}   Debian 12's; the tests cannot do without
#   prometheus-3/{prometheus,promtool}      Debian testing's; left out, visibly, where it can't be had
# and, by tools-kubernetes.sh, what the manifests are judged with.
#
# Nothing is installed. Binaries put there by hand are taken as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
apt=$tools/.apt

# shellcheck source=scripts/debian.sh
. scripts/debian.sh

say() { printf 'tools: %s\n' "$*" >&2; }

# runs DIR VERSION: both binaries are in DIR, of that version, and start on this machine. They come from one
# build, so promtool speaks for both.
runs() {
    [[ -x $1/prometheus && $("$1/promtool" --version 2>&1) == "promtool, version $2"* ]]
}

# download SUITE MIRROR: leaves that mirror's Prometheus unpacked in $apt/root.
download() {
    local package packages=()
    debian_state "$apt" "$1" "$2" || return 1
    # Debian 12 has promtool in the package prometheus, later releases have it apart.
    for package in prometheus promtool; do
        ! debian_has "$apt" "$package" || packages+=("$package")
    done
    debian_unpack "$apt" "${packages[@]}"
}

# get VERSION SUITE: puts that version, which is to be found in that suite, into prometheus-VERSION.
get() {
    local version=$1 suite=$2 dir=$tools/prometheus-$1 mirror found place
    runs "$dir" "$version" && return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "Prometheus $version is missing and there is no apt to fetch it:" \
            "put prometheus and promtool into ${dir#"$PWD"/}/"
        return 1
    fi

    say "fetching Prometheus $version from Debian $suite"
    mapfile -t found < <(debian_mirrors)
    for mirror in "${found[@]}"; do
        place="${mirror/\/\/*@/\/\/} $suite" # without a password that the address may hold
        if ! download "$suite" "$mirror"; then
            say "$place: $(debian_error "$apt" || echo "no package prometheus")"
            continue
        fi
        if ! runs "$apt/root/usr/bin" "$version"; then
            say "what $place has is not a Prometheus $version that runs here:" \
                "$("$apt/root/usr/bin/promtool" --version 2>&1 | head -n 1)"
            continue
        fi
        rm -rf "$dir" && mkdir -p "$dir" && mv "$apt"/root/usr/bin/{prometheus,promtool} "$dir/" || return 1
        say "got $("$dir/promtool" --version 2>&1 | head -n 1)"
        return 0
    done
    return 1
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock"
flock 9
trap 'rm -rf "$apt"' EXIT

get 2.42 bookworm || {
    say "Prometheus 2.42 can't be had, and the tests need it"
    exit 1
}
get 3 testing || say "SKIP: no Prometheus 3; the tests that need it are left out"
scripts/tools-kubernetes.sh
# Real pods.
scripts/tools-containerd.sh
