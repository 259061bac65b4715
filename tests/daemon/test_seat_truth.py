# SPDX-License-Identifier: Apache-2.0
"""What made a seat empty, and filled it again, by what each reader says of it: the sentence for who waits, the waiting line, the
line ``needs`` of the page, and who is sent a notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.cli import brief
from jitd.core.decision import Approval
from jitd.core.lock import Whom
from jitd.core.request import Request, Review, Verdict
from jitd.core.used_accounts import Use
from jitd.deciding import seats
from jitd.deciding.seats import Seating, Seats
from jitd.lifecycle import seat_watch
from jitd.lifecycle.seat_watch import SeatWatch
from jitd.lifecycle.waiters import Waiters
from jitd.verbs.rows import request_row
from jitd.verbs.sentences import SeatNews
from jitd.verbs.waiting_words import counting, not_yet, owes, people_asked
from jitpam.waiting_line import waiting_line
from jitpam.wire.messages import Progress
from tests.client.script import row_for
from tests.daemon import notices, seated
from tests.scene import START, locked, moment, person
from tests.unshown import without_styles
from tests.waiting import PATIENCE

ID = "K7QM-2XVD"
OPS = Approval(1, ("group:ops",))
CONFIG = replace(seated.CONFIG, people={**seated.CONFIG.people, "bob": frozenset({"bob", "bob-adm"})})
NOBODY = "nobody can give the approval of group:ops at present{}; unless that changes, the request ends in 15 minutes"
AGAIN = f"request {ID}: somebody can give the missing approval again"
UNHEARD = "none of those who can give the approval of group:ops take notices at present: ask them yourself"
HEARD_AGAIN = f"request {ID}: somebody who can give the missing approval takes notices again"
OVER = "rule p applies only Mon-Fri 08:00-18:00 UTC"


class Notices(notices.House):
    """The notices of a daemon that finds people by ``seating``."""

    def __init__(self, path: Path, seating: Seating) -> None:
        self._seating = seating
        super().__init__(path, {"tty": notices.PERSONS})

    async def _people(self, request: Request, ways: tuple[Approval, ...]) -> tuple[Seats, ...]:
        return await self._seating.of_each(request, ways)


class Scene:
    """alice waits for an approval of ops, which is bob alone, and the daemon looks at what changes."""

    def __init__(self, house: seated.House, path: Path, need: int = 1) -> None:
        self.house = house
        self.passwd = house.nsswitch.with_name("passwd")
        self.seating = house.seating(CONFIG)
        self._path = path
        self._n_notices = 0
        made = seated.waiting(replace(OPS, need=need))
        assert made.obligations is not None
        self.asked = replace(made, obligations=replace(made.obligations, notify=("tty",)))
        self.said: list[str] = []
        self.notified: list[str] = []
        self._news = SeatNews()
        self._seats: dict[Approval, Seats] = {}
        waiters = Waiters()
        waiters.attend(ID, self)  # type: ignore[arg-type]
        decider: Any = SimpleNamespace(seating=self.seating, as_now=self._as_now)
        self.watch = SeatWatch(decider, self, waiters, self.notified.append, self._later)  # type: ignore[arg-type]
        self._before = asyncio.run(self.watch.look(None))

    def request(self, id: str) -> Request:
        return self.asked

    async def _as_now(self, request: Request) -> Request:
        return request

    def seated(self, found: Request, seats: dict[Approval, Seats]) -> None:
        self._seats = seats
        self.said += self._news.about(found, seats, moment())

    def _later(self, deed: Coroutine[Any, Any, None]) -> None:
        asyncio.run(deed)

    # --- what tells the daemon that something has changed -----------------------------------------------------------------

    def lock_changes(self) -> None:
        """A lock was placed or has ended: ForgetAnswers or SeatsChanged."""
        self.watch.find_all()

    def second_passes(self) -> None:
        self._before = asyncio.run(self.watch.look(self._before))

    # --- the readers ------------------------------------------------------------------------------------------------------

    def new(self) -> list[str]:
        """What alice has read since she was asked last."""
        said, self.said = self.said, []
        return said

    @property
    def line(self) -> str:
        standing = counting(self.asked, tuple(self.house.locks))
        names = people_asked(self.asked, self._seats, standing)
        told = Progress(
            id=ID,
            state="pending",
            owed=True,
            news=[],
            until=None,
            asked=names,
            answered=[one.principal for one in standing],
            owes=owes(self.asked, standing),
        )
        return waiting_line(4, 863, told, "EXAMPLE.TEST", 79)

    @property
    def needs(self) -> str:
        found = asyncio.run(self.seating.seats(self.asked))
        standing = counting(self.asked, tuple(self.house.locks))
        owed = request_row(self.asked, person("alice"), tuple(self.house.locks), may_review=False, is_own=True).owed
        people = sorted(not_yet(found.people, standing)) if found.is_whole else None
        row = row_for(self.asked, "alice", owed=owed, asked_people=people)
        (line,) = (line for line in without_styles(brief.brief(row, None)) if line.split()[:1] == ["needs"])
        return line.split(None, 1)[1].partition(" · ")[0]

    @property
    def told(self) -> list[str]:
        """Who would be sent a notice of such a request now."""
        self._n_notices += 1
        path = self._path / str(self._n_notices)
        path.mkdir()

        async def send() -> list[str]:
            sender = Notices(path, self.seating)
            sender.begin(ID, OPS, notify=("tty",))
            await sender.work()
            told = [to for _, _, to in sender.tty.said]
            sender.close()
            return told

        return asyncio.run(send())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[seated.House]:
    monkeypatch.setattr(seats, "WITHIN", PATIENCE)
    made = seated.House(tmp_path, monkeypatch)
    made.groups["ops"] = ("bob",)
    made.accounts["bob-adm"] = 1010
    yield made
    made.workers.close()


House = seated.House
Change = Callable[[House], Any]


def rewritten(change: Change) -> Change:
    """``change``, which is one of a file of accounts."""

    def changed(house: House) -> None:
        change(house)
        passwd = house.nsswitch.with_name("passwd")
        passwd.write_text(passwd.read_text() + "x" if passwd.exists() else "")

    return changed


def put(name: str, *some: Any) -> tuple[Change, Change]:
    """Put ``some`` into the collection ``name`` of the house, and take it away again."""

    def go(house: House) -> None:
        held = getattr(house, name)
        held.extend(some) if isinstance(held, list) else held.update(some)

    return go, lambda house: getattr(house, name).clear()


def group_is(*members: str) -> tuple[Change, Change]:
    return (
        rewritten(lambda house: house.groups.update(ops=members)),
        rewritten(lambda house: house.groups.update(ops=("bob",))),
    )


def uid_is(uid: int) -> tuple[Change, Change]:
    return rewritten(lambda house: house.accounts.update(bob=uid)), rewritten(lambda house: house.accounts.update(bob=1002))


def set_closed(text: str) -> Change:
    return lambda house: setattr(house, "closed", text)


LOCKS: dict[str, tuple[Change, Change]] = {
    "a lock on his account": put("locks", locked(name="bob")),
    "a lock on an account with his uid": put("locks", locked(name="robert", uid=1002)),
    "a lock on another account of his": put("locks", locked(name="bob-adm", uid=1010, person="bob")),
    "a lock on his principal": put("locks", locked(Whom.PRINCIPAL, "bob@EXAMPLE.TEST")),
    "a lock on another principal of his": put("locks", locked(Whom.PRINCIPAL, "bob/admin@EXAMPLE.TEST", uid=1002)),
    "a lock on everybody": put("locks", locked(Whom.ALL)),
}
EMPTY: dict[str, tuple[Change, Change]] = {
    "his account expires": tuple(map(rewritten, put("expired", "bob"))),  # type: ignore[dict-item]
    "his account is deleted": (rewritten(lambda house: house.accounts.pop("bob")), uid_is(1002)[1]),
    "his account is a system account": uid_is(500),
    "his account has the uid of root": uid_is(0),
    "his account has the uid of nobody": uid_is(65534),
    "he leaves the group": group_is(),
    "the group is deleted": (rewritten(lambda house: house.groups.pop("ops")), group_is()[1]),
    "the group has only the requester": group_is("alice"),
    "the group has only another account of the requester": group_is("alice-adm"),
    "the KDC refuses him": put("refused", "bob@EXAMPLE.TEST"),
    "the requester has a run as his account": put("uses", Use("run-1", person("alice"), 1002, "bob")),
    "he has a run as the requester's account": put("uses", Use("run-1", person("bob"), 1001, "alice")),
}
SAME: dict[str, tuple[Change, Change]] = {
    "a lock on somebody else": put("locks", locked(name="dave")),
    "a lock on a principal of another realm": put("locks", locked(Whom.PRINCIPAL, "bob@OTHER.TEST")),
    "his shell is nologin, or his password locked": (rewritten(lambda house: None), rewritten(lambda house: None)),
    "somebody else mutes": put("muted", "carol"),
    "the KDC refuses somebody else": put("refused", "carol@EXAMPLE.TEST", "bob@OTHER.TEST"),
    "somebody else has a run as his account": put("uses", Use("run-1", person("carol"), 1002, "bob")),
    "somebody else's account expires": tuple(map(rewritten, put("expired", "carol"))),  # type: ignore[dict-item]
}
"""A ticket proves who bob is, so neither a shell nor a password of this host has a part in it."""
WAITS = "jitsudo: waiting 00:04 for 1 approval from ops ({}); 14 min left"


def assert_seated(scene: Scene) -> None:
    assert scene.line == WAITS.format("bob")
    assert scene.needs == "1 of ops"
    assert scene.told == ["bob"]


@pytest.mark.parametrize("what", [*LOCKS, *EMPTY, "the hours of the rule are over"])
def test_an_empty_seat_is_empty_to_every_reader_and_so_is_a_filled_one(house: House, tmp_path: Path, what: str) -> None:
    """THREATS N-09."""
    go, come_back = {**LOCKS, **EMPTY}.get(what) or (set_closed(OVER), set_closed(""))
    scene = Scene(house, tmp_path)
    changes = scene.lock_changes if what in LOCKS else scene.second_passes
    assert_seated(scene)
    assert scene.new() == []

    go(house)
    changes()
    assert scene.new() == [NOBODY.format("" if what in {**LOCKS, **EMPTY} else f": {OVER}")]
    assert scene.line == WAITS.format("nobody at present")
    assert scene.needs == "1 of ops (nobody at present)"
    assert scene.told == [] and scene.notified == []

    come_back(house)
    changes()
    assert scene.new() == [AGAIN]
    assert_seated(scene)
    assert scene.notified == [ID], "he was told nothing, or could not follow what he was told"


def test_who_mutes_is_said_to_take_no_notices_and_could_approve_all_the_same(house: House, tmp_path: Path) -> None:
    """THREATS N-09."""
    scene = Scene(house, tmp_path)
    house.muted = {"bob"}
    scene.second_passes()
    assert scene.new() == [UNHEARD]
    assert_seated(scene)
    house.muted = set()
    scene.second_passes()
    assert scene.new() == [HEARD_AGAIN]
    assert scene.notified == []


@pytest.mark.parametrize("what", SAME)
def test_what_empties_no_seat_is_said_by_nobody(house: House, tmp_path: Path, what: str) -> None:
    scene = Scene(house, tmp_path)
    for change in SAME[what]:
        change(house)
        scene.lock_changes()
        scene.second_passes()
        assert scene.new() == [] and scene.notified == []
        assert_seated(scene)


def test_who_has_approved_is_not_waited_for_and_the_other_seat_may_be_empty(house: House, tmp_path: Path) -> None:
    """THREATS N-09."""
    house.groups["ops"] = ("bob", "carol")
    scene = Scene(house, tmp_path, need=2)
    assert scene.line == "jitsudo: waiting 00:04 for 2 approvals from ops (bob or carol); 14 min left"
    scene.asked = replace(scene.asked, reviews=(Review(person("bob"), Verdict.APPROVE, "", START),))
    assert scene.line == "jitsudo: waiting 00:04 for 1 more from ops (approved by bob); 14 min left"
    assert scene.needs == "2 of ops"

    house.muted = {"bob"}
    scene.second_passes()
    assert scene.new() == [], "he need not hear of it any more"
    house.locks = [locked(name="carol", uid=1003)]
    scene.lock_changes()
    (line,) = scene.new()
    assert line.startswith("too few people can give the approvals of group:ops at present: 2 persons must, and 1 could")
    assert scene.line == "jitsudo: waiting 00:04 for 1 more from ops (nobody at present); 14 min left"
    assert scene.needs == "2 of ops (nobody at present)"

    house.locks = [locked(name="bob")]
    scene.lock_changes()
    assert scene.line == "jitsudo: waiting 00:04 for 2 approvals from ops (carol); 14 min left", "his approval does not count"
    assert scene.needs == "2 of ops (only 1 person at present)"


def test_an_account_expires_at_midnight_although_no_file_changes(house: House, tmp_path: Path, monkeypatch: Any) -> None:
    scene = Scene(house, tmp_path)
    monkeypatch.setattr(seats, "datetime", SimpleNamespace(now=lambda zone: START.replace(year=2027)))
    house.expired = {"bob"}
    scene.second_passes()
    assert scene.new() == [NOBODY.format("")]


def test_what_is_no_event_is_seen_by_the_look_of_the_next_second(house: House, tmp_path: Path, monkeypatch: Any) -> None:
    """The clock is played: between the change and the sentence lies one pause, and it is of one second."""
    scene, pauses = Scene(house, tmp_path), list[float]()

    class Over(Exception):
        pass

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            assert scene.said == []
        elif len(pauses) == 2:
            assert scene.said == []
            house.expired = {"bob"}
            house.nsswitch.with_name("passwd").write_text("bob")
        else:
            raise Over

    monkeypatch.setattr(seat_watch, "asyncio", SimpleNamespace(sleep=sleep, gather=asyncio.gather))
    with pytest.raises(Over):
        asyncio.run(scene.watch.keep())
    assert scene.new() == [NOBODY.format("")]
    assert pauses == [1.0, 1.0, 1.0]
