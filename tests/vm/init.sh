#!/bin/sh
# The first program in the guest, run by the busybox of the initramfs. It makes the root directory of the
# machine that runs QEMU the guest's own, with a layer above it that takes all changes and is gone at the end.
# shellcheck source=/dev/null
. /settings
: "${workspace:?}" "${modules:?}"

/bin/busybox mkdir -p /dev /proc /sys /below /above /new
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for module in $modules; do
    modprobe "$module" 2>/dev/null || echo "vm: no module $module, which may be built in"
done

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose root /below
mount -t tmpfs -o mode=755 tmpfs /above
mkdir /above/upper /above/work
mount -t overlay -o lowerdir=/below,upperdir=/above/upper,workdir=/above/work overlay /new

for directory in dev proc sys; do
    mount -o move "/$directory" "/new/$directory"
done
mount -t tmpfs -o mode=755 tmpfs /new/run
mkdir /new/run/vm
cp /bin/busybox /settings /new/run/vm/
exec switch_root /new /bin/bash "$workspace/tests/vm/guest.sh"
