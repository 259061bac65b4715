# SPDX-License-Identifier: Apache-2.0
"""An engine that keeps, changes, moves and invents what it carries (tests/fleet/between.py): nothing that it does permits
anything, and the person is told in the client's own words that something is wrong.
"""

from __future__ import annotations

import pwd
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from jitd_fleet.stream import Kind
from jitpam import carrier
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.messages import Done, Show, Watch
from tests.attacks.mutated_wire import is_complaint
from tests.attacks.raw import CACHES, REALM, kinit, review
from tests.fleet import lies
from tests.fleet.between import (
    MESSAGE_HOWS,
    MUTE_HOWS,
    N_CLIENTS,
    Carry,
    Keeping,
    Lying,
    Message,
    OfMessage,
    Split,
    Still,
    drawn_of_message,
    honest,
    led_by,
    lied_to,
)
from tests.fleet.lies import HOWS, NOT_KNOWN, OWN, Target, Told, approve, at_once, drawn, tell_all
from tests.fleet.stage import NAMES, Fleet, FleetHost
from tests.marks import full
from tests.times import SEED, times
from tests.waiting import wait_for

ENDED = "|".join(
    (
        "jitd on HOST, or who answers for it, has ended the conversation",
        "a message from HOST was lost, repeated or changed on the way",
        "what was sent to HOST was not acknowledged within 5 s",
        "the agent of HOST does not answer within 5 s",
        "more than one answers for HOST: two machines have this name, or the engine repeats what it carries",
    )
)
CLAIMED = "|".join(
    (
        "the agent on HOST (cannot reach its door: perhaps jitd does not run there|was stopped)",
        "too many conversations are open at the agent on HOST: try again in a moment",
        "a message to HOST was lost, repeated or changed on the way",
    )
)
BY_ENGINE = f"(({ENDED}) [(]|({CLAIMED}) [(]so says )the carrier[)]"
OWN_BY_ENGINE = re.compile(OWN.pattern.replace("(Unreachable", f"(Unreachable: {BY_ENGINE}|Unreachable", 1))


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Split]:
    made = Split(three, ("bob", "carol", "dave"), N_CLIENTS)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def caches() -> dict[str, str]:
    return {name: f"FILE:{kinit(CACHES / f'bob-{name}', f'bob@{REALM}', 'bobbob')}" for name in NAMES}


def target(hub: Split, caches: dict[str, str], name: str) -> Target:
    host = hub.fleet.hosts[name]
    other = hub.fleet.hosts[NAMES[NAMES.index(name) - 1]]
    return Target(host.host, (host.host, other.host), host.waits(), caches[name])


def complaints(hub: Split) -> list[str]:
    logs = "".join(host.log() for host in hub.fleet.hosts.values())
    return [line for line in logs.splitlines() if is_complaint(line)]


# --- the lies of a carrier, told by an engine


def told_frames(hub: Split, caches: dict[str, str], n_lies: int) -> None:
    """Tell the lies of tests/fleet/lies.py, dealt to the hosts, between the numbers of an engine's messages, which all fit."""
    make = partial(led_by, hub)
    all_lies = [drawn(SEED, number) for number in range(n_lies)]
    targets = {name: target(hub, caches, name) for name in NAMES}
    before = {name: hub.fleet.hosts[name].head().number for name in NAMES}
    found = {}

    def tell(k: int, name: str) -> None:
        found[name] = tell_all(targets[name], all_lies[k :: len(NAMES)], 4, make)

    began = time.monotonic()
    at_once([partial(tell, k, name) for k, name in enumerate(NAMES)])
    told = Told()
    for one in found.values():
        told += one
    print(f"JITD_SEED={SEED}: {n_lies} lies in {time.monotonic() - began:.0f} s, {told.n_told} told, {told.n_untold} not")
    for said, n in told.said.most_common():
        print(f"{n:8} {said}")
    assert told.believed == []
    assert [said for said in told.said if not OWN_BY_ENGINE.fullmatch(said)] == []
    assert "LIE" not in "".join(told.said)
    assert told.n_told > 0.95 * n_lies
    assert complaints(hub) == []
    for name, host in hub.fleet.hosts.items():
        assert host.is_untouched(targets[name].id) and host.events(before[name]) <= {"connection.broken"}, name
        said, is_believed, _ = approve(targets[name], None, None, make)
        assert is_believed and host.state_of(targets[name].id) == "approved", said


def test_no_lie_of_a_carrier_permits_if_an_engine_tells_it(hub: Split, caches: dict[str, str]) -> None:
    """THREATS F-01, F-03, F-04, F-05, F-06, F-07, F-34."""
    n_lies = times(200)
    assert {drawn(SEED, number).how for number in range(n_lies)} == set(HOWS)
    told_frames(hub, caches, n_lies)


@full("20,000 lies take ten minutes; every day, 200 of them are told")
def test_of_twenty_thousand_lies_of_an_engine_none_permits(hub: Split, caches: dict[str, str]) -> None:
    """THREATS F-01, F-03, F-04, F-05, F-06, F-07, F-34."""
    told_frames(hub, caches, 20_000)


# --- lies about messages


def said_to(hub: Split, target: Target, lying: Lying) -> str:
    """What a person is told who approves ``target.id`` while ``lying`` lies."""
    made = lied_to(hub, target, lying)
    try:
        lies.connected(made)  # type: ignore[arg-type]
        (row,) = made.ask(Show(id=target.id))
        return made.do(review(row))
    except (Unreachable, NotAuthenticated, RefusedByDaemon) as fault:
        return f"{'Unreachable' if isinstance(fault, Unreachable) else type(fault).__name__}: {fault}"
    finally:
        made.close()


def judged(host: FleetHost, id: str, said: str) -> str:
    """What is wrong, or an empty text: what a person was told is true, and nobody else has decided."""
    found = host.request_of(id)
    by = [one.by.principal for one in found.reviews]
    is_approved = str(found.state) == "approved"
    if by not in ([], [f"bob@{REALM}"]) or is_approved != bool(by):
        return f"{found.state} by {by}"
    if said == f"request {id} is approved":
        return "" if is_approved else "not approved"
    if NOT_KNOWN in said:
        return ""
    return "approved" if is_approved else ""


def told_messages(hub: Split, caches: dict[str, str], all_lies: Sequence[OfMessage]) -> int:
    """Tell ``all_lies``, each about a request of its own. Return how many were told."""
    wrong: list[tuple[OfMessage, str, str]] = []
    said_of: Counter[str] = Counter()
    n_told = 0
    lock = threading.Lock()

    def tell(some: Sequence[OfMessage], name: str) -> None:
        nonlocal n_told
        host = hub.fleet.hosts[name]
        for lie in some:
            lying = Lying(lie)
            at = target(hub, caches, name)
            said = said_to(hub, at, lying)
            why = judged(host, at.id, said)
            plain = said.replace(at.id, "ID").replace(at.host, "HOST")
            if not why and plain != "request ID is approved" and not OWN_BY_ENGINE.fullmatch(plain):
                why = "not in our own words"
            with lock:
                n_told += lying.is_told
                said_of[plain] += 1
                if why:
                    wrong.append((lie, said, why))

    n = N_CLIENTS // len(NAMES)
    at_once([partial(tell, all_lies[k :: len(NAMES) * n], NAMES[k % len(NAMES)]) for k in range(len(NAMES) * n)])
    for said, number in said_of.most_common():
        print(f"{number:8} {said}")
    assert wrong == [] and complaints(hub) == []
    return n_told


def test_whatever_an_engine_does_to_a_message_what_the_person_is_told_is_true(hub: Split, caches: dict[str, str]) -> None:
    """THREATS F-30, F-31."""
    all_lies = [drawn_of_message(SEED, number) for number in range(times(150))]
    assert {lie.how for lie in all_lies} == set(MESSAGE_HOWS)
    assert told_messages(hub, caches, all_lies) > 0.7 * len(all_lies)


@full("after a message that was cut, a person may wait for a minute; every day, frames are cut, which a carrier's end tells")
def test_an_engine_that_goes_mute_in_the_midst_of_a_conversation_is_told(hub: Split, caches: dict[str, str]) -> None:
    """THREATS F-30, F-31."""
    assert told_messages(hub, caches, [drawn_of_message(SEED, number, MUTE_HOWS) for number in range(100)]) > 70


def test_a_conversation_that_an_engine_plays_again_is_refused(hub: Split, caches: dict[str, str]) -> None:
    """THREATS F-02."""
    host = hub.fleet.hosts["db1"]
    at = target(hub, caches, "db1")
    made = led_by(hub, at, None, None)
    lies.connected(made)  # type: ignore[arg-type]
    (row,) = made.ask(Show(id=at.id))
    assert made.do(review(row, "deny")) and made.way is not None
    seen = made.way.seen["up"]
    made.close()
    before = host.head().number
    with hub.between._dial(host.host) as door:
        door.settimeout(10.0)
        for one in seen:
            door.sendall(one)
        heard = b""
        while data := door.recv(1 << 16):
            heard += data
    assert b"used before" in heard, heard
    assert host.events(before) <= {"connection.broken"}


# --- at a desk


@contextmanager
def lying(hub: Split, who: str, carry: Carry) -> Iterator[None]:
    hub.between.carry_of[hub.public(who)] = carry
    try:
        yield
    finally:
        del hub.between.carry_of[hub.public(who)]


def test_a_lock_that_an_engine_keeps_is_not_told_as_placed_while_approvals_pass(hub: Split) -> None:
    """THREATS F-06, F-30. Nothing on the host can notice it (F-14). Once the engine carries it, ``--until-done`` places it."""
    host = hub.fleet.hosts["db1"]
    id = host.waits()
    line = ["as", "dave", "jitd", "--host", "db1", "lock", "--user", "alice"]
    keeping = Keeping(2)
    with lying(hub, "dave", keeping), subprocess.Popen(line, stdin=-3, stdout=-1, stderr=-1, text=True, cwd="/") as dave:
        assert keeping.has_kept.wait(30.0), dave.communicate()
        done = hub.fleet.desk("approve", "--yes", f"{id}@db1", who="carol")
        _, said = dave.communicate()
    assert done.returncode == 0 and host.state_of(id) == "approved", done
    assert dave.returncode != 0, said
    assert "what was sent to db1.example.test was not acknowledged within 5 s" in said and NOT_KNOWN in said, said
    assert host.kept("locks") == []
    keeping = Keeping(2)
    line = ["as", "dave", "jitd", "--hosts", "@all", "lock", "--user", "alice", "--until-done"]
    with lying(hub, "dave", keeping), subprocess.Popen(line, stdin=-3, stdout=-1, stderr=-1, text=True, cwd="/") as dave:
        assert keeping.has_kept.wait(30.0)
        time.sleep(1.0)
        assert dave.poll() is None
        hub.between.carry_of[hub.public("dave")] = honest
        _, said = dave.communicate()
    for each in hub.fleet.hosts.values():
        assert len(each.kept("locks")) == 1, said
        assert each.jitd("unlock", "--user", "alice", "--reason", "over").returncode == 0


def test_a_live_list_that_an_engine_keeps_as_it_is_is_told(
    hub: Split, caches: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-37. Neither end notices by the acknowledgements: the engine makes them."""
    still = Still()
    made = lied_to(hub, target(hub, caches, "db1"), still)
    lies.connected(made)  # type: ignore[arg-type]
    heard = made.follow(Watch(ended=False), every=0.1)
    assert Done(text="") in heard
    still.stands.set()
    hub.fleet.hosts["db1"].waits()
    heard = made.followed(-1, 0.1)
    while bytes((Kind.PROBE,)) not in {body[:1] for body in still.kept}:  # it comes after 10 s without anything to say
        assert next(heard) is None
    assert bytes((Kind.DATA,)) in {body[:1] for body in still.kept}
    clock = carrier._boot_clock
    monkeypatch.setattr(carrier, "_boot_clock", lambda: clock() + 120)
    with pytest.raises(Unreachable, match="^jitd on db1.example.test has not been heard since "):
        next(heard)
    made.close()


def test_a_host_that_an_engine_hides_and_an_old_word_for_it_are_told(hub: Split) -> None:
    """THREATS F-28, F-30."""
    host, bob = hub.fleet.hosts["web2"], hub.public("bob")
    told = hub.fleet.desk("--hosts", "@all", "requests")
    assert told.returncode == 0, told
    old: list[Message] = []

    def answers(message: Message) -> bool:
        return message[0].startswith(f"jit.c.{bob}.web2_example_test.") and message[2][:1] == b"{"

    def note(message: Message) -> list[tuple[float, Message]]:
        if answers(message):
            old.append(message)
        return [(0.0, message)]

    def is_listed_by_a_newer_word() -> bool:
        told = hub.fleet.desk("--hosts", "@all", "requests")
        return id in told.stdout and old[-1][2] != old[0][2]

    with lying(hub, "bob", note):
        assert hub.fleet.desk("--hosts", "@all", "requests").returncode == 0
        assert len(old) == 1
        id = host.waits()
        wait_for(is_listed_by_a_newer_word, what="it in the list")

    def repeat(message: Message) -> list[tuple[float, Message]]:
        return [(0.0, (message[0], "", old[0][2]) if answers(message) else message)]

    with lying(hub, "bob", repeat):
        told = hub.fleet.desk("--hosts", "@all", "requests")
    assert told.returncode == 0 and id in told.stdout, told
    assert "web2: its record is older than what you saw at " in " ".join(told.stderr.split()), told

    def hide(message: Message) -> list[tuple[float, Message]]:
        return [] if "web2_example_test" in message[0] else [(0.0, message)]

    with lying(hub, "bob", hide):
        told = hub.fleet.desk("--hosts", "@all", "requests")
    assert told.returncode == 1 and id not in told.stdout, told
    assert "web2: not heard since " in told.stderr, told
    assert "the agent of web2.example.test does not answer within 5 s" in told.stderr, told


def test_hosts_and_words_that_an_engine_invents_are_not_shown(hub: Split) -> None:
    """THREATS F-07, F-26. It answers for a host that there is not, leads to a real one in its place, and has words for both."""
    bob = hub.public("bob")
    file = Path(pwd.getpwnam("bob").pw_dir, ".config/jitd/hosts.toml")
    known = file.read_text()
    id = hub.fleet.hosts["db1"].waits()
    wait_for(lambda: id in hub.fleet.desk("--hosts", "@all", "requests").stdout, what="it in the list")
    file.write_text(known.replace("'db1.example.test'", "'db1.example.test', 'ghost.example.test'"))

    def invent(message: Message) -> list[tuple[float, Message]]:
        subject, reply, body = message
        said = [(0.0, message)]
        if "ghost_example_test" in subject:
            said = [(0.0, (subject.replace("ghost", "db1"), reply.replace("ghost", "db1"), body))]
        if subject.startswith(f"jit.c.{bob}.db1_example_test."):
            said.append((0.0, (subject.replace("db1", "ghost"), reply, body)))
            said.append((0.0, (subject.replace("db1", "nobody"), reply, body)))
        return said

    try:
        with lying(hub, "bob", invent):
            told = hub.fleet.desk("--hosts", "@all", "requests")
            alone = hub.fleet.desk("approve", "--yes", f"{id}@ghost.example.test")
    finally:
        file.write_text(known)
    assert told.returncode == 1 and id in told.stdout, told
    assert "ghost" not in told.stdout and "nobody" not in told.stdout + told.stderr, told
    assert "ghost.example.test: " in told.stderr and alone.returncode != 0 and "ghost.example.test" in alone.stderr, (told, alone)
    assert hub.fleet.hosts["db1"].is_untouched(id)
