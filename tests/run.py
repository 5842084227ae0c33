#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the tests of all tiers and writes build/report/tests.xml (JUnit) and build/report/campaign.json.

Usage: run.py [TIER...] [-k PART]       tiers: unit fuzz target system; default all
The last line says `N passed, N failed`; the exit code is 1 when something failed.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
REPORT = os.path.join(ROOT, "build", "report")
sys.path[:0] = [HERE, os.path.join(HERE, "system")]
import campaign  # noqa: E402
import fuzz_tier  # noqa: E402
import unit_tier  # noqa: E402
from unit_tier import case  # noqa: E402

TIERS = ("unit", "fuzz", "target", "system")
FILE_TIMEOUT_S = 2400  # one pytest file
FUZZ_SECONDS = 3
JOBS = 2
_print_lock = threading.Lock()
_started = time.monotonic()


def say(text):
    with _print_lock:
        print(f"[{time.monotonic() - _started:6.1f}s] {text}", flush=True)


def report(tier):
    """A function that prints what became of some cases: failures in full, the rest as a count."""
    done = {"n": 0}

    def show(cases):
        done["n"] += len(cases)
        for c in cases:
            if c["failure"] is not None:
                say(f"FAIL {c['suite']} {c['name']}\n{indent(c['failure'])}")
        if cases:
            say(f"{tier}: {cases[0]['suite']}: {len(cases)} cases ({done['n']} so far)")
    return show


def indent(text, lines=25):
    return "\n".join("      " + line for line in text.strip().splitlines()[-lines:])


def pytest_file(path, part):
    """Runs one pytest file in its own process; prints each test as it ends; returns its cases."""
    name = os.path.basename(path)[:-3]
    xml = os.path.join(REPORT, "parts", f"{name}.xml")
    os.makedirs(os.path.dirname(xml), exist_ok=True)
    if os.path.exists(xml):
        os.unlink(xml)
    cmd = ["/usr/bin/python3", "-u", "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short", "--color=no", "-o", "console_output_style=classic",
           f"--junitxml={xml}", "--rootdir", os.path.dirname(path), path] + (["-k", part] if part else [])
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=os.path.join(HERE, "system"))
    output = []
    # A session of its own: a time-out ends pytest with every QEMU it started.
    p = subprocess.Popen(cmd, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                         start_new_session=True)
    timer = threading.Timer(FILE_TIMEOUT_S, end_group, [p])
    timer.start()
    for line in p.stdout:
        output.append(line)
        m = re.match(r"\S+::(\S+) (PASSED|FAILED|ERROR|SKIPPED)", line)
        if m:
            say(f"{'ok  ' if m.group(2) == 'PASSED' else m.group(2)} {name}.{m.group(1)}")
    p.wait()
    timer.cancel()
    with open(os.path.join(REPORT, "parts", f"{name}.log"), "w", encoding="utf-8") as f:
        f.write("".join(output))
    cases = pytest_cases(xml, name)
    if p.returncode not in (0, 1, 5) or not cases and p.returncode != 5:
        cases.append(case("runs_to_its_end", name, failure=f"pytest ended with code {p.returncode}\n{''.join(output)[-3000:]}"))
    for c in cases:
        if c["failure"] is not None:
            say(f"FAIL {c['suite']} {c['name']}\n{indent(c['failure'], 60)}")
    return cases


def end_group(p):
    try:
        os.killpg(p.pid, 9)  # our own process group only
    except ProcessLookupError:
        pass


def pytest_cases(xml, name):
    try:
        root = ET.parse(xml).getroot()
    except (OSError, ET.ParseError):
        return []
    out = []
    for t in root.iter("testcase"):
        bad = t.find("failure") if t.find("failure") is not None else t.find("error")
        c = case(t.get("name"), name, float(t.get("time") or 0), None if bad is None else (bad.get("message") or "") + "\n" + (bad.text or ""))
        skip = t.find("skipped")
        c["skipped"] = None if skip is None else (skip.get("message") or "skipped")
        out.append(c)
    return out


def run_pytest_tier(folder, pattern, part):
    files = sorted(glob.glob(os.path.join(HERE, folder, pattern)))
    out = []
    with ThreadPoolExecutor(JOBS) as pool:
        for cases in pool.map(lambda f: pytest_file(f, part), files):
            out += cases
    return out


def write_xml(cases, path):
    """All cases as one JUnit file."""
    failed = sum(1 for c in cases if c["failure"] is not None)
    skipped = sum(1 for c in cases if c["skipped"])
    root = ET.Element("testsuites", tests=str(len(cases)), failures=str(failed), skipped=str(skipped))
    suites = {}
    for c in cases:
        suites.setdefault(c["suite"], []).append(c)
    for suite, members in suites.items():
        s = ET.SubElement(root, "testsuite", name=suite, tests=str(len(members)),
                          failures=str(sum(1 for c in members if c["failure"] is not None)))
        for c in members:
            t = ET.SubElement(s, "testcase", classname=suite, name=c["name"], time=f"{c['seconds']:.3f}")
            if c["failure"] is not None:
                clean = re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", c["failure"])
                ET.SubElement(t, "failure", message=clean.strip().splitlines()[0][:200] if clean.strip() else "failed").text = clean
            elif c["skipped"]:
                ET.SubElement(t, "skipped", message=c["skipped"])
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("tiers", nargs="*", choices=[*TIERS, []], help="which tiers; default all")
    ap.add_argument("-k", dest="part", default="", help="only cases (pytest) or test files (unit, fuzz) with this in their name")
    a = ap.parse_args()
    tiers = a.tiers or TIERS
    os.makedirs(REPORT, exist_ok=True)
    if not a.part and set(tiers) == set(TIERS):
        shutil.rmtree(campaign.FOLDER, ignore_errors=True)
    cases = []
    if "unit" in tiers:
        say("unit: host tests, gcc and clang, ASan and UBSan")
        cases += unit_tier.run(path_part=a.part, jobs=JOBS, report=report("unit"))
    if "fuzz" in tiers:
        say(f"fuzz: {FUZZ_SECONDS} s for each target")
        cases += fuzz_tier.run(FUZZ_SECONDS, a.part, report=report("fuzz"))
    if "target" in tiers:
        say("target: EL1 and EL2 images in QEMU")
        cases += run_pytest_tier("target", "test_*.py", a.part)
    if "system" in tiers:
        say("system: whole boots in QEMU")
        cases += run_pytest_tier("system", "test_*.py", a.part)
    write_xml(cases, os.path.join(REPORT, "tests.xml"))
    campaign.join(os.path.join(REPORT, "campaign.json"))
    failed = [c for c in cases if c["failure"] is not None]
    skipped = sum(1 for c in cases if c["skipped"])
    for c in failed:
        print(f"FAILED {c['suite']} {c['name']}")
    print(f"{len(cases)} cases in build/report/tests.xml, {time.monotonic() - _started:.0f} s" + (f", {skipped} skipped" if skipped else ""))
    print(f"{len(cases) - len(failed) - skipped} passed, {len(failed)} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
