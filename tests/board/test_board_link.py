# SPDX-License-Identifier: Apache-2.0
"""What the board is told of another host, of which a carrier passes on what it likes, when it likes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from jitd_board.link import Link
from jitd_board.state import Heard, Trouble
from jitd_board.views import VIEWS
from jitpam.client import RefusedByDaemon, Unreachable
from jitpam.wire.messages import Done, Item, List, Message, Welcome
from tests.client.test_walk import ONE, a_row

HOST = "db1.example.org"


class Conversation:
    """One with the host. ``says`` is what comes of what is followed, in each of which None stands for a while without a word."""

    def __init__(self, *says: list[Message | None]) -> None:
        self.welcome = Welcome(principal="bob@EXAMPLE.TEST", user="bob", host=HOST, until=None, operator=False)
        self.beside: object = None
        self.refuses = ""
        self._says = iter(says)

    def follow(self, message: Message, wake: int, every: float) -> Iterator[Message | None]:
        return iter(next(self._says))

    def followed(self, wake: int, every: float) -> Iterator[Message | None]:
        if (said := next(self._says, None)) is None:
            raise Unreachable(f"it is gone{self.refuses}")
        return iter(said)

    def asks_beside(self, followed: object) -> None:
        self.beside = followed

    def ask(self, message: List) -> Iterator[dict[str, Any]]:
        if self.refuses:
            raise RefusedByDaemon("forbidden", self.refuses)
        return iter(())


def told(watched: Conversation, kept: Conversation) -> list[list[Any] | str]:
    """What is told to the board: the requests, or why there are none."""
    found: list[list[Any] | str] = []

    def tell(heard: Heard | Trouble) -> None:
        if isinstance(heard, Trouble):
            found.append(heard.because)
            link.stop()
        else:
            assert heard.lists.keys() == {view.what for view in VIEWS}
            found.append([row.id for row in heard.lists["requests"] if not isinstance(row, str)])
            found.extend(rows for rows in heard.lists.values() if isinstance(rows, str))

    called: Iterator[Any] = iter((watched, kept))
    link = Link(tell, lambda: nullcontext(next(called)), HOST)
    link._run()
    return found


def test_nothing_is_told_of_a_host_before_it_has_said_what_waits_there() -> None:
    """THREATS F-37. A list without a row would be one that the host has not said."""
    watched = Conversation([None, Item(row=a_row(ONE)), None, Done(text="")], [None, Done(text="")])
    assert told(watched, Conversation()) == [[ONE], [ONE], [], "it is gone"]


def test_a_host_on_which_nothing_waits_says_so() -> None:
    assert told(Conversation([Done(text="")]), Conversation()) == [[], "it is gone"]


def test_what_is_asked_beside_the_list_has_to_be_answered_while_the_list_counts() -> None:
    """THREATS F-37."""
    watched, kept = Conversation([Done(text="")]), Conversation()
    told(watched, kept)
    assert kept.beside is watched


def test_a_sentence_of_a_host_is_shown_as_far_as_a_screen_is_stopped_by_none() -> None:
    """THREATS F-21. The board lays it out once a second."""
    watched, kept = Conversation([Done(text="")]), Conversation()
    watched.refuses = kept.refuses = "x" * 60_000
    sentences = [one for one in told(watched, kept) if isinstance(one, str)]
    assert len(sentences) == len(VIEWS) and max(map(len, sentences)) < 2100
    assert all(one.endswith("characters more)") for one in sentences)
