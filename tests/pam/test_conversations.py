# SPDX-License-Identifier: Apache-2.0
"""Scripted conversations: a program answers the module's messages in every way that there is, in every stage, whatever jitd says.

Law: the conversation decides nothing: the program lives, the answer is jitd's, and what is shown is informations of at most 512
bytes, one at a time. A conversation that never returns is the program's own, and holds it as long as it likes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.marks import full
from tests.pam.application import DENIED, MODULE, STAGES, SUCCESS, Application, Bench, Voice, grants, jitd, now
from tests.waiting import wait_for

ERROR_MSG, TEXT_INFO = 3, 4
SILENT = 0x8000


def _news(voice: Voice, *news: str) -> None:
    voice.news(*(news or ("request AAAA-AAAA: true", "wait")))


def told_and_granted(voice: Voice) -> None:
    voice.proved()
    _news(voice)
    voice.grant()


def denied(voice: Voice) -> None:
    voice.proved()
    voice.refuse("denied: no rule permits this")


def owed_and_denied(voice: Voice) -> None:
    voice.proved()
    _news(voice)
    voice.refuse('denied by bob@EXAMPLE.TEST: "no"')


def gone(voice: Voice) -> None:
    voice.proved()
    _news(voice)


def slow_and_granted(voice: Voice) -> None:
    voice.proved()
    voice.say("slow", left_ms=59_000)
    voice.grant()


OUTCOMES: dict[Callable[[Voice], None], int] = {
    grants: SUCCESS,
    told_and_granted: SUCCESS,
    slow_and_granted: SUCCESS,
    denied: DENIED,
    owed_and_denied: DENIED,
    gone: DENIED,
}
MANNERS = [
    ("ok",), ("few",), ("code", 6), ("code", -1), ("code", 2**31 - 1), ("text",), ("bytes",), ("long", 4096),
    ("long", 1_000_000), ("slow", 30),
    ("error-answered", 19), ("error-answered", 6), ("signal", 17), ("nested",),
]  # fmt: skip
CODES = [*range(1, 33), 99, 255, 256, -1, 2**31 - 1]
EVERY_DAY = {6, 19, 25, -1}
"""PAM's own errors of a denial, of a conversation and "ignore", and what is nothing of PAM's."""


@pytest.fixture(autouse=True)
def the_same_stack(bench: Bench) -> None:
    """For each test, whatever module and words one before it has put there."""
    for stack in bench.stacks.iterdir():
        stack.unlink()
    bench.stack(bench.module())


@pytest.fixture(scope="module")
def host(bench: Bench) -> Iterator[Application]:
    """One program for all of it."""
    with Application(bench.stacks) as made:
        yield made
        state = made.state()
        assert (state["threads"], state["children"], state["most"]) == (1, 0, 1)


def converse(host: Application, manner: tuple[object, ...], stage: str = "acct_mgmt", flags: int = 0) -> int:
    host.start("root", slot=7)
    host.start("root")
    host.order("conv", *manner)
    try:
        return host.call(stage, flags)
    finally:
        host.order("end", 0)
        host.order("slot", 7)
        host.order("end", 0)


CASES = [
    *itertools.product(MANNERS, STAGES, OUTCOMES),
    *itertools.product([("error", code) for code in CODES], ["acct_mgmt"], OUTCOMES),
]


IN_EACH_STAGE = (("ok",), ("nested",))
LIKE_ANOTHER = (("code", 2**31 - 1), ("long", 4096), ("error-answered", 19))
"""Other numbers of a kind that is there already."""


def is_of_every_day(manner: tuple[object, ...], stage: str) -> bool:
    if manner[0] == "error":
        return manner[1] in EVERY_DAY
    return (stage == "acct_mgmt" and manner not in LIKE_ANOTHER) or manner in IN_EACH_STAGE


MANNERS_AND_STAGES = [
    pytest.param(manner, stage, id=f"{manner}-{stage}")
    if is_of_every_day(manner, stage)
    else pytest.param(
        manner,
        stage,
        id=f"{manner}-{stage}",
        marks=full("every day, the test uses each kind of answer in one stage, and fewer error codes"),
    )
    for manner, stage in dict.fromkeys((manner, stage) for manner, stage, _ in CASES)
]


@pytest.mark.parametrize(("manner", "stage"), MANNERS_AND_STAGES)
def test_however_it_is_answered_the_answer_is_jitds(
    manner: tuple[object, ...], stage: str, bench: Bench, host: Application
) -> None:
    """THREATS P-07."""
    for outcome, answer in OUTCOMES.items():
        with jitd(bench.socket, outcome):
            assert converse(host, manner, stage) == answer, outcome.__name__
        assert {style for style, _ in host.said} <= ({ERROR_MSG} if manner != ("nested",) else {ERROR_MSG, TEXT_INFO})
        assert len(host.said) >= {grants: 0, slow_and_granted: 1, denied: 1, gone: 3}.get(outcome, 2) or manner == ("nested",)


@pytest.mark.parametrize("manner", ["null", "nothing"])
def test_where_nobody_can_be_told_the_answer_is_jitds_all_the_same(manner: str, bench: Bench, host: Application) -> None:
    """THREATS P-07: a conversation that answers nothing, and none."""
    for outcome, answer in OUTCOMES.items():
        with jitd(bench.socket, outcome):
            assert converse(host, (manner,)) == answer, outcome.__name__


@pytest.mark.parametrize(("outcome", "answer"), OUTCOMES.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_conversation_that_closes_every_descriptor_ends_in_no_grant_that_was_not_there_before(
    outcome: Callable[[Voice], None], answer: int, bench: Bench
) -> None:
    """THREATS P-07."""
    with Application(bench.stacks) as host, jitd(bench.socket, outcome):
        host.start("root")
        host.order("conv", "close")
        assert host.call("acct_mgmt") == (answer if outcome is grants else DENIED)
        host.order("conv", "ok")
        assert host.call("acct_mgmt") == answer, "and the next one is as ever"


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda value: value.__name__)
def test_somebody_whose_name_changes_meanwhile_is_not_granted_what_the_other_was(
    outcome: Callable[[Voice], None], bench: Bench, host: Application
) -> None:
    """THREATS P-08: the conversation stands for a module that changes PAM_USER."""
    host.start("bin")
    host.order("conv", "user")
    with jitd(bench.socket, outcome):
        assert host.call("acct_mgmt") == (SUCCESS if outcome is grants else DENIED)
    host.order("end", 0)


def test_a_grant_that_grew_old_while_the_program_talked_is_none(bench: Bench, host: Application) -> None:
    def script(voice: Voice) -> None:
        """Both messages are shown after the moment of the grant, however long this takes."""
        voice.proved()
        granted_at = now()
        _news(voice)
        voice.grant(granted_at)

    bench.stack(bench.module("ACT_WITHIN = 0.4", name="in_haste.so"))
    with jitd(bench.socket, script):
        assert converse(host, ("slow", 300)) == DENIED
        assert "too long ago" in host.text
        bench.stack(bench.root / MODULE)
        assert converse(host, ("slow", 300)) == SUCCESS
    assert "too long ago" not in host.text


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("flags", "service", "is_told"),
    [
        (0, "su", True),
        (SILENT, "su", False),
        (SILENT, "sudo", True),
        (SILENT, "login", True),
        (0, "cron", False),
        (0, "x", False),
    ],
)
def test_it_is_told_where_that_is_safe_and_wanted(
    stage: str, flags: int, service: str, is_told: bool, bench: Bench, host: Application
) -> None:
    bench.stack(bench.module(), "wait=1", service=service)
    host.start("root", service)
    for outcome in (owed_and_denied, gone):
        with jitd(bench.socket, outcome):
            assert host.call(stage, flags) == DENIED
            assert bool(host.said) == is_told
    host.order("end", 0)


def test_a_jitd_that_says_several_times_that_the_directory_is_slow_is_waited_for_once(bench: Bench, host: Application) -> None:
    """THREATS O-08: sshd ends a login after 120 s, and wait=0 must end before that."""

    def script(voice: Voice) -> None:
        voice.proved()
        for _ in range(3):
            voice.say("slow", left_ms=59_000)
        voice.hear("withdraw")

    # 0.3 s from the first of them on, and all the patience of tests until it comes
    bench.stack(bench.module("SLOW_WITHIN = 0.3 - FIRST_WORD_WITHIN"), "wait=0")
    with jitd(bench.socket, script):
        assert converse(host, ("ok",)) == DENIED
    assert [text for _, text in host.said] == [
        "jitd: the directory of accounts is slow; waiting",
        "jitd: jitd does not answer",
    ]


def test_the_time_to_wait_for_a_decision_begins_with_the_request(bench: Bench, host: Application) -> None:
    waited = []

    def script(voice: Voice) -> None:
        voice.proved()
        voice.say("slow", left_ms=59_000)
        slow_at = now()
        wait_for(lambda: now() > slow_at + 1100)
        began = now()
        _news(voice)
        voice.hear("withdraw")
        waited.append(now() - began)

    bench.stack(bench.module(), "wait=1")
    with jitd(bench.socket, script):
        assert converse(host, ("ok",)) == DENIED
    assert "nobody decided" in host.text
    assert waited and waited[0] >= 999, "the directory took longer than that, and a second is left"


def test_quiet_in_the_stack_is_heeded(bench: Bench, host: Application) -> None:
    bench.stack(bench.root / MODULE, "quiet", service="sudo")
    host.start("root", "sudo")
    with jitd(bench.socket, owed_and_denied):
        assert host.call("acct_mgmt") == DENIED
    assert host.said == []
    host.order("end", 0)


def test_as_many_and_as_long_messages_as_jitd_has_come_one_by_one_and_cut(bench: Bench, host: Application) -> None:
    news = [
        "\N{GREEK SMALL LETTER ALPHA}" * 4096,
        "x" * 4096,
        "%n%s%d",
        "a\nb\r\x1b[2J\x07\x9b",
        "",
        *(f"number {n}" for n in range(60)),
    ]

    def script(voice: Voice) -> None:
        voice.proved()
        _news(voice, *news)
        voice.grant()

    with jitd(bench.socket, script):
        assert converse(host, ("ok",)) == SUCCESS
    assert len(host.said) == len(news)
    assert all(len(text.encode()) <= 512 and text.isprintable() for _, text in host.said)
    assert host.said[2] == (ERROR_MSG, "jitd: %n%s%d")
    assert host.state()["most"] == 1


def test_memory_does_not_grow_with_what_is_answered(bench: Bench, host: Application) -> None:
    with jitd(bench.socket, owed_and_denied):
        host.start("root")
        host.order("conv", "long", 1_000_000)
        host.call("acct_mgmt")
        before = host.state()["rss"]
        for _ in range(20):
            assert host.call("acct_mgmt") == DENIED
        grown = host.state()["rss"] - before
        host.order("end", 0)
    assert grown < 1100, f"{grown} KiB: each answer has a thousand"


@pytest.mark.parametrize("name", ["setcred", "close_session", "chauthtok"])
def test_what_is_no_gate_says_nothing_and_asks_nobody(name: str, bench: Bench, host: Application) -> None:
    host.start("root")
    with jitd(bench.socket, grants) as had:
        for flags in (0, 0x2, 0x4, 0x8, 0x10, 0x4000, 0x2000, SILENT, 2**31 - 1):
            # libpam itself takes some flags of pam_chauthtok(3) for an error of the program's, PAM_SYSTEM_ERR.
            is_denied = host.call(name, flags) in ({DENIED} if name != "chauthtok" else {DENIED, 4})
            assert is_denied, f"{flags:#x}: we are alone in this stack"
            assert (host.said, had) == ([], []), f"{flags:#x}"
    host.order("end", 0)
