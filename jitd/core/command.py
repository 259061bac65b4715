# SPDX-License-Identifier: Apache-2.0
"""The requested command, and the fingerprint that binds the run to this command.

Law: texts from the client are kept as bytes, and no value is parsed twice. The fingerprint covers everything that can change
what is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated

from jitd.core.edit import SUDOEDIT, Edit, Edits, NewFile, Removal
from jitd.core.grade import Finding, read_rows, rows
from jitd.core.masking import Blank, masked
from jitd.core.values import ARGUMENTS, BYTES, DIGEST, MANY, NUMBER, PAIRS, TEXT, WORDS, Said
from jitd.core.what import Doubted, Login, Program, Things, What

_FINDINGS = Said(None, rows, read_rows)
Pairs = tuple[tuple[bytes, bytes], ...]
MAX_ID = 2**32 - 2  # for setresuid(2) and chown(2), 2**32 - 1 means "do not change"


@dataclass(frozen=True, slots=True)
class RunAs:
    """The account and the group under which the command runs, as names and as numbers. The values come from NSS."""

    user: str
    uid: int
    group: str
    gid: int


@dataclass(frozen=True, slots=True)
class Operand:
    """A file that is named in argument ``at``. There is an Operand for a file in two cases. First, the run cannot be bound to
    the content of the file. Second, an account other than root and the account to run as can change the file.

    If the run is bound to the content of the file, ``digest`` is the SHA-256 of this content. Otherwise ``digest`` is empty.
    ``because`` tells who could change the file, or why the file is not bound. If ``is_seen`` is False, the requester cannot see
    the file, and jitd does not mention the file to the requester. If ``is_told`` is True, the requester can read the file, and
    jitd may show its digest to the requester.
    """

    at: int
    path: bytes
    digest: bytes
    because: str
    is_seen: bool
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that executes the command's script, or the script's interpreter. An account other than root and the account to
    run as can change it. ``path`` is its name in the first line of a script, and ``digest`` is the SHA-256 of the file that it
    leads to. ``digest`` is empty if an argument in the first line names the file, because the run is not bound to its content.
    ``because`` tells who could change it. If ``is_told`` is True, the requester can read it, and jitd may show it to them.
    """

    path: bytes
    digest: bytes
    because: str
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """The command that will be run.

    ``path`` is the absolute path of the command. The directories in ``path`` are resolved, but a symbolic link at the end is
    kept. If jitd runs the command and the requester typed a path, ``argv[0]`` is equal to ``path``. In all other cases,
    ``argv[0]`` is the word that the requester typed. For a login shell, ``argv[0]`` is the name of the shell. ``digest`` is the
    SHA-256 of the file at ``path``. ``digest`` is empty if no rule allowed jitd to read the file. ``cwd`` is the working
    directory. The device and the inode of the working directory are stored too.

    ``variables`` contains the environment variables that were typed or preserved. ``locale`` contains variables that need no
    rule, but must have an accepted value (TERM, LANG, …). ``streams`` contains the kinds of the file descriptors 0 to 2.
    ``streams`` is empty if the kinds are not known before the command starts. ``operands`` contains the files that arguments
    name. It is filled in only if a person must approve. If a program such as sudo runs the command, ``options`` contains the
    options of this program (such as ``-E``) that change what is run. ``doubt`` is the reason why jitd cannot interpret the
    command line of this program with certainty. If ``doubt`` is set, ``argv`` is the whole command line and ``path`` is empty.
    For a login, ``path`` is also empty, because a login has no command.

    ``interpreters`` contains the programs that the kernel opens to execute the file, and that others can change.

    ``findings`` is what the command gives beyond its words, the worst first, as it was seen when it was asked for. Its texts are
    in the form of ``spelling.spelled``. It is None if jitd did not look, because nobody is asked. It only warns people: the
    fingerprint does not cover it, and no use of a grant depends on it.

    ``chdir`` is True in two cases: the requester or a rule has set ``cwd``, or ``cwd`` is the home directory of an account.
    ``chdir`` is False if ``cwd`` is the requester's current directory. The run inherits the requester's directory only if
    ``chdir`` is False. If ``is_told`` is True, the requester can read the file, and jitd may show its digest to the requester.

    ``gives`` is True if the request is for things, and not for a command. If ``gives`` is True, ``argv`` contains the names of
    the requested things, and ``path`` is empty. ``stays`` is True if the requester keeps the things after the end of the client's
    connection. ``brought`` contains data that the requester has sent for the things, such as a public key (``core.public_key``).
    ``lets`` contains sentences from the settings about the powers that each thing gives to the requester. Each sentence in
    ``lets`` begins with the name of the thing and a colon. ``salt`` is random. Without the salt, a person who knows the other
    inputs of the fingerprint could guess the secret parts of the command. ``masked`` are the places in ``argv`` that nobody is
    shown: neither the fingerprint nor a use of a lease depends on them.

    If the request is to edit a file, ``edit`` is not None, if it is to make one, ``makes`` is not, and if it is to remove one,
    ``removes`` is not. Then ``argv`` is SUDOEDIT and the real path of the file, ``path`` is SUDOEDIT, and nothing is executed. If
    it is to edit several files together, ``edits`` has more than one edit, and ``argv`` has the real paths of their files in the
    same order.
    """

    argv: Annotated[tuple[bytes, ...], ARGUMENTS]
    path: bytes
    digest: Annotated[bytes, DIGEST]
    run_as: RunAs
    cwd: Annotated[bytes, BYTES]
    cwd_device: Annotated[int, NUMBER]
    cwd_inode: Annotated[int, NUMBER]
    variables: Annotated[Pairs, PAIRS]
    locale: Pairs
    streams: tuple[str, ...]
    operands: Annotated[tuple[Operand, ...], MANY] = ()
    options: Annotated[tuple[bytes, ...], WORDS] = ()
    doubt: Annotated[str, TEXT] = ""
    chdir: bool = False
    is_told: bool = False
    gives: bool = False
    stays: bool = False
    brought: Annotated[str, TEXT] = ""
    lets: tuple[str, ...] = ()
    salt: Annotated[bytes, DIGEST] = b""
    interpreters: Annotated[tuple[Interpreter, ...], MANY] = ()
    findings: Annotated[tuple[Finding, ...] | None, _FINDINGS] = None
    masked: tuple[Blank, ...] = ()
    edit: Edit | None = None
    makes: NewFile | None = None
    edits: tuple[Edit, ...] = ()
    removes: Removal | None = None

    @property
    def what(self) -> What:
        """What the request is for. What is done otherwise than for a program asks this."""
        if (writes := self.writes) is not None:
            return writes
        if self.gives:
            return Things(self.things)
        if self.doubt:
            return Doubted(self.doubt)
        return Program(self.path, self.digest) if self.path else Login()

    @property
    def writes(self) -> Edit | NewFile | Removal | Edits | None:
        """The file that gets a text or is removed, or the files, if the request is for this."""
        return self.edit or self.makes or self.removes or (Edits(self._paths, self.edits) if self.edits else None)

    @property
    def each(self) -> tuple[Command, ...]:
        """One command for each file, if several are edited together. Otherwise only this command."""
        if not self.edits:
            return (self,)
        files = zip(self._paths, self.edits, strict=True)
        return tuple(replace(self, argv=(SUDOEDIT, path), edit=edit, edits=()) for path, edit in files)

    @property
    def _paths(self) -> tuple[bytes, ...]:
        """The path of each file in ``edits``. When they are forgotten, one word stands for all of them."""
        words = self.argv[1:]
        return words if len(words) == len(self.edits) else words[:1] * len(self.edits)

    @property
    def edited(self) -> bytes:
        """The real path of the file that gets a text or is removed."""
        assert self.writes is not None and len(self.argv) == 2, "nothing else writes one file"
        return self.argv[1]

    @property
    def file(self) -> bytes:
        """The path of the file that is executed, edited, made or removed. It is empty if there is none, or several."""
        return b"" if self.edits else self.path if self.writes is None else self.edited

    @property
    def told_argv(self) -> tuple[bytes, ...]:
        """The command line as people read it, on screens, in notices and in the record. What is judged and run is ``argv``."""
        if self.edits:
            return (self.argv[0], *self._paths)
        return masked(self.argv, self.masked) if self.masked else self.argv

    @property
    def told(self) -> Command:
        """The command as people read it, and as it is stored: without masked words, and without what could betray them."""
        if not self.masked:
            return self
        words, hidden = self.told_argv, {at for at, _ in self.masked}
        operands = tuple(replace(one, path=words[one.at], because="") if one.at in hidden else one for one in self.operands)
        return replace(self, argv=words, salt=b"", operands=operands)

    @property
    def lacks_words(self) -> bool:
        """True if the masked words cannot be read any more (``store.masked_words``). The command is what ``told`` returns."""
        return bool(self.masked) and not self.salt

    @property
    def things(self) -> tuple[str, ...]:
        """Return the names of the things that are requested. The result is empty if the request is for a command."""
        return tuple(word.decode("ascii") for word in self.argv) if self.gives else ()


def fingerprint(request_id: str, principal: str, host: str, service: str, command: Command, terms: Sequence[int | None]) -> bytes:
    """Return a SHA-256 digest (32 bytes) over everything that approvers see and that will be run (PROTOCOL.md section 7).

    Each field is encoded as a tag, the number of its values, and the values. Each value is encoded as its length, followed by
    its bytes. The number of values takes 4 bytes, and so does each length. Therefore two different inputs never result in the
    same bytes. ``terms`` contains the requested duration of a lease in seconds, the number of uses, and the maximum running time
    in seconds.
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
    if command.gives or command.stays or command.lets:
        put(b"g", number(command.gives), number(command.stays), *(sentence.encode() for sentence in command.lets))
    if command.interpreters:
        put(b"e", *(part for one in command.interpreters for part in (one.path, one.digest)))
    if command.brought:
        put(b"b", command.brought.encode())
    for edit in (command.edit, *command.edits):
        if edit is None:
            continue
        numbers = (edit.device, edit.inode, edit.uid, edit.gid, edit.mode)
        put(b"w", *map(number, numbers), edit.before, edit.after)
    if (new := command.makes) is not None:
        put(b"m", *map(number, (new.device, new.inode, new.uid, new.gid, new.mode)), new.after)
    if (gone := command.removes) is not None:
        put(b"u", *map(number, (gone.device, gone.inode, gone.uid, gone.gid, gone.mode)), gone.before)
    if command.salt:
        put(b"n", command.salt)
    return hashlib.sha256(b"".join(out)).digest()


def together(commands: Sequence[Command]) -> Command:
    """Return one command that edits the files of all ``commands``, which are edits of different files and alike in all else."""
    in_order = sorted(commands, key=lambda one: one.edited)
    files = [one.edit for one in in_order if one.edit is not None]
    argv = (SUDOEDIT, *(one.edited for one in in_order))
    return replace(in_order[0], argv=argv, edit=None, edits=tuple(files))


@lru_cache(maxsize=8)
def work_of(command: Command) -> bytes:
    """Return a digest (32 bytes) of what is the same in each use of a lease: not the terminal, the locale and the kinds of
    streams (jitsudo(1), --for). The latest are kept: one decision needs those of two commands up to five times.
    """
    argv = tuple(sorted(command.argv)) if command.gives else command.argv  # the order of several things does not matter
    bare = replace(
        command, argv=argv, lets=tuple(sorted(command.lets)), locale=(), streams=(), chdir=False, stays=False, salt=b"", masked=()
    )
    return fingerprint("", "", "", "", bare, ())


# --- the names of requests -------------------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32, without I, L, O and U (https://www.crockford.com/base32.html)
ID = rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}"
"""What an id is, as a regular expression."""
NUMBERED = rf"{ID}(?:\.[1-9][0-9]{{0,8}})?"
"""What the id of a run or a holding is. See ``run_id``."""
_MISREAD = str.maketrans("ILO", "110")


def spell_id(randomness: bytes) -> str:
    """Return the id of a request, such as ``K7QM-2XVD``. The id is made from 5 random bytes."""
    value = int.from_bytes(randomness[:5], "big")
    letters = "".join(ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
    return f"{letters[:4]}-{letters[4:]}"


def read_id(typed: str) -> str | None:
    """Return the id in ``typed`` in the standard spelling, or None. It may be in any case, without its hyphen, and with a run's
    number, as in ``K7QM-2XVD.2``.
    """
    stem, dot, number = typed.strip().upper().partition(".")
    letters = stem.replace("-", "").translate(_MISREAD)
    if len(letters) != 8 or any(c not in ALPHABET for c in letters):
        return None
    if dot and not (number.isascii() and number.isdigit() and 0 < len(number) < 10 and number[0] != "0"):
        return None
    return f"{letters[:4]}-{letters[4:]}{dot}{number}"


def read_start(typed: str) -> str | None:
    """If ``typed`` is the beginning of an id, return this beginning in the standard spelling (``K7QM-2X``). Return None if
    ``typed`` is a whole id, or cannot be the beginning of an id.
    """
    letters = typed.strip().upper().replace("-", "").translate(_MISREAD)
    if not 0 < len(letters) < 8 or any(c not in ALPHABET for c in letters):
        return None
    return letters if len(letters) <= 4 else f"{letters[:4]}-{letters[4:]}"


def run_id(request_id: str, number: int) -> str:
    """Return the id of run number ``number`` under the grant ``request_id``. The first run has the same id as the request."""
    return request_id if number == 1 else f"{request_id}.{number}"
