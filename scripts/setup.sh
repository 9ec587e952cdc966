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

# --- A server for the tests of the PostgreSQL connectors -----------------------------------------
# Debian keeps the server's programs outside of PATH.
has_server() {
    [ -d "${CARTRIDGE_WARP_TEST_POSTGRESQL:-}" ] || have initdb ||
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
# Another version comes by pip, see scripts/postgresql-18.sh.
has_venv() { python3 -c 'import ensurepip' >/dev/null 2>&1; }
if [ "${1:-}" = tests ]; then
    has_server || missing+=(postgresql)
    [ -n "${CARTRIDGE_WARP_TEST_POSTGRESQL_18:-}" ] || has_venv || missing+=(python3-venv)
fi
fetch() { [ "${1:-}" != tests ] || scripts/postgresql-18.sh >/dev/null; }
if [ ${#missing[@]} -eq 0 ]; then
    fetch "$@"
    exit 0
fi

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
fetch "$@"
