#!/usr/bin/env bash
# Runs tests on kernels of Debian's in QEMU, with this machine's own files. Which tests, is in tests-SUITE.txt, or in
# tests.txt for kernels that have no such file. Groups, which empty lines part, run in a guest each, two at a time.
#
#   VM_KERNEL     the Debian suites that the kernels come from (bookworm, with Linux 6.1, and trixie, with 6.12)
#   VM_TESTS      tests to run instead, written as in these files
#   VM_CPUS       how many CPUs a guest has (2)
#   VM_GUESTS     how many guests run at a time (2)
#   VM_TIMEOUT    after how many seconds a guest is ended (1800)
#
# KVM makes it fast. Without, QEMU translates every instruction: the tests take minutes, and wait longer for all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

suites=${VM_KERNEL:-bookworm trixie}
cpus=${VM_CPUS:-2}
guests=${VM_GUESTS:-2}
timeout=${VM_TIMEOUT:-1800}
qemu=$PWD/target/vm/qemu

say() { printf 'vm: %s\n' "$*" >&2; }

without="without the tests in a virtual machine: VM=skip make test"
die() {
    say "$@"
    say "$without"
    exit 1
}

# groups SUITE: prints the tests to run, a line for each group.
groups() {
    local list=tests/vm/tests-$1.txt
    [[ -e $list ]] || list=tests/vm/tests.txt
    printf '%s\n' "${VM_TESTS:-$(grep -v '^#' "$list")}" | awk -v RS= '{ gsub("\n", " "); print }'
}

# entries TEXT: prints a word for each test: its name and, after commas, what is set in its environment and what it is told.
entries() {
    tr -s ' ' '\n' <<<"$1" | awk '/=|^-/ { printf ",%s", $0; next } { printf "%s%s", end, $0; end = "\n" } END { print "" }'
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
        grep "^$name " <<<"$built" || return 1
    done | sort -u
}

# initramfs: prints the archive with busybox and with the modules that it takes to get at the root directory. It takes
# `kernel`, `work`, `scratch` and `tests` from the guest that it is for.
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

# run_guest SUITE TESTS: builds the tests and runs them in a guest.
run_guest() (
    suite=$1 kernel=$PWD/target/vm/$1
    mapfile -t entries < <(entries "$2")
    programs=$(executables "${entries[@]%%,*}") || die "cargo does not build these tests: ${entries[*]}"
    tests=$(for entry in "${entries[@]}"; do
        sed -n "s/^${entry%%,*} /$entry /p" <<<"$programs"
    done)
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

    # Without a backend the network device leads nowhere: QEMU warns of it, and drops what the guest sends.
    say "starting the kernel of Debian $suite"
    status=0 start=$SECONDS
    run_qemu "${accelerators[@]}" -cpu max -smp "$cpus" -m 2048 -nodefaults -no-user-config -no-reboot \
        -display none -serial stdio -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initramfs" \
        -append "$cmdline" \
        -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
        -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
        -device virtio-net-pci,romfile= </dev/null \
        | sed -u 's/\r$//' | tee "$work/console" || status=$?
    ((status != 124)) || die "the guest did not end within $timeout s"
    grep -q '^vm: all passed$' "$work/console" || die "not all tests passed on the kernel of Debian $suite"
    say "Debian $suite took $((SECONDS - start)) s, the start of the machine included"
)

[[ $(uname -m) == x86_64 ]] || die "the guest runs the programs of this machine, which has to be an x86_64"
read -ra each <<<"$suites"
suites_of=() tests_of=()
for suite in "${each[@]}"; do
    if ! tests/vm/packages.sh "$suite"; then
        # The first has to be had, the others need not.
        [[ $suite != "${each[0]}" ]] || die "QEMU or the kernel of Debian $suite can't be had"
        say "SKIP: the tests on the kernel of Debian $suite, which can't be had"
        continue
    fi
    while read -r group; do
        suites_of+=("$suite")
        tests_of+=("$group")
    done < <(groups "$suite")
done

if ((${#tests_of[@]} == 1)); then
    run_guest "${suites_of[0]}" "${tests_of[0]}"
    exit
fi
# What they print comes at the same time: the number of the guest stands before it.
failed=0
for i in "${!tests_of[@]}"; do
    ((i < guests)) || wait -n || failed=1
    (run_guest "${suites_of[i]}" "${tests_of[i]}" 2>&1 | sed -u "s/^/$((i + 1))| /") &
done
for ((i = 0; i < guests; i++)); do
    wait -n || { (($? == 127)) || failed=1; }
done
((failed == 0)) || die "not all tests passed"
