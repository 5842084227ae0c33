# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same sources on other machines: cores, memory, disks, controllers, functions that are absent or not listed."""
import os
import re
import subprocess

import pytest

import disks
import variants
import zeros
from test_files import sum_in_zeros

SMALL = {"/hello": b"hello from the host\n", "/odd": 300_001}


@pytest.fixture
def disk(tmp):
    return disks.make(os.path.join(tmp, "d.img"), "64M", SMALL)


def works(m):
    assert "hello from the host" in m.cmd("cat /hello")
    assert sum_in_zeros(m, "/odd") == disks.sha256(disks.pattern(300_001))
    assert m.cmd("cp /odd /odd2").strip() == ""
    assert sum_in_zeros(m, "/odd2") == disks.sha256(disks.pattern(300_001))


@pytest.mark.parametrize("memory, smp", [("2G", 4), ("256M", 1), ("1G", 2), ("4G", 1)])
def test_same_image_and_pack_run_with_other_memory_and_cores(disk, memory, smp):
    m = zeros.boot(disks=[disk], memory=memory, smp=smp)
    works(m)
    m.poweroff()
    disks.fsck(disk)


@pytest.mark.parametrize("size", ["16M", "512M", "4G"])
def test_same_image_and_pack_run_with_another_disk_size(tmp, size):
    image = disks.make(os.path.join(tmp, "d.img"), size, SMALL)
    m = zeros.boot(disks=[image])
    works(m)
    m.poweroff()
    disks.fsck(image)


def test_nvme_disk_with_another_define_only(disk):
    m = zeros.boot(variants.get(defines=("DISK_NVME",)), [disk], nvme=True)
    works(m)
    m.poweroff()
    disks.fsck(disk)


@pytest.mark.limit(300)
def test_nvme_domain_killed_during_a_copy(tmp):
    image = disks.make(os.path.join(tmp, "d.img"), "256M", {"/big": 64 << 20})
    m = zeros.boot(variants.get(defines=("DISK_NVME",)), [image], nvme=True)
    m.cmd("cp /big /copy &")
    for _ in range(5):
        m.cmd("domains kill storage")
    m.cmd("wait", 180)
    assert m.domains()["storage"]["gen"] == "5"
    assert sum_in_zeros(m, "/copy") == disks.sha256(disks.pattern(64 << 20))
    m.poweroff()
    disks.fsck(image)


def test_two_disks_second_mounted_at_disk2(tmp, disk):
    second = disks.make(os.path.join(tmp, "e.img"), "64M", {"/other": b"the second disk\n"})
    m = zeros.boot(variants.get(defines=("DISKS=2",)), [disk, second])
    works(m)
    assert "the second disk" in m.cmd("cat /disk2/other")
    m.cmd("cp /odd /disk2/odd")
    m.cmd("domains kill storage2")
    assert sum_in_zeros(m, "/disk2/odd") == disks.sha256(disks.pattern(300_001))
    assert m.domains()["storage"]["gen"] == "0"
    m.poweroff()
    disks.fsck(disk)
    disks.fsck(second)
    assert disks.read(second, "/odd") == disks.pattern(300_001)


def test_absent_listed_function_refuses_its_domain_by_name_and_the_rest_runs(disk):
    m = zeros.boot(variants.get(defines=("DISKS=2",)), [disk])
    works(m)
    assert m.domains()["storage2"]["state"] == "absent"
    assert re.search(r"storage2", m.log())
    assert "no" in m.cmd("ls /disk2").lower()


def test_unlisted_function_gets_no_stream_and_is_logged(tmp, disk):
    m = zeros.boot(disks=[disk], extra=["-device", "edu,addr=5"])
    works(m)
    assert re.search(r"1234:11e8|00:05\.0|slot 5|edu", m.log()), m.log()
    info = m.hmp("info pci")
    part = info[info.index("1234:11e8"):]
    assert re.search(r"BAR0: 32 bit memory \(not mapped\)|BAR0: 32 bit memory at 0xffffffffffffffff", part), part


def entered_at_el1():
    argv = [a.replace("virtualization=on,", "") for a in variants.qemu_base()]
    v = variants.get()
    argv += ["-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", v.image, "-initrd", v.pack]
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, _ = p.communicate(timeout=6 * zeros.SCALE)
    except subprocess.TimeoutExpired:
        p.kill()
        out, _ = p.communicate()
    return out.decode(errors="replace")


def test_entered_at_el1_says_one_clear_line_and_stops():
    lines = [line for line in entered_at_el1().splitlines() if line.strip()]
    assert len(lines) == 1 and "EL2" in lines[0], lines
