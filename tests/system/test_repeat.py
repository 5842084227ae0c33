# SPDX-License-Identifier: AGPL-3.0-or-later
"""Under icount the same input gives the same run, byte for byte (design.md section 8, Repeatability)."""
import os

import pytest

import disks
import variants
import zeros

SCRIPT = """ls /
cat /hello
sha256 /odd
cp /odd /odd2
domains kill storage
sha256 /odd2
write /new some text
time sha256 /odd
domains
log
df
poweroff
"""


def two_runs(tmp, variant, **kwargs):
    out = []
    for i in range(2):
        image = disks.make(os.path.join(tmp, f"d{i}.img"), "64M", {"/hello": b"hello\n", "/odd": 300_001})
        link = os.path.join(tmp, "disk.img")  # the same name on the command line in both runs
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(image, link)
        stdout, stderr, code = zeros.run_autorun(variant, [link], **kwargs)
        assert code == 0, stderr + stdout[-2000:].decode(errors="replace")
        out.append((stdout, disks.sha256(image)))
    return out


@pytest.mark.limit(300)
def test_repeat_two_icount_runs_are_byte_identical(tmp):
    (a, disk_a), (b, disk_b) = two_runs(tmp, variants.get(autorun=SCRIPT))
    assert b"hello" in a and disks.sha256(disks.pattern(300_001)).encode() in a
    assert a == b
    assert disk_a == disk_b


@pytest.mark.limit(300)
def test_repeat_a_crashing_storage_domain_is_byte_identical(tmp):
    variant = variants.get(defines=('STORAGE_IMAGE="storage-crash"', 'STORAGE_PARAMS="after=100 gens=0"'),
                           autorun="repeat 60 sync\nsha256 /odd\ncp /odd /odd2\nrepeat 60 sync\ndomains\nlog\npoweroff\n")
    (a, _), (b, _) = two_runs(tmp, variant)
    assert a == b

# NVMe is left out: QEMU completes its requests by host time, and with sleep=off an idle machine's clock meanwhile jumps to the next deadline.
