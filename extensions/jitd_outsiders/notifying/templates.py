# SPDX-License-Identifier: Apache-2.0
"""Templates of webhooks. A template is the JSON that a chat expects, with placeholders such as ``{subject}`` in its strings.
A placeholder is ``{NAME}`` or ``{NAME:ESCAPE}``. NAME is one of PLACES. ESCAPE is one of ESCAPES. If an escape is used, a chat
does not interpret characters of the text as markup.
Law: placeholders are replaced only in strings that are values. Therefore the template alone determines the structure of the JSON.
The text that replaces a placeholder is not searched for more placeholders. A template that contains an unknown placeholder is
refused when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jitd_outsiders.asking import json_text
from jitd_outsiders.notifying.channel import Message

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PLACES: Mapping[str, Callable[[Message], str]] = {
    "event": lambda message: message.event,
    "request": lambda message: message.request,
    "subject": lambda message: message.subject,
    "text": lambda message: "\n".join(message.lines),
    "to": lambda message: ", ".join(message.to),
}
ESCAPES: Mapping[str, Callable[[str], str]] = {
    "slack": lambda text: _by_table(text, _ENTITIES),
    "html": lambda text: _by_table(text, {**_ENTITIES, '"': "&quot;", "'": "&#39;"}),
    "markdown": lambda text: re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text),
}
"""Maps the name of an escape to the function that escapes a text. ``slack`` is for one line of Slack's text format (see Slack's
document: Escaping text). ``html`` is for HTML text and for quoted HTML attributes. ``markdown`` puts a backslash before all ASCII
punctuation (CommonMark 0.31, section 2.4).
"""
_PLACE = re.compile(r"\{([a-z_]+)(?::([a-z_]+))?\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. ``value`` is the JSON object of the template."""

    value: Mapping[str, object]


def read(text: str) -> Template:
    """Return the template in ``text``. Raises ValueError with a sentence without its subject, like "has no placeholder ..."."""
    try:
        found = json_text.read_object(text.encode("utf-8", "surrogatepass"))
    except ValueError as fault:
        raise ValueError(str(fault)) from None
    places = [place for leaf in _leaves(found) for place in _PLACE.finditer(leaf)]
    for place in places:
        if place[1] not in PLACES:
            raise ValueError(f"has the unknown placeholder {place[0]}; there are {', '.join(f'{{{name}}}' for name in PLACES)}")
        if place[2] is not None and place[2] not in ESCAPES:
            raise ValueError(f"has the unknown placeholder {place[0]}; what comes after the colon is one of {', '.join(ESCAPES)}")
    if not places:
        raise ValueError("has no placeholder such as {text}")
    return Template(found)


def rendered(template: Template, message: Message) -> bytes:
    """Return ``template`` with the data of ``message`` in place of the placeholders. The result is JSON in ASCII."""
    return json_text.write(_filled(template.value, message))


def _filled(value: object, message: Message) -> object:
    if isinstance(value, str):
        return _PLACE.sub(lambda place: _said(place, message), value)
    if isinstance(value, list):
        return [_filled(item, message) for item in value]
    if isinstance(value, Mapping):
        return {name: _filled(inner, message) for name, inner in value.items()}
    return value


def _said(place: re.Match[str], message: Message) -> str:
    text = PLACES[place[1]](message)
    return text if place[2] is None else ESCAPES[place[2]](text)


def _leaves(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, Mapping) else []
    return [leaf for item in inner for leaf in _leaves(item)]


def _by_table(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(char, char) for char in text)
