#!/usr/bin/env bash
# Placement at full size, by hand: the eight published pipelines, each proved optimal within 60 s; 400 random problems against the enumeration,
# with a solver and without, and 400 whose memory counts what is alive; how much better than HEFT plans of larger random graphs are without a solver.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
install_solver
export LEPTON_PLACEMENT=all
dotnet test tests/Lepton.Tests -c Release --nologo --logger "console;verbosity=detailed" \
  --filter "FullyQualifiedName~Placement.Solver.PipelineSolver|FullyQualifiedName~Placement.Solver.PlacementSolver|FullyQualifiedName~Placement.PlacerTests|FullyQualifiedName~Placement.Yardsticks" |
  grep -vE "^ *at |Standard Output"
cat tests/Lepton.Tests/bin/Release/net10.0/placement.txt
