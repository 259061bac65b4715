# SPDX-License-Identifier: Apache-2.0
"""A host on which nothing more can be started: no process, no thread, no terminal. Law: a sentence, and nothing has changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.system.conftest import House
from tests.system.prompt import AT_ONCE

NO_PROCESS = "no process or thread can be started: the limit of this account (ulimit -u) or of its session is reached"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House(AT_ONCE).start()
    yield made
    made.verify()
    made.close()


def within_limit(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """``words`` as alice, who may have no process but this one."""
    return house.run("alice", "bash", "-c", 'ulimit -u 1; exec "$@"', "bash", *words)


@pytest.mark.parametrize("words", [("true",), ("-b", "true"), ("-l",), ("--no-wait", "true"), ("--get", "sudoers:x"), ("-k",)])
def test_a_client_that_can_start_nothing_says_so_and_asks_nobody(house: House, words: tuple[str, ...]) -> None:
    before = house.at_rest().records()
    done = within_limit(house, "jitsudo", *words)
    assert (done.returncode, done.stdout, done.stderr) == (125, "", f"jitsudo: {NO_PROCESS}\n")
    assert house.at_rest().records() == before


VERBS = ["requests", "requests --watch", "runs", "show AAAA-AAAA", "approve AAAA-AAAA", "watch AAAA-AAAA", "check"]


@pytest.mark.parametrize("verb", [*VERBS, "doctor", "explain --as alice -- true"])
def test_a_verb_that_can_start_nothing_says_so(house: House, verb: str) -> None:
    before = house.at_rest().records()
    done = within_limit(house, "jitd", *verb.split())
    assert (done.returncode, done.stderr) == (125, f"jitd: {NO_PROCESS}\n")
    assert house.at_rest().records() == before
