#!/usr/bin/env bash
# Runs every check on the sources and says at the end which failed; lint.sh --fix applies the formatters.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/lint-venv.sh
. scripts/lint-venv.sh

# sources PATTERN...: the files of the project that match, new ones not yet added to git among them.
sources() {
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do
        [[ ! -e $file ]] || printf '%s\n' "$file"
    done
}

failed=()

# step NAME COMMAND...
step() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed+=("$name")
}

make_venv

list=$(sources '*.sh' .ci/run)
mapfile -t shell_files <<<"$list"
list=$(sources '*.c' '*.h')
mapfile -t c_files <<<"$list"
list=$(sources '*.yaml' '*.yml')
mapfile -t yaml_files <<<"$list"
list=$(sources '*.toml')
mapfile -t toml_files <<<"$list"

case ${1:-} in
    --fix)
        step "cargo fmt" cargo fmt --all
        step "clang-format" "$venv/bin/clang-format" -i "${c_files[@]}"
        step "taplo fmt" env RUST_LOG=warn "$venv/bin/taplo" fmt "${toml_files[@]}"
        step "jsonnetfmt" scripts/mixin.sh --format
        ;;
    "")
        step "cargo fmt" cargo fmt --all --check
        step "clang-format" "$venv/bin/clang-format" --dry-run --Werror "${c_files[@]}"
        step "taplo fmt" env RUST_LOG=warn "$venv/bin/taplo" fmt --check --diff "${toml_files[@]}"
        step "mixin" scripts/mixin.sh --check
        step "shellcheck" "$venv/bin/shellcheck" "${shell_files[@]}"
        step "yamllint" "$venv/bin/yamllint" --strict "${yaml_files[@]}"
        step "hadolint" "$venv/bin/hadolint" Containerfile
        step "typos" "$venv/bin/typos"
        step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
        ;;
    *)
        echo "usage: scripts/lint.sh [--fix]" >&2
        exit 2
        ;;
esac

if ((${#failed[@]} > 0)); then
    printf '\nlint: failed:'
    printf ' [%s]' "${failed[@]}"
    printf '\n'
    exit 1
fi
[[ ${1:-} == --fix ]] || printf '\nlint: all checks passed\n'
