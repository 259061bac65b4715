# SPDX-License-Identifier: Apache-2.0
"""Who could approve a request now, as this host can list it; and what the requester is told if there is nobody.

Law: "nobody" is said only where it is certain. A directory that cannot be listed makes no such claim.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.authentication import Demand
from jitd.core.decision import Approval
from jitd.core.lock import Lock, Whom
from jitd.core.party import OF_ROOT, Party
from jitd.core.subject import Approver, Sids
from jitd.deciding import directory, groups, seats
from jitd.deciding.groups import Group
from jitd.deciding.seats import UNKNOWN, Seating, Seats
from jitd.deciding.signers import Signers
from jitd.verbs.sentences import SeatNews, unseated
from tests.daemon.seated import BOSS, CONFIG, OPS, House, waiting
from tests.scene import locked, moment, person
from tests.waiting import PATIENCE


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in ("WITHIN", "LISTED_WITHIN"):
        monkeypatch.setattr(seats, name, PATIENCE)
    made = House(tmp_path, monkeypatch)
    yield made
    made.workers.close()


@pytest.mark.parametrize(
    ("locks", "people"),
    [
        ([locked(name="bob")], ("carol",)),
        ([locked(name="bob"), locked(name="carol", id="L0CK-0002")], ()),
        ([locked(Whom.PRINCIPAL, "bob@EXAMPLE.TEST")], ("carol",)),
        ([locked(Whom.ALL)], ()),
        ([locked(name="eve"), locked(Whom.PRINCIPAL, "bob@OTHER.TEST", id="L0CK-0002")], ("bob", "carol")),
    ],
)
def test_who_is_locked_could_not_approve(house: House, locks: list[Lock], people: tuple[str, ...]) -> None:
    house.locks = locks
    assert house.look(OPS) == Seats(people, is_whole=True)
    said = house.said(OPS)
    assert bool(said) is not bool(people) and all("nobody can give the approval of group:ops at present" in line for line in said)
    house.locks = []
    assert house.look(OPS).people == ("bob", "carol")


DOOR = Demand(door=True)
LINES = {
    "zoe@TRUSTED.TEST": Approver("zoe", frozenset({"remote"})),
    "al@TRUSTED.TEST": Approver("alice", frozenset({"remote"})),
    "bob@EXAMPLE.TEST": Approver("bob", frozenset({"remote"})),
    "una@TRUSTED.TEST": Approver("una@TRUSTED.TEST"),
}


def test_who_has_no_account_could_approve_by_the_door_and_gets_no_notice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those in ``remote``, al is the requester, and bob has an account, which is in other groups."""
    monkeypatch.setattr(house, "seating", lambda: House.seating(house, replace(CONFIG, approvers=LINES)))
    by_door, zoe = Approval(1, ("group:remote",), DOOR), ("zoe@TRUSTED.TEST",)
    assert house.look(by_door) == Seats(zoe, is_whole=True, muted=zoe, visitors=zoe) and house.said(by_door) == []
    assert house.look(Approval(1, ("group:remote",))) == Seats((), is_whole=True)
    assert house.said(Approval(1, ("group:remote",))) and house.said(replace(by_door, need=2))
    assert house.look(Approval(1, ("principal:una@TRUSTED.TEST",), DOOR)).people == ("una@TRUSTED.TEST",)
    assert house.look(Approval(1, ("user:una", "user:zoe"), DOOR)).people == ()
    both = house.look(Approval(1, ("group:ops", "group:remote"), DOOR))
    assert both == Seats(("bob", "carol", *zoe), is_whole=True, muted=zoe, visitors=zoe)


def test_nobody_lists_who_has_a_sid_so_the_seats_by_the_door_are_not_all(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sids = Sids({"S-1-5-21-1-2-3-1105": "remote"}, frozenset({"EXAMPLE.TEST"}))
    monkeypatch.setattr(house, "seating", lambda: House.seating(house, replace(CONFIG, sids=sids)))
    assert not house.look(Approval(1, ("group:remote",), DOOR)).is_whole
    (said,) = house.said(Approval(1, ("group:remote",), DOOR))
    assert said.startswith("whether somebody can give the approval of group:remote at present cannot be known")
    assert house.look(Approval(1, ("group:remote",))).is_whole and house.look(Approval(1, ("group:ops",), DOOR)).is_whole


@pytest.mark.parametrize("bar", ["a lock on the principal", "a lock on the person", "the KDC"])
def test_who_has_no_account_and_could_not_approve_is_no_seat(house: House, monkeypatch: pytest.MonkeyPatch, bar: str) -> None:
    monkeypatch.setattr(house, "seating", lambda: House.seating(house, replace(CONFIG, approvers=LINES)))
    if bar == "the KDC":
        house.refused = ["zoe@TRUSTED.TEST"]
    else:
        is_principal = bar == "a lock on the principal"
        on = locked(Whom.PRINCIPAL, "zoe@TRUSTED.TEST") if is_principal else locked(name="zoe", uid=None, person="zoe")
        house.locks = [on]
    refused = ("zoe@TRUSTED.TEST",) if bar == "the KDC" else ()
    assert house.look(Approval(1, ("group:remote",), DOOR)) == Seats((), is_whole=True, refused=refused)


def test_the_kdc_is_asked_about_who_comes_by_the_door_too(house: House) -> None:
    """THREATS N-09: who was disabled keeps no seat because nobody asks, and gets it again when the KDC says so."""
    seating = house.seating(replace(CONFIG, approvers=LINES))
    asyncio.run(seating.ask_about(["bob", "zoe@TRUSTED.TEST"]))
    assert house.asked == ["bob@EXAMPLE.TEST", "zoe@TRUSTED.TEST"]


def test_who_reads_who_could_approve_reads_of_nobody_whom_the_kdc_refuses(house: House) -> None:
    """THREATS N-09: also if nobody waits, so that nobody else has asked."""
    seating, asks = house.seating(), []

    async def ask(principals: Sequence[str]) -> None:
        asks.append(list(principals))
        house.refused = ["bob@EXAMPLE.TEST"]

    seating._ask = ask
    found = asyncio.run(seating.seats(waiting(OPS)))
    assert found == Seats(("carol",), is_whole=True, refused=("bob",)) and asks == [["bob@EXAMPLE.TEST", "carol@EXAMPLE.TEST"]]


def test_about_many_people_the_kdc_is_not_asked(house: House) -> None:
    house.accounts |= {f"p{number}": 2000 + number for number in range(seats.MOST_LOOKED_AT + 1)}
    house.groups["ops"] = tuple(f"p{number}" for number in range(seats.MOST_LOOKED_AT + 1))
    assert len(house.look(OPS).people) == seats.MOST_LOOKED_AT + 1 and house.asked == []


def test_while_a_directory_is_silent_it_is_not_sure_that_nobody_comes_by_the_door(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {"yan@EXAMPLE.TEST": Approver("yan", frozenset({"remote"}))}
    monkeypatch.setattr(house, "seating", lambda: House.seating(house, replace(CONFIG, approvers=lines)))
    by_door = Approval(1, ("group:remote",), DOOR)
    assert house.look(by_door).people == ("yan@EXAMPLE.TEST",)
    house.silent = {"yan"}
    assert house.look(by_door) == Seats((), is_whole=False)


def test_whose_account_has_expired_could_not_approve(house: House) -> None:
    house.expired = {"bob"}
    assert house.look(OPS) == Seats(("carol",), is_whole=True)


def test_whom_the_kdc_has_refused_could_not_approve_but_is_asked_about_again(house: House) -> None:
    """THREATS N-09."""
    house.refused = ["bob@EXAMPLE.TEST"]
    assert house.look(OPS) == Seats(("carol",), is_whole=True, refused=("bob",))
    assert house.said(OPS) == []
    house.refused += ["carol@EXAMPLE.TEST", "may@EXAMPLE.TEST"]
    assert house.look(OPS) == Seats((), is_whole=True, refused=("bob", "carol"))
    assert house.said(OPS) == [NOBODY.format("group:ops") + ENDS]
    house.refused = ["alice@EXAMPLE.TEST", "bob@OTHER.TEST"]
    assert house.look(OPS) == Seats(("bob", "carol"), is_whole=True), "a principal of another realm is not hers"


def test_an_account_is_refused_only_with_each_of_its_principals(house: House) -> None:
    config = replace(CONFIG, principals={"robert@EXAMPLE.TEST": "bob"})
    house.refused = ["bob@EXAMPLE.TEST"]
    both = house.seating(config)
    assert asyncio.run(both.seats(waiting(OPS))).people == ("bob", "carol")
    house.refused.append("robert@EXAMPLE.TEST")
    assert asyncio.run(both.seats(waiting(OPS))).people == ("carol",)


def test_those_are_asked_about_first_whom_the_kdc_has_refused_in_the_spelling_of_their_tickets(house: House) -> None:
    house.refused = ["may@EXAMPLE.TEST", "dave@EXAMPLE.TEST"]
    asyncio.run(house.seating().ask_about(["bob", "may"]))
    assert house.asked == ["may@EXAMPLE.TEST", "bob@EXAMPLE.TEST"]


def test_who_takes_no_notices_could_approve_all_the_same(house: House) -> None:
    house.muted = {"bob", "alice", "may"}
    assert house.look(OPS) == Seats(("bob", "carol"), is_whole=True, muted=("bob",))
    assert house.said(OPS) == []


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.mark.parametrize(
    ("level", "people", "said"),
    [
        ("", ("bob", "carol"), []),
        ("key", ("bob",), []),
        ("touch", (), [": no key that would do counts on this host for bob, carol; unless that changes, the request ends in"]),
    ],
)
def test_who_has_no_key_that_counts_could_not_approve_where_a_signature_is_demanded(
    house: House, tmp_path: Path, level: str, people: tuple[str, ...], said: list[str]
) -> None:
    file = tmp_path / "allowed_signers"
    house.signers = Signers(file)
    state = house.seating().state()
    file.write_text(f"bob@EXAMPLE.TEST {KEY}\n")
    assert house.seating().state() != state
    signed = Approval(1, ("group:ops",), Demand(signed=level))
    found = house.look(signed)
    assert (found.people, found.is_whole) == (people, True)
    assert set(found.keyless) == {"bob", "carol"} - set(people)
    lines = house.said(signed)
    assert len(lines) == len(said) and all(one in line for one, line in zip(said, lines, strict=True))


def test_who_has_no_key_is_named_only_where_the_rule_lets_everybody_read_the_request() -> None:
    signed, seats = Approval(1, ("group:ops",), Demand(signed="key")), Seats((), is_whole=True, keyless=("bob", "carol"))
    made = waiting(signed)
    assert made.obligations is not None
    hidden = replace(made, obligations=replace(made.obligations, visible_to=("group:audit",)))
    (open_to_all,), (said,) = (unseated(one, {signed: seats}, moment()) for one in (made, hidden))
    assert "counts on this host for bob, carol;" in open_to_all
    assert "counts on this host for 2 people;" in said and "bob" not in said and "carol" not in said


def test_what_is_known_of_people_has_another_state_after_each_change_and_the_same_without_one(house: House) -> None:
    """THREATS N-09."""
    seating, passwd = house.seating(), house.nsswitch.with_name("passwd")
    states = [seating.state()]
    for change in (
        lambda: house.muted.add("bob"),
        lambda: house.refused.append("bob@EXAMPLE.TEST"),
        lambda: passwd.write_text("bob:x:1002:1002::/:/bin/sh"),
        lambda: house.nsswitch.write_text("passwd: files"),
        house.refused.clear,
    ):
        assert seating.state() == states[-1]
        change()
        states.append(seating.state())
    assert len(set(states)) == len(states)


@pytest.mark.parametrize(
    ("words", "people"),
    [
        (("group:ops",), ("bob", "carol")),
        (("group:managers", "group:ops"), ("bob", "carol", "may")),
        (("group:none",), ("prim",)),  # it is its primary group
        (("group:sys",), ()),  # a system account reviews nothing
        (("group:mine",), ()),  # another account of the requester's own person
        (("group:nowhere",), ()),
        (("user:bob", "user:gone"), ("bob",)),
        (("user:root",), ()),
        (("user:alice",), ()),
        (("principal:bob@EXAMPLE.TEST",), ("bob",)),
        (("principal:bob@OTHER.TEST",), ()),
    ],
)
def test_who_could_approve(house: House, words: tuple[str, ...], people: tuple[str, ...]) -> None:
    assert house.look(Approval(1, words)) == Seats(people, is_whole=True)


def test_root_reviews_nothing_whatever_principal_maps_to_root(house: House) -> None:
    config = replace(CONFIG, principals={"toor@EXAMPLE.TEST": "root", "daemon@EXAMPLE.TEST": "daemon"})
    request = waiting(Approval(1, ("user:root", "user:daemon")))
    assert asyncio.run(house.seating(config).seats(request)).people == ("daemon",), "a system account that a line maps to"


def test_an_account_that_the_directory_spells_otherwise_is_another_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = directory.account
    monkeypatch.setattr(directory, "account", lambda name: look_up(name.lower()))
    house.groups["ops"] = ("BOB", "carol")
    seating = house.seating(replace(CONFIG, principals={"robert@EXAMPLE.TEST": "BOB"}))
    assert asyncio.run(seating.seats(waiting(OPS))).people == ("carol",)


def test_a_closed_way_has_no_seats_yet(house: House) -> None:
    either = replace(OPS, instead=(BOSS,))
    assert house.look(either).people == ("bob", "carol")
    assert house.look(either, opened=300).people == ("bob", "carol", "may")


@pytest.mark.parametrize(
    ("among", "people"),
    [(("bob",), ("bob",)), (("carol@EXAMPLE.TEST",), ("carol",)), (("may",), ()), ((), ()), (None, ())],
)
def test_a_list_leaves_only_those_who_are_on_it(house: House, among: Any, people: tuple[str, ...]) -> None:
    """THREATS A-17."""
    assert house.look(replace(OPS, also="oncall:ops", among=among)) == Seats(people, is_whole=True)


@pytest.mark.parametrize("said", ["passwd: files sss", "group: files ldap", "passwd: files\ngroup: compat", "passwd:winbind"])
def test_people_of_a_directory_that_does_not_list_them_are_not_all(house: House, said: str) -> None:
    house.nsswitch.write_text(f"# a comment: passwd\n{said}\n")
    assert house.look(OPS).people == ("bob", "carol") and not house.look(OPS).is_whole
    assert not house.look(Approval(1, ("group:sys",))).is_empty


def test_an_empty_list_is_certain_whatever_directory_there_is(house: House) -> None:
    house.nsswitch.write_text("passwd: files sss\n")
    assert house.look(replace(OPS, also="oncall:ops", among=())).is_empty
    assert not house.look(replace(OPS, also="oncall:ops", among=("zoe",))).is_empty, "she may be in the group, by a directory"


@pytest.mark.parametrize("said", ["", "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\n", "hosts: dns ldap\n"])
def test_the_files_of_this_host_list_everybody(house: House, said: str) -> None:
    house.nsswitch.write_text(said)
    assert house.look(OPS).is_whole


@pytest.mark.parametrize("what", ["ops", "bob"])
def test_what_cannot_be_looked_up_is_not_absent(house: House, what: str) -> None:
    house.silent.add(what)
    assert not house.look(OPS).is_whole
    assert house.look(OPS).people == (() if what == "ops" else ("carol",))


def test_a_search_that_takes_too_long_knows_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "WITHIN", 0.0)
    assert house.look(OPS) == UNKNOWN


def test_a_directory_that_hangs_takes_no_thread_from_the_approvers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own accounts are looked up in another lane."""
    hangs = threading.Event()
    monkeypatch.setattr(groups, "named", lambda name: hangs.wait())
    seating = Seating(CONFIG, house.workers, house.nsswitch)

    async def look() -> None:
        for within in (0.5, 4.0, 30.0):  # on a host that is too busy for the first, four threads have not begun in that time
            monkeypatch.setattr(seats, "WITHIN", within)
            uids = itertools.count(2000 + int(within * 100))
            found = [replace(waiting(OPS), requester=person("alice", uid=next(uids))) for _ in range(9)]
            assert await asyncio.gather(*(seating.seats(one) for one in found)) == [UNKNOWN] * 9
            loads = {lane.load.lane: lane.load for lane in house.workers.lanes}
            if loads["seats"].n_busy == 4:
                break
        assert loads["seats"].n_busy == 4 and loads["names"].n_busy == 0
        assert await house.workers.names.run(Party.of_account(2000), lambda: "found") == "found"
        hangs.set()

    try:
        asyncio.run(look())
    finally:
        hangs.set()


def test_accounts_are_listed_once_for_many_requests(house: House) -> None:
    seating = Seating(CONFIG, house.workers, house.nsswitch)

    async def look() -> None:
        for _ in range(5):
            await seating.seats(waiting(OPS, Approval(1, ("group:none",))))

    asyncio.run(look())
    assert house.n_listed == 1


ENDS = "; unless that changes, the request ends in 15 minutes"
NOBODY = "nobody can give the approval of {} at present"


@pytest.mark.parametrize(
    ("approvals", "lines"),
    [
        ((OPS,), []),
        ((Approval(1, ("group:sys",)),), [NOBODY.format("group:sys") + ENDS]),
        (
            (replace(OPS, of_whom=("group:mine",), instead=(BOSS,)),),
            [NOBODY.format("group:mine") + "; in 5 minutes group:managers may give it"],
        ),
        (
            (replace(OPS, of_whom=("group:sys",), instead=(replace(BOSS, of_whom=("group:mine",)),)),),
            [NOBODY.format("group:sys") + ENDS],
        ),
        (
            (replace(OPS, need=3),),
            ["too few people can give the approvals of group:ops at present: 3 persons must, and 2 could" + ENDS],
        ),
        ((replace(OPS, of_whom=("group:sys",), instead=(replace(BOSS, after=0),)),), []),
        (
            (replace(OPS, also="oncall:ops", among=()),),
            [NOBODY.format("group:ops on oncall:ops") + ": the list oncall:ops is empty" + ENDS],
        ),
        (
            (replace(OPS, also="oncall:ops", among=None),),
            [NOBODY.format("group:ops on oncall:ops") + ": provider oncall does not say who is on ops" + ENDS],
        ),
        ((OPS, Approval(1, ("group:sys",))), [NOBODY.format("group:sys") + ENDS]),
    ],
)
def test_what_the_requester_is_told(house: House, approvals: tuple[Approval, ...], lines: list[str]) -> None:
    assert house.said(*approvals) == lines


def test_one_person_who_could_give_either_of_two_approvals_cannot_give_both(house: House) -> None:
    house.groups |= {"ops": ("bob",), "managers": ("bob",)}
    both = OPS, replace(BOSS, after=0)
    assert house.said(*both) == [
        "too few people can give all approvals at present: one person counts once, and 1 more must" + ENDS,
    ]
    house.groups["managers"] = ("bob", "may")
    assert house.said(*both) == []
    house.groups |= {"ops": ("bob", "carol"), "managers": ("bob",)}
    assert house.said(*both) == []
    house.nsswitch.write_text("passwd: files sss\n")
    house.groups["ops"] = ("bob",)
    assert house.said(*both) == [], "the directory may have others"


def test_without_anybody_and_without_certainty_it_is_said_that_it_cannot_be_known(house: House) -> None:
    house.nsswitch.write_text("passwd: files sss\n")
    (line,) = house.said(Approval(1, ("group:sys",)))
    assert line.startswith("whether somebody can give the approval of group:sys at present cannot be known")
    assert house.said(replace(OPS, need=3)) == [], "the directory may have a third one"


# --- what changes while somebody waits ------------------------------------------------------------------------------------


ALL = Seats(("bob", "carol"), is_whole=True)
NO_NOTICES = "none of those who can give the approval of group:ops take notices at present: ask them yourself"


def news(*found: Seats, notify: tuple[str, ...] = ("terminals",), need: int = 1) -> list[list[str]]:
    """What a requester reads of each of ``found``, one after the other and ten minutes apart."""
    made = waiting(replace(OPS, need=need))
    assert made.obligations is not None
    made = replace(made, obligations=replace(made.obligations, notify=notify))
    said = SeatNews()
    (way,) = made.obligations.approvals
    return [said.about(made, {way: seats}, moment(600.0 * n)) for n, seats in enumerate(found)]


def test_each_sentence_is_said_once_and_that_it_is_over(house: House) -> None:
    nobody = replace(ALL, people=())
    (first, *_), again, back, *rest = news(nobody, nobody, ALL, ALL)
    assert first.startswith("nobody can give the approval of group:ops at present")
    assert (again, back, rest) == ([], ["request K7QM-2XVD: somebody can give the missing approval again"], [[]])


def test_that_nobody_takes_notices_is_said_of_those_who_could_approve(house: House) -> None:
    """THREATS N-09."""
    muted = replace(ALL, muted=("bob", "carol"))
    back = "request K7QM-2XVD: somebody who can give the missing approval takes notices again"
    assert news(ALL, muted, muted, replace(muted, muted=("bob",))) == [[], [NO_NOTICES], [], [back]]
    assert news(replace(muted, is_whole=False)) == [[]], "there may be others, who take notices"
    assert news(muted, notify=()) == [[]], "the rule tells nobody"
    assert news(replace(ALL, muted=("bob",)), need=2) == [
        ["too few of those who can give the approvals of group:ops take notices at present: ask them yourself"]
    ]


def test_if_those_who_took_no_notices_cannot_approve_any_more_this_is_said(house: House) -> None:
    muted = replace(ALL, muted=("bob", "carol"))
    _, (line,), back = news(muted, replace(ALL, people=()), muted)
    assert line.startswith("nobody can give the approval of group:ops at present")
    assert back == ["request K7QM-2XVD: somebody can give the missing approval again", NO_NOTICES]


# --- the people of the rules, for a report -------------------------------------------------------------------------------


def people_of(house: House, *words: str) -> dict[str, tuple[frozenset[str], bool]]:
    return asyncio.run(Seating(CONFIG, house.workers, house.nsswitch).named_by(OF_ROOT, words))


def test_the_words_of_rules_name_persons_and_a_person_has_several_accounts(house: House) -> None:
    house.silent.add("managers")
    assert people_of(house, "group:ops", "group:mine", "user:alice-adm", "principal:bob@EXAMPLE.TEST", "group:managers") == {
        "group:ops": (frozenset({"bob", "carol", "alice", "gone"}), True),
        "group:mine": (frozenset({"alice"}), True),
        "user:alice-adm": (frozenset({"alice"}), True),
        "principal:bob@EXAMPLE.TEST": (frozenset({"bob"}), True),
        "group:managers": (frozenset(), False),
    }


def test_by_the_door_the_lines_of_approvers_name_people_too_and_all_of_a_group_that_no_directory_knows(house: House) -> None:
    """Where directories list nobody: al is alice there, and bob has an account, which is in other groups."""
    house.nsswitch.write_text("passwd: files sss\ngroup: files sss\n")
    seating = Seating(replace(CONFIG, approvers=LINES), house.workers, house.nsswitch)
    words = ("door:group:remote", "group:remote", "door:group:ops", "door:principal:una@TRUSTED.TEST", "door:group:nowhere")
    assert asyncio.run(seating.named_by(OF_ROOT, words)) == {
        "door:group:remote": (frozenset({"zoe", "alice"}), True),
        "group:remote": (frozenset(), False),
        "door:group:ops": (frozenset({"bob", "carol", "alice", "gone"}), False),
        "door:principal:una@TRUSTED.TEST": (frozenset({"una@TRUSTED.TEST"}), True),
        "door:group:nowhere": (frozenset(), False),
    }


@pytest.mark.parametrize("doubt", ["a SID gives the group", "a directory is silent about a line", "or about the group"])
def test_it_is_not_said_that_these_are_all_by_the_door_if_others_may_be(house: House, doubt: str) -> None:
    lines = {"zoe@EXAMPLE.TEST": Approver("zoe", frozenset({"remote"}))}
    sids = Sids({"S-1-5-21-1-2-3-1105": "remote"}, frozenset({"EXAMPLE.TEST"})) if doubt.startswith("a SID") else CONFIG.sids
    house.silent = {"zoe"} if doubt.startswith("a dir") else {"remote"} if doubt.startswith("or") else set()
    seating = Seating(replace(CONFIG, approvers=lines, sids=sids), house.workers, house.nsswitch)
    _, is_whole = asyncio.run(seating.named_by(OF_ROOT, ["door:group:remote"]))["door:group:remote"]
    assert not is_whole


def test_a_directory_may_have_more_people_than_it_lists(house: House) -> None:
    house.nsswitch.write_text("passwd: files sss\ngroup: files sss\n")
    assert people_of(house, "group:ops", "group:nowhere") == {
        "group:ops": (frozenset({"bob", "carol", "alice", "gone"}), False),
        "group:nowhere": (frozenset(), False),
    }


def test_a_word_whose_directory_does_not_answer_in_time_is_left_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, look_up = threading.Event(), groups.named

    def named(name: str) -> Group | None:
        if name == "managers":
            answers.wait(60)
        return look_up(name)

    monkeypatch.setattr(groups, "named", named)
    for within in (0.2, 2.0, 20.0):  # a busy host may not have come to the first of them in that time
        monkeypatch.setattr(seats, "LISTED_WITHIN", within)
        found = people_of(house, "group:ops", "group:managers", "group:mine")
        answers.set()
        if found:
            break
        answers.clear()
    assert found == {"group:ops": (frozenset({"bob", "carol", "alice", "gone"}), True)}
