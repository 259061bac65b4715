# SPDX-License-Identifier: Apache-2.0
"""The page of a pack: what it says of an action, and that nobody's words get out of their places."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.edit import Edit, NewFile
from jitd.core.grant import Revoked
from jitd.core.law import Role
from jitd.core.wording import with_words
from jitd_evidence.pack import verify
from jitd_evidence.pack.verifier import verifier
from jitpam.wire.shown import INSTEAD, shown_argument, shown_of_argument
from tests.evidence.packs import ID, RUN, Host, wrong, zipped
from tests.scene import actor, person

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "h4",
        "section",
        "p",
        "pre",
        "ul",
        "li",
        "code",
        "mark",
    ),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "span", "small", "time", "b", "wbr"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "colspan", "scope"}
HOSTILE = (
    "<script>alert(1)</script>",
    "</td></tr></table><h1>approved by root</h1>",
    '" onload="alert(1)',
    "'; DROP TABLE chain; --",
    "&lt;b&gt; &amp; &#x3c;",
    "</style><style>*{display:none}",
    "]]><!-- -->",
    "\u202egnp.exe\u202c",
    "\u200bzero\u200dwidth\ufeff",
    "\U000e0001\U000e0041tags",
    "\u05e9\u05dc\u05d5\u05dd",
    "e\u0301\u0323\u0327" * 20,
    "раураl.com and paypal.com",
    "\x1b[2J\x00\r\n\ttab",
    "W" * 5000,
    "\u2028line\u2029",
    "\uffff\U0010ffff",
)


class _Read(HTMLParser):
    """Raises AssertionError for what a browser would have to guess."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.has_caption = True

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS and {name for name, _ in attributes} <= ATTRIBUTES, (tag, attributes)
        assert (tag == "caption") == (self.open[-1:] == ["table"] and not self.has_caption), "each table begins with a caption"
        assert tag != "th" or dict(attributes)["scope"] in ("row", "col")
        self.has_caption = tag != "table"
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(text)

    def handle_comment(self, text: str) -> None:
        raise AssertionError(text)


def read(page: bytes) -> str:
    reading = _Read()
    reading.feed(page.decode("utf-8"))
    reading.close()
    assert reading.open == []
    return "".join(reading.texts)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_somebody_types_stays_in_its_place_on_the_page(words: str, host: Host) -> None:
    """THREATS L-27."""
    host.live(reason=words, argument=words.replace("\x00", ""), comment=words)
    files = host.pack()
    plain = Host(host.path / "plain")
    plain.live()
    page = files["index.html"].decode("utf-8")
    assert [found for found in re.findall("<[a-z0-9]+", page)] == re.findall("<[a-z0-9]+", plain.pack()["index.html"].decode())
    text = read(files["index.html"])
    assert all(char == "\n" or unicodedata.category(char)[0] not in "CZM" or char == " " for char in text)
    assert not any(unicodedata.bidirectional(char) in ("R", "AL", "RLO", "RLE", "LRE", "LRO") for char in text)
    assert verify.shown(words) in text
    assert wrong(zipped(files), host.public) == []


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_an_administrator_writes_stays_in_its_place_on_the_page(words: str, tmp_path: Path) -> None:
    """THREATS L-27: the name of a file of the policy and its text, and what the trace says of it."""
    name, text = words.replace("/", "").replace("\x00", "") + ".toml", f'[[permit]]\nname = "rule-1"\n# {words}\n'
    host = Host(tmp_path / "host", (name, text))
    host.live()

    def say(files: dict[str, bytes]) -> None:
        trace = json.loads(files["trace.json"])
        for rule in trace["rules"]:
            rule |= {"rule": words, "because": words, "says": words}
        files["trace.json"] = (json.dumps({**trace, "unknown": [words]}, separators=(",", ":")) + "\n").encode()
        files["index.html"] = verify.page(files, ID)

    files = host.pack(change=say)
    assert verify.shown(words) in read(files["index.html"])
    assert wrong(zipped(files), host.public) == []


def test_what_somebody_has_typed_is_quoted_as_code_wherever_it_stands(host: Host) -> None:
    """THREATS R-28: by its type, a value to which a record commits, so that no part of the page can forget it."""
    typed = "nightly job; run_as nobody:nogroup; grade harmless; approvals 2"
    host.live(reason=typed, comment=typed)
    page = host.pack()["index.html"].decode()
    assert page.count(typed) == page.count(f'<code>"{typed}"</code>') >= 5, "summary, claims, review, and two records"
    summary = page.partition("What was asked")[0]
    assert f'<tr><th scope="row">reason</th><td><code>"{typed}"</code></td></tr>' in summary


def test_a_sentence_of_jitds_is_text_and_what_was_typed_in_it_is_code(host: Host) -> None:
    """THREATS L-34: that dave has revoked it, jitd says. The words after it are his."""
    host.live(until="running")
    because = with_words("revoked by dave@EXAMPLE.TEST", 'not "now"; run_as nobody')
    host.lifecycle.handle(Revoked(ID, actor(person("dave"), Role.OPERATOR), because))
    page = host.pack()["index.html"].decode()
    told = 'revoked by dave@EXAMPLE.TEST: <code>"not \\x22now\\x22; run_as nobody"</code>'
    assert page.count("nobody") == page.count(told) > 0
    assert verify._e(verify._Sentence('denied by bob: "a <b>"')) == 'denied by bob: <code>"a &lt;b&gt;"</code>'


def test_of_an_edit_the_page_names_the_file_and_the_digests_of_its_texts(host: Host) -> None:
    host.live(edit=Edit(1, 2, 0, 0, 0o644, b"\x0a" * 32, b"\x0b" * 32, is_told=True, owner="root:root"))
    files = host.pack()
    text = read(files["index.html"])
    assert "an edit of '/etc/a b'" in text and "SHA-256 before" in text
    assert text.count("0a" * 32) >= 1 and text.count("0b" * 32) >= 1
    assert '<th scope="row">program</th>' not in files["index.html"].decode()
    assert wrong(zipped(files), host.public) == []


def test_of_several_edits_the_page_names_each_file_before_what_changes_in_it(host: Host) -> None:
    both = (Edit(1, 2, 0, 0, 0o644, b"\x0a" * 32, b"\x0b" * 32), Edit(1, 3, 0, 0, 0o644, b"\x0c" * 32, b"\x0d" * 32))
    host.live(edits=both)
    files = host.pack()
    page = files["index.html"].decode()
    assert "edits of '/etc/a b' /etc/c" in read(page.encode()) and page.count("Its texts are not here") == 2
    assert "program</th>" not in page and re.search("<h3>[^/]*/etc/a b.*<h3>[^/]*/etc/c", page, re.DOTALL)
    assert wrong(zipped(files), host.public) == []


def test_of_a_new_file_the_page_says_that_it_is_new_and_what_it_is_made_with(host: Host) -> None:
    host.live(makes=NewFile(1, 2, 0, 0, 0o640, b"\x0b" * 32, owner="root:adm"))
    files = host.pack()
    text = read(files["index.html"])
    assert "a new file, '/etc/a b'" in text and "an edit of" not in text
    assert "mode 0640" in text and "owner root:adm" in text
    assert "SHA-256 before" not in text and text.count("0b" * 32) >= 1
    assert '<th scope="row">program</th>' not in files["index.html"].decode()
    assert wrong(zipped(files), host.public) == []


def test_what_the_host_itself_says_is_not_quoted(host: Host) -> None:
    """THREATS R-28, the other side: quotes that stand around everything say nothing."""
    host.live()
    text = read(host.pack()["index.html"])
    assert not any(f'"{word}"' in text for word in ("alice@EXAMPLE.TEST", "permit", "root:root", "64" * 32))


def test_the_environment_and_what_is_bound_are_shown_as_text(host: Host) -> None:
    """Documents have bytes in base64; people read the words, and digests as ``sha256sum`` prints them."""
    assert verify._from_base64([["TEFORw==", "QwpE"]]) == [["LANG", "C\nD"]]
    pair = verify._pairs(verify._from_base64([["TEFORw==", "QwpE"]]))[0]
    assert html.unescape(verify._command(pair)) == """<span class="argv"><code>$'LANG=C\\x0aD'</code></span>"""
    assert verify._digest("AAEC") == "<code>000102</code>"


def test_the_page_has_no_script_and_reaches_nothing(host: Host) -> None:
    """Seals, digests and keys are random letters, of which some are "//" one day: looked at is what a browser loads from."""
    host.live()
    page = host.pack()["index.html"].decode()
    assert "default-src 'none'" in page
    read(page.encode())
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    tags = re.findall("<[^>]*>", page)
    assert "<script" not in page
    for text in (style, *tags):
        assert not re.search(r"https?:|//|url[(=]|@import|href|\bon\w+=", text, re.IGNORECASE), text


SAID = (
    *(f"{ID} on db1.example.test", "alice@EXAMPLE.TEST", "psql -c DROP", "root:root", "the disk is full", "/srv/x"),
    *("PGUSER=postgres", "Said by the requester's side. Nobody has checked them.", "approved by bob@EXAMPLE.TEST", "go on"),
    *("1 of group:ops", "authenticated to the KDC at 2026-03-02 09:00:00 UTC, by otp", "the KDC said", "names the fingerprint"),
    *("databases.toml, lines 2 to 6", "need = 1", "exited with 0", "ended by signal 15", f"recordings/{RUN}.jitd"),
    *("/etc/cron.d/left", "request.reviewed", "grant.issued", "signed by the host"),
)


def test_the_page_says_who_asked_what_who_agreed_what_was_done_and_what_was_left_behind(host: Host) -> None:
    host.live()
    text = read(host.pack()["index.html"])
    for words in SAID:
        assert words in text, words


def test_the_page_of_a_denied_request_says_who_has_denied_it_and_that_nothing_was_run(host: Host) -> None:
    host.denied()
    text = read(host.pack("DEN1-ED00")["index.html"])
    assert "denied by bob@EXAMPLE.TEST" in text and "Nothing was run, and nothing was given." in text


def test_a_word_that_mixes_scripts_is_escaped_and_one_in_a_single_script_is_not() -> None:
    assert verify.shown("Grüße an Жанна и 山田") == "Grüße an Жанна и 山田"
    assert verify.shown("раypal") == "\\u0440\\u0430ypal"
    assert verify.shown("Жанна", is_name=True) == "\\u0416\\u0430\\u043d\\u043d\\u0430"
    assert verify.shown("a\\b") == "a\\\\b" and verify.shown("a\\b", is_spelled=True) == "a\\b"
    assert verify.shown("\udcff") == "\\xff"


@given(
    st.lists(st.one_of(st.sampled_from([b"\\", b"'", b"*", b"\n", b"\xff", "раypal".encode()]), st.binary())),
    st.sampled_from(["", *INSTEAD]),
)
def test_an_argument_is_quoted_on_the_page_as_jitd_shows_it(argument: list[bytes], end: str) -> None:
    """The page's program stands alone in a pack, and so quotes by itself."""
    whole = b"".join(argument)
    assert verify.quoted(shown_of_argument(whole) + end) == shown_argument(whole + end.encode())


def test_the_page_is_the_same_wherever_it_is_made(host: Host) -> None:
    """Python's tables of Unicode grow with its versions: the page depends on none of them."""
    source = verifier().decode()
    assert "unicodedata" not in source and ".casefold(" not in source
    assert all(not char.isalpha() or ord(char) < 0x250 for char in verify.shown("\U0001e900\U00010d4a\u1c89\ua7cb"))
