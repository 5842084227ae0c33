#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hostile suite: boots the system of hostile.dts with a storage domain that plays the cases of cases.tsv, one after the other,
and judges each by the oracles O1 to O7 of docs/testing.md. Everything is read out of the machine's memory: nobody inside helps.

  run.py [--full] [--shard i/n] [--dma smmu|guard] [--seed N] [--case FROM[-TO]] [--report FILE] [--verbose]

--full: all trials (make soak); else a hundredth. The last line says `N contained, N failed of N applicable`."""
import argparse
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import campaign  # noqa: E402
import canary  # noqa: E402
import variants  # noqa: E402
import zeros  # noqa: E402

DTS = os.path.join(HERE, "hostile.dts")
RING_BYTES = 32768          # hyp/console.c
TICK_NS = 16
FAMILIES = ("ring", "config", "dma", "cpu", "traps", "grant", "life")  # the order of seams.c
# Cases of one boot. At most four of a boot may die before they have served 64 requests: the fifth would be given up.
BOOTS = ((1, 11), (12, 18), (19, 23), (24, 25), (26, 31), (38, 46), (47, 60), (61, 62), (64, 68), (63, 63), (69, 70), (71, 71))
DMA_CASES = (47, 60)
LATE_MAX_NS = 1_000_000     # O3: the probe of main wakes within a millisecond of its time: a million instructions
THROUGHPUT_MIN = 0.95       # O4, over all bursts of a run of BURSTS_MIN or more: of fewer, one budget inside a burst moves it by percents
BURSTS_MIN = 500
BUDGET_NS = 400_000         # O4, of a single burst: what the hostile domain may take in a period of 10 ms (hostile.dts), and a quarter more
STRETCH_MAX = 25_000        # instructions that EL2 may hold the core
CAUSES = {"stage-2 fault": "fault", "DMA violation": "dma", "budget abuse": "budget", "switched itself off": "off"}


def read_cases():
    """[{number, text, applies, image, trials, oracles, causes}] of cases.tsv."""
    out = []
    with open(os.path.join(HERE, "cases.tsv"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            number, text, applies, image, trials, oracles, causes = line.rstrip("\n").split("\t")
            out.append({"number": int(number), "text": text, "applies": applies.startswith("yes"), "image": image,
                        "trials": int(trials), "oracles": oracles, "causes": causes.split("|")})
    return out


def attacks():
    """The tables of guests/hostile in their order: [(number, variant, trials in one incarnation)]."""
    out = []
    for family in FAMILIES:
        with open(os.path.join(ROOT, "guests", "hostile", f"{family}.c"), encoding="utf-8") as f:
            for m in re.finditer(r"\{ (\d+), '(\w)', AT_\w+, (\d+), \w+ \}", f.read()):
                out.append((int(m.group(1)), m.group(2), int(m.group(3))))
    return out


def disk(path, words, size=8 << 20):
    """A raw disk: 64-bit word i is i, or all zeros."""
    import array
    with open(path, "wb") as f:
        if words:
            array.array("Q", range(size // 8)).tofile(f)
        else:
            f.truncate(size)
    return path


class Log:
    """EL2's log ring as complete lines [(seconds, text)], read out of the machine's memory while it runs."""

    def __init__(self, m):
        self.m, self.at, self.rest, self.lines = m, 0, "", []
        self.base = variants.hyp_symbols()["console"]

    def poll(self):
        self.m._pump(0)
        # The machine runs meanwhile: what is in the ring up to the count read before, is in the copy made after it.
        end = int.from_bytes(self.m.memory(self.base + RING_BYTES, 8), "little")
        data = self.m.memory(self.base, RING_BYTES + 8)
        assert end >= self.at, "O2: EL2 started anew"
        assert int.from_bytes(data[RING_BYTES:], "little") - self.at <= RING_BYTES, "the log was overwritten before it was read"
        text = bytes(data[i % RING_BYTES] for i in range(self.at, end)).decode(errors="replace")
        self.at = end
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        new = []
        for line in lines:
            m = re.match(r"\[ *(\d+\.\d+)\] (.*)", line)
            new.append((float(m.group(1)), m.group(2)) if m else (self.lines[-1][0] if self.lines else 0.0, line))
        self.lines += new
        return new

    def until(self, predicate, timeout):
        """Polls until predicate(line text) is true of some line; returns whether it was."""
        end = time.monotonic() + timeout * zeros.SCALE
        for _, text in self.lines:
            if predicate(text):
                return True
        while time.monotonic() < end:
            if any(predicate(text) for _, text in self.poll()):
                return True
            if self.m.proc.poll() is not None:
                raise AssertionError(f"O2: the machine ended, code {self.m.proc.returncode}: {self.m.stderr()[-500:]}")
            time.sleep(0.03)
        return False

    def memory_map(self):
        out = {}
        for _, text in self.lines:
            m = re.match(r"mem: (\w+) (\S+) 0x([0-9a-f]+) 0x([0-9a-f]+)", text)
            if m:
                out[f"{m.group(1)} {m.group(2)}"] = (int(m.group(3), 16), int(m.group(4), 16))
        return out


class Boot:
    """One boot that plays the cases [first, last] rounds times."""

    def __init__(self, first, last, rounds, share, seed, dma, quiet=False):
        self.first, self.last, self.rounds, self.quiet = first, last, rounds, quiet
        self.rows = [a for a in attacks() if first <= a[0] <= last] * rounds
        self.params = f"from={first} to={last} rounds={rounds} share={share} seed={seed}"
        self.dma = dma
        self.problems, self.begun = [], 0.0
        self.stretch = self.syndrome = 0

    def start(self):
        tmp = tempfile.mkdtemp(prefix="hostile-", dir=zeros.TMP)
        v = variants.get(defines=(f'HOSTILE_PARAMS="{self.params}"', f'HOSTILE_DMA="{self.dma}"'), dts=DTS)
        self.m = zeros.boot(v, [disk(os.path.join(tmp, "a.img"), False), disk(os.path.join(tmp, "b.img"), True)], memory="256M",
                            icount=True, wait=False)
        self.log = Log(self.m)

    def processes(self):
        """ps: {name: (threads, handles)}; what a kernel that leaks would let grow."""
        table = zeros.parse_table(self.m.cmd("ps", 120))
        return {row["name"]: (int(row["threads"]), int(row["handles"])) for row in table.values()}

    def play(self, timeout):
        """Runs the boot to its end; the oracles of the whole boot go into problems."""
        self.start()
        if not self.log.until(lambda t: t.endswith("fs: ready"), 90):
            self.problems.append("the clients did not start: " + "; ".join(t for _, t in self.log.lines[-5:]))
            return
        self.begun = self.log.lines[-1][0] + 0.02
        regions = canary.regions(self.m, self.log.memory_map())
        before = canary.snapshot(self.m, regions)
        plays = len(self.rows)
        middle = 2 * max(plays // 2, 1)
        processes = None
        if not self.quiet and plays >= 3 and self.log.until(lambda t: t == f"storage: generation {middle}", timeout):
            self.m.expect(re.escape(zeros.PROMPT), 90)
            processes = self.processes()
        if not self.log.until(lambda t: t == f"storage: generation {2 * plays}", timeout):
            self.problems.append("not all cases were played: " + "; ".join(t for _, t in self.log.lines[-4:]))
        ops = [int(m.group(1)) for m in (re.search(r"fs: ops (\d+)", t) for _, t in self.log.lines) if m]
        enough = (ops[-1] if ops else 0) + 100
        if not self.log.until(lambda t: (m := re.search(r"main: fs: ops (\d+)", t)) and int(m.group(1)) >= enough, 120):
            self.problems.append("O5: the last honest incarnation does not serve")
        if processes is not None:
            self.judge_processes(processes, self.processes())
        self.judge_whole(regions, before)

    def judge_processes(self, before, after):
        """Threads and handles of each process; a client's session with the supervisor is opened at its first report."""
        for name in sorted(before.keys() | after.keys()):
            a, b = before.get(name), after.get(name)
            session = name == "fs" and a and b and b == (a[0], a[1] + 1)
            if a != b and not session:
                self.problems.append(f"O6: kernel objects of {name}: {a} became {b}")

    def judge_whole(self, regions, before):
        changed = canary.changed(before, canary.snapshot(self.m, regions))
        if changed:
            self.problems.append(f"O1: changed: {changed}")
        self.m.qmp("stop")
        stats = self.m.stats()
        self.stretch, self.syndrome = stats["longest_ticks"] * TICK_NS, stats["longest_syndrome"]
        if self.stretch > STRETCH_MAX:
            self.problems.append(f"O2: EL2 held the core for {self.stretch} instructions, syndrome {self.syndrome:#x}")
        spans = sorted((s, s + n, k) for k, (s, n) in self.log.memory_map().items() if k.split()[0] in ("window", "ram", "text", "pool"))
        for a, b in zip(spans, spans[1:]):
            if a[1] > b[0]:
                self.problems.append(f"O1: {a[2]} and {b[2]} share pages")
        for _, text in self.log.lines:
            if re.search(r"PANIC|LEAK|WRONG|main died|CHECK", text):
                self.problems.append(text)
        self.m.kill()

    def outcomes(self):
        """One dict for each attack played."""
        lines, out = self.log.lines, []
        times = {}          # generation: (start, death, cause)
        endured, started = {}, {0: 0.0}
        generation = 0
        for at, text in lines:
            if m := re.match(r"storage: hostile: endured (\d+)", text):
                endured[generation] = int(m.group(1))
            elif m := re.match(r"storage: died: ([\w -]+), detail (\w+), info (\w+), pc \w+, generation (\d+)", text):
                times[int(m.group(4))] = (at, CAUSES.get(m.group(1), m.group(1)), m.group(2))
            elif m := re.match(r"storage: generation (\d+)$", text):
                generation = int(m.group(1))
                started[generation] = at
        for k, (number, variant, trials) in enumerate(self.rows):
            g = 2 * k + 1
            if g not in times:
                continue
            at, cause, detail = times[g]
            outcome = "restarted" if g + 1 in started else "down"
            if g in endured:
                cause, outcome = "none", "endured"
            out.append({"number": number, "variant": variant, "round": k // (len(self.rows) // self.rounds), "cause": cause,
                        "detail": detail, "outcome": outcome, "trials": endured.get(g, 1), "from": started.get(g, 0.0),
                        "to": started.get(g + 1, at)})
        return out

    def probes(self, start, end):
        """(worst lateness in ns, bursts, their mean in ns, the longest in ns) of the probe's lines that overlap [start, end]."""
        late = most = total = count = 0
        last = 0.0
        for at, text in self.log.lines:
            m = re.match(r"main: fs2: probe late (\d+) bursts (\d+) sum (\d+) max (\d+)", text)
            if not m:
                continue
            if at >= start and last <= end:
                a, b, c, d = (int(x) for x in m.groups())
                late, most, total, count = max(late, a * TICK_NS), max(most, d * TICK_NS), total + c * TICK_NS, count + b
            last = at
        return late, count, total / count if count else 0.0, most


def baseline(dma):
    """Mean burst of the probe while nobody attacks, in ns."""
    b = Boot(200, 200, 1, 1, 1, dma)
    b.params = ""
    b.start()
    assert b.log.until(lambda t: (m := re.search(r"fs: ops (\d+)", t)) and int(m.group(1)) > 400, 120), b.log.lines[-5:]
    first = next(at for at, t in b.log.lines if "fs: ops" in t)
    result = b.probes(first, b.log.lines[-1][0])
    b.m.kill()
    return result


def judge(case, o, probe, base):
    """What is wrong with one outcome, as a list of sentences."""
    late, _bursts, _mean, longest = probe
    bad = []
    if o["cause"] not in case["causes"]:
        bad.append(f"O5: cause {o['cause']}, expected {'|'.join(case['causes'])}")
    if o["outcome"] == "down":
        bad.append("O5: not restarted")
    if late > LATE_MAX_NS:
        bad.append(f"O3: main's probe was {late // 1000} us late")
    # One burst takes 43 us, so a budget that falls into one shows as ten of them: each is bounded here, their sum over the whole run.
    if longest > base[3] + 1.25 * BUDGET_NS:
        bad.append(f"O4: a burst of the neighbour took {longest // 1000} us, {base[3] // 1000} without the attack")
    return bad


def give_up(dma):
    """71: a hundred crashes in a row: backed off, then given up where a user sees it; the others run on."""
    b = Boot(71, 71, 1, 1, 1, dma)
    b.params = "always=1"
    b.start()
    bad = []
    if not b.log.until(lambda t: "fs2: ready" in t, 90):
        bad.append("the neighbour did not start")
    b.m.expect(r"given up", 120)
    b.m.cmd("echo here", 90)
    if b.m.domains()["storage"]["state"] != "given-up":
        bad.append(f"O5: {b.m.domains()['storage']}")
    deaths = int(b.m.domains()["storage"]["deaths"])
    b.m.kill()
    return {"number": 71, "variant": "give-up", "round": 0, "cause": "panic", "detail": "0x0", "outcome": f"given up after {deaths}",
            "trials": deaths, "bad": bad, "probe": (0, 0, 0.0, 0)}


def flipped_bit(dma, seed):
    """72: the image in the pack is another than the one whose hash the manifest has: it never runs."""
    path = os.path.join(zeros.TMP, f"flipped-{os.getpid()}.img")
    with open(variants.domain_image("hostile"), "rb") as f:
        data = bytearray(f.read())
    data[seed * 7919 % len(data)] ^= 1 << seed % 8
    with open(path, "wb") as f:
        f.write(data)
    tmp = tempfile.mkdtemp(prefix="hostile-", dir=zeros.TMP)
    v = variants.get(defines=(f'HOSTILE_DMA="{dma}"',), stale=(("hostile", path),), dts=DTS)
    m = zeros.boot(v, [disk(os.path.join(tmp, "a.img"), False), disk(os.path.join(tmp, "b.img"), True)], memory="256M", icount=True,
                   wait=False)
    log = Log(m)
    refused = log.until(lambda t: "storage" in t and "refused" in t, 60)
    bad = [] if refused and log.until(lambda t: "probe late" in t, 60) else ["O5: not refused, or the neighbour does not run"]
    m.kill()
    return {"number": 72, "variant": "a", "round": 0, "cause": "refused", "detail": "0x0", "outcome": "refused", "trials": 1, "bad": bad,
            "probe": (0, 0, 0.0, 0)}


def same_twice(first, last, seed, dma, timeout):
    """O7: two runs with the same seed say the same at the same instructions."""
    texts = []
    for _ in range(2):
        b = Boot(first, last, 1, 100, seed, dma, quiet=True)
        b.play(timeout)
        end = next((i for i, (_, t) in enumerate(b.log.lines) if t == f"storage: generation {2 * len(b.rows)}"), None)
        texts.append(b.log.lines[:end])
    return texts[0] == texts[1]


def run(full=False, shard=(1, 1), dma="smmu", seed=1, cases=(1, 72), verbose=False, out=print):
    """Plays what is asked for. Returns {"rows", "problems", "stretch", "base", "same", "speeds"}."""
    table = {c["number"]: c for c in read_cases()}
    rows, problems, speeds, stretch = [], [], [], 0
    base = baseline(dma)
    boots = [(max(a, cases[0]), min(b, cases[1])) for a, b in BOOTS if a <= cases[1] and b >= cases[0]]
    if dma != "smmu":
        boots = [b for b in boots if b[0] >= DMA_CASES[0] and b[1] <= DMA_CASES[1]]
    work = [(b, r) for r in range(100 if full else 1) for b in boots]
    for (first, last), r in work[shard[0] - 1::shard[1]]:
        b = Boot(first, last, 1, 1 if full and r == 0 else 100, seed + r, dma)
        began = time.monotonic()
        try:
            b.play(3000 if full else 240)
            problems += [f"cases {first}-{last}, seed {seed + r}: {p}" for p in b.problems]
        except Exception as e:  # the machine is gone: that is a failure of this boot, not of the runner
            problems.append(f"cases {first}-{last}, seed {seed + r}: {str(e)[-1500:]}")
        stretch = max(stretch, b.stretch)
        if hasattr(b, "log") and b.log.lines:
            whole = b.probes(b.begun, b.log.lines[-1][0])
            speeds.append((100 * base[2] / whole[2] if whole[1] else 0, whole[1], whole[2]))
        for o in b.outcomes() if hasattr(b, "log") else []:
            o["probe"] = b.probes(o["from"], o["to"])
            o["round"] = r
            o["bad"] = judge(table[o["number"]], o, o["probe"], base)
            rows.append(o)
            if verbose or o["bad"]:
                out(f"{o['number']}{o['variant']}: {o['outcome']}, {o['cause']} {o['detail']}, trials {o['trials']} {'; '.join(o['bad'])}")
        if verbose:
            out(f"-- cases {first}-{last}: {time.monotonic() - began:.1f} s, EL2 at most {b.stretch} instructions, neighbour {speeds[-1][0]:.1f} %")
            for p in b.problems:
                out(f"   {p}")
        zeros.end_all()
        if hasattr(b, "log") and len(b.outcomes()) < len(b.rows):
            problems.append(f"cases {first}-{last}, seed {seed + r}: {len(b.outcomes())} outcomes of {len(b.rows)} attacks")
    speed = pooled(speeds, base)
    if speed < 100 * THROUGHPUT_MIN and sum(s[1] for s in speeds) >= BURSTS_MIN:
        problems.append(f"O4: neighbour at {speed:.1f} % over {sum(s[1] for s in speeds)} bursts")
    if shard[0] == 1 and dma == "smmu":
        if cases[0] <= 71 <= cases[1]:
            rows.append(give_up(dma))
        if cases[1] >= 72:
            rows.append(flipped_bit(dma, seed))
        if cases[0] <= 42 <= cases[1] and not any("old data" in p for p in problems):
            rows.append({"number": 42, "variant": "a", "round": 0, "cause": "none", "detail": "0x0", "outcome": "window clean", "trials": len(work),
                         "bad": [], "probe": (0, 0, 0.0, 0)})
    same = same_twice(*boots[0], seed, dma, 240) if boots and shard[0] == 1 else None
    if same is False:
        problems.append("O7: the same seed gave another trace")
    return {"rows": rows, "problems": problems, "stretch": stretch, "base": base, "same": same, "speeds": speeds}


def pooled(speeds, base):
    """Throughput of the neighbour over all bursts of all boots, in percent of what it has without an attack."""
    bursts = sum(s[1] for s in speeds)
    return 100 * base[2] * bursts / sum(s[1] * s[2] for s in speeds) if bursts else 0.0


def contained(result):
    """(numbers of the cases that apply and were played, those of them without a fault)."""
    played = {o["number"] for o in result["rows"]}
    bad = {o["number"] for o in result["rows"] if o["bad"]}
    return played, played - bad


def report(result, args, seconds):
    """The report as markdown: a line for each attack, rounds joined."""
    table = {c["number"]: c for c in read_cases()}
    base = result["base"]
    lines = ["# Hostile suite", "",
             f"`tests/hostile/run.py {' '.join(args)}`: {seconds:.0f} s of wall time. `trials` is what was done; one boot for each group of cases, one core, icount.",
             f"Probe of main without an attack: at most {base[0] / 1000:.1f} us late, burst of 8 reads at the neighbour {base[2] / 1000:.1f} us.", "",
             "| case | what | rounds | trials | outcome | cause | probe late (us) | longest burst (us) | verdict |", "|---|---|---|---|---|---|---|---|---|"]
    groups = {}
    for o in result["rows"]:
        groups.setdefault((o["number"], o["variant"]), []).append(o)
    for (number, variant), group in sorted(groups.items()):
        bad = sorted({b for o in group for b in o["bad"]})
        lines.append(f"| {number}{variant} | {table[number]['text']} | {len(group)} | {sum(o['trials'] for o in group)} | "
                     f"{', '.join(sorted({o['outcome'] for o in group}))} | {', '.join(sorted({o['cause'] for o in group}))} | "
                     f"{max(o['probe'][0] for o in group) / 1000:.0f} | {max(o['probe'][3] for o in group) / 1000:.0f} | {'; '.join(bad) or 'contained'} |")
    played, good = contained(result)
    speeds = result["speeds"]
    lines += ["", f"Cases that apply {sum(c['applies'] for c in table.values())}, played {len(played)}, contained {len(good)}; longest stretch in EL2 {result['stretch']} instructions; "
              f"same seed, same trace: {result['same']}.",
              f"Neighbour's throughput over all {sum(s[1] for s in speeds)} bursts: {pooled(speeds, base):.1f} %; of single boots (some 100 bursts "
              f"each, where one budget of the hostile domain inside a burst counts as ten bursts): {min((s[0] for s in speeds), default=0):.1f} to "
              f"{max((s[0] for s in speeds), default=0):.1f} %. Judged from {BURSTS_MIN} bursts on.",
              f"Not met: {len(result['problems'])}."]
    lines += [f"- {p}" for p in result["problems"]]
    skipped = [c for c in table.values() if not c["applies"]]
    lines += ["", "Not applicable here: " + "; ".join(f"{c['number']} ({c['text']})" for c in skipped) + ".", ""]
    return "\n".join(lines)


def rows_of_bench(result):
    campaign.add("longest_el2_stretch", result["stretch"], "instructions", STRETCH_MAX)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--full", action="store_true")
    p.add_argument("--shard", default="1/1")
    p.add_argument("--dma", default="smmu", choices=("smmu", "guard"))
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--case", default="1-72")
    p.add_argument("--report")
    p.add_argument("--verbose", action="store_true")
    a = p.parse_args()
    span = [int(x) for x in a.case.split("-")]
    began = time.monotonic()
    result = run(a.full, tuple(int(x) for x in a.shard.split("/")), a.dma, a.seed, (span[0], span[-1]), a.verbose)
    text = report(result, sys.argv[1:], time.monotonic() - began)
    if a.report:
        with open(a.report, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        print(text)
    played, good = contained(result)
    print(f"{len(good)} contained, {len(played) - len(good)} failed of {len(played)} played, {len(result['problems'])} problems")
    return 1 if len(good) < len(played) or result["problems"] else 0


if __name__ == "__main__":
    try:
        code = main()
    finally:
        zeros.end_all()
    sys.exit(code)
