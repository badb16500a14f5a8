# shellcheck shell=sh
# keeper.sh DIRECTORY BRIDGE GROUP MOUNTS COMMAND...: runs COMMAND in the cgroup GROUP and in a mount namespace of its
# own, in which MOUNTS are made. Once standard input is closed, which the end of a test does however it comes, it ends all
# that runs in GROUP and in the groups that DIRECTORY/groups names, and removes them, the device BRIDGE and DIRECTORY.
set -u
directory=$1 bridge=$2 group=$3 mounts=$4
shift 4

# shellcheck disable=SC2016 # for the other shell
unshare --mount sh -euc 'echo $$ >"$1/cgroup.procs"; eval "$2"; shift 2; exec "$@"' sh "$group" "$mounts" "$@" \
    >"$directory/log" 2>&1 &
cat >/dev/null

# members: prints the processes of these groups and of those below them.
members() {
    while read -r group; do
        find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null
    done <"$directory/groups"
}

for _ in $(seq 200); do
    pids=$(members)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086 # one each
    kill -KILL $pids 2>/dev/null
    sleep 0.02
done
while read -r group; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
done <"$directory/groups"
[ ! -e "/sys/class/net/$bridge" ] || ip link delete "$bridge"
rm -rf "$directory"
