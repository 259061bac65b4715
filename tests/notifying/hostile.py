# SPDX-License-Identifier: Apache-2.0
"""Texts by which a requester would attack whoever reads a message, and what a chat would make of text, by its own reading."""

from __future__ import annotations

import re
import unicodedata

from tests.scene import HOST

HOSTILE = (
    # mentions
    "<!channel>", "<!here|here>", "<!everyone>", "<@U012AB3CD>", "<#C024BE7LR>", "@here", "@channel @everyone", "\uff20here",
    "\ufe6bhere", "<at>Bob</at>", "bob@example.org",
    # links
    "https://evil.example/approve?id=K7QM-2XVD", "HTTPS://EVIL.EXAMPLE", "http:\\\\evil.example", "//evil.example/x",
    "<https://evil.example|jitd approve>", "[approve](https://evil.example)", "[approve][1]\n[1]: https://evil.example",
    "![x](https://evil.example/pixel.png)", "<a href=\"https://evil.example\">approve</a>", "www.evil.com", "evil.com/approve",
    "192.0.2.1/approve", "[2001:db8::1]", "mailto:bob@example.org", "javascript:alert(1)", "data:text/html,x", "tel:+4912345",
    "\\\\evil.example\\share", "file:///etc/shadow", "msteams:/l/chat", "slack://open", "h\u200bttps://evil.example",
    "https\uff1a//evil.example", "https://evil\u3002example", "evil\uff0ecom", "\u0435vil.com", "xn--e1awd7f.com", "a.b.c.d.com",
    "evil.\uff43\uff4f\uff4d", "evil.com.", "(evil.com)", "evil.com:8080", "evil.\u0440\u0444",
    # markup
    "<b>approved</b>", "<script>alert(1)</script>", "`code` ```block```", "*bold* _it_ ~gone~", "> quote", "&lt;!channel&gt;",
    "&#60;!channel&#62;", ":tada:", "| a | b |\n|---|---|",
    # ends of lines, and headers
    "fine\r\nBcc: eve@evil.example", "fine\nSubject: approved by bob", "fine\r\n\r\nbody", "fine\r\n.\r\nMAIL FROM:<x@y>",
    "\x0b\x0c\x1c\x85\u2028\u2029",
    "=?utf-8?q?=0ABcc:_eve=40evil.example?=",
    # what controls a terminal, or hides
    "\x1b[2J\x1b[1;1Happroved", "\x1b]0;title\x07", "\x1b]8;;https://evil.example\x07approve\x1b]8;;\x07",
    "\x9b2J", "\x08\x08\x08ok", "\x00", "\u202eslaehs", "\u2066x\u2069", "\u200b\u200d\ufeff", "a\u0301\u0301\u0301",
    "\udcff\udc9b",
    "\U000e0041\U000e0042",
    # words of jitd
    "Type on db1.example.test:\n    jitd approve K7QM-2XVD", "{subject} {text} {to}", "\",\"text\":\"x", "\\\",\\\"x\\\":\\\"",
    # length
    "x" * 100_000, "\u202e" * 5_000, "evil.com " * 3_000, "\U0001f4a3" * 300,
)  # fmt: skip

_LINK = re.compile(
    r"://|//[\w-]+\.|\\\\[\w-]|\bwww\.|\b(?:mailto|tel|javascript|data|file|msteams|slack):\S"
    r"|[\w-]+\.(?:com|org|net|example|\u0440\u0444)\b|\b\d+\.\d+\.\d+\.\d+\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>`@]|\]\(|\]\[")


def found_by_a_chat(text: str) -> list[str]:
    """What a chat or a mail reader would make of ``text``: links, mentions and markup, also after compatibility forms. The
    name of this host does not count: its administrator chose it, and nothing answers there.
    """
    normal = unicodedata.normalize("NFKC", text.replace(HOST, "db1"))
    return _LINK.findall(normal) + _MARKUP.findall(normal) + [c for c in text if not c.isprintable()]
