# SPDX-License-Identifier: Apache-2.0
"""Parses the URLs of the settings. Checks whether the header field ``Location`` of an answer leads to the server that sent the
answer. Defines the form of the paths of leases.
Law: a URL has a scheme, a host and a path. Port and query are optional. A URL must not contain a user, a password, a fragment, a
blank or a character outside ASCII. All other texts raise ValueError. Sources: RFC 3986; RFC 9110 section 10.2.2 (Location).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 2_048  # characters of a URL
PORTS = {"https": 443, "http": 80}
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_URL = re.compile(rf"(https?)://({_NAME}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::([0-9]{{1,5}}))?((?:[/?][!-~]*)?)")
_TARGET = re.compile(r"/[!-~]*")
MOST_PARAMETERS = 16
PATH = re.compile(r"(?!(?:auth|sys)/)(?:(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,64}/){1,15}(?!\.+$)[A-Za-z0-9_.-]{1,64}", re.ASCII)
"""The path of a lease of Vault, below /v1/, such as database/creds/reporting. None below auth and sys gives one."""
NAMESPACE = re.compile(r"(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,64}(?:/(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,64}){0,7}", re.ASCII)
PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
OURS = ("cert_type", "public_key", "ttl")  # not in the settings: jitd sets type, key and lifetime of a certificate


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed URL. ``host`` is in lower case. An IPv6 address is in brackets. ``target`` is the path together with the query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> tuple[str, str, int]:
        """Return scheme, host and port. Two URLs with the same scheme, host and port lead to the same server."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"


def read_url(text: str) -> Url:
    """Return the URL in ``text``. Raises ValueError. The text of the error is a sentence without its subject."""
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
    found = Url(scheme, host, port, target if target.startswith("/") else f"/{target}")
    if len(str(found)) > LONGEST:  # with the slash that was left out
        raise ValueError(f"is longer than {LONGEST} characters")
    return found


def same_server(asked: Url, location: str) -> Url | None:
    """Return the URL of ``location``, resolved relative to ``asked``. Return None if the two URLs differ in scheme, host or port.
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
