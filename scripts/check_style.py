#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""House rules that no compiler checks: SPDX line in every file, functions of at most 60 lines, files warned about from 500 on,
no header without #pragma once, no #ifdef inside a function. check_style.py [FILE...]; default: every file that git knows."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SPDX = "SPDX-License-Identifier: AGPL-3.0-or-later"
FUNCTION_LINES_MAX = 60
FILE_LINES_WARN = 500
SPDX_HEAD_LINES = 5
CODE = (".c", ".h", ".S", ".py", ".mk", ".ld", ".sh", ".dts", ".args", ".manifest")
NEEDS_SPDX_TOO = ("Makefile", "setup", "deps", "deps-fetch", "qemu", "variant", "pre-commit", "pre-push", "outer")
NO_SPDX = ("tests/fuzz/corpus/",)


def git_files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [f for f in out.splitlines() if os.path.isfile(os.path.join(ROOT, f))]


def functions(lines):
    """(first line number, length) of each function: from a column-0 brace to the next column-0 closing brace."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def check_c(path, lines):
    inside = None
    for start, length in functions(lines):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{start}: function of {length} lines (at most {FUNCTION_LINES_MAX})"
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            inside = number
        elif line.startswith("}"):
            inside = None
        elif inside and re.match(r"\s*#\s*(if|ifdef|ifndef)\b", line):
            yield f"{path}:{number}: #if inside a function: use a file of its own or a 0/1 constant"
    if path.endswith(".h") and not any(line.startswith("#pragma once") for line in lines):
        yield f"{path}:1: no #pragma once"


def check(path):
    """(errors, warnings) of one file."""
    errors, warnings = [], []
    name = os.path.basename(path)
    if not (name.endswith(CODE) or name in NEEDS_SPDX_TOO) or path.startswith(NO_SPDX):
        return errors, warnings
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    if not any(SPDX in line for line in lines[:SPDX_HEAD_LINES]):
        errors.append(f"{path}:1: no line `{SPDX}`")
    if path.endswith((".c", ".h")):
        if not path.startswith("tests/"):
            errors += check_c(path, lines)
        if len(lines) > FILE_LINES_WARN:
            warnings.append(f"{path}: {len(lines)} lines (warned about from {FILE_LINES_WARN} on)")
    return errors, warnings


def main(argv):
    failed = False
    for path in argv or git_files():
        errors, warnings = check(os.path.relpath(os.path.join(ROOT, path), ROOT))
        for line in errors:
            print(line)
        for line in warnings:
            print(f"warning: {line}")
        failed |= bool(errors)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
