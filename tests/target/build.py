# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds the test images (flat, include/abi/image.h) and the small systems that run them."""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build", "target")
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import variants  # noqa: E402

CROSS = "aarch64-linux-gnu-"
LIB = ["lib/format.c", "lib/string.c", "lib/aarch64/copy.S"]
MORE = {"lib": ["lib/sha256.c", "lib/aarch64/sha256_ce.S"], "sysregs": ["tests/target/sysregs.S"]}  # by image
FLAGS = ("-std=gnu17 -O2 -g -mcpu=cortex-a55 -mgeneral-regs-only -mstrict-align -mno-outline-atomics -fpie -fvisibility=hidden -ffreestanding "
         "-fno-common -fno-strict-aliasing -fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns "
         "-fno-delete-null-pointer-checks "
         "-Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror -I. -Iinclude").split()
LINK = ["-nostdlib", "-static-pie", "-Wl,--build-id=none,--no-dynamic-linker,-z,text,--no-warn-rwx-segments,-z,max-page-size=4096"]


def run(argv):
    p = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120, check=False)
    assert p.returncode == 0, f"{' '.join(argv)}\n{p.stdout}"


def image(name):
    """Builds tests/target/NAME.c with the runtime; returns the flat image."""
    os.makedirs(OUT, exist_ok=True)
    elf, flat = os.path.join(OUT, f"{name}.elf"), os.path.join(OUT, f"{name}.img")
    sources = [f"tests/target/{name}.c", "tests/target/rt/start.S", "tests/target/rt/rt.c", "tests/target/rt/blk.c", *LIB, *MORE.get(name, [])]
    inputs = [os.path.join(ROOT, s) for s in sources] + glob.glob(os.path.join(HERE, "rt/*")) + glob.glob(os.path.join(HERE, "*.h")) + \
        glob.glob(os.path.join(ROOT, "include/abi/*.h")) + glob.glob(os.path.join(ROOT, "lib/*.h"))
    if os.path.exists(flat) and all(os.path.getmtime(i) <= os.path.getmtime(flat) for i in inputs):
        return flat
    part = f"{elf}.{os.getpid()}"
    run([CROSS + "gcc", *FLAGS, *LINK, "-T", "tests/target/rt/target.ld", "-o", part, *sources])
    run([CROSS + "objcopy", "-O", "binary", part, flat + f".{os.getpid()}"])
    os.replace(part, elf)
    os.replace(flat + f".{os.getpid()}", flat)
    return flat


def system(main, driver=None, params="", defines=(), second=None):
    """A bootable variant: main image and, if named, one driver domain or two."""
    images = [(f"target-{main}", image(main))]
    more = [f'MAIN_IMAGE="target-{main}"', *defines]
    if driver and driver.startswith("storage"):  # a real one, from the standard build
        more += [f'DRIVER_IMAGE="{driver}"', f'DRIVER_PARAMS="{params}"']
    elif driver:
        images.append((f"target-{driver}", image(driver)))
        more += [f'DRIVER_IMAGE="target-{driver}"', f'DRIVER_PARAMS="{params}"']
    if second:
        images.append((f"target-{second}", image(second)))
        more.append(f'SECOND_IMAGE="target-{second}"')
    # The image's contents are not in the variant's name: scripts/variant runs each time and takes what is there.
    return variants.get(defines=tuple(more), images=tuple(images), dts=os.path.join(HERE, "target.dts"))


if __name__ == "__main__":
    for n in sys.argv[1:] or sorted(os.path.basename(p)[:-2] for p in glob.glob(os.path.join(HERE, "*.c"))):
        print(image(n))
