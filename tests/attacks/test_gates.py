# SPDX-License-Identifier: Apache-2.0
"""Many gates of one person at once: su and sudo act as root, and are the person's who has started them.

Law: what a person holds is told by counts and bytes, while others are served beside.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.server.peer import Peer
from jitpam.wire import messages
from tests.attacks.raw import Raw, connected, uid_of
from tests.attacks.set_user_id import Started, started_by
from tests.attacks.test_load import MIB, most_held
from tests.attacks.test_points import POLICY, login, question
from tests.system.conftest import House
from tests.waiting import wait_for

FEW = "[limits]\nconnections_per_uid = 5\n"
LARGE = 3_000_000
"""Bytes of a command: nearly the longest that the module sends."""
HURRIED = """#!/usr/bin/python3 -IS
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from jitd.server import connection, peer

peer.ASKED_WITHIN = connection.PROVED_WITHIN = {seconds}
from jitd.cli import main

raise SystemExit(main())
"""
"""A jitd whose deadlines for gates come soon, so that a test need not wait for them."""
HURRY = 3.0
"""Seconds of these deadlines."""


def is_served(house: House, who: str) -> bool:
    """Whether a gate of theirs comes as far as its proof."""
    with started_by(who, house) as gate:
        gate.ask(1)
        return wait_for(lambda: has_settled(gate))["challenged"] == 1


def has_settled(gates: Started) -> dict[str, int] | None:
    """How far they are, if each of them has its challenge or is hung up on."""
    counts = gates.counts()
    return counts if sum(counts.values()) == counts["challenged"] + counts["hung up"] > 0 else None


def test_the_gates_of_one_person_are_so_many_and_no_more(own_house: Callable[..., House]) -> None:
    """THREATS S-17: each was root's, and root has no limit."""
    house = own_house(POLICY, FEW).start()
    with started_by("alice", house) as gates:
        gates.ask(12)
        counts = wait_for(lambda: has_settled(gates))
        assert (counts["challenged"], counts["hung up"]) == (5, 7)
        with Raw(house, uid_of("alice")) as own:
            assert own.is_refused(), "what she asks herself counts with it"
        assert is_served(house, "carol")
        assert is_served(house, "root")
        many = [connected(house, "root") for _ in range(12)]
        assert len(many) == 12, "what root itself has started is never kept out"
        for raw in many:
            raw.close()
    wait_for(lambda: is_served(house, "alice"), what="the end of what was counted for her")


def test_what_gates_hold_until_they_have_proved_is_no_more_than_their_person_may_hold(house: House) -> None:
    """THREATS S-17: 260 of them that were stopped before their proof held 826 MB, 3 MB for each."""
    before = most_held(house)
    with started_by("alice", house) as gates:
        gates.ask(60, LARGE)
        wait_for(lambda: gates.counts()["challenged"] >= 4)
        with started_by("carol", house) as others:
            others.ask(1, LARGE)
            assert wait_for(lambda: has_settled(others))["challenged"] == 1, "it waits for nobody else's"
        wait_for(lambda: has_settled(gates), what="the end of those for which there was no room")
        assert gates.counts()["challenged"] <= 4
    assert most_held(house) - before < 60 * MIB, "a third of what they would hold"
    assert is_served(house, "alice")


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[House]:
    jitd = tmp_path / "jitd"
    jitd.write_text(HURRIED.format(seconds=HURRY))
    jitd.chmod(0o755)
    with House(POLICY, starts_by=str(jitd)) as made:
        yield made


def test_a_gate_that_does_not_go_on_is_hung_up_on_in_each_state(hurried: House) -> None:
    """THREATS S-17: a gate that was stopped before its proof stayed for good. What root itself has started may take its time
    before it asks, and has as long as others for a proof.
    """
    with started_by("alice", hurried) as gates, Raw(hurried) as roots, Raw(hurried) as logins:
        roots.sign_in(None)
        logins.sign_in(None)
        logins.say(login("alice"))
        assert isinstance(logins.hear(), messages.Challenge)
        gates.greet(3)
        gates.ask(3)
        wait_for(lambda: gates.counts()["hung up"] == 6)
        assert logins.is_closed()
        assert roots.rows(messages.List(what="requests", ended=False)) == []
    assert hurried.kept("requests", ended=True) == []


def proved(house: House) -> tuple[Raw, messages.Progress]:
    """A gate that waits for an approval, and what it was told: another one where this host was too slow for a proof in time."""
    while True:
        gate = Raw(house)
        gate.sign_in(None)
        asked_at = time.monotonic()
        gate.say(login("alice", waits=True))
        told = gate.hear()
        if isinstance(told, messages.Challenge):
            gate.say(messages.Proof(proof=None, because=""))
            told = gate.hear()
        if told is not None or time.monotonic() - asked_at < HURRY:
            assert isinstance(told, messages.Progress), told
            return gate, told
        gate.close()


def test_who_waits_for_an_approval_has_the_time_of_the_rule(hurried: House) -> None:
    """The other side: a proof ends the hurry."""
    gate, told = proved(hurried)
    with gate, Raw(hurried) as slower:
        slower.sign_in(None)
        slower.say(login("alice", waits=True))
        assert slower.is_closed(), "by now the time of who has proved would be over, too"
        assert told.id is not None
        hurried.approved(told.id)
        heard = [gate.hear()]
        while isinstance(heard[-1], messages.Progress):
            heard.append(gate.hear())
        assert isinstance(heard[-1], messages.Granted), heard


def test_a_login_counts_for_its_person_once_it_is_known_who_that_is(own_house: Callable[..., House]) -> None:
    """THREATS S-17: sshd is root's. Before somebody is known, they are not counted: a stranger who names alice would use up what
    is hers.
    """
    house = own_house(POLICY, FEW).start()

    def asking(ask: messages.Enforce) -> Raw:
        raw = Raw(house)
        raw.sign_in(None)
        raw.say(ask)
        return raw

    strangers = [asking(login("alice", stage="auth")) for _ in range(8)]
    assert [type(raw.hear()) for raw in strangers] == [messages.Challenge] * 8
    logins = [asking(login("alice")) for _ in range(8)]
    answers = [raw.hear() for raw in logins]
    assert [type(answer) for answer in answers] == [messages.Challenge] * 5 + [messages.Refused] * 3
    assert "alice has too many connections to jitd" in answers[-1].text  # type: ignore[union-attr]
    others = [asking(login("eve")), asking(question("root", "id"))]
    assert [type(raw.hear()) for raw in others] == [messages.Challenge] * 2
    for raw in logins:
        raw.close()
    assert is_served(house, "alice")
    for raw in (*strangers, *others):
        raw.close()


CALLED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(15, b"x\\nUid:\\t0\\t0", 0, 0, 0)
os.setresuid(int(sys.argv[1]), 0, 0)
print(flush=True)
sys.stdin.read()
"""


def test_who_has_started_a_process_is_what_the_kernel_says_of_this_process() -> None:
    """THREATS S-17: whatever the process is called. Of one that has ended nothing is known, and it is nobody's, not root's."""
    here, there = socket.socketpair()
    line = [sys.executable, "-c", CALLED, str(uid_of("alice"))]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"\n"
        number = Peer(here, 0, child.pid).hold_by_number()
        assert number.real_uid() == uid_of("alice")
        child.communicate()
    with pytest.raises(OSError):
        number.real_uid()
    own = Peer(here, 0, os.getpid())
    assert own.started_by() == 0, "root's own"
    there.close()
    here.close()
    assert own.started_by() is None
    assert Peer(here, uid_of("bob"), 0).started_by() == uid_of("bob")
