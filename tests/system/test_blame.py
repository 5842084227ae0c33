# SPDX-License-Identifier: AGPL-3.0-or-later
"""A client whose requests crash a shared storage domain at will loses its link; the other client notices time and nothing else."""
import os
import re
import time

import pytest

import blklog
import disks
import variants
import zeros

PART = 64 << 20
AFTER, BLOCKS, FILE = 6, 32, 9


def two_file_systems(tmp):
    """One disk with two ext4 file systems, the second where the second link begins."""
    first = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    second = disks.make(os.path.join(tmp, "e.img"), "64M", {"/other": b"other\n"})
    with open(first, "r+b") as f, open(second, "rb") as g:
        f.seek(PART)
        f.write(g.read())
    return first


@pytest.mark.limit(300)
def test_link_that_crashes_a_shared_storage_domain_is_detached_and_the_other_sees_no_error(tmp, campaign):
    """link=1: a crash at every AFTER-th request of the second link, in every generation, however often it is started."""
    variant = variants.storage("storage-crash", f"link=1 after={AFTER} gens=0",
                               (f"SHARED={PART // 512}", "DEADLINE_MS=30000"))
    image, log = two_file_systems(tmp), os.path.join(tmp, "writes.log")
    m = zeros.boot(variant, [image], blklog=log, wait=False)
    m.prompt(150)
    m.cmd(f"stamp /stamps {FILE} {BLOCKS} 1 2", 120)
    m.cmd("stamp /disk2/wild 1 32 1 100000 &")  # the hostile client goes on and on
    rounds, end = 2, time.monotonic() + 40 * zeros.SCALE
    while not re.search("link shared killed it twice", m.log()):
        assert time.monotonic() < end, m.log()[-2500:]
        out = m.cmd(f"stamp /stamps {FILE} {BLOCKS} {rounds + 1} {rounds + 2}", 120)
        assert "stamp: /stamps" not in out, out
        rounds += 2
    deaths = int(m.domains()["storage"]["deaths"])
    out = m.cmd(f"stamp /stamps {FILE} {BLOCKS} {rounds + 1} {rounds + 20}", 120)
    assert "stamp: /stamps" not in out, out
    table = m.domains()["storage"]
    assert table["state"] == "running" and int(table["deaths"]) == deaths, "it dies no more"
    assert "hello" in m.cmd("cat /hello").replace("/hello", "")
    m.poweroff(120)
    blklog.check(log, FILE, rounds + 20, BLOCKS)
    with open(image, "r+b") as f:
        f.truncate(PART)
    disks.fsck(image)
    campaign("blame_deaths_until_detached", deaths, "deaths", 12)
