# SPDX-License-Identifier: Apache-2.0
"""The KDC's word about those who ask and those who approved: asked of all at once, kept for a few seconds, and only a clear no is
a no.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.authentication import KdcAnswer
from jitd.core.subject import BY_PAM
from jitd.deciding import kdc_liveness
from jitd.deciding.kdc_liveness import KEPT_FOR, LOOKED_AT_EVERY, LOOKED_AT_ONCE, REMEMBERED_FOR, Kdc
from tests.waiting import wait_for

BOB, CAROL, DAVE, EVE = (f"{name}@EXAMPLE.TEST" for name in ("bob", "carol", "dave", "eve"))


class Told(Kdc):
    """A KDC that says what tests let it say."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), "jitd/lab.example.test@EXAMPLE.TEST", lambda: self.is_away)
        self.is_away = False
        self.asked: list[str] = []
        self.says: dict[str, KdcAnswer] = {}
        self.together: threading.Barrier | None = None
        self.silent = threading.Event()
        self.silent_about: frozenset[str] = frozenset()

    def _ask(self, principal: str) -> KdcAnswer:
        self.asked.append(principal)
        if self.together is not None:
            self.together.wait(30)
        if principal in self.silent_about:
            self.silent.wait(30)
        return self.says.get(principal, KdcAnswer.VALID)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    made = Told()
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 30.0)
    yield made
    made.silent.set()
    made.close()


def refused(told: Told, *principals: str) -> set[str]:
    return set(asyncio.run(told.refused(principals)))


def test_only_a_clear_no_is_a_no(told: Told) -> None:
    """THREATS A-13."""
    told.says = {BOB: KdcAnswer.REFUSED, CAROL: KdcAnswer.NO_ANSWER, DAVE: KdcAnswer.VALID, EVE: KdcAnswer.NOT_ASKED}
    assert refused(told, BOB, CAROL, DAVE, EVE) == {BOB}
    assert refused(told) == set()


def test_all_are_asked_about_at_once(told: Told) -> None:
    """One after the other they would wait for each other here."""
    told.together = threading.Barrier(3)
    assert refused(told, BOB, CAROL, DAVE, BOB) == set()
    assert sorted(told.asked) == [BOB, CAROL, DAVE]


def test_silence_counts_for_them_and_is_kept_too(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-13: a KDC that is away stops nobody, nor does it hold up every use."""
    for patience in (0.01, 1.0, 10.0):  # on a host that is too busy for the first, no thread has begun to ask by then, nor will
        monkeypatch.setattr(kdc_liveness, "PATIENCE", patience)
        who = f"bob{patience:g}@EXAMPLE.TEST"
        told.silent_about, told.says = told.silent_about | {who}, {who: KdcAnswer.REFUSED}
        assert refused(told, who) == set()
        if who in told.asked:
            break
    assert refused(told, who) == set()
    told.silent.set()
    told._about_own._pool.shutdown(wait=True)  # a second question would be asked by now
    assert told.asked.count(who) == 1


@pytest.mark.parametrize("first", [KdcAnswer.VALID, KdcAnswer.NO_ANSWER, KdcAnswer.NOT_ASKED])
@pytest.mark.parametrize(
    ("after", "n_asked", "is_refused"), [(KEPT_FOR - 1, 1, False), (KEPT_FOR + 1, 2, True)], ids=["kept", "asked again"]
)
def test_a_word_is_good_for_a_few_seconds_and_so_is_its_lack(
    told: Told, monkeypatch: pytest.MonkeyPatch, first: KdcAnswer, after: float, n_asked: int, is_refused: bool
) -> None:
    """THREATS A-13, K-26: a KDC that answers again is asked again, and who is disabled does not go on for long."""
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: first}
    assert refused(told, BOB) == set()
    told.says = {BOB: KdcAnswer.REFUSED}
    at[0] += after
    assert refused(told, BOB) == ({BOB} if is_refused else set())
    assert told.asked == [BOB] * n_asked
    assert KEPT_FOR <= 10


@pytest.mark.parametrize(("after", "is_refused"), [(KEPT_FOR - 1, True), (KEPT_FOR + 1, False)], ids=["kept", "asked again"])
def test_who_is_enabled_again_is_believed_after_a_few_seconds(
    told: Told, monkeypatch: pytest.MonkeyPatch, after: float, is_refused: bool
) -> None:
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: KdcAnswer.REFUSED}
    assert refused(told, BOB) == {BOB}
    told.says = {}
    at[0] += after
    assert refused(told, BOB) == ({BOB} if is_refused else set())


REFUSED, VALID, NO_ANSWER, NOT_ASKED = KdcAnswer.REFUSED, KdcAnswer.VALID, KdcAnswer.NO_ANSWER, KdcAnswer.NOT_ASKED


class Slow(Told):
    """The first question about anybody is answered when the test says so, and later than the second."""

    def __init__(self, first: KdcAnswer, second: KdcAnswer) -> None:
        super().__init__()
        self._answers = iter([first, second])
        self.first_may_end = threading.Event()

    def _ask(self, principal: str) -> KdcAnswer:
        answer, is_first = next(self._answers), not self.asked
        self.asked.append(principal)
        if is_first:
            self.first_may_end.wait(30)
        return answer


@pytest.mark.parametrize(
    ("first", "second", "is_refused_to_first"),
    [
        (NO_ANSWER, REFUSED, True),
        (NOT_ASKED, REFUSED, True),
        (NO_ANSWER, VALID, False),
        (REFUSED, NO_ANSWER, True),
        (VALID, REFUSED, True),
        (REFUSED, VALID, False),
    ],
)
def test_of_two_questions_at_once_the_later_clear_word_counts(
    monkeypatch: pytest.MonkeyPatch, first: KdcAnswer, second: KdcAnswer, is_refused_to_first: bool
) -> None:
    """THREATS A-13: a question that stayed without an answer takes nothing back, for whichever use it was asked."""
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 30.0)
    kdc = Slow(first, second)

    async def both() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        of_first = asyncio.create_task(kdc.refused([BOB]))
        await asyncio.to_thread(wait_for, lambda: kdc.asked)
        of_second = await kdc.refused([BOB])
        kdc.first_may_end.set()
        return await of_first, of_second, await kdc.refused([BOB])

    to_first, to_second, afterwards = asyncio.run(both())
    kdc.close()
    assert to_second == ({BOB} if second is REFUSED else set())
    assert to_first == afterwards == ({BOB} if is_refused_to_first else set())
    assert len(kdc.asked) == 2


def test_a_word_that_ends_while_jitd_looks_for_a_kdc_still_counts(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-13: another use forgets it meanwhile, and asks anew."""
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: KdcAnswer.REFUSED}
    assert refused(told, BOB) == {BOB}
    at[0] += KEPT_FOR - 1
    looking = threading.Event()
    told._is_unreachable = lambda: looking.set() or told.silent.wait(30)

    async def with_pam() -> frozenset[str]:
        of_both = asyncio.create_task(told.refused(["pam:eve", BOB]))
        await asyncio.to_thread(looking.wait, 30)
        at[0] += 2
        assert await told.refused([CAROL]) == set()
        told.silent.set()
        return await of_both

    assert asyncio.run(with_pam()) == {BOB}


def test_who_was_proved_by_local_pam_is_refused_from_the_moment_when_a_kdc_answers(told: Told) -> None:
    """THREATS K-22."""
    told.is_away = True
    assert refused(told, "pam:bob", CAROL) == set()
    told.is_away = False
    assert refused(told, "pam:bob", "pam:dave", CAROL) == {"pam:bob", "pam:dave"}
    assert told.asked == [CAROL], "the KDC knows no such principals"
    assert told.answer("pam:bob") is KdcAnswer.REFUSED


def test_a_daemon_that_ends_is_told_nothing(told: Told) -> None:
    told.close()
    assert refused(told, BOB) == set()


# --- threads -------------------------------------------------------------------------------------------------------------


def begins(told: Told, *principals: str) -> list[threading.Thread]:
    """Reviews of ``principals`` that wait for the KDC, each in a thread that has begun to ask."""
    told.silent_about |= frozenset(principals)
    reviews = []
    for principal in principals:
        n_asked = len(told.asked)
        reviews.append(threading.Thread(target=told.answer, args=(principal,)))
        reviews[-1].start()
        wait_for(lambda: len(told.asked) > n_asked)  # noqa: B023
    return reviews


def gives_up_on(told: Told, monkeypatch: pytest.MonkeyPatch, *principals: str) -> None:
    """Ask about each of ``principals`` until nobody waits any longer, though the threads still do."""
    told.silent_about |= frozenset(principals)
    for principal in principals:
        monkeypatch.setattr(kdc_liveness, "PATIENCE", 0.2)
        assert told.answer(principal) is KdcAnswer.NO_ANSWER
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 30.0)


def looked_at(told: Told, *principals: str) -> list[str]:
    """About whom the KDC is asked for those who could approve, while nobody waits."""
    n_before = len(told.asked)
    asyncio.run(told.look_at(principals))
    return told.asked[n_before:]


def test_a_refusal_counts_for_a_minute_for_those_who_could_approve_but_for_seconds_in_a_decision(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: KdcAnswer.REFUSED}
    assert refused(told, BOB, CAROL) == {BOB} and told.refused_lately() == [BOB]
    at[0] += REMEMBERED_FOR - 1
    assert told.refused_lately() == [BOB]
    told.says = {}
    assert refused(told, BOB) == set() and told.refused_lately() == [], "a decision asks again, and the newer word counts"
    told.says, at[0] = {BOB: KdcAnswer.REFUSED}, at[0] + KEPT_FOR + 1
    assert refused(told, BOB) == {BOB}
    at[0] += REMEMBERED_FOR + 1
    assert told.refused_lately() == []


def test_who_was_refused_is_looked_at_each_time_and_others_seldom(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: KdcAnswer.REFUSED}
    assert sorted(looked_at(told, BOB, CAROL)) == [BOB, CAROL]
    at[0] += 1
    assert looked_at(told, BOB, CAROL) == [BOB] and told.refused_lately() == [BOB]
    told.says, at[0] = {}, at[0] + 1
    assert looked_at(told, BOB, CAROL) == [BOB] and told.refused_lately() == [], "within a second of the change"
    assert refused(told, BOB) == set()
    at[0] += 1
    assert looked_at(told, BOB, CAROL) == []
    at[0] += LOOKED_AT_EVERY
    assert sorted(looked_at(told, BOB, CAROL)) == [BOB, CAROL]


def test_few_are_looked_at_at_once_and_those_first_who_were_refused(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS N-09."""
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    many = [f"person{n}@EXAMPLE.TEST" for n in range(3 * LOOKED_AT_ONCE)]
    told.says = {BOB: KdcAnswer.REFUSED}
    assert refused(told, BOB) == {BOB}
    seen: list[str] = []
    for _ in range(5):
        at[0] += 1
        now = looked_at(told, *many, BOB)
        assert BOB in now and len(now) <= LOOKED_AT_ONCE
        seen += now
    assert set(seen) == {*many, BOB}, "each has its turn"


def test_a_look_that_is_not_answered_takes_no_refusal_away_at_once_and_keeps_none_for_ever(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody is known to be refused, as at a decision."""
    at = [1000.0]
    monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: at[0])
    told.says = {BOB: KdcAnswer.REFUSED}
    assert refused(told, BOB) == {BOB}
    told.says, at[0] = {BOB: KdcAnswer.NO_ANSWER}, at[0] + 1
    assert looked_at(told, BOB) == [BOB] and told.refused_lately() == [BOB] and refused(told, BOB) == {BOB}
    at[0] += KEPT_FOR
    assert looked_at(told, BOB) == [BOB] and told.refused_lately() == [] and refused(told, BOB) == set()


def test_who_was_proved_by_local_pam_is_not_looked_at(told: Told) -> None:
    assert looked_at(told, f"{BY_PAM}bob") == []


def test_a_silent_realm_takes_no_thread_from_another_realm(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-13: libkrb5 waits half a minute for a KDC that is silent."""
    gives_up_on(told, monkeypatch, *(f"u{n}@SILENT.TEST" for n in range(20)))
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 20.0)
    told.says = {BOB: KdcAnswer.REFUSED, "bob@OTHER.TEST": KdcAnswer.REFUSED}
    assert told.answer(BOB) is KdcAnswer.REFUSED
    assert refused(told, BOB, CAROL, "bob@OTHER.TEST") == {BOB, "bob@OTHER.TEST"}
    assert told.answer("bob@OTHER.TEST") is KdcAnswer.REFUSED


def test_a_question_that_nobody_waits_for_counts_until_its_thread_returns(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-13: and while these occupy a realm's threads, its tickets are accepted without a wait."""
    while len(told.asked) < 2:  # a busy host may not even begin to ask before nobody waits any longer
        gives_up_on(told, monkeypatch, "u@SILENT.TEST")
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 0.1)
    assert told.answer("v@SILENT.TEST") is KdcAnswer.NO_ANSWER
    assert refused(told, "v@SILENT.TEST") == set()
    assert len(told.asked) == 2
    told.silent.set()
    told.says = {"v@SILENT.TEST": KdcAnswer.REFUSED}
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 30.0)
    wait_for(lambda: told.answer("v@SILENT.TEST") is KdcAnswer.REFUSED)


@pytest.mark.parametrize("realm", ["EXAMPLE.TEST", "OTHER.TEST"])
def test_whoever_asks_much_at_once_waits_and_gets_the_answer(told: Told, realm: str) -> None:
    """THREATS A-13: one who is disabled cannot approve by asking more often than the share allows."""
    bob = f"bob@{realm}"
    told.says = {bob: KdcAnswer.REFUSED}
    reviews = begins(told, bob, bob)
    answers: list[KdcAnswer] = []
    more = threading.Thread(target=lambda: answers.append(told.answer(bob)))
    more.start()
    wait_for(lambda: told._about_own._waiting + told._about_foreign._waiting)
    assert told.asked == [bob, bob]
    told.silent.set()
    for thread in (*reviews, more):
        thread.join(30)
    assert answers == [KdcAnswer.REFUSED]


def test_many_approvers_of_a_realm_that_answers_are_all_asked_about(told: Told) -> None:
    people = [f"u{n}@OTHER.TEST" for n in range(10)]
    told.says = {people[7]: KdcAnswer.REFUSED}
    assert refused(told, *people) == {people[7]}
    assert sorted(told.asked) == sorted(people)


def test_one_person_of_jitds_realm_takes_two_of_its_threads(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-13: reviews again and again, while the KDC is slow."""
    gives_up_on(told, monkeypatch, *[BOB] * 20)
    assert told.asked == [BOB, BOB]
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 20.0)
    told.says = {CAROL: KdcAnswer.REFUSED}
    assert told.answer(CAROL) is KdcAnswer.REFUSED


def test_a_question_that_waited_too_long_is_never_asked(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    reviews = begins(told, CAROL, CAROL)
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 0.2)
    assert told.answer(CAROL) is KdcAnswer.NO_ANSWER
    assert refused(told, CAROL) == set()
    told.silent.set()
    for thread in reviews:
        thread.join(30)
    told._about_own._pool.shutdown(wait=True)
    assert told.asked == [CAROL, CAROL]
