# SPDX-License-Identifier: Apache-2.0
"""Types of fields that several messages of jitd-outside have in common."""

from __future__ import annotations

from jitd_outsiders.outside.addresses import read_network
from jitd_outsiders.outside.urls import LONGEST as LONGEST_URL
from jitd_outsiders.outside.urls import read_url
from jitpam.wire.declared import list_of, text

MOST_CA = 32 * 1024  # characters of the field `ca`, which contains the certificates of authorities
MOST_ADDRESSES = 64
SOCKET = r"(?:/(?!\.\.?(?:/|$))[!-.0-~]+){1,32}"  # the absolute path of a Unix socket, without `.` and `..`
LONGEST_SOCKET = 107  # characters of such a path (unix(7)). It is a limit of the settings, not of the messages.
OF_SOCKET = f"the absolute path of a socket, of at most {LONGEST_SOCKET} characters and 32 parts, none of them . or .."
"""What settings say of such a path."""


def _is_normal_url(text: str) -> bool:
    return str(read_url(text)) == text


def _is_normal_network(text: str) -> bool:
    return str(read_network(text)) == text


URL = text("a URL", most=LONGEST_URL).where(_is_normal_url, "a URL in its normal form")
ADDRESSES = list_of(text("a network", most=64).where(_is_normal_network, "a network in its normal form"), 0, MOST_ADDRESSES)
AUTHORITIES = text("text of certificates", r"[\n -~]*", most=MOST_CA)
FILE_NAME = text("the name of a file", r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")  # received by jitd-outside, or empty
