#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Measures every row of build/report/bench.json and prints the table: bench.py [--only GROUP[,GROUP]]

Rows, units, goals and where each starts and ends: docs/testing.md. What cannot be measured is null, never a guess. Peers come from
scripts/peers.json, campaign rows (longest_el2_stretch, ...) from build/report/campaign.json, which `make test` writes.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", "system"), os.path.join(ROOT, "tests", "target"), os.path.join(ROOT, "scripts")]
REPORT = os.path.join(ROOT, "build", "report")
BOARD = "qemu-virt"
TICK = 16  # instructions of one CNTPCT tick: 62.5 MHz, one instruction a nanosecond
MIN_MEMORY_STEP = 8  # MiB
FEW_ROUNDS, MANY_ROUNDS = 64, 1088  # requests of the guard rows

LOWER, HIGHER = "lower", "higher"
ROWS = [  # name, unit, goal
    ("null_hypercall", "instructions", 80),
    ("gicd_read_trap", "instructions", 140),
    ("irq_to_domain", "instructions", 180),
    ("irq_to_domain_spi", "instructions", 180),
    ("switch_round_trip", "instructions", 440),
    ("doorbell_round_trip", "instructions", 580),
    ("ipc_round_trip", "instructions", None),
    ("null_syscall", "instructions", None),
    ("read_4k", "instructions", 12_000),
    ("write_4k", "instructions", None),
    ("read_64k", "instructions", None),
    ("read_1m", "instructions", 200_000),
    ("guard_ratio_64k", "direct / guard", 0.85),
    ("guard_ratio_1m", "direct / guard", 0.85),
    ("guard_read_64k", "instructions", None),
    ("guard_read_1m", "instructions", None),
    ("direct_read_64k", "instructions", None),
    ("direct_read_1m", "instructions", None),
    ("guard_traps_per_request", "EL2 entries", 8),
    ("direct_traps_per_request", "EL2 entries", None),
    ("restart_to_read", "instructions", 600_000),
    ("restart_to_read_ns", "virtual ns", None),
    ("reset_to_el1", "instructions", 1_500_000),
    ("reset_to_prompt", "instructions", 100_000_000),
    ("idle_interrupts_10s", "interrupts", 0),
    ("hyp_text_bytes", "bytes", 49_152),
    ("hyp_sloc", "lines", 6_000),
    ("kernel_text_bytes", "bytes", None),
    ("storage_image_bytes", "bytes", None),
    ("min_memory_mib", "MiB", None),
    ("longest_el2_stretch", "instructions", 25_000),
    ("hostile_applicable", "cases", 60),
    ("hostile_contained", "cases", 60),
    ("mutation_kill_ratio", "ratio", 0.9),
]
HIGHER_ROWS = ("hostile_applicable", "hostile_contained", "mutation_kill_ratio", "guard_ratio_64k", "guard_ratio_1m")  # all others: less is better
SHELL_ROWS = ("null_syscall", "ipc_round_trip", "read_4k", "write_4k", "read_64k", "read_1m", "restart_to_read", "restart_to_read_ns", "reset_to_prompt")


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def attempt(what, measure, found):
    """Adds what measure() returns to found; a failure is said and leaves its rows null."""
    say(f"BENCH {what}")
    try:
        found.update(measure())
    except Exception as e:  # one bench that fails must not hide the others
        say(f"{what}: not measured: {str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__}")
        if os.environ.get("ZEROS_BENCH_DEBUG"):
            say(str(e))


def size_rows():
    import size
    base = os.path.join(ROOT, "build", BOARD)
    hyp = size.measure(os.path.join(base, "hyp.elf"))
    kernel = size.measure(os.path.join(base, "kernel.elf"))
    return {
        "hyp_text_bytes": hyp["resident_text"],
        "hyp_sloc": hyp["sloc"],
        "kernel_text_bytes": kernel["text"],
        "storage_image_bytes": os.path.getsize(os.path.join(base, "domains", "storage.img")),
    }


def micro_rows(folder):
    """EL2's own costs: the bench image of the target tier with its peer domain, and two driver domains that take turns."""
    import build
    import disks
    import zeros
    systems = [build.system("bench", "peer"),
               build.system("switch", "switch", second="switch", defines=("DRIVER_PMU", "DRIVER_BUDGET_US=4500"))]
    found = {}
    for v in systems:
        out, err, _ = zeros.run_autorun(v, [disks.zeros(os.path.join(folder, "z.img"), 16 << 20)], timeout=180)
        text = out.decode(errors="replace")
        if os.environ.get("ZEROS_BENCH_DEBUG"):
            say(text)
        if "bench done" not in text:
            raise RuntimeError(f"the bench image did not end: {text[-300:]} {err[-300:]}")
        found.update({m.group(1): int(m.group(2)) for m in re.finditer(r"^(?:driver: )?bench (\w+) (\d+)", text, re.M)})
    found.pop("boot_ticks", None)
    return found


def shell_rows(folder):
    """What the shell's bench command measures, typed by /autorun, under icount, on the standard system."""
    import disks
    import variants
    import zeros
    script = "bench reset_to_prompt\n" + "".join(f"bench {r}\n" for r in SHELL_ROWS if r != "reset_to_prompt") + "log\npoweroff\n"
    image = disks.make(os.path.join(folder, "d.img"), "64M", {"/hello": b"hello\n", "/bench": 8 << 20})
    out, err, _ = zeros.run_autorun(variants.get(autorun=script), [image], timeout=400, memory="1G")
    text = out.decode(errors="replace")
    if os.environ.get("ZEROS_BENCH_DEBUG"):
        say(text)
    found = {m.group(1): int(m.group(2).replace(",", "")) for m in re.finditer(r"^(?:bench\s+)?(\w+)\s+([0-9][0-9,]*)\b", text, re.M) if m.group(1) in SHELL_ROWS}
    boot = re.search(r"boot_ticks\D+(\d+)", text)
    if boot:
        found["reset_to_el1"] = int(boot.group(1)) * TICK
    missing = [r for r in SHELL_ROWS if r not in found]
    if missing:
        say(f"the shell's bench said nothing about {', '.join(missing)}: {text[-300:].strip()} {err[-300:].strip()}")
    return found


def fence_rows(folder, dma):
    """One fence on the standard system, same images: instructions of a 64 KiB and a 1 MiB read, EL2 entries of a 4 KiB one."""
    import disks
    import variants
    import zeros
    image = disks.make(os.path.join(folder, f"{dma}.img"), "64M", {"/hello": b"hello\n"})
    m = zeros.boot(variants.get(defines=(f'DISK_DMA="{dma}"',)), [image], icount=True, timeout=120)
    try:
        def bench(row, rounds):
            out = m.cmd(f"bench {row} {rounds}", 120)
            return int(re.search(rf"^bench {row} (\d+)", out, re.M).group(1))

        def entries(rounds):
            m.qmp("stop")
            before = m.stats()["entries"]
            m.qmp("cont")
            bench("read_4k", rounds)
            m.qmp("stop")
            after = m.stats()["entries"]
            m.qmp("cont")
            return after - before
        bench("read_1m", 2)  # the card and all buffers are up
        few, many = entries(FEW_ROUNDS), entries(MANY_ROUNDS)  # their difference is free of the typing
        return bench("read_64k", 64), bench("read_1m", 16), round((many - few) / (MANY_ROUNDS - FEW_ROUNDS), 2)
    finally:
        m.kill()


def guard_rows(folder):
    """What the guard costs: the same run under `smmu`, called direct, and under `guard`."""
    found = {}
    for name, dma in (("direct", "smmu"), ("guard", "guard")):
        found.update(zip((f"{name}_read_64k", f"{name}_read_1m", f"{name}_traps_per_request"), fence_rows(folder, dma)))
    for size in ("64k", "1m"):
        found[f"guard_ratio_{size}"] = round(found[f"direct_read_{size}"] / found[f"guard_read_{size}"], 3)
    return found


def boot_rows(folder):
    """reset_to_el1: CNTPCT at the entry to main, read out of EL2's counters with the machine stopped."""
    import disks
    import zeros
    m = zeros.boot(None, [disks.make(os.path.join(folder, "b.img"), "64M", {"/hello": b"hello\n"})], icount=True)
    try:
        m.qmp("stop")
        return {"reset_to_el1": m.stats()["boot_ticks"] * TICK}
    finally:
        m.kill()


def idle_row(folder):
    """10 s at the prompt without icount: EL2's count of interrupts before and after."""
    import idle
    import zeros
    m, log = idle.boot_watched(folder)
    try:
        m.cmd("cat /hello")
        m.drain(3.0)
        before, after, lines = idle.quiet(m, log, idle.IDLE_S)
        if idle.noise(lines):
            raise RuntimeError(f"QEMU logged {len(idle.noise(lines))} events while idle")
        if "ok" not in m.cmd("echo ok"):
            raise RuntimeError("dead after idling")
        return {"idle_interrupts_10s": after[0] - before[0]}
    finally:
        zeros.end_all()


def boots_with(mib, folder):
    import disks
    import zeros
    image = disks.make(os.path.join(folder, "m.img"), "64M", {"/hello": b"hello\n"})
    try:
        m = zeros.boot(None, [image], memory=f"{mib}M", timeout=20)
        return "hello" in m.cmd("cat /hello", 20)
    except AssertionError:
        return False
    finally:
        zeros.end_all()


def memory_row(folder):
    """The least -m, in steps of 8 MiB, with which the prompt comes and a file can be read."""
    low, high = 0, 128  # low fails, high works
    if not boots_with(high, folder):
        low, high = 128, 256
        if not boots_with(high, folder):
            raise RuntimeError("does not boot with 256 MiB")
    while high - low > MIN_MEMORY_STEP:
        mid = (low + high) // 2 // MIN_MEMORY_STEP * MIN_MEMORY_STEP
        if boots_with(mid, folder):
            high = mid
        else:
            low = mid
    return {"min_memory_mib": high}


def campaign_rows():
    try:
        with open(os.path.join(REPORT, "campaign.json"), encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        say("build/report/campaign.json: not there; `make test` writes it")
        return []


def committed_rows():
    """Rows that the committed reports of long runs say: the hostile suite and the mutation of checks."""
    found = {}
    with open(os.path.join(ROOT, "tests", "hostile", "report.md"), encoding="utf-8") as f:
        m = re.search(r"^Cases that apply (\d+), played (\d+), contained (\d+)", f.read(), re.M)
        found.update({"hostile_applicable": int(m.group(1)), "hostile_contained": int(m.group(3))})
    with open(os.path.join(ROOT, "tests", "hostile", "mutation.md"), encoding="utf-8") as f:
        m = re.search(r"^killed (\d+) of (\d+)", f.read(), re.M)
        found["mutation_kill_ratio"] = round(int(m.group(1)) / int(m.group(2)), 3)
    return found


def peers_of(name, peers):
    return {p["name"]: p["value"] for p in peers.get(name, [])}


def table(rows):
    """The rows as text: ours, the goal, whether it is met, peers."""
    def number(v):
        return "not measured" if v is None else f"{v:,}"
    lines = [f"{'row':28}{'value':>15}  {'unit':14}{'goal':>14}  met   peers"]
    for r in rows:
        met = "-" if r["goal"] is None or r["value"] is None else \
            "yes" if (r["value"] <= r["goal"] if r["better"] == LOWER else r["value"] >= r["goal"]) else "NO"
        peers = ", ".join(f"{k} {v:,}" for k, v in r["peers"].items())
        lines.append(f"{r['name']:28}{number(r['value']):>15}  {r['unit']:14}{'' if r['goal'] is None else number(r['goal']):>14}  {met:4}  {peers}")
    return "\n".join(lines)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="", help="groups: size,micro,shell,guard,boot,reports,idle,memory; prints the table, writes nothing")
    a = ap.parse_args()
    groups = set(a.only.split(",")) if a.only else {"size", "micro", "shell", "guard", "boot", "reports", "idle", "memory"}
    os.makedirs(REPORT, exist_ok=True)
    found = {}
    with tempfile.TemporaryDirectory(prefix="zeros-bench-") as folder:
        work = [("size", "sizes of the programs", size_rows), ("micro", "EL2's micro-benchmarks", lambda: micro_rows(folder)),
                ("shell", "the shell's bench command", lambda: shell_rows(folder)), ("guard", "the DMA guard against the SMMU", lambda: guard_rows(folder)),
                ("boot", "reset to EL1", lambda: boot_rows(folder)), ("reports", "committed reports", committed_rows),
                ("idle", "10 s idle at the prompt", lambda: idle_row(folder)), ("memory", "least memory", lambda: memory_row(folder))]
        for group, what, measure in work:
            if group in groups:
                attempt(what, measure, found)
    with open(os.path.join(ROOT, "scripts", "peers.json"), encoding="utf-8") as f:
        peers = json.load(f)["rows"]
    campaign = {r["name"]: r for r in campaign_rows()}
    rows = []
    for name, unit, goal in ROWS:
        value = found.get(name)
        if value is None and name in campaign:
            value = campaign[name]["value"]
        rows.append({"name": name, "board": BOARD, "value": value, "unit": unit, "goal": goal,
                     "better": HIGHER if name in HIGHER_ROWS else LOWER, "peers": peers_of(name, peers)})
    named = {r["name"] for r in rows}
    rows += [r for r in campaign.values() if r["name"] not in named]
    if not a.only:  # a part of the rows is for looking at
        with open(os.path.join(REPORT, "bench.json"), "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
    version = subprocess.run(["qemu-system-aarch64", "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()[0]
    print(f"{version}; instructions at all levels under -icount shift=0,sleep=off; peers on the same ruler (scripts/peers.json)")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
