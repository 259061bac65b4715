# SPDX-License-Identifier: Apache-2.0
"""URLs as settings may have them, and whether a ``Location`` leads to the same server.

Law: pure. A URL has a scheme, a host, perhaps a port, a path and perhaps a query. It has no user, no password, no fragment, no
blank and no character beyond ASCII. Any other text raises ValueError.
Sources: RFC 3986; RFC 9110 section 10.2.2 (Location).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 2_048
"""Most characters of a URL."""
PORTS = {"https": 443, "http": 80}
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_URL = re.compile(rf"(https?)://({_NAME}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::([0-9]{{1,5}}))?((?:[/?][!-~]*)?)")
_TARGET = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Url:
    """``host`` is in small letters, an IPv6 address in brackets. ``target`` is the path with the query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> tuple[str, str, int]:
        """Return what must be equal for two URLs to lead to one server."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"


def read_url(text: str) -> Url:
    """Return what ``text`` says. Raises ValueError; its text is the rest of a sentence about ``text``."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError("is not a URL such as https://host.example.org/path")
    scheme, host, port, target = match[1], match[2].lower(), int(match[3] or PORTS[match[1]]), match[4]
    if not 1 <= port <= 65_535:
        raise ValueError("has a port that does not exist")
    if "#" in target or "\\" in target:
        raise ValueError("must not have a fragment or a backslash")
    return Url(scheme, host, port, target if target.startswith("/") else f"/{target}")


def same_server(asked: Url, location: str) -> Url | None:
    """Return where ``location`` leads from ``asked``, if that is the same scheme, host and port; None if it is not.

    ``location`` is a whole URL, or a path that begins with one slash.
    """
    if location.startswith("/") and not location.startswith("//"):
        if len(location) > LONGEST or not _TARGET.fullmatch(location) or "#" in location or "\\" in location:
            return None
        return Url(asked.scheme, asked.host, asked.port, location)
    try:
        found = read_url(location)
    except ValueError:
        return None
    return found if found.place == asked.place else None
