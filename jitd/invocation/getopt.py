# SPDX-License-Identifier: Apache-2.0
"""Parses options in the same way as getopt and getopt_long of glibc (getopt(3)).

Law: if glibc would refuse an option, the result is a Doubt. An option that glibc refuses makes the program exit, so a running
program cannot have such a command line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jitd.invocation.form import Doubt

END = b"--"


class Getopt:
    """Reads ``words``, beginning with the second word. ``at`` is getopt's optind. The caller of this class may increase ``at``.

    ``short`` maps the letters of short options to the names of options. ``long`` contains the names of long options. ``takes``
    contains the names of options that need an argument. ``may_take`` contains options with an optional argument, in the form
    ``-h`` or ``--preserve-env``. The optional argument must be in the same word as the option. If ``permutes`` is true, options
    may follow operands. ``operands()`` then returns the operands between the options first. If ``permutes`` is false, the
    options end at the first operand, as with POSIXLY_CORRECT or a ``+``.
    """

    def __init__(
        self,
        words: tuple[bytes, ...],
        short: Mapping[bytes, str],
        long: Collection[str],
        takes: Collection[str],
        may_take: Collection[str] = (),
        permutes: bool = False,
    ) -> None:
        self.at = 1
        self._words = words
        self._short = short
        self._long = {name.encode(): name for name in long}
        self._takes = takes
        self._may_take = may_take
        self._permutes = permutes
        self._letters = b""
        self._passed: list[bytes] = []

    def next(self) -> tuple[str, bytes | None] | None:
        """Return the name and the argument of the next option. Return None at the end of the options. Raises Doubt."""
        while not self._letters:
            if self.at >= len(self._words):
                return None
            word = self._words[self.at]
            if word == END:
                self.at += 1
                return None
            if len(word) < 2 or not word.startswith(b"-"):
                if not self._permutes:
                    return None
                self._passed.append(word)
                self.at += 1
                continue
            self.at += 1
            if word.startswith(END) and self._long:
                return self._read_long(word[2:])
            self._letters = word[1:]
        return self._read_short()

    def operands(self) -> tuple[bytes, ...]:
        """Return the words that are not options. Call this method after ``next`` has returned None."""
        return (*self._passed, *self._words[self.at :])

    def _read_short(self) -> tuple[str, bytes | None]:
        letter, self._letters = self._letters[:1], self._letters[1:]
        name = self._short.get(letter)
        if name is None:
            raise Doubt("there is an unknown option letter")
        if name in self._takes:
            value, self._letters = self._letters, b""
            return name, value or self._following()
        if "-" + letter.decode("ascii") in self._may_take:
            value, self._letters = self._letters, b""
            return name, value or None
        return name, None

    def _read_long(self, word: bytes) -> tuple[str, bytes | None]:
        typed, equals, value = word.partition(b"=")
        name = self._long.get(typed)
        if name is None:
            meant = [self._long[known] for known in self._long if known.startswith(typed)]
            if not meant:
                raise Doubt("there is an unknown long option")
            if len(meant) > 1:
                raise Doubt("a long option is abbreviated, and may be one of several options")
            name = meant[0]
        if name in self._takes:
            return name, value if equals else self._following()
        if equals and "--" + name not in self._may_take:
            raise Doubt("an option has an argument, but takes none")
        return name, value if equals else None

    def _following(self) -> bytes:
        if self.at >= len(self._words):
            raise Doubt("an option needs an argument and has none")
        self.at += 1
        return self._words[self.at - 1]
