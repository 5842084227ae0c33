#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Turns EL2's trace ring into text or into a timeline for Perfetto (https://ui.perfetto.dev reads the JSON).

  trace.py --memory FILE [--perfetto OUT.json]    FILE: raw 32-byte records, e.g. from QMP pmemsave of the symbol `ring` of hyp.elf
  trace.py --text FILE   [--perfetto OUT.json]    FILE: lines of hex as the shell's `domains dump NAME` prints them
Names of events and domains: include/abi/trace.h, and --domains main,storage,...
"""
import argparse
import json
import os
import re
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORD = struct.Struct("<QHHIQQ")  # struct trace_rec
TICK_NS = 16  # QEMU: 62.5 MHz


def event_names():
    """Names of enum trace_event, read from the header: there is one list."""
    with open(os.path.join(ROOT, "include/abi/trace.h"), encoding="utf-8") as f:
        body = re.search(r"enum trace_event \{(.*?)\}", f.read(), re.S).group(1)
    return [n[len("TRACE_"):].lower() for n in re.findall(r"^\s*(TRACE_\w+)", body, re.M)]


def records(data):
    """The records in order of time; empty and torn ones are left out."""
    known = len(event_names())
    out = []
    for at in range(0, len(data) - RECORD.size + 1, RECORD.size):
        rec = RECORD.unpack_from(data, at)
        if rec[0] and 0 < rec[1] < known:
            out.append(rec)
    return sorted(out)


def hex_bytes(text):
    """Bytes of hex dump lines: 'OFFSET: 00112233 ...' or plain hex."""
    out = bytearray()
    for line in text.splitlines():
        body = line.split(":", 1)[-1]
        words = re.findall(r"\b(?:[0-9a-f]{2})+\b", body.split("  |")[0].lower())
        out += bytes.fromhex("".join(words))
    return bytes(out)


def name_of(domains, index):
    if index == 0xffffffff:
        return "nobody"
    return domains[index] if index < len(domains) else f"domain{index}"


def as_text(recs, domains):
    names = event_names()
    start = recs[0][0] if recs else 0
    for ticks, event, cpu, domain, a, b in recs:
        yield f"{(ticks - start) * TICK_NS / 1000:14.3f} us  cpu{cpu} {name_of(domains, domain):10} {names[event]:12} {a:#x} {b:#x}"


def as_perfetto(recs, domains):
    """Chrome trace events: a slice for each stay of a domain on the core, an instant for everything else."""
    names, events, since = event_names(), [], {}
    for ticks, event, cpu, domain, a, b in recs:
        us = ticks * TICK_NS / 1000
        if names[event] == "switch":
            before = since.pop(cpu, None)
            if before:
                events.append({"name": before[1], "ph": "X", "pid": 0, "tid": cpu, "ts": before[0], "dur": us - before[0]})
            since[cpu] = (us, name_of(domains, domain))
        else:
            events.append({"name": names[event], "ph": "i", "s": "t", "pid": 0, "tid": cpu, "ts": us,
                           "args": {"domain": name_of(domains, domain), "arg0": hex(a), "arg1": hex(b)}})
    return {"traceEvents": events, "displayTimeUnit": "ns"}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = ap.add_mutually_exclusive_group(required=True)
    source.add_argument("--memory", metavar="FILE")
    source.add_argument("--text", metavar="FILE")
    ap.add_argument("--perfetto", metavar="OUT")
    ap.add_argument("--domains", default="main,storage,storage2")
    a = ap.parse_args()
    domains = a.domains.split(",")
    if a.memory:
        with open(a.memory, "rb") as f:
            data = f.read()
    else:
        with open(a.text, encoding="utf-8", errors="replace") as f:
            data = hex_bytes(f.read())
    recs = records(data)
    if a.perfetto:
        with open(a.perfetto, "w", encoding="utf-8") as f:
            json.dump(as_perfetto(recs, domains), f)
    else:
        print("\n".join(as_text(recs, domains)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
