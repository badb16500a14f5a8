# shellcheck shell=bash
# Sourced by the scripts that run the linters' Python environment.

venv=target/lint-venv

# make_venv: makes it anew whenever the pins change. Wheels only: building from source would run code that downloads
# what is not pinned.
make_venv() {
    local requirements=scripts/lint-requirements.txt
    cmp -s "$requirements" "$venv/requirements.txt" && return
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
}
