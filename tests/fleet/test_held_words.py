# SPDX-License-Identifier: Apache-2.0
"""What a carrier keeps and delivers later, or again: a frame, a whole conversation, or so many of them that others have to wait."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import STAMPED_WITHIN, Carried
from tests.attacks.at_door import COUNTS, SOURCES, at_door, door_house
from tests.attacks.raw import CACHES, REALM, connected, kinit, review, shown_to
from tests.fleet.lies import DOWN, NOT_KNOWN, UP, Answer, Lie, Target, approve, at_once, led
from tests.fleet.lies import connected as welcomed
from tests.fleet.stage import Fleet, FleetHost
from tests.waiting import PATIENCE

HELD_FOR = STAMPED_WITHIN + 1
AGO = """
from jitd.server.visit import Visit

stamp = Visit.stamp


def held(self):
    stamp(self)
    self._stamped_at -= float(open({path!r}).read())


Visit.stamp = held
"""
"""A jitd to which each word has been under way for as long as a file says."""
POLICY = """
[[permit]]
name = "one-approval"
who = ["user:alice"]
run_as = ["root"]
commands = [["**"]]
approvals = [{ need = 1, from = ["user:bob"] }]
"""


def target(fleet: Fleet, host: FleetHost, id: str) -> Target:
    cache = kinit(CACHES / f"bob-held-{host.name}", f"bob@{REALM}", "bobbob")
    return Target(host.host, (str(host.door), str(fleet.hosts["web2"].door)), id, f"FILE:{cache}")


FROM_THE_TOKEN = [("up", at) for at in range(1, len(UP))] + [("down", at) for at in range(1, len(DOWN))]


def test_a_frame_that_a_carrier_really_holds_for_six_seconds_permits_nothing(three: Fleet) -> None:
    """THREATS F-01. What comes before the stamp may come late: the person's word is then as fresh as ever."""
    host = three.hosts["db1"]
    held = [(way, at) for way, at in FROM_THE_TOKEN if (way, at) in (("up", 1), ("up", 3), ("up", 4), ("down", 5))]
    targets = [target(three, host, host.waits()) for _ in held]
    said: dict[tuple[str, int], Answer] = {}

    def hold(place: tuple[str, int], meant: Target) -> None:
        said[place] = approve(meant, Lie("held", *place, int(HELD_FOR)))

    at_once([partial(hold, place, meant) for place, meant in zip(held, targets, strict=True)])
    for answer in said.values():
        print(answer[0])
    assert [host.is_untouched(meant.id) for meant in targets] == [True] * len(held), said
    assert "took longer than 5 s from you to here: nothing was done; give it again" in said["up", 4][0]
    for place in (("up", 3), ("down", 5)):
        assert "nothing was done" in said[place][0] and NOT_KNOWN not in said[place][0]


def test_a_word_that_was_held_for_minutes_or_an_hour_permits_nothing(tmp_path: Path) -> None:
    """THREATS F-01."""
    ago = tmp_path / "ago"
    ago.write_text("0")
    house = door_house(tmp_path, COUNTS, AGO.format(path=str(ago)), policy=POLICY)
    try:
        with connected(house, "alice") as alice:
            id = alice.submit("id", waits=False)
        row = shown_to(house, "bob", id)
        before = house.head()
        with at_door(house, "bob") as bob:
            for seconds in (6, 600, 3600, 86_400):
                ago.write_text(str(seconds))
                bob.stamp()
                assert bob.refusal(review(row))[0] == "late"
            assert house.head() == before
            ago.write_text("0")
            bob.stamp()
            bob.ask(review(row))
        assert str(house.request_of(id).state) == "approved"
        house.verify()
    finally:
        house.close()


def test_a_whole_conversation_that_is_played_again_to_each_host_permits_nothing(three: Fleet) -> None:
    """THREATS F-02, F-03. The carrier keeps the word itself back, so that it was never used."""
    host = three.hosts["db1"]
    meant = target(three, host, host.waits())
    made = led(meant, Lie("left out", "up", 4))
    told = approve(meant, None, made=made)
    assert NOT_KNOWN in told[0] and made.way is not None
    frames = made.way.seen["up"]
    assert len(frames) == len(UP) and host.is_untouched(meant.id)
    heads = [one.head() for one in three.hosts.values()]
    for one in three.hosts.values():
        for together in (True, False):
            for _ in range(20):
                assert not plays(one, frames, together=together)
    assert [one.head() for one in three.hosts.values()] == heads, "nothing is recorded of bob"
    assert approve(meant, None)[1] and host.state_of(meant.id) == "approved"


def plays(host: FleetHost, frames: list[bytes], *, together: bool) -> bool:
    """Play ``frames`` to the door, at once or each after an answer. True if the door says more than a hello and a refusal."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(PATIENCE)
        door.connect(str(host.door))
        door.sendall(frame(encode(Carried(carrier="ssh", source=next(SOURCES)))))
        heard = b""
        try:
            for one in [b"".join(frames)] if together else frames:
                door.sendall(one)
                if not (data := door.recv(1 << 16)):
                    break
                heard += data
            while data := door.recv(1 << 16):
                heard += data
        except (BrokenPipeError, ConnectionResetError):
            pass
    return b'"refused"' not in heard and len(heard) > 100


def test_a_flood_of_dials_slow_ones_and_huge_frames_at_one_host_stop_nobody_elsewhere(three: Fleet) -> None:
    """THREATS F-08. One source fills its own places: others still come to the same host, and the requester never waits for it."""
    flooded = three.hosts["db1"]
    meant = target(three, flooded, flooded.waits())
    began, n_dials = time.monotonic(), 0
    with ExitStack() as held:
        for n_dials in range(1, 401):
            door = held.enter_context(socket.socket(socket.AF_UNIX))
            door.connect(str(flooded.door))
            door.sendall(frame(encode(Carried(carrier="ssh", source="203.0.113.66"))))
            door.sendall((b"\x00", (1 << 31).to_bytes(4, "big"), b"")[n_dials % 3])
        print(f"{n_dials} dials in {time.monotonic() - began:.2f} s")
        assert not welcome_fails(meant), "another source is let in"
        assert flooded.waits(), "the requester is not slowed"
        for name in ("web2", "mail3"):
            assert three.jitd(name, "requests").returncode == 0
        assert approve(meant, None)[1]
    assert flooded.state_of(meant.id) == "approved"


def welcome_fails(meant: Target) -> bool:
    made = led(meant, None)
    try:
        return welcomed(made).welcome.host != meant.host
    finally:
        made.close()


@pytest.mark.parametrize("how", ["flipped", "cut", "left out", "noise", "invented in its place", "sent back"])
def test_who_hears_no_answer_to_their_word_is_told_that_it_is_not_known(three: Fleet, how: str) -> None:
    """THREATS F-01. The word came before the lie, so the host has done what was asked: the client says neither yes nor no."""
    host = three.hosts["mail3"]
    meant = target(three, host, host.waits())
    said, is_wrong, _ = approve(meant, Lie(how, "down", len(DOWN), 4711))
    assert NOT_KNOWN in said and not is_wrong, said
    assert host.state_of(meant.id) == "approved"
