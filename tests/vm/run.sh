#!/usr/bin/env bash
# Runs the tests that tests.txt names on a kernel of Debian's, in QEMU, with this machine's own files.
#
#   VM_KERNEL     the Debian suite that the kernel comes from (bookworm: Linux 6.1)
#   VM_TESTS      tests to run instead of those in tests.txt
#   VM_CPUS       how many CPUs the guest has (2)
#   VM_TIMEOUT    after how many seconds it is ended (1800)
#
# KVM makes it fast. Without, QEMU translates every instruction: the tests take minutes, and wait longer for all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

suite=${VM_KERNEL:-bookworm}
cpus=${VM_CPUS:-2}
timeout=${VM_TIMEOUT:-1800}
kernel=$PWD/target/vm/$suite
qemu=$PWD/target/vm/qemu

say() { printf 'vm: %s\n' "$*" >&2; }

die() {
    say "$@"
    say "without the tests in a virtual machine: VM=skip make test"
    exit 1
}

# executables NAME...: builds these tests as make test does and prints a line "NAME PROGRAM" for each.
executables() {
    local name options=() built
    for name; do
        options+=(--test "$name")
    done
    built=$(cargo test --workspace --no-run --message-format=json "${options[@]}" \
        | sed -n 's/.*"target":{"kind":\["test"\][^}]*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2/p')
    for name; do
        grep "^$name " <<<"$built"
    done
}

# initramfs: prints the archive with busybox and with the modules that it takes to get at the root directory.
initramfs() {
    local modules=(virtio_pci 9pnet_virtio 9p overlay virtio_blk ext4) files release
    release=$(basename "$kernel"/lib/modules/*)
    mkdir -p "$work/fs/bin" "$work/fs/lib/modules/$release"
    cp "$qemu/usr/bin/busybox" "$work/fs/bin/"
    ln -s busybox "$work/fs/bin/sh"
    cp tests/vm/init.sh "$work/fs/init"
    {
        printf '%s=%q\n' workspace "$PWD" kernel "$kernel" scratch "$scratch" modules "${modules[*]}" \
            tests "$tests" limit 600 patience 4
    } >"$work/fs/settings"
    pushd "$kernel/lib/modules/$release" >/dev/null
    # A line of modules.dep has the module and all that it needs.
    files=$(for module in "${modules[@]}"; do grep "/$module\.ko[.a-z]*:" modules.dep; done)
    tr -d : <<<"$files modules.dep" | tr ' ' '\n' | sort -u | xargs cp --parents -t "$work/fs/lib/modules/$release"
    popd >/dev/null
    (cd "$work/fs" && find . | "$qemu/usr/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1)
}

# run_qemu ARGUMENT...: QEMU with the libraries and data that were unpacked with it.
run_qemu() {
    local lib=$qemu/usr/lib/x86_64-linux-gnu
    QEMU_MODULE_DIR=$lib/qemu timeout --foreground --kill-after=10 "$timeout" \
        "$lib/ld-linux-x86-64.so.2" --library-path "$lib" \
        "$qemu/usr/bin/qemu-system-x86_64" -L "$qemu/usr/share/qemu" -L "$qemu/usr/share/seabios" "$@"
}

[[ $(uname -m) == x86_64 ]] || die "the guest runs the programs of this machine, which has to be an x86_64"
tests/vm/packages.sh "$suite" || die "QEMU or the kernel of Debian $suite can't be had"

mapfile -t names < <(printf '%s\n' "${VM_TESTS:-$(grep -v '^#' tests/vm/tests.txt)}" | tr -s ' ' '\n')
tests=$(executables "${names[@]}") || die "cargo does not build these tests: ${names[*]}"
program=${tests#* }
scratch=${program%%/deps/*}/../tmp

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
initramfs >"$work/initramfs"
truncate -s 256M "$work/disk"

# One thread for all CPUs: with several, one of them may still run code that the kernel has just replaced (as it
# does when a netfilter hook comes or goes), and the guest dies.
accelerators=(-accel "tcg,thread=single")
# Some machines have the device and a processor that cannot: the guest would never start.
if [[ -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
    accelerators=(-accel kvm "${accelerators[@]}")
fi

# norandmaps is what makes programs start fast: QEMU translates code once for each address it is at.
cmdline="console=ttyS0 quiet panic=-1 mitigations=off no5lvl nokaslr norandmaps"

say "starting the kernel of Debian $suite"
status=0
run_qemu "${accelerators[@]}" -cpu max -smp "$cpus" -m 2048 -nodefaults -no-user-config -no-reboot \
    -display none -serial stdio -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initramfs" \
    -append "$cmdline" \
    -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
    -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" </dev/null \
    | sed -u 's/\r$//' | tee "$work/console" || status=$?

((status != 124)) || die "the guest did not end within $timeout s"
grep -q '^vm: all passed$' "$work/console" || die "not all tests passed on the kernel of Debian $suite"
