#!/usr/bin/env bash
# Builds everything with warnings as errors and runs all tests. Ends with a line "N passed, N failed".
#   tests/run.sh [a filter as `dotnet test --filter` takes it]
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
install_solver

echo "== build"
dotnet build Lepton.Lang.sln -c Release -v quiet --nologo

echo "== the committed parser is what the grammar gives"
if command -v npm >/dev/null; then bash tests/regenerate-parser.sh --check; else echo "skipped: no npm on this machine"; fi

echo "== tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
dotnet test tests/Lepton.Tests -c Release --no-build --nologo ${1:+--filter "$1"} 2>&1 | tee "$log" || status=1
passed=$(grep -oE 'Passed: +[0-9]+' "$log" | grep -oE '[0-9]+' | awk "{n += \$1} END {print n + 0}" || true)
failed=$(grep -oE 'Failed: +[0-9]+' "$log" | grep -oE '[0-9]+' | awk "{n += \$1} END {print n + 0}" || true)
[ "$status" = 0 ] || [ "${failed:-0}" != 0 ] || failed=1
echo "${passed:-0} passed, ${failed:-0} failed"
exit $status
