#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds and runs the host unit tests: one program for each tests/unit/<area>/<name>.c, gcc and clang, ASan and UBSan.

A test file names what it is linked with in comment lines near its top (paths from the repository's root):
    // LINK: hyp/link.c hyp/link_mmio.c tests/fake/arch.c      (may be repeated; @libfdt = the pinned libfdt; -lm passes through)
    // CFLAGS: -DFOO=1                                          (for the test file and everything it links)
Without LINK the mirrored file (tests/unit/lib/format.c -> lib/format.c) is linked when there is one.
lib/string.c is always compiled with its functions renamed to zeros_* (the host has its own memcpy); str_copy keeps its name.

Usage: unit_tier.py [--cc gcc|clang|both] [PART-OF-PATH [PART-OF-CASE]]     e.g. unit_tier.py hyp/link lie
"""
import argparse
import glob
import hashlib
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "unit")
LIBFDT = "build/deps/src/device-tree-compiler/libfdt"
WARN = ("-Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror").split()
WARN_TESTS = "-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Werror".split()
BASE = ("-std=gnu17 -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fno-common "
        "-fsanitize=address,undefined -fno-sanitize-recover=all -DZEROS_HOST=1").split()
STRING_NAMES = "memcpy memmove memset memcmp strlen strnlen strcmp strncmp strchr strrchr memchr".split()
COMMAND = {"gcc": "gcc", "clang": "clang-14"}  # Debian's clang-14 comes without the bare name
COMPILE_TIMEOUT_S = 120
RUN_TIMEOUT_S = 120


def test_files():
    """All unit test sources, sorted, the runner left out."""
    found = glob.glob(os.path.join(ROOT, "tests/unit/*/**/*.c"), recursive=True)
    return sorted(os.path.relpath(f, ROOT) for f in found)


def directives(test):
    """What the comment lines of a test file ask for: (sources and libraries, flags)."""
    links, flags, said = [], [], False
    with open(os.path.join(ROOT, test), encoding="utf-8") as f:
        for line in f:
            m = re.match(r"\s*(?://|/?\*+)\s*(LINK|CFLAGS):\s*(.*?)\s*(?:\*/)?\s*$", line)
            if m and m.group(1) == "LINK":
                said = True
                links += m.group(2).split()
            elif m:
                flags += m.group(2).split()
    mirror = test[len("tests/unit/"):]
    if not said and os.path.exists(os.path.join(ROOT, mirror)):
        links = [mirror]
    return links, flags


def includes():
    fdt = os.path.join(ROOT, LIBFDT)
    flags = ["-I", ".", "-I", "include"]
    return flags + (["-isystem", LIBFDT] if os.path.isdir(fdt) else [])


def up_to_date(obj, dep):
    """True when obj is newer than everything its dependency file lists."""
    try:
        made = os.path.getmtime(obj)
        with open(dep, encoding="utf-8") as f:
            text = f.read().split(":", 1)[1].replace("\\\n", " ")
        return all(os.path.getmtime(os.path.join(ROOT, p)) <= made for p in text.split())
    except (OSError, IndexError):
        return False


class BuildError(Exception):
    pass


def call(cmd, what, timeout):
    p = subprocess.run(cmd, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=timeout, errors="replace")
    if p.returncode != 0:
        raise BuildError(f"{what}:\n{p.stdout.strip()}")


def compile_one(cc, source, flags):
    """Compiles source with cc when it is out of date; returns the object's path."""
    third = source.startswith("build/deps/")
    cmd = [COMMAND[cc], *BASE, *includes(), *flags]
    if third:
        cmd += ["-w"]
    else:
        cmd += WARN_TESTS if source.startswith("tests/") else WARN
    if source == "lib/string.c":
        cmd += ["-fno-builtin", *[f"-D{n}=zeros_{n}" for n in STRING_NAMES]]
    tag = hashlib.sha256(" ".join(cmd).encode()).hexdigest()[:8]
    obj = os.path.join(OUT, cc, tag, source.replace("/", "__") + ".o")
    dep = obj[:-1] + "d"
    if not up_to_date(obj, dep):
        os.makedirs(os.path.dirname(obj), exist_ok=True)
        # Written under another name first: two programs may want the same object at the same time.
        part = f"{obj}.{os.getpid()}.{time.monotonic_ns()}"
        call([*cmd, "-MMD", "-MF", part + ".d", "-MT", "x", "-c", source, "-o", part], f"{cc} {source}", COMPILE_TIMEOUT_S)
        os.replace(part + ".d", dep)
        os.replace(part, obj)
    return obj


def build(cc, test):
    """Builds one test program; returns its path."""
    links, flags = directives(test)
    sources, libs = [test, "tests/unit/main.c"], []
    for item in links:
        if item == "@libfdt":
            sources += sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, LIBFDT, "fdt*.c")))
        elif item.startswith("-"):
            libs.append(item)
        else:
            sources.append(item)
    objs = [compile_one(cc, s, flags) for s in sources]
    exe = os.path.join(OUT, cc, "bin", test[len("tests/unit/"):-2].replace("/", "_"))
    key = exe + ".key"
    want = hashlib.sha256("\n".join(objs + libs).encode()).hexdigest()
    fresh = os.path.exists(exe) and all(os.path.getmtime(o) <= os.path.getmtime(exe) for o in objs)
    if not fresh or not os.path.exists(key) or open(key, encoding="utf-8").read() != want:
        os.makedirs(os.path.dirname(exe), exist_ok=True)
        part = f"{exe}.{os.getpid()}"
        call([COMMAND[cc], "-fsanitize=address,undefined", *objs, *libs, "-o", part], f"{cc} link {test}", COMPILE_TIMEOUT_S)
        os.replace(part, exe)
        with open(key, "w", encoding="utf-8") as f:
            f.write(want)
    return exe


def case(name, suite, seconds=0.0, failure=None):
    return {"suite": suite, "name": name, "seconds": seconds, "failure": failure, "skipped": None}


def run_program(cc, test, part, verbose):
    """Builds and runs one test program with one compiler; returns a list of cases."""
    label = test[len("tests/unit/"):-2]
    suite = f"unit.{cc}.{label.replace('/', '.')}"
    try:
        exe = build(cc, test)
    except (BuildError, subprocess.TimeoutExpired, OSError) as e:
        return [case("builds", suite, failure=str(e)[-4000:])]
    xml = exe + ".xml"
    if os.path.exists(xml):
        os.unlink(xml)
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1")
    try:
        p = subprocess.run([exe, "--xml", xml, *([part] if part else [])], cwd=ROOT, env=env, text=True, errors="replace",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_TIMEOUT_S)
        output, code = p.stdout, p.returncode
    except subprocess.TimeoutExpired as e:
        output, code = (e.stdout or b"").decode(errors="replace") + "\ntime-out", 124
    if verbose:
        print(output, end="")
    cases = read_xml(xml, suite)
    if code != 0 and not any(c["failure"] for c in cases):
        cases.append(case("ends_cleanly", suite, failure=f"exit code {code}\n{output[-4000:]}"))
    return cases


def read_xml(path, suite):
    """The cases of one program's XML; a program that was killed left it unfinished."""
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except OSError:
        return []
    if "</testsuite>" not in text:
        text += "</testsuite>"
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return []
    out = []
    for t in root.iter("testcase"):
        fail = t.find("failure")
        name = t.get("classname").split(".", 1)[1] + "." + t.get("name")
        out.append(case(name, suite, float(t.get("time")), fail.text if fail is not None else None))
    return out


def run(ccs=("gcc", "clang"), path_part="", case_part="", jobs=2, report=None, verbose=False):
    """Runs every test whose path contains path_part; returns all cases. report(cases) is called after each program."""
    work = [(cc, t) for t in test_files() if path_part in t for cc in ccs]
    out = []

    def one(item):
        cases = run_program(item[0], item[1], case_part, verbose)
        if report:
            report(cases)
        return cases

    with ThreadPoolExecutor(jobs) as pool:
        for cases in pool.map(one, work):
            out += cases
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--cc", default="gcc", choices=["gcc", "clang", "both"])
    ap.add_argument("--list", action="store_true", help="print the test files")
    ap.add_argument("--build", metavar="TEST", help="build one test file with --cc and print the program's path")
    ap.add_argument("path", nargs="?", default="")
    ap.add_argument("case", nargs="?", default="")
    a = ap.parse_args()
    if a.list:
        print("\n".join(test_files()))
        return 0
    if a.build:
        print(build("gcc" if a.cc == "both" else a.cc, a.build))
        return 0

    def report(cases):
        for c in cases:
            if c["failure"] is not None:
                print(f"FAIL {c['suite']} {c['name']}\n{c['failure']}")
        sys.stdout.flush()

    ccs = ("gcc", "clang") if a.cc == "both" else (a.cc,)
    cases = run(ccs, a.path, a.case, report=report)
    for c in cases:
        if c["failure"] is None:
            print(f"ok   {c['name']}" + (f" [{c['suite'].split('.')[1]}]" if len(ccs) > 1 else ""))
    failed = sum(1 for c in cases if c["failure"] is not None)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
