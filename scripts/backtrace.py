#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names the addresses of EL2's panic: backtrace.py [FILE] reads a console's output (standard input without FILE) and prints it with
the function, file and line behind each `hyp: stack OFFSET` and `exception ... pc ADDRESS`. What is on a stack may be stale: read it
as a list of suspects, newest first."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ELF = os.path.join(ROOT, "build", os.environ.get("BOARD", "qemu-virt"), "hyp.elf")
LOAD = 0x40200000  # QEMU; elsewhere offsets alone are named


def name_of(offset):
    """'function at file:line' of an offset in hyp.elf; inlined functions one after the other."""
    out = subprocess.run(["aarch64-linux-gnu-addr2line", "-f", "-i", "-e", ELF, hex(offset)], stdout=subprocess.PIPE, text=True, check=True)
    lines = out.stdout.splitlines()
    places = [f"{f} at {os.path.relpath(p, ROOT) if p.startswith('/') else p}" for f, p in zip(lines[::2], lines[1::2])]
    return " < ".join(places)


def main():
    source = open(sys.argv[1], encoding="utf-8", errors="replace") if len(sys.argv) > 1 else sys.stdin
    with source:
        for line in source:
            line = line.rstrip("\r\n")
            stack = re.search(r"hyp: stack 0x([0-9a-f]+)", line)
            pc = re.search(r"exception \d+ at EL2: pc 0x([0-9a-f]+)", line)
            if stack:  # a return address: the call is the instruction before
                line += "  " + name_of(int(stack.group(1), 16) - 4)
            elif pc and int(pc.group(1), 16) >= LOAD:
                line += "  " + name_of(int(pc.group(1), 16) - LOAD)
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
