# SPDX-License-Identifier: Apache-2.0
"""One thing is done to a record, to what is stored beside it, or to a copy of it. The verifier finds it and names it."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit.allowed_signers import NamedKey
from jitd.audit.findings import Flaw, Wrong
from jitd.audit.forms import Checkpoint, Countersignature, Digest, Record, RecordLine, Said
from jitd.audit.heads import Heads
from jitd.audit.lines import add_to, verify_lines
from jitd.audit.sshsig import public_line, sign
from jitd.audit.verify import verify
from jitd.core.chain import GENESIS, Seal, canonical, seal
from jitd.core.values import Entry, Values, commitment
from tests.any_index import AnyIndex
from tests.marks import full

HOST = "web1.example.test"
EPOCH = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY, OTHER_KEY, WITNESS_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2, 3))
EACH = 8
"""Mutations of each kind that the first answer of the tests plays: its sabotages are noticed by these."""
A_FEW, MANY = 3_000, 100_000
"""Mutations every day, and in `make test-full`."""


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


@dataclass
class World:
    """A record as it is stored. ``bodies`` are the records, ``seals`` those of them."""

    bodies: list[bytes] = field(default_factory=list)
    seals: list[bytes] = field(default_factory=list)
    stored: dict[tuple[str, str], bytes] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    signed: list[Checkpoint] = field(default_factory=list)
    numbers: list[int] | None = None

    # what the verifier reads

    def head(self) -> Seal:
        return Seal(len(self.bodies), self.seals[-1]) if self.bodies else GENESIS

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        numbers = self.numbers or range(1, len(self.bodies) + 1)
        return (row for row in zip(numbers, self.bodies, self.seals, strict=True) if row[0] > after)

    def documents(self) -> Iterator[tuple[str, str, bytes]]:
        return ((life, id, document) for (life, id), document in self.stored.items())

    def document(self, life: str, id: str) -> bytes | None:
        return self.stored.get((life, id))

    def objects(self) -> Iterator[tuple[str, str, bytes, str | None]]:
        return ((*object, None) for object in self.documents())

    def misfiled(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def indexed(self, after: int) -> AnyIndex:
        return AnyIndex()

    def is_indexed(self, last: int, names: int) -> bool:
        return True

    def misindexed(self) -> Iterator[int]:
        return iter(())

    def standing(self, digest: str) -> bytes | None:
        return None

    def policy_document(self, digest: str) -> bytes | None:
        return None

    def faults(self) -> Iterator[str]:
        return iter(())

    def values(self, id: str) -> Iterable[Entry]:
        return [*self.entries.get(id, ()), *(self.entries.get(id.partition(".")[0], ()) if "." in id else ())]

    def said(self, texts: Collection[str] = ()) -> Iterator[Values]:
        return (Values(id, of, bytes) for id, of in self.entries.items())

    def committed(self, id: str) -> frozenset[bytes]:
        return frozenset(entry.committed.hex().encode() for entry in self.entries.get(id, ()))

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        return (one for one in sorted(self.signed, key=lambda one: one.number) if one.number > after)

    def last_checkpoint(self) -> Checkpoint | None:
        return max(self.signed, key=lambda one: one.number, default=None)

    # what the tests do

    def copy(self) -> World:
        said = {id: list(of) for id, of in self.entries.items()}
        return World(list(self.bodies), list(self.seals), dict(self.stored), said, list(self.signed))

    def seal_anew(self) -> None:
        """Make all seals fit, as somebody does who knows how."""
        at, self.seals = GENESIS, []
        for body in self.bodies:
            at = seal(at, body)
            self.seals.append(at.digest)

    def sign_anew(self, key: Ed25519PrivateKey, places: Iterable[int] | None = None) -> None:
        """Sign the heads at ``places``, or where heads were signed before."""
        places = [one.number for one in self.signed] if places is None else places
        self.signed = [checkpoint(n, self.seals[n - 1], key) for n in places if n <= len(self.bodies)]


def checkpoint(number: int, seal: bytes, key: Ed25519PrivateKey, host: str = HOST) -> Checkpoint:
    one = Checkpoint(host, number, seal, EPOCH + timedelta(seconds=number))
    return replace(one, signature=sign(key, Checkpoint.NAMESPACE, one.signed.encode()))


def countersignature(number: int, seal: bytes) -> Countersignature:
    one = Countersignature("witness", HOST, number, seal, EPOCH + timedelta(seconds=number))
    return replace(one, signature=sign(WITNESS_KEY, Countersignature.NAMESPACE, one.signed.encode()))


EVERY_DOCUMENT: list[bytes] = []
SAID_BEFORE: dict[str, list[Entry]] = {}
"""What an older state of the record is put together from."""


COMMITS = (
    ("request.submitted requester screening",),
    ("request.screened policy pending",),
    ("request.reviewed approver approved", "grant.issued daemon active"),
    ("grant.used requester active", "run.starting requester starting"),
    ("run.started monitor running",),
    ("run.ended monitor ended",),
    ("grant.revoked daemon revoked",),
)
"""What happens to a request and to what follows from it, one commit after the other: the event of each record, the role of who
causes it, and the state after it.
"""


def whole() -> World:
    """Twelve requests whose records are woven into each other, in two boots. The values of one were forgotten."""
    rng, world = random.Random(43), World()
    values: dict[str, Values] = {}
    owners = [f"AAAA-{n:04}" for n in range(12) for _ in COMMITS]
    order = sorted(range(len(owners)), key=lambda n: n + rng.random() * 14)
    order = [n for n in order if owners[n] < "AAAA-0006"] + [n for n in order if owners[n] >= "AAAA-0006"]
    turn: Counter[str] = Counter()
    note(world, "daemon.started", {"rules": 1})
    note(world, "key.made", {"host": HOST, "public": public_line(raw(KEY), ""), "because": "first"})
    for owner in (owners[n] for n in order):
        at = EPOCH + timedelta(seconds=len(world.bodies))
        for step in COMMITS[turn[owner]]:
            event, role, state = step.split()
            life = event.partition(".")[0]
            id = owner + (".1" if life == "run" else "")
            version = turn[f"{life} {id}"] = turn[f"{life} {id}"] + 1
            own = values.setdefault(owner, Values(owner, (), lambda: rng.randbytes(32)))
            detail: dict[str, Any] = {"n": version, "request": owner, "grant": owner}
            if life == "request":
                detail["reason"] = {"committed": own.commit_to("reason", f"because of {id}")}
                detail["argv"] = ["/usr/bin/id", {"committed": own.commit_to("argv", ["-u", str(rng.random())])}]
            ends_at = (EPOCH + timedelta(days=1)).isoformat()
            terms: dict[str, Any] = {"uses": 1, "ends_at": ends_at} if life == "grant" else {}
            detail |= terms and {"holder": "alice@X", **terms}
            of_grant = terms and {"holder": {"principal": "alice@X"}, "left": 0, "ends_boot": 0.0, **terms}
            document = json.dumps({"id": id, "life": life, "version": version, "salt": rng.random(), **of_grant}).encode()
            world.stored[life, id] = document
            EVERY_DOCUMENT.append(document)
            told = {"event": event, "id": id, "version": version, "state": state, "role": role, "detail": detail}
            told |= {"actor": "alice@X", "document": hashlib.sha256(document).hexdigest()}
            add(world, told, at)
            if len(world.bodies) % 11 == 0:
                world.signed.append(checkpoint(len(world.bodies), head_seal(world), KEY))
        turn[owner] += 1
    world.entries = {owner: list(of) for owner, of in values.items()}
    SAID_BEFORE.update(world.entries)
    forgotten(world, 401)
    del world.entries["AAAA-0003"]
    note(world, "daemon.stopped", {})
    world.seal_anew()
    world.signed.append(checkpoint(len(world.bodies), world.seals[-1], KEY))
    return world


def head_seal(world: World) -> bytes:
    world.seal_anew()
    return world.seals[-1]


def note(world: World, event: str, detail: dict[str, Any]) -> None:
    add(world, {"event": event, "detail": detail, "actor": "root"})


def forgotten(world: World, days: float, setting: str = "record.keep = 400d") -> None:
    """The values of a request are forgotten after so many days."""
    detail = {"owners": ["AAAA-0003"], "n": 2, "setting": setting}
    add(world, {"event": "value.forgotten", "detail": detail, "actor": "jitd"}, EPOCH + timedelta(days=days))


def add(world: World, body: dict[str, Any], when: datetime | None = None) -> None:
    n = len(world.bodies)
    at = (when or EPOCH + timedelta(seconds=n)).isoformat()
    boot = {"boot_id": "one" if n < 60 else "two", "boot": f"{n % 60 + 5}.000000", "at": at, "synchronised": True}
    world.bodies.append(canonical(body | boot))


WHOLE = whole()
LAST = len(WHOLE.bodies)


def lines_of(world: World, *, with_values: bool = True, digests: Iterable[int] = ()) -> list[RecordLine]:
    """What a sink has written of ``world``, with checkpoints between the records."""
    by_number = {one.number: one for one in world.signed}
    hidden, lines = set(digests), list[RecordLine]()
    for number, body, digest in world.records():
        content = json.loads(body)
        if number in hidden:
            lines.append(Digest(HOST, number, hashlib.sha256(body).digest()))
        else:
            of = world.values(str(content.get("id", ""))) if with_values else ()
            entries = [one for one in of if one.committed.hex().encode() in body]
            filled = Values("", entries, lambda: b"").filled(content)
            said = tuple(Said(one.committed, one.field, one.salt, one.value) for one in entries)
            told = filled | {"classes": ["chain"]}
            lines.append(Record(host=HOST, number=number, seal=digest, sealed=body, told=told, values=said))
        if number in by_number:
            lines.append(by_number[number])
    return lines


def found_in(world: World, lines: Iterable[str] = (), given: Iterable[NamedKey] = ()) -> list[Flaw]:
    found: list[Flaw] = []
    heads = Heads()
    add_to(heads, [(f"sink:{n}", line) for n, line in enumerate(lines, 1)], HOST)
    verify(world, found.append, heads=heads, given=given)
    return found


def found_in_lines(lines: Iterable[str], others: Iterable[str] = (), given: Iterable[NamedKey] = ()) -> list[Flaw]:
    found: list[Flaw] = []
    verify_lines(places(lines), found.append, others=places(others), given=given)
    return found


def places(lines: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"file:{n}", line) for n, line in enumerate(lines, 1)]


def texts(lines: Iterable[RecordLine]) -> list[str]:
    return [line.line() for line in lines]


SINK = texts(lines_of(WHOLE))
SINK_CHECKPOINTS = texts(WHOLE.signed)
EXPORT = texts(lines_of(WHOLE, digests=[n for n in range(1, LAST + 1) if n % 11 in (2, 3, 4)]))
HIDDEN = texts(lines_of(WHOLE, with_values=False))


# --- what is whole ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [(), [NamedKey(raw(KEY))]], ids=["no key", "the key"])
@pytest.mark.parametrize(
    "lines", [[], SINK, EXPORT, HIDDEN, SINK_CHECKPOINTS], ids=["alone", "sink", "export", "hidden", "signed"]
)
def test_a_true_record_is_whole(lines: list[str], given: Iterable[NamedKey]) -> None:
    assert found_in(WHOLE, lines, given) == []


@pytest.mark.parametrize("given", [(), [NamedKey(raw(KEY))]], ids=["no key", "the key"])
@pytest.mark.parametrize("lines", [SINK, EXPORT, HIDDEN], ids=["sink", "export", "hidden"])
def test_true_lines_are_whole_in_any_order_and_more_than_once(lines: list[str], given: Iterable[NamedKey]) -> None:
    assert found_in_lines(lines, given=given) == []
    mixed = [*lines, *lines[3:20], "Nov 26 12:00:00 web1 sshd[1]: nothing of ours", ""]
    random.Random(1).shuffle(mixed)
    assert found_in_lines(mixed, SINK, given) == []


@pytest.mark.parametrize(
    ("days", "setting", "word"),
    [
        (401, "record.keep = 400d", None),
        (401, "record.keep = 1d", None),
        (399, "record.keep = 400d", Wrong.VALUE_MISSING),
        (1, "record.keep = 400d", Wrong.VALUE_MISSING),
        (401, "because root wanted it", Wrong.NOT_A_RECORD),
    ],
)
def test_values_that_were_forgotten_earlier_than_their_setting_allows_are_missing(
    days: float, setting: str, word: Wrong | None
) -> None:
    """THREATS L-11: the time by which the daemon forgets stands beside the chain, where somebody can set it back."""
    world = WHOLE.copy()
    del world.bodies[-2:]
    forgotten(world, days, setting)
    note(world, "daemon.stopped", {})
    world.seal_anew()
    world.sign_anew(KEY)
    found = {one.wrong for one in found_in(world)}
    assert (word in found) if word else not found


def claims(world: World, lines: list[str]) -> list[str]:
    found = found_in(world, lines)
    assert {one.wrong for one in found} <= {Wrong.CLAIMED}, found
    return [one.sentence for one in found]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (Digest(HOST, LAST + 900, bytes(32)), f"the record ends with {LAST}, and there was a record {LAST + 900}"),
        (Digest(HOST, 20, bytes(32)), "record 20 is another one than sink:"),
    ],
    ids=["beyond the end", "another record"],
)
def test_an_unsigned_line_beside_the_lines_of_a_collector_accuses_nobody(line: RecordLine, told: str) -> None:
    """THREATS L-32."""
    (said,) = claims(WHOLE, [*SINK, line.line()])
    assert said.startswith(f"sink:{len(SINK) + 1} claims, unsigned: {told}") and "older state" not in said


@pytest.mark.parametrize("number", [1, 20, LAST, LAST + 1])
def test_an_unsigned_line_alone_accuses_nobody(number: int) -> None:
    """THREATS L-32."""
    (said,) = claims(WHOLE, [Digest(HOST, number, bytes(32)).line()])
    assert said.startswith("sink:1 claims, unsigned: ")


def test_a_line_among_those_of_a_collector_that_was_changed_on_the_way_accuses_nobody() -> None:
    """THREATS L-32: the heads that the host has signed agree with the chain, so they say who is wrong."""
    changed = [Digest(HOST, 20, bytes(32)).line() if json.loads(line)["number"] == 20 else line for line in SINK]
    (said,) = claims(WHOLE, changed)
    assert "claims, unsigned: record 20 is not what was sealed" in said


def test_a_copy_that_leads_to_a_signed_head_accuses_who_wrote_a_record_again_and_a_lie_beside_it_hides_nothing() -> None:
    """THREATS L-32: here somebody with the key of the host has signed again."""
    world = WHOLE.copy()
    world.bodies[19] = world.bodies[19].replace(b"alice@X", b"mallo@X")
    world.seal_anew()
    world.sign_anew(KEY)
    assert Wrong.EDITED in {one.wrong for one in found_in(world, SINK)}
    found = found_in(world, [*SINK, Digest(HOST, LAST + 900, bytes(32)).line()])
    assert {Wrong.EDITED, Wrong.FORKED, Wrong.CLAIMED} == {one.wrong for one in found}


def test_a_cut_end_that_only_an_unsigned_copy_has_is_told_as_a_claim_and_one_that_was_signed_as_a_fault() -> None:
    """THREATS L-32."""
    head = WHOLE.signed[-2].number
    world = WHOLE.copy()
    del world.bodies[head:], world.seals[head:]
    world.signed = world.signed[:-1]
    unsigned = [line for line in SINK if "signature" not in json.loads(line)]
    told = [one for one in found_in(world, unsigned) if "there was a record" in one.sentence]
    assert [one.wrong for one in told] == [Wrong.CLAIMED]
    told = [one for one in found_in(world, SINK) if "there was a record" in one.sentence]
    assert {one.wrong for one in told} <= {Wrong.CUT_TAIL, Wrong.ROLLED_BACK} and told


@pytest.mark.parametrize("part", ["1e999", "[" * 500 + "]" * 500], ids=["infinite", "deep"])
def test_one_line_that_cannot_be_compared_does_not_hide_the_others(part: str) -> None:
    """THREATS L-03."""
    poisoned = re.sub(r'"event":"[a-z.]+"', f'"event":{part}', SINK[5])
    assert poisoned != SINK[5]
    found = found_in_lines([*SINK, poisoned], [*SINK_CHECKPOINTS, poisoned])
    assert {one.wrong for one in found} == {Wrong.EDITED} and len(found) == 2
    found = found_in_lines([poisoned, *SINK[:8], *SINK[9:]])
    assert {one.wrong for one in found} == {Wrong.EDITED, Wrong.REMOVED}


def test_a_record_that_nobody_can_check_is_not_counted_as_shown() -> None:
    """THREATS L-19: a line has another name, and the digest in place of the record."""
    line = json.loads(SINK[5])
    sealed = line.pop("sealed")
    line |= {"actor": "mallory@X", "digest": hashlib.sha256(sealed.encode()).hexdigest()}
    poisoned = [*SINK[:5], json.dumps(line), *SINK[6:]]
    for lines, n_hidden in ((SINK, 0), (poisoned, 1), ([*poisoned, SINK[5]], 0), (HIDDEN, None)):
        (verified,) = verify_lines(places(lines), print)
        n = sum("sealed" in json.loads(one) for one in lines) if n_hidden is None else LAST - n_hidden
        assert verified.n_shown == n


def rotated(number: int, before: Ed25519PrivateKey, public: Ed25519PrivateKey) -> dict[str, Any]:
    lines = {"before": public_line(raw(before), ""), "public": public_line(raw(public), "")}
    signed = f"jitd key 1\nhost {HOST}\nbefore {lines['before']}\npublic {lines['public']}\nat 2026-11-26T12:00:{number:02}Z\n"
    by = {"by_before": sign(before, "jitd-key", signed.encode()), "by_public": sign(public, "jitd-key", signed.encode())}
    return {"host": HOST, **lines, "signed": signed, **by}


def with_second_key(detail: dict[str, Any], event: str = "key.rotated") -> World:
    """The record in which the host gets a second key at its end, and signs once with each."""
    world = WHOLE.copy()
    note(world, event, detail)
    note(world, "daemon.started", {})
    world.seal_anew()
    world.signed.append(checkpoint(LAST + 2, world.seals[-1], OTHER_KEY))
    return world


ROTATION = rotated(1, KEY, OTHER_KEY)


@pytest.mark.parametrize("given", [(), (KEY,), (OTHER_KEY,), (KEY, OTHER_KEY)], ids=["none", "first", "second", "both"])
def test_a_key_that_both_have_signed_for_counts_with_the_first_or_the_second(given: tuple[Ed25519PrivateKey, ...]) -> None:
    world, keys = with_second_key(ROTATION), [NamedKey(raw(key)) for key in given]
    assert found_in(world, given=keys) == []
    assert found_in_lines(texts(lines_of(world)), given=keys) == []


def test_a_key_that_was_made_because_the_first_was_lost_is_a_stranger_to_whoever_has_the_first() -> None:
    made = {"host": HOST, "public": ROTATION["public"], "before": ROTATION["before"], "because": "lost"}
    world = with_second_key(made, "key.made")
    assert found_in(world) == []
    assert [one.wrong for one in found_in(world, given=[NamedKey(raw(KEY))])] == [Wrong.FOREIGN_KEY]


@pytest.mark.parametrize(
    "change",
    [{"public": public_line(raw(WITNESS_KEY), "")}, {"by_before": ROTATION["by_public"]}, {"by_public": ROTATION["by_before"]},
     {"signed": ROTATION["signed"] + "x"}, {"host": "web2"}, {"before": "x"}, {"by_public": 5}, {"signed": None}],
)  # fmt: skip
def test_a_rotation_that_one_of_the_keys_has_not_signed_is_forged(change: dict[str, Any]) -> None:
    found = found_in(with_second_key({**ROTATION, **change}), given=[NamedKey(raw(KEY))])
    assert [one.wrong for one in found] == [Wrong.FORGED, Wrong.FOREIGN_KEY]


def test_a_key_counts_only_as_long_as_it_is_in_use() -> None:
    """THREATS L-03: somebody has stolen a key that was replaced since."""
    world = with_second_key(ROTATION)
    world.signed[-1] = checkpoint(LAST + 2, world.seals[-1], KEY)
    (found,) = found_in(world, given=[NamedKey(raw(KEY))])
    assert found.wrong is Wrong.FOREIGN_KEY and "was replaced with record" in found.sentence


def test_a_witness_counts_by_its_own_key_alone() -> None:
    seen = [countersignature(LAST - 1, WHOLE.seals[LAST - 2]).line(), countersignature(LAST - 2, bytes(32)).line()]
    keys = [NamedKey(raw(KEY), (HOST,), ("jitd-checkpoint",)), NamedKey(raw(WITNESS_KEY), ("wit*",), ("jitd-countersignature",))]
    assert found_in(WHOLE, seen[:1], keys) == []
    assert [one.wrong for one in found_in(WHOLE, seen, keys)] == [Wrong.FORKED]
    other = [keys[0], NamedKey(raw(OTHER_KEY), (), ("jitd-countersignature",))]
    assert [one.wrong for one in found_in(WHOLE, seen, other)] == [Wrong.FOREIGN_KEY]
    assert found_in(WHOLE, seen, keys[:1]) == [], "nobody has said which witnesses there are"


# --- one change ------------------------------------------------------------------------------------------------------------

Found = tuple[list[Flaw], set[Wrong]]
"""What was found, and by which of these words it is named."""


def flipped(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def edited_body(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(LAST)
    world.bodies[n] = flipped(rng, world.bodies[n])
    return found_in(world), {Wrong.EDITED}


def edited_seal(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(LAST)
    world.seals[n] = flipped(rng, world.seals[n])
    return found_in(world), {Wrong.EDITED}


def removed(rng: random.Random) -> Found:
    world, n, m = WHOLE.copy(), rng.randrange(LAST - 1), rng.randrange(1, 5)
    world.numbers = list(range(1, LAST + 1))
    for of in (world.numbers, world.bodies, world.seals):
        del of[n : min(n + m, LAST - 1)]
    return found_in(world), {Wrong.REMOVED}


def removed_with_new_numbers(rng: random.Random) -> Found:
    world, n, m = WHOLE.copy(), rng.randrange(LAST - 8), rng.randrange(1, 5)
    for of in (world.bodies, world.seals):
        del of[n : n + m]
    return found_in(world), {Wrong.REMOVED}


def added(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(LAST - 1)
    world.bodies.insert(n, flipped(rng, rng.choice(world.bodies)))
    world.seals.insert(n, rng.randbytes(32))
    return found_in(world), {Wrong.ADDED}


def exchanged(rng: random.Random) -> Found:
    world, (n, m) = WHOLE.copy(), rng.sample(range(LAST), 2)
    for of in (world.bodies, world.seals) if rng.random() < 0.5 else (world.bodies,):
        of[n], of[m] = of[m], of[n]
    return found_in(world), {Wrong.EXCHANGED}


def cut(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(3, LAST - 2)
    del world.bodies[n:], world.seals[n:]
    if rng.random() < 0.5:
        world.signed = [one for one in world.signed if one.number <= n]
    return found_in(world, SINK_CHECKPOINTS if rng.random() < 0.5 else SINK), {Wrong.CUT_TAIL}


def written_again(world: World, rng: random.Random) -> set[Wrong]:
    """Something is done to the records, and all seals are made to fit. Return how it is named by somebody who has the records."""
    n = rng.randrange(3, LAST - 8)
    match rng.choice(("edit", "remove", "exchange", "add")):
        case "edit":
            world.bodies[n] = canonical(json.loads(world.bodies[n]) | {"actor": f"eve{rng.random()}"})
            named = {Wrong.EDITED}
        case "remove":
            del world.bodies[n]
            named = {Wrong.REMOVED}
        case "exchange":
            world.bodies[n], world.bodies[n + 1] = world.bodies[n + 1], world.bodies[n]
            named = {Wrong.EXCHANGED, Wrong.REMOVED}  # what a record follows from is not before it
        case _:
            world.bodies.insert(n, canonical(json.loads(world.bodies[n - 1]) | {"actor": f"eve{rng.random()}"}))
            named = {Wrong.ADDED}
    world.seal_anew()
    return named


def written_again_beside_its_checkpoints(rng: random.Random) -> Found:
    world = WHOLE.copy()
    named = written_again(world, rng)
    found = found_in(world)
    assert any(one.wrong is Wrong.WRITTEN_AGAIN for one in found)
    return found, named | {Wrong.WRITTEN_AGAIN}


def written_again_without_checkpoints(rng: random.Random) -> Found:
    world = WHOLE.copy()
    named = written_again(world, rng)
    world.signed = []
    return found_in(world, SINK_CHECKPOINTS), named | {Wrong.WRITTEN_AGAIN}


def written_again_while_a_sink_has_the_records(rng: random.Random) -> Found:
    world = WHOLE.copy()
    named = written_again(world, rng)
    world.signed = []
    return [one for one in found_in(world, SINK) if "sink:" in one.sentence], named


def written_again_and_signed_by_another_key(rng: random.Random) -> Found:
    world = WHOLE.copy()
    named = written_again(world, rng)
    world.sign_anew(OTHER_KEY)
    given = [NamedKey(raw(KEY))] if rng.random() < 0.5 else ()
    found = found_in(world, given=given)
    assert any(one.wrong is Wrong.FOREIGN_KEY for one in found)
    return found, {Wrong.FOREIGN_KEY} | named


def forked(rng: random.Random) -> Found:
    """Somebody has the key as well."""
    world = WHOLE.copy()
    named = written_again(world, rng)
    world.sign_anew(KEY)
    found = found_in(world, SINK_CHECKPOINTS)
    assert sum(one.wrong is Wrong.FORKED for one in found) == 1
    return found, {Wrong.FORKED} | named


def forked_before_a_witness(rng: random.Random) -> Found:
    world = WHOLE.copy()
    named = written_again(world, rng)
    world.sign_anew(KEY)
    seen = countersignature(LAST - 1, WHOLE.seals[LAST - 2]).line()
    keys = [
        NamedKey(raw(KEY), (HOST,), ("jitd-checkpoint",)),
        NamedKey(raw(WITNESS_KEY), ("witness",), ("jitd-countersignature",)),
    ]
    found = found_in(world, [seen], keys)
    assert sum(one.wrong in (Wrong.FORKED, Wrong.WRITTEN_AGAIN) for one in found) == 1
    return found, {Wrong.FORKED, Wrong.WRITTEN_AGAIN} | named


def older(n: int) -> World:
    """The world as it was when it had ``n`` records."""
    world = WHOLE.copy()
    del world.bodies[n:], world.seals[n:]
    world.signed = [one for one in world.signed if one.number <= n]
    latest = {}
    for body in map(json.loads, world.bodies):
        if "id" in body:
            latest[body["event"].partition(".")[0], body["id"]] = body["document"]
    documents = {hashlib.sha256(document).hexdigest(): document for document in EVERY_DOCUMENT}
    world.stored = {object: documents[digest] for object, digest in latest.items()}
    world.entries = {id: of for id, of in SAID_BEFORE.items() if any(object == ("request", id) for object in world.stored)}
    return world


def rolled_back(rng: random.Random) -> Found:
    return found_in(older(rng.randrange(3, LAST - 3)), SINK_CHECKPOINTS if rng.random() < 0.5 else SINK), {Wrong.ROLLED_BACK}


def rolled_back_and_gone_on(rng: random.Random) -> Found:
    n = rng.randrange(3, LAST - 8)
    world = older(n)
    for _ in range(rng.randrange(6, 12)):
        note(world, "policy.loaded", {"rules": rng.random()})
    while len(world.bodies) < LAST and rng.random() < 0.9:
        note(world, "policy.loaded", {"rules": rng.random()})
    world.seal_anew()
    world.signed.append(checkpoint(len(world.bodies), world.seals[-1], KEY))
    is_seen = any(n < one.number <= len(world.bodies) for one in WHOLE.signed)
    return found_in(world, SINK_CHECKPOINTS), {Wrong.FORKED if is_seen else Wrong.ROLLED_BACK}


def signed_by_a_stranger(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(len(WHOLE.signed))
    world.signed[n] = checkpoint(world.signed[n].number, world.signed[n].seal, OTHER_KEY)
    return found_in(world), {Wrong.FOREIGN_KEY}


def forged_checkpoint(rng: random.Random) -> Found:
    world, n = WHOLE.copy(), rng.randrange(len(WHOLE.signed))
    one = world.signed[n]
    signature = one.signature.split("\n")
    at = rng.randrange(2, len(signature) - 2)
    place = rng.randrange(len(signature[at]) - 1)
    other = rng.choice([char for char in "ABCDabcd0189+/" if char != signature[at][place]])
    signature[at] = signature[at][:place] + other + signature[at][place + 1 :]
    world.signed[n] = rng.choice(
        [
            replace(one, number=one.number % LAST + 1),
            replace(one, seal=flipped(rng, one.seal)),
            replace(one, at=one.at + timedelta(seconds=1)),
            replace(one, host="web2.example.test"),
            replace(one, signature="\n".join(signature)),
        ]
    )
    return found_in(world), {Wrong.FORGED, Wrong.FOREIGN_KEY}


def changed_value(rng: random.Random) -> Found:
    world, id = WHOLE.copy(), rng.choice(sorted(WHOLE.entries))
    n = rng.randrange(len(world.entries[id]))
    one = world.entries[id][n]
    change = rng.choice(("content", "salt", "field"))
    content = json.dumps(f"{rng.random()}").encode() if change == "content" else one.content
    salt = flipped(rng, one.salt) if change == "salt" else one.salt
    name = "comment" if change == "field" else one.field
    world.entries[id][n] = Entry(name, salt, content, commitment(name, salt, content))
    return found_in(world), {Wrong.VALUE_DIFFERS}


def exchanged_values(rng: random.Random) -> Found:
    world, (one, other) = WHOLE.copy(), rng.sample(sorted(WHOLE.entries), 2)
    n = rng.randrange(2)
    world.entries[one][n], world.entries[other][n] = world.entries[other][n], world.entries[one][n]
    return found_in(world), {Wrong.VALUE_DIFFERS}


def removed_value(rng: random.Random) -> Found:
    world, id = WHOLE.copy(), rng.choice(sorted(WHOLE.entries))
    if rng.random() < 0.5:
        del world.entries[id]
    else:
        del world.entries[id][rng.randrange(len(world.entries[id]))]
    return found_in(world), {Wrong.VALUE_MISSING}


def changed_document(rng: random.Random) -> Found:
    world, object = WHOLE.copy(), rng.choice(sorted(WHOLE.stored))
    match rng.randrange(3):
        case 0:
            world.stored[object] = flipped(rng, world.stored[object]).replace(b'"version"', b'"versio_"')
        case 1:
            del world.stored[object]
        case _:
            world.stored[object[0], f"ZZZZ-{rng.randrange(10000):04}"] = world.stored[object]
    return found_in(world), {Wrong.STORE_DIFFERS}


def edited_line(rng: random.Random) -> Found:
    lines = list(rng.choice((SINK, EXPORT, HIDDEN)))
    while True:
        n = rng.randrange(len(lines))
        at = rng.randrange(len(lines[n]))
        new = lines[n][:at] + chr(rng.randrange(32, 127)) + lines[n][at + 1 :]
        if not is_same(new, lines[n]) and '"form":"jitd ' in new:
            lines[n] = new
            named = {
                Wrong.EDITED,
                Wrong.VALUE_DIFFERS,
                Wrong.FORGED,
                Wrong.ADDED,
                Wrong.REMOVED,
                Wrong.WRITTEN_AGAIN,
                Wrong.CUT_TAIL,
            }
            return found_in_lines(lines), named


def is_same(one: str, other: str) -> bool:
    """True if two lines differ in nothing that a seal covers."""
    try:
        return bool(proved(one) == proved(other))
    except ValueError:
        return False


def proved(line: str) -> dict[str, Any]:
    return {name: part for name, part in json.loads(line).items() if name != "classes" and name[:1] not in ("@", "_")}


def removed_line(rng: random.Random) -> Found:
    lines = list(rng.choice((SINK, EXPORT, HIDDEN)))
    places = [n for n, line in enumerate(lines[:-3]) if n and "checkpoint" not in line]  # a file may begin later
    del lines[rng.choice(places)]
    first = json.loads(lines[0])["number"]
    return found_in_lines(lines, SINK_CHECKPOINTS if first == 1 else SINK), {Wrong.REMOVED}


def cut_lines(rng: random.Random) -> Found:
    lines = rng.choice((SINK, EXPORT, HIDDEN))
    n = rng.randrange(14, len(lines) - 3)
    return found_in_lines(lines[:n], SINK_CHECKPOINTS), {Wrong.CUT_TAIL}


MUTATIONS: list[Callable[[random.Random], Found]] = [
    edited_body, edited_seal, removed, removed_with_new_numbers, added, exchanged, cut, written_again_beside_its_checkpoints,
    written_again_without_checkpoints, written_again_while_a_sink_has_the_records,
    written_again_and_signed_by_another_key, forked,
    forked_before_a_witness, rolled_back, rolled_back_and_gone_on, signed_by_a_stranger, forged_checkpoint, changed_value,
    exchanged_values, removed_value, changed_document, edited_line, removed_line, cut_lines,
]  # fmt: skip


def mutate(mutation: Callable[[random.Random], Found], seed: int) -> None:
    found, named = mutation(random.Random(seed))
    assert found, f"{mutation.__name__} {seed}: not found"
    assert {one.wrong for one in found} & named, f"{mutation.__name__} {seed}: {[str(one) for one in found]}"
    assert {one.wrong for one in found} <= named, f"{mutation.__name__} {seed}: {[str(one) for one in found]}"
    assert all(str(one).isprintable() for one in found)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_whatever_is_done_to_a_record_is_found_and_named(mutation: Callable[[random.Random], Found]) -> None:
    """THREATS L-03."""
    for seed in range(EACH):
        mutate(mutation, seed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_3_000_things_that_are_done_to_a_record_are_found_and_named(mutation: Callable[[random.Random], Found]) -> None:
    for seed in range(EACH, A_FEW // len(MUTATIONS)):
        mutate(mutation, seed)


@full("every day, 3,000 of them are done")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_100_000_things_that_are_done_to_a_record_are_found_and_named(mutation: Callable[[random.Random], Found]) -> None:
    for seed in range(A_FEW, A_FEW + MANY // len(MUTATIONS)):
        mutate(mutation, seed)
