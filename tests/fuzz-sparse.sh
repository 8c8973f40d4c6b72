#!/usr/bin/env bash
# Random sparse programs through interpreter, passes and machine code, in all formats: tests/fuzz-sparse.sh [COUNT] [SEED]. A failing one is shrunk
# and written out; when a fault ends the process, the seeds that ran are printed.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
export LEPTON_SPARSE_FUZZ_COUNT=${1:-20000} LEPTON_SPARSE_FUZZ_SEED=${2:-1}
logs=tests/Lepton.Tests/bin/fuzz
mkdir -p $logs
rm -f $logs/running-*.txt $logs/covered-sparse.txt
status=0
dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~Fuzz.SparseFuzz || status=$?
cat $logs/covered-sparse.txt 2>/dev/null || true
for seed in "$logs"/running-*.txt; do [ ! -e "$seed" ] || echo "it ended while this ran: $(cat "$seed")"; done
exit $status
