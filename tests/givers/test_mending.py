# SPDX-License-Identifier: Apache-2.0
"""A role of PostgreSQL that is mended by the real jitd-givers, before and after that was started again.

Law: the password that the holder was handed out goes on working, or nothing is changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import GIVERS
from jitd.settings.giver_words import digest_of, lets_of
from jitd_things.givers.client import GiversLine
from jitd_things.givers.kind import Given, Order, Refused, Taken
from jitd_things.givers.messages import Answer, Give, Mend, Question, Take
from jitd_things.givers.postgres_roles import role_of
from jitd_things.settings import load_givers
from tests.givers.postgres import Postgres, words_of

HOLDING = "WNC0-D702"
ROLE = role_of(HOLDING)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    made = Postgres()
    yield made
    made.end()


class Givers:
    """jitd-givers as a child of the test, which asks it as the daemon does."""

    def __init__(self, server: Postgres, home: Path) -> None:
        self._file = home / "jitd.toml"
        table = f'kind = "postgres-role"\ndatabase = "{server.uri}"\nhost = "127.0.0.1"\nmember_of = ["reporting_ro"]'
        self._file.write_text(f"[givers.reporting]\n{table}\n")
        approved = digest_of(lets_of(load_givers(self._file)["reporting"]))
        self._order = Order(HOLDING, "reporting", "alice", 4001, int(time.time()) + 3600, "", approved)

    def ask(self, *kinds: type[Give] | type[Mend] | type[Take]) -> list[Answer]:
        """The answers of one process. It ends afterwards."""

        async def whole() -> list[Answer]:
            line = GiversLine(ChildConnector(GIVERS, {"settings": self._file}))
            questions: list[Question] = [kind("postgres-role", self._order) for kind in kinds]
            try:
                return [await line.ask(question) for question in questions]
            finally:
                line.close()

        return asyncio.run(whole())


def secret_of(answer: Answer) -> dict[str, str]:
    assert isinstance(answer, Given) and answer.secret is not None, answer
    with open(answer.secret, "rb") as file:
        return words_of(file.read(), "reporting")


def can_read(server: Postgres, words: dict[str, str]) -> bool:
    try:
        with server.as_person(words) as session:
            return session.execute("SELECT count(*) FROM orders").fetchall() == [(2,)]
    except psycopg.Error:
        return False


def test_one_process_mends_with_the_password_that_it_handed_out(server: Postgres, tmp_path: Path) -> None:
    given, mended, taken = Givers(server, tmp_path).ask(Give, Mend, Take)
    assert secret_of(given) == secret_of(mended) and taken == Taken()


def test_a_process_that_was_started_again_keeps_the_password(server: Postgres, tmp_path: Path) -> None:
    givers = Givers(server, tmp_path)
    (given,) = givers.ask(Give)
    words = secret_of(given)
    server.do(f"REVOKE reporting_ro FROM {ROLE}")
    assert not can_read(server, words)
    assert givers.ask(Mend) == [Given()]
    assert can_read(server, words)
    server.do(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")
    before = server.snapshot()
    (refused,) = givers.ask(Mend)
    assert isinstance(refused, Refused) and "nobody but its holder knows its password" in refused.why
    assert server.snapshot() == before
    assert givers.ask(Take) == [Taken()]
