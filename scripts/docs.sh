#!/usr/bin/env bash
# Regenerates the reference pages that the exporter prints about itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p docs
page_tmp=
trap 'rm -f "$page_tmp"' EXIT

for page in metrics config; do
    # Written beside the page and renamed: a build that fails leaves the old page whole.
    page_tmp=docs/.$page.md.tmp
    cargo run -q -p kubeskoop-exporter -- docs "$page" >"$page_tmp"
    mv "$page_tmp" "docs/$page.md"
    echo "wrote docs/$page.md"
done
