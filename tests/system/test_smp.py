# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several cores: a storage domain on a core of its own serves, dies and comes back; ownership of pages holds at every step."""
import os
import re
import time

import pytest

import disks
import variants
import zeros
from test_faults import DATA, HANG_MS, check_disk, work_until_death
from test_files import sum_in_zeros
from test_restart import generation, wait_generation

ON_CORE_1 = ("STORAGE_CORE=1",)


def churn(m, kills=6):
    """Copies /big while the storage domain is killed again and again."""
    start = generation(m)
    m.cmd("cp /big /copy &")
    for i in range(kills):
        assert "domains:" not in m.cmd("domains kill storage")
        wait_generation(m, start + i + 1)
    out = m.cmd("wait", 300)
    assert "cp:" not in out, out


@pytest.mark.parametrize("hyp", [None, "hyp-owner"], ids=["shipped", "ownership"])
@pytest.mark.parametrize("defines", [(), ON_CORE_1], ids=["one_core", "smp"])
@pytest.mark.limit(300)
def test_kills_during_a_copy_lose_nothing_with_storage_on_any_core(tmp, hyp, defines):
    if hyp is None and not defines:
        pytest.skip("test_restart.py has this one")
    data = disks.pattern(8 << 20)
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/big": data})
    m = zeros.boot(variants.get(defines=defines, hyp=hyp), disks=[image], smp=2)
    churn(m)
    assert sum_in_zeros(m, "/copy", 120) == disks.sha256(data)
    m.poweroff()
    disks.fsck(image)


@pytest.mark.parametrize("fault", ["crash", "hang", "wild-write", "wild-dma"])
@pytest.mark.limit(300)
def test_smp_faults_on_another_core_are_contained_and_ownership_holds(tmp, fault):
    image = disks.make(os.path.join(tmp, "d.img"), "64M", DATA)
    v = variants.get(defines=(*ON_CORE_1, f'STORAGE_IMAGE="storage-{fault}"', 'STORAGE_PARAMS="after=70 gens=2"',
                              f"DEADLINE_MS={HANG_MS if fault == 'hang' else 30000}"), hyp="hyp-owner")
    m = zeros.boot(v, [image], smp=2, timeout=120)
    files = work_until_death(m)
    check_disk(m, image, files)


def test_smp_a_machine_with_fewer_cores_than_the_manifest_wants_says_so():
    m = zeros.boot(variants.get(defines=ON_CORE_1), smp=1, wait=False)
    m.expect(r"storage.*core", 60)


def burned(m, count, timeout=120):
    """Waits for that many reports of servers/burn in EL2's log; returns them."""
    end = time.monotonic() + timeout * zeros.SCALE
    while True:
        found = re.findall(rb"burn: (\d+ of \d+) threads computed right, (\d+) ms", m.memory(variants.HYP_LOAD, 4 << 20))
        if len(set(found)) >= count: # the ring may hold a line and a copy of it
            return found
        assert time.monotonic() < end, f"{len(found)} of {count} reports"
        time.sleep(0.5)


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.limit(300)
def test_smp_main_computes_right_on_all_its_cores_and_a_process_ends_on_all(cores):
    shell = [("shell", os.path.join(variants.ROOT, "build", "qemu-virt", "servers", "burn.img"))]
    m = zeros.boot(variants.get(defines=(f"MAIN_VCPUS={cores}",), images=shell), smp=cores, wait=False)
    for right, _ in burned(m, 2):  # init starts it again each time: the process ended, with threads running on other cores
        assert right == b"6 of 6"
    m.kill()
