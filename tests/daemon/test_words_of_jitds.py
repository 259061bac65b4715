# SPDX-License-Identifier: Apache-2.0
"""Nobody types what jitd itself says in the place of words that it does not tell (ADR 0150)."""

from __future__ import annotations

from typing import Any

import pytest

from jitd.core.wording import INSTEAD, TOO_LONG
from jitd.server.reading import refuse_instead
from jitd.verbs.refusal import Refusal
from jitpam.options import read_options
from jitpam.submission import asked
from jitpam.wire import messages
from jitpam.wire.messages import FROM_CLIENT, Message
from tests.table import each_row

EMPTY: dict[str, Any] = {
    "str": "",
    "Typed": "",
    "bool": False,
    "bytes": b"",
    "int": 0,
    "Count": 0,
    "Inode": 0,
    "dict[str, Any]": {},
}


def message(kind: type[Message], **said: Any) -> Message:
    """A message in which nothing is said but ``said``."""
    return kind(**{name: None if "None" in of else EMPTY.get(of, []) for name, of in kind.fields.items()} | said)


TYPED = [(kind, name) for kind in FROM_CLIENT.values() for name, of in kind.fields.items() if of.startswith("Typed")]
WORDS = [(kind, name, of) for kind in FROM_CLIENT.values() for name, of in kind.fields.items() if "bytes" in of]


@each_row("word", [*sorted(INSTEAD), f"{TOO_LONG} sha256:00"])
@each_row(("kind", "name"), TYPED, ids=[f"{kind.type}-{name}" for kind, name in TYPED])
def test_no_reason_and_no_comment_is_what_jitd_says_in_its_place(kind: type[Message], name: str, word: str) -> None:
    """THREATS L-34."""
    with pytest.raises(Refusal, match=f"a {name} cannot be {word}: jitd says this of a text that it does not tell") as no:
        refuse_instead(message(kind, **{name: word}))
    assert no.value.code == "usage"
    refuse_instead(message(kind, **{name: f"who wrote {word} here?"}))


@each_row("word", sorted(INSTEAD))
@each_row(("kind", "name", "of"), WORDS, ids=[f"{kind.type}-{name}" for kind, name, _ in WORDS])
def test_no_word_ends_as_one_that_a_mask_hides(kind: type[Message], name: str, of: str, word: str) -> None:
    """THREATS L-34: also if somebody has pasted the command line of a page, in which their password is masked."""
    forged, plain = f"--password={word}".encode(), f"{word} is no password".encode()

    def said(text: bytes) -> Any:
        return [[b"NAME", text]] if "list[list" in of else [b"mysql", text] if "list" in of else text

    with pytest.raises(Refusal, match=f"a word cannot end with {word}.*: type the word itself"):
        refuse_instead(message(kind, **{name: said(forged)}))
    refuse_instead(message(kind, **{name: said(plain)}))


def test_what_honest_people_say_is_heard() -> None:
    options = read_options(
        [b"--reason=it's 5\xe2\x80\xb3, \xe2\x80\xb9see the page\xe2\x80\xba", b"grep", b"masked", b"/var/log/x"]
    )
    refuse_instead(messages.Submit(**asked(options, []), waits=True, if_owed=True))
