# SPDX-License-Identifier: Apache-2.0
"""What a desk makes of what a carrier brings as the words of hosts. Law: no socket, no file, and no clock but the test's."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit import libcrypto, sshsig
from jitd.audit.forms import Checkpoint, Word
from jitd_fleet import signatures
from jitd_fleet.roll import AHEAD, ANY, ASKED_EVERY, OLD_AFTER, Judged, Pin, judged, learnt, merged

HOST, OTHER = "web2.example.org", "db1.example.org"
KEY, FOREIGN = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
PUBLIC = KEY.public_key().public_bytes_raw()
NOW = 1_795_945_200.0
"""09:40:00 UTC on a day in November 2026."""
SEAL, ANOTHER = b"\x01" * 32, b"\x02" * 32
PIN = Pin(PUBLIC, 100, SEAL, NOW - 60, NOW - 60)


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def said(
    host: str = HOST, waiting: int = 0, number: int = 100, seal: bytes = SEAL, ago: float = 10, by: Ed25519PrivateKey = KEY
) -> Word:
    word = Word(host, waiting, number, seal, datetime.fromtimestamp(NOW - ago, UTC).replace(microsecond=0))
    return replace(word, signature=sshsig.sign(by, Word.NAMESPACE, word.signed.encode()))


def brought(word: Word) -> bytes:
    return json.dumps(word.members()).encode()


ASK, SKIP = True, False
OWN = brought(said())
TABLE: dict[str, tuple[bytes | None, Pin | None, bool, str]] = {
    "nothing waits": (OWN, PIN, SKIP, ""),
    "something waits": (brought(said(waiting=2)), PIN, ASK, ""),
    "the record has grown": (brought(said(number=200, seal=ANOTHER)), PIN, SKIP, ""),
    "the host is not known": (OWN, None, ASK, ""),
    "neither known nor brought": (None, None, ASK, ""),
    "no word was brought": (None, PIN, ASK, "not heard since 09:39"),
    "not heard for days": (None, replace(PIN, at=NOW - 3 * 86400), ASK, "not heard since 2026-11-26 09:40"),
    "a minute old": (brought(said(ago=60)), PIN, SKIP, ""),
    "as old as can be": (brought(said(ago=OLD_AFTER)), PIN, SKIP, ""),
    "old": (brought(said(ago=185)), PIN, ASK, "its word is 3 minutes old"),
    "old and something waits": (brought(said(ago=185, waiting=1)), PIN, ASK, "its word is 3 minutes old"),
    "very old": (brought(said(ago=3600)), PIN, ASK, "not heard since 08:40"),
    "its clock is ahead a little": (brought(said(ago=-AHEAD)), PIN, SKIP, ""),
    "of the future": (brought(said(ago=-300)), PIN, ASK, "its word is of 09:45, which is to come: its clock or yours is wrong"),
    "an older record": (brought(said(number=99)), PIN, ASK, "its record is older than what you saw at 09:39"),
    "another record": (brought(said(seal=ANOTHER)), PIN, ASK, "its record is not the one that you saw at 09:39"),
    "another host's": (brought(said(OTHER)), PIN, ASK, "what was brought as its word is that of another host"),
    "by another key": (brought(said(by=FOREIGN)), PIN, ASK, "what was brought as its word is not signed by its key"),
    "no JSON": (b"waiting: 0", PIN, ASK, "what was brought as its word is none"),
    "no ASCII": ("ä".encode(), PIN, ASK, "what was brought as its word is none"),
    "empty": (b"", PIN, ASK, "what was brought as its word is none"),
    "too long": (b" " * 4096 + OWN, PIN, ASK, "what was brought as its word is none"),
    "deep": (b"[" * 4000, PIN, ASK, "what was brought as its word is none"),
    "asked just now": (OWN, replace(PIN, asked_at=NOW), SKIP, ""),
    "asked ten minutes ago": (OWN, replace(PIN, asked_at=NOW - ASKED_EVERY), ASK, ""),
    "asked in the future": (OWN, replace(PIN, asked_at=NOW + 1), ASK, ""),
    "something was seen in this record": (OWN, replace(PIN, seen=100), ASK, ""),
    "something was seen in a later record": (OWN, replace(PIN, seen=101), ASK, ""),
    "something was seen in an earlier record": (brought(said(number=102)), replace(PIN, seen=101), SKIP, ""),
    "something was seen in a record without a number": (brought(said(number=1 << 62)), replace(PIN, seen=ANY), ASK, ""),
}


@pytest.mark.parametrize("row", TABLE)
def test_a_host_is_asked_unless_its_own_fresh_word_says_that_nothing_waits(row: str) -> None:
    """THREATS F-26, F-28."""
    word, pin, asks, says = TABLE[row]
    found = judged(HOST, word, pin, NOW)
    assert (found.asks, found.says) == (asks, says)


@given(at=st.integers(0, len(OWN) - 1), bit=st.integers(0, 7))
def test_a_word_with_one_bit_that_differs_is_never_a_reason_not_to_ask(at: int, bit: int) -> None:
    """THREATS F-26."""
    changed = bytearray(OWN)
    changed[at] ^= 1 << bit
    assert judged(HOST, bytes(changed), PIN, NOW) == Judged(True, judged(HOST, bytes(changed), PIN, NOW).says, PIN)


@given(
    waiting=st.integers(0, 3), number=st.integers(90, 110), ago=st.integers(-400, 4000), host=st.sampled_from([HOST, OTHER]),
    seal=st.sampled_from([SEAL, ANOTHER]), by=st.sampled_from([KEY, FOREIGN]), asked=st.integers(-10, 1000),
)  # fmt: skip
def test_who_is_not_asked_has_said_lately_and_itself_that_nothing_waits(
    waiting: int, number: int, ago: int, host: str, seal: bytes, by: Ed25519PrivateKey, asked: int
) -> None:
    """THREATS F-26, F-28."""
    pin = replace(PIN, asked_at=NOW - asked)
    found = judged(HOST, brought(said(host, waiting, number, seal, ago, by)), pin, NOW)
    is_its_own = host == HOST and by is KEY
    is_on = number > pin.number or (number == pin.number and seal == pin.seal)
    is_fresh = -AHEAD <= ago <= OLD_AFTER and 0 <= asked < ASKED_EVERY
    assert found.asks is not (is_its_own and is_on and is_fresh and waiting == 0)
    assert found.pin is not None and found.pin.public == PUBLIC and found.pin.asked_at == pin.asked_at
    if found.pin != pin:
        assert is_its_own and is_on


@given(times=st.lists(st.integers(1, 300), min_size=1, max_size=40))
def test_a_word_that_is_repeated_hides_a_host_for_two_minutes_and_never_longer_than_ten(times: list[int]) -> None:
    """THREATS F-28. Nor do fresh words, that nothing waits, hide it for longer than ten: they may be by a stolen key."""
    held = brought(said(ago=0))
    pin, fresh, now = PIN, replace(PIN, asked_at=NOW), NOW
    for step in times:
        now += step
        replayed = judged(HOST, held, replace(pin, asked_at=now), now)
        assert replayed.asks is (now - NOW > OLD_AFTER)
        stolen = judged(HOST, brought(said(ago=NOW - now)), fresh, now)
        assert stolen.asks is (now - fresh.asked_at >= ASKED_EVERY)
        if stolen.asks and stolen.pin is not None:
            fresh = replace(stolen.pin, asked_at=now)


def test_a_word_that_was_believed_is_what_the_next_one_is_compared_with() -> None:
    """THREATS F-28."""
    seen = judged(HOST, brought(said(number=200, seal=ANOTHER)), PIN, NOW).pin
    assert seen == replace(PIN, number=200, seal=ANOTHER, at=NOW - 10)
    assert judged(HOST, OWN, seen, NOW + 60) == Judged(True, "its record is older than what you saw at 09:39", seen)


# --- what a host tells itself


def test_a_host_that_is_asked_tells_its_key_and_is_known_from_then_on() -> None:
    found = learnt(HOST, said(number=7).members(), None, NOW)
    assert found.says == "" and found.pin == Pin(PUBLIC, 7, SEAL, NOW - 10, NOW)


def test_a_key_that_the_host_has_changed_is_taken_and_said_once() -> None:
    row = said(number=200, by=FOREIGN).members()
    found = learnt(HOST, row, PIN, NOW)
    assert found.says.startswith("it has another key than before") and found.pin is not None
    assert found.pin.public == FOREIGN.public_key().public_bytes_raw()
    assert learnt(HOST, row, found.pin, NOW).says == ""
    assert judged(HOST, brought(said(number=201)), found.pin, NOW).asks, "the key before counts no more"


def test_a_record_that_is_older_in_a_proven_conversation_is_told_and_is_what_the_host_has() -> None:
    found = learnt(HOST, said(number=50).members(), PIN, NOW)
    assert found.says == "its record is older than what you saw at 09:39"
    assert found.pin is not None and found.pin.number == 50


def test_what_was_seen_is_not_forgotten_because_a_host_tells_its_word_or_another_key() -> None:
    """THREATS F-28."""
    pin = replace(PIN, seen=101)
    for by in (KEY, FOREIGN):
        found = learnt(HOST, said(by=by).members(), pin, NOW).pin
        assert found is not None and found.seen == 101


@pytest.mark.parametrize(
    "row",
    [{}, said(OTHER).members(), {**said().members(), "signature": said(waiting=1).signature}],
    ids=["none", "other", "unsigned"],
)
def test_what_a_host_gives_as_its_word_and_is_none_is_told_and_not_taken(row: dict[str, object]) -> None:
    found = learnt(HOST, row, PIN, NOW)
    assert found.says.startswith("what it gives as its word is n") and found.pin == PIN


# --- signatures


@pytest.mark.parametrize(("ahead", "is_told"), [(AHEAD, False), (AHEAD + 1, True), (86_400 * 365 * 7000, True)])
def test_a_time_that_is_far_to_come_is_told_and_not_kept(ahead: float, is_told: bool) -> None:
    """THREATS F-38."""
    found = learnt(HOST, said(ago=-ahead).members(), None, NOW)
    assert ("which is to come: its clock or yours is wrong" in found.says) == is_told
    assert found.pin == Pin(PUBLIC, 100, SEAL, NOW if is_told else NOW + ahead, NOW)
    assert judged(HOST, brought(said(ago=0)), found.pin, NOW) == Judged(False, "", replace(PIN, at=found.pin.at, asked_at=NOW))


OTHER_KEY = FOREIGN.public_key().public_bytes_raw()
LEARNT = replace(PIN, asked_at=NOW - 10, at=NOW - 15, number=101)
MERGES = {
    "the same": (PIN, PIN, PIN),
    "asked later": (LEARNT, PIN, LEARNT),
    "a word that came later": (LEARNT, replace(PIN, at=NOW - 5, number=102), replace(LEARNT, at=NOW - 5, number=102)),
    "a key that was told later": (replace(LEARNT, public=OTHER_KEY), PIN, replace(LEARNT, public=OTHER_KEY)),
    "asked in the future": (replace(LEARNT, asked_at=NOW + 1), PIN, PIN),
    "a key of the future": (replace(LEARNT, public=OTHER_KEY, asked_at=NOW + 1), PIN, PIN),
    "something was seen": (replace(LEARNT, seen=101), PIN, replace(LEARNT, seen=101)),
    "something was seen by us": (LEARNT, replace(PIN, seen=100), replace(LEARNT, seen=100)),
    "a word of the future": (replace(LEARNT, at=NOW + AHEAD + 1), PIN, PIN),
}


@pytest.mark.parametrize("row", MERGES)
def test_what_two_desks_of_one_person_know_is_merged_to_the_newest(row: str) -> None:
    """THREATS F-38."""
    written, ours, known = MERGES[row]
    assert merged(written, ours, NOW) == known


PINS = st.builds(
    Pin, st.sampled_from([PUBLIC, OTHER_KEY]), st.integers(0, 3), st.just(SEAL), *[st.integers(0, 99)] * 2, st.integers(-1, 3)
)


@given(PINS, PINS)
def test_it_is_the_same_whichever_of_the_two_desks_writes_last(one: Pin, other: Pin) -> None:
    """THREATS F-38. But of two that are as new, the one that writes last."""
    if one.at != other.at and one.asked_at != other.asked_at:
        assert merged(one, other, NOW) == merged(other, one, NOW)


def test_signatures_can_be_checked_here() -> None:
    assert libcrypto.is_there()


@given(message=st.binary(max_size=300), secret=st.binary(min_size=32, max_size=32))
def test_what_the_daemon_signs_is_good_at_a_desk_and_in_no_other_namespace_or_key(message: bytes, secret: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, armored = key.public_key().public_bytes_raw(), sshsig.sign(key, "jitd-roll", message)
    assert signatures.key_in(armored) == public and signatures.is_good(public, "jitd-roll", message, armored)
    assert not signatures.is_good(public, Checkpoint.NAMESPACE, message, armored)
    assert not signatures.is_good(public, "jitd-roll", message + b"x", armored)
    assert not signatures.is_good(bytes([public[0] ^ 1]) + public[1:], "jitd-roll", message, armored)


@given(at=st.integers(0, 400), to=st.binary(min_size=0, max_size=2))
def test_a_desk_takes_no_spelling_of_a_signature_that_the_daemon_does_not_write(at: int, to: bytes) -> None:
    """THREATS F-26: as jitd/audit/sshsig.py."""
    armored = sshsig.sign(KEY, "jitd-roll", b"m")
    changed = armored[:at] + to.decode("latin-1") + armored[at + 1 :]
    try:
        sshsig.check_signature(PUBLIC, "jitd-roll", b"m", changed)
        is_good = True
    except sshsig.BadSignature:
        is_good = False
    assert signatures.is_good(PUBLIC, "jitd-roll", b"m", changed) is is_good


def test_ssh_keygen_alone_checks_a_word(tmp_path: Path) -> None:
    word = said(waiting=2)
    (tmp_path / "allowed").write_text(f"jitd@{HOST} {sshsig.public_line(PUBLIC, '')}\n")
    (tmp_path / "sig").write_text(word.signature)
    line = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        tmp_path / "allowed",
        "-I",
        f"jitd@{HOST}",
        "-n",
        "jitd-roll",
        "-s",
        tmp_path / "sig",
    ]
    assert subprocess.run(line, input=word.signed.encode(), check=False, capture_output=True).returncode == 0
    assert subprocess.run(line, input=b"x", check=False, capture_output=True).returncode != 0
