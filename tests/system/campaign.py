# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of campaigns: written by tests to build/report/campaign.d/NAME.json, joined by tests/run.py, taken over by bench.py."""
import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "build", "report", "campaign.d")


def add(name, value, unit, goal=None, better="lower", board="qemu-virt", peers=None):
    os.makedirs(FOLDER, exist_ok=True)
    row = {"name": name, "board": board, "value": value, "unit": unit, "goal": goal, "better": better, "peers": peers or {}}
    path = os.path.join(FOLDER, f"{name}.json")
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(row, f)
    os.replace(path + ".part", path)


def join(out):
    """Writes all rows to the file `out`; returns them."""
    rows = []
    for name in sorted(os.listdir(FOLDER) if os.path.isdir(FOLDER) else []):
        if name.endswith(".json"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
                rows.append(json.load(f))
    with open(out, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
    return rows
