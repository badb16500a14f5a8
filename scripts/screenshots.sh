#!/usr/bin/env bash
# Draws docs/images/: dashboards by Grafana's own components in a headless Chromium, with what a Prometheus has of pods
# with faults. The packages take 600 MB below target/tools/pictures, and it all ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pictures=$PWD/target/tools/pictures
lock=tests/pictures/package-lock.json
node=$PWD/target/tools/node

# The packages are fetched anew whenever the pins change.
if ! cmp -s "$lock" "$pictures/done.json"; then
    rm -rf "$pictures" && mkdir -p "$pictures"
    cp "${lock%/*}"/package{,-lock}.json "$pictures/"
    (
        cd "$pictures"
        "$node/bin/node" "$node/nodejs/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit \
            --no-fund --no-update-notifier --cache "$pictures/.npm" --loglevel error
    )
    rm -rf "$pictures/.npm"
    cp "$lock" "$pictures/done.json"
fi

cargo build -p kubeskoop-exporter
KSK_PICTURES=1 cargo test -p kubeskoop-exporter-tests --test diagnosis -- pictures
