#!/usr/bin/env bash
# Generates the C# parser from Lepton.g4 with npm's antlr-ng.
#   tests/regenerate-parser.sh            writes compiler/Lepton.Language/Syntax/Generated
#   tests/regenerate-parser.sh --check    fails if what stands there is not what the grammar gives
# ANTLR_NG may name an antlr-ng that is installed already.
set -euo pipefail
version=1.0.10
syntax="$(cd "$(dirname "$0")/.." && pwd)/compiler/Lepton.Language/Syntax"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

tool="${ANTLR_NG:-}"
if [ -z "$tool" ]; then
  (cd "$work" && npm install --ignore-scripts --no-audit --no-fund --silent "antlr-ng@$version")
  tool="$work/node_modules/.bin/antlr-ng"
fi

# Run beside a copy, so that no path of this machine gets into the output.
mkdir "$work/grammar"
cp "$syntax/Lepton.g4" "$work/grammar/"
(cd "$work/grammar" && "$tool" -Dlanguage=CSharp -p Lepton.Language.Syntax.Generated -l false -v false -o out Lepton.g4) >"$work/log" 2>&1 || true
cat "$work/log"
# It ends with 0 on a wrong grammar.
if grep -qE '(error|warning)\(' "$work/log" || [ ! -f "$work/grammar/out/LeptonParser.cs" ]; then
  echo "Lepton.g4 was not accepted" >&2
  exit 1
fi

for class in LeptonLexer LeptonParser; do
  # Internal: nothing outside this assembly sees the generated types. CS3021: CLSCompliant has no meaning there.
  sed -e "s/^public partial class $class/internal partial class $class/" \
      -e '0,/^#pragma warning disable 0162/s//#pragma warning disable 3021, 0162/' \
      "$work/grammar/out/$class.cs" >"$work/$class.cs"
  if [ "${1:-}" = --check ]; then
    diff -q "$work/$class.cs" "$syntax/Generated/$class.cs" || { echo "run tests/regenerate-parser.sh and commit" >&2; exit 1; }
  else
    mkdir -p "$syntax/Generated"
    cp "$work/$class.cs" "$syntax/Generated/"
  fi
done
echo "the generated parser is up to date"
