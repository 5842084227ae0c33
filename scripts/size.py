#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Text, data and bss of every program, and the lines of C and assembly behind them: size.py BUILD/BOARD [--json FILE]

hyp counts what stays after boot as well: everything from the symbol init_end on (.init is unmapped before the first domain)."""
import argparse
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HYP_TEXT_MAX = 48 << 10
HYP_LINES_MAX = 6000


def sections(elf):
    """{section: size} of an ELF file."""
    out = subprocess.run(["aarch64-linux-gnu-size", "-A", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {m.group(1): int(m.group(2)) for m in re.finditer(r"^(\.\S+)\s+(\d+)", out, re.M)}


def holds_lto(path):
    """True for an object that is optimised at link time: the map does not say which of its functions stayed, so it counts whole."""
    with open(path, "rb") as f:
        return b".gnu.lto_" in f.read()


def linked_objects(map_path):
    """Own objects of which something ended up in memory, read from a link map: what the linker dropped whole does not count."""
    found, section, placed = set(), "", False
    with open(map_path, encoding="utf-8", errors="replace") as f:
        for line in f:
            placed |= line.startswith("Linker script and memory map")
            name = re.match(r" (\.\S+)", line)
            section = name.group(1) if name else section
            m = re.search(r"0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S+/obj/\w+/\S+)\.o$", line)
            load = re.match(r"LOAD (\S+/obj/\w+/\S+)\.o$", line)
            if load and holds_lto(load.group(1) + ".o"):
                found.add(load.group(1))
            if placed and m and int(m.group(1), 16) and not section.startswith((".debug", ".comment", ".note")):
                found.add(m.group(2))
    return found


def own_sources(elf):
    """Own .c, .S and .h files behind the linked objects, from the compiler's dependency files."""
    found = set()
    for stem in linked_objects(elf[:-4] + ".map"):
        with open(stem + ".d", encoding="utf-8") as f:
            words = f.read().split(":", 1)[1].replace("\\\n", " ").split()
        found |= {w.rstrip(":") for w in words if not w.startswith(("/", "build", "third_party/"))}
    return {f for f in found if f.endswith((".c", ".h", ".S"))}


def code_lines(path):
    """Lines that hold more than comment or white space."""
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), f.read(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def all_lines(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return sum(1 for _ in f)


def measure(elf):
    size = sections(elf)
    sources = own_sources(elf)
    return {
        "text": sum(v for k, v in size.items() if k.startswith((".text", ".init")) and k != ".init_array"),
        "rodata": sum(v for k, v in size.items() if k.startswith(".rodata")),
        "data": sum(v for k, v in size.items() if k.startswith((".data", ".tdata"))),
        "bss": sum(v for k, v in size.items() if k.startswith((".bss", ".tbss"))),
        "resident_text": size.get(".text", 0) + size.get(".rodata", 0),
        "lines": sum(all_lines(f) for f in sources),
        "sloc": sum(code_lines(f) for f in sources),
    }


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folder")
    p.add_argument("--json", metavar="FILE")
    o = p.parse_args(argv)
    elves = sorted(glob.glob(os.path.join(o.folder, "*.elf")) + glob.glob(os.path.join(o.folder, "*", "*.elf")))
    rows = {os.path.relpath(elf, o.folder)[:-4]: measure(elf) for elf in elves}
    print(f"{'program':28}{'text':>9}{'rodata':>9}{'data':>9}{'bss':>9}{'lines':>8}{'sloc':>8}")
    for name, r in rows.items():
        print(f"{name:28}{r['text']:9}{r['rodata']:9}{r['data']:9}{r['bss']:9}{r['lines']:8}{r['sloc']:8}")
    if "hyp" in rows:
        r = rows["hyp"]
        print(f"hyp: resident text and rodata {r['resident_text']} of {HYP_TEXT_MAX} bytes, {r['lines']} of {HYP_LINES_MAX} lines")
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1, sort_keys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
