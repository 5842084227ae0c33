# SPDX-License-Identifier: AGPL-3.0-or-later
"""How idleness is measured (design.md section 8): QEMU's log of exceptions and timer writes on, EL2's counters by pmemsave."""
import os
import re
import time

import disks
import zeros

IDLE_S = 10


def counters(m):
    """EL2's own counters, read out of memory with the machine stopped: (interrupts, timer programmings)."""
    stats = m.stats()
    return stats["interrupts"], stats["timer_writes"]


def quiet(m, log, seconds):
    """Stop, read, go on for so long, stop, read: (counters before, after, lines QEMU logged between)."""
    m.drain(2.0)
    m.qmp("stop")
    before, at = counters(m), os.path.getsize(log)
    m.qmp("cont")
    time.sleep(seconds)
    m.qmp("stop")
    after = counters(m)
    with open(log, "rb") as f:
        f.seek(at)
        lines = f.read().decode(errors="replace").splitlines()
    m.qmp("cont")
    return before, after, lines


def boot_watched(tmp, **kwargs):
    log = os.path.join(tmp, "qemu.log")
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    m = zeros.boot(disks=[image], extra=["-d", "int", "-D", log, "-trace", "arm_gt_*"], **kwargs)
    return m, log


def noise(lines):
    """Log lines that say that something ran: an exception taken or a timer written. QEMU's own stop and cont log gt_recalc lines."""
    return [line for line in lines if re.search(r"Taking exception|_write|Exception return", line)]
