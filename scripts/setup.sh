#!/usr/bin/env bash
# Checks for what building and testing need, and installs what is missing where it can: parts of the
# Rust toolchain by rustup, C tools by apt-get as root on Debian. Elsewhere it changes nothing and
# prints the commands. Quick and silent when nothing is missing.
# With the word `tests`, what only tests need is looked for too.
set -euo pipefail
cd "$(dirname "$0")/.."

# Stops with the commands that a person has to run.
stop() {
    printf 'setup: %s\n' "$1" >&2
    shift
    printf '    %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- Rust ------------------------------------------------------------------------------------
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
have cargo || stop "cargo is missing; install rustup:" \
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" \
    ". \"\$HOME/.cargo/env\""

# Explicit, because with RUSTUP_AUTO_INSTALL=0 rustup refuses instead of installing.
if ! rustc --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1 ||
    ! cargo fmt --version >/dev/null 2>&1; then
    have rustup || stop "rustfmt or clippy is missing, and there is no rustup to add it"
    echo "setup: installing Rust $channel"
    rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy
fi
if ! [ -d "$(rustc --print target-libdir --target wasm32-wasip2)" ]; then
    have rustup || stop "Rust has no wasm32-wasip2 target, and there is no rustup to add it"
    echo "setup: adding the target wasm32-wasip2"
    rustup target add wasm32-wasip2
fi

# --- C, for SQLite in the host and in components ------------------------------------------------
missing=()
have cc || missing+=(gcc libc6-dev)
# Somebody who brings a compiler and a sysroot for WASI of their own knows what they do.
if [ -z "${CFLAGS_wasm32_wasip2:-}" ]; then
    have clang || missing+=(clang)
    have llvm-ar || missing+=(llvm)
    have wasm-ld || missing+=(lld)
    [ -d /usr/include/wasm32-wasi ] || missing+=(wasi-libc)
fi

# --- Servers for tests -----------------------------------------------------------------------------
# Debian keeps PostgreSQL's programs outside of PATH.
has_postgresql() {
    [ -d "${CARTRIDGE_WARP_TEST_POSTGRESQL:-}" ] || have initdb ||
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
# Another version comes by pip, see scripts/postgresql-18.sh.
has_venv() { python3 -c 'import ensurepip' >/dev/null 2>&1; }
# A mongod that is there is better than the server that takes its place. tests/mongodb looks at the
# same places.
secantus=$(cat tests/mongodb/secantus-version)
servers=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-test-servers
has_mongodb() {
    [ -x "${CARTRIDGE_WARP_TEST_MONGODB:-}" ] || have mongod ||
        [ -x "$servers/secantus-$secantus/bin/secantusd-rs" ]
}
# In a folder of its own until it is whole, and one build at a time: the others wait and find it.
build_secantus() {
    local building=$servers/secantus-$secantus.building log=$servers/secantus-$secantus.log
    mkdir -p "$servers"
    if have flock; then
        exec 8>"$servers/.lock"
        flock 8
    fi
    ! has_mongodb || return 0
    echo "setup: building the test server secantus-mdb $secantus into $servers, once" \
        "(three to ten minutes; $log)"
    # Its own profile optimises across crates, which takes twice as long and which no test notices.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        CARGO_TARGET_DIR=$building/target cargo install secantus-mdb --version "$secantus" --locked \
        --ignore-rust-version --no-track --root "$building" >"$log" 2>&1 ||
        stop "the test server does not build; either see $log, or name a mongod:" \
            "export CARTRIDGE_WARP_TEST_MONGODB=/path/to/mongod"
    rm -rf "$building/target" "$servers/secantus-$secantus"
    mv "$building" "$servers/secantus-$secantus"
}
if [ "${1:-}" = tests ]; then
    has_postgresql || missing+=(postgresql)
    [ -n "${CARTRIDGE_WARP_TEST_POSTGRESQL_18:-}" ] || has_venv || missing+=(python3-venv)
    # What examples/monitoring and examples/systemd are for.
    have promtool || missing+=(prometheus)
    # What the page of a run is looked at with.
    have chromium || missing+=(chromium)
    have systemd-analyze || missing+=(systemd)
    # What the commands of docs/ call besides.
    have sqlite3 || missing+=(sqlite3)
    have curl || missing+=(curl)
    # libFuzzer is C++.
    have c++ || missing+=(g++)
    # The storage engine in SecantusDB is C and C++.
    if ! has_mongodb; then
        have cmake || missing+=(cmake)
        have make || missing+=(make)
    fi
fi

# --- What apt-get installs ---------------------------------------------------------------------------
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! [ -e /etc/debian_version ]; then
        stop "tools are missing (by their Debian names): ${missing[*]}. With wasi-sdk, set:" \
            "export CC_wasm32_wasip2=/path/to/wasi-sdk/bin/clang" \
            "export AR_wasm32_wasip2=/path/to/wasi-sdk/bin/llvm-ar" \
            "export CFLAGS_wasm32_wasip2='--target=wasm32-wasi -DSQLITE_THREADSAFE=0'"
    fi
    [ "$(id -u)" -eq 0 ] || stop "tools are missing; install them:" \
        "sudo apt-get update" \
        "sudo apt-get install --yes --no-install-recommends ${missing[*]}"
    echo "setup: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
}
install_missing
if [ "${1:-}" = tests ]; then
    scripts/postgresql-18.sh >/dev/null
    scripts/python-packages.sh file-libraries >/dev/null
    scripts/python-packages.sh deployment-tools >/dev/null
    scripts/cargo-fuzz.sh >/dev/null
    has_mongodb || build_secantus
fi
