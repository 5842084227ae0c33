# SPDX-License-Identifier: AGPL-3.0-or-later
"""A storage domain that is killed comes back, and its clients notice nothing."""
import os
import re
import time

import pytest

import blklog
import disks
import zeros
from test_files import sum_in_zeros


def generation(m, name="storage"):
    return int(m.domains()[name]["gen"])


def wait_generation(m, at_least, name="storage", timeout=30):
    end = time.monotonic() + timeout * zeros.SCALE
    while generation(m, name) < at_least:
        assert time.monotonic() < end, f"{name} did not reach generation {at_least}: {m.domains()}"


@pytest.mark.limit(400)
def test_twenty_kills_during_a_copy_lose_nothing(tmp):
    data = disks.pattern(64 << 20)
    image = disks.make(os.path.join(tmp, "d.img"), "256M", {"/big": data})
    log = os.path.join(tmp, "writes.log")
    m = zeros.boot(disks=[image], blklog=log)
    start = generation(m)
    m.cmd("cp /big /copy &")
    m.cmd("stamp /stamps 1 24 1 12 &")
    for i in range(4):  # each command waits for the one before: a loaded host would let the copy end in between
        out = m.cmd("repeat 5 domains kill storage", 120)
        assert "domains:" not in out, f"a kill of round {i + 1} was refused: {out}"
    wait_generation(m, start + 20)
    running = m.cmd("jobs")
    assert "cp" in running, f"the copy was over before the 20th kill: {running}"
    out = m.cmd("wait", 300)
    assert not re.search(r"error|fail|cp:", out.lower()), out
    assert generation(m) == start + 20
    assert m.domains()["storage"]["cause"] == "killed"
    assert sum_in_zeros(m, "/copy", 180) == disks.sha256(data)
    m.poweroff()
    disks.fsck(image)
    assert disks.sha256(disks.read(image, "/copy")) == disks.sha256(data)
    blklog.check(log, 1, 12, 24)


def test_kill_while_idle_comes_back_by_itself(tmp):
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})])
    start = generation(m)
    m.cmd("domains kill storage")
    wait_generation(m, start + 1)
    assert m.domains()["storage"]["state"] == "running"
    assert "hi there" in m.cmd("cat /hello")


def test_operator_kills_do_not_count_towards_giving_up(tmp):
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})])
    start = generation(m)
    for i in range(8):
        m.cmd("domains kill storage")
        wait_generation(m, start + i + 1)
    assert m.domains()["storage"]["state"] == "running"
    assert "hi there" in m.cmd("cat /hello")


def test_restart_command_starts_a_new_generation(tmp):
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})])
    start = generation(m)
    m.cmd("domains restart storage")
    wait_generation(m, start + 1)
    assert "hi there" in m.cmd("cat /hello")


def test_dump_shows_registers_of_the_killed_domain(tmp):
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})])
    m.cmd("domains kill storage")
    wait_generation(m, 1)
    dump = m.cmd("domains dump storage")
    assert re.search(r"\bpc\b", dump, re.I) and re.search(r"[0-9a-f]{8}", dump), dump


def test_kill_of_main_or_of_nobody_is_refused(tmp):
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})])
    assert "domains: " in m.cmd("domains kill main")
    assert "domains: nobody" in m.cmd("domains kill nobody")
    assert "hi there" in m.cmd("cat /hello")


@pytest.mark.limit(300)
def test_kill_during_sync_keeps_e2fsck_clean(tmp):
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/a": 4 << 20})
    log = os.path.join(tmp, "writes.log")
    m = zeros.boot(disks=[image], blklog=log)
    m.cmd("stamp /stamps 1 24 1 20 &")
    for i in range(6):
        m.cmd(f"cp /a /a{i} &")
        m.cmd("domains kill storage")
        m.cmd("sync &")
        m.cmd("domains kill storage")
        m.cmd("wait", 120)
    m.poweroff()
    disks.fsck(image)
    for i in range(6):
        assert disks.read(image, f"/a{i}") == disks.pattern(4 << 20)
    blklog.check(log, 1, 20, 24)


def test_kill_during_a_tree_of_files_keeps_e2fsck_clean(tmp):
    image = disks.make(os.path.join(tmp, "d.img"), "64M")
    m = zeros.boot(disks=[image])
    for i in range(60):
        m.send(f"write /f{i} content {i}\r")
        if i % 6 == 5:
            m.send("domains kill storage\r")
    m.cmd("echo all typed", 120)
    m.poweroff()
    disks.fsck(image)
    for i in range(60):
        assert disks.read(image, f"/f{i}").strip() == f"content {i}".encode()


@pytest.mark.limit(300)
def test_longest_stretch_at_el2_stays_below_25000_instructions(tmp, campaign):
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/a": 8 << 20})
    m = zeros.boot(disks=[image], icount=True, timeout=120)
    m.cmd("cp /a /b &")
    for _ in range(6):
        m.cmd("domains kill storage")
    m.cmd("wait", 120)
    m.cmd("sync", 60)
    m.qmp("stop")
    stats = m.stats()
    instructions = stats["longest_ticks"] * 16
    campaign("longest_el2_stretch", instructions, "instructions", 25_000)
    assert instructions <= 25_000, f"{instructions} instructions, syndrome {stats['longest_syndrome']:#x}"
