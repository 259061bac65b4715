# SPDX-License-Identifier: Apache-2.0
"""What a witness concludes: it follows a chain that goes on, and nothing else; and it finds out a host that says two things."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from jitd.audit.forms import Checkpoint, Digest, Record, RecordLine
from jitd_evidence.witness import REMEMBERED, Fork, Signed, Walk
from tests.core.chains import Host


class Seen:
    """A witness's memory of one host: what was accepted, feed by feed."""

    def __init__(self, host: Host) -> None:
        self.keys = [host.public]
        self.kept: dict[int, Signed] = {}

    def take(self, lines: Iterable[RecordLine]) -> Walk:
        head = self.kept[max(self.kept)] if self.kept else None
        walk = Walk(self.keys, head, self.kept.get)
        for line in lines:
            assert not hasattr(line, "witness")
            walk.take(line)  # type: ignore[arg-type]
        if walk.accepted is not None and walk.fork is None:
            self.kept[walk.accepted.checkpoint.number] = walk.accepted
            self.keys += [walk.accepted.key] if walk.accepted.key not in self.keys else []
        return walk


def seen(*numbers: int) -> tuple[Host, Seen]:
    """A host that was countersigned at these numbers."""
    host = Host()
    witness = Seen(host)
    for number in numbers:
        since = len(host.bodies)
        walk = witness.take(host.goes_on(number - since).feed(since))
        assert walk.accepted is not None and not walk.fault
    return host, witness


def accepted(walk: Walk) -> int:
    return 0 if walk.accepted is None else walk.accepted.checkpoint.number


# --- a host that says one thing --------------------------------------------------------------------------------------------


def test_a_new_host_is_followed_from_its_first_record() -> None:
    host = Host(n=5)
    walk = Seen(host).take(host.feed())
    assert (accepted(walk), walk.fault, walk.fork) == (5, "", None)


def test_a_host_that_was_down_for_a_month_goes_on_where_it_was() -> None:
    host, witness = seen(70)
    walk = witness.take(host.goes_on(130).feed(70))
    assert (accepted(walk), walk.fault, walk.fork) == (200, "", None)


def test_the_newest_checkpoint_is_the_one_that_counts() -> None:
    host, witness = seen(10)
    walk = witness.take(host.goes_on(3).goes_on(3).goes_on(3, signs=False).feed(10))
    assert (accepted(walk), walk.fault) == (16, "")


def test_what_was_fed_before_may_be_fed_again() -> None:
    host, witness = seen(10, 20)
    for since in (0, 10, 20):
        walk = witness.take(host.feed(since))
        assert (accepted(walk), walk.fault, walk.fork, walk.newest) == (0, "", None, 20)


def test_a_sink_repeats_records_and_writes_checkpoints_late() -> None:
    host, witness = seen(10)
    feed = host.goes_on(50).goes_on(50, signs=False).feed(10)
    checkpoint = feed.pop(next(n for n, line in enumerate(feed) if isinstance(line, Checkpoint) and line.number == 60))
    walk = witness.take([*feed[:30], *feed[20:70], *feed[60:], checkpoint])
    assert (accepted(walk), walk.fault, walk.fork) == (60, "", None)


# --- what leads nowhere ------------------------------------------------------------------------------------------------------


def test_a_checkpoint_alone_is_not_enough() -> None:
    host, witness = seen(10)
    host.goes_on(5)
    walk = witness.take([host.checkpoints[15]])
    assert (accepted(walk), walk.fault) == (0, "the digests of the records up to checkpoint 15 are missing")


@pytest.mark.parametrize("number", [11, 13, 15])
def test_a_digest_that_is_missing_leads_nowhere(number: int) -> None:
    host, witness = seen(10)
    walk = witness.take([line for line in host.goes_on(5).feed(10) if not (isinstance(line, Digest) and line.number == number)])
    assert accepted(walk) == 0 and "missing" in walk.fault and walk.fork is None


@given(st.integers(11, 20), st.binary(min_size=32, max_size=32))
def test_digests_of_somebody_else_lead_nowhere_and_accuse_nobody(number: int, digest: bytes) -> None:
    host, witness = seen(10)
    feed = [
        Digest(line.host, line.number, digest) if isinstance(line, Digest) and line.number == number else line
        for line in host.goes_on(10).feed(10)
    ]
    walk = witness.take(feed)
    assert (accepted(walk), walk.fault, walk.fork) == (0, "the digests do not lead to checkpoint 20", None)


def test_another_past_leads_nowhere_even_if_the_head_that_was_seen_is_kept() -> None:
    """THREATS L-14. The host writes its past again, leaves the checkpoint that the witness has seen, and signs what comes."""
    host, witness = seen(100)
    walk = witness.take(host.rewrites(50, keeps=(100,)).goes_on(20).feed(100))
    assert (accepted(walk), walk.fault) == (0, "the digests do not lead to checkpoint 120")


def test_the_key_of_somebody_else_signs_nothing() -> None:
    """THREATS L-14"""
    host, witness = seen(10)
    host.goes_on(5, signs=False)
    host.signs(15, Ed25519PrivateKey.generate())
    walk = witness.take(host.feed(10))
    assert accepted(walk) == 0 and walk.fault.startswith("checkpoint 15 is signed by another key, SHA256:") and not walk.fork
    other = host.copy()
    other.key = Ed25519PrivateKey.generate()
    walk = witness.take(other.rewrites(3).goes_on(20).feed(0))
    assert accepted(walk) == 0 and walk.fork is None, "nobody can accuse a host with a key of their own"


@pytest.mark.parametrize("member", ["number", "seal", "at", "host"])
def test_a_signature_of_another_statement_signs_nothing(member: str) -> None:
    host, witness = seen(10)
    true = host.goes_on(5).checkpoints.pop(15)
    other = {"number": 14, "seal": bytes(32), "at": true.at.replace(year=2027), "host": "web2.example.test"}[member]
    forged = dataclasses.replace(true, **{member: other})
    walk = witness.take([*host.feed(10), forged])
    assert accepted(walk) == 0 and "the signature does not fit" in walk.fault and walk.fork is None


# --- a host that says two things ---------------------------------------------------------------------------------------------


def test_a_host_that_writes_its_past_again_and_signs_it_again_is_convicted() -> None:
    """THREATS L-14. It computes all seals, signs all checkpoints again with its own key, and goes on."""
    host, witness = seen(70, 100)
    honest = host.copy()
    walk = witness.take(host.rewrites(50).goes_on(20).feed(100))
    assert accepted(walk) == 0 and walk.fork is not None
    assert walk.fork.first.checkpoint == honest.checkpoints[100] and walk.fork.second.checkpoint == host.checkpoints[100]
    assert walk.fork.first.checkpoint.seal != walk.fork.second.checkpoint.seal and not walk.fork.apart


def proves(fork: Fork, host: Host) -> bool:
    """What a third person sees: one number has two seals, or the digests lead to the second from another seal than the first."""
    if not fork.apart:
        return fork.first.checkpoint.number == fork.second.checkpoint.number and fork.first.checkpoint.seal != host.seal(
            fork.first.checkpoint.number
        )
    number, seal = fork.first.checkpoint.number, fork.apart
    assert seal != fork.first.checkpoint.seal
    for at in range(0, len(fork.digests), 32):
        number += 1
        seal = hashlib.sha256(b"jitd chain 2\n" + number.to_bytes(8, "big") + seal + fork.digests[at : at + 32]).digest()
    return (number, seal) == (fork.second.checkpoint.number, fork.second.checkpoint.seal)


@pytest.mark.parametrize("keeps", [(70, 100), (100,), ()])
def test_a_host_that_keeps_what_the_witness_has_seen_is_convicted_by_its_whole_chain(keeps: tuple[int, ...]) -> None:
    """THREATS L-14. It signs only numbers that the witness has not seen. Its digests from the first record convict it."""
    host, witness = seen(70, 100)
    walk = witness.take(host.rewrites(50, keeps=keeps).goes_on(20).feed(0))
    assert accepted(walk) == 0 and walk.fork is not None and proves(walk.fork, host)


@pytest.mark.parametrize("n", [5, 30, 200])
def test_a_restored_backup_that_goes_on_is_convicted(n: int) -> None:
    """THREATS L-14. The key is the host's own, and the feed begins where the backup was countersigned last."""
    host, witness = seen(70)
    backup = host.copy()
    witness.take(host.goes_on(30).feed(70))
    walk = witness.take(backup.goes_on(n, word="restored").feed(70))
    assert accepted(walk) == 0
    if n > 30:
        assert walk.fork is not None and proves(walk.fork, backup)
    elif n == 30:
        assert walk.fork is not None and walk.fork.second.checkpoint.number == 100 and not walk.fork.apart
    else:
        assert walk.fork is None and walk.newest == 75, "not convicted yet, and refused as older than what was seen"


def test_a_replay_of_both_sides_in_one_file_is_found_out() -> None:
    """THREATS L-14. A sink's file has what the host has said before and after its backup was restored."""
    host, witness = seen(70)
    backup = host.copy()
    both = [*host.goes_on(30).feed(70), *backup.goes_on(50, word="restored").feed(70)]
    walk = witness.take(both)
    assert walk.fork is not None and proves(walk.fork, backup)


@given(st.integers(1, 60), st.integers(0, 80), st.sets(st.integers(1, 60)), st.sampled_from([0, 20, 40, 60]), st.booleans())
def test_whatever_is_written_again_is_never_countersigned(
    number: int, more: int, keeps: set[int], since: int, goes_on: bool
) -> None:
    """THREATS L-14"""
    host, witness = seen(20, 40, 60)
    before = dict(witness.kept)
    host.rewrites(number, keeps=tuple(keeps))
    host.goes_on(more if goes_on else 0)
    walk = witness.take(host.feed(since))
    assert accepted(walk) == 0 and witness.kept == before
    if walk.fork is not None:
        assert proves(walk.fork, host)


# --- a new key of the host -----------------------------------------------------------------------------------------------------


def test_a_new_key_is_followed_that_both_keys_have_signed() -> None:
    host, witness = seen(10)
    first = host.public
    walk = witness.take(host.rotates().goes_on(5).feed(10))
    assert (accepted(walk), walk.fault) == (16, "") and witness.keys == [first, host.public]
    walk = witness.take(host.rotates().goes_on(5).rotates().goes_on(5).feed(16))
    assert (accepted(walk), walk.fault) == (28, "")


@pytest.mark.parametrize("who", ["by_before", "by_public"])
def test_a_new_key_that_one_of_both_has_not_signed_is_none(who: str) -> None:
    """THREATS L-14"""
    host, witness = seen(10)
    walk = witness.take(host.rotates(**{who: Ed25519PrivateKey.generate()}).goes_on(5).feed(10))
    assert accepted(walk) == 0 and "is signed by another key" in walk.fault


def test_a_new_key_is_believed_only_if_its_record_is_in_the_chain() -> None:
    host, witness = seen(10)
    rotation = host.copy().rotates().feed(10)[-1]
    thief = host.copy().rotates()
    walk = witness.take([rotation, *host.goes_on(5).feed(10)])
    assert accepted(walk) == 15 and walk.accepted is not None and walk.accepted.key == host.public
    walk = witness.take([rotation, thief.signs(11)])
    assert accepted(walk) == 0 and walk.fork is None


def test_a_key_that_was_replaced_signs_nothing_more_and_accuses_nobody() -> None:
    """THREATS L-14. It may have been stolen: that is why it was replaced."""
    host, witness = seen(10)
    stolen = host.copy()
    witness.take(host.rotates().goes_on(5).feed(10))
    walk = witness.take(stolen.goes_on(40, word="stolen").feed(10))
    assert accepted(walk) == 0 and walk.fault
    stolen.bodies = list(host.goes_on(5, signs=False).bodies)
    stolen.signs(21)
    walk = witness.take([*host.feed(16), stolen.checkpoints[21]])
    assert accepted(walk) == 0 and walk.fault == "checkpoint 21 is signed by a key of the host that was replaced"
    stolen.bodies[15] = b"{}"
    walk = witness.take([stolen.signs(16)])
    assert accepted(walk) == 0 and walk.fork is None


def test_a_key_that_was_replaced_cannot_be_used_by_leaving_its_replacement_out() -> None:
    """THREATS L-14. The feed begins before the record about the new key, and has its digest alone."""
    host, witness = seen(10)
    stolen = host.copy()
    witness.take(host.rotates().goes_on(5).feed(10))
    stolen.bodies = list(host.bodies)
    stolen.goes_on(5, word="stolen")
    feed = [
        Digest(line.host, line.number, hashlib.sha256(line.sealed).digest()) if isinstance(line, Record) else line
        for line in stolen.feed(10)
    ]
    walk = witness.take(feed)
    assert accepted(walk) == 0 and walk.fork is None
    assert walk.fault == "checkpoint 21 is signed by a key of the host that was replaced"


def test_a_key_that_was_replaced_cannot_accuse_by_a_key_that_it_makes() -> None:
    """THREATS L-14"""
    host, witness = seen(10)
    stolen = host.copy()
    witness.take(host.rotates().goes_on(5).feed(10))
    walk = witness.take(stolen.rotates().goes_on(5).goes_on(5).feed(10))
    assert accepted(walk) == 0 and walk.fork is None and "was replaced" in walk.fault


def test_a_host_with_a_new_key_that_writes_the_time_before_it_again_is_convicted() -> None:
    """THREATS L-14"""
    host, witness = seen(10)
    witness.take(host.rotates().goes_on(5).feed(10))
    walk = witness.take(host.rewrites(3).feed(0))
    assert walk.fork is not None and walk.fork.second.key == host.public and walk.fork.first.key != host.public


def statements() -> tuple[Seen, Host, list[RecordLine]]:
    """A witness that has seen 29 records, the true host, and lines about it: its own, and those of two thieves. One has a key of
    their own, and the other has the key that was replaced with record 11.
    """
    host, witness = seen(4, 10)
    stranger, thief = host.copy(), host.copy()
    stranger.key = Ed25519PrivateKey.generate()
    for _ in range(2):
        since = len(host.bodies)
        witness.take((host.rotates() if since == 10 else host).goes_on(8, signs=since != 10).goes_on(1).feed(since))
    host.goes_on(3).goes_on(3)
    stranger.rewrites(7)
    for other, word in ((stranger, "stranger"), (thief, "thief")):
        for _ in range(8):
            other.goes_on(3, word=word)
    own = host.feed()
    bare = [Digest(one.host, one.number, hashlib.sha256(one.sealed).digest()) for one in own if isinstance(one, Record)]
    return witness, host, [*own, *bare, *stranger.feed(), *thief.feed(10)]


WITNESS, TRUE, LINES = statements()
runs_of_lines = st.lists(st.tuples(st.integers(0, len(LINES)), st.integers(1, 30)), max_size=12)


@settings(max_examples=300)
@given(runs_of_lines)
def test_whatever_is_made_of_true_lines_and_those_of_thieves_accuses_nobody_and_signs_nothing_false(
    runs: list[tuple[int, int]],
) -> None:
    """THREATS L-14"""
    kept = dict(WITNESS.kept)
    walk = Walk(list(WITNESS.keys), kept[max(kept)], kept.get)
    for begin, n in runs:
        for line in LINES[begin : begin + n]:
            walk.take(line)  # type: ignore[arg-type]
    assert walk.fork is None
    assert walk.accepted is None or walk.accepted.checkpoint == TRUE.checkpoints[walk.accepted.checkpoint.number]


def test_the_lines_of_that_test_can_be_countersigned_and_refused() -> None:
    kept = dict(WITNESS.kept)
    for lines, number in ((LINES, 35), (TRUE.feed(29), 35), (LINES[::-1], 0)):
        walk = Walk(list(WITNESS.keys), kept[max(kept)], kept.get)
        for line in lines:
            walk.take(line)  # type: ignore[arg-type]
        assert accepted(walk) == number and max(kept) == 29


# --- bounds ------------------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_whatever_is_fed() -> None:
    host, witness = seen(10)
    walk = Walk([host.public], witness.kept[10], witness.kept.get)
    for number in range(11, 11 + 3 * REMEMBERED):
        walk.take(Digest(host.name, number, bytes(32)))
    assert len(walk._steps) == REMEMBERED
