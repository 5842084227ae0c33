# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hostile suite at a hundredth of its trials, under the SMMU, and its DMA cases again with only the guard between device and memory."""
import os
import sys

import pytest

import zeros

HOSTILE = os.path.join(zeros.ROOT, "tests", "hostile")
sys.path.append(HOSTILE)
import run as hostile  # noqa: E402

FAMILIES = [(1, 11), (12, 23), (24, 31), (38, 46), (47, 60), (61, 68), (69, 72)]


@pytest.fixture(scope="module", name="result")
def fixture_result():
    """The whole suite once; what it says goes into the campaign's rows."""
    out = hostile.run(verbose=True)
    hostile.rows_of_bench(out)
    yield out
    zeros.end_all()


@pytest.mark.parametrize("first, last", FAMILIES)
def test_hostile_cases_are_contained(result, first, last):
    rows = [o for o in result["rows"] if first <= o["number"] <= last]
    bad = [f"{o['number']}{o['variant']}: {o['bad']}" for o in rows if o["bad"]]
    expected = {c["number"] for c in hostile.read_cases() if c["applies"] and first <= c["number"] <= last}
    assert not bad, bad
    assert {o["number"] for o in rows} == expected


def test_hostile_suite_leaves_memory_kernel_and_neighbour_as_they_were(result):
    """O1 to O4, O6 and O7 of docs/testing.md, over whole boots."""
    assert not result["problems"], "\n".join(result["problems"])
    assert result["same"] is True


def test_hostile_suite_has_at_least_sixty_cases_that_apply():
    cases = hostile.read_cases()
    assert [c["number"] for c in cases] == list(range(1, 73))
    assert sum(c["applies"] for c in cases) >= 60


def test_hostile_dma_is_contained_by_the_guard_alone():
    out = hostile.run(dma="guard", verbose=True)
    zeros.end_all()
    bad = [f"{o['number']}{o['variant']}: {o['bad']}" for o in out["rows"] if o["bad"]]
    expected = {c["number"] for c in hostile.read_cases()
                if c["applies"] and hostile.DMA_CASES[0] <= c["number"] <= hostile.DMA_CASES[1]}
    assert not bad, bad
    assert not out["problems"], "\n".join(out["problems"])
    assert {o["number"] for o in out["rows"]} == expected
