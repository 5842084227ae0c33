#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The long campaign of tests/system/test_points.py: 10,000 deaths of the storage domain, each one step later than the one before.

  kill_points.py [--turns N] [--from FIRST] [--shard i/n] [--kind nvme|sdhci|both] [--report FILE]
A turn is one boot of 250 deaths for each kind of disk. Ends with 1 when a turn failed; what it printed is kept beside the report."""
import argparse
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEATHS = 250


def turn(first, kind):
    env = dict(os.environ, ZEROS_KILL_FIRST=str(first), ZEROS_KILL_POINTS=str(DEATHS))
    p = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "tests/system/test_points.py", "-k", f"kill_points and {kind}"], cwd=ROOT,
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return p.returncode == 0 and "1 passed" in p.stdout, p.stdout


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--turns", type=int, default=20)
    ap.add_argument("--from", type=int, default=1, dest="first")
    ap.add_argument("--shard", default="1/1")
    ap.add_argument("--kind", choices=("nvme", "sdhci", "both"), default="both")
    ap.add_argument("--report")
    a = ap.parse_args()
    index, count = map(int, a.shard.split("/"))
    kinds = ("nvme", "sdhci") if a.kind == "both" else (a.kind,)
    lines, bad, deaths = [], 0, 0
    for n in range(index - 1, a.turns, count):
        first = a.first + n * DEATHS
        for kind in kinds:
            begin = time.monotonic()
            good, out = turn(first, kind)
            bad += not good
            deaths += DEATHS if good else 0
            lines.append(f"| {kind} | {first} to {first + DEATHS - 1} | {'nothing lost, wrong, an error or twice' if good else 'FAILED'} |")
            print(f"kill points: {kind} {first}..{first + DEATHS - 1}: {'ok' if good else 'FAILED'} ({time.monotonic() - begin:.0f} s)", flush=True)
            if not good and a.report:
                with open(f"{a.report}.{kind}-{first}.txt", "w", encoding="utf-8") as f:
                    f.write(out)
    if a.report:
        with open(a.report, "w", encoding="utf-8") as f:
            f.write("# Kill points\n\n" + f"{deaths} deaths without a loss, {bad} turns failed.\n\n| disk | steps | outcome |\n|---|---|---|\n" + "\n".join(lines) + "\n")
    print(f"{deaths} kill points, {bad} failed turns")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
