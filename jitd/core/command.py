# SPDX-License-Identifier: Apache-2.0
"""The command: what was asked for, and the fingerprint that binds what runs to it.

Law: everything is bytes, nothing is parsed twice, and all that can change what runs is in the fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class RunAs:
    """The account and group that the command runs as, by name and number, as NSS gave them."""

    user: str
    uid: int
    group: str
    gid: int


@dataclass(frozen=True, slots=True)
class Operand:
    """A file that argument ``at`` names, and that cannot be bound, or that somebody beside root and the account to run as could
    change.

    ``digest`` is the SHA-256 of the file, or empty if its content is not bound. ``because`` says who could change the file, or
    why it is not bound. ``is_seen`` is False if the requester cannot see the file: then they are not told of it. ``is_told`` is
    True if the requester can read the file, and so may know its digest.
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

    ``path`` is the absolute path of the command: directories are resolved, a symbolic link at the end is kept. ``argv[0]`` is
    that path too, if jitd runs the command and a path was typed. Otherwise it is what was typed, or the name of a login shell.
    ``digest`` is the SHA-256 of the file that ``path`` leads to, or empty if no rule let the file be read. ``cwd`` is the
    working directory, with its device and inode. ``variables`` were typed or preserved. ``locale`` are those that pass by their
    value alone (TERM, LANG, …). ``streams`` are the kinds of descriptors 0 to 2; empty if they are known only when the command
    starts. ``operands`` are filled in only if somebody has to approve. ``options`` are options of the program that runs the
    command (such as sudo's ``-E``) which change what runs. ``doubt`` says why the command line of that program cannot be
    understood for certain; ``argv`` is then all of that line, and ``path`` is empty. ``path`` is also empty for a login, which
    has no command. ``chdir`` is True if the requester, a rule or an account's home named ``cwd``. It is False if ``cwd`` is
    simply the requester's current directory; only such a directory is inherited. ``is_told`` is True if the requester can read
    the file, and so may know the digest. ``gives`` is True if things are asked for and no command: ``argv`` are their names, they
    are for the requester, and ``path`` is empty. ``stays`` is True if they do not end with the client's connection. ``salt`` is
    random. Without it, somebody who knows the rest of a fingerprint could guess the secret parts.
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
        """Return the names of the things that are asked for; none for a command."""
        return tuple(word.decode("ascii") for word in self.argv) if self.gives else ()


def fingerprint(request_id: str, principal: str, host: str, service: str, command: Command, terms: Sequence[int | None]) -> bytes:
    """Return the SHA-256 (32 bytes) over what an approver is shown and what will run (PROTOCOL.md section 7).

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
    """Return what a lease answers for, as 32 bytes: all of a command but terminal, locale and kinds of streams (jitsudo(1),
    --for).
    """
    argv = tuple(sorted(command.argv)) if command.gives else command.argv  # several things are the same in any order
    bare = replace(command, argv=argv, locale=(), streams=(), chdir=False, stays=False, salt=b"")
    return fingerprint("", "", "", "", bare, ())


# --- the names of requests -------------------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O, U. https://www.crockford.com/base32.html"""
_MISREAD = str.maketrans("ILO", "110")


def spell_id(randomness: bytes) -> str:
    """Return a request's id, such as ``K7QM-2XVD``, made from 5 random bytes."""
    value = int.from_bytes(randomness[:5], "big")
    letters = "".join(ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
    return f"{letters[:4]}-{letters[4:]}"


def read_id(typed: str) -> str | None:
    """Return the id that was typed, in any case and with or without its hyphen; a run's number is kept. None if it is not an
    id.
    """
    stem, dot, number = typed.strip().upper().partition(".")
    letters = stem.replace("-", "").translate(_MISREAD)
    if len(letters) != 8 or any(c not in ALPHABET for c in letters):
        return None
    if dot and not (number.isascii() and number.isdigit() and 0 < len(number) < 10 and number[0] != "0"):
        return None
    return f"{letters[:4]}-{letters[4:]}{dot}{number}"


def read_start(typed: str) -> str | None:
    """Return the beginning of an id that was typed, spelled as in the id (``K7QM-2X``). None if it is not a beginning, or if it
    is a whole id.
    """
    letters = typed.strip().upper().replace("-", "").translate(_MISREAD)
    if not 0 < len(letters) < 8 or any(c not in ALPHABET for c in letters):
        return None
    return letters if len(letters) <= 4 else f"{letters[:4]}-{letters[4:]}"


def run_id(request_id: str, number: int) -> str:
    """Return the id of the ``number``-th run under the grant ``request_id``. The first run has the id of the request."""
    return request_id if number == 1 else f"{request_id}.{number}"
