# SPDX-License-Identifier: AGPL-3.0-or-later
"""pytest set-up of the target tier."""


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): deadline of this test")
