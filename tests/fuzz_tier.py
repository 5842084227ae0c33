#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds and runs the fuzz targets: tests/fuzz/<name>.c with LLVMFuzzerTestOneInput, linked as its LINK comment says (unit_tier.py).

Seeds lie in tests/fuzz/corpus/<name>/; what a run finds new stays under build/fuzz/. A crash input is printed with its path.
Usage: fuzz_tier.py [--seconds N] [NAME]
"""
import argparse
import glob
import os
import subprocess
import sys
import time

import unit_tier
from unit_tier import ROOT, BuildError, case

OUT = os.path.join(ROOT, "build", "fuzz")


def targets():
    return sorted(os.path.basename(p)[:-2] for p in glob.glob(os.path.join(ROOT, "tests/fuzz/*.c")))


def build(name):
    test = f"tests/fuzz/{name}.c"
    links, flags = unit_tier.directives(test)
    sources, libs = [test], []
    for item in links:
        if item == "@libfdt":
            sources += sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, unit_tier.LIBFDT, "fdt*.c")))
        elif item.startswith("-"):
            libs.append(item)
        else:
            sources.append(item)
    objs = [unit_tier.compile_one("clang", s, [*flags, "-fsanitize=fuzzer-no-link"]) for s in sources]
    exe = os.path.join(OUT, name)
    os.makedirs(OUT, exist_ok=True)
    unit_tier.call([unit_tier.COMMAND["clang"], "-fsanitize=fuzzer,address,undefined", *objs, *libs, "-o", exe], f"link {name}", 120)
    return exe


def run_one(name, seconds):
    started = time.monotonic()
    try:
        exe = build(name)
    except (BuildError, subprocess.TimeoutExpired) as e:
        return case(name, "fuzz", failure=str(e)[-4000:])
    found = os.path.join(OUT, "corpus", name)
    os.makedirs(found, exist_ok=True)
    seeds = os.path.join(ROOT, "tests/fuzz/corpus", name)
    cmd = [exe, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={OUT}/{name}-", "-verbosity=0",
           "-print_final_stats=1", found] + ([seeds] if os.path.isdir(seeds) else [])
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds + 120)
        output, code = p.stdout, p.returncode
    except subprocess.TimeoutExpired:
        output, code = "the fuzz target did not end", 124
    return case(name, "fuzz", time.monotonic() - started, None if code == 0 else f"exit code {code}\n{output[-4000:]}")


def run(seconds=5, part="", report=None):
    out = []
    for name in targets():
        if part in name:
            out.append(run_one(name, seconds))
            if report:
                report(out[-1:])
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=int, default=60)
    ap.add_argument("name", nargs="?", default="")
    a = ap.parse_args()
    cases = run(a.seconds, a.name)
    for c in cases:
        print(("ok   " if c["failure"] is None else "FAIL ") + c["name"] + ("" if c["failure"] is None else "\n" + c["failure"]))
    failed = sum(1 for c in cases if c["failure"] is not None)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
