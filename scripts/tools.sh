#!/usr/bin/env bash
# Fetches the Prometheus servers that the tests run against into target/tools/:
#   prometheus-2.42/{prometheus,promtool}   Debian 12's; the tests cannot do without
#   prometheus-3/{prometheus,promtool}      Debian testing's; left out, visibly, where it can't be had
#
# The packages come from this machine's own Debian mirror, through an apt state of their own: nothing is
# installed and the system's apt is not touched. Binaries put there by hand are taken as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
apt=$tools/.apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'tools: %s\n' "$*" >&2; }

# runs DIR VERSION: both binaries are in DIR, of that version, and start on this machine. They come from one
# build, so promtool speaks for both.
runs() {
    [[ -x $1/prometheus && $("$1/promtool" --version 2>&1) == "promtool, version $2"* ]]
}

# The machine's mirrors of a whole suite, one a line. apt itself reads its sources, whichever their format,
# and what is not Debian's among them fails on the keyring.
mirrors() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --no-release-info --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' \
        | awk '$1 == "main" && $2 !~ /[-\/]/ && !seen[$3]++ { print $3 }'
}

# Makes the apt state for SUITE at MIRROR. Whatever the system's own configuration could do to it or, by
# hooks, to the system is cleared; proxies and the like stay.
new_state() {
    local suite=$1 mirror=$2
    rm -rf "$apt"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs,root}
    : >"$apt/status"
    {
        printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: $suite" "Components: main" "Targets: Packages"
        echo "Architectures: $(dpkg --print-architecture)"
        [[ ! -e $keyring ]] || echo "Signed-By: $keyring"
    } >"$apt/mirror.sources"
    cat >"$apt/apt.conf" <<EOF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Dir::Cache "$apt/cache";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$apt/mirror.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
EOF
}

# download SUITE MIRROR: leaves that mirror's Prometheus unpacked in $apt/root.
download() {
    local package deb
    new_state "$1" "$2"
    apt-get -c "$apt/apt.conf" update >>"$apt/log" 2>&1 || return 1
    # Debian 12 has promtool in the package prometheus, later releases have it apart.
    for package in prometheus promtool; do
        apt-cache -c "$apt/apt.conf" show "$package" >/dev/null 2>&1 || continue
        (cd "$apt/debs" && apt-get -c "$apt/apt.conf" download "$package") >>"$apt/log" 2>&1 || return 1
    done
    for deb in "$apt"/debs/*.deb; do
        dpkg-deb -x "$deb" "$apt/root" >>"$apt/log" 2>&1 || return 1
    done
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
    mapfile -t found < <(mirrors)
    for mirror in "${found[@]}"; do
        place="${mirror/\/\/*@/\/\/} $suite" # without a password that the address may hold
        if ! download "$suite" "$mirror"; then
            say "$place: $(grep -m 1 '^E:' "$apt/log" || echo "no package prometheus")"
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
    ((${#found[@]} > 0)) || say "apt has no source of a whole Debian suite"
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
