# SPDX-License-Identifier: Apache-2.0
"""Breaks sentences into lines for a terminal.

Law: pure. A line ends only at a space between two words. A command that the reader may type stays on one line, even if this line
is wider than the terminal: if it were pasted in parts, the first part would run alone. Any other word that is wider than the
terminal is split, but not within an escape. What people typed stands in quotes, and nothing between quotes is a command. So no
text of other people begins at the left edge. (Importing ``re`` would make a start longer.)
"""

from __future__ import annotations

from jitpam.wire.shown import WIDTHS, cells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MORE = 4
ANY = ""
OPTION = "-"
DIGITS = tuple("0123456789")
VERBS = (
    *("approve", "audit", "board", "check", "deny", "doctor", "explain", "grants", "kdc", "lock", "locks", "metrics", "mute"),
    *("pam-install", "pam-lint", "policy", "reload", "replay", "requests", "review", "reviews", "revoke", "runs", "serve"),
    *("setup", "show", "status", "stop", "unlock", "watch", "withdraw"),
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "adcli": ("join", "testjoin", "update"),
    "addprinc": (OPTION,),
    "apt": ("install",),
    "chmod": (*DIGITS, "u", "g", "o"),
    "chown": (ANY,),
    "echo": ("fs.",),
    "getent": ("group", "passwd"),
    "getprinc": (ANY,),
    "gpasswd": (OPTION,),
    "groupdel": (ANY,),
    "hostnamectl": ("set-",),
    "jitd": (OPTION, *VERBS),
    "jitsudo": (OPTION, "/", "COMMAND"),
    "journalctl": (OPTION,),
    "kadmin": (OPTION, "ktadd"),
    "kadmin.local": (OPTION, "addprinc"),
    "kill": DIGITS,
    "ktadd": (OPTION,),
    "ktremove": (OPTION,),
    "make": ("install",),
    "modprinc": ("+", OPTION),
    "mount": (OPTION,),
    "mv": (OPTION,),
    "rm": (OPTION, "/"),
    "setsid": (OPTION,),
    "ssh-keygen": (OPTION,),
    "sshd": (OPTION,),
    "sysctl": (OPTION,),
    "systemctl": (ANY,),
    "timedatectl": ("set-",),
    "umount": (OPTION,),
    "userdel": (ANY,),
    "usermod": (OPTION,),
    "visudo": (OPTION,),
}
"""Maps the first word of a command to the beginnings of the second word. They tell a command from prose about a program."""
_PROSE = {
    *("a", "again", "and", "are", "as", "does", "if", "in", "is", "it", "must", "or", "so", "that", "the", "then", "to", "which"),
    *("with", "checks", "makes", "names", "prints", "says", "shows", "tells"),
}
"""Words that end a command where no comma does: ``jitd doctor says how``."""
_ENDS = (",", ";", ".", ")")


def wrap(text: str, width: int, indent: int | None = None) -> list[str]:
    """Return the printable line ``text`` as lines of at most ``width`` cells. All lines but the first begin with ``indent``
    spaces, by default MORE than the first, or with fewer on a narrow terminal. Only a line with a command can be wider.
    """
    if cells(text) <= width:
        return [text]
    if indent is None:
        indent = len(text) - len(text.lstrip(" ")) + MORE
    before = " " * min(indent, width // 4)
    lines: list[str] = []
    line = ""
    for piece, is_command in _pieces(text):
        if line and cells(f"{line} {piece}") <= width:
            line += f" {piece}"
        elif not is_command and cells(before + piece) > width:
            *full, line = _split(f"{line} {piece}" if line else piece, before, width)
            lines += full
        else:
            lines += [line] if line else []
            line = before + piece if lines else piece
    return [*lines, line]


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of ``text`` that are not broken. With each part comes True if it is a command of several words."""
    words = _words(text)
    first, last = _quoted(words)
    at = 0
    while at < len(words):
        end = at + 1 if first <= at <= last else min(_end_of_command(words, at), first if at < first else len(words))
        yield " ".join(words[at:end]), end > at + 1
        at = end


def _words(text: str) -> list[str]:
    """Return the words between the single spaces of ``text``. Where there are several spaces, nothing is broken: at the end of a
    line, nobody would see how many there are.
    """
    parts = text.split(" ")
    words = parts[:1]
    for before, part in zip(parts, parts[1:], strict=False):
        if before and part:
            words.append(part)
        else:
            words[-1] += f" {part}"
    return words


def _quoted(words: list[str]) -> tuple[int, int]:
    """Return the indexes of the first word and of the last word that are between quotes. Who writes the words between them may
    have typed further quotes, so the first one and the last one of the line count. Without quotes, nothing is between them.
    """
    first = next((at for at, word in enumerate(words) if word.lstrip("(").startswith('"')), len(words))
    return first, next((at for at in range(len(words) - 1, first, -1) if '"' in words[at]), first)


def _end_of_command(words: list[str], at: int) -> int:
    """Return the index after the last word of the command that begins with the word ``at``. If none begins there, ``at + 1``."""
    word = words[at].lstrip("(")
    if word.startswith("`") and "`" not in word[1:]:
        return next((end + 1 for end in range(at + 1, len(words)) if "`" in words[end]), at + 1)
    end = at + 2
    if end > len(words) or not words[at + 1].startswith(COMMANDS.get(word, ())):
        return at + 1
    if words[at + 1].endswith(_ENDS):
        return end
    while end < len(words) and words[end] not in _PROSE:
        end += 1
        if words[end - 1].endswith((*_ENDS, ":")):
            break
    return end


def _split(line: str, before: str, width: int) -> list[str]:
    """Return ``line`` as full lines. All lines but the first begin with ``before``. An escape stays on one line."""
    lines = [""]
    at = 0
    while at < len(line):
        size = 2 + WIDTHS.get(line[at + 1 : at + 2], 0) if line[at] == "\\" else 1
        if lines[-1] not in ("", before) and cells(lines[-1] + line[at : at + size]) > width:
            lines.append(before)
        lines[-1] += line[at : at + size]
        at += size
    return lines
