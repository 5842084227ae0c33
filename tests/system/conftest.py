# SPDX-License-Identifier: AGPL-3.0-or-later
"""pytest set-up of the system tier: a deadline for each test, every machine ended, a fresh folder for disk images."""
import os
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zeros  # noqa: E402

DEFAULT_LIMIT_S = 240


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): deadline of this test")


@pytest.fixture(autouse=True)
def deadline(request):
    mark = request.node.get_closest_marker("limit")
    seconds = mark.args[0] if mark else DEFAULT_LIMIT_S

    def late(_signum, _frame):
        tail = "".join(f"\n--- {m.argv[0]} ---\n{m.text[-2000:]}" for m in zeros.alive)
        raise zeros.MachineError(f"the test took more than {seconds} s{tail}")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(int(seconds * zeros.SCALE))
    yield
    signal.alarm(0)
    zeros.end_all()


@pytest.fixture
def tmp():
    """A folder for this test's disk images."""
    path = tempfile.mkdtemp(prefix="t-", dir=zeros.TMP)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def campaign():
    """campaign(name, value, unit, goal, better): a row for build/report/campaign.json."""
    import campaign as rows
    return rows.add
