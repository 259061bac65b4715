# SPDX-License-Identifier: Apache-2.0
"""The command: what was asked, and what binds the thing that runs.

Law: everything is bytes, nothing is parsed twice, and whatever can change what runs is in the fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class RunAs:
    """The account and group that the command gets, by name and number, as NSS gave them."""

    user: str
    uid: int
    group: str
    gid: int


@dataclass(frozen=True, slots=True)
class Operand:
    """What argument ``at`` names, and others than root and the account to run as could change, or nobody can bind.

    ``digest`` is its SHA-256, or empty where the content is not bound; ``because`` says who could change it, and why it is not.
    ``is_seen`` is False for one that the requester cannot see: they are not told of it. ``is_told`` is True where they may know
    its digest, as they can read it.
    """

    at: int
    path: bytes
    digest: bytes
    because: str
    is_seen: bool
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run.

    ``path`` is what was typed as it is here: absolute, directories resolved, a last symbolic link kept. ``argv[0]`` is that
    path too where jitd runs it and a path was typed, and otherwise what was typed, or the name of a login shell. ``digest`` is
    the SHA-256 of the file that ``path`` leads to, or empty where no rule let it be read. ``cwd`` comes with its device and
    inode. ``variables`` were typed or preserved, ``locale`` came along by value (TERM, LANG, …). ``streams`` are the kinds of
    descriptors 0 to 2, or empty: known when it is run. ``operands`` are looked for where somebody has to approve. ``options``
    are those of the program that is to run it (sudo's ``-E``), where they change what runs. ``doubt`` says why that program's
    command line cannot be understood for certain: ``argv`` is all of it then, and ``path`` is empty, as it is for a login,
    which has no command. ``chdir`` says that ``cwd`` was named, by the requester, a rule or an account's home, and is not
    simply where the requester stands: such a one is never inherited. ``is_told`` is True where the requester may know the
    digest, as they can read the file. ``gives``: no command is asked for, but a thing, whose name is the one word of ``argv``;
    it is for the requester, and ``path`` is empty. ``stays``: it does not end with the client's connection. ``salt`` is random:
    without it, who knows the rest of a fingerprint could try what they may not know.
    """

    argv: tuple[bytes, ...]
    path: bytes
    digest: bytes
    run_as: RunAs
    cwd: bytes
    cwd_device: int
    cwd_inode: int
    variables: Pairs
    locale: Pairs
    streams: tuple[str, ...]
    operands: tuple[Operand, ...] = ()
    options: tuple[bytes, ...] = ()
    doubt: str = ""
    chdir: bool = False
    is_told: bool = False
    gives: bool = False
    stays: bool = False
    salt: bytes = b""

    @property
    def things(self) -> tuple[str, ...]:
        """The names of the things that are asked for; empty for a command."""
        return tuple(word.decode("ascii") for word in self.argv) if self.gives else ()


def fingerprint(request_id: str, principal: str, host: str, service: str, command: Command, terms: Sequence[int | None]) -> bytes:
    """SHA-256 (32 bytes) over what an approver is shown and what will run (PROTOCOL.md section 7).

    Each field is a tag, a 4-byte length and that many bytes; a list is its count and its members. So no two different
    inputs give the same bytes, whatever they contain. ``terms`` are what was asked for: seconds and uses of a
    lease, and seconds of running time.
    """
    out = [b"jitd fingerprint 1\n"]

    def put(tag: bytes, *values: bytes) -> None:
        out.append(tag)
        out.append(len(values).to_bytes(4, "big"))
        for value in values:
            out.append(len(value).to_bytes(4, "big"))
            out.append(value)

    def number(value: int | None) -> bytes:
        return b"" if value is None else b"%d" % value

    put(b"i", request_id.encode())
    put(b"p", principal.encode())
    put(b"h", host.encode())
    put(b"s", service.encode())
    put(b"a", *command.argv)
    put(b"f", command.path, command.digest)
    run_as = command.run_as
    put(b"r", run_as.user.encode(), number(run_as.uid), run_as.group.encode(), number(run_as.gid))
    put(b"d", command.cwd, number(command.cwd_device), number(command.cwd_inode))
    put(b"v", *(part for pair in command.variables for part in pair))
    put(b"l", *(part for pair in command.locale for part in pair))
    put(b"k", *(kind.encode() for kind in command.streams))
    put(b"t", *(number(term) for term in terms))
    put(b"o", *(part for operand in command.operands for part in (number(operand.at), operand.path, operand.digest)))
    if command.options or command.doubt:
        put(b"x", command.doubt.encode(), *command.options)
    if command.chdir:
        put(b"c", b"1")
    if command.gives or command.stays:
        put(b"g", number(command.gives), number(command.stays))
    if command.salt:
        put(b"n", command.salt)
    return hashlib.sha256(b"".join(out)).digest()


def work_of(command: Command) -> bytes:
    """What a lease answers for, as 32 bytes: all but terminal, locale and kinds of streams (jitsudo(1), --for)."""
    bare = replace(command, locale=(), streams=(), chdir=False, stays=False, salt=b"")
    return fingerprint("", "", "", "", bare, ())


# --- the names of requests -------------------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O, U. https://www.crockford.com/base32.html"""
_MISREAD = str.maketrans("ILO", "110")


def spell_id(randomness: bytes) -> str:
    """A request's id, such as ``K7QM-2XVD``, from 5 random bytes."""
    value = int.from_bytes(randomness[:5], "big")
    letters = "".join(ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
    return f"{letters[:4]}-{letters[4:]}"


def read_id(typed: str) -> str | None:
    """The id somebody typed, in any case and with or without its hyphen, a run's number kept; None if it is none."""
    stem, dot, number = typed.strip().upper().partition(".")
    letters = stem.replace("-", "").translate(_MISREAD)
    if len(letters) != 8 or any(c not in ALPHABET for c in letters):
        return None
    if dot and not (number.isascii() and number.isdigit() and 0 < len(number) < 10 and number[0] != "0"):
        return None
    return f"{letters[:4]}-{letters[4:]}{dot}{number}"


def run_id(request_id: str, number: int) -> str:
    """The id of the ``number``-th run under the grant ``request_id``: the first has the request's own."""
    return request_id if number == 1 else f"{request_id}.{number}"
