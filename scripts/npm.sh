# shellcheck shell=bash
# Sourced by the scripts that take packages from npm, by the Node.js that tools-grafana.sh fetches. No script of a
# package is run.

node=$PWD/target/tools/node

# npm_packages DIR LOCK: leaves the packages that LOCK pins in DIR, fetched anew whenever the pins change.
npm_packages() {
    local dir=$1 lock=$2
    cmp -s "$lock" "$dir/done.json" && return
    rm -rf "$dir"
    mkdir -p "$dir" || return 1
    cp "${lock%/*}"/package{,-lock}.json "$dir/" || return 1
    (
        cd "$dir"
        "$node/bin/node" "$node/nodejs/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit \
            --no-fund --no-update-notifier --cache "$dir/.npm" --loglevel error
    ) >&2 || return 1
    rm -rf "$dir/.npm"
    cp "$lock" "$dir/done.json"
}
