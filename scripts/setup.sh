#!/usr/bin/env bash
# Installs what a task needs and this machine lacks: setup.sh build|static|image|test|lint|mixin|screenshots
#
# Debian and its derivatives get it from apt; elsewhere the script names what is missing and fails.
# With nothing missing it says nothing, asks no network and takes a fraction of a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian keeps ip, tc and nft out of an unprivileged user's PATH.
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=scripts/libelf.sh
. scripts/libelf.sh

min_rust=$(sed -n 's/^rust-version *= *"\([^"]*\)".*/\1/p' Cargo.toml)
missing=()          # what is missing, in words
packages=()         # the Debian packages that bring it
rust_missing=       # set when there is no Rust, or one too old
components_missing= # set when a toolchain of rustup lacks rustfmt or clippy

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# have COMMAND...: all of them are there.
have() {
    local name
    for name; do
        command -v "$name" >/dev/null || return 1
    done
}

# lack WHAT PACKAGE...
lack() {
    missing+=("$1")
    packages+=("${@:2}")
}

# A linker alone is not enough: without the libc's start files Rust cannot link either.
cc_links() { have cc && [[ $(cc -print-file-name=crt1.o) == */* ]]; }

# The names that the build tries, too.
have_clang() {
    local version
    [[ -z ${CLANG:-} ]] || have "$CLANG" || return 1
    have "${CLANG:-clang}" && return 0
    for version in 19 18 17 16 15 14; do
        have "clang-$version" && return 0
    done
    return 1
}

have_header() { printf '#include <%s>\n' "$1" | cc -E -x c - >/dev/null 2>&1; }

rust_version() {
    have cargo && rustc --version 2>/dev/null | awk '{ print $2 }'
}

rust_is_recent() {
    local version
    version=$(rust_version) && printf '%s\n' "$min_rust" "$version" | sort -V -C
}

check_build() {
    cc_links || lack "a C compiler with the libc's development files" gcc libc6-dev
    have pkg-config || lack pkg-config pkg-config
    have make || lack make make
    have_clang || lack "a clang that compiles for BPF" clang
    have_header libelf.h || lack "libelf's development files" libelf-dev
    have_header zlib.h || lack "zlib's development files" zlib1g-dev
    rust_is_recent || rust_missing=1
}

# Without a libelf to link, the build makes its own.
check_static() {
    [[ $(cc -print-file-name=libc.a) == */* ]] || lack "a libc to link statically" libc6-dev
    libelf_links || have autoreconf automake autopoint flex bison gawk msgfmt \
        || lack "what libelf is built with" autoconf automake autopoint flex bison gawk gettext
}

check_image() {
    have git || lack git git
    have buildah || lack buildah buildah
}

check_test() {
    have ip tc || lack "ip and tc (iproute2)" iproute2
    have nft || have iptables || lack "nft or iptables" nftables
    have unshare nsenter setpriv || lack "unshare, nsenter and setpriv (util-linux)" util-linux
    check_python target/tools/manifests
    check_mixin
}

check_mixin() { have jsonnet jsonnetfmt || lack "jsonnet and jsonnetfmt" jsonnet; }

# check_python DIR: only the making of the virtual environment DIR takes Debian's python3-venv.
check_python() {
    [[ -x $1/bin/python ]] || python3 -c 'import ensurepip, venv' 2>/dev/null \
        || lack "Python 3 with its venv module" python3 python3-venv
}

check_lint() {
    have git || lack git git
    check_python target/lint-venv
    check_mixin

    # Rust that is to be installed brings both along.
    [[ -z $rust_missing ]] || return 0
    local tool
    for tool in fmt clippy; do
        cargo "$tool" --version >/dev/null 2>&1 && continue
        if have rustup; then
            components_missing=1
            missing+=("cargo $tool (rustup component add rustfmt clippy)")
        elif [[ $tool == fmt ]]; then
            lack "cargo fmt" rustfmt
        else
            lack "cargo clippy" rust-clippy
        fi
    done
}

is_debian() (
    # shellcheck source=/dev/null
    . /etc/os-release 2>/dev/null && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]] && have apt-get
)

report() {
    ((${#missing[@]} == 0)) || printf 'setup: missing: %s\n' "${missing[@]}" >&2
    [[ -z $rust_missing ]] || need_rust
}

need_rust() {
    say "Rust >= $min_rust is needed, $(rust_version || echo none) is what there is."
    say "Install it with rustup; where rustup is there already, run: rustup update stable && rustup default stable"
}

apt_get() {
    local command=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 "$@")
    if ((EUID != 0)); then
        command=(sudo "${command[@]}")
    fi
    "${command[@]}"
}

may_install() { ((EUID == 0)) || have sudo; }

install_packages() {
    # The lists serve the look for rustup too. A third party's broken source must not stop the rest.
    if may_install; then
        apt_get update || say "apt-get update failed; going on with the lists there are"
    fi
    if [[ -n $rust_missing ]] && ! have rustup; then
        if [[ $(apt-cache policy rustup) != *"Candidate: "[0-9]* ]]; then
            report
            exit 1
        fi
        # Without the certificates neither rustup nor cargo can download.
        packages+=(rustup ca-certificates)
    fi
    # What a user has is not removed for this: rustup, for one, excludes Debian's own cargo.
    local install=(install --no-install-recommends --no-remove "${packages[@]}")
    may_install || die "neither root nor sudo here; run as root: apt-get update && apt-get ${install[*]}"
    say "installing ${packages[*]}"
    apt_get "${install[@]}"
    hash -r
}

install_rust() {
    rustup toolchain install stable --profile minimal -c rustfmt -c clippy
    rustup default >/dev/null 2>&1 || rustup default stable
    if ! rust_is_recent; then
        need_rust
        exit 1
    fi
}

task=${1:-}
case $task in
    build) check_build ;;
    # Whether libelf can be linked is seen once it is there.
    static | image)
        scripts/setup.sh build
        check_static
        [[ $task == static ]] || check_image
        ;;
    test) check_build && check_test ;;
    lint) check_build && check_lint ;;
    mixin) check_mixin && check_python target/lint-venv ;;
    screenshots)
        scripts/setup.sh test
        have chromium || lack "Chromium, and the font of Grafana" chromium fonts-inter
        ;;
    *) die "usage: scripts/setup.sh build|static|image|test|lint|mixin|screenshots" ;;
esac

if [[ -n $rust_missing || ${#missing[@]} -gt 0 ]]; then
    if ! is_debian; then
        report
        exit 1
    fi
    if ((${#packages[@]} > 0)) || ! have rustup; then
        install_packages
    fi
    [[ -z $rust_missing ]] || install_rust
    [[ -z $components_missing ]] || rustup component add rustfmt clippy
fi

if [[ $task == test ]]; then
    scripts/tools.sh
fi
