#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans and sources always; advisories with
# RustSec's database, which is fetched, or taken from CARTRIDGE_WARP_ADVISORY_DB: a clone of
# https://github.com/RustSec/advisory-db, or its unpacked archive. Without a database the last line
# says that advisories were not checked; with CARTRIDGE_WARP_REQUIRE_ADVISORIES=1 that is an error.
# The last line is kept in the file that is named as the first argument.
set -euo pipefail
cd "$(dirname "$0")/.."
summary=${1:-/dev/null}

# The version matters: deny.toml's format follows it.
version=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-ci/cargo-deny-$version
deny=$root/bin/cargo-deny
# A database that is older counts as none: what matters was found since.
days_max=${CARTRIDGE_WARP_ADVISORY_DAYS:-90}

if [ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $version" ]; then
    deny=cargo-deny
elif ! [ -x "$deny" ]; then
    echo "installing cargo-deny $version into $root, once (two to four minutes)"
    # Unoptimised: it compiles in a third of the time and still checks in seconds.
    CARGO_TARGET_DIR=$root/build cargo install cargo-deny --version "$version" --locked --quiet \
        --debug --no-default-features --root "$root"
    rm -rf "$root/build"
fi

# Prints the last line and ends with the code.
end() {
    printf 'advisories: %s\n' "$2" | tee "$summary"
    exit "$1"
}
not_checked() {
    [ "${CARTRIDGE_WARP_REQUIRE_ADVISORIES:-}" = 1 ] && code=1 || code=0
    end "$code" "NOT CHECKED: $1; the README says how to supply a database"
}

printf 'advisories: NOT CHECKED: the check did not get that far\n' >"$summary"
"$deny" --locked check licenses bans sources

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
config=deny.toml
given=${CARTRIDGE_WARP_ADVISORY_DB:-}
if [ -n "$given" ]; then
    [ -d "$given/crates" ] || not_checked "CARTRIDGE_WARP_ADVISORY_DB=$given has no folder crates/"
    given=$(cd "$given" && pwd)
    # The newest advisory tells the age: neither a clone's nor an archive's own dates do.
    newest=$(grep -rhoE --include='*.md' '^date = "[0-9-]+"' "$given/crates" | sort | tail -n 1 |
        grep -oE '[0-9-]+' || true)
    limit=$(date -u -d "$days_max days ago" +%F 2>/dev/null || date -u -v "-${days_max}d" +%F)
    [[ ${newest:-0} > $limit ]] ||
        not_checked "the newest advisory of $given is of ${newest:-no date}, before $limit"
    # cargo-deny reads databases that are repositories and that it seems to have fetched; the name is
    # the one that it gives its own (the last part of the address and a hash of it).
    db=$work/advisory-db-3157b0e258782691
    cp -R "$given" "$db"
    rm -rf "$db/.git"
    git -C "$db" init --quiet
    git -C "$db" add --all
    git -C "$db" -c user.name=ci -c user.email=ci@localhost -c commit.gpgsign=false \
        commit --quiet --message database
    git -C "$db" rev-parse HEAD >"$db/.git/FETCH_HEAD"
    # [advisories] is the last section of deny.toml.
    config=$work/deny.toml
    { cat deny.toml; printf 'db-path = "%s"\n' "$work"; } >"$config"
elif ! reason=$("$deny" --locked --config "$config" fetch db 2>&1); then
    printf '%s\n' "$reason" >&2
    not_checked "RustSec's database could not be fetched (see above)"
fi
# What is fetched is fetched.
if "$deny" --offline --config "$config" check advisories; then
    end 0 "checked${newest:+ (the newest of the database is of $newest)}"
fi
end 1 "FOUND, see above"
