#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Linux guest's kernel and initramfs out of Debian's packages: mkinitramfs.py PACKAGES INIT KERNEL_OUT INITRD_OUT

PACKAGES holds what scripts/guest-fetch unpacked (kernel, busybox). Same input, same bytes out."""
import glob
import lzma
import os
import sys

# In the order in which they are loaded; a kernel that has one built in needs no file.
MODULES = ("drivers/virtio/virtio_mmio", "drivers/block/virtio_blk", "lib/crc16", "crypto/crc32c_generic", "fs/mbcache", "fs/jbd2/jbd2",
           "fs/ext4/ext4")
FOLDERS = ("bin", "dev", "lib", "lib/modules", "mnt", "proc", "sys")
APPLETS = ("cat cmp cut date dd df dmesg echo free grep halt head insmod kill ls lsmod md5sum mkdir mount nproc poweroff ps reboot rm "
           "setsid sh sha256sum sleep stat sync tail taskset top umount uname wc").split()
DIRECTORY, FILE, PROGRAM, LINK, TERMINAL = 0o40755, 0o100644, 0o100755, 0o120777, 0o20600


class Refused(Exception):
    """The packages are not what is expected; str() is one line for the user."""


def one(pattern):
    found = sorted(glob.glob(pattern))
    if not found:
        raise Refused(f"{pattern}: not in Debian's package; is guests/linux/packages.manifest right?")
    return found[0]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def modules(packages):
    """(file name, bytes) of the modules that are not built in, unpacked: the kernel's loader takes no xz by insmod."""
    base = one(os.path.join(packages, "kernel", "usr", "lib", "modules", "*"))
    built_in = read(os.path.join(base, "modules.builtin")).decode()
    for n, name in enumerate(MODULES):
        if f"kernel/{name}.ko\n" in built_in:
            continue
        path = os.path.join(base, "kernel", name + ".ko")
        if os.path.exists(path + ".xz"):
            yield f"{n}-{os.path.basename(name)}.ko", lzma.decompress(read(path + ".xz"))
        elif os.path.exists(path):
            yield f"{n}-{os.path.basename(name)}.ko", read(path)


class Archive:
    """A newc cpio archive without times or owners."""

    def __init__(self):
        self.bytes, self.count = bytearray(), 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.count += 1
        path = name.encode() + b"\0"
        fields = [self.count, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0]
        self.bytes += b"070701" + b"".join(b"%08X" % f for f in fields) + path
        self.bytes += b"\0" * (-len(self.bytes) % 4) + data
        self.bytes += b"\0" * (-len(self.bytes) % 4)


def initramfs(packages, init):
    a = Archive()
    for folder in FOLDERS:
        a.add(folder, DIRECTORY)
    a.add("dev/console", TERMINAL, device=(5, 1))
    a.add("bin/busybox", PROGRAM, read(one(os.path.join(packages, "busybox", "*", "bin", "busybox"))))
    for applet in APPLETS:
        a.add(f"bin/{applet}", LINK, b"busybox")
    for name, data in modules(packages):
        a.add(f"lib/modules/{name}", FILE, data)
    a.add("init", PROGRAM, read(init))
    a.add("TRAILER!!!", 0)
    return bytes(a.bytes)


def write(path, data):
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as f:
        f.write(data)
    os.rename(part, path)


def main(argv):
    if len(argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    packages, init, kernel_out, initrd_out = argv
    try:
        write(initrd_out, initramfs(packages, init))
        write(kernel_out, read(one(os.path.join(packages, "kernel", "boot", "vmlinuz-*"))))
    except (Refused, OSError, lzma.LZMAError) as e:
        print(f"mkinitramfs: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
