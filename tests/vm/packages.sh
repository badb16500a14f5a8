#!/usr/bin/env bash
# Fetches what the virtual machine is made of into target/vm/: packages.sh SUITE
#   qemu/     QEMU with all that it needs to run, and busybox, of Debian 13
#   SUITE/    the kernel of that Debian suite, with its modules
#
# Nothing is installed. What is there already is taken as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

vm=$PWD/target/vm
apt=$vm/.apt

# shellcheck source=scripts/debian.sh
. scripts/debian.sh

say() { printf 'vm: %s\n' "$*" >&2; }

# unpack_qemu: leaves it in $apt/root.
unpack_qemu() {
    debian_unpack_all "$apt" qemu-system-x86 busybox-static
}

# unpack_kernel: leaves the kernel that the suite's metapackage stands for in $apt/root.
unpack_kernel() {
    local package release
    package=$(apt-cache -c "$apt/apt.conf" depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p')
    [[ -n $package ]] && debian_unpack "$apt" "$package" || return 1
    # Later suites have it in /usr/lib.
    [[ -d $apt/root/lib ]] || mv "$apt/root/usr/lib" "$apt/root/"
    release=$(basename "$apt"/root/lib/modules/*)
    "$vm/qemu/usr/bin/busybox" depmod -b "$apt/root" "$release"
}

# get WHAT SUITE UNPACK: has that command unpack WHAT from the first mirror that has it.
get() {
    local what=$1 suite=$2 unpack=$3 mirror
    [[ ! -e $vm/$what ]] || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "there is no apt here to fetch $what"
        return 1
    fi
    say "fetching ${what/#$suite/Linux} from Debian $suite"
    for mirror in $(debian_mirrors); do
        if debian_state "$apt" "$suite" "$mirror" && "$unpack"; then
            mv "$apt/root" "$vm/$what"
            return 0
        fi
        say "${mirror/\/\/*@/\/\/} $suite: $(debian_error "$apt" || echo "not there")"
    done
    return 1
}

mkdir -p "$vm"
# Two runs at once would undo each other's work.
exec 9>"$vm/.lock"
flock 9
trap 'rm -rf "$apt"' EXIT

get qemu trixie unpack_qemu
get "$1" "$1" unpack_kernel
