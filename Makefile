# The commands of this repository. `make build` and `make test` install what they need first.

# The component crates, one folder and one package of this name each under plugins/.
# tests/repository/plumbing.rs compares the list with the folder.
COMPONENTS := files-source files-destination sqlite-destination

# Everything goes below one folder, ours unless CARGO_TARGET_DIR says otherwise.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
export CARGO_TARGET_DIR := $(TARGET)
# Where tests find what `make build` made.
export CARTRIDGE_WARP_TEST_BINARY := $(TARGET)/release/cartridge-warp
export CARTRIDGE_WARP_TEST_PLUGINS := $(TARGET)/plugins

RELEASE := --locked --release
WASM := --locked --profile plugin --target wasm32-wasip2 $(COMPONENTS:%=--package %)
# Prints a step's name and how long it took.
STEP := scripts/step.sh

.PHONY: setup build demo test bench clean \
	check-format lint test-rust check-docs check-dependencies
# Cargo uses all cores by itself, and two of them would only wait for each other.
.NOTPARALLEL:

setup:
	@scripts/setup.sh

build: setup
	@$(STEP) "build the host" cargo build $(RELEASE) --package cartridge-warp
	@$(STEP) "build the components" cargo build $(WASM)
	@scripts/copy-components.sh "$(TARGET)/wasm32-wasip2/plugin" "$(TARGET)/plugins" $(COMPONENTS)

demo: build
	@PATH="$(TARGET)/release:$$PATH" CARTRIDGE_WARP_PLUGIN_DIR="$(TARGET)/plugins" \
		examples/files-to-sqlite/run.sh

# Everything CI runs, the quick steps first.
test: setup check-format build lint test-rust check-docs check-dependencies

check-format:
	@$(STEP) "check the format" cargo fmt --all --check

lint: setup
	@$(STEP) "lint" cargo clippy $(RELEASE) --workspace --all-targets -- --deny warnings
	@$(STEP) "lint for wasm" cargo clippy $(WASM) -- --deny warnings

# Documentation examples are among them.
test-rust: build
	@$(STEP) "test" cargo test $(RELEASE) --workspace

check-docs: setup
	@RUSTDOCFLAGS="--deny warnings" $(STEP) "check the docs" \
		cargo doc $(RELEASE) --workspace --no-deps

check-dependencies: setup
	@$(STEP) "check the dependencies" scripts/deny.sh

bench: build
	@cargo bench --locked --package cartridge-warp-tests

clean:
	@cargo clean
