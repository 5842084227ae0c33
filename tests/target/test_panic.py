# SPDX-License-Identifier: AGPL-3.0-or-later
"""EL2's panic: the sentence, the stack as offsets in hyp.elf, and scripts/backtrace.py names the functions."""
import os
import subprocess

import build
import zeros


def test_a_panic_says_why_and_its_stack_has_names():
    m = zeros.boot(build.system("panics"), [], wait=False, extra=["-no-reboot"])
    m.expect(r"PANIC: the main domain died.*", 60)
    m.wait_end(30)
    named = subprocess.run([os.path.join(build.ROOT, "scripts", "backtrace.py")], input=m.text, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "hyp: main died: panic" in named, named
    stack = [line for line in named.splitlines() if "hyp: stack 0x" in line]
    assert any("domain_kill" in line or "call_panic" in line for line in stack), named
    assert any("hyp/hypercall.c" in line for line in stack), named
