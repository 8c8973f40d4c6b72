#!/usr/bin/env bash
# Builds leptonc and runs the examples; every result is compared with values that NumPy computed (examples/expected.py).
# examples/run.sh DEVICE: on that device of leptonc run (cpu, clr, opencl, interpreter).
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
[ -n "${LEPTONC:-}" ] || publish_leptonc
leptonc=${LEPTONC:-"compiler/leptonc/bin/leptonc/leptonc"}
data=examples/data
failed=0
device=${1:+--device $1}

# say WHAT; then run leptonc with the arguments behind it
example() {
  echo
  echo "== $1"
  shift
  echo "   leptonc run $* $device"
  $leptonc run "$@" $device || { failed=$((failed + 1)); echo "   FAILED"; }
}

example "wave: sin x + cos x² + exp x at 1, 2, 3, as one kernel" examples/wave.lep --in x=$data/wave.x.npy
example "wave, compared with NumPy" examples/wave.lep --in x=$data/wave.x.npy --expect result=$data/wave.y.npy
example "affine: [2, 3] · [4, 5] + 1 = [9, 16]" examples/affine.lep --in a=$data/affine.a.npy --in x=$data/affine.x.npy
example "affine, compared" examples/affine.lep --in a=$data/affine.a.npy --in x=$data/affine.x.npy --expect y=$data/affine.y.npy
example "matmul_loss: the mean squared error of a product" examples/matmul_loss.lep --in a="normal(1)" --in b="normal(2)" --in target="normal(3)" \
  --dim M=5,K=7,N=3 --expect loss=$data/matmul_loss.loss.npy
example "mlp: four inputs through 784-128-10" examples/mlp.lep --in x="uniform(7)" --dim B=4 --expect p=$data/mlp.p.npy
example "pruned_mlp: 784-1024-1024-10 of which a tenth is left, stored sparse by itself" examples/pruned_mlp.lep --in x="uniform(7)" --expect p=$data/pruned_mlp.p.npy
example "cnn: two pictures through convolution, pooling and two dense layers" examples/cnn.lep --in x="uniform(7)" --dim B=2 --expect p=$data/cnn.p.npy
example "rnn: a sequence of five steps" examples/rnn.lep --in x="normal(3)" --dim T=5,B=2 --expect hs=$data/rnn.hs.npy --expect last=$data/rnn.last.npy
example "attention: eight heads over six positions" examples/attention.lep --in x="normal(5)" --dim B=2,S=6 --expect y=$data/attention.y.npy

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
example "blur_edges: a picture in, a picture out" examples/blur_edges.lep --in picture=$data/blur_edges.picture.pgm --out edges="$out/edges.pgm"
example "blur_edges, compared" examples/blur_edges.lep --in picture=$data/blur_edges.picture.pgm --expect edges=$data/blur_edges.edges.npy --tolerance 0.5
example "heat: a plate heated from one side, until nothing moves" examples/heat.lep --in start=$data/heat.start.npy --out plate="$out/plate.npy"
example "heat, compared" examples/heat.lep --in start=$data/heat.start.npy --expect plate=$data/heat.plate.npy --out steps="$out/steps.npy" --tolerance 2e-3
example "pagerank: which of eight pages matters most" examples/pagerank.lep --in link=$data/pagerank.link.npz --expect rank=$data/pagerank.rank.npy
example "conjugate_gradient: the Poisson equation on a grid" examples/conjugate_gradient.lep --in a=$data/conjugate_gradient.a.npz \
  --in b=$data/conjugate_gradient.b.npy --expect x=$data/conjugate_gradient.x.npy --tolerance 1e-3
example "graph_attention: ten nodes, one of them alone" examples/graph_attention.lep --in edge=$data/graph_attention.edge.npz \
  --in q=$data/graph_attention.q.npy --in k=$data/graph_attention.k.npy --in v=$data/graph_attention.v.npy --expect y=$data/graph_attention.y.npy
example "recommend: factors of ratings, fifty steps" examples/recommend.lep --in rating=$data/recommend.rating.npz --in users=$data/recommend.users.npy \
  --in things=$data/recommend.things.npy --expect loss=$data/recommend.loss.npy --expect u=$data/recommend.u.npy --expect t=$data/recommend.t.npy --tolerance 1e-4
example "kmeans: sixty points, three centres" examples/kmeans.lep --in x=$data/kmeans.x.npy --in start=$data/kmeans.start.npy \
  --expect centres=$data/kmeans.centres.npy --expect label=$data/kmeans.label.npy
example "mandelbrot: a picture of 320 × 240" examples/mandelbrot.lep --out picture="$out/mandelbrot.pgm"
example "mandelbrot, compared: all but a few points on the border" examples/mandelbrot.lep --expect picture=$data/mandelbrot.picture.npy --outliers 0.02

# check WHAT FILE LINE...: the file holds each of the lines
check() {
  local what=$1 file=$2 line
  shift 2
  for line in "$@"; do
    grep -qF -- "$line" "$file" || { failed=$((failed + 1)); echo "   FAILED: $what: no line '$line'"; return 0; }
  done
  echo "   $what: as expected"
}

echo
echo "== embedding: an app that compiles and runs programs (examples/embedding/Program.cs)"
dotnet run --project examples/embedding -c Release -v quiet | tee "$out/embedding.txt" || failed=$((failed + 1))
check embedding "$out/embedding.txt" "wave: 4.1000547, 7.64471, 19.315527" "line: y = [ 2.5  6.5 12.5], total = 21.5" \
  "bound: 1000 runs, 0 managed bytes" "error LEP3001: yy is not defined" "index 7 is outside 0..2 at element [1]"

echo
echo "== placement: tasks on devices, exact, by a genetic search and by a particle swarm (examples/placement/Program.cs)"
dotnet run --project examples/placement -c Release -v quiet | tee "$out/placement.txt" || failed=$((failed + 1))
check placement "$out/placement.txt" "tasks on nodes: Optimal, 16 usd" "the exact answer is never worse"

echo
echo "== edge: a camera and a server 40 km away, in 100 ms (examples/placement/edge.lep, edge.yaml)"
$leptonc place examples/placement/edge.lep --machine examples/placement/edge.yaml -o "$out/edge.plan" >"$out/edge.txt" || failed=$((failed + 1))
sed -n '3,24p' "$out/edge.txt"
check edge "$out/edge.txt" "OPTIMAL" "copy of                             from          to"
check edge "$out/edge.plan" "sum_0 " " on camera at " " on server at "

echo
echo "== mlp on two devices: its second layer by OpenCL, the rest by LLVM (examples/placement/two.yaml)"
$leptonc place examples/mlp.lep --dim B=4 --machine examples/placement/two.yaml --minimize time --pin contract_add_1=opencl -o "$out/mlp.plan" >"$out/mlp.txt" ||
  failed=$((failed + 1))
sed -n '3,16p' "$out/mlp.txt"
[ -n "$device" ] || example "mlp, as planned, compared with NumPy" examples/mlp.lep --in x="uniform(7)" --dim B=4 --plan "$out/mlp.plan" \
  --machine examples/placement/two.yaml --expect p=$data/mlp.p.npy

echo
echo "== trimmed: an app without compiler and LLVM that runs a module built ahead of time (examples/trimmed/Program.cs)"
$leptonc build examples/wave.lep --out "$out/built"
if dotnet restore examples/trimmed -r linux-x64 -v quiet >"$out/restore.txt" 2>&1; then
  dotnet publish examples/trimmed -c Release -r linux-x64 --no-restore -o "$out/app" -v quiet --nologo
  "$out/app/trimmed" "$out/built/wave.json" | tee "$out/trimmed.txt" || failed=$((failed + 1))
  check trimmed "$out/trimmed.txt" "wave: 4.1000547, 7.64471, 19.315527" "none of them LLVM"
else
  echo "   skipped: the .NET runtime pack for linux-x64 cannot be had here"
fi

echo
[ "$failed" = 0 ] && echo "all examples gave what they should" || echo "$failed examples failed"
exit $((failed > 0))
