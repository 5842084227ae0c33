# SPDX-License-Identifier: AGPL-3.0-or-later
"""The repository's own tools: the rules of the tree hold, and what a script prints can be used."""
import json
import os
import struct
import subprocess

import variants

ROOT = variants.ROOT


def tool(*argv, timeout=120):
    p = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout, check=False)
    return p.returncode, p.stdout


def test_include_rules_hold():
    code, out = tool("/usr/bin/python3", "scripts/check_includes.py")
    assert code == 0, out[-3000:]


def test_help_names_the_main_targets():
    code, out = tool("make", "-s", "help")
    assert code == 0, out
    for target in ("run", "test", "bench", "clean", "format", "lint"):
        assert f"\n{target}" in "\n" + out.replace("  ", "\n") or target in out, out


def test_two_variants_of_one_input_are_the_same_bytes(tmp):
    def read(v):
        with open(v.image, "rb") as f, open(v.pack, "rb") as g:
            return f.read(), g.read()
    first = read(variants.get())
    assert read(variants.get()) == first


def test_no_file_names_a_registry_host():
    hosts = "|".join(["deb[.]debian[.]org", "pypi[.]org", "github[.]com/.*/archive", "registry[.]npmjs", "crates[.]io", "security[.]debian[.]org"])
    code, out = tool("git", "grep", "-nE", hosts, "--", ":!docs", ":!tests/system/test_tools.py")
    assert code == 1, out[:2000]


def test_trace_records_become_text_and_a_timeline(tmp):
    path, out = os.path.join(tmp, "ring"), os.path.join(tmp, "t.json")
    with open(path, "wb") as f:
        f.write(bytes(32))
        for ticks, event, domain, a, b in ((1000, 2, 1, 0, 0), (1100, 5, 0, 0, 0), (1200, 2, 0, 1, 0)):
            f.write(struct.pack("<QHHIQQ", ticks, event, 0, domain, a, b))
    code, text = tool("/usr/bin/python3", "scripts/trace.py", "--memory", path)
    assert code == 0 and len(text.strip().splitlines()) == 3 and "switch" in text and "storage" in text
    code, text = tool("/usr/bin/python3", "scripts/trace.py", "--memory", path, "--perfetto", out)
    assert code == 0, text
    with open(out, encoding="utf-8") as f:
        events = json.load(f)["traceEvents"]
    assert {"X", "i"} == {e["ph"] for e in events}
