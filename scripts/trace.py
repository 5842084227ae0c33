#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Turns EL2's trace ring into text or into a timeline for Perfetto (https://ui.perfetto.dev reads the JSON).

  trace.py --memory FILE [--perfetto OUT.json]    FILE: raw 32-byte records, e.g. from QMP pmemsave of the symbol `ring` of hyp.elf
  trace.py ... --svg OUT.svg [--around death] [--span-us 600]    a picture: a lane for each domain, marks for events
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


def window(recs, around, span_us):
    """The records of span_us beginning a tenth before the last event of that name; all when there is none."""
    index = event_names().index(around)
    at = [r[0] for r in recs if r[1] == index]
    if not at:
        return recs
    first = at[-1] - span_us * 100 // TICK_NS
    return [r for r in recs if first <= r[0] <= first + span_us * 1000 // TICK_NS]


MARKS = {"death": "#c0392b", "step": "#7f8c8d", "start": "#27ae60", "publish": "#2980b9", "doorbell": "#d4ac0d", "link_status": "#8e44ad"}


def as_svg(recs, domains):
    """A lane for each domain: bars while it has the core, ticks for events, names for those that matter in a restart."""
    names, begin = event_names(), recs[0][0]
    span = max(recs[-1][0] - begin, 1)
    used = sorted({r[3] for r in recs if r[3] < len(domains)})
    width, left, lane = 960, 90, 46
    height = 34 + lane * len(used) + 30
    x_of = lambda t: left + (t - begin) * (width - left - 20) / span
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    y_of = {d: 24 + lane * i for i, d in enumerate(used)}
    for d in used:
        out.append(f'<text x="6" y="{y_of[d] + 20}">{domains[d]}</text>')
    now = None
    for ticks, event, _, domain, a, _ in recs + [(recs[-1][0], event_names().index("switch"), 0, 0xffffffff, 0, 0)]:
        if names[event] == "switch":
            if now and now[1] in y_of:
                w = max(x_of(ticks) - x_of(now[0]), 0.5)
                out.append(f'<rect x="{x_of(now[0]):.1f}" y="{y_of[now[1]] + 8}" width="{w:.1f}" height="16" fill="#aed6f1"/>')
            now = (ticks, domain)
    labelled = -100.0
    for ticks, event, _, domain, a, _ in recs:
        name, x = names[event], x_of(ticks)
        if domain not in y_of or name not in MARKS:
            continue
        y = y_of[domain]
        out.append(f'<line x1="{x:.1f}" y1="{y + 4}" x2="{x:.1f}" y2="{y + 28}" stroke="{MARKS[name]}" stroke-width="1.5"/>')
        if name in ("death", "start", "publish") and x - labelled > 40:
            out.append(f'<text x="{x:.1f}" y="{y + 40}" fill="{MARKS[name]}" text-anchor="middle">{name}</text>')
            labelled = x
    us = span * TICK_NS / 1000
    for i in range(6):
        x = left + i * (width - left - 20) / 5
        out.append(f'<text x="{x:.0f}" y="{height - 8}" text-anchor="middle" fill="#555">{us * i / 5:.0f} us</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = ap.add_mutually_exclusive_group(required=True)
    source.add_argument("--memory", metavar="FILE")
    source.add_argument("--text", metavar="FILE")
    ap.add_argument("--perfetto", metavar="OUT")
    ap.add_argument("--svg", metavar="OUT")
    ap.add_argument("--around", default="death")
    ap.add_argument("--span-us", type=int, default=0)
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
    if a.span_us:
        recs = window(recs, a.around, a.span_us)
    if a.svg:
        with open(a.svg, "w", encoding="utf-8") as f:
            f.write(as_svg(recs, domains))
    elif a.perfetto:
        with open(a.perfetto, "w", encoding="utf-8") as f:
            json.dump(as_perfetto(recs, domains), f)
    else:
        print("\n".join(as_text(recs, domains)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
