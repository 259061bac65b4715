# SPDX-License-Identifier: Apache-2.0
"""Integers of the wire at the edges of what databases and kernels take (THREATS O-12). Each is a value like any other, or breaks
the connection. It never makes jitd fail.
"""

from __future__ import annotations

from typing import Any

import pytest

from jitpam.wire import messages, notation
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import FROM_CLIENT
from tests.attacks.raw import asked, connected
from tests.system.conftest import House
from tests.waiting import wait_for

EDGES = [*(sign * (2**n + off) for n in (31, 32, 53, 62, 63, 64) for off in (-1, 0) for sign in (-1, 1)), -1, 0, 1]
ASKED: dict[str, Any] = {**asked("true"), "waits": False, "if_owed": True, "principal": "alice@EXAMPLE.TEST", "at": None}
EMPTY = {"str": "", "Typed": "", "bool": False, "bytes": b"", "int": 0, "Count": 0, "Inode": 0, "list[str]": []}
NUMBERS = [
    (name, field)
    for name, kind in FROM_CLIENT.items()
    if name != "hello"  # before anybody is known
    for field, of in kind.fields.items()
    if of.removesuffix(" | None") in ("int", "Count", "Inode")
]


SENSE: dict[str, dict[str, Any]] = {
    "lock": {"whom": "user", "name": "nobody-here", "reason": "x"},
    "get": {"thing": "sudoers:nothing"},
    "enforce": {"service": "su", "stage": "account", "user": "alice"},
    "enforcecommand": {"service": "sudo", "path": b"/usr/bin/true", "run_as": "root", "chdir": None, "if_owed": True},
    "suppose": {"groups": []},
}


def body(name: str, field: str, number: int) -> bytes:
    """A message that makes sense but for one number, whatever that is."""
    of = FROM_CLIENT[name].fields
    values = {other: ASKED.get(other, None if kind.endswith(" | None") else EMPTY.get(kind, [])) for other, kind in of.items()}
    whole = notation.read(encode(FROM_CLIENT[name](**{**values, **SENSE.get(name, {})})))
    assert isinstance(whole, dict)
    return notation.write({**whole, field: number})


OF_THE_RECORD = [(name, field) for name, field in NUMBERS if name == "audit"]
each_asks = pytest.mark.parametrize("who", ["root", "alice"])


@pytest.mark.parametrize(("name", "field"), OF_THE_RECORD)
@each_asks
def test_no_number_of_a_record_makes_jitd_fail(house: House, name: str, field: str, who: str) -> None:
    """THREATS O-12: the database is asked for it."""
    try_all(house, name, field, who)


@pytest.mark.parametrize(("name", "field"), [one for one in NUMBERS if one not in OF_THE_RECORD])
@each_asks
def test_no_other_number_makes_jitd_fail(house: House, name: str, field: str, who: str) -> None:
    """THREATS O-12."""
    try_all(house, name, field, who)


def try_all(house: House, name: str, field: str, who: str) -> None:
    before = house.log().count("jitd: failed")
    for number in EDGES:
        with connected(house, who) as raw:
            raw.send(frame(raw.seal(body(name, field, number))))
            if name == "seen":  # which has no answer
                raw.say(messages.List(what="runs", ended=False))
            heard = raw.hear()
            while heard is not None and heard.type == "item":
                heard = raw.hear()
            assert not (isinstance(heard, messages.Refused) and heard.code == "failed"), (number, heard)
    assert house.log().count("jitd: failed") == before
    assert wait_for(lambda: house.jitd("requests").returncode == 0)
