#!/usr/bin/env bash
# Makes DIR/kubeskoop-exporter.tar, an OCI archive, of the static binary DIR/kubeskoop-exporter:
# image.sh DIR
#
# It is the last stage of the Containerfile, with DIR in the place of the stage that compiles. Nothing is
# downloaded, no daemon is asked, and the same binary of the same commit gives the same image.
set -euo pipefail
directory=$(realpath -- "${1:?usage: scripts/image.sh DIR}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=kubeskoop-exporter
package=$(cargo pkgid --locked -p "$name")
version=${package##*[@#]}
revision=${BUILD_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# The storage is as temporary as the containers in it: what stays is the archive.
work=$(mktemp -d "$directory/.work.XXXXXX")
# The files of an image have its modes, also such as keep a user from removing them.
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
export TMPDIR=$work
image=$work/image

buildah() {
    command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}

buildah build --quiet --pull-never --format oci --identity-label=false --timestamp "$epoch" \
    --build-context "build=$directory" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    --iidfile "$image" . >/dev/null

archive=$directory/$name.tar
# What is there already would be added to.
rm -f "$archive"
buildah push --quiet "$(<"$image")" "oci-archive:$archive:localhost/$name:$version" >/dev/null
printf 'image: %s, %s, %d KiB\n' "localhost/$name:$version" "$(<"$image")" \
    $(($(stat -c %s "$archive") / 1024)) >&2
