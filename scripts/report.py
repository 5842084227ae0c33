#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One page out of build/report: tests by suite, what failed, campaign rows, bench rows against their goals."""
import json
import os
import sys
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPORT = os.path.join(ROOT, "build", "report")


def load(name):
    try:
        with open(os.path.join(REPORT, name), encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def tests():
    try:
        root = ET.parse(os.path.join(REPORT, "tests.xml")).getroot()
    except (OSError, ET.ParseError):
        print("tests: build/report/tests.xml is not there; run make test")
        return 1
    failed = []
    print(f"{'suite':44}{'cases':>7}{'failed':>8}{'seconds':>10}")
    for suite in root.iter("testsuite"):
        cases = list(suite.iter("testcase"))
        bad = [c.get("name") for c in cases if c.find("failure") is not None]
        failed += [f"{suite.get('name')} {n}" for n in bad]
        print(f"{suite.get('name'):44}{len(cases):7}{len(bad):8}{sum(float(c.get('time') or 0) for c in cases):10.1f}")
    total = len(list(root.iter("testcase")))
    print(f"{'all':44}{total:7}{len(failed):8}")
    for name in failed:
        print(f"FAILED {name}")
    return 1 if failed else 0


def rows(title, name):
    found = load(name)
    if found is None:
        print(f"{title}: build/report/{name} is not there")
        return
    print(f"\n{title}")
    for r in found:
        value = "not measured" if r["value"] is None else f"{r['value']:,}"
        goal = "" if r.get("goal") is None else f" (goal {'<=' if r['better'] == 'lower' else '>='} {r['goal']:,})"
        print(f"  {r['name']:36}{value:>16} {r['unit']}{goal}")


def main():
    code = tests()
    rows("campaign", "campaign.json")
    rows("bench", "bench.json")
    return code


if __name__ == "__main__":
    sys.exit(main())
