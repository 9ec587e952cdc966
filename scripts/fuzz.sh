#!/usr/bin/env bash
# Gives the readers of guests' words what libFuzzer makes up, FUZZ_SECONDS (10) each; see
# tests/fuzz/README.md. FUZZ_TARGETS names some of them; all run without it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-10}
folder=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
read -ra targets <<<"${FUZZ_TARGETS:-$(cd tests/fuzz/targets && echo *.rs | sed 's/\.rs//g')}"
PATH=$(scripts/cargo-fuzz.sh):$PATH

# --- Build ---------------------------------------------------------------------------------------
# The versions that the product has, and the few that only the fuzzer needs beside them.
if [ Cargo.lock -nt tests/fuzz/Cargo.lock ]; then
    cp Cargo.lock tests/fuzz/Cargo.lock
fi
# The sanitizer's flag is not stable yet: the compiler takes it from those who ask for it so.
# Nothing else knows that it is fuzzed, so what runs is what users run.
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$folder \
    cargo fuzz build --fuzz-dir tests/fuzz --sanitizer address --no-cfg-fuzzing
triple=$(rustc -vV | sed -n 's/^host: //p')

# --- Run -----------------------------------------------------------------------------------------
# One target, quietly unless it finds something. What libFuzzer learns is kept beside the build.
run() {
    local name=$1 inputs=$folder/inputs/$1
    local corpus=tests/fuzz/corpus/$name words=tests/fuzz/words/$name
    mkdir -p "$inputs/learnt" "$inputs/seeds" "$inputs/findings"
    local arguments=("$inputs/learnt" "$inputs/seeds")
    [ ! -d "$corpus" ] || arguments+=("$corpus")
    [ ! -f "$words" ] || arguments+=("-dict=$words")
    if CARTRIDGE_WARP_FUZZ_SEEDS=$inputs/seeds ASAN_OPTIONS=detect_odr_violation=0 \
        "$folder/$triple/release/$name" -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1 \
        -artifact_prefix="$inputs/findings/" "${arguments[@]}" >"$inputs/log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: *//p' "$inputs/log" |
            xargs printf 'fuzz: %-10s %s inputs\n' "$name"
        return 0
    fi
    tail -n 60 "$inputs/log" >&2
    printf 'fuzz: %s FAILED; to see it again: %s FINDING, one of %s\n' "$name" \
        "$folder/$triple/release/$name" "$inputs/findings/" >&2
    return 1
}
export folder seconds triple
export -f run
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'set -uo pipefail; run "$1"' _ '{}'
