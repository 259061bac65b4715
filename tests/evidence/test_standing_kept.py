# SPDX-License-Identifier: Apache-2.0
"""Standing privileges that root tells are recorded and kept, and a report shows them, and how they have changed. Each figure is
computed again in Python, from the records and the lists.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.privileges import LONGEST, MOST, MOST_BYTES, NoList, Privilege, Standing, listed, read
from jitd.core.policy import Policy
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.sqlite import SqliteStore
from jitd.verbs.refusal import Refusal
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import Row
from jitd_evidence.report.making import MOST_ROWS
from jitd_evidence.report.standing import STANDING
from jitd_evidence.serving import standing
from tests.scene import HOST, START, asked, moment, person, submit
from tests.verified import findings_in

ROOT = replace(person("alice"), principal="root", user="root", uid=0)
HOSTILE = (
    "'); DROP TABLE standing;--",
    '"$.who"',
    "%",
    "\u202egnp.exe",
    "[1]",
    "null",
    "a\tb",
    "é",
    "{list}",
    ":since",
    "\U000e0041",
)
DAY = 86400
FIGURES = {figure.name: figure for figure in STANDING.figures}


def privilege(who: str, by: str = "sudo", becomes: str = "root", where: str = "/etc/sudoers:1") -> Privilege:
    return Privilege(becomes, by, who, where)


def told(*privileges: Privilege, unseen: tuple[str, ...] = ("not looked for: x",)) -> Standing:
    return listed(HOST, privileges, unseen)


class House:
    def __init__(self, path: Path) -> None:
        self.path, self.after = path, 0
        self.store = SqliteStore(path)
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.after), lambda: "policy-1")
        self.told: list[tuple[int, datetime, Standing]] = []

    def record(self, found: Standing, days: float) -> None:
        self.after = int(days * DAY)
        standing.record(self.lifecycle, self.store, HOST, ROOT, found.text().encode())
        self.told.append((self.store.head().number, START + timedelta(days=days), found))

    def figure(self, name: str, since: float = 0, until: float = 90) -> list[Row]:
        with closing(SqliteStore.reading(self.path)) as store:
            ends = START + timedelta(days=until)
            scope = scope_of(store, Policy((), "deny", "policy-1"), ends, START + timedelta(days=since), ends)
            return list(FIGURES[name].rows(scope))

    def found(self) -> list[str]:
        return list(map(str, findings_in(self.path)))

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.store.records()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


def test_what_root_tells_is_recorded_with_its_digest_and_kept(house: House) -> None:
    list = told(privilege("eve"), privilege("bob"), privilege("eve", "group"))
    house.record(list, 0)
    (body,) = house.bodies()
    assert (body["event"], body["actor"], body["uid"]) == ("standing.recorded", "root", 0)
    digest = sha256(list.text().encode()).hexdigest()
    assert body["detail"] == {"n": 3, "kinds": {"group": 1, "sudo": 2}, "unseen": 1, "sha256": digest}
    assert read(str(house.store.standing(digest), "ascii")) == list
    house.record(list, 1)
    with closing(sqlite3.connect(house.path)) as database:
        assert database.execute("SELECT count(*) FROM standing").fetchone() == (1,), "equal lists take the room of one"
    assert house.found() == []


@pytest.mark.parametrize("who", [person("alice"), replace(ROOT, uid=1001)], ids=str)
def test_nobody_but_root_tells_what_the_host_is_like(house: House, who: Any) -> None:
    with pytest.raises(Refusal, match="only root can see"):
        standing.record(house.lifecycle, house.store, HOST, who, told().text().encode())
    assert house.bodies() == []


GOOD = told(privilege("eve")).text()


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{}", b"[]", b"null", b"\xff", GOOD.encode() + b" ", GOOD.replace("jitd standing 1", "jitd standing 2").encode(),
        GOOD.replace('"sudo"', '"other"').encode(),
        GOOD.replace('"eve"', "7").encode(), GOOD.replace('"eve"', '"\\ud800"').encode(),
        GOOD.replace('"eve"', f'"{"e" * (LONGEST + 1)}"').encode(), GOOD.replace(HOST, "other.example.test").encode(),
        GOOD.replace("eve", "\\u0065ve").encode(), GOOD.replace('"who":', '"whom":').encode(), b"[" * 100_000,
        GOOD.replace('"unseen":[', '"unseen":[' + '"x",' * MOST).encode(), b'"' + b"x" * (MOST_BYTES + 1) + b'"',
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_not_exactly_a_list_of_this_host_is_not_recorded(house: House, said: bytes) -> None:
    with pytest.raises(Refusal, match="this .*list of standing privileges") as refusal:
        standing.record(house.lifecycle, house.store, HOST, ROOT, said)
    assert refusal.value.code == "usage"
    assert house.bodies() == []
    with closing(sqlite3.connect(house.path)) as database:
        assert database.execute("SELECT count(*) FROM standing").fetchone() == (0,)


def test_a_list_that_was_changed_or_removed_is_named_by_the_verifier(house: House) -> None:
    """THREATS L-22."""
    house.record(told(privilege("eve")), 0)
    house.record(told(), 1)
    with closing(sqlite3.connect(house.path)) as database:
        with pytest.raises(sqlite3.IntegrityError, match="never changes"):
            database.execute("UPDATE standing SET document = ''")
        with pytest.raises(sqlite3.IntegrityError, match="as long as the chain"):
            database.execute("DELETE FROM standing")
        database.execute("DROP TRIGGER standing_stays")
        database.execute("DROP TRIGGER standing_remains")
        database.execute("UPDATE standing SET document = replace(document, 'eve', 'bob')")
        database.execute("DELETE FROM standing WHERE instr(document, 'bob') = 0")
        database.commit()
    first, second = (one["detail"]["sha256"] for one in house.bodies())
    assert house.found() == [
        f"standing privileges differ: the list of standing privileges {first}, which record 1 names, was changed",
        f"standing privileges differ: the list of standing privileges {second}, which record 2 names, is missing",
    ]


def test_a_list_that_is_missing_hides_no_other_change_from_the_verifier(house: House) -> None:
    """THREATS L-22."""
    house.record(told(privilege("eve")), 0)
    house.lifecycle.handle(submit(asked()))
    with closing(sqlite3.connect(house.path)) as database:
        for trigger in ("standing_remains", "requests_move"):
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), 'alice', 'mallo') AS BLOB)")
        database.commit()
        assert [finding.partition(":")[0] for finding in house.found()] == ["store differs"]
        database.execute("DELETE FROM standing")
        database.commit()
    assert [finding.partition(":")[0] for finding in house.found()] == ["store differs", "standing privileges differ"]


def test_the_figures_say_what_the_records_and_their_lists_say(house: House) -> None:
    people = ["alice", "bob", *HOSTILE]
    for day in range(12):
        some = [
            privilege(who, by, where=f"/etc/x:{day}") for n, who in enumerate(people) for by in ("sudo", "key") if (n + day) % 3
        ]
        house.record(told(*some, privilege("carol", "k5login", "postgres"), unseen=(f"day {day}", *HOSTILE)), day * 7 + 0.5)
    for since, until in ((0, 90), (20, 60), (20, 22), (200, 300), (-9, 0.6)):
        begins, ends = START + timedelta(days=since), START + timedelta(days=until)
        number, at, newest = min(house.told, key=lambda one: (abs(one[1] - ends), -one[0]))
        lists = [one for one in house.told if one[0] <= number]
        earlier = [one for one in lists[:-1] if one[1] < begins][-1:] or [one for one in lists[:-1] if one[1] >= begins][:1]
        assert house.figure("seen", since, until) == [
            (zulu(at), number, "root", len(newest.privileges), len(newest.unseen), sha256(newest.text().encode()).hexdigest())
        ]
        ways = {(one.becomes, one.by, one.who): one for one in newest.privileges}
        first = {way: next(at for _, at, list in lists if way in keys(list)) for way in ways}
        assert sorted(house.figure("becoming", since, until)) == sorted(
            (one.becomes, one.who, one.by, one.where, f"{first[way]:%Y-%m-%d}") for way, one in ways.items()
        )
        before = keys(earlier[0][2]) if earlier else {}
        changed = [("new", way, ways[way].where) for way in ways if way not in before] if earlier else []
        changed += [("gone", way, before[way].where) for way in before if way not in ways]
        assert sorted(house.figure("changed", since, until)) == sorted(
            (how, becomes, who, by, where) for how, (becomes, by, who), where in changed
        )
        assert house.figure("unseen", since, until) == [(sentence,) for sentence in sorted(newest.unseen)]
        assert house.figure("trend", since, until) == [
            (zulu(at), number, ", ".join(f"{by} {n}" for by, n in list.counts.items()), len(list.unseen), len(list.privileges))
            for number, at, list in reversed(lists)
        ]


def keys(list: Standing) -> dict[tuple[str, str, str], Privilege]:
    return {(one.becomes, one.by, one.who): one for one in list.privileges}


def zulu(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_before_anybody_has_looked_every_figure_is_empty(house: House) -> None:
    house.lifecycle.note("daemon.started", "root", 0, {})
    assert [house.figure(name, 0, 5) for name in FIGURES] == [[]] * len(FIGURES)


def test_the_report_of_a_month_has_what_root_saw_when_it_was_made(house: House) -> None:
    """And it says when that was."""
    house.record(told(privilege("bob")), 1)
    house.record(told(privilege("eve")), 31)
    house.record(told(), 60)
    assert [row[1] for row in house.figure("becoming", 0, 30)] == ["eve"]
    assert [row[1] for row in house.figure("seen", 0, 30)] == [2]
    assert [row[1] for row in house.figure("becoming", 0, 15)] == ["bob"]


def test_who_acts_as_one_account_can_push_nothing_of_another_out_of_a_report(house: House) -> None:
    """THREATS L-23: whoever has an account writes as many keys and principals as they like into its home."""
    few = [privilege("eve"), privilege("SHA256:r", "key"), privilege("SHA256:z", "key", "zope")]
    many = [privilege(f"SHA256:{n}", "key", "app") for n in range(3 * MOST_ROWS)]
    house.record(told(*many[:4]), 1)
    house.record(told(*few, *many), 2)
    assert keys(told(*few)).keys() <= {(becomes, by, who) for becomes, who, by, *_ in house.figure("becoming")[:MOST_ROWS]}
    assert keys(told(*few)).keys() <= {(becomes, by, who) for _, becomes, who, by, _ in house.figure("changed")[:MOST_ROWS]}


def test_who_acts_as_one_account_can_push_nothing_of_root_out_of_a_list() -> None:
    """THREATS L-23."""
    of_root = [privilege(f"person-{n:05}") for n in range(MOST // 2)]
    long = [privilege(f"{n:05}" + "\U0001f600" * LONGEST, "k5login", "app") for n in range(MOST)]
    found = told(*of_root, *long, privilege("SHA256:z", "key", "zope"))
    assert keys(told(*of_root)).keys() <= keys(found).keys()
    assert {("zope", "key", "SHA256:z")} < keys(found).keys() - keys(told(*of_root)).keys()


def test_the_newest_list_is_in_the_trend_however_many_there_are(house: House) -> None:
    for hour in range(MOST_ROWS + 5):
        house.record(told(privilege(f"person-{hour}")), 1 + hour / 24)
    assert house.figure("trend")[:MOST_ROWS][0][1] == house.store.head().number


def test_a_list_that_is_too_long_says_so_and_no_kind_hides_another() -> None:
    many = [privilege(f"person-{n:05}", where="\U0001f600" * LONGEST) for n in range(3 * MOST)]
    found = told(*many, privilege("SHA256:x", "key"), privilege("dave", "k5login", "postgres"))
    assert {"key", "k5login"} <= found.counts.keys()
    left = 3 * MOST + 2 - len(found.privileges)
    assert f"{left} further privileges were found, for which this list has no room" in found.unseen
    assert read(found.text()) == found
    assert len(found.text()) <= MOST_BYTES
    sentences = told(unseen=tuple(f"sentence {n}" for n in range(MOST + 5))).unseen
    assert (len(sentences), sentences[-1]) == (MOST, "6 further things could not be seen")
    assert read(told(*many[:3], unseen=("\ud800",)).text()).unseen == ("\\ud800",)
    with pytest.raises(NoList):
        read("x")
