# Everything the project does goes through here; the steps themselves are in scripts/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# Debian keeps ip, tc and nft out of an unprivileged user's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

# Arguments of the exporter or of the benchmark, e.g. make run ARGS="--help"
ARGS ?=

# VM=skip leaves the tests in a virtual machine out.
VM ?=

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help run image test test-vm lint fmt bench docs mixin screenshots

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Build the exporter and start it on port 9102 with its built-in defaults (ARGS="...")
	@scripts/setup.sh build
	cargo build --release --locked -p kubeskoop-exporter
	exec $(TARGET_DIR)/release/kubeskoop-exporter serve $(ARGS)

image: ## Build the container image with buildah, as the archive target/image/kubeskoop-exporter.tar
	@scripts/setup.sh image
	@scripts/static.sh target/image/kubeskoop-exporter
	@scripts/image.sh target/image

test: image ## Run all tests (VM=skip: none in a virtual machine)
	@scripts/setup.sh test
	cargo build -p kubeskoop-exporter
	cargo test --workspace
ifeq ($(VM),skip)
	@echo 'SKIP: the tests in a virtual machine, since VM=skip'
else
	@tests/vm/run.sh
endif

test-vm: ## Run the tests of tests/vm/tests*.txt on Debian's Linux 6.1 and 6.12 in QEMU
	@scripts/setup.sh test
	cargo build -p kubeskoop-exporter
	@tests/vm/run.sh

lint: ## Check formatting, clippy, shell scripts, YAML, the Containerfile and spelling
	@scripts/setup.sh lint
	@scripts/lint.sh

fmt: ## Apply the formatters
	@scripts/setup.sh lint
	@scripts/lint.sh --fix

bench: ## Run the benchmark (ARGS="...")
	@scripts/setup.sh build
	cargo build --release -p kubeskoop-exporter
	cargo run --release -p kubeskoop-exporter-tests --bin bench -- $(ARGS)

docs: ## Regenerate docs/metrics.md and docs/config.md from the exporter itself
	@scripts/setup.sh build
	@scripts/docs.sh

screenshots: ## Draw two dashboards with live data to docs/images/ (fetches 600 MB)
	@scripts/setup.sh screenshots
	@scripts/screenshots.sh

mixin: ## Render mixin/ to rules/ and dashboards/
	@scripts/setup.sh mixin
	@scripts/mixin.sh
