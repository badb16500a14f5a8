#!/usr/bin/env bash
# Fetches the servers that the tests run, and the program that comes with each, into target/tools/:
#   prometheus-2.42/{prometheus,promtool}          Debian 12's; the tests cannot do without
#   alertmanager/{prometheus-alertmanager,amtool}  Debian 12's; the tests cannot do without. Debian's reads templates
#                                                  below /usr/share, which lie in alertmanager/share
#   prometheus-3/{prometheus,promtool}             Debian testing's; left out, visibly, where it can't be had
# and, by tools-kubernetes.sh and tools-grafana.sh, what manifests and dashboards are judged with.
#
# Nothing is installed. Binaries put there by hand are taken as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
apt=$tools/.apt

# shellcheck source=scripts/debian.sh
. scripts/debian.sh

say() { printf 'tools: %s\n' "$*" >&2; }

# version DIR PROGRAM: what the program says of itself.
version() { "$1/$2" --version 2>&1 | head -n 1; }

# runs DIR VERSION SERVER PROGRAM: both are in DIR, of that version, and start on this machine. They come from one
# build, so the program speaks for both.
runs() {
    [[ -x $1/$3 && -x $1/$4 && $(version "$1" "$4") == "$4, version $2"* ]]
}

# download SUITE MIRROR PACKAGE...: leaves those of the packages that the mirror has unpacked in $apt/root.
download() {
    local package packages=()
    debian_state "$apt" "$1" "$2" || return 1
    for package in "${@:3}"; do
        ! debian_has "$apt" "$package" || packages+=("$package")
    done
    debian_unpack "$apt" "${packages[@]}"
}

# get DIR VERSION SUITE SERVER PROGRAM: puts the server and its program, which are to be found in that suite in
# that version, into DIR.
get() {
    local dir=$tools/$1 version=$2 suite=$3 server=$4 program=$5 mirror found place
    runs "$dir" "$version" "$server" "$program" && return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "$server $version is missing and there is no apt to fetch it:" \
            "put $server and $program into ${dir#"$PWD"/}/"
        return 1
    fi

    say "fetching $server $version from Debian $suite"
    mapfile -t found < <(debian_mirrors)
    for mirror in "${found[@]}"; do
        place="${mirror/\/\/*@/\/\/} $suite" # without a password that the address may hold
        # The program is in the package of the server, or has one of its own name.
        if ! download "$suite" "$mirror" "$server" "$program"; then
            say "$place: $(debian_error "$apt" || echo "no package $server")"
            continue
        fi
        if ! runs "$apt/root/usr/bin" "$version" "$server" "$program"; then
            say "what $place has is not a $server $version that runs here:" \
                "$(version "$apt/root/usr/bin" "$program")"
            continue
        fi
        rm -rf "$dir" && mkdir -p "$dir/share" && mv "$apt/root/usr/bin/"{"$server","$program"} "$dir/" \
            && mv "$apt/root/usr/share/prometheus" "$dir/share/" || return 1
        say "got $(version "$dir" "$program")"
        return 0
    done
    return 1
}

# must WHAT GET...: what the tests cannot do without.
must() {
    get "${@:2}" || {
        say "$1 can't be had, and the tests need it"
        exit 1
    }
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock"
flock 9
trap 'rm -rf "$apt"' EXIT

must "Prometheus 2.42" prometheus-2.42 2.42 bookworm prometheus promtool
must "Alertmanager 0.25" alertmanager 0.25 bookworm prometheus-alertmanager amtool
get prometheus-3 3 testing prometheus promtool || say "SKIP: no Prometheus 3; the tests that need it are left out"
scripts/tools-kubernetes.sh
# What dashboards are judged with.
scripts/tools-grafana.sh
# Real pods.
scripts/tools-containerd.sh
