# SPDX-License-Identifier: Apache-2.0
"""A client that speaks of things by hand: in odd orders, twice at once, with odd names, and for somebody else.

Law: after each test a sweep shows that the KDC holds no grant, and that each holding has ended.
"""

from __future__ import annotations

from typing import Any

import pytest

from jitd.verbs.rows import on_host
from jitpam.wire import messages
from tests.attacks.raw import Raw, connected
from tests.gates.test_holdings_alive import HELD, Scene, scene, services, shared
from tests.waiting import wait_for

__all__ = ["scene", "services", "shared"]


def get(thing: str, **changes: Any) -> messages.Get:
    plain = {"stays": False, "reason": "x", "lasts_for": None, "tty": None, "login_session": 0, "parents": []}
    return messages.Get(**{**plain, "thing": thing, "waits": True, "if_owed": True, **changes})


def until(raw: Raw, kind: str) -> Any:
    """What is heard first of that kind."""
    while (heard := raw.hear()) is not None and heard.type != kind:
        assert heard.type == "progress", heard
    assert heard is not None
    return heard


def given(scene: Scene, **changes: Any) -> Raw:
    """alice has the thing in hand on a connection of hers."""
    raw = connected(scene.house, "alice")
    raw.say(get(scene.thing, **changes))
    until(raw, "given")
    return raw


def is_open(scene: Scene) -> int:
    """How many holdings are open."""
    return len(scene.holdings(ended=False))


def test_a_keep_that_was_not_asked_for_gives_back_and_the_connection_goes_on(scene: Scene) -> None:
    """THREATS T-22: as often as it is tried, nothing piles up on one connection."""
    with given(scene) as raw:
        for _ in range(3):
            assert raw.refusal(messages.Keep())[0] == "usage"
            wait_for(lambda: is_open(scene) == 0, what="the taking")
            raw.say(get(scene.thing))
            until(raw, "given")
        assert is_open(scene) == 1
        scene.house.ended("revoke", "--of", "alice")
        assert until(raw, "taken") and is_open(scene) == 0


def test_a_keep_of_nothing_or_too_late_is_refused_and_changes_nothing(scene: Scene) -> None:
    """THREATS T-22."""
    with connected(scene.house, "alice") as raw:
        head = scene.house.head()
        assert raw.refusal(messages.Keep())[0] == "late" and scene.house.head() == head
    with given(scene, stays=True) as raw:
        assert raw.ask(messages.Keep())[-1] == messages.Done(text=raw_text(scene))
        assert raw.refusal(messages.Keep())[0] == "late"
    assert scene.last().state is HELD
    assert scene.house.jitd("revoke", scene.last().id, who="alice").returncode == 0


def raw_text(scene: Scene) -> str:
    return f"{scene.thing} is yours until {on_host(scene.last().until)}"


@pytest.mark.parametrize(
    "message",
    [messages.Bye(), messages.Watch(ended=False), messages.Resume(id="0000-0000", streams=[]), messages.Reload()],
    ids=lambda message: str(message.type),
)
def test_whatever_ends_the_connection_gives_back(scene: Scene, message: Any) -> None:
    """THREATS T-18: a farewell, and words that are out of turn."""
    with given(scene) as raw:
        raw.say(messages.Withdraw(id=scene.last().id))  # may cross what was given, and means nothing then
        raw.say(message)
        assert raw.is_closed()


def test_who_says_bye_before_the_answer_has_nothing(scene: Scene) -> None:
    """THREATS T-18: in one breath, so that nobody knows which comes first."""
    for _ in range(5):
        with connected(scene.house, "alice") as raw:
            raw.say(get(scene.thing))
            raw.say(messages.Bye())
            raw.is_closed()


def test_a_client_that_never_reads_hinders_nobody(scene: Scene) -> None:
    """THREATS T-22."""
    with connected(scene.house, "alice") as raw:
        raw.say(get(scene.thing))
        wait_for(lambda: is_open(scene) == 1 and scene.last().state is HELD, what="the thing")
        scene.house.ended("revoke", scene.last().id)
        assert is_open(scene) == 0
        assert [until(raw, kind).type for kind in ("given", "taken")] == ["given", "taken"]


def test_two_that_resume_after_a_restart_have_it_once(scene: Scene) -> None:
    """THREATS T-22."""
    raw = given(scene)
    id = scene.last().id
    scene.house.kill()
    raw.close()
    scene.house.start()
    with connected(scene.house, "bob") as other:
        assert other.refusal(messages.Resume(id=id, streams=[]))[0] == "unknown"
    with connected(scene.house, "root") as other:
        assert other.refusal(messages.Resume(id=id, streams=[]))[0] == "unknown"
    first, second = connected(scene.house, "alice"), connected(scene.house, "alice")
    for one in (first, second):
        one.say(messages.Resume(id=id, streams=[]))
    heard = sorted(str(one.hear().type) for one in (first, second))  # type: ignore[union-attr]
    assert heard == ["given", "refused"]
    first.close()
    second.close()


def test_nobody_but_the_person_with_a_ticket_is_given_anything(scene: Scene) -> None:
    """THREATS T-21."""
    head = scene.house.head()
    with connected(scene.house, "root") as raw:
        code, text = raw.refusal(get(scene.thing))
    assert code == "denied" and "Kerberos ticket" in text and not scene.holdings(ended=False)
    assert scene.house.head().number - head.number <= 2, "the request and its denial"


ODD = {
    "krbtgt": "krbtgt/EXAMPLE.TEST", "kadmin": "kadmin/admin", "jitd": "jitd/lab.example.test", "huge": "x/" + "y" * 60_000,
    "a realm": "a/b@EVIL.TEST", "a line's end": "a/b\n", "a pattern": "**", "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD.values(), ids=list(ODD))
def test_an_odd_name_is_refused_and_nothing_is_recorded(scene: Scene, name: str) -> None:
    """THREATS T-21."""
    head = scene.house.head()
    with connected(scene.house, "alice") as raw:
        assert raw.refusal(get(f"service-ticket:{name}"))[0] == "usage"
        assert raw.refusal(get("service-ticket:imap/mail.example.test"))[0] == "denied"
    recorded = [record["event"] for record in scene.house.records(after=head.number)]
    assert recorded == ["request.submitted", "request.screened"]
