#!/usr/bin/env bash
# Random programs through interpreter, passes and machine code: tests/fuzz.sh [COUNT] [SEED] [graphs|source]. Each is compiled as it is and with
# forced choices, and run between pages that may not be touched. A failing one is shrunk and written out; when a fault ends the process, the
# seeds that ran are printed. graphs (if nothing is said): random graphs; source: random source texts, against what they mean by definition.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
kind=${3:-graphs}
case $kind in
  graphs) test=DifferentialFuzz; export LEPTON_FUZZ_COUNT=${1:-2000} LEPTON_FUZZ_SEED=${2:-1} ;;
  source) test=SourceFuzz; export LEPTON_SOURCE_FUZZ_COUNT=${1:-2000} LEPTON_SOURCE_FUZZ_SEED=${2:-1} ;;
  *) echo "error: graphs or source, not $kind" >&2; exit 2 ;;
esac
logs=tests/Lepton.Tests/bin/fuzz
mkdir -p $logs
rm -f $logs/running-*.txt $logs/covered-$kind.txt
status=0
dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~$test || status=$?
cat $logs/covered-$kind.txt 2>/dev/null || true
for seed in "$logs"/running-*.txt; do [ ! -e "$seed" ] || echo "it ended while this ran: $(cat "$seed")"; done
exit $status
