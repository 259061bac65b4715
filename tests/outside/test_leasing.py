# SPDX-License-Identifier: Apache-2.0
"""jitd-outside, as a child of this process, against a server of our own that answers as Vault's manual says (``vault``).

Law: after each test the server has no token and no lease that a test has not looked at.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.leases import (
    Begin,
    Begun,
    Lease,
    Leased,
    Looked,
    Over,
    Refused,
    Sign,
    Signed,
)
from tests.outside.lease_stage import HOLDING, LONG, ROLE, Stage, lease_stage, read
from tests.outside.server import reply
from tests.outside.vault import OURS, Vault, vault
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage[Vault]]:
    tokens = {"vault.token": f"{OURS}\n", "other.token": "hvs.of-somebody-else\n", "two.token": "a b\n"}
    with vault(tmp_path) as at, lease_stage(tmp_path, tokens, at, at.url, at.authority.pem) as made:
        yield made


def test_a_lease_is_read_with_a_token_of_its_own_and_both_are_ended(stage: Stage[Vault]) -> None:
    before = stage.at.snapshot()
    accessor, lease, secret = stage.leased()
    (asked,) = stage.at.asked("auth/token/create")
    assert asked["meta"] == {"jitd": HOLDING, "account": "alice"} and asked["ttl"] == "600s"
    assert stage.at.live("alice") == [lease]
    assert json.loads(secret) == stage.at.leases[lease].data
    assert stage.at.tokens[stage.at.leases[lease].token].accessor == accessor, "not with jitd's own token"
    assert stage.look(lease) == Looked(True)
    assert stage.end(accessor, lease) == Over()
    assert stage.look(lease) == Looked(False)
    assert stage.at.snapshot() == before


@pytest.mark.parametrize("is_new", [False, True], ids=["a server that refuses to end it twice", "a server that does not"])
def test_what_is_ended_twice_is_ended(stage: Stage[Vault], is_new: bool) -> None:
    stage.at.is_new = is_new
    accessor, lease, _ = stage.leased()
    assert [stage.end(accessor, lease), stage.end(accessor, lease)] == [Over(), Over()]


def test_a_lease_ends_with_its_token_though_nobody_knows_its_id(stage: Stage[Vault]) -> None:
    """THREATS Q-17."""
    accessor, lease, _ = stage.leased()
    assert stage.end(accessor) == Over()
    assert stage.at.live() == [] and stage.look(lease) == Looked(False)


def test_the_token_of_a_holding_is_used_once(stage: Stage[Vault]) -> None:
    accessor, _, _ = stage.leased()
    said = stage.lease(accessor)
    assert isinstance(said, Failed) and "has lost the token" in said.why
    assert len(stage.at.live()) == 1
    stage.end(accessor)


def test_a_token_that_was_begun_is_lost_with_jitd_outside_and_can_be_ended(stage: Stage[Vault]) -> None:
    before = stage.at.snapshot()
    accessor = stage.begun()
    pid = stage.connector.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    said = stage.lease(accessor)
    assert isinstance(said, Failed), "it was asked once"
    said = stage.lease(accessor)
    assert isinstance(said, Failed) and "started anew" in said.why
    assert stage.at.live() == []
    assert stage.end(accessor) == Over() and stage.at.snapshot() == before


def test_what_has_no_lease_is_not_handed_on(stage: Stage[Vault]) -> None:
    """THREATS Q-18."""
    accessor = stage.begun()
    said = stage.lease(accessor, "secret/static")
    assert isinstance(said, Refused) and "has no lease" in said.why
    stage.end(accessor)


def test_parameters_are_sent_and_odd_values_come_back_as_they_are(stage: Stage[Vault]) -> None:
    accessor = stage.begun()
    said = stage.lease(accessor, "pki/issue/web", common_name="www.example.org")
    assert isinstance(said, Leased) and said.secret is not None
    given = json.loads(read(said.secret))
    assert given == {"certificate": "PEM", "for": "www.example.org", "number": 1.5, "none": None}
    stage.end(accessor, said.lease)


def test_a_namespace_is_named_in_each_request(stage: Stage[Vault]) -> None:
    stage.at.namespace = "team/app"
    refused = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert isinstance(refused, Refused) and "permission denied" in refused.why
    stage.server = replace(stage.server, namespace="team/app")
    accessor, lease, _ = stage.leased()
    assert stage.end(accessor, lease) == Over() and stage.at.live() == []


def test_what_the_server_refuses_is_refused(stage: Stage[Vault]) -> None:
    for fault, words in (
        ((400, "bad request"), "the server refuses it (bad request)"),
        ((403, "permission denied"), "the server does not permit it"),
        ((404, "no handler for route"), "the server has nothing there"),
        ((405, "unsupported operation"), "that can be read in this way"),
    ):
        stage.at.fault = fault
        said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
        assert isinstance(said, Refused), (fault, said)
        assert (words in said.why or "has nothing there that can" in said.why) and fault[1] in said.why, (fault, said)


def test_a_server_that_is_not_well_has_neither_given_nor_ended_anything(stage: Stage[Vault]) -> None:
    """THREATS Q-19."""
    for status in (412, 429, 472, 473, 500, 502, 503, 307, 200):
        accessor, lease, _ = stage.leased()
        stage.at.fault = (status, "Vault is sealed")
        answers = [stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG)), stage.look(lease)]
        if status != 200:
            answers += [stage.end(accessor, lease), stage.end(accessor)]
        assert all(isinstance(said, Failed) for said in answers), (status, answers)
        assert stage.at.leases.keys() == {lease}, f"it stands: {status}"
        stage.at.fault = None
        assert stage.end(accessor, lease) == Over(), status


def test_a_refusal_is_no_sign_that_a_lease_is_gone(stage: Stage[Vault]) -> None:
    """THREATS Q-19."""
    accessor, lease, _ = stage.leased()
    for status in (400, 403, 404):
        for said in (["permission denied"], [], ["invalid lease", "x"], ["no invalid lease here"], "invalid lease"):
            answer = reply(json.dumps({"errors": said}).encode(), status)
            stage.at.before = lambda path, answer=answer: (  # type: ignore[misc]
                answer if path.startswith(("sys/leases", "auth/token/revoke")) else None
            )
            answers = stage.end(accessor, lease), stage.look(lease)
            assert all(isinstance(each, Failed) for each in answers), (status, said, answers)
            assert stage.at.leases.keys() == {lease}, (status, said)
    stage.at.before = lambda path: None
    assert stage.end(accessor, lease) == Over()


def test_a_page_of_the_web_is_no_sign_that_a_token_is_ended(stage: Stage[Vault]) -> None:
    """THREATS Q-19."""
    accessor, _, _ = stage.leased()
    stage.at.before = lambda path: reply(b"<html>welcome</html>", kind="text/html")
    assert isinstance(stage.end(accessor), Failed)
    assert len(stage.at.live()) == 1
    stage.at.before = lambda path: None
    assert stage.end(accessor) == Over() and stage.at.live() == []


def test_a_server_that_says_ended_and_has_it_still_is_not_believed(stage: Stage[Vault]) -> None:
    """THREATS Q-19."""
    accessor, lease, _ = stage.leased()
    stage.at.before = lambda path: reply(status=204) if "revoke" in path else None
    said = stage.end(accessor, lease)
    assert isinstance(said, Failed) and "still has the lease" in said.why
    stage.at.before = lambda path: None
    assert stage.end(accessor, lease) == Over()


def test_a_lease_is_ended_at_once_and_not_in_the_background_where_failures_are_lost(stage: Stage[Vault]) -> None:
    accessor, lease, _ = stage.leased()
    stage.at.stuck = "the database is down"
    for _ in range(2):
        said = stage.end(accessor, lease)
        assert isinstance(said, Failed) and "the database is down" in said.why
        assert len(stage.at.leases) == 1, "without its token, too"
    stage.at.stuck = ""
    assert stage.end(accessor, lease) == Over()


def test_a_token_that_cannot_be_ended_later_is_none(stage: Stage[Vault]) -> None:
    token, no_token = {"client_token": "hvs.x"}, {"accessor": "x", "lease_duration": 600}
    for auth in ({}, token, no_token, {"client_token": "a b", "accessor": "x"}, None, []):
        answer = reply(json.dumps({"auth": auth}).encode())
        stage.at.before = lambda path, answer=answer: answer if path == "auth/token/create" else None  # type: ignore[misc]
        said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
        assert isinstance(said, Failed), (auth, said)


def test_a_token_that_outlasts_its_holding_is_ended_at_once(stage: Stage[Vault]) -> None:
    """THREATS Q-17."""
    auth: dict[str, object] = {"client_token": "hvs.mine", "accessor": "mine"}
    ended = []

    def before(path: str) -> bytes | None:
        if path == "auth/token/revoke-self":
            ended.append(stage.at.server.asked[-1].headers["x-vault-token"])
        return reply(json.dumps({"auth": auth}).encode()) if path == "auth/token/create" else None

    stage.at.before = before
    for number, seconds in enumerate((0, 601 + 60, -1), 1):
        auth["lease_duration"] = seconds
        said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
        assert isinstance(said, Failed) and "does not end after 600s" in said.why, (seconds, said)
        assert ended == ["hvs.mine"] * number, seconds


def test_an_answer_that_is_not_that_of_a_lease_gives_nothing(stage: Stage[Vault]) -> None:
    for answer in [
        b"", b"{", b"[]", b'{"lease_id":"a/b","lease_duration":60,"data":{}}', b'{"lease_id":"a/b","lease_duration":60}',
        b'{"lease_id":"a/b","lease_duration":"60","data":{"a":1}}', b'{"lease_id":"a/b","lease_duration":0,"data":{"a":1}}',
        b'{"lease_id":"a b","lease_duration":60,"data":{"a":1}}', b'{"lease_id":"a/b","lease_id":"c","data":{"a":1}}',
        b'{"lease_id":"a/b","lease_duration":60,"data":{"a":"' + b"x" * 66_000 + b'"}}', b'{"lease_id":7,"data":{"a":1}}',
    ]:  # fmt: skip
        accessor = stage.begun()
        stage.at.before = lambda path, answer=answer: reply(answer) if path == ROLE else None  # type: ignore[misc]
        said = stage.lease(accessor)
        assert isinstance(said, Failed | Refused), (answer[:100], said)
        stage.at.before = lambda path: None
        stage.end(accessor)


def test_a_server_that_is_slow_is_not_waited_for_and_what_it_gave_late_can_be_ended(stage: Stage[Vault]) -> None:
    """THREATS Q-17."""
    may_answer, has_given = threading.Event(), threading.Event()

    def after(path: str) -> None:
        if path == ROLE:
            has_given.set()
            may_answer.wait(30)

    for deadline_ms in (300, 3000, LONG):  # on a host that is too busy for the first, the server has not heard of it by then
        accessor = stage.begun()
        stage.at.after = after
        said = stage.ask(Lease(stage.server, accessor, ROLE, (), deadline_ms))
        assert isinstance(said, Failed) and "no answer within" in said.why
        if has_given.wait(1):
            break
        stage.end(accessor)
    assert has_given.wait(PATIENCE) and stage.at.live()
    may_answer.set()
    stage.at.after = lambda path: None
    assert stage.end(accessor) == Over() and stage.at.live() == []


def test_a_server_that_is_down_has_given_and_ended_nothing(stage: Stage[Vault], tmp_path: Path) -> None:
    accessor, lease, _ = stage.leased()
    stage.server = replace(stage.server, url="https://localhost:9/")
    assert isinstance(stage.end(accessor, lease), Failed) and isinstance(stage.look(lease), Failed)
    said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert said == Failed("https://localhost:9: it cannot be reached: Connection refused")
    assert stage.at.live() == [lease]


def test_a_server_with_the_certificate_of_another_authority_gets_no_token(stage: Stage[Vault]) -> None:
    """THREATS Q-20."""
    stage.server = replace(stage.server, ca="")
    said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert isinstance(said, Failed) and "its certificate is not accepted" in said.why
    assert stage.at.server.asked == []


def test_an_address_that_may_not_be_connected_to_gets_no_token(stage: Stage[Vault]) -> None:
    """THREATS Q-20."""
    stage.server = replace(stage.server, addresses=())
    said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert isinstance(said, Failed) and "not a public address" in said.why
    assert stage.at.server.n_so_far() == 0


@pytest.mark.parametrize(("token", "words"), [("two.token", "must have one line"), ("no.token", "was not given no.token")])
def test_a_token_that_is_none_is_not_sent(stage: Stage[Vault], token: str, words: str) -> None:
    stage.server = replace(stage.server, token=token)
    said = stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG))
    assert isinstance(said, Failed) and words in said.why
    assert stage.at.server.asked == []


def test_a_token_that_has_ended_ends_nothing_and_gives_nothing(stage: Stage[Vault]) -> None:
    """THREATS Q-19."""
    accessor, lease, _ = stage.leased()
    stage.server = replace(stage.server, token="other.token")
    assert isinstance(stage.ask(Begin(stage.server, HOLDING, "alice", 600, LONG)), Refused)
    assert isinstance(stage.end(accessor, lease), Failed) and isinstance(stage.look(lease), Failed)
    assert stage.at.live() == [lease]


# --- keys that are signed --------------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Callable[[str], str]:
    """Makes a key, and returns its line."""

    def make(kind: str = "ed25519") -> str:
        file = tmp_path / f"key-{time.monotonic_ns()}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
        return " ".join(file.with_name(f"{file.name}.pub").read_text().split()[:2])

    return make


def signing(stage: Stage[Vault], line: str, seconds: int = 600) -> object:
    return stage.ask(Sign(stage.server, "ssh/sign/ops", (("valid_principals", "web"),), line, seconds, LONG))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_is_signed_for_no_longer_than_the_grant(
    stage: Stage[Vault], key: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    before, now = stage.at.snapshot(), int(time.time())
    said = signing(stage, key(kind))
    assert isinstance(said, Signed) and said.secret is not None, said
    assert now + 600 <= said.until <= int(time.time()) + 600
    file = tmp_path / "c-cert.pub"
    file.write_bytes(read(said.secret))
    shown = subprocess.run(["ssh-keygen", "-L", "-f", file], capture_output=True, text=True, check=True).stdout
    assert "user certificate" in shown and "web" in shown
    assert stage.at.snapshot() == before, "a certificate needs no token of its own"


def test_a_certificate_that_outlasts_the_grant_or_is_for_another_key_is_not_handed_on(
    stage: Stage[Vault], key: Callable[[str], str], tmp_path: Path
) -> None:
    """THREATS Q-18."""
    mine, other = key("ed25519"), key("ed25519")
    ca = stage.at.ssh / "ca"

    def certificate(line: str, *options: str) -> str:
        file = tmp_path / "k.pub"
        file.write_text(line + "\n")
        subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "x", *options, file], check=True)
        return (tmp_path / "k-cert.pub").read_text()

    end = f"{int(time.time()) - 30:#x}:{int(time.time()) + 600:#x}"
    said = {
        "good": certificate(mine, "-n", "ops", "-V", end),
        "too long": certificate(mine, "-n", "ops", "-V", "+1d"),
        "for ever": certificate(mine, "-n", "ops"),
        "another key": certificate(other, "-n", "ops", "-V", end),
        "a host": certificate(mine, "-h", "-n", "ops", "-V", end),
        "no certificate": mine,
        "cut": certificate(mine, "-n", "ops", "-V", end)[:90],
        "another type": certificate(key("ecdsa"), "-n", "ops", "-V", end),
        "nothing": "",
    }
    answers = {}
    for name, text in said.items():
        body = json.dumps({"data": {"signed_key": text}}).encode()
        stage.at.before = lambda path, body=body: reply(body)  # type: ignore[misc]
        answers[name] = type(signing(stage, mine))
    assert answers.pop("good") is Signed
    assert answers.pop("too long") is Refused and answers.pop("for ever") is Refused
    assert set(answers.values()) == {Failed}, answers


def test_no_answer_and_no_log_has_a_token_or_a_secret(stage: Stage[Vault], capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS Q-20."""
    accessor, lease, secret = stage.leased()
    token = stage.at.leases[lease].token
    stage.at.before = lambda path: (_ for _ in ()).throw(ConnectionError())
    said = [stage.look(lease), stage.end(accessor, lease), stage.lease(stage.begun.__name__)]
    told = repr(said) + "".join(capfd.readouterr())
    for word in (OURS, token, json.loads(secret)["password"]):
        assert word not in told


def test_many_leases_at_once_are_each_with_their_own_token(stage: Stage[Vault]) -> None:
    async def one() -> tuple[str, str]:
        begun = await stage.outside.lease(Begin(stage.server, HOLDING, "alice", 600, LONG))
        assert isinstance(begun, Begun)
        said = await stage.outside.lease(Lease(stage.server, begun.accessor, ROLE, (), LONG))
        assert isinstance(said, Leased) and said.secret is not None
        os.close(said.secret)
        return begun.accessor, said.lease

    async def many() -> list[tuple[str, str]]:
        return await asyncio.gather(*(one() for _ in range(8)))

    found = stage.loop.run_until_complete(many())
    assert len({accessor for accessor, _ in found}) == len({lease for _, lease in found}) == 8
    for accessor, lease in found:
        assert stage.at.tokens[stage.at.leases[lease].token].accessor == accessor
    wait_for(lambda: len(stage.at.live()) == 8, what="eight leases")
