# SPDX-License-Identifier: Apache-2.0
"""What becomes of text that a requester wrote: outside nobody makes a link, a mention or markup of it, and people can read it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_outsiders.notifying.foreign import CUT, MOST, on_terminal, outside
from tests.notifying.hostile import HOSTILE, found_by_a_chat
from tests.table import each_row


@each_row("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_a_hostile_text_is_one_line_of_plain_words(text: str) -> None:
    """THREATS N-01."""
    line = outside(text)
    assert found_by_a_chat(line) == []
    assert len(line) <= MOST
    terminal = on_terminal(text)
    assert terminal.isascii() and terminal.isprintable() and len(terminal) <= MOST


@given(st.text(max_size=60) | st.binary(max_size=60).map(os.fsdecode))
def test_whatever_the_text_is_nothing_is_made_of_it(text: str) -> None:
    """THREATS N-01."""
    assert found_by_a_chat(outside(text)) == []
    assert on_terminal(text).isascii() and on_terminal(text).isprintable()


@given(st.text("evil.com@<>:/\\[](){}w x1\u3002", max_size=40), st.integers(20, 60))
def test_no_part_that_is_cut_off_makes_one_of_it(text: str, most: int) -> None:
    """THREATS N-01."""
    line = outside(text, most)
    assert found_by_a_chat(line) == [] and len(line) <= most


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("systemctl restart postgresql", "systemctl restart postgresql"),
        ("ticket 4711: it's slow, see v1.2.3", "ticket 4711: it's slow, see v1.2.3"),
        ("cp /etc/fstab{,.old} && echo $HOME", "cp /etc/fstab{,.old} && echo $HOME"),
        ("see https://wiki.example.org/x", "see https[:]//wiki[.]example[.]org/x"),
        ("ask bob@example.org", "ask bob(at)example[.]org"),
        ("sort <in >out", "sort \u2039in \u203aout"),
        ("Größe \u2013 \u201egut\u201c", "Größe \u2013 \u201egut\u201c"),
        ("a\nb", "a\\x0ab"),
        ("", ""),
    ],
)
def test_people_can_read_it(text: str, read: str) -> None:
    assert outside(text) == read


def test_on_a_terminal_it_stands_as_it_is() -> None:
    assert on_terminal("scp bob@db1:/x https://a.example <y>") == "scp bob@db1:/x https://a.example <y>"
    assert on_terminal("Größe") == "Gr\\u00f6\\u00dfe"


def test_what_is_cut_says_so() -> None:
    assert outside("x" * MOST) == on_terminal("x" * MOST) == "x" * MOST
    assert outside("x" * (MOST + 1)) == on_terminal("x" * (MOST + 1)) == "x" * (MOST - len(CUT)) + CUT
