# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fixtures of the system tier, for the target tier."""
import importlib.util
import os

_spec = importlib.util.spec_from_file_location(
    "system_conftest", os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "system", "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
deadline, tmp = _module.deadline, _module.tmp
