#!/usr/bin/env bash
# Builds the exporter as one static binary: static.sh FILE
#
# It takes Debian's libelf where that can be linked statically, else the one that the crate libbpf-sys brings.
set -euo pipefail
file=$(realpath -m -- "${1:?usage: scripts/static.sh FILE}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/libelf.sh
. scripts/libelf.sh

target=$(rustc -vV | sed -n 's/^host: //p')
rustflags="-C target-feature=+crt-static"
feature=vendored
if libelf_links; then
    feature=static
    for flag in $(libelf_flags); do
        rustflags+=" -C link-arg=$flag"
    done
    directory=$(dirname "$(cc -print-file-name=libelf.a)")
    export "LIBBPF_SYS_LIBRARY_PATH_${target//-/_}=$directory"
fi

# With a target named, the flags hold for the exporter alone: what runs while it is built cannot be static.
RUSTFLAGS="${RUSTFLAGS:-} $rustflags" cargo build --release --locked --target "$target" \
    -p kubeskoop-exporter --features "$feature"
built=${CARGO_TARGET_DIR:-target}/$target/release/kubeskoop-exporter

# A profile is told in names of functions. Those of data, of what is generated for every type and of what is too small
# to be seen in a profile are a tenth of the binary, and go.
nameless=$(mktemp)
trap 'rm -f "$nameless"' EXIT
readelf --symbols --wide "$built" \
    | awk '$4 ~ /^(OBJECT|NOTYPE|FILE|TLS)$/ || $3 < 64 || $8 ~ /drop_in_place/ { if ($8 != "") print $8 }' >"$nameless"
mkdir -p "$(dirname "$file")"
objcopy --strip-symbols="$nameless" "$built" "$file"
