# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kill points: the storage domain dies at every step of a request, and nothing is lost, wrong, an error or done twice."""
import os
import re
import struct

import pytest

import blklog
import disks
import variants
import zeros
from test_restart import generation

POINTS = int(os.environ.get("ZEROS_KILL_POINTS", "250"))  # of each kind of disk; make soak has more
FIRST = int(os.environ.get("ZEROS_KILL_FIRST", "1"))
EARLY = 60   # the first steps of an incarnation: start-up, the client's reset, the first requests
BLOCKS = 48  # numbered blocks, each a request of its own
FILE = 7
survived = {}  # deaths that cost nobody anything, by kind of disk


def sector(file, block, seq, part):
    fill = (seq * 0x9e3779b97f4a7c15 ^ block * 0xc2b2ae3d27d4eb4f ^ file << 32 ^ part << 56) & blklog.MASK
    return blklog.STAMP_HEAD.pack(blklog.STAMP_MAGIC, file, block, seq, part) + struct.pack("<Q", fill) * blklog.FILL_WORDS


@pytest.mark.parametrize("numbers, says", [
    ([1, 2, 3, 3], None), ([1, 2, 1, 3], "falls from number 2 to 1"), ([1, 3], "never reached"), ([1, 2], "never reached")])
def test_oracle_of_writes_sees_what_is_lost_or_falls(tmp, numbers, says):
    """A log as QEMU writes it, of one block of eight sectors."""
    log = os.path.join(tmp, "log")
    with open(log, "wb") as f:
        f.write(struct.pack("<QQQI", blklog.MAGIC, 1, len(numbers), 512).ljust(512, b"\0"))
        for seq in numbers:
            f.write(struct.pack("<4Q", 800, 8, 0, 0).ljust(512, b"\0") + b"".join(sector(7, 0, seq, i) for i in range(8)))
    judged = blklog.judge(log)
    words = judged.wrong + judged.lost(7, 3)
    assert bool(words) == bool(says) and (not says or says in words[0]), words


def test_oracle_of_writes_sees_torn_and_misplaced_sectors():
    j = blklog.Judge()
    good = sector(7, 4, 1, 0)
    j.write(100, good)
    j.write(101, good[:300] + bytes(212))
    assert "torn" in j.wrong[0]
    j.write(102, good)
    assert "went to sector 102" in j.wrong[1]
    j.write(100, sector(7, 5, 1, 0))
    assert "belongs to" in j.wrong[2]


def rounds_until(m, deaths, limit):
    """Numbered rounds, each with its sync, until the domain has died so often. Returns the number of rounds."""
    done = 0
    while generation(m) < deaths:
        out = m.cmd(f"stamp /stamps {FILE} {BLOCKS} {done + 1} {done + 4} ; domains clear storage", 240).strip()
        assert out == "" or all("] storage: " in line for line in out.splitlines()), f"rounds {done + 1}..{done + 4}: {out}"
        done += 4
        assert done < limit, f"{done} rounds, and only {generation(m)} deaths: {m.domains()}"
    return done


@pytest.mark.limit(1200)
@pytest.mark.parametrize("kind", ["nvme", "sdhci"])
def test_kill_points_lose_nothing_and_do_nothing_twice(tmp, campaign, kind):
    nvme = kind == "nvme"
    extra = ("DEADLINE_MS=30000",) + (("DISK_NVME",) if nvme else ())
    variant = variants.storage("storage-points", f"first={FIRST} early={EARLY} gens={POINTS}", extra)
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/a": 1 << 20})
    log = os.path.join(tmp, "writes.log")
    m = zeros.boot(variant, [image], nvme=nvme, blklog=log, timeout=180)
    rounds = rounds_until(m, POINTS, 20 * POINTS)
    points = re.findall(r"point \d+: ((?:before|after) \w+)", m.log())
    assert len(set(points)) >= 8, f"the deaths were not at all steps: {points}"
    assert re.search(r" 0 i/o errors", m.cmd("status")), m.cmd("status")
    table = m.domains()["storage"]
    assert int(table["deaths"]) == POINTS and table["cause"] == "panic", table
    m.poweroff(120)
    disks.fsck(image)
    assert disks.read(image, "/a") == disks.pattern(1 << 20)
    judged = blklog.check(log, FILE, rounds, BLOCKS)
    assert judged.stamps >= rounds * BLOCKS * 8
    campaign(f"kill_points_{kind}", POINTS, "deaths", POINTS, "higher")
    survived[kind] = POINTS
    campaign("kill_points", sum(survived.values()), "deaths", 500, "higher")
