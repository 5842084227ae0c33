# SPDX-License-Identifier: AGPL-3.0-or-later
"""Twenty checks against hostile input, drawn with a fixed seed, are removed one at a time: the test named for each must fail."""
import os
import re
import subprocess

import zeros

COUNT, SEED, CAUGHT_MIN = 20, 3, 18


def test_twenty_removed_guards_are_noticed_by_their_tests():
    p = subprocess.run([os.path.join(zeros.ROOT, "scripts", "mutate.sh"), "--guards", "--tier", "unit", "--count", str(COUNT), "--seed", str(SEED)],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600 * zeros.SCALE, check=False)
    m = re.search(r"^killed (\d+) of (\d+)$", p.stdout, re.M)
    assert m and int(m.group(2)) == COUNT and int(m.group(1)) >= CAUGHT_MIN, p.stdout
