#!/usr/bin/env bash
# Placement at full size, by hand: the eight published pipelines, each proved optimal within 60 s.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
install_solver
export LEPTON_PLACEMENT=all
dotnet test tests/Lepton.Tests -c Release --nologo --logger "console;verbosity=detailed" \
  --filter "FullyQualifiedName~Placement.Solver.PipelineSolver" | grep -vE "^ *at |Standard Output" 
