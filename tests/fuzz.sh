#!/usr/bin/env bash
# Random programs through interpreter, passes and machine code: tests/fuzz.sh [COUNT] [SEED]. A failing one is shrunk and written out.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
export LEPTON_FUZZ_COUNT=${1:-2000} LEPTON_FUZZ_SEED=${2:-1}
exec dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~DifferentialFuzz
