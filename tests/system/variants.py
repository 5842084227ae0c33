# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds of the system with another manifest, another image in the pack, or an /autorun file: made once, kept under build/variants."""
import fcntl
import hashlib
import os
import shlex
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build", "variants")
BUILD_TIMEOUT_S = 300


class Refused(Exception):
    """The build refused the variant; str() is what it printed."""


class Variant:
    def __init__(self, folder):
        self.folder = folder
        self.image = os.path.join(folder, "Image")
        self.pack = os.path.join(folder, "pack.cpio")


def qemu_base(memory="1G", smp=1):
    """QEMU and the machine of boards/qemu-virt/qemu.args, with that much memory and so many cores (later arguments win)."""
    with open(os.path.join(ROOT, "boards", "qemu-virt", "qemu.args"), encoding="utf-8") as f:
        machine = shlex.split(f.read(), comments=True)
    return ["qemu-system-aarch64", *machine, "-m", memory, "-smp", str(smp)]


def get(defines=(), autorun=None, images=(), stale=(), dts=None, check=True, hyp=None):
    """
    defines  ("STORAGE_IMAGE=\"storage-crash\"", ...): handed to the preprocessor of system.dts
    autorun  text of /autorun in the pack
    images   ((name, path), ...): files added to the pack, or put in the place of one, before hashes are taken
    stale    ((name, path), ...): put into the pack after hashes were taken: EL2 must refuse them
    dts      path of another system.dts
    hyp      another EL2 of the build, e.g. "hyp-owner"
    check    False: without the build's own judge of manifests, to see what EL2 says
    """
    args = []
    for d in defines:
        args += ["--define", d]
    for name, path in images:
        args += ["--image", f"{name}={path}"]
    for name, path in stale:
        args += ["--stale", f"{name}={path}"]
    if dts:
        args += ["--dts", dts]
    if hyp:
        args += ["--hyp", os.path.join(ROOT, "build", "qemu-virt", hyp + ".elf")]
    if not check:
        args += ["--unchecked"]
    content = open(dts, encoding="utf-8").read() if dts else ""
    text = content + "\0".join(args) + "\0" + (autorun or "") + str(check)
    name = hashlib.sha256(text.encode()).hexdigest()[:12] if args or autorun else "standard"
    folder = os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    if autorun is not None:
        path = os.path.join(folder, "autorun")
        with open(path, "w", encoding="utf-8") as f:
            f.write(autorun)
        args += ["--autorun", path]
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = subprocess.run([os.path.join(ROOT, "scripts", "variant"), "--out", folder, *args], cwd=ROOT, text=True, errors="replace",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_TIMEOUT_S, check=False)
    if p.returncode != 0:
        raise Refused(p.stdout.strip())
    return Variant(folder)


def storage(image, params="", extra=()):
    """The standard system with another storage domain: storage("storage-crash", "after=100")."""
    return get(defines=(f'STORAGE_IMAGE="{image}"', f'STORAGE_PARAMS="{params}"', *extra))


def built(name):
    """A file of the standard build: "hyp.elf", "kernel.img", "domains/storage.img"."""
    return os.path.join(ROOT, "build", "qemu-virt", name)


def domain_image(name):
    """The flat image that the build made for a domain, e.g. "storage", "kernel"."""
    for folder in ("domains", ""):
        path = built(os.path.join(folder, name + ".img"))
        if os.path.exists(path):
            return path
    raise AssertionError(f"{name}.img is not built")


HYP_LOAD = 0x40200000  # where QEMU puts an arm64 Image: RAM + 2 MiB; hyp.elf is linked at 0


def hyp_symbols():
    """{symbol: physical address} of the running hyp."""
    out = subprocess.run(["aarch64-linux-gnu-nm", built("hyp.elf")], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split()[2]: int(line.split()[0], 16) + HYP_LOAD for line in out.splitlines() if len(line.split()) == 3}
