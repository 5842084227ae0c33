# SPDX-License-Identifier: AGPL-3.0-or-later
"""Canaries (design.md section 8): hashes of what no driver domain may ever change, taken with the machine stopped."""
import hashlib
import re
import struct

import variants

IMAGE_MAGIC = 0x474d495a
CHUNK = 64 << 20
PAGE = 4096
SMMU = 0x09050000
STRTAB_BASE, STRTAB_BASE_CFG = 0x80, 0x88
ADDRESS = 0x0000fffffffff000


def code_bytes(m, start):
    """Text and rodata of the flat image at start, by its header (include/abi/image.h)."""
    _branch, magic, text, rodata = struct.unpack_from("<IIQQ", m.memory(start, 64))
    assert magic == IMAGE_MAGIC, f"no image at {start:#x}: {magic:#x}"
    return text + rodata


def table_pages(m, root):
    """Every page of the stage-2 tables below root: level 1 first, 4 KiB granule."""
    pages, todo = [], [(root, 1)]
    while todo:
        at, level = todo.pop()
        pages.append(at)
        if level == 3:
            continue
        for (entry,) in struct.iter_unpack("<Q", m.memory(at, PAGE)):
            if entry & 3 == 3:
                todo.append((entry & ADDRESS, level + 1))
    return sorted(pages)


def stream_table(m):
    """(start, bytes) of the SMMU's linear stream table, from its registers."""
    words = [int(w, 16) for w in re.findall(r"0x([0-9a-f]{8})\b", m.hmp(f"xp /3wx {SMMU + STRTAB_BASE:#x}"))]
    base = (words[0] | words[1] << 32) & ADDRESS
    assert base, "the SMMU has no stream table"
    return base, 64 << (words[2] & 0x3f)


def regions(m, mem, victim="storage"):
    """[(name, start, bytes)] of everything that the domain `victim` must not be able to change."""
    at = variants.hyp_symbols()
    out = [("text hyp", at["text_start"], at["text_end"] - at["text_start"]),
           ("rodata hyp", at["text_end"], at["rodata_end"] - at["text_end"]),
           ("stream table", *stream_table(m))]
    for name, place in mem.items():
        if place["s2"]:
            out += [(f"stage-2 table of {name}", page, PAGE) for page in table_pages(m, place["s2"])]
        if place["image"][1]:
            out.append((f"pristine image of {name}", *place["image"]))
        if name == "canary":
            out.append(("canary", *place["ram"]))
        elif name != victim:
            out.append((f"code of {name}", place["ram"][0], code_bytes(m, place["ram"][0])))
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
