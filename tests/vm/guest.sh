#!/usr/bin/env bash
# Process 1 of the guest once its root directory is set up: runs the tests and switches the machine off.
set -uo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/vm HOME=/root
# shellcheck source=/dev/null
. /run/vm/settings
: "${workspace:?}" "${kernel:?}" "${scratch:?}" "${tests:?}" "${limit:?}" "${patience:?}"
export KSK_PATIENCE=$patience KSK_VM=1

say() { printf 'vm: %s\n' "$*"; }

# The kernel is one that no program of this root directory belongs to, so its modules come from elsewhere.
# The kernel calls the program that finds one by its name and type.
load_modules() {
    local applet
    for applet in modprobe mke2fs poweroff; do
        ln -s busybox "/run/vm/$applet"
    done
    mkdir -p /lib/modules
    mount --bind "$kernel/lib/modules" /lib/modules
    echo /run/vm/modprobe >/proc/sys/kernel/modprobe
}

mount_all() {
    mkdir -p /dev/pts /dev/shm "$scratch"
    mount -t devpts devpts /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t tracefs tracefs /sys/kernel/tracing
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    # What is written to memory is nothing that storage ever sees.
    /run/vm/mke2fs /dev/vda >/dev/null && mount /dev/vda "$scratch"
}

# run_test NAME[,VARIABLE=VALUE][,--OPTION=VALUE]... PROGRAM
run_test() {
    local start=$SECONDS result=ok name=${1//,/ } words word environment=() options=()
    IFS=, read -ra words <<<"$1"
    for word in "${words[@]:1}"; do
        if [[ $word == -* ]]; then options+=("$word"); else environment+=("$word"); fi
    done
    printf '\n'
    say "== $name"
    # From where cargo starts it. One test at a time: what the exporter does in time must not take longer only because
    # other tests run beside it.
    (cd "$workspace/tests" && exec env "${environment[@]}" timeout "$limit" "$2" --color never --show-output --test-threads 1 \
        "${options[@]}") \
        || result="FAILED ($?)"
    results+=("$name: $result, $((SECONDS - start)) s")
    [[ $result == ok ]] || passed=
}

# is_sound: the kernel has not complained (bits 7 and 9: it died, it warned).
is_sound() { ((($(</proc/sys/kernel/tainted) & 0x280) == 0)); }

exec <>/dev/console >&0 2>&0
load_modules
mount_all
ip link set lo up
ulimit -n 20000

say "Linux $(uname -r), $(nproc) CPUs ($(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)), up after $(cut -d. -f1 /proc/uptime) s"
passed=yes
results=()
while read -r name program <&3; do
    run_test "$name" "$program"
done 3<<<"$tests"

printf '\n'
say "on Linux $(uname -r) ran, in $SECONDS s:"
for result in "${results[@]}"; do
    say "  $result"
done
if ! is_sound; then
    passed=
    dmesg | grep -A 40 'cut here'
    say "the kernel has complained"
fi
((${#results[@]} > 0)) && [[ -n $passed ]] && say "all passed"
sync
exec /run/vm/poweroff -f
