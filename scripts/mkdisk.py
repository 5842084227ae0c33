#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes an ext4 image with a welcome file and 64 MiB of seeded random content: mkdisk.py OUT [--size 256M] [--no-big]

The size must be a power of two: QEMU's sd-card takes no other."""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile

WELCOME = """Welcome to ZerOS.

This disk is served by a driver domain. `domains kill storage` kills it; it comes back.
Try: cp big.bin copy.bin &
"""
BIG_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20
UUID = "5a65724f-5300-4000-8000-000000000001"
EPOCH = "1767225600"


def fill(folder, with_big):
    with open(os.path.join(folder, "welcome.txt"), "w", encoding="utf-8") as f:
        f.write(WELCOME)
    if with_big:
        source = random.Random(1)
        with open(os.path.join(folder, "big.bin"), "wb") as f:
            for _ in range(BIG_BYTES // CHUNK_BYTES):
                f.write(source.randbytes(CHUNK_BYTES))
    for name in os.listdir(folder):
        os.utime(os.path.join(folder, name), (int(EPOCH), int(EPOCH)))


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out")
    p.add_argument("--size", default="256M")
    p.add_argument("--no-big", action="store_true")
    o = p.parse_args(argv)
    mke2fs = shutil.which("mke2fs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not mke2fs:
        print("mkdisk: mke2fs is not installed (package e2fsprogs)", file=sys.stderr)
        return 1
    os.makedirs(os.path.dirname(o.out) or ".", exist_ok=True)
    part = f"{o.out}.{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        fill(folder, not o.no_big)
        p = subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", "-U", UUID, "-L", "zeros", "-E",
                            f"hash_seed={UUID},root_owner=0:0,lazy_itable_init=0", "-d", folder, part, o.size],
                           env=dict(os.environ, E2FSPROGS_FAKE_TIME=EPOCH), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
    if p.returncode != 0:
        os.unlink(part)
        print(f"mkdisk: {p.stdout.strip()}", file=sys.stderr)
        return 1
    os.rename(part, o.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
