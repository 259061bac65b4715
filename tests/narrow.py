# SPDX-License-Identifier: Apache-2.0
"""The narrow JSON of PROTOCOL.md section 9, which the daemon sends to an enforcement point, read as its page describes it.

Law: nothing here is the product's, and no parser of JSON is: what is narrow is a regular expression.
"""

from __future__ import annotations

import re

from jitpam.wire.messages import FROM_DAEMON

MOST = 64 * 1024
MOST_TOKEN = 128 * 1024 + 27
POINTS = {"hello", "welcome", "challenge", "token", "slow", "progress", "granted", "refused"}
"""What a point is sent, and nothing else."""

_HIGH, _LOW = r"\\ud[89ab][0-9a-f]{2}", r"\\ud[c-f][0-9a-f]{2}"
_OTHER = r"\\u(?!d[89a-f])(?!00[2-6][0-9a-f])(?!007[0-9a-e])(?!000[089acd])[0-9a-f]{4}"  # NUL, what is itself, what is short
TEXT = rf'"(?:[ !#-\[\]-~]|\\["\\bfnrt]|{_OTHER}|{_HIGH}{_LOW})*"'
NUMBER = r"(?:0|[1-9][0-9]{0,15})"
_B = "[A-Za-z0-9+/]"
BYTES = rf'"(?:{_B}{{4}})*(?:{_B}{{2}}[A-Za-z0-9+/]=|{_B}[AQgw]==)?"'


def _list(of: str) -> str:
    return rf"\[(?:{of}(?:,{of})*)?\]"


KINDS = {
    "str": TEXT,
    "int": NUMBER,
    "bool": "(?:true|false)",
    "bytes": BYTES,
    "list[str]": _list(TEXT),
    "list[list[bytes]]": _list(rf"\[{BYTES},{BYTES}\]"),
}


def _body_of(name: str) -> re.Pattern[bytes]:
    fields = ""
    for field, of in FROM_DAEMON[name].fields.items():
        value = KINDS[of.removesuffix(" | None")]
        fields += rf',"{field}":' + (rf"(?:null|{value})" if of.endswith(" | None") else value)
    return re.compile(rf'\{{"type":"{name}"{fields}\}}'.encode())


BODIES = {name: _body_of(name) for name in POINTS}


def type_of(body: bytes) -> str:
    """Of a body that a point may be sent. Raises AssertionError if it may not."""
    for name, pattern in BODIES.items():
        if body.startswith(b'{"type":"%b"' % name.encode()):
            assert len(body) <= (MOST_TOKEN if name == "token" else MOST), f"{name}: {len(body)} bytes"
            assert pattern.fullmatch(body), body[:300]
            return name
    raise AssertionError(f"no point is sent this: {body[:300]!r}")
