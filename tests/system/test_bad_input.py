# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disks, images and manifests that are wrong: a clear error, and the system stays up."""
import os
import re
import struct

import pytest

import disks
import variants
import zeros

SUPERBLOCK = 1024
INCOMPAT = SUPERBLOCK + 0x60
RO_COMPAT = SUPERBLOCK + 0x64


def stays_up(m):
    assert "still here" in m.cmd("echo still here")
    assert "main" in m.domains()


def says_why(m, *words):
    """The file commands fail with a sentence that has one of the words."""
    out = m.cmd("ls /", 90)
    assert out.startswith("ls: "), out
    assert any(w in out.lower() for w in words), out
    return out


def test_no_disk_is_a_clear_error_and_the_system_stays_up():
    m = zeros.boot(disks=[])
    says_why(m, "disk", "domain", "device")
    stays_up(m)
    assert m.domains()["storage"]["state"] == "absent"


def test_controller_without_a_card_is_a_clear_error(tmp):
    m = zeros.boot(disks=[], extra=["-device", "sdhci-pci,addr=1"], timeout=120)
    says_why(m, "disk", "card", "medium", "dead", "gone", "device", "i/o")
    stays_up(m)


def test_disk_of_zeros_is_a_clear_error_and_the_system_stays_up(tmp):
    m = zeros.boot(disks=[disks.zeros(os.path.join(tmp, "z.img"))])
    says_why(m, "ext4", "file system", "magic")
    stays_up(m)


def test_truncated_image_is_a_clear_error_and_the_system_stays_up(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "256M", {"/hello": b"hello\n"})
    os.truncate(path, 64 << 20)
    m = zeros.boot(disks=[path])
    says_why(m, "small", "shorter", "truncated", "size", "larger", "end")
    stays_up(m)


def test_unknown_incompat_features_are_named_and_refused(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    with open(path, "r+b") as f:
        f.seek(INCOMPAT)
        flags = struct.unpack("<I", f.read(4))[0]
        f.seek(INCOMPAT)
        f.write(struct.pack("<I", flags | 0x40000000))
    before = disks.sha256(path)
    m = zeros.boot(disks=[path])
    says_why(m, "feature")
    stays_up(m)
    m.poweroff()
    assert disks.sha256(path) == before, "a refused disk must not be written"


def test_garbage_superblock_is_a_clear_error(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    with open(path, "r+b") as f:
        f.seek(SUPERBLOCK)
        block = bytearray(f.read(1024))
        keep = bytes(block[0x38:0x3a])  # the magic stays
        block[:] = disks.pattern(1024, 9)
        block[0x38:0x3a] = keep
        f.seek(SUPERBLOCK)
        f.write(block)
    m = zeros.boot(disks=[path], timeout=120)
    says_why(m, "ext4", "file system", "feature", "superblock", "corrupt", "checksum", "size", "small")
    stays_up(m)


def test_full_disk_says_so_and_stays_clean(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "16M", {"/a": 6 << 20})
    m = zeros.boot(disks=[path])
    said = ""
    for i in range(4):
        said += m.cmd(f"cp /a /copy{i}", 120)
    assert re.search(r"cp: .*(full|no space)", said), said
    m.cmd("rm /copy0")
    assert m.cmd("write /small it fits again").strip() == ""
    m.poweroff()
    disks.fsck(path)
    assert disks.read(path, "/a") == disks.pattern(6 << 20)
    assert disks.read(path, "/small").strip() == b"it fits again"


def reads_and_refuses_writes(m, path):
    before = disks.sha256(path)
    assert "hello" in m.cmd("cat /hello")
    for line in ("write /new text", "rm /hello", "mkdir /d", "mv /hello /x"):
        out = m.cmd(line)
        assert re.search(rf"{line.split()[0]}: .*read-only", out), out
    stays_up(m)
    m.poweroff()
    assert disks.sha256(path) == before, "a read-only image must not be written"


def test_read_only_link_reads_and_refuses_writes(tmp):
    """QEMU gives no SD card on a read-only file, so the manifest makes the disk read-only."""
    path = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    v = variants.get(dts=edited(tmp, ('client = "main";', 'client = "main";\n            read-only;')))
    reads_and_refuses_writes(zeros.boot(v, [path]), path)


def test_unknown_ro_compat_features_mount_read_only(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"}, features=("^metadata_csum",))
    with open(path, "r+b") as f:
        f.seek(RO_COMPAT)
        flags = struct.unpack("<I", f.read(4))[0]
        f.seek(RO_COMPAT)
        f.write(struct.pack("<I", flags | 0x20000000))
    reads_and_refuses_writes(zeros.boot(disks=[path]), path)


def test_image_with_bad_metadata_does_not_take_the_system_down(tmp):
    path = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n", "/dir/x": b"x\n"})
    with open(path, "r+b") as f:
        f.seek(4096 * 2)
        f.write(disks.pattern(4096 * 64, 5))
    m = zeros.boot(disks=[path], timeout=120)
    m.cmd("ls /", 90)
    m.cmd("cat /hello", 90)
    m.cmd("cat /dir/x", 90)
    stays_up(m)


def flipped(path, out, at):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data[at % len(data)] ^= 0x10
    with open(out, "wb") as f:
        f.write(data)
    return out


@pytest.mark.parametrize("at", [0, 0x1234, -1])
def test_domain_image_with_one_flipped_bit_is_refused_by_name_and_the_rest_runs(tmp, at):
    bad = flipped(variants.domain_image("storage"), os.path.join(tmp, "bad"), at)
    v = variants.get(stale=(("storage", bad),))
    m = zeros.boot(v, [disks.make(os.path.join(tmp, "d.img"), "64M")])
    assert re.search(r"storage.*(hash|SHA-256)", m.log()), m.log()
    assert m.domains()["storage"]["state"] == "absent"
    says_why(m, "disk", "domain", "device", "storage")
    stays_up(m)


def test_kernel_image_with_one_flipped_bit_is_refused(tmp):
    bad = flipped(variants.domain_image("kernel"), os.path.join(tmp, "bad"), 0x800)
    m = zeros.boot(variants.get(stale=(("kernel", bad),)), [], wait=False)
    m.expect(r"(?i)(main|kernel).*(hash|sha-256)", 30)


def edited(tmp, *swaps):
    """A copy of system.dts with texts replaced below its root; each must be there."""
    with open(os.path.join(variants.ROOT, "boards/qemu-virt/system.dts"), encoding="utf-8") as f:
        macros, root, text = f.read().partition("\n/ {")
    for old, new in swaps:
        assert old in text, f"system.dts has no `{old}`"
        text = text.replace(old, new, 1)
    text = macros + root + text
    path = os.path.join(tmp, "system.dts")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


WRONG = [  # name, edits, defines, words of the refusal
    ("device_given_twice", [("slot = <2>;", "slot = <1>;")], ("DISKS=2",), ["storage2"]),
    ("reserved_device", [('rtc0 { path = "/pl031@9010000"; };', 'rtc0 { path = "/intc@8000000"; };')], (), ["main", "intc"]),
    ("smmu_itself", [('rtc0 { path = "/pl031@9010000"; };', 'rtc0 { path = "/smmuv3@9050000"; };')], (), ["smmu"]),
    ("fw_cfg_bypasses_the_fence", [('rtc0 { path = "/pl031@9010000"; };', 'rtc0 { path = "/fw-cfg@9020000"; };')], (), ["fw-cfg"]),
    ("virtio_mmio_bypasses_the_fence", [('rtc0 { path = "/pl031@9010000"; };', 'rtc0 { path = "/virtio_mmio@a000000"; };')], (), ["virtio_mmio"]),
    ("too_much_memory", [("memory = <0x200000>;", "memory = <0x70000000>;")], (), ["storage"]),
    ("odd_memory", [("memory = <0x200000>;", "memory = <0x201000>;")], (), ["storage"]),
    ("budget_above_period", [("budget-us = <8000>;", "budget-us = <18000>;")], (), ["storage"]),
    ("driver_below_main", [("priority = <8>;", "priority = <1>;")], (), ["storage"]),
    ("unknown_server", [('server = "storage";', 'server = "nobody";')], (), ["disk0"]),
    ("client_is_server", [('client = "main";', 'client = "storage";')], (), ["disk0"]),
    ("window_too_small", [("window = <0x400000>;", "window = <0x1000>;")], (), ["disk0"]),
    ("queue_size_no_power_of_two", [("queue-size = <64>;", "queue-size = <48>;")], (), ["disk0"]),
    ("watch_of_no_queue", [("watch = <0>;", "watch = <3>;")], (), ["disk0"]),
    ("deadline_of_zero", [("deadline-ms = <DEADLINE_MS>;", "deadline-ms = <0>;")], (), ["disk0"]),
    ("two_mains", [('kind = "driver";', 'kind = "main";')], (), ["main"]),
    ("missing_property", [("memory = <0x200000>;\n", "\n")], (), ["storage"]),
    ("no_such_core", [("core = <STORAGE_CORE>;", "core = <9>;")], (), ["storage"]),
]


@pytest.mark.parametrize("edits, defines, words", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_manifest_is_refused_by_name_at_build_time(tmp, edits, defines, words):
    with pytest.raises(variants.Refused) as refusal:
        variants.get(defines=defines, dts=edited(tmp, *edits))
    for word in words:
        assert word in str(refusal.value), str(refusal.value)


@pytest.mark.parametrize("edits, defines, words", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_manifest_is_refused_by_name_at_boot(tmp, edits, defines, words):
    v = variants.get(defines=defines, dts=edited(tmp, *edits), check=False)
    m = zeros.boot(v, [], wait=False)
    m.expect(r"(?i)manifest", 30)
    m.drain(1.0)
    for word in words:
        assert word in m.text, m.text
    assert zeros.PROMPT not in m.text


def test_image_with_a_changed_manifest_hash_is_refused(tmp):
    """The Image of one manifest with the pack of another."""
    a, b = variants.get(), variants.get(defines=("DEADLINE_MS=1999",))
    mixed = variants.Variant(tmp)
    mixed.image, mixed.pack = a.image, b.pack
    m = zeros.boot(mixed, [], wait=False)
    m.expect(r"not the one this Image was built with", 30)


def test_no_pack_is_a_clear_line():
    v = variants.get()
    argv = variants.qemu_base() + ["-display", "none", "-kernel", v.image]
    m = zeros.Machine(argv)
    m.expect(r"(?i)pack|initrd", 30)


def test_broken_pack_is_a_clear_line(tmp):
    v = variants.get()
    bad = variants.Variant(tmp)
    bad.image, bad.pack = v.image, os.path.join(tmp, "pack")
    with open(bad.pack, "wb") as f:
        f.write(disks.pattern(1 << 20))
    m = zeros.boot(bad, [], wait=False)
    m.expect(r"(?i)pack|cpio", 30)
