# SPDX-License-Identifier: Apache-2.0
"""The signed head of the chain: when it is signed, by which key, and what happens to the key."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import signing_key, sshsig
from jitd.audit.findings import Wrong
from jitd.audit.forms import KEY_NAMESPACE, Checkpoint
from jitd.audit.keys import read_keys
from jitd.audit.signing import AFTER, EVERY, CannotSign, Signing
from jitd.audit.signing_key import KeyFiles
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore
from jitd.verbs.records import HostNames
from tests.scene import moment
from tests.verified import findings

HOST = "db1.example.test"


OTHER = "db9.example.test"


class House:
    """The part of a daemon that keeps the chain, in the directory ``path``. ``begin`` is a start, and ``end`` a crash."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.machine = path / "machine-id"
        self.machine.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
        monkeypatch.setattr("jitd.audit.signing_key.MACHINE_ID", self.machine)
        self.state = path / "state"
        self.state.mkdir()
        self.begin()

    def begin(self, host: str = HOST) -> None:
        self.store = SqliteStore(self.state / "jitd.db")
        self.at = moment()
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1", lambda head: self.signing.follow(head))
        self.signing = Signing(self.store, host, self.state, lambda: self.at, self.lifecycle.note)

    def end(self) -> None:
        self.store.close()

    def again(self) -> None:
        self.end()
        self.begin()

    def happen(self, n: int = 1, rules: int = 1) -> None:
        for _ in range(n):
            self.lifecycle.note("policy.loaded", "root", 0, {"rules": rules})

    def checkpoints(self) -> list[Checkpoint]:
        return list(self.store.checkpoints())

    def notes(self, name: str) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, body, _ in self.store.records()]
        return [body["detail"] for body in bodies if body["event"] == name]

    def public(self) -> bytes:
        return sshsig.read_public(self.signing.public_line())

    def check(self) -> None:
        """Every checkpoint is of a record as it is in the chain, and by the key that the record names for this number."""
        seals = {number: digest for number, _, digest in self.store.records()}
        keys: dict[int, bytes] = {}
        for number, body, _ in self.store.records():
            said = json.loads(body)
            if said["event"] in ("key.made", "key.rotated"):
                keys[number] = sshsig.read_public(said["detail"]["public"])
        for one in self.checkpoints():
            assert one.host == HOST and one.seal == seals[one.number]
            key = keys[max(number for number in keys if number <= one.number)]
            sshsig.check_signature(key, Checkpoint.NAMESPACE, one.signed.encode(), one.signature)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    yield made
    made.end()


def test_the_key_is_made_at_the_first_start_and_only_root_can_read_it(house: House) -> None:
    assert not (house.state / "signing-key").exists()
    assert house.signing.sign()
    file = house.state / "signing-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    public = sshsig.public_line(house.public(), "")
    assert house.notes("key.made") == [{"host": HOST, "public": public, "because": "first start"}]
    house.check()


def test_a_later_start_uses_the_same_key(house: House) -> None:
    house.signing.sign()
    before = house.public()
    house.again()
    house.happen()
    assert house.signing.sign() and house.public() == before and len(house.notes("key.made")) == 1
    house.check()


def test_a_head_is_signed_once(house: House) -> None:
    house.happen()
    for _ in range(3):
        assert house.signing.sign()
    assert [one.number for one in house.checkpoints()] == [house.store.head().number]


@pytest.mark.parametrize(("n", "within"), [(EVERY, AFTER / 2), (1, AFTER + 5)])
def test_many_records_are_signed_at_once_and_one_within_a_second(house: House, n: int, within: float) -> None:
    """jitd-audit(8) promises one second. A busy host may take longer, so that only the first row has a bound below it."""

    async def tell() -> float:
        signed = asyncio.Event()
        house.signing.told.append(lambda one: signed.set())
        keeping = asyncio.ensure_future(house.signing.keep())
        house.happen()
        await signed.wait()
        signed.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        house.happen(n)
        await asyncio.wait_for(signed.wait(), within)
        keeping.cancel()
        return loop.time() - began

    took = asyncio.run(tell())
    assert n >= EVERY or took >= AFTER * 0.9, "a lone record waits for others"
    assert house.checkpoints()[-1].number == house.store.head().number
    house.check()


def test_after_a_crash_the_next_daemon_signs_the_head_that_it_finds(house: House) -> None:
    house.signing.sign()
    house.happen(3)
    house.again()
    left = house.store.head().number

    async def tell() -> None:
        signed = asyncio.Event()
        house.signing.told.append(lambda one: signed.set())
        keeping = asyncio.ensure_future(house.signing.keep())
        await signed.wait()
        keeping.cancel()

    asyncio.run(tell())
    assert house.checkpoints()[-1].number == left
    house.check()


def test_a_lost_key_is_replaced_and_the_record_says_so(house: House) -> None:
    house.signing.sign()
    before = house.public()
    (house.state / "signing-key").unlink()
    house.again()
    assert house.signing.sign() and house.public() != before
    made = house.notes("key.made")[1]
    assert (made["because"], made["before"]) == ("lost", sshsig.public_line(before, ""))
    assert house.signing.remade == (house.at.at.timestamp(), "lost")
    house.check()


def test_a_new_key_is_told_until_root_acknowledges_it_and_each_further_one_again(house: House) -> None:
    house.signing.sign()
    house.signing.acknowledge("root", 0)
    assert house.notes("key.acknowledged") == [], "of the first key there is nothing to know"
    for n in (1, 2):
        (house.state / "signing-key").unlink()
        house.again()
        house.signing.sign()
        assert house.signing.remade is not None
        for _ in range(2):
            house.signing.acknowledge("root", 0)
        assert house.signing.remade is None and len(house.notes("key.acknowledged")) == n, "it is recorded once"
        house.again()
        house.signing.sign()
        assert house.signing.remade is None
    public = sshsig.public_line(house.public(), "")
    assert house.notes("key.acknowledged")[-1] == {"public": public, "because": "lost"}
    house.check()


def test_an_acknowledgement_that_cannot_be_recorded_is_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.signing.sign()
    (house.state / "signing-key").unlink()
    house.again()
    house.signing.sign()
    with monkeypatch.context() as disk:
        disk.setattr(SqliteStore, "commit", lambda *words: (_ for _ in ()).throw(StoreError("disk full")))
        with pytest.raises(StoreError, match="disk full"):
            house.signing.acknowledge("root", 0)
    assert house.signing.remade is not None
    house.again()
    house.signing.sign()
    assert house.signing.remade is not None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"form": "jitd signing key 1"}'])
def test_a_damaged_key_is_replaced(house: House, content: bytes) -> None:
    house.signing.sign()
    (house.state / "signing-key").write_bytes(content)
    house.again()
    assert house.signing.sign()
    assert house.notes("key.made")[1]["because"] == "damaged"
    house.check()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_could_read_is_replaced(house: House, mode: int) -> None:
    """THREATS L-13."""
    house.signing.sign()
    (house.state / "signing-key").chmod(mode)
    house.again()
    assert house.signing.sign()
    assert house.notes("key.made")[1]["because"] == "others could read it"
    assert stat.S_IMODE((house.state / "signing-key").stat().st_mode) == 0o600
    house.check()


def test_a_copy_of_this_host_on_another_machine_gets_a_key_of_its_own(house: House) -> None:
    """THREATS L-13: an image that was made of a host carries its key. The copy must not sign in the name of the host."""
    house.signing.sign()
    before, stolen = house.public(), (house.state / "signing-key").read_bytes()
    house.machine.write_text("00000000000000000000000000000001\n")
    house.again()
    assert house.signing.sign() and house.public() != before
    assert house.notes("key.made")[1]["because"] == "made on another machine"
    held = b"".join(file.read_bytes() for file in house.state.iterdir())
    assert json.loads(stolen)["key"].encode() not in held, "the copy does not keep the key"
    house.check()


def test_another_key_in_the_place_of_the_right_one_is_not_used(house: House) -> None:
    """THREATS L-13."""
    house.signing.sign()
    planted = signing_key.make(signing_key.machine(), house.at.at, signing_key.Because.FIRST)
    files = KeyFiles(house.state)
    files.put_aside(planted)
    files.use_next()
    house.again()
    assert house.signing.sign() and house.public() != planted.public
    assert house.notes("key.made")[1]["because"] == "not the key that the record names"
    house.check()


@pytest.mark.parametrize("n", [1, 9])
def test_a_key_never_signs_two_heads_for_one_number(house: House, n: int) -> None:
    """THREATS L-13: the database is restored, also after the head in /run is gone, and the chain goes on with other records."""
    house.signing.sign()
    house.end()
    shutil.copy(house.state / "jitd.db", house.path / "backup")
    house.begin()
    house.happen(5)
    house.signing.sign()
    first, signed = house.public(), house.checkpoints()
    house.end()
    for file in house.state.glob("jitd.db*"):
        file.unlink()
    shutil.copy(house.path / "backup", house.state / "jitd.db")
    house.begin()
    house.happen(n, rules=2)
    assert house.signing.sign() and house.public() != first
    assert house.notes("key.made")[1]["because"] == "has signed another chain"
    house.check()
    heads = {one.number: one.seal for one in signed}
    for one in house.checkpoints():
        assert sshsig.signer(one.signature) != first or heads.get(one.number, one.seal) == one.seal


def test_a_crash_between_the_promise_and_the_signature_loses_no_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.signing.sign()
    first = house.public()
    house.happen()
    with monkeypatch.context() as crash:
        crash.setattr(SqliteStore, "keep_checkpoint", lambda self, one: (_ for _ in ()).throw(StoreError("killed")))
        assert not house.signing.sign()
    house.again()
    house.happen()
    assert house.signing.sign() and house.public() == first
    house.check()


def test_two_checkpoints_for_one_number_cannot_be_stored_and_none_is_changed(house: House) -> None:
    """THREATS L-13."""
    house.signing.sign()
    (one,) = house.checkpoints()
    with pytest.raises(StoreError):
        house.store.keep_checkpoint(one)
    with closing(sqlite3.connect(house.state / "jitd.db")) as db:
        for statement in ("UPDATE checkpoints SET at = ''", "DELETE FROM checkpoints"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                db.execute(statement)


def test_a_rotation_is_a_record_that_both_keys_have_signed(house: House) -> None:
    house.happen()
    house.signing.sign()
    before = house.public()
    house.happen()
    after = sshsig.read_public(house.signing.rotate("root", 0))
    (said,) = house.notes("key.rotated")
    assert sshsig.read_public(said["before"]) == before and sshsig.read_public(said["public"]) == after != before
    sshsig.check_signature(before, KEY_NAMESPACE, said["signed"].encode(), said["by_before"])
    sshsig.check_signature(after, KEY_NAMESPACE, said["signed"].encode(), said["by_public"])
    for words in (f"host {HOST}\n", f"before {said['before']}\n", f"public {said['public']}\n"):
        assert words in said["signed"]
    house.signing.sign()
    house.again()
    house.happen()
    assert house.signing.sign() and house.public() == after and not house.notes("key.made")[1:]
    house.check()


def test_a_rotation_whose_note_cannot_be_written_is_not_begun(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.signing.sign()
    before = house.public()
    with monkeypatch.context() as disk:
        disk.setattr(SqliteStore, "commit", lambda *words: (_ for _ in ()).throw(StoreError("disk full")))
        with pytest.raises(StoreError, match="disk full"):
            house.signing.rotate("root", 0)
    assert house.public() == before
    house.again()
    house.happen()
    assert house.signing.sign() and house.public() == before and len(house.notes("key.made")) == 1
    house.check()


def test_a_rotation_that_was_cut_off_after_its_note_is_completed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.signing.sign()
    before = house.public()
    with monkeypatch.context() as crash:
        crash.setattr(KeyFiles, "use_next", lambda *words: (_ for _ in ()).throw(OSError("killed")))
        after = sshsig.read_public(house.signing.rotate("root", 0))
    house.happen()
    assert house.signing.sign() and house.public() == after != before
    house.again()
    house.happen()
    assert house.signing.sign() and house.public() == after and len(house.notes("key.made")) == 1
    house.check()


@pytest.mark.parametrize("broken", ["put_aside", "promise"])
def test_decisions_go_on_while_nothing_can_be_signed_and_it_is_told_since_when(
    house: House, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(KeyFiles, broken, lambda *words: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert not house.signing.sign()
        began = house.at.at
        house.at = moment(60.0)
        house.happen(EVERY * 2)
        assert not house.signing.sign()
        since, why = house.signing.failing
        assert since == began.timestamp() and "No space left" in why
        assert house.checkpoints() == []
        if broken == "put_aside":
            with pytest.raises(OSError, match="No space left"):
                house.signing.rotate("root", 0)
    assert house.signing.sign() and house.signing.failing is None
    assert len(house.notes("key.made")) == 1
    house.check()


def test_a_name_that_cannot_stand_in_a_signed_text_signs_nothing(house: House) -> None:
    bad = Signing(house.store, "db1\nnumber 7", house.state, lambda: house.at, house.lifecycle.note)
    assert not bad.sign() and house.checkpoints() == []
    with pytest.raises(CannotSign):
        bad.public_line()


def test_checkpoints_are_read_in_their_order_from_any_number(house: House) -> None:
    for _ in range(70):
        house.happen()
        house.signing.sign()
    numbers = [one.number for one in house.checkpoints()]
    assert len(numbers) == 70 and numbers == sorted(numbers)
    assert [one.number for one in house.store.checkpoints(after=numbers[30])] == numbers[31:]
    assert house.store.last_checkpoint() == house.checkpoints()[-1]


@pytest.mark.parametrize(
    "damage",
    ["at = 'never'", "at = '0001-01-01T00:00:00+14:00'", "at = x'ff'", "host = CAST(x'ff' AS TEXT)", "seal = 7", "signature = 7"],
)
def test_a_damaged_checkpoint_is_found_and_stops_neither_a_verification_nor_the_next_signature(house: House, damage: str) -> None:
    """THREATS L-13."""
    for _ in range(3):
        house.happen()
        house.signing.sign()
    last = house.checkpoints()[-1].number
    with closing(sqlite3.connect(house.state / "jitd.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER checkpoints_stay")
        db.execute(f"UPDATE checkpoints SET {damage} WHERE number = {last}")
    before = house.public()
    house.again()
    house.happen()
    assert house.signing.sign() and house.checkpoints()[-1].number > last
    assert house.public() == before
    found = findings(house.store)
    assert [(one.wrong, one.number) for one in found] == [(Wrong.FORGED, last)]


# --- another name ------------------------------------------------------------------------------------------------------------


def renamed(house: House, host: str = OTHER) -> None:
    house.end()
    house.begin(host)


def test_a_host_with_another_name_records_that_and_signs_it_under_the_name_before(house: House) -> None:
    """THREATS L-27. Also what an earlier daemon has left unsigned."""
    house.happen()
    house.signing.sign()
    house.happen(3)
    renamed(house)
    house.signing.sign()
    head = house.store.head().number
    assert house.notes("key.renamed") == [{"host": HOST, "renamed": OTHER}]
    assert [(one.number, one.host) for one in house.checkpoints()][-1] == (head, HOST)
    house.happen()
    house.signing.sign()
    assert [(one.number, one.host) for one in house.checkpoints()][-1] == (head + 1, OTHER)
    found = findings(house.store, given=read_keys(f"jitd@{OTHER} {house.signing.public_line()}"))
    assert found == [], "who may sign for the name of now may for the one before"
    found = findings(house.store, given=read_keys(f"jitd@{HOST} {house.signing.public_line()}"))
    assert [flaw.wrong for flaw in found] == [Wrong.FOREIGN_KEY], "and not the other way"


def test_who_may_sign_for_the_old_name_alone_signs_for_the_new_one_by_no_names_in_between(house: House) -> None:
    """THREATS L-27."""
    house.happen()
    house.signing.sign()
    for host in (OTHER, HOST, OTHER):
        renamed(house, host)
        for _ in range(2):
            house.happen(2)
            house.signing.sign()
    assert house.checkpoints()[-1].host == OTHER
    found = findings(house.store, given=read_keys(f"jitd@{HOST} {house.signing.public_line()}"))
    assert [flaw.wrong for flaw in found] == [Wrong.FOREIGN_KEY]


@pytest.mark.parametrize("host", [OTHER, HOST, "db7.example.test"])
def test_a_daemon_that_was_killed_before_it_signed_its_other_name_records_its_name_again(
    house: House, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """THREATS L-27."""
    house.happen()
    house.signing.sign()
    renamed(house)
    with monkeypatch.context() as patched:
        patched.setattr(house.store, "keep_checkpoint", lambda made: (_ for _ in ()).throw(StoreError("full")))
        assert not house.signing.sign()
    assert [one.host for one in house.checkpoints()] == [HOST]
    renamed(house, host)
    house.happen()
    house.signing.sign()
    house.happen()
    house.signing.sign()
    hosts = [one.host for one in house.checkpoints()]
    assert hosts[0] == HOST and hosts[-1] == host
    store = house.store
    names = HostNames(host)
    assert [names.at(store, one.number) for one in house.checkpoints()] == hosts
    found = findings(store)
    assert found == []
