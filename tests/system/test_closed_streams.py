# SPDX-License-Identifier: Apache-2.0
"""``jitd`` with closed standard streams: the answer goes nowhere, and what was asked is done all the same."""

from __future__ import annotations

import pytest

from tests.system.conftest import House


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_verb_with_closed_streams_does_what_it_is_asked(house: House, closed: str) -> None:
    done = house.run("root", "sh", "-c", f"jitd requests {closed}; echo $?")
    assert done.stdout.splitlines()[-1] == "0" and "Traceback" not in done.stderr, done.stderr
    asking = house.ask("alice", "true")
    done = house.run("bob", "sh", "-c", f"jitd approve {asking.id} --yes {closed}; echo $?")
    assert done.stdout.splitlines()[-1] == "0" and "Traceback" not in done.stderr, done.stderr
    assert asking.end() == 0
