# SPDX-License-Identifier: AGPL-3.0-or-later
"""dma = "guard": nothing but EL2 between an SD Host Controller and memory (the SMMU lets its stream pass); and dma = "none"."""
import os
import re

import pytest

import canary
import disks
import variants
import zeros
from test_faults import CANARY, DATA, HANG_MS, MEMORY, TARGETS, check_disk, middle, work
from test_files import sum_in_zeros
from test_restart import generation, wait_generation

GUARD = 'DISK_DMA="guard"'
ATTACKS = 22  # of domains/faults/wild_guard.c
NO_SMMU = ("-M", "iommu=none")


def faulty(image, params, deadline_ms=30_000):
    return variants.storage(image, params, (GUARD, f"DEADLINE_MS={deadline_ms}", f"CANARY=0x{CANARY:x}", "DISKS=2"))


def start(tmp, variant):
    images = [disks.make(os.path.join(tmp, "d.img"), "64M", DATA),
              disks.make(os.path.join(tmp, "e.img"), "64M", {"/other": b"the second disk\n"})]
    return zeros.boot(variant, images, memory=MEMORY, timeout=120), images


def same_system_under(tmp, defines, extra=()):
    """Boot, read, write, kill during a copy, power off, fsck: the standard storage image under another fence."""
    data = disks.pattern(4 << 20)
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/big": data})
    m = zeros.boot(variants.get(defines=defines), [image], timeout=120, extra=extra)
    assert sum_in_zeros(m, "/big", 120) == disks.sha256(data)
    m.cmd("cp /big /copy &")
    for i in range(4):
        assert "domains:" not in m.cmd("domains kill storage")
        wait_generation(m, i + 1)
    out = m.cmd("wait", 300)
    assert "cp:" not in out, out
    m.cmd("sync", 90)
    assert m.domains()["storage"]["cause"] == "killed", m.domains()
    m.poweroff(90)
    disks.fsck(image)
    assert disks.sha256(disks.read(image, "/copy")) == disks.sha256(data)


@pytest.mark.limit(300)
def test_guard_runs_the_same_image_and_kills_lose_nothing(tmp):
    same_system_under(tmp, (GUARD,))


@pytest.mark.limit(300)
def test_guard_runs_on_a_machine_without_an_smmu(tmp):
    same_system_under(tmp, (GUARD,), NO_SMMU)


@pytest.mark.limit(300)
def test_without_dma_the_disk_works_by_pio_and_the_bus_stays_quiet(tmp):
    same_system_under(tmp, ('DISK_DMA="none"',))


def test_without_an_smmu_the_manifest_with_one_is_refused():
    m = zeros.boot(variants.get(), wait=False, extra=NO_SMMU)
    m.expect(r"manifest refused: storage: .*smmu", 60)


def died(log):
    """[(cause, info)] of the storage domain's deaths, in order."""
    return re.findall(r"storage: died: ([\w -]+), detail 0x[0-9a-f]+, info 0x([0-9a-f]+)", log)


def until_generation(m, wanted, rounds=1500):
    done = 0
    while generation(m) < wanted:
        assert done < rounds, f"stays at {m.domains()}"
        work(m, 15, done)
        done += 15
    work(m, 5, done)
    return done + 5


def places(mem):
    return {
        "hyp_text": middle(*mem["text hyp"]), "hyp_rodata": middle(*mem["rodata hyp"]), "stage2_tables": mem["s2 all"][0],
        "stream_table": mem["streams smmu"][0], "pristine_image": middle(*mem["pristine storage2"]),
        "kernel_code": mem["image main"][0] + 0x1000, "other_domain": mem["ram storage2"][0] + 0x1000,
        "canary": middle(*mem["ram canary"]),
    }


@pytest.fixture(scope="module")
def memory_places():
    import tempfile
    m, _ = start(tempfile.mkdtemp(prefix="guard-places-", dir=zeros.TMP), faulty("storage-wild-guard", "gens=1 after=1000000"))  # an image of the same size
    found = places(m.memory_map())
    m.kill()
    return found


@pytest.mark.limit(400)
def test_guard_stops_a_chain_at_each_target_and_canaries_unchanged(tmp, memory_places):
    pages = " ".join(f"{i}=0x{memory_places[name] >> 12:x}" for i, name in enumerate(TARGETS))
    m, images = start(tmp, faulty("storage-wild-guard", f"after=70 gens=8 targets=8 {pages}"))
    assert places(m.memory_map()) == memory_places
    guarded = canary.regions(m, m.memory_map())
    before = canary.snapshot(m, guarded)
    files = until_generation(m, len(TARGETS))
    assert canary.changed(before, canary.snapshot(m, guarded)) == []
    log = m.log()
    assert [c for c, _ in died(log)] == ["DMA violation"] * len(TARGETS), log[-3000:]
    for name in TARGETS:
        assert re.search(rf"detail 0x{memory_places[name] & ~0xfff:x}\b", log), f"no death names {name}"
    assert "the second disk" in m.cmd("cat /disk2/other") and m.domains()["storage2"]["gen"] == "0"
    check_disk(m, images[0], files)


@pytest.mark.limit(600)
def test_guard_stops_every_other_way_to_memory_and_canaries_unchanged(tmp, memory_places):
    m, images = start(tmp, faulty("storage-wild-guard", f"after=70 gens={ATTACKS} addr=0x{memory_places['hyp_text'] & ~0xfff:x}"))
    guarded = canary.regions(m, m.memory_map())
    before = canary.snapshot(m, guarded)
    files = until_generation(m, ATTACKS)
    assert canary.changed(before, canary.snapshot(m, guarded)) == []
    log = m.log()
    causes = [c for c, _ in died(log)]
    assert causes == ["DMA violation"] * (ATTACKS - 2) + ["stage-2 fault", "panic"], log[-3000:]
    assert "edited" in log and "nobody stopped it" not in log
    assert "the second disk" in m.cmd("cat /disk2/other") and m.domains()["storage2"]["gen"] == "0"
    check_disk(m, images[0], files)


@pytest.mark.limit(300)
@pytest.mark.parametrize("image, cause", [("storage-crash", "panic"), ("storage-hang", "hang"), ("storage-wild-write", "fault")])
def test_guard_faults_are_named_and_io_goes_on(tmp, image, cause):
    m, images = start(tmp, faulty(image, "after=70 gens=2", HANG_MS if cause == "hang" else 30_000))
    files = until_generation(m, 2)
    assert m.domains()["storage"]["cause"] == cause
    check_disk(m, images[0], files)
