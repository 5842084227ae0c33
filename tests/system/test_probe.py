# SPDX-License-Identifier: AGPL-3.0-or-later
"""The probe build of the main kernel: it tries everything it was not given, then boots on as if nothing had happened."""
import os
import re

import pytest

import disks
import variants
import zeros


@pytest.mark.parametrize("memory, smp", [("1G", 1), ("2G", 4)])
def test_kernel_probe_build_is_contained_everywhere_and_boots_on(tmp, memory, smp):
    image = disks.make(os.path.join(tmp, "d.img"), "64M", {"/hello": b"hello\n"})
    m = zeros.boot(variants.get(defines=('MAIN_IMAGE="kernel-probe"', "DISKS=2")), [image, disks.make(os.path.join(tmp, "e.img"), "64M")],
                   memory=memory, smp=smp, timeout=120)
    log = m.log()
    total = re.search(r"probe: (\d+) of (\d+) contained", log)
    assert total, log[-3000:]
    assert total.group(1) == total.group(2) and int(total.group(2)) >= 10, log[-3000:]
    for what in ("fw-cfg", "pcie", "smmu", "its", "flash"):
        assert re.search(rf"probe: \S*{what}", log), f"{what} was not tried:\n{log[-3000:]}"
    assert "hello" in m.cmd("cat /hello")
    assert all(d["gen"] == "0" for d in m.domains().values()), m.domains()
