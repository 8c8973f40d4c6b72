#!/usr/bin/env bash
# Programs of LENGTH and ten times LENGTH operations, from text to results: tests/chain.sh [LENGTH]. Ten times the length: at most 12 times the time.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
export LEPTON_CHAIN=${1:-10000}
exec dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~ChainTests --logger "console;verbosity=detailed"
