# SPDX-License-Identifier: Apache-2.0
"""Makes what is nearly right out of what is right: bytes, JSON, and values of a declared type (structure-aware mutation).

Law: what comes out follows from the seed and from what went in, and from nothing else.
"""

from __future__ import annotations

import json
import random
from typing import Any

EDGES = (
    *(0, 1, -1, 2, 127, 128, 255, 256, 4095, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64),
    *(-(2**31), -(2**63), -(2**63) - 1, -(2**64) + 1, 10**30),
)
"""Integers at which a width ends."""
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\r\n",
        "\x1b[2J",
        "\x7f",
        "\x80",
        "\ud800",
        "\ufeff",
        "\u202e",
        "\U0010ffff",
        "e\u0301",
        "\ufb00",
        "\u0130",
    ),
    *("..", "/", "//", "a/../..", "~", "*", "**", "%", "%s", "{}", "'", '"', "\\"),
    *("#", "#0", "#-1", "#4294967295", "root", "user:root", "@", "a@b@C", "0", "-1", "--", "-h", "null"),
    *("1h", "P1D", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+14:00"),
)
"""Texts that mean something somewhere, or that must not."""
ODD_JSON = (
    *("1.5", "1e400", "-0", "NaN", "Infinity", "01", "0x10", "9" * 5000),
    *("[", "]", "{", "}", ",", "[[[[[[[[[[[[]]]]]]]]]]]]", "[null]", '{"":{}}'),
    *('""', '"\\ud800"', '"\\u0000"', "'a'", "tru", "null", "//", "\u00a0"),
)
"""What is put into JSON as text."""
LONG = (100, 1_000, 65_000)
"""How long a text, or a list, is made at times."""


class Mutator:
    """Everything that is drawn comes from ``random``, which begins with ``seed``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_in(self, n: int) -> bool:
        return not self.random.randrange(n)

    # --- bytes --------------------------------------------------------------------------------------------------------

    def bytes_of(self, data: bytes) -> bytes:
        """``data`` with one to four changes."""
        found = bytearray(data)
        for _ in range(self.random.randint(1, 4)):
            self._change(found)
        return bytes(found)

    def _change(self, data: bytearray) -> None:
        draw = self.random
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 8, 64)))
        match draw.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1 if at < len(data):
                data[at] = draw.choice((0, 1, 0x20, 0x22, 0x2C, 0x5C, 0x7F, 0x80, 0xC0, 0xFF))
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end]
            case 4:
                data[at:at] = draw.randbytes(draw.randint(1, 8))
            case 5:
                del data[at:]
            case 6:
                size = draw.choice((1, 2, 4, 8))
                data[at : at + size] = (draw.choice(EDGES) % (1 << 8 * size)).to_bytes(size, draw.choice(("big", "little")))
            case 7:
                other = draw.randint(0, len(data))
                data[at:at] = data[other : other + 16]
            case _:
                data += draw.randbytes(draw.randint(1, 16))

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def json_of(self, value: Any) -> bytes:
        """``value`` as JSON that is nearly what an encoder writes: with another value somewhere, or another spelling."""
        draw = self.random
        if draw.random() < 0.7:
            value = self._elsewhere(value)
        text = json.dumps(value, separators=draw.choice(((",", ":"), (", ", ": "))), ensure_ascii=draw.random() < 0.7)
        if isinstance(value, dict) and value and self.one_in(6):  # a name that occurs twice
            name = draw.choice(list(value))
            text = text[:-1] + f",{json.dumps(name)}:{json.dumps(draw.choice(list(value.values())))}}}"
        if self.one_in(5):
            at = draw.randint(0, len(text))
            text = text[:at] + draw.choice(ODD_JSON) + text[at + draw.randint(0, 3) :]
        data = text.encode("utf-8", "surrogatepass")
        return self.bytes_of(data) if self.one_in(4) else data

    def _elsewhere(self, value: Any) -> Any:
        """``value`` with something else in one place of it."""
        draw = self.random
        if isinstance(value, dict) and value and not self.one_in(8):
            made = dict(value)
            name = draw.choice(list(made))
            match draw.randrange(8):
                case 0:
                    del made[name]
                case 1:
                    made[draw.choice((*TEXTS, name.upper(), name + " "))] = made[name]
                case 2:
                    made = dict(draw.sample(list(made.items()), len(made)))
                case _:
                    made[name] = self._elsewhere(made[name])
            return made
        if isinstance(value, list) and value and not self.one_in(4):
            copied = list(value)
            at = draw.randrange(len(copied))
            match draw.randrange(4):
                case 0:
                    del copied[at]
                case 1:
                    copied[at:at] = [copied[at]] * draw.choice((1, 3, 300))
                case _:
                    copied[at] = self._elsewhere(copied[at])
            return copied
        return self.anything()

    def anything(self) -> Any:
        """A value of JSON."""
        draw = self.random
        match draw.randrange(7):
            case 0:
                return draw.choice((None, True, False))
            case 1 | 2:
                return draw.choice(EDGES)
            case 3:
                return [self.anything() for _ in range(draw.randint(0, 3))] if self.one_in(2) else []
            case 4:
                return {draw.choice(TEXTS): self.anything()} if self.one_in(2) else {}
            case _:
                return self.text()

    def text(self) -> str:
        draw = self.random
        if self.one_in(12):
            return draw.choice(("a", "é", "\u202e", "\n", "/a", "中")) * draw.choice(LONG)
        return "".join(draw.choice(TEXTS) for _ in range(draw.randint(1, 3)))

    # --- values of a declared type --------------------------------------------------------------------------------------

    def valid(self, kind: str, known: list[Any]) -> Any:
        """A value of the declared type ``kind`` (jitpam.wire.coding, READ). ``known`` are values that this field has had."""
        draw = self.random
        if known and draw.random() < 0.5:
            return draw.choice(known)
        if kind.endswith(" | None"):
            if self.one_in(3):
                return None
            kind = kind.removesuffix(" | None")
        if kind.startswith("list["):
            inner = kind[5:-1]
            n = draw.choice((0, 1, 2, 3, 3, 40, 2_000)) if inner != "list[bytes]" else draw.randint(0, 3)
            if n > 3:
                return [self.valid(inner, [])] * n
            return [self.valid(inner, []) for _ in range(n)]
        if kind == "int":
            return draw.choice([edge for edge in EDGES if abs(edge) < 2**64])
        if kind == "bool":
            return draw.random() < 0.5
        if kind == "bytes":
            return draw.choice((b"", draw.randbytes(draw.randint(1, 40)), self.text().encode("utf-8", "replace")))
        return self.text().replace("\0", "").encode("utf-8", "replace").decode()
