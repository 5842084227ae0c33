# SPDX-License-Identifier: AGPL-3.0-or-later
"""Canaries (design.md section 8): hashes of what no driver domain may ever change, taken with the machine stopped."""
import hashlib
import struct

IMAGE_MAGIC = 0x474d495a
CHUNK = 64 << 20
KEPT = ("text", "rodata", "s2", "streams", "pristine")


def code_bytes(m, start):
    """Text and rodata of the flat image at start, by its header (include/abi/image.h)."""
    _branch, magic, text, rodata = struct.unpack_from("<IIQQ", m.memory(start, 64))
    assert magic == IMAGE_MAGIC, f"no image at {start:#x}: {magic:#x}"
    return text + rodata


def regions(m, mem, victim="storage"):
    """[(name, start, bytes)] of everything that the domain `victim` must not be able to change. mem: Machine.memory_map()."""
    out = []
    for label, (start, size) in mem.items():
        what, name = label.split()
        if what in KEPT or label == "ram canary":
            out.append((label, start, size))
        elif label == "image main" or what == "ram" and name != victim:
            out.append((f"code of {name}", start, code_bytes(m, start)))
    have = {r[0].split()[0] for r in out}
    assert have >= {*KEPT, "code"}, f"EL2's log does not say where {({*KEPT, 'code'} - have)} lie"
    return out


def snapshot(m, wanted):
    """{name at start: sha256}, the machine stopped meanwhile."""
    m.qmp("stop")
    out = {}
    for name, start, size in wanted:
        h = hashlib.sha256()
        for at in range(0, size, CHUNK):
            h.update(m.memory(start + at, min(CHUNK, size - at)))
        out[f"{name} at {start:#x}"] = h.hexdigest()
    m.qmp("cont")
    return out


def changed(before, after):
    return sorted(k for k in before if before[k] != after[k])
