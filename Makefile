# The commands of this repository. `make build` and `make test` install what they need first.

# The component crates, one folder and one package of this name each: what is released, under
# plugins/, and what only tests use, under tests/mocks/ and tests/evil/.
# tests/repository/plumbing.rs compares the lists with the folders.
COMPONENTS := files-source files-destination mongodb-source postgresql-destination postgresql-source sqlite-destination
# Libraries under plugins/ that components share.
COMPONENT_LIBRARIES := mongodb-documents postgresql-client
TEST_COMPONENTS := scripted-source scripted-destination documents-source network-source evil-source evil-grants fickle-source hostile-source
# Test binaries that start a PostgreSQL server; others of these names run along, which costs less
# than compiling dependencies for a second choice of packages.
POSTGRESQL_TESTS := admin connection crashes dead_letters durability lookups rights rows setup snapshot sql stream \
	tables types waits
# What drives the product from outside, and the servers it is driven against.
TEST_CRATES := cartridge-warp-tests cartridge-warp-test-keeper cartridge-warp-test-mongodb \
	cartridge-warp-test-postgresql

# Everything goes below one folder, ours unless CARGO_TARGET_DIR says otherwise.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
export CARGO_TARGET_DIR := $(TARGET)
# Where tests find what `make build` made.
export CARTRIDGE_WARP_TEST_BINARY := $(TARGET)/release/cartridge-warp
export CARTRIDGE_WARP_TEST_PLUGINS := $(TARGET)/plugins
export CARTRIDGE_WARP_TEST_ONLY_PLUGINS := $(TARGET)/test-plugins

RELEASE := --locked --release
# Natively in a run of their own: together with the host they would switch on features of shared
# dependencies, so that wasmtime is compiled twice and tests see another binary than users.
HOST_CRATES := --workspace $(COMPONENTS:%=--exclude %) $(TEST_COMPONENTS:%=--exclude %) \
	$(COMPONENT_LIBRARIES:%=--exclude %) $(TEST_CRATES:%=--exclude %) \
	--exclude cartridge-warp-bench
COMPONENT_CRATES := $(COMPONENTS:%=--package %) $(COMPONENT_LIBRARIES:%=--package %) \
	$(TEST_COMPONENTS:%=--package %)
# One choice of packages for all native runs but the host's: another would compile dependencies anew.
NATIVE_CRATES := $(COMPONENT_CRATES) $(TEST_CRATES:%=--package %)
WASM := --locked --profile plugin --target wasm32-wasip2
COPY := scripts/copy-components.sh "$(TARGET)/wasm32-wasip2/plugin"
# Prints a step's name and how long it took.
STEP := scripts/step.sh

.PHONY: setup setup-tests build demo test test-components docs matrix interleavings operators-day soak-hostile bench density clean \
	check-format lint test-rust fuzz check-docs check-dependencies dist check-dist
# Cargo uses all cores by itself, and two of them would only wait for each other.
.NOTPARALLEL:

setup:
	@scripts/setup.sh

setup-tests:
	@scripts/setup.sh tests

build: setup
	@$(STEP) "build the host" cargo build $(RELEASE) --package cartridge-warp
	@$(STEP) "build the components" cargo build $(WASM) $(COMPONENTS:%=--package %)
	@$(COPY) "$(TARGET)/plugins" $(COMPONENTS)

demo: build
	@$(STEP) "build the demo's own part" \
		cargo build $(RELEASE) --package cartridge-warp-tests --bin demo
	@examples/files-to-sqlite/run.sh

# Everything CI runs, the quick steps first. The last line tells whether advisories were checked.
test: setup-tests check-format build lint test-rust fuzz check-docs check-dependencies check-dist
	@cat "$(TARGET)/advisories.txt"

check-format:
	@$(STEP) "check the format" cargo fmt --all --check

lint: setup
	@$(STEP) "lint" cargo clippy $(RELEASE) $(HOST_CRATES) \
		--features cartridge-warp/fuzzing --all-targets -- --deny warnings
	@$(STEP) "lint the components' tests" \
		cargo clippy $(RELEASE) $(NATIVE_CRATES) --package cartridge-warp-bench \
		--all-targets -- --deny warnings
	@$(STEP) "lint the components" \
		cargo clippy $(WASM) $(COMPONENT_CRATES) -- --deny warnings

test-components: build
	@$(STEP) "build the components of tests" \
		cargo build $(WASM) $(TEST_COMPONENTS:%=--package %)
	@$(COPY) "$(TARGET)/test-plugins" $(TEST_COMPONENTS)

# Documentation examples are among them.
test-rust: setup-tests test-components
	@$(STEP) "test" cargo test $(RELEASE) --no-fail-fast $(HOST_CRATES)
	@$(STEP) "test the components and the product" \
		cargo test $(RELEASE) --no-fail-fast $(NATIVE_CRATES)
	@CARTRIDGE_WARP_TEST_POSTGRESQL=$$(scripts/postgresql-18.sh) \
		$(STEP) "test the PostgreSQL connectors with PostgreSQL 18" \
		cargo test $(RELEASE) --no-fail-fast $(NATIVE_CRATES) $(POSTGRESQL_TESTS:%=--test %)
	@CARTRIDGE_WARP_TEST_POSTGRESQL=$$(scripts/postgresql-18.sh) CARTRIDGE_WARP_TEST_KILLS=20 \
		$(STEP) "test the product with PostgreSQL 18" \
		cargo test $(RELEASE) --no-fail-fast $(NATIVE_CRATES) --test product -- postgresql types::

check-docs: setup
	@RUSTDOCFLAGS="--deny warnings" $(STEP) "check the docs" \
		cargo doc $(RELEASE) $(HOST_CRATES) --no-deps

# 10 seconds for each reader of guests' words; FUZZ_SECONDS=1800 is the full form.
fuzz: setup-tests
	@$(STEP) "fuzz" scripts/fuzz.sh

check-dependencies: setup
	@mkdir -p "$(TARGET)"
	@$(STEP) "check the dependencies" scripts/deny.sh "$(TARGET)/advisories.txt"

# Writes docs/postgresql-matrix.md anew: what one server does not have stays as another showed it.
MATRIX := CARTRIDGE_WARP_TEST_WRITE_DOCS=1 cargo test $(RELEASE) $(NATIVE_CRATES) --test product -- \
	--exact types::every_type_arrives_as_documented \
	postgresql_shapes::every_form_of_alter_table_does_as_documented

matrix: setup-tests test-components
	@$(STEP) "write the matrix" env $(MATRIX)
	@CARTRIDGE_WARP_TEST_POSTGRESQL=$$(scripts/postgresql-18.sh) \
		$(STEP) "write the matrix with PostgreSQL 18" env $(MATRIX)

# Writes the keys of docs/configuration.md and the families of docs/metrics.md anew.
docs: setup
	@CARTRIDGE_WARP_TEST_WRITE_DOCS=1 $(STEP) "write the keys and metrics" \
		cargo test $(RELEASE) $(HOST_CRATES) --lib the_page_has_each

# Hostile connectors beside honest ones for ten minutes; the tests do it for one.
soak-hostile: test-components
	@CARTRIDGE_WARP_TEST_SOAK_SECONDS=600 \
		$(STEP) "hostile schemas beside honest ones" cargo test $(RELEASE) $(NATIVE_CRATES) \
		--test product -- --nocapture honest_schemas_keep_up

# Random histories of tables, from PostgreSQL to PostgreSQL; the tests tell some dozens.
interleavings: setup-tests test-components
	@CARTRIDGE_WARP_TEST_INTERLEAVINGS=$(or $(INTERLEAVINGS),10000) \
		$(STEP) "random histories" cargo test $(RELEASE) $(NATIVE_CRATES) \
		--test product -- --nocapture interleavings::histories

# The operator's day with half an hour of waiting in it; the tests have it without.
operators-day: setup-tests test-components
	@CARTRIDGE_WARP_TEST_WHOLE_DAY=1 \
		$(STEP) "an operator's day" cargo test $(RELEASE) $(NATIVE_CRATES) \
		--test product -- --nocapture operators_day

bench: build
	@cargo run $(RELEASE) --package cartridge-warp-bench

# A release of what is built: target/dist/cartridge-warp-VERSION-MACHINE.tar.gz.
dist: build
	@$(STEP) "make the release" scripts/dist.sh "$(TARGET)" $(COMPONENTS)

check-dist: dist
	@$(STEP) "run the release where nothing else is" scripts/check-dist.sh "$(TARGET)"/dist/*.tar.gz

# Many idle schemas in one process: BENCH_SCHEMAS=50,300,1000.
density: build
	@cargo run $(RELEASE) --package cartridge-warp-bench -- density

clean:
	@cargo clean
