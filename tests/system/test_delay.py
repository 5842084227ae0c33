# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes of a dead incarnation that reach the medium late never overwrite newer ones."""
import os
import time

import pytest

import disks
import nbd
import variants
import zeros
from test_restart import generation, wait_generation

KILLS, BLOCKS, FILE = 12, 32, 3


@pytest.mark.limit(240)
def test_old_writes_delayed_by_the_device_across_restarts_never_come_back(tmp, campaign):
    """The storage domain is killed with writes in flight, each of which the disk may keep back for 200 ms."""
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/a": 1 << 20})
    disk = nbd.SlowDisk(image, 0.2)
    m = zeros.boot(variants.get(defines=("DISK_NVME", "DEADLINE_MS=30000")), [disk.url], nvme=True, timeout=120)
    m.cmd(f"stamp /stamps {FILE} {BLOCKS} 1 1", 120)
    m.cmd(f"stamp /stamps {FILE} {BLOCKS} 2 {KILLS + 12} &")
    caught = 0
    for i in range(KILLS):
        end = time.monotonic() + 5
        while len(disk._due) < 2 and time.monotonic() < end:
            time.sleep(0.002)
        caught += len(disk._due) >= 2
        m.cmd("domains kill storage", 60)
        wait_generation(m, i + 1)
    assert generation(m) == KILLS
    out = m.cmd("wait", 180)
    assert "stamp:" not in out, out
    m.poweroff(90)
    disk.close()
    bad = disk.judge.wrong + disk.judge.lost(FILE, KILLS + 12)
    assert not bad, bad[:5]
    assert caught >= KILLS // 2 and disk.overtaken >= 20, f"{caught} kills with writes in flight, {disk.overtaken} overtaken"
    disks.fsck(image)
    assert disks.read(image, "/a") == disks.pattern(1 << 20)
    campaign("delayed_write_kills", caught, "kills", KILLS // 2, "higher")
