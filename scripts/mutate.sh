#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# mutate.sh FILE [MAX]: removes one check of FILE at a time (an `if (...) return ERR_..;`, `return false;`, `continue;` guard on one
# line) in a copy of the tree and runs the host unit tests of its folder. A mutant that no test notices is a missing test row.
# Prints one line a mutant and, last, `killed K of N`.
# mutate.sh --guards [...]: the checks marked `guards: T-nnn`, each against the test that tests/guards.tsv names: see scripts/mutate.py.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --guards ]; then
    exec /usr/bin/python3 scripts/mutate.py "${@:2}"
fi
file=${1:?usage: mutate.sh FILE [MAX]}
max=${2:-1000}
[ -f "$file" ] || { echo "mutate.sh: $file: no such file" >&2; exit 2; }
area=$(dirname "$file")
copy=$(mktemp -d "${TMPDIR:-/tmp}/zeros-mutate.XXXXXX")
trap 'rm -rf "$copy"' EXIT
# The build folder is shared only for libfdt's sources; objects of mutants stay in the copy.
cp -a boards hyp include kernel lib drivers domains servers tests scripts third_party "$copy"/ 2>/dev/null || true
mkdir -p "$copy/build/deps"
[ -d build/deps/src ] && ln -s "$PWD/build/deps/src" "$copy/build/deps/src"

run_tests() {
    (cd "$copy" && timeout 300 /usr/bin/python3 tests/unit_tier.py --cc gcc "${area#./}") >"$copy/out" 2>&1
}

if ! run_tests; then
    echo "mutate.sh: the tests of $area fail before anything is changed:" >&2
    grep -E '^FAIL|passed' "$copy/out" >&2 || true
    exit 2
fi
lines=$(grep -nE '^\s*(\} else )?if \(.*\) (return [^;]*|continue|break);\s*(/\*.*\*/)?$' "$file" | cut -d: -f1 | head -n "$max" || true)
killed=0 count=0
for line in $lines; do
    count=$((count + 1))
    sed "${line}s/if (/if (0 \&\& (/; ${line}s/) \(return\|continue\|break\)/)) \1/" "$file" >"$copy/$file"
    text=$(sed -n "${line}s/^ *//p" "$file")
    if run_tests; then
        echo "SURVIVED $file:$line: $text"
    else
        killed=$((killed + 1))
        echo "killed   $file:$line: $text"
    fi
done
cp "$file" "$copy/$file"
echo "killed $killed of $count"
