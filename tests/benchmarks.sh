#!/usr/bin/env bash
# Lepton against ONNX Runtime, in turn in one process: tests/benchmarks.sh [THREADS]. Installs ONNX Runtime by npm into tests/Lepton.Benchmarks/bin/peers.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
peers=tests/Lepton.Benchmarks/bin/peers
if [ ! -d "$peers/node_modules/onnxruntime-node" ]; then
  mkdir -p "$peers"
  npm install --prefix "$peers" --ignore-scripts --no-audit --no-fund --silent onnxruntime-node@1.30.0
fi
dotnet build tests/Lepton.Benchmarks -c Release -v quiet --nologo
exec dotnet tests/Lepton.Benchmarks/bin/Release/net10.0/Lepton.Benchmarks.dll "$peers" "${1:-1}"
