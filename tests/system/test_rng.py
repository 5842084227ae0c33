# SPDX-License-Identifier: AGPL-3.0-or-later
"""The entropy domain: its bytes are mixed with the firmware's seed; it may die, lie, reach out or be missing."""
import os
import re

import disks
import variants
import zeros
from idle import counters
from test_restart import generation, wait_generation

DEVICE = ("-device", "virtio-rng-pci,addr=4,disable-legacy=on,iommu_platform=on")


def start(tmp, *defines, extra=DEVICE):
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    return zeros.boot(variants.get(defines=("RNG=1", *defines)), disks=[image], memory="512M", extra=extra)


def draw(m, count=32):
    text = m.cmd(f"random {count}").strip()
    assert len(text) == 2 * count, text
    return bytes.fromhex(text)


def given(m):
    """Bytes that the entropy domain has given since this machine started; the seed must be there."""
    return int(re.fullmatch(r"firmware seed: yes; entropy domain: (\d+) bytes", m.cmd("random").strip()).group(1))


def draws_differ(m, rounds=3):
    seen = [draw(m) for _ in range(rounds)]
    assert len(set(seen)) == rounds, seen
    assert all(len(set(s)) > 8 for s in seen), f"hardly random: {seen}"


def test_rng_domain_gives_bytes_and_comes_back_when_killed(tmp):
    m = start(tmp)
    draws_differ(m)
    assert given(m) == 3 * 32
    assert m.domains()["rng"]["state"] == "running"
    for i in range(3):
        assert "domains:" not in m.cmd("domains kill rng")
        draws_differ(m, 2)  # with or without the domain
        wait_generation(m, i + 1, "rng")
        before = given(m)
        draw(m)
        assert given(m) == before + 32, "the new incarnation gives nothing"
    draws_differ(m)
    assert "entropy link" not in m.log()
    m.drain(2.0)
    m.qmp("stop")
    before = counters(m)
    m.qmp("cont")
    m.drain(3.0)
    m.qmp("stop")
    assert counters(m) == before, "interrupts or timers at the prompt"
    m.qmp("cont")
    assert m.domains()["rng"]["cause"] == "killed"
    assert generation(m) == 0, "the storage domain died, too"
    assert len(draw(m, 100)) == 100
    assert "not a number from 1 to 4096" in m.cmd("random 0")
    m.poweroff()


def test_rng_domain_that_lies_makes_no_constant_output(tmp):
    m = start(tmp, 'RNG_IMAGE="rng-lie"')
    draws_differ(m)
    first = draw(m)
    assert given(m) == 4 * 32
    m.kill()
    m = start(tmp, 'RNG_IMAGE="rng-lie"')  # QEMU gives each machine a new seed
    draws_differ(m)
    assert draw(m) != first


def test_rng_device_that_writes_elsewhere_is_stopped_by_the_smmu(tmp):
    m = start(tmp, 'RNG_IMAGE="rng-wild"')
    draw(m)  # the first incarnation dies of it, this answer comes without it
    wait_generation(m, 1, "rng")
    assert given(m) == 0
    assert "dma" in m.domains()["rng"]["cause"].lower(), m.domains()
    draws_differ(m)
    assert given(m) == 3 * 32
    assert m.domains()["rng"]["state"] == "running"
    assert "hello" in m.cmd("cat /hello")


def test_without_the_rng_device_the_seed_alone_serves(tmp):
    m = start(tmp, extra=())
    assert "rng" in m.log()
    draws_differ(m)
    assert given(m) == 0
    assert m.domains()["storage"]["state"] == "running"
