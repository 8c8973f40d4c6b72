#!/usr/bin/env bash
# AVX-512 code on a machine without AVX-512: tests/emulated.sh [COUNT] [SEED]. The cases, the elementwise operations and COUNT random programs,
# compiled for avx512, run in Bochs under a small Linux, and their bits are compared with those of AVX2 code on this machine. Debian, ten
# minutes. Ends with a line "N ran, N mismatches".
#
# It needs Bochs newer than 3.0 (its source at commit 783b58fd of August 2026 was used; Debian's 2.7 is too old), with tests/emulation/bochs.patch:
#   git apply tests/emulation/bochs.patch; cd bochs     # in a checkout of Bochs
#   ./configure --with-nogui --enable-x86-64 --enable-cpu-level=6 --enable-avx --enable-evex --enable-vmx=2 --enable-protection-keys \
#     --enable-all-optimizations --disable-docbook && make
# Variables: BOCHS, the program (bochs); TARGET, what is compiled for (avx512); CPU, Bochs' model and what is added to it (corei7_skylake_x):
#   features="avx512fp16 avx512bf16 avx512vbmi avx512vbmi2 avx512vnni avx512ifma52 avx512bitalg avx512vpopcnt gfni"
#   TARGET=sapphirerapids CPU="corei7_skylake_x, add_features=\"$features\"" bash tests/emulated.sh
set -euo pipefail
cd "$(dirname "$0")/.."
needs() { echo "error: $1; the head of tests/emulated.sh says what is needed" >&2; exit 1; }
bochs=$(command -v "${BOCHS:-bochs}") || needs "there is no ${BOCHS:-bochs}; the variable BOCHS may say where Bochs is"
bochs=$(realpath "$bochs")
case $("$bochs" --help </dev/null 2>&1) in *"Emulator 2."*) needs "$bochs is older than 3.0" ;; esac
source tests/setup.sh
work=$PWD/tests/Lepton.Tests/bin/emulated
export LEPTON_FUZZ_COUNT=${1:-500} LEPTON_FUZZ_SEED=${2:-1} LEPTON_EXPORT=$work/image/programs LEPTON_EXPORT_TARGET=${TARGET:-avx512}
sources=$PWD/tests/emulation
rm -rf "$work/image" "$work"/disk* "$work/console.txt"
mkdir -p "$work/image/proc" "$work/image/dev" "$LEPTON_EXPORT"

echo "== what it needs"
packages=""
[ -e /usr/share/bochs/BIOS-bochs-latest ] || packages="$packages bochsbios"
[ -e /usr/share/vgabios/vgabios.bin ] || packages="$packages vgabios"
command -v cpio >/dev/null || packages="$packages cpio"
if [ -n "$packages" ] || [ ! -e "$work/vmlinuz" ]; then as_root apt-get update -qq >/dev/null || true; fi
[ -z "$packages" ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
if [ ! -e "$work/vmlinuz" ]; then
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$kernel" && dpkg -x "$kernel"_*.deb linux && cp linux/boot/vmlinuz-* vmlinuz && rm -r linux "$kernel"_*.deb)
fi

echo "== programs"
dotnet build tests/Lepton.Tests -c Release -v quiet --nologo
dotnet test tests/Lepton.Tests -c Release --no-build --nologo --filter FullyQualifiedName~ExportPrograms

echo "== disk"
cd "$work"
cc -O2 "$sources/runner.c" -o image/init -ldl
cp -L --parents $(ldd image/init | grep -o '/[^ ]*') /lib/x86_64-linux-gnu/libm.so.6 image
(cd image && find . | cpio -o -H newc --quiet) >initramfs
# Behind a bzImage's real-mode sectors lies its 32-bit part. Disk groups of 256 sectors.
tail -c +$((($(od -An -tu1 -j 497 -N 1 vmlinuz) + 1) * 512 + 1)) vmlinuz >kernel
truncate -s %131072 kernel initramfs
cc -c -I. -DKERNEL_GROUPS=$(($(stat -c %s kernel) / 131072)) -DINITRAMFS_GROUPS=$(($(stat -c %s initramfs) / 131072)) \
  '-DCOMMAND_LINE="console=ttyS0 mitigations=off nokaslr panic=-1"' "$sources/boot.S" -o boot.o
objcopy -O binary -j .text boot.o boot
cat boot kernel initramfs >disk
truncate -s %516096 disk

echo "== emulation"
cat >bochsrc <<END
display_library: nogui
memory: guest=1024, host=1024
cpu: ips=20000000, reset_on_triple_fault=0, model=${CPU:-corei7_skylake_x}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=disk, path=disk, mode=flat
boot: disk
com1: enabled=1, mode=file, dev=console.txt
log: bochs.txt
panic: action=fatal
END
# Switching the machine off is a "panic" to Bochs, so its exit code says nothing.
timeout -s KILL 7200 "$bochs" -q -f bochsrc </dev/null >bochs-screen.txt 2>&1 || true
[ -e console.txt ] || { tail -n 20 bochs-screen.txt >&2; exit 1; }
tr -d '\r' <console.txt >console.log
grep -aE '^[a-z]+-.*\.so|^this CPU|^nothing ran|^[0-9]+ (libraries|ran)' console.log || tail -n 20 console.log
grep -aqE '^[0-9]+ ran, 0 mismatches' console.log
