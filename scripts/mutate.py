#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Removes checks against hostile input, one at a time, in a copy of the tree, and runs the test that tests/guards.tsv names for each.

  mutate.py [--count N --seed S] [--tier unit|target|system|all] [--only T-nnn[,T-nnn]] [--shard i/n] [--jobs N] [--map] [--report FILE]

A check is a line with the comment `guards: T-nnn`, on it or on the line above. Removed: `if (c)` becomes `if (0 && (c))`; where that is
not the check's removal the fourth column of guards.tsv says what becomes what (`old => new`, on that line).
--count N --seed S: N of them, drawn with that seed. --map: runs all unit tests that mirror the file, to find a selector; judges nothing.
The last line says `killed K of N`; exit code 1 when fewer than 90 % of them were."""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GUARDS = os.path.join(ROOT, "tests", "guards.tsv")
FOLDERS = "boards hyp include kernel lib drivers domains guests servers tests scripts third_party Makefile".split()
KILLED_MIN = 0.9
UNIT_TIMEOUT_S, SYSTEM_TIMEOUT_S = 120, 900
_lock = threading.Lock()


class Unusable(Exception):
    """A guard that cannot be removed or whose row is wrong: said, and counted as a survivor."""


def read_table(path=GUARDS):
    """{T-nnn: (tier, selector, (old, new) or None)}."""
    out = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            cells = line.rstrip("\n").split("\t")
            change = tuple(x.strip() for x in cells[3].split("=>", 1)) if len(cells) > 3 and cells[3] else None
            if cells[0] in out:
                raise SystemExit(f"{path}: {cells[0]} is there twice; give the second a number of its own")
            out[cells[0]] = (cells[1], cells[2], change)
    return out


def code_of(line):
    """A line without its comments; the last line of a long comment is empty too."""
    line = re.sub(r"/\*.*?\*/", "", line)
    return re.sub(r"^.*\*/|/\*.*$", "", line).strip()


def read_guards():
    """[(T-nnn, file, index of the line that is the check)] of the whole tree."""
    names = subprocess.run(["git", "grep", "-l", "guards: T-", "--", "*.c", "*.h", "*.S", ":!tests"], cwd=ROOT, stdout=subprocess.PIPE,
                           text=True, check=False).stdout.split()
    out = []
    for name in names:
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            lines = f.read().split("\n")
        for i, line in enumerate(lines):
            for number in re.findall(r"T-\d{3}", line) if "guards: T-" in line else []:
                at = i
                while not code_of(lines[at]):  # a comment alone: the check is below
                    at += 1
                out.append((number, name, at))
    return sorted(out)


def close_of(text, at):
    """Index of the parenthesis that closes the one at text[at]."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise Unusable("a parenthesis without its end")


def remove(text, at, change):
    """The file's text without the check on line at."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[:at])
    if change:
        if change[0] not in lines[at] and at > 0 and change[0] in lines[at - 1]:  # a condition of two lines
            at, start = at - 1, start - len(lines[at - 1]) - 1
        if change[0] not in lines[at]:
            raise Unusable(f"'{change[0]}' is not on line {at + 1}: correct the row of tests/guards.tsv")
        return text[:start] + lines[at].replace(change[0], change[1], 1) + text[start + len(lines[at]):]
    m = re.match(r"\s*(?:\} )?(?:else )?if \(", lines[at])
    if not m:
        raise Unusable(f"line {at + 1} is no `if`: tests/guards.tsv needs `old => new` in its fourth column")
    opening = start + m.end() - 1
    closing = close_of(text, opening)
    return text[:opening] + "(0 && " + text[opening:closing + 1] + ")" + text[closing + 1:]


class Copy:
    """A copy of the tree to break. It has the objects of unit tests that are up to date, by hard links (they are only ever replaced)."""

    def __init__(self, full):
        base = os.path.join(ROOT, "build")
        self.path = tempfile.mkdtemp(prefix="mutate-", dir=base)
        for name in FOLDERS:
            source, target = os.path.join(ROOT, name), os.path.join(self.path, name)
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        os.makedirs(os.path.join(self.path, "build"))
        os.symlink(os.path.join(base, "deps"), os.path.join(self.path, "build", "deps"))
        objects = os.path.join(base, "unit", "gcc")
        if os.path.isdir(objects):
            shutil.copytree(objects, os.path.join(self.path, "build", "unit", "gcc"), copy_function=os.link,
                            ignore=shutil.ignore_patterns("bin", "*.xml"))
        if full:
            for name in ("setup.mk",):
                shutil.copy2(os.path.join(base, name), os.path.join(self.path, "build", name))
            subprocess.run(["git", "init", "-q"], cwd=self.path, check=True)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def call(self, cmd, timeout):
        """(passed, output). A session of its own: a time-out ends the test with every QEMU it started."""
        p = subprocess.Popen(cmd, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                             start_new_session=True)
        try:
            output = p.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            output = "time-out"
        finally:
            try:
                os.killpg(p.pid, 9)
            except ProcessLookupError:
                pass
            p.wait()
        return p.returncode == 0, output


def test(copy, tier, selector):
    """Runs one row's test. Returns (passed, output)."""
    if tier == "unit":
        return copy.call(["/usr/bin/python3", "tests/unit_tier.py", "--cc", "gcc", *selector.split()], UNIT_TIMEOUT_S)
    built, output = copy.call(["make", "-s", "-j2", "all"], SYSTEM_TIMEOUT_S)
    if not built:
        raise Unusable("it does not build: " + output[-300:])
    if tier == "hostile":
        return copy.call(["/usr/bin/python3", "tests/hostile/run.py", *selector.split()], SYSTEM_TIMEOUT_S)
    if "::" in selector:
        return copy.call(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{tier}/{selector}"], SYSTEM_TIMEOUT_S)
    return copy.call(["/usr/bin/python3", "tests/run.py", tier, "-k", selector], SYSTEM_TIMEOUT_S)


def mutant(copy, guard, row, bad):
    """Tries one guard. Returns (verdict, words): killed, survived or unusable."""
    number, name, at = guard
    path = os.path.join(copy.path, name)
    original = os.path.join(ROOT, name)
    with open(original, encoding="utf-8") as f:
        text = f.read()
    try:
        if row is None:
            raise Unusable("tests/guards.tsv has no row for it")
        if row[:2] in bad:
            raise Unusable(bad[row[:2]])
        changed = remove(text, at, row[2])
        with open(path, "w", encoding="utf-8") as f:
            f.write(changed)
        passed, output = test(copy, row[0], row[1])
        if row[0] == "unit" and re.search(r"^FAIL \S+ builds$", output, re.M):
            raise Unusable("the mutant does not compile: " + output[-400:])
        return ("survived" if passed else "killed"), row[1]
    except Unusable as e:
        return "unusable", str(e)
    finally:
        shutil.copy2(original, path)
        os.utime(path)  # newer than the mutant's objects


def failing(copy, rows):
    """Tests that fail, or do not exist, before anything is removed: they would prove nothing."""
    bad = {}
    for tier, selector in sorted({(r[0], r[1]) for r in rows}):
        passed, output = test(copy, tier, selector)
        m = re.search(r"(\d+) passed, (\d+) failed", output)
        if not passed or m and m.group(1) == "0":
            bad[(tier, selector)] = "fails or does not exist before anything is removed: " + output[-300:]
    return bad


def chosen(a, guards, table):
    """The guards that this run is about."""
    wanted = a.only.split(",") if a.only else None
    out = [g for g in guards if (wanted is None or g[0] in wanted) and
           (a.tier == "all" or table.get(g[0], ("unit",))[0] == a.tier)]
    if a.count and a.count < len(out):
        out = sorted(random.Random(a.seed).sample(out, a.count))
    part, of = (int(x) for x in a.shard.split("/"))
    return out[part - 1::of]


def first_failure(copy, guard, row):
    """--map: which unit test notices."""
    number, name, at = guard
    part = name[:-2] if os.path.exists(os.path.join(ROOT, "tests/unit", name)) else name.rsplit("/", 1)[0]
    verdict = ""
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        text = f.read()
    try:
        with open(os.path.join(copy.path, name), "w", encoding="utf-8") as f:
            f.write(remove(text, at, row[2] if row else None))
        _, output = copy.call(["/usr/bin/python3", "tests/unit_tier.py", "--cc", "gcc", part], 300)
        verdict = "; ".join(re.findall(r"^FAIL .*$", output, re.M)[:4]) or "survived"
    except Unusable as e:
        verdict = f"unusable {e}"
    finally:
        shutil.copy2(os.path.join(ROOT, name), os.path.join(copy.path, name))
        os.utime(os.path.join(copy.path, name))
    return verdict, part


def report(rows, a, seconds):
    killed = sum(1 for _, v, _ in rows if v == "killed")
    out = ["# Mutation of checks", "", f"`scripts/mutate.sh --guards {' '.join(sys.argv[1:])}`: {seconds:.0f} s of wall time.",
           "Each check was removed in a copy of the tree and the test that tests/guards.tsv names for it was run.", "",
           "| guard | place | verdict | test |", "|---|---|---|---|"]
    out += [f"| {g[0]} | {g[1]}:{g[2] + 1} | {v} | {' '.join(w.split())[:160].replace('|', '/')} |" for g, v, w in rows]
    return "\n".join(out + ["", f"killed {killed} of {len(rows)}", ""])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--shard", default="1/1")
    p.add_argument("--count", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--tier", default="all")
    p.add_argument("--only")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--map", action="store_true")
    p.add_argument("--report")
    a = p.parse_args()
    table, began = read_table(), time.monotonic()
    work = chosen(a, read_guards(), table)
    full = any(table.get(g[0], ("unit",))[0] != "unit" for g in work)
    jobs = 1 if full else max(1, min(a.jobs, len(work)))
    rows, copies = [], [Copy(full) for _ in range(jobs)]
    free = list(copies)

    def one(guard):
        with _lock:
            copy = free.pop()
        try:
            row = table.get(guard[0])
            verdict, words = first_failure(copy, guard, row) if a.map else mutant(copy, guard, row, bad)
        finally:
            with _lock:
                free.append(copy)
        with _lock:
            rows.append((guard, verdict, words))
            print(f"{verdict:8} {guard[0]} {guard[1]}:{guard[2] + 1}: {words}", flush=True)

    try:
        bad = {} if a.map else failing(copies[0], [table[g[0]] for g in work if g[0] in table])
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, work))
    finally:
        for copy in copies:
            copy.remove()
    rows.sort()
    killed = sum(1 for _, v, _ in rows if v == "killed")
    if a.report:
        with open(a.report, "w", encoding="utf-8") as f:
            f.write(report(rows, a, time.monotonic() - began))
    print(f"killed {killed} of {len(rows)}")
    return 0 if killed >= KILLED_MIN * len(rows) and rows else 1


if __name__ == "__main__":
    sys.exit(main())
