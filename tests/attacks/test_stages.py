# SPDX-License-Identifier: Apache-2.0
"""Each message of a client, at the stages to which a stranger or somebody who is known can bring a connection, at the local
socket and at the door. What should happen is computed from the tables (THREATS S-10, F-13).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jitpam.wire import messages
from jitpam.wire.conversation import CLIENT, DOOR, LAW
from jitpam.wire.messages import FROM_CLIENT
from tests.attacks.at_door import AtDoor, at_door, door_house
from tests.attacks.mutated_wire import golden
from tests.attacks.raw import Raw, connected, uid_of
from tests.system.conftest import House

CARRIED = messages.Carried(carrier="ssh", source="10.1.2.3")
SAID = {**{message.type: message for message in golden()}, "carried": CARRIED}
HELLO = messages.Hello(version=messages.VERSION, authentication="krb5", nonce=bytes(32))
NEXT = {("dialled", "carried"): HELLO, ("ready", "seen"): messages.Show(id="ZZZZ-ZZZZ")}
"""What is said after what has no answer of its own."""
NEWS = {"watching": ("item", "done"), "waiting": ("progress",)}
"""What a client may be told at any time."""
ROOM = """
from jitd.server import door

door.MOST_BEGUN_BY_CARRIER = door.MOST_BEGUN = 1_000_000
"""
"""A door at which as many conversations may begin within a second as there are messages."""
STAGES = [
    *(("local", stage) for stage in ("greeting", "authenticating", "ready", "watching", "waiting")),
    *(("door", stage) for stage in ("dialled", "greeting", "authenticating", "ready", "watching")),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = door_house(tmp_path_factory.mktemp("stages"), ROOM)
    yield made
    made.verify()
    made.close()


def at(house: House, end: str, stage: str) -> Raw:
    """alice, or whoever claims to be, at this stage of a conversation."""
    if stage in ("dialled", "greeting", "authenticating"):
        raw = Raw(house, uid_of("alice")) if end == "local" else AtDoor(house, source="" if stage == "dialled" else None)
        if stage == "authenticating":
            raw.greet()
        return raw
    raw = connected(house, "alice") if end == "local" else at_door(house, "alice")
    if stage == "watching":
        assert isinstance(raw.ask(messages.Watch(ended=False))[-1], messages.Done)
    elif stage == "waiting":
        raw.submit("id")
    return raw


def is_taken(house: House, end: str, stage: str, name: str) -> bool:
    """True if the message is answered. False if the connection is closed instead."""
    with at(house, end, stage) as raw:
        raw.say(SAID[name])
        if (stage, name) in NEXT:
            raw.say(NEXT[stage, name])
        while (heard := raw.hear()) is not None:
            if heard.type not in NEWS.get(stage, ()):
                return True
        return False


@pytest.mark.parametrize(("end", "stage"), STAGES, ids=[" ".join(row) for row in STAGES])
def test_a_message_is_answered_where_the_table_of_the_end_has_it(house: House, end: str, stage: str) -> None:
    """THREATS S-10, F-13. After goodbye nothing is answered either."""
    answered = {name for name in FROM_CLIENT if is_taken(house, end, stage, name)}
    law = DOOR if end == "door" else LAW
    assert answered == {name for speaker, name in law[stage] if speaker == CLIENT} - {"bye"}
