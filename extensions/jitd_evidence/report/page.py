# SPDX-License-Identifier: Apache-2.0
"""Makes the page of a report: HTML that a browser shows, and prints, without a script and without a network.

Law: pure. The page says what the object of the report says (``report.making``), and nothing else. It is ASCII. Each text goes
through ``shown`` and is escaped, so no name can begin a tag, turn the direction of writing, or look like another name. The page's
policy (Content-Security-Policy) lets a browser load nothing and run nothing, even if a text got through.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from jitd_evidence.report.cells import in_words, is_number, is_typed
from jitd_evidence.report.trend import drawn
from jitpam.wire.shown import reshown, shown

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5c6670; --line: #d5dade; --paper: #fff; --band: #f5f7f8;
  --mark: #1f5f8b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa5af; --line: #3a424a; --paper: #15191d;
  --band: #1c2227; --mark: #7fb8e0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Liberation Sans", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .25rem; padding-top: .75rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
h1, h2, h3, dd { overflow-wrap: anywhere; }
p { margin: .25rem 0 .5rem; }
.soft, dt, .says { color: var(--soft); }
.says { max-width: 44rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dd { margin: 0; }
code, pre { font: .85em/1.45 ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 .75rem; padding: .5rem .75rem; background: var(--band); }
a { color: var(--mark); }
nav ol { margin: .25rem 0; padding-left: 1.5rem; }
table { border-collapse: collapse; min-width: 60%; max-width: 100%; margin: .35rem 0 .5rem; font-variant-numeric: tabular-nums; }
caption { width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); border-bottom-color: var(--soft); }
th:last-child, td:last-child { padding-right: 0; }
td { white-space: pre-wrap; unicode-bidi: isolate; }
td, th { overflow-wrap: normal; }
td span { white-space: nowrap; }
.many { font-size: .85em; }
.many code { font-size: 1em; }
.n { text-align: right; }
td.n { white-space: nowrap; }
.table { overflow-x: auto; }
summary { color: var(--soft); font-size: .85em; cursor: pointer; }
svg { display: block; width: 100%; height: auto; max-width: 44rem; margin: .5rem 0; color: var(--mark); }
svg text { fill: var(--soft); font-size: 11px; }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 2px solid var(--ink); }
@page { margin: 16mm 15mm 18mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --band: #fff; --mark: #000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav, details { display: none; }
  h2, h3 { break-after: avoid; }
  .says, dl { break-after: avoid; break-inside: avoid; }
  thead { display: table-header-group; }
  tr, svg { break-inside: avoid; }
  .table { overflow: visible; }
  .many { font-size: .75em; }
  th, td { padding-top: .12rem; padding-bottom: .12rem; }
  a { color: inherit; text-decoration: none; }
}
"""
_POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
_HEAD = f"""<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
"""
MANY = 7  # columns from which on a table is written smaller, because paper is narrow
WORD, WORD_OF_MANY = 20, 14  # a longer word may be broken, in most tables and in one of MANY columns: it would take all room
_PARTS = re.compile(r"(?=@)|(?<=[0-9])(?=T[0-9]{2}:)|(?<=\w)(?=/\w)|(?<=:)(?=[^0-9/:])")
"""Where a word may be broken that is no longer: before a realm, before the hour, and between the parts of a path."""
TREND = "trend"  # the name of a figure that is also drawn
SEEN = "seen"  # the name of the figure about root's looks at the host
SUMMARY = "summary"  # the name of the section with which the page begins
SHEETS = ("actions", "matrix")  # the names of the figures that can be had whole, as CSV
NEVER_LOOKED = "Not known, because root has not looked at this host (a report that root makes looks first)"


def page(report: dict[str, Any]) -> bytes:
    """Return the page of ``report``, an object of the form ``jitd report 1``."""
    text = "".join(f"{line}\n" for line in _lines(report))
    return f"{_HEAD}{text}</body>\n</html>\n".encode("ascii", "xmlcharrefreplace")


def _lines(report: dict[str, Any]) -> Iterator[str]:
    title = f"Privileged access on {_text(report['host'])}"
    period = f"{_day(report['since'])} to {_day(report['until'])}"
    yield f"<title>{title}, {period}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f"<h1>{title}</h1>"
    yield f'<p class="soft">{period}</p>'
    for section in report["sections"]:
        if section["name"] == SUMMARY:
            yield from _summary(section)
    yield from _about(report)
    sections = [section for section in report["sections"] if section["name"] != SUMMARY]
    yield "<nav><ol>"
    for section in sections:
        yield f'<li><a href="#{_place(section)}">{_text(section["title"])}</a></li>'
    yield "</ol></nav>"
    for number, section in enumerate(sections, 1):
        yield f'<section id="{_place(section)}">'
        yield f"<h2>{number}. {_text(section['title'])}</h2>"
        for figure in section["figures"]:
            yield from _figure(figure, nothing(section))
        yield "</section>"
    yield from _foot(report)


def _place(section: dict[str, Any]) -> str:
    """Return the id of ``section`` in the page. A figure may have the name of its section, and then has the id."""
    name = _text(section["name"])
    return f"section-{name}" if name in (figure["name"] for figure in section["figures"]) else name


def _summary(section: dict[str, Any]) -> Iterator[str]:
    for figure in section["figures"]:
        yield '<dl id="summary">'
        for about, answer, where in figure["rows"]:
            yield f'<dt><a href="#{_text(where)}">{_text(about)}</a></dt><dd>{_text(answer)}</dd>'
        yield "</dl>"
        yield from _how(figure)


def _about(report: dict[str, Any]) -> Iterator[str]:
    rows = [
        ("Requests submitted", f"from {_text(report['since'])} on, before {_text(report['until'])}"),
        *([("By", ", ".join(map(_text, report["who"])))] if report["who"] is not None else []),
        *([("Under rule", _text(report["rule"]))] if report["rule"] is not None else []),
        ("Made", f"{_text(report['made_at'])} for {_text(report['by'])}"),
        ("Record", f"up to number {report['head']['number']}, seal <code>{_text(report['head']['seal'])}</code>"),
        ("Policy in force", f"<code>{_text(report['policy'])}</code>"),
    ]
    yield "<dl>"
    yield from (f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    yield "</dl>"


def nothing(section: dict[str, Any]) -> str:
    """Return what is said of the figures of ``section`` that have no rows."""
    looks = [figure["rows"] for figure in section["figures"] if figure["name"] == SEEN]
    return NEVER_LOOKED if looks == [[]] else "None"


def _figure(figure: dict[str, Any], nothing: str) -> Iterator[str]:
    yield f'<h3 id="{_text(figure["name"])}">{_text(figure["title"])}</h3>'
    if figure["says"] and figure["rows"]:
        yield f'<p class="says">{_text(figure["says"])}</p>'
    if figure["name"] == TREND:
        yield from drawn(figure["rows"])
    rows, columns = figure["rows"], figure["columns"]
    if rows:
        numeric = [_is_numeric([row[at] for row in rows]) for at in range(len(columns))]
        word = WORD_OF_MANY if len(columns) >= MANY else WORD
        yield f'<div class="table"><table{" class=many" if len(columns) >= MANY else ""}>'
        yield f"<caption>{_text(figure['title'])}</caption>"
        yield f"<thead><tr>{_cells('th', map(_text, columns), numeric)}</tr></thead>"
        yield "<tbody>"
        yield from (f"<tr>{_cells('td', (_cell(cell, word) for cell in row), numeric)}</tr>" for row in rows)
        yield "</tbody>"
        yield "</table></div>"
    else:
        yield f"<p>{nothing}.</p>"
    if figure["left_out"]:
        yield f"<p>{left_out(figure)}</p>"
    yield from _how(figure)


def _how(figure: dict[str, Any]) -> Iterator[str]:
    yield "<details><summary>How this is made</summary>"
    yield f"<pre>{_code(figure['explain'])}</pre>"
    yield "</details>"


def left_out(figure: dict[str, Any]) -> str:
    """Return a sentence about the rows of ``figure`` that are not shown."""
    said = f"{figure['left_out']:,} more rows are not shown"
    return f"{said}: all of them are in what jitd audit report --csv writes." if figure["name"] in SHEETS else f"{said}."


def _is_numeric(cells: Sequence[Any]) -> bool:
    return all(cell is None or is_number(cell) for cell in cells) and any(cell is not None for cell in cells)


def _cells(tag: str, texts: Iterable[str], numeric: Sequence[bool]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return "".join(
        f'<{tag}{scope} class="n">{text}</{tag}>' if is_number else f"<{tag}{scope}>{text}</{tag}>"
        for text, is_number in zip(texts, numeric, strict=True)
    )


def _foot(report: dict[str, Any]) -> Iterator[str]:
    host = _text(report["host"])
    yield "<footer>"
    yield (
        "<p>Nothing here shows arguments or reasons of a request whose rule shows them to certain people only. What people typed "
        "is shown as code.</p>"
    )
    yield (
        f"<p>The record of {host} has the SHA-256 of this file, so it can be shown to be the report that was made: compare "
        "<code>sha256sum FILE</code> with <code>jitd audit show --event report.made</code>.</p>"
    )
    yield "</footer>"


def _cell(value: Any, most: int) -> str:
    told = " ".join("<wbr>".join(map(_piece, _pieces(word, most))) for word in in_words(value).split(" "))
    return f"<code>{told}</code>" if is_typed(value) else told


def _pieces(word: str, most: int) -> Iterator[str]:
    for part in _PARTS.split(word):
        yield from (part[at : at + most] for at in range(0, len(part), most))


def _piece(piece: str) -> str:
    """Return a piece of a word, at whose hyphens and slashes no browser breaks it."""
    return escape(piece, quote=True) if piece.isalnum() else f"<span>{escape(piece, quote=True)}</span>"


def _text(value: object) -> str:
    """Return foreign text as HTML. All of it goes through here, in the contents of an element and in an attribute."""
    return escape(shown(str(value)), quote=True)


def _code(text: str) -> str:
    return "\n".join(escape(reshown(line)) for line in text.split("\n"))


def _day(at: str) -> str:
    return _text(at.partition("T")[0])
