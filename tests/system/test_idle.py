# SPDX-License-Identifier: AGPL-3.0-or-later
"""Idle is silent: at the prompt no interrupt and no timer programming happens (design.md section 8, Measuring)."""
import os

import pytest

import disks
import variants
import zeros
from idle import IDLE_S, boot_watched, noise, quiet


@pytest.mark.limit(300)
def test_idle_at_the_prompt_no_interrupt_no_timer_programming_in_10_s(tmp, campaign):
    m, log = boot_watched(tmp)
    m.cmd("cat /hello")
    m.drain(3.0)
    before, after, lines = quiet(m, log, IDLE_S)
    campaign("idle_interrupts_10s", after[0] - before[0], "interrupts", 0, "lower", peers={"Linux 6.1": 64, "Xen 4.17 dom0": 68})
    assert before == after, f"interrupts, timer programmings: {before} -> {after}"
    assert noise(lines) == [], "\n".join(noise(lines)[:20])
    assert "ok" in m.cmd("echo ok")
    assert "hello" in m.cmd("cat /hello")


@pytest.mark.limit(300)
def test_idle_again_after_a_kill_and_a_copy(tmp):
    m, log = boot_watched(tmp)
    m.cmd("cp /hello /copy")
    m.cmd("domains kill storage")
    m.cmd("cat /copy")
    m.cmd("sync")
    m.drain(3.0)
    before, after, lines = quiet(m, log, 5)
    assert before == after, f"interrupts, timer programmings: {before} -> {after}"
    assert noise(lines) == [], "\n".join(noise(lines)[:20])
    assert "ok" in m.cmd("echo ok")


@pytest.mark.limit(300)
def test_idle_with_two_disks_and_four_cores(tmp):
    log = os.path.join(tmp, "qemu.log")
    images = [disks.make(os.path.join(tmp, f"{n}.img"), "64M", {"/hello": b"hello\n"}) for n in "de"]
    m = zeros.boot(variants.get(defines=("DISKS=2",)), images, smp=4, extra=["-d", "int", "-D", log, "-trace", "arm_gt_*"])
    m.cmd("cat /disk2/hello")
    m.drain(3.0)
    before, after, lines = quiet(m, log, 5)
    assert before == after
    assert noise(lines) == [], "\n".join(noise(lines)[:20])
    assert "ok" in m.cmd("echo ok")
