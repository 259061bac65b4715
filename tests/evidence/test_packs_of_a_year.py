# SPDX-License-Identifier: Apache-2.0
"""Packs about all kinds of requests of a generated year, of people with hostile names: verify.py finds each whole, and none shows
its reader what a rule hides from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.signing import Signing
from jitd.core.rights import Act
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.sqlite import SqliteStore
from jitd.workers import Workers
from jitd_evidence.serving.packs import Packs
from tests.evidence.pack_making import made_by, packs_of
from tests.evidence.packs import HOST, wrong, zipped
from tests.evidence.year import SECRET, Life, member

SEED, N = 3, 500
READER = member("gina")


class SignedLife(Life):
    """Its head is signed now and then."""

    n_done = 0

    def __init__(self, directory: Path, seed: int, n: int) -> None:
        super().__init__(directory, seed, n)
        self.signing = Signing(self.store, HOST, directory, self.now, self.lifecycle.note)
        self.signing.sign()

    def do(self, *events: Any) -> None:
        super().do(*events)
        self.n_done += 1
        if self.n_done % 20 == 0:
            self.signing.sign()


class House:
    """The host after the year."""

    def __init__(self, path: Path) -> None:
        life = SignedLife(path, SEED, N)
        life.lived()
        self.store = SqliteStore(path / "jitd.db")
        lifecycle = Lifecycle(self.store, life.now, lambda: life.policy.digest, policy_text=lambda: life.policy.text)
        self.signing = Signing(self.store, HOST, path, life.now, lifecycle.note)
        self.workers = Workers()
        self.packs: Packs = packs_of(path, self.store, lifecycle, self.workers, life.now)

    @property
    def public(self) -> str:
        return self.signing.public_line()

    def one_of_each(self) -> dict[tuple[str, str, bool], str]:
        """(the rule, the state, whether it used a lease) → a request."""
        return {(one.rule, str(one.state), one.lease is not None): one.id for one in self.store.requests(ended=True)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("packs_of_a_year"))
    yield made
    made.workers.close()
    made.store.close()


def test_a_pack_about_each_kind_of_request_is_whole_and_shows_nothing_that_is_hidden(house: House) -> None:
    """THREATS L-26."""
    kinds = house.one_of_each()
    assert len(kinds) > 30
    config: Any = house.packs._access._config
    config.auditors = (f"user:{READER.user}",)
    n_hidden = 0
    for kind, id in kinds.items():
        house.packs._pace._left.clear()  # nobody wants so many within a minute
        files = made_by(house.packs, house.signing, id, READER)
        assert wrong(zipped(files), house.public) == [], kind
        request = house.store.request(id)
        assert request is not None
        is_hidden = not house.packs._access.may(Act.READ, READER, request)
        n_hidden += is_hidden
        everything = b"".join(files.values()).replace(f"/srv/{SECRET}".encode(), b"")  # all who see a request see its directory
        assert (SECRET.encode() in everything) is not is_hidden, kind
        ids = {line["id"] for line in map(json.loads, files["documents.jsonl"].splitlines())}
        assert (id in ids) is not is_hidden
    assert n_hidden
