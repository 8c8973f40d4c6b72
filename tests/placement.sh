#!/usr/bin/env bash
# Placement at full size, by hand: the eight published pipelines, each proved optimal within 60 s; 400 random problems against the enumeration,
# with a solver and without, and 400 whose memory counts what is alive; how much better than HEFT plans of larger random graphs are without a solver;
# how much of 20 kernels on 8 devices and of 50 on 4 is proven with one, and how fast: each from a call to its answer, with an engine that has started.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
install_solver
export LEPTON_PLACEMENT=all
rm -f tests/Lepton.Tests/bin/Release/net10.0/placement.txt
dotnet test tests/Lepton.Tests -c Release --nologo --logger "console;verbosity=detailed" \
  --filter "FullyQualifiedName~Placement.Solver.PipelineSolver|FullyQualifiedName~Placement.Solver.PlacementSolver|FullyQualifiedName~Placement.PlacerTests|FullyQualifiedName~Placement.Yardsticks" |
  grep -vE "^ *at |Standard Output"
cat tests/Lepton.Tests/bin/Release/net10.0/placement.txt
