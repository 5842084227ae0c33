#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which lines of EL2 ran, without instrumentation: coverage.py [--out FILE] [pytest selection...]

Runs system tests with QEMU's log of translated blocks (-d in_asm: each block once), maps the addresses of hyp.elf to lines and prints,
for each file, how many of the lines that have code were reached. Boot-only code counts as well. A block that was translated was
entered, or begins in a page where another one was: the figure is an upper bound by a few instructions a block."""
import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ELF = os.path.join(ROOT, "build", "qemu-virt", "hyp.elf")
LOAD = 0x40200000  # where QEMU's loader puts an arm64 Image: RAM + 2 MiB
DEFAULT = ["tests/system/test_restart.py", "tests/system/test_faults.py", "tests/system/test_smp.py", "-k", "not ownership"]


def text_addresses():
    """{address: None} of all instructions of hyp.elf."""
    out = subprocess.run(["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", ELF], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [int(m, 16) for m in re.findall(r"^\s*([0-9a-f]+):\t", out, re.M)]


def lines_of(addresses):
    """(file, line) of each address, inlined code by its own line."""
    p = subprocess.run(["aarch64-linux-gnu-addr2line", "-e", ELF], input="\n".join(hex(a) for a in addresses), stdout=subprocess.PIPE,
                       text=True, check=True)
    out = []
    for line in p.stdout.splitlines():
        name, _, number = line.split(" ")[0].rpartition(":")
        name = os.path.relpath(name, ROOT) if name.startswith("/") else name
        out.append((os.path.normpath(name), int(number) if number.isdigit() else 0))
    return out


def executed(folder, size):
    """Offsets in hyp.elf of all instructions in the logs."""
    found = set()
    for path in glob.glob(os.path.join(folder, "*.log")):
        with open(path, encoding="utf-8", errors="replace") as f:
            for m in re.finditer(r"^0x([0-9a-f]{8,16}):", f.read(), re.M):
                at = int(m.group(1), 16) - LOAD
                if 0 <= at < size:
                    found.add(at)
    return found


def report(all_addresses, ran, out):
    have, hit = collections.defaultdict(set), collections.defaultdict(set)
    for address, (name, number) in zip(all_addresses, lines_of(all_addresses)):
        if not number or name.startswith(("..", "build")) or name == "??":
            continue
        have[name].add(number)
        if address in ran:
            hit[name].add(number)
    total, reached = 0, 0
    for name in sorted(have):
        total += len(have[name])
        reached += len(hit[name])
        missed = sorted(have[name] - hit[name])
        print(f"{name:36} {len(hit[name]):5} of {len(have[name]):5} {100 * len(hit[name]) / len(have[name]):6.1f} %"
              f"   {' '.join(map(str, missed[:24]))}{' ...' if len(missed) > 24 else ''}", file=out)
    print(f"EL2: {reached} of {total} lines ran, {100 * reached / max(total, 1):.1f} %", file=out)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", metavar="FILE")
    a, tests = ap.parse_known_args()
    folder = tempfile.mkdtemp(prefix="zeros-coverage-")
    env = dict(os.environ, ZEROS_COVERAGE=folder)
    subprocess.run([sys.executable, "-m", "pytest", "-q", *(tests or DEFAULT)], cwd=ROOT, env=env, check=False)
    addresses = text_addresses()
    ran = executed(folder, max(addresses) + 4)
    shutil.rmtree(folder)
    if not ran:
        print("coverage: no log says that EL2 ran: were the tests selected system tests?", file=sys.stderr)
        return 1
    if a.out:
        with open(a.out, "w", encoding="utf-8") as f:
            report(addresses, ran, f)
    else:
        report(addresses, ran, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
