# SPDX-License-Identifier: Apache-2.0
"""People without an account on the host, by the door: they approve where the rule says so, and nothing else is theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire import messages
from tests.attacks.at_door import SOURCE, AtDoor, door_house
from tests.attacks.raw import connected, credentials, kadmin, kinit, review
from tests.system.conftest import REALM, House

ZOE, TWIN, STRANGER = f"zoe@{REALM}", f"alice/admin@{REALM}", f"yan@{REALM}"
POLICY = """
[[permit]]
name = "by-door"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/true", "door", "**"]]
approvals = [{ need = 1, from = ["group:remote"], door = true }]

[[permit]]
name = "on-the-host"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/true", "**"]]
approvals = [{ need = 1, from = ["group:remote"] }]
"""
LINES = f"""
[approvers."{ZOE}"]
groups = ["remote"]
[approvers."{TWIN}"]
person = "alice"
groups = ["remote"]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = door_house(tmp_path_factory.mktemp("visitors"), policy=POLICY, limits=LINES)
    yield made
    made.verify()
    made.close()


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A ticket of each principal without an account."""
    at = tmp_path_factory.mktemp("caches")
    found = {}
    for number, principal in enumerate((ZOE, TWIN, STRANGER)):
        kadmin("addprinc", "+requires_preauth", "-pw", "visitor", principal)
        found[principal] = kinit(at / str(number), principal, "visitor")
    return found


def visits(house: House, cache: Path, source: str | None = None) -> AtDoor:
    made = AtDoor(house, source=source)
    made.sign_in(credentials(cache))
    return made


def waits(house: House, word: str) -> str:
    with connected(house, "alice") as raw:
        return raw.submit("/usr/bin/true", word, os.urandom(4).hex(), waits=False)


def test_who_has_no_account_approves_by_the_door_and_the_record_names_the_principal(
    house: House, caches: dict[str, Path]
) -> None:
    id, before = waits(house, "door"), house.head().number
    with visits(house, caches[ZOE], source=SOURCE) as zoe:
        (row,) = zoe.rows(messages.Show(id=id))
        assert not row["lacks"] and row["asked_people"] == [ZOE]
        zoe.stamp()
        assert isinstance(zoe.ask(review(row))[-1], messages.Done)
    assert str(house.request_of(id).state) == "approved"
    (record,) = [one for one in house.records(before) if one["event"] == "request.reviewed"]
    assert record["actor"] == ZOE and record["uid"] is None and record["peer"] == {"carrier": "ssh", "source": SOURCE}
    assert record["detail"]["authentication"]["by_door"] is True and record["detail"]["groups"] == ["remote"]


def test_without_the_key_door_they_see_and_deny_alone(house: House, caches: dict[str, Path]) -> None:
    """THREATS F-09."""
    id = waits(house, "host")
    with visits(house, caches[ZOE]) as zoe:
        (row,) = zoe.rows(messages.Show(id=id))
        assert row["lacks"] == "takes no approval by the door: approve on the host"
        zoe.stamp()
        assert zoe.refusal(review(row))[0] == "forbidden"
        assert str(house.request_of(id).state) == "pending"
        assert isinstance(zoe.ask(review(row, "deny", "no"))[-1], messages.Done)
    assert str(house.request_of(id).state) == "denied"


def test_the_requester_with_another_principal_reviews_nothing(house: House, caches: dict[str, Path]) -> None:
    """THREATS F-11."""
    id = waits(house, "door")
    with connected(house, "alice") as alice:
        (row,) = alice.rows(messages.Show(id=id))
    with visits(house, caches[TWIN]) as twin:
        for verdict in ("approve", "deny"):
            twin.stamp()
            code, text = twin.refusal(review(row, verdict))
            assert code == "forbidden" and "your own" in text
    found = house.request_of(id)
    assert str(found.state) == "pending" and not found.reviews


def test_who_has_neither_an_account_nor_a_line_is_refused_before_anything_is_shown(house: House, caches: dict[str, Path]) -> None:
    before = house.head()
    stranger = AtDoor(house)
    with pytest.raises(AssertionError, match=r"no account or line of \[approvers\] is "):
        stranger.sign_in(credentials(caches[STRANGER]))
    stranger.close()
    assert house.head() == before
