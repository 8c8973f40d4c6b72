#!/usr/bin/env bash
# Random programs through interpreter, passes and machine code: tests/fuzz.sh [COUNT] [SEED] [graphs|source]. A failing one is shrunk and
# written out. graphs (if nothing is said): random graphs; source: random source texts, against what they mean by definition.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
case ${3:-graphs} in
  graphs) test=DifferentialFuzz; export LEPTON_FUZZ_COUNT=${1:-2000} LEPTON_FUZZ_SEED=${2:-1} ;;
  source) test=SourceFuzz; export LEPTON_SOURCE_FUZZ_COUNT=${1:-2000} LEPTON_SOURCE_FUZZ_SEED=${2:-1} ;;
  *) echo "error: graphs or source, not $3" >&2; exit 2 ;;
esac
exec dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~$test
