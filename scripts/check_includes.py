#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may include whom: docs/coding.md, "Layout". Fails with one line for each include that crosses a border it must not.

check_includes.py [--root DIR]    --root is for the test of this script."""
import argparse
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FOLDERS = ("include", "lib", "hyp", "kernel", "drivers", "domains", "servers", "terminal", "guests", "tests", "scripts")

# Headers that a freestanding compiler brings with it.
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdatomic.h", "stdarg.h", "stdalign.h", "stdnoreturn.h", "limits.h"}
# Folders of servers/ that are libraries for the other servers; lib/posix counts as a server.
SERVER_LIBRARIES = {"rt", "blk", "fsclient"}
# What a folder may include besides itself. Kernel and hypervisor meet only in include/abi.
ALLOWED = {
    "include": {"abi"},
    "lib": {"abi", "lib"},
    "hyp": {"abi", "lib", "hyp"},
    "kernel": {"abi", "lib", "kernel"},
    "drivers": {"abi", "lib"},
    "terminal": {"abi", "lib", "terminal"},
    "domains": {"abi", "lib", "drivers"},
    "servers": {"abi", "lib", "terminal", "drivers"},
    "guests": {"abi", "lib", "domains", "drivers"},  # guests/hostile is a storage domain turned villain
}


def second(path):
    """The subfolder, empty for a file that lies in the top folder itself and so is shared by all of it."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def area(path):
    """The top folder of a file; lib/posix is a server, include/abi is abi."""
    if path.startswith("lib/posix/"):
        return "servers"
    return path.split("/")[0]


def quoted_problem(source, target):
    """Why source may not include "target", or None."""
    here, there = area(source), area(target)
    if there == "tests" and here != "tests":
        return "nothing but tests includes tests"
    if here in ("tests", "scripts") or there in ALLOWED.get(here, ()):
        return None
    if there != here:
        return f"{here}/ may not include {there}/"
    own, other = second(source), second(target)
    if other in ("", own) or here not in ("drivers", "domains", "servers", "guests"):
        return None
    if here == "domains" and (other == "rt" or own == "faults"):
        return None
    if here == "servers" and (other in SERVER_LIBRARIES or own == "posix"):
        return None
    return f"{here}/{own} may not include {here}/{other}"


def system_problem(source, target):
    """Why source may not include <target>, or None."""
    here = area(source)
    if here in ("servers", "tests", "scripts") or target in FREESTANDING:
        return None
    if here == "include":
        return f"include/abi may not include <{target}>"
    if target.startswith(("linux/", "asm/")):
        return None
    if target == "libfdt.h" and here in ("hyp", "kernel"):
        return None
    return f"{here}/ may not include <{target}>"


def assembly_problem(kind, target):
    """Assembly sees generated offsets and constants only."""
    name = os.path.basename(target)
    if kind == '"' and (name in ("offsets.h", "sysreg.h") or target.startswith("abi/")):
        return None
    return "assembly includes offsets.h, sysreg.h and abi/ only"


def includes_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)


def problems_of(root, path):
    for number, kind, target in includes_of(root, path):
        problem = None
        if path.endswith(".S") and area(path) not in ("tests", "guests"):
            problem = assembly_problem(kind, target)
        if not problem and kind == '"':
            problem = quoted_problem(path, target)
            if not problem and area(path) not in ("tests", "scripts") and "/" not in target and not path.endswith(".S"):
                problem = f'"{target}": write the path from the root (or from include/)'
        elif not problem:
            problem = system_problem(path, target)
        if problem:
            yield f"{path}:{number}: {problem}"


def cycles(graph):
    """Each circle of headers once, as a list of paths."""
    state, stack, found = {}, [], []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for target in graph.get(node, ()):
            if state.get(target) == "open":
                found.append(stack[stack.index(target):] + [target])
            elif target in graph and target not in state:
                visit(target)
        stack.pop()
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            visit(node)
    return found


def resolve(root, target):
    return next((p for p in (target, "include/" + target) if os.path.exists(os.path.join(root, p))), target)


def sources(root):
    for folder in FOLDERS:
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = [f for f in folders if not f.startswith((".", "__"))]
            for name in names:
                if name.endswith((".c", ".h", ".S")):
                    yield os.path.relpath(os.path.join(where, name), root)


def check(root):
    files = sorted(sources(root))
    lines = [problem for path in files for problem in problems_of(root, path)]
    headers = {p: [resolve(root, t) for _, kind, t in includes_of(root, p) if kind == '"'] for p in files if p.endswith(".h")}
    lines += ["circle: " + " -> ".join(circle) for circle in cycles(headers)]
    return files, lines


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    root = p.parse_args(argv).root
    files, lines = check(root)
    for line in lines:
        print(line)
    if lines:
        print(f"includes: {len(lines)} of {len(files)} files cross a border", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
