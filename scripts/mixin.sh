#!/usr/bin/env bash
# Renders mixin/ to rules/ and dashboards/. mixin.sh --check changes nothing and fails where a rendered file, or the
# format of a source, is not what it would be; mixin.sh --format applies the format.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/lint-venv.sh
. scripts/lint-venv.sh

jsonnetfmt=(jsonnetfmt -n 2 --max-blank-lines 2 --string-style s --comment-style s)

mapfile -t sources < <(find mixin -name '*.jsonnet' -o -name '*.libsonnet' | sort)

# render DIRECTORY: everything, into DIRECTORY/rules and DIRECTORY/dashboards.
render() {
    make_venv
    jsonnet mixin/render.jsonnet | "$venv/bin/python" scripts/render.py "$1"
}

check() {
    local file scratch status=0
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064 # this directory
    trap "rm -rf '$scratch'" EXIT
    for file in "${sources[@]}"; do
        "${jsonnetfmt[@]}" "$file" | diff -u --label "$file" --label "$file, formatted" "$file" - || status=1
    done
    render "$scratch"
    cp rules/kustomization.yaml "$scratch/rules/"
    cp dashboards/kustomization.yaml "$scratch/dashboards/"
    diff -ru rules "$scratch/rules" && diff -ru dashboards "$scratch/dashboards" || status=1
    ((status == 0)) || echo 'mixin: run make fmt and make mixin' >&2
    return "$status"
}

case ${1:-} in
    "")
        rm -f rules/kubeskoop-*.yaml rules/prometheusrule.yaml dashboards/*.json
        render .
        ;;
    --check) check ;;
    --format) "${jsonnetfmt[@]}" -i "${sources[@]}" ;;
    *)
        echo "usage: scripts/mixin.sh [--check|--format]" >&2
        exit 2
        ;;
esac
