# SPDX-License-Identifier: AGPL-3.0-or-later
"""Canaries (design.md section 8): hashes of what no driver domain may ever change, taken with the machine stopped."""
import hashlib
import struct

IMAGE_MAGIC = 0x474d495a
CHUNK = 64 << 20


def code_bytes(m, start):
    """Text and rodata of the flat image at start, by its header (include/abi/image.h)."""
    _branch, magic, text, rodata = struct.unpack_from("<IIQQ", m.memory(start, 64))
    assert magic == IMAGE_MAGIC, f"no image at {start:#x}: {magic:#x}"
    return text + rodata


def regions(m, mem, victim="storage"):
    """[(name, start, bytes)] of everything that the domain `victim` must not be able to change."""
    out = []
    for (what, name), ranges in mem.items():
        for start, size in ranges:
            if what in ("text", "rodata", "s2", "streams", "pristine"):
                out.append((f"{what} {name}", start, size))
            elif what == "image" and name == "main":
                out.append(("code main", start, code_bytes(m, start)))
            elif what == "ram" and name == "canary":
                out.append(("ram canary", start, size))
            elif what == "ram" and name not in ("main", victim):
                out.append((f"code {name}", start, code_bytes(m, start)))
    kinds = {r[0].split()[0] for r in out}
    missing = {"text", "rodata", "s2", "streams", "pristine", "code"} - kinds
    assert not missing, f"EL2's log has no `mem:` line for {sorted(missing)}"
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
