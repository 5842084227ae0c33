#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hostile suite: boots the system of hostile.dts with a storage domain that plays the cases of cases.tsv, one after the other.

run.py [--full] [--shard i/n] [--dma smmu|guard] [--seed N] [--only CASE] [--report FILE]"""
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import variants  # noqa: E402
import zeros  # noqa: E402

DTS = os.path.join(HERE, "hostile.dts")
RING_BYTES = 32768


def disk(path, words, size=8 << 20):
    import array
    with open(path, "wb") as f:
        if words:
            array.array("Q", range(size // 8)).tofile(f)
        else:
            f.truncate(size)
    return path


class Log:
    """EL2's log ring, read out of the machine's memory while it runs: complete lines, in order."""

    def __init__(self, m):
        self.m, self.at, self.rest = m, 0, ""
        self.base = variants.hyp_symbols()["console"]

    def poll(self):
        data = self.m.memory(self.base, RING_BYTES + 8)
        end = int.from_bytes(data[RING_BYTES:], "little")
        assert end - self.at <= RING_BYTES, "the log was overwritten before it was read"
        text = bytes(data[i % RING_BYTES] for i in range(self.at, end)).decode(errors="replace")
        self.at = end
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        return lines


def run(params, dma="smmu", timeout=600):
    tmp = tempfile.mkdtemp(prefix="hostile-", dir=zeros.TMP)
    v = variants.get(defines=(f'HOSTILE_PARAMS="{params}"', f'HOSTILE_DMA="{dma}"'), dts=DTS)
    m = zeros.boot(v, [disk(os.path.join(tmp, "a.img"), False), disk(os.path.join(tmp, "b.img"), True)], memory="256M", icount="NOICOUNT" not in os.environ,
                   wait=False)
    log = Log(m)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        m._pump(0)
        for line in log.poll():
            print(line)
            if "hostile: done" in line:
                return
        time.sleep(0.2)


if __name__ == "__main__":
    began = time.monotonic()
    try:
        run(sys.argv[1], timeout=float(sys.argv[2]) if len(sys.argv) > 2 else 60)
    finally:
        zeros.end_all()
        print(f"{time.monotonic() - began:.1f} s")
