# Sourced by tests/run.sh and examples/run.sh: finds or installs what a fresh Debian with the .NET SDK lacks.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "error: needs root to run: $*" >&2; exit 1
  fi
}

command -v dotnet >/dev/null || { echo "error: the .NET 10 SDK is missing (command dotnet)" >&2; exit 1; }

packages=""
ldconfig -p 2>/dev/null | grep -qE 'libLLVM(\.so\.2[0-9]|-(19|2[0-9])\.so)' || packages="$packages libllvm22"
command -v cc >/dev/null || packages="$packages gcc libc6-dev"
# OpenCL on the processor: tests of that device run or fail from here on. Where some driver is installed, it is the one that is tested.
ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 || packages="$packages pocl-opencl-icd"
ldconfig -p 2>/dev/null | grep -q 'libOpenCL\.so\.1' || packages="$packages ocl-icd-libopencl1"
export LEPTON_TEST_OPENCL=1
if [ -n "$packages" ]; then
  echo "installing:$packages"
  as_root apt-get update -qq >/dev/null || true
  # LLVM 22 is in Debian's security updates; 19 serves where 22 is not to be had.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages/libllvm22/libllvm19} >/dev/null
  as_root ldconfig
fi

# leptonc with its code compiled ahead of time, so that it starts fast, in a folder of its own.
publish_leptonc() {
  dotnet publish compiler/leptonc -c Release -r linux-x64 --self-contained false -p:PublishReadyToRun=true -o compiler/leptonc/bin/leptonc -v quiet --nologo
}

# The CP-SAT solver in WebAssembly for the tests of placement: two files of npm's or-tools-wasm, where the tests look. Without npm those tests are skipped.
install_solver() {
  local here=tests/node_modules/or-tools-wasm/build/javascript/node-wasm stem=cp_sat_runtime_node_asyncify work
  # Tests that need the solver run or fail from here on; without npm they are skipped.
  command -v npm >/dev/null && export LEPTON_TEST_SOLVER=1
  [ ! -f "$here/$stem.wasm" ] && [ -z "${LEPTON_SOLVER:-}" ] || return 0
  command -v npm >/dev/null || { echo "skipped: no npm on this machine, so no solver for placement"; return 0; }
  echo "installing: or-tools-wasm"
  work=$(mktemp -d)
  (cd "$work" && npm install --ignore-scripts --no-audit --no-fund --silent or-tools-wasm@0.9.1)
  mkdir -p "$here"
  cp "$work/${here#tests/}/$stem.js" "$here/"
  cp "$work/${here#tests/}/$stem.wasm" "$here/$stem.part" && mv "$here/$stem.part" "$here/$stem.wasm"
  rm -rf "$work"
}
