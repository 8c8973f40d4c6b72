#!/usr/bin/env bash
# Lepton against ONNX Runtime, PyTorch, NumPy, SciPy, Numba and System.Numerics.Tensors, in turn, on one and two threads: tests/bench.sh [FILTER]
# FILTER: a part of a workload's name. Installs the peers (npm, apt); goes on without those that cannot be had.
# tests/bench.sh clr [FILTER]: device clr against cpu, on one thread.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
if [ "${1:-}" = clr ]; then
  dotnet build tests/Lepton.Benchmarks -c Release -v quiet --nologo -clp:NoSummary
  exec dotnet tests/Lepton.Benchmarks/bin/Release/net10.0/Lepton.Benchmarks.dll clr "${2:-}"
fi
peers=tests/Lepton.Benchmarks/bin/peers
if [ ! -d "$peers/node_modules/onnxruntime-node" ]; then
  mkdir -p "$peers"
  npm install --prefix "$peers" --ignore-scripts --no-audit --no-fund --silent onnxruntime-node@1.30.0 || echo "ONNX Runtime cannot be installed by npm"
fi

# NumPy and PyTorch multiply by the library that libblas.so.3 stands for: OpenBLAS, not Debian's plain one.
missing=""
for package in python3-torch python3-numpy python3-scipy python3-numba libopenblas0-pthread; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "installing:$missing"
  as_root apt-get update -qq >/dev/null || true
  for package in $missing; do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "$package cannot be installed by apt"
  done
fi

# Debian's own interpreter: its packages belong to it, whatever else is called python3 here.
python=/usr/bin/python3
[ -x "$python" ] || python=""
dotnet build tests/Lepton.Benchmarks -c Release -v quiet --nologo -clp:NoSummary
exec dotnet tests/Lepton.Benchmarks/bin/Release/net10.0/Lepton.Benchmarks.dll "$peers" "$python" tests/Lepton.Benchmarks/bin/report "${1:-}"
