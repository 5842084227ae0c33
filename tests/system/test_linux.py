# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stock guests: a flat image and Debian's kernel, with disks of their own whose drivers die under them."""
import os
import re
import sys
import time

import pytest

import disks
import variants
import zeros

sys.path.insert(0, os.path.join(variants.ROOT, "scripts"))
import mkguest  # noqa: E402

SHELL = r"linux# "
ROUNDS = b"""#!/bin/sh
# Copies, drops the caches and sums until told to stop: what is written and read must be what it was.
want=$(md5sum </mnt/data); n=0; bad=0
while [ ! -e /stop ]; do
    n=$((n + 1))
    cp /mnt/data /mnt/copy || bad=$((bad + 1))
    sync
    echo 3 >/proc/sys/vm/drop_caches
    [ "$(md5sum </mnt/copy)" = "$want" ] || bad=$((bad + 1))
done
echo "loop: $n rounds, $bad bad"
"""
DATA = disks.pattern(1 << 20, seed=7)


MANIFEST = """/dts-v1/;
/ { domains {
        main { kind = "main"; image = "kernel"; };
        net { kind = "guest"; image = "net"; memory = <%d>; vcpus = <2>; params = "a \\"b\\""; };
    };
    links {
        one { client = "net"; server = "x"; window = <0x400000>; };
        other { client = "main"; server = "x"; window = <0x400000>; };
        two { client = "net"; server = "y"; window = "client-memory"; };
    };
};
"""
IMAGE = b"\0" * 16 + (0x10000).to_bytes(8, "little") + b"\0" * 32 + b"ARM\x64" + b"\0" * 4 + b"x" * 100


def linux_disk(tmp, name):
    return disks.make(os.path.join(tmp, name), "64M", {"/data": DATA, "/loop.sh": ROUNDS})


def attach(m, name):
    m.send(f"domains console {name}\r")
    m.expect(r"Ctrl-\] leaves\]")


def detach(m, name):
    m.send("\x1d")
    m.expect(rf"\[left {name}\]")
    m.prompt()


def tell(m, line, answer, timeout=120):
    """Types a line for the guest's shell; returns the match of its answer, which must not be in the line."""
    m.send(line + "\r")
    return m.expect(answer, timeout)


def boot_linux(tmp, defines, guest_disks, nvme=False, smp=4):
    main = disks.make(os.path.join(tmp, "main.img"), "64M", {"/hello": b"hi there\n"})
    extra = [arg for n, path in enumerate(guest_disks) for arg in zeros.disk_args(3 + n, path, nvme=nvme)]
    v = variants.get(defines=[f"LINUX={len(guest_disks)}", *(["DISK_NVME"] if nvme else []), *defines])
    return zeros.boot(v, disks=[main], smp=smp, icount=True, nvme=nvme, extra=extra, timeout=180)


def wait_state(m, name, state, timeout=60):
    end = time.monotonic() + timeout * zeros.SCALE
    while m.domains()[name]["state"] != state:
        assert time.monotonic() < end, f"{name} is not {state}: {m.domains()[name]}"


def kill_times(m, names, count):
    for i in range(count):
        for name in names:
            assert "domains:" not in m.cmd(f"domains kill {name}"), f"kill {i + 1} of {name} was refused"
    rows = m.domains()
    assert [int(rows[name]["gen"]) for name in names] == [count] * len(names), rows


def check_linux(m, name, cpus):
    """Ends the loop; Linux saw no error at all."""
    attach(m, name)
    rounds = tell(m, "touch /stop; wait", r"loop: (\d+) rounds, (\d+) bad", 180)
    assert int(rounds[1]) >= 2 and rounds[2] == "0", rounds[0]
    assert tell(m, "echo errors: $(dmesg | grep -ciE 'i/o error|ext4-fs error|blk_update|call trace|stall')",
                r"errors: (\d+)")[1] == "0"
    assert tell(m, "echo cpus: $(nproc)", r"cpus: (\d+)")[1] == str(cpus)


def test_linux_or_any_guest_gets_a_device_tree_that_says_what_the_manifest_says():
    tree = mkguest.tree_of(mkguest.compile_tree(MANIFEST % (8 << 20)))
    out = mkguest.bundle(tree, "net", IMAGE, b"initrd")
    dt = mkguest.tree_of(out)
    assert mkguest.text(dt["nodes"]["chosen"], "bootargs") == 'a "b"'
    assert len(dt["nodes"]["cpus"]["nodes"]) == 2
    first, second = (dt["nodes"][f"virtio_mmio@{0x3000000 + i * 0x1000:x}"]["props"] for i in range(2))
    pool = dt["nodes"]["reserved-memory"]["nodes"]["pool@4000000"]["props"]
    assert pool["compatible"] == b"restricted-dma-pool\0" and first["memory-region"] == pool["phandle"]
    assert "memory-region" not in second and "dma-coherent" in first and "dma-coherent" in second
    assert mkguest.number(dt["nodes"]["chosen"], "linux,initrd-end") - 6 == mkguest.number(dt["nodes"]["chosen"], "linux,initrd-start")
    assert out[2 << 20:].startswith(IMAGE) and out.endswith(b"initrd")


@pytest.mark.parametrize("memory, image, why", [(2 << 20, IMAGE, "memory"), (8 << 20, b"MZ" * 100, "no arm64 Image"),
                                                (8 << 20, IMAGE[:8] + b"\xff" * 8 + IMAGE[16:], "text_offset")],
                         ids=["memory", "magic", "text_offset"])
def test_linux_or_any_guest_that_cannot_start_is_refused_at_build(memory, image, why):
    tree = mkguest.tree_of(mkguest.compile_tree(MANIFEST % memory))
    with pytest.raises(mkguest.Refused, match=why):
        mkguest.bundle(tree, "net", image, None)


@pytest.mark.limit(600)
def test_linux_with_4_vcpus_sees_none_of_50_deaths_of_its_disk(tmp, campaign):
    image = linux_disk(tmp, "linux.img")
    m = boot_linux(tmp, ["LINUX_VCPUS=4"], [image])
    attach(m, "linux")
    up = m.expect(r"is up, (\d+) cpus, ([\d.]+) s", 300)
    assert up[1] == "4"
    campaign("linux_guest_boot", float(up[2]), "virtual s", None, "lower")
    m.expect(SHELL)
    tell(m, "sh /mnt/loop.sh &", SHELL)
    detach(m, "linux")
    kill_times(m, ["linux-disk"], 50)
    assert m.domains()["linux"]["state"] == "running"
    assert "hi there" in m.cmd("cat /hello")
    check_linux(m, "linux", 4)
    m.send("umount /mnt; poweroff -f\r")
    m.expect(r"\[left linux\]", 60)
    m.prompt()
    assert m.domains()["linux"]["cause"] == "off"
    m.poweroff()
    disks.fsck(image)
    assert disks.sha256(disks.read(image, "/copy")) == disks.sha256(DATA)


@pytest.mark.limit(600)
def test_linux_guests_run_two_at_once_each_with_its_own_disk(tmp):
    images = [linux_disk(tmp, "a.img"), linux_disk(tmp, "b.img")]
    m = boot_linux(tmp, [], images, nvme=True)
    for name in ("linux", "linux2"):
        attach(m, name)
        m.expect(r"is up, 1 cpus", 300)
        m.expect(SHELL)
        tell(m, "sh /mnt/loop.sh &", SHELL)
        detach(m, name)
    kill_times(m, ["linux-disk", "linux2-disk"], 5)
    m.cmd("sleep 2")
    for name in ("linux", "linux2"):
        check_linux(m, name, 1)
        tell(m, "umount /mnt; echo unmou\"nted\"", r"unmounted")
        detach(m, name)
    m.poweroff()
    for image in images:
        disks.fsck(image)
        assert disks.sha256(disks.read(image, "/copy")) == disks.sha256(DATA)


def test_linux_is_no_special_case_a_flat_guest_gets_what_the_architecture_says(tmp):
    main = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})
    m = zeros.boot(variants.get(defines=["FLAT=4"]), disks=[main], smp=4, icount=True)
    attach(m, "flat")
    m.expect(r"flat: up at EL1, tree at 0x10000000, ram at 0x10000000")
    m.send("a")
    m.expect(r"psci 10001 by hvc, 10001 by smc, smccc 10001, migrate 2")
    m.expect(r"unknown function: -1, core 0: 0, core 9: -2")
    m.send("p")
    wrong = m.expect(r"(\d+) probes, (\d+) wrong")
    assert wrong[2] == "0", m.before
    m.send("c")
    m.expect(r"core 4: -2")
    m.expect(r"3 further cores are up")
    m.send("r")
    if m.expect(r"flat: up at EL1|\[left flat\]")[0].startswith("["):  # it was seen between two lives
        wait_state(m, "flat", "running")
        attach(m, "flat")
    m.send("o")
    m.expect(r"\[left flat\]")
    m.prompt()
    assert m.domains()["flat"]["cause"] == "off"
    assert "no stock guest" in m.cmd("domains console storage")
    assert "hi there" in m.cmd("cat /hello")


def test_linux_or_any_guest_cannot_steer_the_terminal_by_its_console(tmp):
    main = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hi there\n"})
    m = zeros.boot(variants.get(defines=["FLAT=1"]), disks=[main], smp=2, icount=True)
    raw = []
    recv = m.ser.recv
    attach(m, "flat")
    m.expect(r"flat: up")

    class Tap:
        """The serial line, everything kept as it came."""

        def __getattr__(self, name):
            return getattr(m_ser, name)

        def recv(self, size):
            data = recv(size)
            raw.append(data)
            return data

    m_ser, m.ser = m.ser, Tap()
    m.send("e")
    m.expect(r"end")
    m.ser = m_ser
    data = b"".join(raw)
    assert b"\x1b[31mred\x1b[0m" in data
    assert not re.search(rb"\x1b(?!\[[0-9;]*m)|[\x00-\x07\x0e-\x1a]", data), data
