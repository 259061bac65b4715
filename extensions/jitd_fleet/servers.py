# SPDX-License-Identifier: Apache-2.0
"""The addresses of an engine, as settings name them."""

from __future__ import annotations

import re

SERVER = re.compile(r"tls://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def servers_of(value: object) -> tuple[str, ...] | None:
    """Return the servers in ``value``, a text or a list of texts ``tls://HOST:PORT``, or None if it is neither."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(one, str) and SERVER.fullmatch(one) for one in words):
        return None
    return tuple(words)
