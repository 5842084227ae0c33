# SPDX-License-Identifier: AGPL-3.0-or-later
"""Storage domains that crash, hang, reach out and lie: the right cause, canaries unchanged, the clients' I/O goes on."""
import os
import re
import time

import pytest

import canary
import disks
import variants
import zeros
from test_files import sum_in_zeros
from test_restart import generation, wait_generation

MEMORY = "512M"
CANARY = 256 << 20
AFTER = 100  # requests: more than 64, so that no death counts towards giving up
DATA = {"/a": 1 << 20, "/hello": b"hello\n"}


HANG_MS = 1500  # for builds that hang; all others get a deadline that a busy host, whose SD card takes 0.5 s for 1 MiB, does not reach


def faulty(image, params="", second=True, deadline_ms=30_000, after=AFTER, generations=3):
    """A fault build of the storage domain: in each of its first generations (0: in all) its fault comes with request `after`."""
    extra = ["DEADLINE_MS=%d" % deadline_ms, "CANARY=0x%x" % CANARY] + (["DISKS=2"] if second else [])
    return variants.storage(image, f"after={after} gens={generations} {params}".strip(), tuple(extra))


def start(tmp, variant, second=True):
    images = [disks.make(os.path.join(tmp, "d.img"), "64M", DATA)]
    if second:
        images.append(disks.make(os.path.join(tmp, "e.img"), "64M", {"/other": b"the second disk\n"}))
    return zeros.boot(variant, images, memory=MEMORY, timeout=120), images


def work(m, rounds, first=0):
    """I/O that misses every cache: each round writes a file and syncs it. No command may print an error."""
    for i in range(first, first + rounds):
        for line in (f"write /w{i} round {i}", "sync"):
            out = m.cmd(line, 90).strip()
            assert out == "", f"{line}: {out}"


def work_until_death(m, rounds=200):
    """Works until the domain died at least once; returns the number of files written."""
    done = 0
    while generation(m) == 0:
        assert done < rounds, f"no death after {done} rounds: {m.domains()}"
        work(m, 10, done)
        done += 10
    work(m, 5, done)  # I/O goes on
    return done + 5


def check_disk(m, image, files):
    m.cmd("sync", 90)
    m.poweroff(90)
    disks.fsck(image)
    for i in range(files):
        assert disks.read(image, f"/w{i}").strip() == f"round {i}".encode(), f"/w{i}"
    assert disks.read(image, "/a") == disks.pattern(1 << 20)


def check_fault(tmp, variant, cause, second=True):
    """The whole course of a fault: canaries, cause, I/O, disk. Returns what the log said."""
    m, images = start(tmp, variant, second)
    guarded = canary.regions(m, m.memory_map())
    before = canary.snapshot(m, guarded)
    files = work_until_death(m)
    table = m.domains()
    assert table["storage"]["cause"] == cause, table
    assert int(table["storage"]["gen"]) >= 1
    if second:
        assert "the second disk" in m.cmd("cat /disk2/other")
        assert table["storage2"]["gen"] == "0", table
    assert canary.changed(before, canary.snapshot(m, guarded)) == []
    log = m.log()
    assert re.search(rf"storage\b.*{cause}", log), log[-1500:]
    check_disk(m, images[0], files)
    return log


@pytest.fixture(scope="module")
def places():
    """Where things lie in this configuration, from a healthy boot: {what: a physical address in the middle of it}."""
    import tempfile
    tmp = tempfile.mkdtemp(prefix="places-", dir=zeros.TMP)
    m, _ = start(tmp, variants.storage("storage", "", (f"CANARY=0x{CANARY:x}", "DISKS=2", "DEADLINE_MS=30000")))
    mem = m.memory_map()
    out = {
        "hyp_text": middle(*mem["text hyp"]),
        "hyp_rodata": middle(*mem["rodata hyp"]),
        "stage2_tables": mem["s2 all"][0] + 0x40,
        "stream_table": mem["streams smmu"][0] + 0x240,
        "pristine_image": middle(*mem["pristine storage2"]),
        "kernel_code": mem["image main"][0] + 0x1040,
        "other_domain": mem["ram storage2"][0] + 0x1040,
        "canary": middle(*mem["ram canary"]),
    }
    m.kill()
    return out


def middle(start_, size):
    return start_ + (size // 2 & ~0xfff) + 0x40


TARGETS = ["hyp_text", "hyp_rodata", "stage2_tables", "stream_table", "pristine_image", "kernel_code", "other_domain", "canary"]


@pytest.mark.limit(300)
def test_crash_is_named_panic_and_io_goes_on(tmp):
    check_fault(tmp, faulty("storage-crash"), "panic")


@pytest.mark.limit(300)
def test_hang_is_detected_and_io_goes_on(tmp):
    check_fault(tmp, faulty("storage-hang", deadline_ms=HANG_MS), "hang")


@pytest.mark.limit(300)
@pytest.mark.parametrize("what", TARGETS)
def test_wild_write_is_a_fault_and_canaries_unchanged(tmp, places, what):
    check_fault(tmp, faulty("storage-wild-write", f"addr=0x{places[what]:x}"), "fault")


@pytest.mark.limit(300)
@pytest.mark.parametrize("what", ["hyp_text", "kernel_code", "other_domain", "canary"])
def test_wild_read_is_a_fault_and_canaries_unchanged(tmp, places, what):
    check_fault(tmp, faulty("storage-wild-read", f"addr=0x{places[what]:x}"), "fault")


@pytest.mark.limit(300)
@pytest.mark.parametrize("what", TARGETS)
def test_wild_dma_is_stopped_at_the_fence_and_canaries_unchanged(tmp, places, what):
    address = places[what] & ~0xfff
    log = check_fault(tmp, faulty("storage-wild-dma", f"addr=0x{address:x}"), "dma")
    assert re.search(rf"{address:x}", log), "the log names the address that the device wanted"


@pytest.mark.limit(300)
@pytest.mark.parametrize("address", [0x10000000, 0x20000000], ids=["its_own_code", "the_clients_rings"])
def test_wild_dma_into_what_is_read_only_to_the_domain_is_stopped(tmp, address):
    """The first request is a read of the superblock: the device writes to memory."""
    m, images = start(tmp, faulty("storage-wild-dma", f"addr=0x{address:x}", after=1, generations=1))
    table = m.domains()
    assert table["storage"]["cause"] == "dma" and table["storage"]["gen"] == "1", table
    work(m, 5)
    check_disk(m, images[0], 5)


@pytest.mark.limit(300)
@pytest.mark.parametrize("lie", ["lie-used-id", "lie-used-len"])
def test_lie_is_refused_by_the_client_reported_and_data_right(tmp, lie):
    check_fault(tmp, faulty(f"storage-{lie}"), "protocol")


@pytest.mark.limit(300)
def test_no_notify_and_sleep_is_detected_as_a_hang(tmp):
    check_fault(tmp, faulty("storage-no-notify-and-sleep", deadline_ms=HANG_MS), "hang")


@pytest.mark.limit(300)
def test_never_eoi_timer_leaves_other_domains_timers_alone(tmp):
    m, _ = start(tmp, faulty("storage-never-eoi-timer", deadline_ms=HANG_MS))
    work(m, 30)
    for seconds in (1, 2):
        began = time.monotonic()
        m.cmd(f"sleep {seconds}", 60)
        took = time.monotonic() - began
        assert seconds * 0.9 <= took, f"sleep {seconds} took {took:.2f} s"  # later is the host's doing; never is cmd's time-out
    assert "the second disk" in m.cmd("cat /disk2/other")
    m.cmd("cp /a /disk2/a")
    assert sum_in_zeros(m, "/disk2/a") == disks.sha256(disks.pattern(1 << 20))
    assert m.domains()["storage2"]["gen"] == "0"


@pytest.mark.limit(400)
def test_hundred_thousand_requests_are_no_hang(tmp):
    """Under icount, so that a busy host cannot look like a hang. tests/target/flood.c does it with a queue that is never empty."""
    variant = variants.get(defines=("DEADLINE_MS=5",))
    m = zeros.boot(variant, [disks.make(os.path.join(tmp, "d.img"), "64M", {"/a": 16 << 20})], icount=True, timeout=120)
    before = int(m.domains()["storage"]["served"])
    while int(m.domains()["storage"]["served"]) - before < 100_000:
        m.cmd("bench read_4k 25000", 200)
    assert m.domains()["storage"]["gen"] == "0", m.domains()


@pytest.mark.limit(200)
@pytest.mark.parametrize("image, why", [
    ("storage-crash", r"panic in seam_fetch\+0x[0-9a-f]+; disk0: requests? \d+"),
    ("storage-wild-write", r"fault: write to 0x40200040 in seam_fetch\+0x[0-9a-f]+; disk0: requests? \d+"),
    ("storage-wild-dma", r"dma: address 0x40200000, device disk; disk0: requests? \d+"),
    ("storage-hang", r"hang: link disk0, avail \d+ in seam_fetch\+0x[0-9a-f]+; disk0: requests? \d+")])
def test_death_is_attributed_to_place_device_and_request_and_the_dump_has_names(tmp, image, why):
    addr = 0x40200000 if "dma" in image else 0x40200040
    m, _ = start(tmp, variants.storage(image, f"after=30 addr=0x{addr:x}", (f"DEADLINE_MS={HANG_MS if 'hang' in image else 30000}",)), second=False)
    work_until_death(m)
    assert re.search(why, m.cmd("domains")), m.cmd("domains")
    assert re.search(r"storage: died \(" + why, m.log())
    dump = m.cmd("domains dump storage")
    for part in (r"(?m)^pc +[0-9a-f]{16}", r"(?m)^link 0 queue 0: done \d+, available \d+", r"(?m)^ +\d+ +doorbell", r"(?m)^#0 +[0-9a-f]{8}  \w+\+0x"):
        assert re.search(part, dump), f"{part} is not in the dump:\n{dump}"
    names = re.findall(r"(?m)^#\d+ +[0-9a-f]+  (\w+)\+0x", dump)
    assert names[-3:] == ["domain_main", "rt_start", "entry"] and "loop_run" in names, names


def given_up(m):
    end = time.monotonic() + 60 * zeros.SCALE
    while m.domains()["storage"]["state"] != "given-up":
        assert time.monotonic() < end, m.cmd("domains")
        time.sleep(0.3)


def cleared(m):
    """domains clear: the next generation runs and files can be used again, at once or a moment later."""
    was = generation(m)
    m.cmd("domains clear storage")
    wait_generation(m, was + 1)
    end = time.monotonic() + 20 * zeros.SCALE
    while "hello" not in m.cmd("cat /hello", 90).replace("/hello", ""):
        assert time.monotonic() < end, m.cmd("cat /hello")
        time.sleep(0.3)


@pytest.mark.limit(300)
def test_a_domain_that_dies_at_once_again_and_again_is_given_up_and_cleared_by_hand(tmp):
    """It dies with its first request: there never was a mount. The rest of the system runs meanwhile."""
    variant = variants.storage("storage-crash", "after=1 gens=5", ("DISKS=2",))
    images = [disks.make(os.path.join(tmp, "d.img"), "64M", DATA), disks.make(os.path.join(tmp, "e.img"), "64M", {"/other": b"alive\n"})]
    m = zeros.boot(variant, images, timeout=180)
    given_up(m)
    assert re.search(r"cat: /hello: ", m.cmd("cat /hello", 90))
    assert "alive" in m.cmd("cat /disk2/other")
    cleared(m)
    work(m, 3)
    check_disk(m, images[0], 3)


@pytest.mark.limit(300)
def test_a_mounted_disk_whose_domain_is_given_up_comes_back_when_cleared(tmp):
    variant = variants.storage("storage-crash", "after=40 gens=5")
    image = disks.make(os.path.join(tmp, "d.img"), "64M", DATA)
    m = zeros.boot(variant, [image], timeout=180)
    for i in range(100):
        m.cmd(f"write /x{i} text", 90)
        m.cmd("sync", 90)
        if m.domains()["storage"]["state"] == "given-up":
            break
    given_up(m)
    assert "write: " in m.cmd("write /y text ; sync", 90) or "sync: " in m.cmd("sync", 90)
    cleared(m)
    work(m, 3)
    check_disk(m, image, 3)


@pytest.mark.limit(200)
def test_crashlog_keeps_the_last_crashes_on_the_disk_and_a_corrupt_record_hurts_nobody(tmp):
    """Records already there: sixteen old ones, one of them escape sequences and rubbish. The disk stays bounded, the newest are kept."""
    old = {f"/var/crash/{n:06d}-storage.txt": b"\x1b[2J\x00\xff%s%n rubbish\r\n" * 200 for n in range(3, 19)}
    old["/var/crash/notes"] = b"mine\n"
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {**DATA, **old})
    m = zeros.boot(variants.storage("storage-crash", "after=100 gens=1"), [image])
    listed = m.cmd("crashlog")
    assert len(listed.splitlines()) == 16 and "000018-storage.txt" in listed, listed
    m.cmd("crashlog 5")
    files = work_until_death(m)
    for i in range(30):
        time.sleep(0.5)
        listed = m.cmd("crashlog")
        if "000019-" in listed:
            break
    assert "000019-storage.txt" in listed and "000003-" not in listed and len(listed.splitlines()) == 16, listed
    shown = m.cmd("crashlog 19")
    assert re.search(r"panic in seam_fetch\+0x", shown) and "loop_run+0x" in shown, shown
    assert "no such record" in m.cmd("crashlog 999")
    m.cmd("domains kill storage")  # no crash: no record
    check_disk(m, image, files)
    names = [n for n in disks.names(image, "/var/crash") if n.endswith(".txt")]
    assert len(names) == 16 and b"panic" in disks.read(image, "/var/crash/000019-storage.txt")
    assert disks.read(image, "/var/crash/notes") == b"mine\n"
