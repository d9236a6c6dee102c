# One way to do each thing. `make` alone lists them.

SHELL := /bin/bash
STEPS := source .ci/steps.sh
DATA ?= .hopline

.PHONY: help run test check bench demo dev torture dist clean setup

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: setup ## set up, build and start the server; data in ./.hopline
	@$(STEPS); step "build" cargo build --workspace --bins --locked
	@$(STEPS); exec "$$CARGO_TARGET_DIR/debug/hopline" serve --data-dir "$(DATA)"

setup: ## only install what building needs
	@.ci/setup run

test: ## everything CI tests
	@.ci/run

check: ## format, lints, types, spelling, licences
	@$(STEPS); step "format" cargo fmt --all -- --check
	@$(STEPS); step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(STEPS); if [ -f ui/package.json ]; then need_node; npm_install ui; step "page: types and lint" npm run --silent --prefix ui lint; fi
	@$(STEPS); for tool in typos cargo-machete cargo-deny; do \
	  if ! command -v $$tool >/dev/null; then say "left out: $$tool is not installed (cargo install --locked $${tool/typos/typos-cli})"; continue; fi; \
	  case $$tool in typos) step "spelling" typos;; cargo-machete) step "unused dependencies" cargo machete;; cargo-deny) step "licences and advisories" cargo deny check;; esac; done

bench: ## release build, standard load, the table of docs/performance.md
	@$(STEPS); step "packages" packages gcc libc6-dev; need_cargo; exec .ci/bench

demo: setup ## send the demo shop's telemetry to a running server
	@$(STEPS); step "build" cargo build --workspace --bins --locked
	@$(STEPS); exec "$$CARGO_TARGET_DIR/debug/hopline" demo

dev: setup ## server and page with reload: http://127.0.0.1:5173
	@$(STEPS); need_node; npm_install ui; cargo build --workspace --bins --locked; \
	trap 'kill 0' EXIT; "$$CARGO_TARGET_DIR/debug/hopline" serve --data-dir "$(DATA)" & npm run --prefix ui dev

torture: ## long fault runs (hours); ROUNDS=n of kill -9 (2000), ONLY=name picks; counts go to tests/crash/LEDGER.md
	@$(STEPS); .ci/setup test; exec .ci/torture

dist: ## the stripped release binary, in dist/
	@$(STEPS); .ci/setup run; cargo build --release --workspace --bins --locked; mkdir -p dist; cp "$$CARGO_TARGET_DIR/release/hopline" dist/; ls -l dist/hopline

clean: ## what was built and stored here (the shared build folder stays: `rm -r ~/.cache/hopline` removes it)
	rm -rf .hopline dist target ui/dist ui/node_modules tests/sdk/node/node_modules
