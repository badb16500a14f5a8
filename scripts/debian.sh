# shellcheck shell=bash
# Sourced by the scripts that take Debian packages without installing them. The packages come from this
# machine's own Debian mirror, else from Debian's public one, through an apt state of their own: the system's
# apt is not touched, and Debian's keyring says whether they are genuine.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirrors: the mirrors of a whole suite, one a line. apt itself reads its sources, whichever their
# format, and what is not Debian's among them fails on the keyring.
debian_mirrors() {
    # shellcheck disable=SC2016 # apt's own variables
    {
        apt-get indextargets --no-release-info --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' \
            'Created-By: Packages' | awk '$1 == "main" && $2 !~ /[-\/]/ { print $3 }'
        echo http://deb.debian.org/debian/
    } | awk '!seen[$0]++'
}

# debian_state DIR SUITE MIRROR: makes the apt state DIR for that suite. Whatever the system's own
# configuration could do to it or, by hooks, to the system is cleared; proxies and the like stay.
debian_state() {
    local apt=$1 suite=$2 mirror=$3
    rm -rf "$apt"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs,root}
    : >"$apt/status"
    {
        printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: $suite" "Components: main" "Targets: Packages"
        echo "Architectures: $(dpkg --print-architecture)"
        [[ ! -e $debian_keyring ]] || echo "Signed-By: $debian_keyring"
    } >"$apt/mirror.sources"
    cat >"$apt/apt.conf" <<CONF
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
CONF
    apt-get -c "$apt/apt.conf" update >>"$apt/log" 2>&1
}

# debian_has DIR PACKAGE: the suite of that state has the package.
debian_has() { apt-cache -c "$1/apt.conf" show "$2" >/dev/null 2>&1; }

# debian_unpack DIR PACKAGE...: leaves the packages unpacked in DIR/root.
debian_unpack() {
    local apt=$1
    (cd "$apt/debs" && apt-get -c "$apt/apt.conf" download "${@:2}") >>"$apt/log" 2>&1 \
        && debian_unpack_debs "$apt/root" "$apt"/debs/*.deb
}

# debian_unpack_all DIR PACKAGE...: so, with all that they depend on, the libc too.
debian_unpack_all() {
    local apt=$1
    apt-get -c "$apt/apt.conf" -y --download-only --no-install-recommends install "${@:2}" >>"$apt/log" 2>&1 \
        && debian_unpack_debs "$apt/root" "$apt"/cache/archives/*.deb
}

# debian_unpack_debs ROOT FILE...
debian_unpack_debs() {
    local deb
    for deb in "${@:2}"; do
        dpkg-deb -x "$deb" "$1" || return 1
    done
}

# debian_error DIR: the first error that apt told.
debian_error() { grep -m 1 '^E:' "$1/log" 2>/dev/null; }
