#!/usr/bin/env bash
# Random programs through interpreter, passes and machine code: tests/fuzz.sh [COUNT] [SEED] [graphs|source|cases|clr|opencl]. Each is compiled as it is and with
# forced choices, and run between pages that may not be touched. A failing one is shrunk and written out; when a fault ends the process, the
# seeds that ran are printed. graphs (if nothing is said): random graphs; source: random source texts, against what they mean by definition;
# cases: COUNT times the cases, in random formats, without one of the passes, with forced choices; clr, opencl: random graphs on that device.
# tests/fuzz.sh guard: a program for every strategy, for all sizes from 0 to 67 and all choices, between pages that may not be touched.
# With MALLOC_PERTURB_=165 before it, memory that nobody wrote is not 0 (glibc; it takes two to three times as long).
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
kind=${3:-graphs}
[ "${1:-}" != guard ] || kind=guard
case $kind in
  graphs) test=DifferentialFuzz; export LEPTON_FUZZ_COUNT=${1:-2000} LEPTON_FUZZ_SEED=${2:-1} ;;
  source) test=SourceFuzz; export LEPTON_SOURCE_FUZZ_COUNT=${1:-2000} LEPTON_SOURCE_FUZZ_SEED=${2:-1} ;;
  cases) test=VariedCases; export LEPTON_VARIED_ROUNDS=${1:-4} LEPTON_VARIED_SEED=${2:-1} ;;
  clr) test=DifferentialFuzz; export LEPTON_TEST_DEVICE=clr LEPTON_FUZZ_COUNT=${1:-500} LEPTON_FUZZ_SEED=${2:-1} ;;
  opencl) # drivers keep what they compile: this is compiled once
    test=DifferentialFuzz; export POCL_KERNEL_CACHE=0 LEPTON_TEST_DEVICE=opencl LEPTON_FUZZ_COUNT=${1:-100} LEPTON_FUZZ_SEED=${2:-1} ;;
  guard) test=GuardSweep; export LEPTON_GUARD_ALL=1 ;;
  *) echo "error: graphs, source, cases, clr, opencl or guard, not $kind" >&2; exit 2 ;;
esac
logs=tests/Lepton.Tests/bin/fuzz
mkdir -p $logs
rm -f $logs/running-*.txt $logs/covered-$kind.txt
status=0
dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~$test || status=$?
cat $logs/covered-$kind.txt 2>/dev/null || true
for seed in "$logs"/running-*.txt; do [ ! -e "$seed" ] || echo "it ended while this ran: $(cat "$seed")"; done
exit $status
