#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# build.sh SRC OUT: the C library of EL0 programs, headers in OUT/include and libc.a in OUT/lib.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../flags.sh"
src=$1
out=$2
work=$out.work
rm -rf "$work" "$out"
mkdir -p "$work"
cat >"$work/cross.ini" <<INI
[binaries]
c = ['$CC', '-nostdlib']
ar = '$AR'
as = 'aarch64-linux-gnu-as'
nm = 'aarch64-linux-gnu-nm'
strip = 'aarch64-linux-gnu-strip'
[host_machine]
system = 'none'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
[properties]
skip_sanity_check = true
needs_exe_wrapper = true
INI
meson=$(command -v /usr/bin/meson || command -v meson)
{
    "$meson" setup "$work/b" "$src" --cross-file "$work/cross.ini" --prefix="$out" --buildtype=plain \
        -Dc_args="$(echo $CFLAGS -ffile-prefix-map=$src=picolibc)" -Dmultilib=false -Dpicocrt=false -Dsemihost=false \
        -Dtests=false -Dspecsdir="$out/lib" -Dnewlib-nano-malloc=false -Dio-long-long=true -Dmb-capable=true \
        -Dthread-local-storage=true -Dtls-model=local-exec -Dstdio-locking=true -Dposix-console=true
    ninja -j "$JOBS" -C "$work/b" install
} >"$out.log" 2>&1 || { tail -n 20 "$out.log" >&2; echo "picolibc failed; log: $out.log" >&2; exit 1; }
rm -rf "$work"
