# SPDX-License-Identifier: Apache-2.0
"""The page of a report: it says what the report says, and no name can make it say or do anything else.

The names of the generated year are in the page as they are in databases of real hosts, and worse. html.parser takes the page
apart, so that an element that nobody wrote is seen.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_evidence.report.page import NEVER_LOOKED, page
from jitd_evidence.verbs import reported
from jitpam.wire.shown import reshown, shown, unshown

HOSTILE = [
    "</td><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; --",
    "<!--",
    "]]>",
    "<style>*{display:none}</style>",
    "&lt;b&gt;",
    "&#x202e;",
    "\u202egnp.exe",
    "\u05d0\u05d1\u05d2",
    "\u0628\u0627\u0628",
    "zero\u200bwidth",
    "tag\U000e0041",
    "e\u0301mile",
    "line\u2028break\nand\rreturn\x00\x1b[31m",
    "a" * 20_000,
    "\ud800",
    "аlice",  # the first letter is Cyrillic
    "  two  blanks  ",
    "\\x1b",
]
TYPED = ["; outcome well", 'a" onload="x', *HOSTILE]
KNOWN = set(
    re.findall(
        r"\w+",
        """html head meta title style body h1 h2 h3 p dl dt dd code nav ol li a section table caption thead tbody tr
th td details summary pre footer div""",
    )
)
EMPTY = {"meta"}
BREAKS = {"span", "wbr"}
"""They say within a cell where a line may end. Which there are depends on the name."""


class Taken(HTMLParser):
    """The elements of a page, each with its attributes, and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.others: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BREAKS:
            assert attrs == []
            return
        assert (tag == "caption") == (self.elements[-1:] != [] and self.elements[-1][0] == "table"), (
            "a table begins with a caption"
        )
        assert tag != "th" or dict(attrs)["scope"] == "col"
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [value or "" for _, value in attrs]
        if tag not in EMPTY:
            self._open.append(tag)
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert tag == "span" or self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[-1] += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    handle_pi = handle_comment


def report(name: str, number: int | float | None = 7) -> dict[str, Any]:
    """A report in which everything that people can name is called ``name``."""
    figure = {
        "name": "requests-by-rule",
        "title": "Requests by rule",
        "says": "Nothing more.",
        "columns": ["rule", "requests"],
        "explain": "SELECT rule, count(*) FROM asked WHERE rule <> '<b>' AND 1 < 2",
        "rows": [[name, number], ["other", 1]],
        "left_out": 12345,
    }
    return {
        "form": "jitd report 1",
        "host": "db1.example.test",
        "made_at": "2026-11-27T00:00:00Z",
        "by": name,
        "since": "2026-08-29T00:00:00Z",
        "until": "2026-11-27T00:00:00Z",
        "who": [name, "bob"],
        "rule": name,
        "head": {"number": 42, "seal": "ab" * 32},
        "policy": "cd" * 32,
        "parameters": {"since": "2026-08-29T00:00:00", "until": "2026-11-27T00:00:00", "rule": name, "who": json.dumps([name])},
        "asked": "CREATE TEMPORARY TABLE asked AS SELECT 1",
        "sections": [
            {"name": "lived", "title": "What was asked and used", "figures": [figure]},
            {"name": "duties", "title": "Separation of duties", "figures": [{**figure, "rows": [], "left_out": 0}]},
        ],
    }


PLAIN = Taken(page(report("plain")).decode("ascii"))


def no_name_gets_out(name: str) -> None:
    text = page(report(name)).decode("ascii")
    found = Taken(text)
    assert found.elements == PLAIN.elements and found.others == []
    assert {tag for tag, _ in found.elements} <= KNOWN
    assert all(char == "\n" or char.isprintable() for char in text)
    assert shown(name) in found.texts[found.texts.index("Made") + 1]
    if name and not any(0xD800 <= ord(char) < 0xE000 for char in name):
        cells = [text for (tag, _), text in zip(elements_with_text(found), found.texts, strict=True) if tag == "td"]
        assert unshown(cells[0]) == name.encode()


def elements_with_text(found: Taken) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((tag, attributes) for tag, attributes in found.elements if tag not in EMPTY)


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name[:20]) for name in HOSTILE])
def test_a_name_is_text_wherever_it_stands(name: str) -> None:
    """THREATS L-24."""
    no_name_gets_out(name)


@given(st.text())
def test_any_name_is_text(name: str) -> None:
    """THREATS L-24."""
    no_name_gets_out(name)


def test_the_names_of_sections_and_the_titles_of_figures_are_text_too() -> None:
    """THREATS L-24: a page may be made of an object that another wrote."""
    for name in HOSTILE:
        one = report("plain")
        for section in one["sections"]:
            section["name"] = section["title"] = name
            for figure in section["figures"]:
                for member in ("name", "title", "says", "explain"):
                    figure[member] = name
                figure["columns"] = [name, name]
        for member in ("host", "made_at", "since", "until", "policy"):
            one[member] = name
        one["head"]["seal"] = name
        assert Taken(page(one).decode("ascii")).elements == PLAIN.elements


def test_a_browser_is_told_to_load_nothing_and_run_nothing() -> None:
    """THREATS L-24: also if a text got through."""
    text = page(report("plain")).decode("ascii")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert text.index("Content-Security-Policy") < text.index("<title>") and text.index("charset") < text.index("Content-")
    assert not re.search(r"url\(|@import|https?:|//", text.replace("https://www.w3.org", "").replace(digest, ""))
    assert not any("style" in names or any(name.startswith("on") for name in names) for _, names in PLAIN.elements)


def test_what_the_page_says_is_what_the_report_says() -> None:
    texts = " ".join(PLAIN.texts)
    for words in ("What was asked and used", "Requests by rule", "Nothing more.", "12,345 more rows", "plain", "7", "None."):
        assert words in texts
    assert "SELECT rule, count(*) FROM asked WHERE rule <> '<b>' AND 1 < 2" in [text.strip() for text in PLAIN.texts]


@pytest.mark.parametrize("rows, said", [([], NEVER_LOOKED), ([["2026-11-27T00:00:00Z", 1]], "None")])
def test_it_is_not_said_that_nobody_has_a_privilege_when_root_has_not_looked(rows: list[Any], said: str) -> None:
    """An auditor would read "Who can become root: None", and the same as text."""
    one = report("plain")
    empty = one["sections"][1]["figures"][0]
    seen = {**empty, "name": "seen", "title": "When root looked at this host", "rows": rows}
    one["sections"][1] = {"name": "standing", "title": "Standing privileges", "figures": [seen, empty]}
    assert page(one).decode("ascii").count(f"<p>{said}.</p>") == (1 if rows else 2)
    assert f"{said}: Requests by rule" in " ".join(" ".join(reported._text(one)).split())


SUMMARY = {
    "name": "summary",
    "title": "Summary",
    "figures": [
        {
            "name": "summary",
            "title": "Summary",
            "says": "",
            "columns": ["about", "answer", "more in"],
            "explain": "SELECT 1",
            "rows": [["Requests", "7 by <b>alice</b>", "requests-by-rule"]],
            "left_out": 0,
        }
    ],
}


def test_no_place_of_the_page_has_the_id_of_another() -> None:
    """Else a link to the list of actions leads to the section that it is in."""
    one = report("plain")
    section = one["sections"][0]
    one["sections"] = [{**section, "name": section["figures"][0]["name"]}]
    text = page(one).decode("ascii")
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]*)"', text)) <= set(ids)


def test_a_report_begins_with_its_summary_and_then_the_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor asks first what is in it, and then how one knows."""
    monkeypatch.setattr(reported, "width", lambda: None)
    one = report("plain")
    one["sections"].insert(0, SUMMARY)
    text = page(one).decode("ascii")
    assert '<a href="#requests-by-rule">Requests</a></dt><dd>7 by &lt;b&gt;alice&lt;/b&gt;</dd>' in text
    assert "<h2>1. What was asked and used</h2>" in text and 'id="requests-by-rule"' in text
    as_text = "\n".join(reported._text(one))
    for found in (text[text.index("<body>") :], as_text):
        places = [found.index(words) for words in ("7 by ", "ab" * 32, "cd" * 32, "1. What was asked and used")]
        assert places == sorted(places)


@pytest.mark.parametrize("name", TYPED, ids=[ascii(name[:20]) for name in TYPED])
def test_what_a_person_typed_is_code_and_in_quotes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-24: so it is not read as the words of jitd."""
    monkeypatch.setattr(reported, "width", lambda: None)
    one, plain = report("plain"), report("plain")
    for made, typed in ((one, name), (plain, "plain")):
        made["sections"][0]["figures"][0]["rows"] = [[{"typed": typed}, {"command": typed}], ["hidden", "other"]]
    found = Taken(page(one).decode("ascii"))
    assert found.elements == Taken(page(plain).decode("ascii")).elements
    texts = zip(elements_with_text(found), found.texts, strict=True)
    codes = [text.strip("\n") for (tag, _), text in texts if tag == "code"]
    seal, policy, in_quotes, command, *_ = codes
    assert (seal, policy) == ("ab" * 32, "cd" * 32)
    assert in_quotes[0] == in_quotes[-1] == '"' and '"' not in in_quotes[1:-1]
    assert command == reshown(name) and all(code.isprintable() for code in codes)
    lines = list(reported._text(one))
    assert any(in_quotes in line and command in line for line in lines) and all(reshown(line) == line for line in lines)


@pytest.mark.parametrize("value, said", [(None, "–"), ("", "–"), (1234567, "1234567"), (0, "0"), (12.345, "12.3"), (-1, "-1")])
def test_a_cell_is_written_for_people(value: Any, said: str) -> None:
    found = Taken(page(report("plain", value)).decode("ascii"))
    assert said in [text.strip() for text in found.texts]


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name[:20]) for name in HOSTILE])
def test_a_name_is_text_on_a_terminal_and_in_the_script(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-24."""
    monkeypatch.setattr(reported, "width", lambda: 80)
    lines = list(reported._text(report(name)))
    plain = list(reported._text(report("plain")))
    assert [line for line in lines if reshown(line) != line or "\n" in line] == []
    assert len(lines) == len(plain)
    script = list(reported._script(report(name)))
    assert len(script) == len(list(reported._script(report("plain"))))
    assert all(line.isascii() and line.isprintable() for line in script)


# --- the trend --------------------------------------------------------------------------------------------------------------


def trend(*rows: list[Any]) -> str:
    one = report("plain")
    one["sections"][0]["figures"][0] |= {"name": "trend", "columns": ["at", "privileges"], "rows": list(rows)}
    return page(one).decode("ascii")


def test_a_trend_is_drawn_from_two_times_on() -> None:
    assert "<svg" not in trend(["2026-01-01T00:00:00Z", 3])
    text = trend(["2026-01-01T00:00:00Z", 3], ["2026-02-01T00:00:00Z", 5], ["2026-03-01T00:00:00Z", 0])
    assert text.count("<circle") == 3 and ">2026-01-01<" in text and ">2026-03-01<" in text and ">5<" in text
    assert "NaN" not in text and 'role="img"' in text


def test_a_trend_of_nothing_is_a_line_at_zero() -> None:
    assert "<svg" in trend(["2026-01-01T00:00:00Z", 0], ["2026-02-01T00:00:00Z", 0])
