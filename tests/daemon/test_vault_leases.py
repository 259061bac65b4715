# SPDX-License-Identifier: Apache-2.0
"""Leases of a server of our own (tests/outside/vault.py), by a jitd-outside that is real, and the daemon's notes of them.

Law: a test that ends a lease compares the server with what it had before.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jitd.beside.deeds import Given, Seen, State, Strays, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.grant import Grant
from jitd.core.holding import Account, Holding
from jitd.core.toml_document import ConfigError
from jitd.settings.config import Config, load
from jitd.settings.giver_words import lets_of_things
from jitd.store import StoreError
from jitd_outsiders.outside import leases
from jitd_outsiders.outside.client import Failed as NoAnswer
from jitd_outsiders.outside.client import Outside, child_connector
from jitd_things.givers.messages import Answer
from jitd_things.givers.vault import Vault as VaultSettings
from jitd_things.giving.lease_notes import LeaseNotes, Note
from jitd_things.giving.vault_leases import VaultLeases
from jitd_things.settings import ThingSection
from tests.beside.children import of_account
from tests.outside.vault import OURS, Vault, errors, vault
from tests.scene import free, person, thing
from tests.waiting import wait_for

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")
THING, KEY_THING = "vault:app", "vault:ops-ssh"
TABLES = """
[givers.app]
kind = "vault"
url = "{url}"
role = "database/creds/reporting"
secret = "{place}/keys/vault.token"
ca = "{place}/vault-ca.pem"
addresses = ["127.0.0.0/8"]

[givers.ops-ssh]
kind = "vault"
url = "{url}"
role = "ssh/sign/ops"
secret = "{place}/keys/vault.token"
ca = "{place}/vault-ca.pem"
addresses = ["127.0.0.0/8"]
parameters = {{ valid_principals = "ops" }}
"""


class Killed(BaseException):
    """Stands for kill -9: nothing of the giver runs after it."""


class Stage:
    """A giver of leases, which can be killed and started anew on the same disk."""

    def __init__(self, place: Path, at: Vault) -> None:
        self.place, self.at = place, at
        (place / "keys").mkdir(mode=0o700)
        token = place / "keys/vault.token"
        token.write_text(f"{OURS}\n")
        token.chmod(0o600)
        self.notes = LeaseNotes(place / "leases")
        self.loop = asyncio.new_event_loop()
        self.outside = Outside(of_account("nobody", child_connector({token.name: token})))
        self.asked: list[leases.Question] = []
        self.dies_before = self.dies_after = 0
        self.now = lambda: datetime.now(UTC)
        self.brought, self.grants = "", "sound"
        self.read()

    def read(self, text: str = TABLES) -> None:
        """Read jitd.toml, as the daemon does when it starts."""
        file = self.place / "jitd.toml"
        file.write_text('realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n' + text.format(url=self.at.url, place=self.place))
        file.chmod(0o644)
        self.config: Config = load(file, owner=os.geteuid(), keys_at=self.place / "keys")
        self.lets = lets_of_things(self.config.of(ThingSection).givers, (THING, KEY_THING))
        self.start()

    def start(self) -> None:
        """Start the giver, or start it anew after it was killed."""
        self.dies_before = self.dies_after = 0
        vaults = {name: one for name, one in self.config.of(ThingSection).givers.items() if isinstance(one, VaultSettings)}
        self.giver = VaultLeases(vaults, self._ask, self.notes, self._grant, lambda: self.now())

    async def _ask(self, question: leases.Question) -> leases.Answer | NoAnswer:
        self.asked.append(question)
        if len(self.asked) == self.dies_before:
            raise Killed
        said = await self.outside.lease(question)
        if len(self.asked) == self.dies_after:
            if isinstance(said, leases.Leased | leases.Signed) and said.secret is not None:
                os.close(said.secret)
            raise Killed
        return said

    def _grant(self, id: str) -> Grant | None:
        if self.grants == "damaged":
            raise StoreError("damaged")
        if self.grants == "missing":
            return None
        what = thing(THING, lets=self.lets, brought=self.brought)
        terms = free().obligations.terms
        at = datetime.now(UTC)
        return Grant(id, person("alice"), "h", "b", "jitsudo", what, 7, "rule", "", terms, at, at, 0.0, True, 1, 0)

    def holding(self, thing: str = THING, seconds: float = 600, id: str = "K7QM-2XVD") -> Holding:
        at = datetime.now(UTC)
        return Holding(
            id,
            id[:9],
            id[:9],
            thing,
            "alice@EXAMPLE.TEST",
            at + timedelta(seconds=seconds),
            True,
            at,
            account=Account("alice", 1001),
        )

    def give(self, holding: Holding) -> Answer:
        return self.loop.run_until_complete(self.giver.give(holding))

    def take(self, holding: Holding) -> Answer:
        return self.loop.run_until_complete(self.giver.take(holding))

    def look(self, holding: Holding) -> object:
        return self.loop.run_until_complete(self.giver.look(holding))

    def strays(self, *holdings: str) -> object:
        return self.loop.run_until_complete(self.giver.strays(THING, holdings))

    def secret(self, answer: Answer) -> bytes:
        assert isinstance(answer, Given) and answer.secret is not None, answer
        with open(answer.secret, "rb") as stream:
            return stream.read()

    def files(self) -> list[str]:
        directory = self.place / "leases"
        return sorted(os.listdir(directory)) if directory.exists() else []

    def close(self) -> None:
        async def close() -> None:
            self.outside.close()

        self.loop.run_until_complete(close())
        self.loop.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    tmp_path.chmod(0o755)
    with vault(tmp_path) as at:
        made = Stage(tmp_path, at)
        yield made
        made.close()


@needs_root
def test_a_lease_is_given_and_taken_and_its_secret_is_the_persons(stage: Stage) -> None:
    """THREATS Q-20."""
    before, held = stage.at.snapshot(), stage.holding()
    said = stage.give(held)
    (lease,) = stage.at.live("alice")
    assert json.loads(stage.secret(said)) == stage.at.leases[lease].data
    assert isinstance(said, Given) and "the lease is good until" in said.tell
    assert stage.look(held) == Seen(State.STANDS)
    note = (stage.place / "leases/K7QM-2XVD.json").read_text()
    assert lease in note and stage.at.leases[lease].data["password"] not in note and stage.at.leases[lease].token not in note
    assert stage.take(held) == Taken()
    assert stage.at.snapshot() == before and stage.files() == []
    assert stage.take(held) == Taken(), "twice"


QUESTIONS = 2
"""What a giver asks to give one lease: for a token, and for the lease."""


@needs_root
@pytest.mark.parametrize("then", ["taken", "given again"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, QUESTIONS + 1))
def test_whatever_moment_jitd_is_killed_at_no_lease_is_lost(stage: Stage, moment: str, number: int, then: str) -> None:
    """THREATS Q-17."""
    before, held = stage.at.snapshot(), stage.holding()
    setattr(stage, f"dies_{moment}", number)
    with pytest.raises(Killed):
        stage.give(held)
    stage.start()
    if then == "given again":
        os.close(stage.give(held).secret)  # type: ignore[union-attr,arg-type]
        assert len(stage.at.live()) == 1, "what was read before is ended"
    assert stage.take(held) == Taken()
    assert stage.at.live() == [] and stage.files() == []
    left = {token.accessor for token in stage.at.tokens.values()} - set(before[0])  # type: ignore[index]
    assert len(left) == (1 if (moment, number) == ("after", 1) else 0), "a token that nobody knows has read nothing"


@needs_root
@pytest.mark.parametrize("moment", ["before", "after"])
def test_jitd_may_be_killed_while_a_lease_is_ended(stage: Stage, moment: str) -> None:
    before, held = stage.at.snapshot(), stage.holding()
    stage.secret(stage.give(held))
    setattr(stage, f"dies_{moment}", len(stage.asked) + 1)
    with pytest.raises(Killed):
        stage.take(held)
    assert stage.files() == ["K7QM-2XVD.json"]
    stage.start()
    assert stage.take(held) == Taken() and stage.at.snapshot() == before and stage.files() == []


@needs_root
def test_the_id_of_a_lease_is_on_the_disk_before_its_secret_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-17."""
    written: list[tuple[Note, int]] = []
    write = stage.notes.write

    def slow(holding: str, note: Note) -> None:
        written.append((note, len(stage.at.live())))
        if len(written) == 2:
            raise Killed
        write(holding, note)

    monkeypatch.setattr(stage.notes, "write", slow)
    n_before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Killed):
        stage.give(stage.holding())
    (first, n_then), (second, _) = written
    assert first.accessor and not first.lease and n_then == 0, "the accessor is noted before there is a lease"
    assert second.lease == stage.at.live()[0]
    # the line to jitd-outside was opened, and the server's threads, which are of this process, may still close theirs
    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= n_before + 1, what="that the secret is closed")
    monkeypatch.undo()
    assert stage.take(stage.holding()) == Taken() and stage.at.live() == []


@needs_root
def test_a_note_that_a_killed_jitd_has_half_written_is_removed_when_jitd_starts(tmp_path: Path) -> None:
    place = tmp_path / "leases"
    assert LeaseNotes(place).of("x") == () and not place.exists()
    place.mkdir()
    for name in (".K7QM-2XVD.1.lease.new", "K7QM-2XVD.1.new", ".of-somebody-else"):
        (place / name).touch()
    LeaseNotes(place)
    assert sorted(os.listdir(place)) == [".of-somebody-else", "K7QM-2XVD.1.new"]


def test_a_disk_that_takes_no_note_gives_no_lease(stage: Stage) -> None:
    (stage.place / "leases").write_text("a file is in the way")
    said = stage.give(stage.holding())
    assert isinstance(said, Failed) and ("cannot be written" in said.why or "cannot be read" in said.why)
    assert stage.at.live() == []
    (stage.place / "leases").unlink()
    assert stage.take(stage.holding()) == Taken()


@needs_root
def test_given_twice_the_first_secret_is_good_for_nothing(stage: Stage) -> None:
    held = stage.holding()
    first, second = (json.loads(stage.secret(stage.give(held))) for _ in range(2))
    assert first["username"] != second["username"]
    (live,) = stage.at.live()
    assert stage.at.leases[live].data == second
    assert stage.take(held) == Taken() and stage.at.live() == []


@needs_root
def test_two_holdings_have_a_lease_each_and_the_end_of_one_leaves_the_other(stage: Stage) -> None:
    one, two = stage.holding(id="K7QM-2XVD"), stage.holding(id="K7QM-2XVD.2")
    stage.secret(stage.give(one))
    (first,) = stage.at.live()
    stage.secret(stage.give(two))
    assert stage.take(one) == Taken()
    assert len(stage.at.live()) == 1 and first not in stage.at.live()
    assert stage.take(two) == Taken()


@needs_root
def test_a_lease_that_is_longer_than_the_grant_ends_with_it_though_jitd_is_down(stage: Stage) -> None:
    """THREATS Q-17."""
    stage.at.lasts = 10**9
    for seconds in (3, 12, 48):  # on a host that is too busy for three, it has ended before it is looked at
        held = stage.holding(seconds=seconds)
        said = stage.give(held)
        if isinstance(said, Given):
            stage.secret(said)
        if is_live := len(stage.at.live()) == 1:
            break
        stage.take(held)
    assert is_live
    wait_for(lambda: stage.at.live() == [], what="the end of the token, and of its lease with it")
    assert time.time() >= int(held.until.timestamp()) - 1
    assert stage.look(held) == Seen(State.GONE, "the lease was shorter than the grant and has ended: jitd renews no lease")
    assert stage.take(held) == Taken() and stage.files() == []


@needs_root
def test_a_lease_that_is_shorter_than_the_grant_is_said_to_be_and_is_not_renewed(stage: Stage) -> None:
    for lasts in (2, 8, 32):  # on a host that is too busy for two, its token has ended before there is a lease
        stage.at.lasts = lasts
        held = stage.holding()
        if isinstance(said := stage.give(held), Given):
            break
        stage.take(held)
    assert isinstance(said, Given) and "before the grant ends, and jitd renews no lease" in said.tell
    stage.secret(said)
    wait_for(lambda: stage.at.live() == [], what="the end of the lease")
    assert stage.look(held) == Seen(State.GONE, "the lease was shorter than the grant and has ended: jitd renews no lease")
    assert not any(path.endswith("renew") for _, path, _ in stage.at.seen)
    assert stage.take(held) == Taken()


@needs_root
def test_an_answer_that_is_late_makes_no_lease_longer(stage: Stage) -> None:
    stage.at.lasts = 90
    stage.now = lambda: datetime.now(UTC) + timedelta(seconds=60 if stage.at.live() else 0)
    held = stage.holding()
    stage.secret(stage.give(held))
    note = stage.notes.read(held.id)
    assert note is not None and note.until <= time.time() + 90
    assert stage.take(held) == Taken()


@needs_root
def test_what_somebody_ended_at_the_server_is_gone_and_is_taken_without_a_complaint(stage: Stage) -> None:
    held = stage.holding()
    stage.secret(stage.give(held))
    stage.at.revoke_by_hand()
    seen = stage.look(held)
    assert isinstance(seen, Seen) and seen.state is State.GONE and "somebody has ended it there" in seen.why
    assert stage.take(held) == Taken() and stage.files() == []


@needs_root
@pytest.mark.parametrize("fault", [(503, "Vault is sealed"), (403, "permission denied"), (500, "internal error")])
def test_a_lease_that_cannot_be_ended_now_is_not_called_ended(stage: Stage, fault: tuple[int, str]) -> None:
    """THREATS Q-19."""
    held = stage.holding()
    stage.secret(stage.give(held))
    stage.at.fault = fault
    said = stage.take(held)
    assert isinstance(said, Failed) and fault[1] in said.why
    assert isinstance(stage.look(held), Failed)
    assert len(stage.at.leases) == 1 and stage.files() == ["K7QM-2XVD.json"]
    stage.at.fault = None
    assert stage.take(held) == Taken() and stage.at.live() == []


@needs_root
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_the_token_is_ended_though_the_end_of_its_lease_fails(stage: Stage, how: str) -> None:
    """THREATS Q-44. A database, for example, does not end the user of a lease while the user has a transaction."""
    held = stage.holding()
    stage.secret(stage.give(held))

    def before(path: str) -> bytes | None:
        if path != "sys/leases/revoke":
            return None
        if how == "silent":
            raise ConnectionError
        return errors(500, "the user has a transaction")

    stage.at.before = before
    said = stage.take(held)
    assert isinstance(said, Failed) and "is not ended" in said.why, "it is not called ended"
    assert len(stage.at.asked("auth/token/revoke-accessor")) == 1
    stage.at.before = lambda path: None
    assert stage.take(held) == Taken() and stage.at.live() == []


@needs_root
def test_a_server_that_refuses_gives_nothing_and_leaves_nothing(stage: Stage) -> None:
    before = stage.at.snapshot()
    stage.at.fault = (403, "permission denied")
    assert isinstance(stage.give(stage.holding()), Refused)
    stage.at.fault = None
    stage.at.before = lambda path: errors(403, "permission denied") if path.startswith("database") else None
    said = stage.give(stage.holding())
    assert isinstance(said, Failed) and "no lease of database/creds/reporting" in said.why
    assert stage.take(stage.holding()) == Taken() and stage.at.snapshot() == before and stage.files() == []


@needs_root
def test_another_server_in_the_settings_is_not_asked_about_a_lease_of_this_one(stage: Stage) -> None:
    """THREATS Q-19."""
    held = stage.holding()
    stage.secret(stage.give(held))
    stage.read(TABLES.replace("{url}", "https://vault.example.org:8200"))
    n_asked = len(stage.asked)
    said = stage.take(held)
    assert isinstance(said, Failed) and f"the lease comes from {stage.at.url}" in said.why
    assert isinstance(stage.look(held), Failed)
    stage.read(TABLES.replace("app", "other"))
    said = stage.take(held)
    assert isinstance(said, Failed) and "write the table [givers.app] there again" in said.why
    assert len(stage.asked) == n_asked and len(stage.at.live()) == 1
    stage.read()
    assert stage.take(held) == Taken() and stage.at.live() == []


@needs_root
@pytest.mark.parametrize("content", [b"", b"{}", b'{"thing":1}', b"\xff", b"[]"])
def test_a_note_that_is_damaged_is_not_taken_for_none(stage: Stage, content: bytes) -> None:
    """THREATS Q-19."""
    held = stage.holding()
    stage.secret(stage.give(held))
    file = stage.place / "leases/K7QM-2XVD.json"
    good = file.read_bytes()
    file.write_bytes(content)
    for said in (stage.take(held), stage.look(held), stage.give(held), stage.strays()):
        assert isinstance(said, Failed), said
    assert len(stage.at.live()) == 1
    file.write_bytes(good)
    assert stage.take(held) == Taken() and stage.at.live() == []


@needs_root
@pytest.mark.parametrize("grants", ["missing", "damaged"])
def test_a_lease_whose_grant_is_lost_is_looked_at_and_ended_and_no_other_is_given(stage: Stage, grants: str) -> None:
    """THREATS O-02: what ends a lease stands in its note."""
    held = stage.holding()
    stage.secret(stage.give(held))
    stage.grants = grants
    assert stage.look(held) == Seen(State.STANDS)
    assert stage.take(held) == Taken() and stage.at.live() == [] and stage.files() == []
    if grants == "missing":
        assert stage.give(held) == Failed(f"the record has no grant {held.grant}")
    else:
        with pytest.raises(StoreError):
            stage.give(held)
    assert stage.at.live() == [] and stage.files() == []


def test_what_was_not_approved_is_not_given(stage: Stage) -> None:
    stage.lets = ("vault:app: have a lease of database/creds/everything by https://vault.example.org",)
    said = stage.give(stage.holding())
    assert isinstance(said, Refused) and "is not what was approved" in said.why
    assert stage.asked == [] and stage.at.seen == []


@needs_root
def test_a_lease_whose_note_is_gone_is_not_called_ended(stage: Stage) -> None:
    """THREATS Q-19."""
    held = stage.holding()
    stage.secret(stage.give(held))
    held = replace(held, given_at=datetime.now(UTC))
    file = stage.place / "leases/K7QM-2XVD.json"
    note = file.read_bytes()
    file.unlink()
    said = stage.take(held)
    assert isinstance(said, Taken) and "jitd's note about" in said.left
    assert len(stage.at.live()) == 1
    stage.now = lambda: datetime.now(UTC) + timedelta(seconds=601)
    assert stage.take(held) == Taken(), "the server has ended it at its time"
    stage.now = lambda: datetime.now(UTC)
    file.write_bytes(note)
    assert stage.take(held) == Taken() and stage.at.live() == []
    assert stage.take(held) == Taken(), "the end could not be recorded, and is asked for again"


@needs_root
def test_a_lease_that_nobody_holds_is_found(stage: Stage) -> None:
    held = stage.holding()
    stage.secret(stage.give(held))
    assert stage.strays("K7QM-2XVD") == Strays() and stage.strays("K7QM-2XVD.2") == Strays(("K7QM-2XVD",))
    (stage.place / "leases/.K7QM-2XVD.json.new").write_bytes(b"half")
    (stage.place / "leases/README.json").write_bytes(b"an administrator's own")
    assert stage.strays("K7QM-2XVD") == Strays()
    assert stage.take(held) == Taken() and stage.strays() == Strays()


@needs_root
@pytest.mark.parametrize("seconds", [0, -5])
def test_nothing_is_given_when_the_time_is_over(stage: Stage, seconds: int) -> None:
    said = stage.give(stage.holding(seconds=seconds))
    assert isinstance(said, Refused) and stage.at.seen == []


# --- keys that are signed --------------------------------------------------------------------------------------------


@pytest.fixture
def signing(stage: Stage) -> Stage:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stage.place / "own"], check=True)
    stage.brought = " ".join((stage.place / "own.pub").read_text().split()[:2])
    return stage


@needs_root
def test_a_signed_key_ends_by_itself_and_the_record_says_so(signing: Stage) -> None:
    before, held = signing.at.snapshot(), signing.holding(KEY_THING)
    certificate = signing.secret(signing.give(held))
    file = signing.place / "own-cert.pub"
    file.write_bytes(certificate)
    shown = subprocess.run(["ssh-keygen", "-L", "-f", file], capture_output=True, text=True, check=True).stdout
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in shown and "ops" in shown
    assert signing.look(held) == Seen(State.STANDS)
    said = signing.take(held)
    assert isinstance(said, Taken) and "the server revokes none" in said.left
    assert signing.at.snapshot() == before and signing.files() == []


@needs_root
def test_a_signed_key_whose_time_is_over_leaves_nothing(signing: Stage) -> None:
    held = signing.holding(KEY_THING)
    signing.secret(signing.give(held))
    signing.now = lambda: datetime.now(UTC) + timedelta(seconds=601)
    assert signing.take(held) == Taken() and signing.files() == []


@needs_root
def test_a_key_that_nobody_brought_is_asked_for(stage: Stage) -> None:
    said = stage.give(stage.holding(KEY_THING))
    assert isinstance(said, Refused) and "--key ~/.ssh/id_ed25519.pub" in said.why
    assert stage.asked == []


# --- the settings ----------------------------------------------------------------------------------------------------


def test_the_words_for_approvers_tell_all_that_a_person_gets(tmp_path: Path) -> None:
    stage = _read(tmp_path, TABLES.replace('secret = "', 'namespace = "team/app"\nsecret = "'))
    assert lets_of_things(stage.of(ThingSection).givers, (THING, KEY_THING)) == (
        "vault:app: have a lease of database/creds/reporting by https://vault.example.org:8200 in the namespace team/app",
        "vault:ops-ssh: have their own key signed at ssh/sign/ops by https://vault.example.org:8200 in the namespace team/app,"
        " with valid_principals=ops",
    )


def _read(place: Path, text: str) -> Config:
    place.chmod(0o755)
    (place / "keys").mkdir(mode=0o700, exist_ok=True)
    for name, mode in (("keys/vault.token", 0o600), ("keys/open.token", 0o644), ("other.token", 0o600)):
        (place / name).write_text("x")
        (place / name).chmod(mode)
    (place / "vault-ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    file = place / "jitd.toml"
    url = "https://vault.example.org:8200"
    file.write_text('realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n' + text.format(url=url, place=place))
    file.chmod(0o644)
    return load(file, owner=os.geteuid(), keys_at=place / "keys")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"{url}"', '"http://vault.example.org"', '"url" must be https://'),
        ('"{url}"', '"https://vault.example.org/v1/secret"', '"url" must be https://'),
        ('"{url}"', '"https://u:p@vault.example.org"', '"url" is not a URL'),
        ('"{url}"', "7", '"url" must be'),
        ("database/creds/reporting", "../sys/seal", '"role" must be the path of a lease'),
        ("database/creds/reporting", "database/../sys/seal", '"role" must be the path of a lease'),
        ("database/creds/reporting", "database/creds/.", '"role" must be the path of a lease'),
        ("database/creds/reporting", "sys/raw/x", '"role" must be the path of a lease'),
        ("database/creds/reporting", "auth/token/create", '"role" must be the path of a lease'),
        ("database/creds/reporting", "/database/creds", '"role" must be the path of a lease'),
        ("database/creds/reporting", "database/creds/x?list=true", '"role" must be the path of a lease'),
        ("database/creds/reporting", "database", '"role" must be the path of a lease'),
        ('kind = "vault"', 'kind = "vault"\nnamespace = "../root"', '"namespace" must be'),
        ('kind = "vault"', 'kind = "vault"\nnamespace = ""', '"namespace" must be'),
        ('kind = "vault"', 'kind = "vault"\ndrift = "mend"', '"mend" is not for kind "vault"'),
        ('kind = "vault"', 'kind = "vault"\nuids = "x"', '"uids" is not for kind "vault"'),
        ("{place}/keys/vault.token", "{place}/other.token", '"secret" must be a file in'),
        ("{place}/keys/vault.token", "{place}/keys/open.token", "may be read by others than root"),
        ("{place}/keys/vault.token", "{place}/keys/no.token", "cannot be read"),
        ("{place}/vault-ca.pem", "{place}/no.pem", '"ca"'),
        ('["127.0.0.0/8"]', '["localhost"]', "is not a network"),
        ("valid_principals", "ttl", "cannot be a parameter"),
        ("valid_principals", "public_key", "cannot be a parameter"),
        ("valid_principals", '"Valid Principals"', "is not the name of a parameter"),
        ('= "ops"', "= 7", '"valid_principals" must be'),
        ('= "ops"', '= ""', "printable characters"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_its_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TABLES
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, TABLES.replace(old, new, 1))
    assert words in str(caught.value)


def test_what_is_missing_is_told_and_what_is_read_has_one_spelling(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, '[givers.app]\nkind = "vault"\n')
    assert all(f'"{key}"' in str(caught.value) for key in ("url", "role", "secret"))
    found = _read(tmp_path, TABLES.replace('"{url}"', '"https://Vault.Example.org:443"')).of(ThingSection).givers["app"]
    assert isinstance(found, VaultSettings) and found.by.url == "https://vault.example.org/"
    assert not found.signs and replace(found, role="ssh/sign/ops").signs
