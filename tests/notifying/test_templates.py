# SPDX-License-Identifier: Apache-2.0
"""Templates of webhooks: those for Slack and Teams as they are sent, and what a template may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.claims import Claims
from jitd.core.notice import Event
from jitd_outsiders.notifying.channel import Message
from jitd_outsiders.notifying.templates import ESCAPES, PLACES, read, rendered
from jitd_outsiders.notifying.wording import say
from tests.notifying.hostile import HOSTILE, found_by_a_chat
from tests.notifying.test_wording import notice, waiting
from tests.scene import command

SHIPPED = Path(__file__).resolve().parents[2] / "contrib/notify"
TOLD = say(notice(), waiting(), "webhook", "rule")
PLAIN = Message("waits", "K7QM-2XVD", "a subject", ("one", "two"), ("bob", "carol"))


def sent(name: str, message: Message) -> dict[str, object]:
    found = json.loads(rendered(read((SHIPPED / f"{name}.json").read_text()), message))
    assert isinstance(found, dict)
    return found


def strings(value: object) -> Iterator[str]:
    """All strings that are values."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


def test_what_slack_is_sent() -> None:
    assert sent("slack", TOLD) == {
        "text": "K7QM-2XVD: alice asks to run a command as root on db1",
        "blocks": [
            {"type": "section", "text": {"type": "plain_text", "text": "\n".join(TOLD.lines), "emoji": False}},
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }  # fmt: skip


def test_what_teams_is_sent() -> None:
    (attachment,) = sent("teams", TOLD)["attachments"]  # type: ignore[misc]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert [run["text"] for run in runs] == [TOLD.subject, "\n".join(TOLD.lines)]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}, "a TextBlock would read Markdown"
    assert {run["type"] for run in runs} == {"TextRun"}


def test_every_template_that_is_shipped_is_tested_here() -> None:
    assert {file.name for file in SHIPPED.iterdir()} == {"slack.json", "teams.json"}


@pytest.mark.parametrize("name", ["slack", "teams"])
@pytest.mark.parametrize("event", Event)
def test_a_hostile_text_changes_no_form_and_mentions_nobody(name: str, event: Event) -> None:
    """THREATS N-01."""
    for text in HOSTILE:
        raw = text.encode("utf-8", "surrogatepass")
        wild = waiting(claims=Claims(text, None, 0, ()), command=command("/usr/bin/x", raw))
        message = say(notice(event), wild, "webhook", "command")
        for value in strings(sent(name, message)):
            assert found_by_a_chat(value.replace("\n", " ")) == [], text


@given(st.text(), st.text())
def test_a_template_keeps_its_form_whatever_is_filled_in(subject: str, line: str) -> None:
    message = Message("waits", "K7QM-2XVD", subject, (line,), ())
    written = rendered(read('{"a": ["{subject}", 1, {"b {text}": "x {text} y"}], "c": null}'), message)
    assert json.loads(written) == {"a": [subject, 1, {"b {text}": f"x {line} y"}], "c": None}
    assert written.isascii()


def test_each_place_is_filled_in_once_and_what_is_filled_in_is_not_read_again() -> None:
    text = json.dumps({name: f"{{{name}}}" for name in PLACES})
    assert json.loads(rendered(read(text), PLAIN)) == {
        "event": "waits", "request": "K7QM-2XVD", "subject": "a subject", "text": "one\ntwo", "to": "bob, carol",
    }  # fmt: skip
    message = Message("waits", "", "{text}", ("{subject} {{text}}",), ())
    assert json.loads(rendered(read('{"a": "{subject} {text}"}'), message)) == {"a": "{text} {subject} {{text}}"}


@pytest.mark.parametrize(
    ("escape", "read_"),
    [
        ("slack", "&lt;!channel&gt; &amp;lt; *b* \"'"),
        ("html", "&lt;!channel&gt; &amp;lt; *b* &quot;&#39;"),
        ("markdown", "\\<\\!channel\\> \\&lt\\; \\*b\\* \\\"\\'"),
    ],
)
def test_an_escape_makes_plain_text_of_signs(escape: str, read_: str) -> None:
    message = Message("waits", "", "<!channel> &lt; *b* \"'", (), ())
    assert json.loads(rendered(read(f'{{"a": "{{subject:{escape}}}"}}'), message)) == {"a": read_}
    assert set(ESCAPES) == {"slack", "html", "markdown"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"), ("[]", "is not a JSON object"), ('"{text}"', "is not a JSON object"),
        ('{"a": "{text}", "a": "{text}"}', "a name occurs twice"), ('{"a": NaN, "b": "{text}"}', "NaN"),
        ('{"a": "x"}', "has no placeholder such as {text}"), ('{"{text}": "x"}', "has no placeholder such as {text}"),
        (
            '{"a": "{text} {reason}"}',
            "has the unknown placeholder {reason}; there are {event}, {request}, {subject}, {text}, {to}",
        ),
        ('{"a": "{text:sh}"}', "what comes after the colon is one of slack, html, markdown"),
        ('{"a":' * 40 + '"{text}"' + "}" * 40, "is nested too deeply"), ('{"a": "{text}\\ud800"}', "surrogate"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_template_is_a_fault_when_it_is_read(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("{", r"\{")):
        read(text)
