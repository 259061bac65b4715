# SPDX-License-Identifier: Apache-2.0
"""Packs as the daemon makes them, from a real store with a real key: each is verified by verify.py, whatever it is about; it has
what belongs to the action, and nothing that its reader may not see.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit import sshsig
from jitd.audit.signing import Signing
from jitd.core.decision import Approval, BreakGlass
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.grant import Revoked
from jitd.core.law import MONITOR, Role
from jitd.core.policy_text import PolicyText
from jitd.core.run import Ended, Ending, Outcome, Recording, Started
from jitd.core.subject import ROOT, Subject
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.recording import storage
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from jitd_evidence.pack import verify
from jitd_evidence.serving import packs
from jitpam.wire.messages import Pack
from tests.evidence.pack_making import made_by, packs_of
from tests.evidence.packs import HOST, ID, RUN, Host, words, wrong, zipped
from tests.scene import START, actor, asked, command, free, permit, person, review, screened, submit, thing

ALICE, BOB, CAROL, DAVE, EVE = (person(name) for name in ("alice", "bob", "carol", "dave", "eve"))
POLICY = PolicyText(
    (
        (
            b"databases.toml",
            b'[[permit]]\nname = "rule-1"\nwho = ["group:dba"]\ncommands = [["/usr/bin/psql", "**"]]\n'
            b'approvals = [{ need = 1, from = ["group:ops"] }]\ngrant = { lasts = "1h", uses = 9 }\nrun = { env = ["PGUSER"] }\n',
        ),
        (b"freeze.toml", b'# not for contractors\n[[deny]]\nname = "freeze"\nwho = ["group:contractors"]\n'),
    )
)


class House(Host):
    """A host that makes packs. dave is an operator and bob an auditor."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.policy_in_force = POLICY
        self.lifecycle = Lifecycle(
            self.store,
            self.now,
            lambda: self.policy_in_force.digest,
            lambda head: self.signing.follow(head),
            policy_text=lambda: self.policy_in_force,
        )
        self.signing._note = self.lifecycle.note
        self.lifecycle.note("policy.loaded", "root", 0, {"rules": 2})
        self.workers = Workers()
        self.packs = packs_of(path, self.store, self.lifecycle, self.workers, self.now, countersigned=lambda: self.witnessed)

    def make(self, id: str = ID, who: Subject = DAVE, *, recordings: bool = True) -> dict[str, bytes]:
        """The files of a pack. Meanwhile, the head is signed as the daemon signs it."""
        return made_by(self.packs, self.signing, id, who, recordings=recordings)

    def record(self) -> None:
        """Keep the recording of the second run of ``live``."""
        (self.path / "recordings").mkdir(mode=0o700, exist_ok=True)
        place = self.path / "recordings" / storage.name_of(RUN)
        place.write_bytes(self.recording)
        place.chmod(0o600)

    def hide(self, id: str = "H1DD-EN00", recording: Recording | None = None) -> str:
        """Have alice ask under a rule that hides the contents from dave and bob."""
        what = command("psql", "-c", "SECRETS")
        made = asked(id, ALICE, what)
        made = replace(made, claims=replace(made.claims, reason="whisper"))
        self.lifecycle.handle(submit(made), screened(made, free(visible_to=("group:privacy",))))
        self.lifecycle.handle(Started(id, MONITOR, 11))
        self.lifecycle.handle(Ended(id, MONITOR, Outcome(Ending.EXITED, 0, ""), recording))
        return id


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.others(5)
    made.live()
    made.record()
    made.others(9, "CCCC")
    yield made
    made.workers.close()
    made.store.close()


def digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def lines(files: dict[str, bytes], name: str = "records.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[name].splitlines()]


def shown(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [line for line in lines(files) if line["form"] == "jitd record 1"]


def test_a_pack_has_all_files_in_their_order_and_is_whole(house: House) -> None:
    """THREATS L-26."""
    files = house.make()
    assert list(files) == [
        *("README.txt", "index.html", "verify.py", "records.jsonl", "documents.jsonl"),
        *(f"policy-{POLICY.digest}.json", "trace.json"),
        *(f"recordings/{RUN}.jitd", f"recordings/{RUN}.cast"),
        *("manifest.json", "proof.jsonl"),
    ]
    assert wrong(zipped(files), house.public) == []
    assert files[f"recordings/{RUN}.jitd"] == house.recording
    assert ID in words(zipped(files), house.public)


def test_a_pack_of_what_was_done_under_the_name_before_is_whole_and_each_line_has_the_name_of_its_time(house: House) -> None:
    """THREATS L-27."""
    other, before = "db9.example.test", house.public
    house.signing = Signing(house.store, other, house.path, house.now, house.lifecycle.note)
    house.signing.sign()
    n_before = house.store.head().number
    house.packs = packs_of(house.path, house.store, house.lifecycle, house.workers, house.now, host=other)
    files = house.make()
    assert {one["host"] for one in lines(files) if one["number"] <= n_before} == {HOST}
    assert {one["host"] for one in lines(files, "proof.jsonl") if one["number"] > n_before} == {other}
    assert wrong(zipped(files), house.public) == []
    assert f"pack of request {ID} on {other}" in words(zipped(files), house.public)
    assert wrong(zipped(files), before), "the key of now is that of the name of now: it is got again from its administrator"


def test_another_name_that_no_record_tells_is_found(house: House) -> None:
    """THREATS L-27."""
    house.packs = packs_of(house.path, house.store, house.lifecycle, house.workers, house.now, host="db9.example.test")
    found = wrong(zipped(house.make()), house.public)
    assert any("the line is of the host db1.example.test, and the pack is of db9.example.test" in one for one in found), found


def test_all_that_the_record_says_of_the_action_is_shown_and_of_other_requests_nothing(house: House) -> None:
    """THREATS L-26."""
    files = house.make()
    expected = [
        number
        for number, body, _ in house.store.records()
        if json.loads(body).get("id", "").startswith(ID) or json.loads(body)["event"].startswith("key.")
    ]
    assert set(expected) < {line["number"] for line in shown(files)}
    rest = [line for line in shown(files) if line["number"] not in expected]
    assert [line["event"] for line in rest] == ["policy.loaded"]
    assert {(one["life"], one["id"]) for one in lines(files, "documents.jsonl")} == {
        *(("request", ID), ("grant", ID), ("run", ID), ("run", RUN))
    }
    assert b"CCCC-" not in b"".join(files.values()), "a letter that base64 does not have: keys and signatures are random"


def test_the_text_of_the_rules_that_decided_is_there_also_after_others_came_into_force(house: House) -> None:
    house.policy_in_force = PolicyText(((b"other.toml", b"# nothing is permitted\n"),))
    house.lifecycle.note("policy.loaded", "root", 0, {"rules": 0})
    files = house.make()
    told = json.loads(files[f"policy-{POLICY.digest}.json"])
    assert [one["name"] for one in told["files"]] == ["databases.toml", "freeze.toml"]
    assert f"policy-{house.policy_in_force.digest}.json" not in files
    assert wrong(zipped(files), house.public) == []


def test_the_trace_says_what_each_rule_answers_and_agrees_with_the_record(house: House) -> None:
    trace = json.loads(house.make()["trace.json"])
    assert trace["same"] and trace["says"]["decision"] == "permit" == trace["recorded"]["decision"]
    assert [(rule["rule"], rule["says"]) for rule in trace["rules"]] == [("freeze", "passes"), ("rule-1", "permits")]
    assert ("who", "held") in [(one["condition"], one["outcome"]) for one in trace["rules"][1]["conditions"]]


def test_a_trace_that_decides_otherwise_says_so(house: House) -> None:
    made = asked("0THE-R000", EVE, command("psql"))
    house.lifecycle.handle(submit(made), screened(made, replace(free(), rule="rule-1")))
    files = house.make("0THE-R000")
    trace = json.loads(files["trace.json"])
    assert not trace["same"] and (trace["says"]["decision"], trace["recorded"]["decision"]) == ("deny", "permit")
    assert wrong(zipped(files), house.public) == []


def test_a_pack_shows_its_reader_no_more_than_they_may_see(house: House) -> None:
    """THREATS L-26: neither the words, nor their salts."""
    id = house.hide()
    files = house.make(id)
    everything = b"".join(files.values())
    assert b"SECRETS" not in everything and b"whisper" not in everything
    assert files["documents.jsonl"] == b"" and "trace.json" not in files
    assert not {value["field"] for line in shown(files) for value in line["values"]} & {"argv", "reason"}
    assert wrong(zipped(files), house.public) == []


def test_who_made_the_request_of_a_hidden_one_is_shown_it_if_they_oversee(house: House) -> None:
    id = house.hide()
    house.packs._access._config.auditors = ("user:alice",)  # type: ignore[misc]
    files = house.make(id, ALICE)
    assert b"SECRETS" in files["records.jsonl"] and files["documents.jsonl"] != b"" and wrong(zipped(files)) == []


def test_a_recording_is_for_those_who_may_watch_the_run(house: House) -> None:
    """THREATS L-26."""
    id = house.hide("H1DD-EN02", recording=house._recorded)
    place = house.path / "recordings" / storage.name_of(id)
    place.write_bytes(house.recording)
    place.chmod(0o600)
    assert [name for name in house.make(id, BOB) if name.startswith("recordings/")] == []
    assert [name for name in house.make(ID, BOB) if name.startswith("recordings/")] != []
    assert [name for name in house.make(ID, BOB, recordings=False) if name.startswith("recordings/")] == []


def test_who_gets_a_recording_with_a_pack_is_recorded_as_one_who_watched_it(house: House) -> None:
    """THREATS L-26."""

    def events() -> list[tuple[str, str]]:
        told = [json.loads(body) for _, body, _ in house.store.records(before)]
        return [(one["event"], one["detail"].get("run", "")) for one in told if one["actor"] == BOB.principal]

    before = house.store.head().number
    house.make(ID, BOB, recordings=False)
    assert events() == [("pack.made", "")]
    before = house.store.head().number
    house.make(ID, BOB)
    assert events() == [("recording.watched", RUN), ("pack.made", "")]


def test_on_a_disk_that_is_almost_full_only_root_has_a_pack_made(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "is_reached", lambda place: place == str(house.path))
    with pytest.raises(Refusal, match="almost full"):
        house.make()
    assert house.make(who=person("root", principal=ROOT, uid=0))


def test_without_its_recording_a_pack_is_whole_and_the_digest_stands_in_the_record(house: House) -> None:
    (house.path / "recordings" / storage.name_of(RUN)).unlink()
    files = house.make()
    assert not [name for name in files if name.startswith("recordings/")]
    assert wrong(zipped(files), house.public) == []
    (ended,) = [line for line in shown(files) if line.get("id") == RUN and line["event"] == "run.ended"]
    assert ended["detail"]["recording"]["digest"] == house._recorded.digest


def test_a_recording_that_was_changed_is_there_as_it_is_stored_and_is_found_out(house: House) -> None:
    """THREATS L-26."""
    place = house.path / "recordings" / storage.name_of(RUN)
    data = bytearray(house.recording)
    data[-40] ^= 1
    place.write_bytes(data)
    files = house.make()
    assert [name for name in files if name.startswith("recordings/")] == [f"recordings/{RUN}.jitd"]
    assert [one for one in wrong(zipped(files), house.public) if one.startswith(f"recordings/{RUN}.jitd")]


def test_forgotten_values_are_commitments_that_still_verify(house: House) -> None:
    """THREATS L-26."""
    grant = house.store.grant(ID)
    if grant is not None and grant.is_live:
        house.lifecycle.handle(Revoked(ID, actor(DAVE, Role.OPERATOR), "over"))
    house.after += 10**7
    assert house.lifecycle.forget(START + timedelta(days=90), "record.keep = 1d") > 0
    files = house.make()
    assert b"the disk is full" not in b"".join(files.values()) and "trace.json" not in files
    assert [line["event"] for line in shown(files) if line["event"] == "value.forgotten"] == ["value.forgotten"]
    assert wrong(zipped(files), house.public) == []


def test_a_use_of_a_lease_has_what_made_the_lease_and_not_its_other_uses(house: House) -> None:
    """THREATS L-26."""
    lease = asked("1EAS-E000", ALICE, command("psql", "first"), lasts_for=600, uses=5)
    house.lifecycle.handle(submit(lease), screened(lease, free(uses=5)))
    house.lifecycle.handle(Started(lease.id, MONITOR, 1))
    house.lifecycle.handle(Ended(lease.id, MONITOR, Outcome(Ending.EXITED, 0, "")))
    for n, id in enumerate(("VSE1-0000", "VSE2-0000"), 2):
        use = asked(id, ALICE, command("psql", f"use-{n}"))
        house.lifecycle.handle(submit(use), screened(use, replace(free(), lease=lease.id)))
        house.lifecycle.handle(Started(f"{lease.id}.{n}", MONITOR, n))
        house.lifecycle.handle(Ended(f"{lease.id}.{n}", MONITOR, Outcome(Ending.EXITED, n, "")))
    for name in ("VSE2-0000", f"{lease.id}.3"):
        files = house.make(name)
        assert wrong(zipped(files), house.public) == []
        found = [(one["life"], one["id"]) for one in lines(files, "documents.jsonl")]
        assert found == [("request", "VSE2-0000"), ("request", lease.id), ("grant", lease.id), ("run", f"{lease.id}.3")]
        assert (
            b"use-3" in files["records.jsonl"] and b"first" in files["records.jsonl"] and b"use-2" not in files["records.jsonl"]
        )
    files = house.make(lease.id)
    assert wrong(zipped(files), house.public) == []
    assert [id for life, id in ((one["life"], one["id"]) for one in lines(files, "documents.jsonl")) if life == "run"] == [
        *(lease.id, f"{lease.id}.2", f"{lease.id}.3")
    ]


def test_the_page_of_a_use_of_a_lease_says_who_approved_the_lease(house: House) -> None:
    lease = asked("1EAS-E002", ALICE, command("psql", "first"), lasts_for=600, uses=5)
    house.lifecycle.handle(submit(lease), screened(lease, permit(uses=5)))
    waiting = house.store.request(lease.id)
    assert waiting is not None
    house.lifecycle.handle(replace(review(waiting, person("carol")), comment="for the whole evening"))
    use = asked("VSE3-0000", ALICE, command("psql", "second"))
    house.lifecycle.handle(submit(use), screened(use, replace(free(), lease=lease.id)))
    page = house.make(use.id)["index.html"].decode()
    assert f"<h3>approved by carol@EXAMPLE.TEST, of the lease {lease.id}</h3>" in page
    assert "for the whole evening" in page
    assert '<th scope="row">approved by</th><td>carol@EXAMPLE.TEST, by the lease ' + lease.id in page


def test_things_that_were_given_and_a_review_that_is_owed_belong_to_a_pack(house: House) -> None:
    """THREATS L-26."""
    given = asked("G1VE-N000", ALICE, thing())
    house.lifecycle.handle(submit(given), screened(given, free()))
    glass = BreakGlass("p", (Approval(1, ("group:ops",)),), 3600, 1)
    broken = replace(asked("BR0K-E000", ALICE, command("psql")), breaks_glass=True)
    house.lifecycle.handle(submit(broken), screened(broken, free(break_glass=glass)))
    for id, lives in ((given.id, ["request", "grant", "holding"]), (broken.id, ["request", "grant", "run", "owed_review"])):
        files = house.make(id)
        assert wrong(zipped(files), house.public) == []
        assert [one["life"] for one in lines(files, "documents.jsonl")] == lives


@pytest.mark.parametrize(("table", "life", "id"), [("runs", "run", RUN), ("grants", "grant", ID)])
def test_a_pack_says_what_is_not_in_it_because_it_is_damaged(house: House, table: str, life: str, id: str) -> None:
    """THREATS L-26: so does its page, and the pack of another request is whole."""
    house.store._db.execute(f"DROP TRIGGER {table}_move")
    assert house.store._db.execute(f"UPDATE {table} SET document = x'5b' WHERE id = ?", (id,)).rowcount == 1
    files = house.make()
    assert (life, id) not in [(one["life"], one["id"]) for one in lines(files, "documents.jsonl")]
    (said,) = wrong(zipped(files), house.public)
    assert said.startswith(f"documents.jsonl: {life} {id}, of which record ") and "damaged in the database of the host" in said
    assert f"tells of {life} {id}, which is not in this pack" in files["index.html"].decode()
    other = house.make("AAAA-1111")
    assert wrong(zipped(other), house.public) == [] and b"which is not in this pack" not in other["index.html"]


def test_an_owed_review_that_is_left_out_of_a_pack_is_missed(house: House) -> None:
    """THREATS L-27: the maker shows the digests of its records."""
    glass = BreakGlass("p", (Approval(1, ("group:ops",)),), 3600, 1)
    made = replace(asked("BR0K-E000", ALICE, command("psql")), breaks_glass=True)
    house.lifecycle.handle(submit(made), screened(made, free(break_glass=glass)))
    files = house.make(made.id)
    left_out = "records.jsonl: records about the owed review BR0K-E000 are missing"
    assert wrong(zipped(files), house.public) == []
    kept = [line for line in lines(files) if not str(line.get("event")).startswith("owed_review.")]
    assert len(kept) < len(lines(files))
    files["records.jsonl"] = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in kept)
    assert left_out in wrong(zipped(files), house.public)


def test_a_person_has_one_pack_made_at_a_time_and_leaves_room_for_others(house: House) -> None:
    house.signing.sign()

    async def play() -> list[str]:
        signing = asyncio.create_task(_sign_for_ever(house))
        first = house.packs.make(DAVE, Pack(id=ID, recordings=False))
        await anext(first)
        with pytest.raises(Refusal, match="another pack is being made") as refused:
            await anext(house.packs.make(DAVE, Pack(id=ID, recordings=False)))
        other = house.packs.make(BOB, Pack(id=ID, recordings=False))
        found = [refused.value.code, (await anext(other))["file"]]
        await first.aclose()
        await other.aclose()
        signing.cancel()
        return found

    assert asyncio.run(play()) == ["not_done", "README.txt"] and not house.packs._making


def test_a_record_that_a_spoilt_index_hides_is_missed_by_the_verifier(house: House) -> None:
    """THREATS L-26: an index proposes what is shown, and the versions of an object follow each other."""
    (number,) = [n for n, body, _ in house.store.records() if json.loads(body)["event"] == "run.started"][:1]
    with closing(sqlite3.connect(house.path / "jitd.db")) as db:
        db.execute("DELETE FROM chain_about WHERE number = ?", (number,))
        db.execute("DELETE FROM chain_names WHERE number = ?", (number,))
        db.commit()
    found = wrong(zipped(house.make()), house.public)
    assert found and "version" in str(found), found


@pytest.mark.parametrize("id", ["DEN1-ED00", "0PEN-0000"])
def test_a_request_that_was_denied_or_still_waits_has_a_pack(house: House, id: str) -> None:
    if id == "DEN1-ED00":
        house.denied(id)
    else:
        made = asked(id)
        house.lifecycle.handle(submit(made), screened(made, permit(Approval(1, ("group:ops",)))))
    files = house.make(id)
    assert wrong(zipped(files), house.public) == []
    assert [one["life"] for one in lines(files, "documents.jsonl")] == ["request"]


def test_a_segment_goes_on_to_a_head_that_a_witness_has_countersigned(house: House) -> None:
    """THREATS L-26."""
    key = Ed25519PrivateKey.generate()
    house.others(20, "DDDD")
    house.signing.sign()
    house.witness(key)
    house.others(20, "EEEE")
    files = house.make()
    (other,) = [line for line in lines(files) if line["form"] == "jitd countersignature 1"]
    assert other["number"] > max(line["number"] for line in shown(files) if line.get("id", "").startswith(ID))
    public = sshsig.public_line(key.public_key().public_bytes_raw(), "")
    assert wrong(zipped(files), house.public, witnesses=[public]) == []


def test_what_nothing_covers_has_no_countersignature_that_could_be_taken_out_of_it(house: House) -> None:
    """THREATS L-27. The head before the record about the pack is one that a witness has countersigned."""
    key = Ed25519PrivateKey.generate()
    house.signing.sign()
    house.witness(key)
    files = house.make(recordings=False)
    assert wrong(zipped(files), house.public) == []
    assert {line["form"] for line in lines(files, "proof.jsonl")} == {"jitd record 1", "jitd checkpoint 1"}


def test_a_pack_after_the_key_was_replaced_is_whole_by_the_first_key_and_by_the_second(house: House) -> None:
    first = house.public
    house.rotate()
    files = house.make()
    assert wrong(zipped(files), house.public) == [] == wrong(zipped(files), first)


def test_a_pack_is_recorded_before_its_first_byte_with_the_digest_of_its_manifest(house: House) -> None:
    """THREATS L-26."""
    head = house.store.head().number
    files = house.make(who=BOB)
    (made,) = [one for one in map(json.loads, (body for n, body, _ in house.store.records(head))) if one["event"] == "pack.made"]
    assert made["actor"] == BOB.principal
    assert made["detail"] == {"id": ID, "manifest": hashlib.sha256(files["manifest.json"]).hexdigest(), "n": len(files) - 2}


def test_a_pack_that_nobody_reads_to_its_end_is_recorded_all_the_same(house: House) -> None:
    """THREATS L-26."""
    house.signing.sign()

    async def play() -> None:
        rows = house.packs.make(DAVE, Pack(id=ID, recordings=False))
        signing = asyncio.get_running_loop().create_task(_sign_for_ever(house))
        await anext(rows)
        await rows.aclose()
        signing.cancel()

    asyncio.run(play())
    assert [1 for _, body, _ in house.store.records() if json.loads(body)["event"] == "pack.made"] == [1]
    assert house.make() and not house.packs._making


async def _sign_for_ever(house: House) -> None:
    while True:
        house.signing.sign()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("who", "id", "code"),
    [
        *((ALICE, ID, "forbidden"), (EVE, ID, "forbidden"), (DAVE, "nonsensical", "usage"), (DAVE, "ZZZZ-ZZZZ", "unknown")),
        *((DAVE, f"{ID}.9", "unknown"), (DAVE, "../../etc/passwd", "usage"), (ALICE, "ZZZZ-ZZZZ", "forbidden")),
    ],
)
def test_what_is_refused_records_nothing(house: House, who: Subject, id: str, code: str) -> None:
    """THREATS L-26: and who may not oversee learns nothing of what exists."""
    house.signing.sign()
    head = house.store.head()
    with pytest.raises(Refusal) as refused:
        house.make(id, who)
    assert refused.value.code == code and house.store.head() == head


@pytest.mark.parametrize("bound", ["MOST_SHOWN", "MOST_OBJECTS"])
def test_what_is_too_much_for_a_pack_is_refused_and_records_nothing(
    house: House, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.signing.sign()
    head = house.store.head()
    monkeypatch.setattr(packs, bound, 1)
    with pytest.raises(Refusal, match="more belongs to this than a pack can hold") as refused:
        house.make()
    assert refused.value.code == "not_done" and house.store.head() == head and not house.packs._making


def test_a_host_that_cannot_sign_makes_a_pack_that_proves_nothing_yet(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-26."""
    monkeypatch.setattr(packs, "SIGNED_WITHIN", 0.05)
    monkeypatch.setattr(house.signing, "sign", lambda: False)
    house.others(3, "DDDD")
    found = wrong(zipped(house.make()), house.public)
    assert found and any("no checkpoint" in one for one in found)


BEFORE, AFTER = b"a\nport = 1\n" + b"x\n" * 9 + b"c", b"a\nport = 2\n" + b"x\n" * 9 + b"c"


def edited(
    house: House,
    id: str = "ED1T-0000",
    *,
    is_told: bool = True,
    undoes: str = "",
    who: Subject = ALICE,
    **hidden: tuple[str, ...],
) -> str:
    """A request for an edit, whose texts are kept."""
    edit = Edit(1, 2, 0, 0, 0o644, digest(BEFORE), digest(AFTER), is_told=is_told, owner="root:root", undoes=undoes)
    made = asked(id, who, command("sudoedit", "/etc/app", cwd=b"/", path=SUDOEDIT, digest=b"", edit=edit))
    house.store.keep_texts(id, (BEFORE, AFTER))
    house.lifecycle.handle(submit(made), screened(made, free(**hidden)))
    return id


def texts(files: dict[str, bytes]) -> list[bytes]:
    return [content for name, content in files.items() if name.startswith("texts/")]


def test_a_pack_of_an_edit_has_both_texts_and_its_page_what_changes(house: House) -> None:
    files = house.make(edited(house))
    assert texts(files) == [BEFORE, AFTER] and wrong(zipped(files), house.public) == []
    told = "<pre>  a\n<mark>- port = 1</mark>\n<mark>+ port = 2</mark>\n  x\n  x\n<small>8 lines not changed</small></pre>"
    assert told in files["index.html"].decode()


@pytest.mark.parametrize(
    ("is_told", "who", "hidden", "expected"),
    [
        (True, ALICE, {}, [BEFORE, AFTER]),
        (False, ALICE, {}, [BEFORE, AFTER]),  # who made the pack is not the one who cannot read the file
        (False, DAVE, {}, [AFTER]),  # of the old text, the pack tells its requester nothing
        (False, DAVE, {"undoes": "AAAA-AAAA"}, []),  # nor of the new one, which is an old one that jitd has
        (False, ALICE, {"undoes": "AAAA-AAAA"}, [BEFORE, AFTER]),
        (True, DAVE, {"undoes": "AAAA-AAAA"}, [BEFORE, AFTER]),
        (True, ALICE, {"visible_to": ("group:privacy",)}, []),
    ],
)
def test_a_pack_has_the_texts_that_its_reader_may_see(
    house: House, is_told: bool, who: Subject, hidden: dict[str, Any], expected: list[bytes]
) -> None:
    files = house.make(edited(house, is_told=is_told, who=who, **hidden))
    assert texts(files) == expected and wrong(zipped(files), house.public) == []
    assert ("port = 1" in files["index.html"].decode()) == (BEFORE in expected)


def test_texts_that_are_not_kept_any_more_are_told_to_be_so(house: House) -> None:
    id = edited(house)
    house.lifecycle.handle(Started(id, MONITOR, 11))
    house.lifecycle.handle(Ended(id, MONITOR, Outcome(Ending.EXITED, 0, "")))
    house.forget()
    files = house.make(id)
    assert texts(files) == [] and "Its texts are not here" in files["index.html"].decode()
    assert wrong(zipped(files), house.public) == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (digest(AFTER).hex(), b"another", "is not the text with this SHA-256"),
        (digest(b"another").hex(), b"another", "no record that is shown tells of this text"),
    ],
)
def test_a_text_that_the_record_does_not_name_is_found(house: House, name: str, content: bytes, expected: str) -> None:
    files = house.make(edited(house))
    end = list(files).index("manifest.json")
    kept = dict([*list(files.items())[:end], (f"texts/{name}", content), *list(files.items())[end:]])
    assert any(expected in one for one in wrong(zipped(kept), house.public))


@given(st.lists(st.sampled_from([b"a", b"- a", b"+", b"", b"\t<b>", b"\xff"]), max_size=12), st.data())
def test_what_the_page_shows_of_an_edit_turns_the_one_text_into_the_other(old: list[bytes], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from([b"\n", b""]))
    new = data.draw(st.lists(st.sampled_from([*set(old), b"a", b"new"]), max_size=12)) if data.draw(st.booleans()) else old[::-1]
    before, now = b"\n".join(old) + end, b"\n".join(new) + end
    rest, made = [verify._line(line) for line in verify._lines_of(before)], []
    for line in verify._changes(before, now)[len("<pre>") : -len("</pre>\n")].split("\n") if before + now else []:
        if found := re.fullmatch(r"<small>(\d+) lines? not changed</small>", line):
            made += [rest.pop(0) for _ in range(int(found[1]))]
        elif line.startswith("<mark>+ "):
            made.append(line[len("<mark>+ ") : -len("</mark>")])
        elif line.startswith("<mark>- "):
            assert rest.pop(0) == line[len("<mark>- ") : -len("</mark>")]
        else:
            made.append(rest.pop(0))
            assert line == f"  {made[-1]}"
    assert rest == [] and made == [verify._line(line) for line in verify._lines_of(now)]
