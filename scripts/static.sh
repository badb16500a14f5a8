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
install -D -- "${CARGO_TARGET_DIR:-target}/$target/release/kubeskoop-exporter" "$file"
