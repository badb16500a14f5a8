#!/usr/bin/env bash
# Draws docs/images/: dashboards by Grafana's own components in a headless Chromium, with what a Prometheus has of pods
# with faults. The packages take 600 MB below target/tools/pictures, and it all ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/npm.sh
. scripts/npm.sh

npm_packages "$PWD/target/tools/pictures" tests/pictures/package-lock.json

cargo build -p kubeskoop-exporter
KSK_PICTURES=1 cargo test -p kubeskoop-exporter-tests --test diagnosis -- pictures
