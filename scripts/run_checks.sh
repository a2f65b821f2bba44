#!/usr/bin/env bash
# Run every tox environment, then repeat the closing line of each test run, so that one look shows what was tested.
set -euo pipefail
cd "$(dirname "$0")/.."

log=.tox/checks.log
mkdir -p .tox

status=0
"${PYTHON:-python3}" -m tox run "$@" 2>&1 | tee "$log" || status=$?

# tox says "core: commands[1]> pytest ..." before a command; pytest ends with "==== 12 passed in 3.45s ====".
closing_lines=$(awk -F: '
    /^[a-z]+: commands\[/            { environment = $1 }
    /^=+ .*(passed|failed|error).* in .*s.* =+$/ { printf "%-10s %s\n", environment, $0 }
' "$log")

echo
if [[ -z $closing_lines ]]; then
    echo "error: no test ran" >&2
    exit 1
fi
echo "$closing_lines"
if grep -q "skipped" <<<"$closing_lines"; then
    echo "error: tests were skipped; each must run or be gone" >&2
    exit 1
fi
exit "$status"
