#!/usr/bin/env bash
# One entry run COUNT times: no managed memory, resident memory flat; and 16 threads on it at once: tests/soak.sh [COUNT]
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
export LEPTON_SOAK_RUNS=${1:-1000000}
exec dotnet test tests/Lepton.Tests -c Release --nologo --filter FullyQualifiedName~SoakTests --logger "console;verbosity=detailed"
