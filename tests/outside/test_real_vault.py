# SPDX-License-Identifier: Apache-2.0
"""jitd-outside, as a child of this process, against the real server of OpenBao: leases of a database, keys that are signed, and
a server that is sealed or killed. The token has the rights that jitd.toml(5) lists.

Law: the database is asked who can log in, and the server which tokens it has. test_leasing.py plays what no real server does.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.leases import (
    Begin,
    Leased,
    Looked,
    Over,
    Refused,
    Sign,
    Signed,
)
from tests.marks import full
from tests.outside.lease_stage import HOLDING, LONG, ROLE, Stage, lease_stage, read
from tests.outside.openbao import SSH, STATIC, OpenBao, openbao
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account"),
    full("every day, test_leasing.py plays a server that answers as the manuals say"),
]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with openbao(tmp_path_factory.mktemp("openbao")) as made:
        yield made


@pytest.fixture
def stage(at: OpenBao, tmp_path: Path) -> Iterator[Stage[OpenBao]]:
    """After each test, the server has no token and the database no account that were not there before."""
    before, tokens = at.accessors(), {"vault.token": f"{at.token}\n", "other.token": "s.of-somebody-else\n"}
    with lease_stage(tmp_path, tokens, at, at.url, at.authority.pem) as made:
        yield made
    wait_for(lambda: (at.accessors(), at.live()) == (before, []), what="an end of all that was given")


def test_a_lease_lets_somebody_into_the_database_until_it_is_ended(stage: Stage[OpenBao]) -> None:
    accessor, lease, secret = stage.leased()
    assert lease.startswith(f"{ROLE}/") and accessor in stage.at.accessors()
    assert stage.at.lets_in(secret) and stage.look(lease) == Looked(True)
    assert stage.end(accessor, lease) == Over()
    assert not stage.at.lets_in(secret) and stage.look(lease) == Looked(False)
    assert stage.end(accessor, lease) == Over(), "what is ended twice is ended"


def test_a_token_of_a_holding_has_its_names_and_ends_by_itself_with_its_lease(stage: Stage[OpenBao]) -> None:
    accessor = stage.begun(seconds=5)
    given = stage.lease(accessor)
    assert isinstance(given, Leased) and given.secret is not None, given
    secret = read(given.secret)
    found = stage.at.ask("auth/token/lookup-accessor", accessor=accessor)["data"]
    assert found["meta"] == {"jitd": HOLDING, "account": "alice"} and not found["renewable"]
    assert (found["explicit_max_ttl"], found["policies"]) == (5, ["jitd"])
    wait_for(lambda: not stage.at.lets_in(secret), what="an end of the lease that nobody asked for")
    assert stage.end(accessor) == Over()


def test_a_lease_ends_with_its_token_though_nobody_knows_its_id(stage: Stage[OpenBao]) -> None:
    accessor, _, secret = stage.leased()
    assert stage.end(accessor) == Over()
    wait_for(lambda: not stage.at.lets_in(secret), what="an end in the background")


def test_what_somebody_ended_by_hand_is_over(stage: Stage[OpenBao]) -> None:
    accessor, lease, secret = stage.leased()
    stage.at.ask("sys/leases/revoke", lease_id=lease, sync=True)
    assert not stage.at.lets_in(secret) and stage.look(lease) == Looked(False)
    assert stage.end(accessor, lease) == Over()


def test_what_has_no_lease_is_not_handed_on(stage: Stage[OpenBao]) -> None:
    accessor = stage.begun()
    said = stage.lease(accessor, STATIC)
    assert isinstance(said, Refused) and "has no lease" in said.why
    assert stage.end(accessor) == Over()


def test_what_the_token_may_not_do_is_refused(stage: Stage[OpenBao]) -> None:
    accessor = stage.begun()
    said = stage.lease(accessor, "database/creds/other")
    assert isinstance(said, Refused) and "the server does not permit it" in said.why
    assert stage.end(accessor) == Over()
    stage.server = replace(stage.server, token="other.token")
    said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert isinstance(said, Refused) and "permission denied" in said.why


@pytest.mark.parametrize(
    ("ends", "comes_back", "says"),
    [(OpenBao.seal, OpenBao.unseal, "the server is sealed"), (OpenBao.kill, OpenBao.start_again, "cannot be reached")],
    ids=["sealed", "killed"],
)
def test_a_server_that_is_away_has_neither_given_nor_ended_anything(
    stage: Stage[OpenBao], ends: Callable[[OpenBao], None], comes_back: Callable[[OpenBao], None], says: str
) -> None:
    accessor, lease, secret = stage.leased()
    ends(stage.at)
    answers = [stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG)), stage.look(lease), stage.end(accessor, lease)]
    assert all(isinstance(said, Failed) and says in said.why for said in answers), answers
    assert stage.at.lets_in(secret)
    comes_back(stage.at)
    assert stage.look(lease) == Looked(True)
    assert stage.end(accessor, lease) == Over() and not stage.at.lets_in(secret)


def test_a_database_that_is_down_keeps_its_lease_and_the_server_says_so(stage: Stage[OpenBao]) -> None:
    accessor, lease, secret = stage.leased()
    stage.at.postgres.stop()
    said = stage.end(accessor, lease)
    assert isinstance(said, Failed) and f"the lease {lease} is not ended" in said.why, said
    stage.at.postgres.start()  # the server tries again by itself, too
    assert stage.end(accessor, lease) == Over() and not stage.at.lets_in(secret)


def signed(stage: Stage[OpenBao], line: str, seconds: int, principal: str = "web") -> object:
    return stage.ask(Sign(stage.server, SSH, (("valid_principals", principal),), line, seconds, LONG))


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_is_signed_for_no_longer_than_the_grant(stage: Stage[OpenBao], tmp_path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / "key"], check=True)
    line = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    now = int(time.time())
    said = signed(stage, line, 600)
    assert isinstance(said, Signed) and said.secret is not None, said
    assert now + 600 <= said.until <= int(time.time()) + 600
    (tmp_path / "key-cert.pub").write_bytes(read(said.secret))
    shown = subprocess.run(["ssh-keygen", "-L", "-f", tmp_path / "key-cert.pub"], capture_output=True, text=True, check=True)
    assert "user certificate" in shown.stdout and "web" in shown.stdout
    said = signed(stage, line, 3601)
    assert isinstance(said, Refused) and "ttl is larger than maximum allowed 3600" in said.why, "what the role permits at most"


def test_a_principal_that_the_role_does_not_allow_is_refused(stage: Stage[OpenBao], tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    line = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    said = signed(stage, line, 600, "root")
    assert isinstance(said, Refused) and "does not sign the key" in said.why, said
