# SPDX-License-Identifier: Apache-2.0
"""tests/news.py: news is taken out of what people are told, whatever it is about, and nothing else is."""

from __future__ import annotations

import pytest

from jitd.verbs.sentences import asking
from jitpam.news import SILENT_KDC, SLOW_DIRECTORY
from tests.law.tree import TREE
from tests.news import AT_ONCE, without_news

NEWS = (
    SLOW_DIRECTORY,
    SILENT_KDC.format(realm="AD.EXAMPLE.TEST", seconds=3.0),
    asking(("change-calendar",)),
    asking(("change-calendar", "ticket-check")),
)
ANSWERS = (
    'jitsudo: denied: locked: "laptop stolen"\n',
    "jitsudo: rule lab-dba is asking change-calendar, within 15 minutes\n",
    "jitsudo: approved; asking change-calendar\n",
    f"jitsudo: denied: {SLOW_DIRECTORY}\n",
    f"{SLOW_DIRECTORY}\n",
    "jitd: waiting for the request; Ctrl-C ends the waiting, and jitd runs on\n",
)


@pytest.mark.parametrize("program", ["jitsudo", "jitd"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["on standard error", "on a terminal"])
@pytest.mark.parametrize("sentence", NEWS)
def test_news_is_taken_out_wherever_it_stands(sentence: str, end: str, program: str) -> None:
    said = f"{program}: {sentence}{end}"
    assert without_news(said * 2) == ""
    assert without_news(f"one\n{said}two\n{said}") == "one\ntwo\n"


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_news_stays(answer: str) -> None:
    assert without_news(answer) == answer


def test_a_gate_says_of_a_slow_directory_what_jitsudo_says() -> None:
    """The module of PAM is in C."""
    assert f'"{SLOW_DIRECTORY}"' in (TREE / "contrib/gates/gate.c").read_text("utf-8")


@pytest.mark.parametrize("file", AT_ONCE)
def test_how_long_somebody_waits_before_they_are_told_stands_where_it_is_changed(file: str) -> None:
    after_a_while, _ = AT_ONCE[file]
    assert (TREE / file).read_text("utf-8").count(after_a_while) == 1
