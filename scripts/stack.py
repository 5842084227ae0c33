#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Worst stack depth by entry, from gcc's call graph; refuses recursion: stack.py --name N --limit BYTES --cflags FLAGS FILE.c...

An entry is a function that no C code calls by name: assembly calls it, or a table does. A call through a pointer is taken to go
to the deepest function whose address is taken and that is not on the way already, two such calls deep at most. Assembly's own
frames (a saved trap frame) come on top. --bounded F allows recursion through F, where something bounds it."""
import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

INDIRECT = "__indirect_call"
HOPS_MAX = 2
SHOWN = 6
NODE = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \((\w+)')
# PREL32 is unwinding information. A static function is named by its section there: -ffunction-sections gives each its own.
RELOCATION = re.compile(r"^[0-9a-f]+ R_AARCH64_(\w+) +(?:\.[\w.]*text\.)?([A-Za-z_]\w*)", re.M)
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


def call_graph(source, cflags):
    """({function: frame bytes}, [(caller, callee)], frames of unknown size, names whose address is taken) of one file."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "x.o")
        subprocess.run(["aarch64-linux-gnu-gcc", *cflags, "-w", "-g0", "-fcallgraph-info=su", "-c", source, "-o", out], check=True)
        with open(os.path.join(folder, "x.ci"), encoding="utf-8") as f:
            text = f.read()
        relocations = subprocess.run(["aarch64-linux-gnu-objdump", "-r", out], stdout=subprocess.PIPE, text=True, check=True).stdout
    frames = {title: int(size) for title, size, _ in NODE.findall(text)}
    unbounded = [title for title, _, kind in NODE.findall(text) if kind == "dynamic"]
    taken = {name for kind, name in RELOCATION.findall(relocations) if kind not in ("CALL26", "JUMP26", "PREL32")}
    return frames, EDGE.findall(text), unbounded, taken


def name_of(title):
    """The function of a node: statics carry their file, clones a suffix."""
    return title.rsplit(":", 1)[-1].split(".", 1)[0]


class Graph:
    def __init__(self, parts):
        self.frames, self.calls, self.unbounded = {}, {}, []
        taken = set()
        for frames, edges, unbounded, names in parts:
            self.frames.update(frames)
            taken |= names
            self.unbounded += unbounded
            for caller, callee in edges:
                self.calls.setdefault(caller, set()).add(callee)
        called = {c for targets in self.calls.values() for c in targets}
        self.entries = sorted(f for f in self.frames if f not in called)
        self.by_pointer = {f for f in self.frames if name_of(f) in taken}
        self.cycles, self.known = [], {}

    def depth(self, function, way=(), hops=0):
        """(bytes, path) of the deepest chain from function on, through at most HOPS_MAX pointers."""
        if function in way:
            cycle = [*way[way.index(function):], function]
            # Through a pointer the way is a guess, and so would be the circle.
            if all(callee in self.calls.get(caller, ()) for caller, callee in zip(cycle, cycle[1:])):
                self.cycles.append(cycle)
            return 0, ()
        if (function, hops) not in self.known:
            way += (function,)
            targets = self.calls.get(function, set())
            ways = [self.depth(t, way, hops) for t in sorted(targets - {INDIRECT})]
            if INDIRECT in targets and hops < HOPS_MAX:
                ways += [self.depth(t, way, hops + 1) for t in sorted(self.by_pointer - set(way))]
            best = max(ways, default=(0, ()))
            self.known[function, hops] = self.frames.get(function, 0) + best[0], (function, *best[1])
        return self.known[function, hops]


def main(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--name", required=True)
    p.add_argument("--limit", type=int, required=True)
    p.add_argument("--cflags", required=True)
    p.add_argument("--bounded", action="append", default=[])
    p.add_argument("files", nargs="+")
    o = p.parse_args(argv)
    flags = shlex.split(o.cflags)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        graph = Graph(pool.map(lambda f: call_graph(f, flags), [f for f in o.files if f.endswith(".c")]))
    deepest = sorted(((graph.depth(e), e) for e in graph.entries), reverse=True)
    for (size, way), _ in deepest[:SHOWN]:
        print(f"{o.name:8}{size:7}  {' > '.join(name_of(f) for f in way)}")
    failed = False
    cycles = {" > ".join(name_of(f) for f in cycle) for cycle in graph.cycles if not any(name_of(f) in o.bounded for f in cycle)}
    for cycle in sorted(cycles):
        print(f"{o.name}: recursion: {cycle}")
        failed = True
    for function in graph.unbounded:
        print(f"{o.name}: frame of unknown size: {name_of(function)}")
        failed = True
    if deepest and deepest[0][0][0] > o.limit:
        print(f"{o.name}: {deepest[0][0][0]} bytes of stack, at most {o.limit}")
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
