# SPDX-License-Identifier: Apache-2.0
"""The engine that grades a command: it follows the programs that start each other, reads the texts that shells run, and looks up
each program in the table of ``jitd_commands.programs``.

Law: what a path is on the host is asked of a ``Look``. The engine raises nothing, whatever the words are, and its work is limited
by DEEPEST and MOST_CALLS: beyond these limits it assumes the worst.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jitd.core.code_variables import code_let_in
from jitd.core.grade import NOTHING, Beside, Damage, Finding, Grade, Look, NotLooked, Seen
from jitd.core.wording import name_in_sentence
from jitd_commands.places import (
    DATABASE,
    DISK,
    STOPPED_BY,
    Asset,
    absolute,
    is_data,
    is_lost,
    is_spent,
    may_have_data,
    place_of,
    tree_matters,
)
from jitd_commands.places import is_tree as _is_tree
from jitd_commands.shell_text import Redirection, Simple, Word, read_text

DEEPEST = 20
"""How many levels of ``env nice sudo …`` to look through before assuming the worst."""
MOST_CALLS = 2000
"""Maximum number of calls of programs in one command that are judged."""
MOST_BESIDE = 64
"""Maximum number of words beside a program that is not known, each of which is judged as a program."""
MOST_SEARCHED = 1024 * 1024
"""Maximum number of characters of the words that are searched beside programs that are not known."""
MOST_LOOKS = 64
"""Maximum number of paths that are looked at for one command."""
LONGEST_PATH = 4096
"""Maximum number of characters of a path that is looked at."""
MOST_WORDS = 4096
"""Maximum number of words of one call that are judged."""
MOST_FOUND = 12
"""Maximum number of findings of one command."""
LONGEST_CODE = 8192
"""Maximum number of characters of code in another language than a shell's that is searched."""
LONGEST_NAME = 60
"""Maximum number of characters of a name or a path in a sentence."""
_OPERANDS, _ALL = "\0operands", "\0all"
"""What stands beside options in ``Call.asked``: the judge has looked at the operands, or has understood all words."""
FOR_GOOD = "which cannot be undone"
"""What is said of a loss, if no word of the command tells how it comes back."""

_RIGHTS = (
    "changes the owner",
    "changes the group",
    "lets everybody write",
    "takes all rights from",
    "gives the rights ",
    "makes ",
)
"""How the sentences begin that say who may do what with a file."""

THIS_HOST = re.compile(r"localhost(?:\..*)?|ip6-localhost|127\..*|0+(?:\.0+)*|\[?(?:::1?|::ffff:127\..*)\]?", re.IGNORECASE)
"""Names and addresses by which every host reaches itself."""
ALL_HOSTS = "all hosts"
_UNNAMED = "hosts that the words do not name"
"""How sentences name hosts for which a command has no name."""
_SYSTEM = re.compile(r"/(usr/)?s?bin|/usr/(local/s?bin|libexec|games)|/(usr/)?lib(32|64)?(/[^/]+)?|/snap/bin|/usr/lib/[^/]+/bin")
"""Directories in which a program's name says what it is."""
_MANY = frozenset(
    {"busybox", "toybox", "coreutils", "systemctl", "kmod", "lvm", "xtables-nft-multi", "xtables-legacy-multi", "dash"}
)
"""Programs that do what the name says by which they are started."""
_SHELL_NAMED = re.compile(
    r"(?:^|[=;&|`({'\"\s])(?:/(?:usr/)?(?:local/)?bin/)?(?:(?:ba|da|a|z|k|mk)?sh|busybox|perl|ruby|python[23]?(?:\.[0-9]+)?|vim)(?=$|[;&|`)}'\"\s])"
)
"""A word that names a shell or an interpreter as a program to start."""
_SELECTS = re.compile(r"exclude|include|ignore|prune|format|color|label|name|title|match|filter|search|grep|query")
"""Options that select or describe. No file at their value is opened."""
_SILENT = re.compile(r"|:|true|cat /dev/null|echo -n|printf ?")
"""Commands that write nothing, so that a file to which a shell leads their output is empty."""
_INDEX = re.compile(r"\w\[")
_WRITES = re.compile(r"out|log|dir|batch|dump|trace|save|pid|cid|index|backup|journal|record|\A[oDLPpgX]\Z")
"""Options that may name a file that is written."""
_STARTED = re.compile(r"/etc/(cron|sudoers|pam\.d|passwd|shadow|ld\.so|profile|systemd)|/root/\.ssh")
"""Files that no program is given by accident."""
_SECRET = re.compile("keys|hashes|secrets")
"""How it is said that a file is secret."""
_BOUND = re.compile(r"/[^/]+/[^/]*/")
"""The beginning of a path in a directory that a wildcard after it does not leave."""
_OF_A_SHELL = re.compile(r"#! *(/usr)?/bin/(env +)?(ba|da|k|a)?sh\b|(?!#!)")
"""The beginning of a text that a shell runs, unless another program is told to run it."""
_URL = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://")
_PLAIN = re.compile(r"[\w./~@:=,+%-]+")
_VERSION = re.compile(
    r"(?<=[A-Za-z])-?[0-9]+(?:\.[0-9]+)*\Z|\.(?:basic|tiny|nox|gtk3|traditional|gnu|openbsd|distrib|real|procps|debian|static)\Z"
    r"|(?<=[A-Za-z])[0-9.]+-x86_64-linux-gnu\Z"
)


def may_start(text: str) -> bool:
    """True if a program may be started when a shell makes a number or a name of ``text``, as of ``a[$(id)]``."""
    found = _INDEX.search(text)
    return found is not None and ("$" in text[found.end() :] or "`" in text[found.end() :])


@dataclass(frozen=True, slots=True)
class Input:
    """What a program reads from its standard input: ``text``, or the file ``path``, or else something else that somebody told in
    ``told``, such as ``what curl writes``. ``path`` is a free word if the names below it are read, as of find(1).
    """

    text: str | None = None
    path: Word | None = None
    names: tuple[Word, ...] = ()
    told: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: the programs ``names`` (file names with blanks between), and the function that judges a call of them.

    ``options`` contains the options that matter, and those with which the programs give, read and change nothing more. A colon
    follows each that takes a value, and two colons each whose value may only be attached (getopt(3)). Long options stand there
    without hyphens, and so do those with one hyphen, such as ``-name`` of find(1). ``operands`` says what the operands are if
    ``judge`` need not look at them, such as ``hosts``. Any other option about which ``judge`` does not ask is not known, and
    neither are operands at which it does not look: a call with them is not harmless.

    ``telling`` contains the words with which the programs only tell their version or their options, if such a word is the only
    one. ``--help:kill,pkill`` is one for these programs of the row alone. A word stands there only if the program is known to
    take it so: tclsh(1), for example, takes ``--version`` for nothing and is a shell afterwards, ``bash -v`` is a shell that says
    more, and ``systemctl --help`` starts a pager.

    If ``is_first`` is True, the options end at the first operand. ``chosen`` is the end of a sentence that is true if the
    requester may choose an option, or is empty. If ``is_plain`` is True, no option of the programs starts a program, and none
    names a file. If ``is_parsed`` is True, the judge is a grammar, which says by itself what it does not know.
    """

    names: str
    judge: Verdict
    options: str = ""
    is_first: bool = False
    chosen: str = ""
    is_plain: bool = False
    operands: str = ""
    telling: str = ""
    is_parsed: bool = False

    @property
    def known(self) -> dict[str, str]:
        """Maps each option that the row lists to its colons."""
        return _options(self.options)

    @property
    def valued(self) -> frozenset[str]:
        """The options whose value may be the next word, as they are typed: ``-n``, ``--name``, and ``-name`` if it is one."""
        known = self.known
        return frozenset(
            f"{hyphens}{name}"
            for name, kind in known.items()
            for hyphens in ("-", "--")
            if kind == ":" and (hyphens == "-" if len(name) == 1 else hyphens == "--" or _unlisted(name, known))
        )

    def is_telling(self, name: str, words: Sequence[Word]) -> bool:
        """True if the program ``name`` with the one word in ``words`` only tells something of itself."""
        if len(words) != 1 or words[0].is_free:
            return False
        told = (one.partition(":") for one in self.telling.split())
        spelled = {name, name.rstrip("0123456789.")}
        return any(word == words[0].text and (not names or spelled & {*names.split(",")}) for word, _, names in told)


Table = Mapping[str, Row]
Verdict = Callable[["Call"], None]
"""A function that judges a call."""


class Judge:
    """Judges one command, and collects what it finds."""

    def __init__(
        self,
        table: Table,
        look: Look,
        requester: str,
        account: str,
        *,
        is_root: bool,
        is_pattern: bool = False,
        beside: Beside = NOTHING,
    ) -> None:
        self.table = table
        self.account = account
        self.is_root = is_root
        self.is_pattern = is_pattern
        self.requester = requester
        self._look = look
        self._beside = beside
        self._seen: dict[str, Seen | None] = {}
        self._led: dict[str, str] = {}
        self._not_looked: set[str] = set()
        self._found: dict[tuple[Grade, str], Finding] = {}
        self._guessed: set[str] = set()
        self.n_recorded = 0
        self.n_given = 0
        self.n_calls = 0
        self.n_beside = 0
        self.n_searched = 0
        self.is_full = False

    def record(
        self, grade: Grade, what: str, path: str = "", matters: str = "", damage: Damage = Damage.NONE, *, is_guess: bool = False
    ) -> None:
        self._guessed |= {what} if is_guess else set()
        self.n_recorded += grade is not Grade.HARMLESS
        self.n_given += grade is Grade.GIVES
        is_loud = grade is Grade.GIVES or damage is not Damage.NONE
        if grade is not Grade.HARMLESS and len(self._found) < (1000 if is_loud else 4 * MOST_FOUND):
            self._found.setdefault((grade, what), Finding(grade, what, path, matters, damage))

    def note(self, what: str) -> None:
        """Record something that is worth no grade, but that an approver must know, such as the host where a command acts."""
        self._found.setdefault((Grade.HARMLESS, what), Finding(Grade.HARMLESS, what))

    def findings(self) -> tuple[Finding, ...]:
        found = sorted(self._found.values(), key=lambda one: one.order)
        said = {(one.what, one.matters) for one in found if one.path}
        known = [one for one in found if one.path and one.what not in self._guessed]
        return tuple(one for one in found if not self._is_said(one, known) and not _is_below(one, said, found))[:MOST_FOUND]

    def _is_said(self, one: Finding, known: Sequence[Finding]) -> bool:
        """True if one of ``known`` says as much about the file of ``one``, or says that it is lost."""
        more = [other for other in known if other.path == one.path and other.grade >= one.grade and other is not one]
        if one.what in self._guessed:
            return any(other.damage >= one.damage for other in more)
        return any(other.damage > one.damage or other.what.startswith(f"{one.what}, and ") for other in more)

    def look(self, path: str) -> Seen | None:
        """Return what is at ``path``. If nobody looked, return what the name alone says."""
        if path not in self._seen:
            self._seen[path] = self._looked(path)
        return self._seen[path]

    def _looked(self, path: str) -> Seen | None:
        if "\0" in path or self.is_pattern:
            return None
        if len(self._seen) < MOST_LOOKS and len(path) < LONGEST_PATH:
            try:
                return self._look(path)
            except NotLooked:
                pass
        self._not_looked.add(path)
        return None

    def as_elsewhere(self, path: str) -> tuple[str, ...]:
        """Return the name that the file at ``path`` has on most hosts, if it is in a home of root's or of a service's account."""
        homes = ((home, account) for home, account in self._beside.homes.items() if f"{path}/".startswith(f"{home}/"))
        home, account = max(homes, default=("", ""))
        return (f"{'/root' if account == 'root' else f'/var/lib/{account}'}{path[len(home) :]}",) if home else ()

    def text_of(self, paths: Sequence[str]) -> str | None:
        """Return the text to which the run is bound, if it is that of a file at one of ``paths``."""
        return next((self._beside.texts[path] for path in paths if path in self._beside.texts), None)

    def is_not_looked_at(self, path: str) -> bool:
        """True if a look at ``path`` could have told something, and there was none."""
        return self.look(path) is None and path in self._not_looked

    def is_chosen(self, who: str) -> bool:
        """True if the requester is among ``who``, which ``changed_by`` has returned."""
        return who in ("anybody", "everybody") or who.startswith(f"{self.requester}, who asks")

    def whole(self, path: str, cwd: str) -> str:
        """Return ``path`` as an absolute path without ``..``, which after a link is above where the link leads."""
        named = path if path.startswith("/") else f"{cwd}/{path}"
        folded = absolute(named, "/")
        before, _, rest = f"{named}/".rpartition("/../")
        if self.is_pattern or not absolute(before.partition("/..")[0], "/").strip("/"):
            return folded
        seen = self.look(f"{before}/..")
        if seen is None:
            self.record(Grade.GIVES, f"jitd cannot tell where {_short(path)} leads")
            return folded
        reached = absolute(rest.lstrip("/"), seen.real)
        if seen.changed_by:
            self._led[reached] = seen.changed_by
        return reached

    def changed_by(self, path: str) -> str:
        """Return who can change the file at ``path``, or where it leads. Return an empty text if nobody can."""
        if path in self._led:
            return self._led[path]
        seen = self.look(path)
        if seen is not None:
            return seen.changed_by
        if named := self.named_after(path):
            return named
        if path in self._not_looked and not _SYSTEM.fullmatch(path.rpartition("/")[0]):
            self.record(Grade.GIVES, "it names files at which jitd has not looked")
        return ""

    def named_after(self, path: str) -> str:
        """Return who can change the file at ``path``, as far as its name alone tells."""
        if self.requester and re.match(rf"/home/(?:[^/]+/)?{re.escape(self.requester)}(?:/|\Z)", path):
            return f"{self.requester}, who asks"
        if found := re.match(r"/home/([^/]+)/", path):
            return found[1]
        return "anybody" if re.match(r"/(tmp|var/tmp|dev/shm)/", path) else ""

    def leads_elsewhere(self, path: str) -> str:
        """Return who can replace the file at ``path`` by a link that leads elsewhere."""
        if path in self._led:
            return self._led[path]
        if re.match(r"/(tmp|var/tmp|dev/shm)/[^/]+\Z", path):
            return ""  # the kernel follows no link of another's there (fs.protected_symlinks)
        parent = path.rpartition("/")[0] or "/"
        return self.changed_by(parent)

    def is_own(self, path: str) -> bool:
        """True if the file at ``path`` is in a directory of the requester's that is always the same one."""
        parent = path.rpartition("/")[0] or "/"
        seen = self.look(parent)
        is_hers = seen is not None and bool(seen.owner) and seen.owner == self.requester
        return is_hers and path not in self._led and not self.leads_elsewhere(parent)

    def touches(self, call: Call, path: str) -> bool:
        """True if the file at ``path`` matters, or if others can lead it elsewhere."""
        is_known = any(_is_tree(one) or ((place := place_of(one)) and place.written) for one in (path, *call.names(path)))
        return is_known or bool(call.is_root and self.leads_elsewhere(path))

    def touch(self, call: Call, path: str | None) -> None:
        """The program is given the file at ``path``, beside something worse: say so if the file matters."""
        if path is None:
            return None
        for one in call.names(path):
            if (place := place_of(one)) and place.matters:
                grade = max(Grade.READS, place.written)
                return call._record(grade, f"opens {_short(path)}", path, place.matters, is_whole=True, is_guess=True)

    def run_text(self, call: Call, text: Word, positional: Sequence[Word] = ()) -> None:
        """A shell runs ``text``, with ``positional`` as ``$0``, ``$1`` and so on."""
        if text.is_free:
            return call.gives("runs any code that it is given" if self.is_pattern else "runs a text that jitd cannot read")
        variables: dict[str, tuple[Word, ...]] = {str(at): (word,) for at, word in enumerate(positional)}
        variables["@"] = variables["*"] = tuple(positional[1:])
        variables |= {"HOME": (Word(f"~{'' if self.is_root else self.account}"),)} if call.is_root else {}
        read = read_text(text.text, variables)
        names = {one.words[0].text for one in read.commands if one.words}
        if read.functions or names & {"set", "shift", "source", ".", "getopts", "eval", "mapfile", "readarray"}:
            read = read_text(text.text, {name: words for name, words in variables.items() if name == "HOME"})
        inner = replace(call, depth=call.depth + 1, functions=call.functions | read.functions)
        directories = _Directories(inner.cwd, any(one.words and one.words[0].text in _CHANGE for one in read.commands))
        for one in read.commands:
            at = replace(inner, cwd=directories.of(one.scope))
            self._simple(at, one)
            directories.changed(at, one)
        if read.typed or any(may_start(one) for one in read.evaluated):
            call.gives("makes a number of a text that can start programs", is_whole=True)
        for name, value in read.filled:
            self.set_variable(call, name, value)
        if ":" in read.functions:
            call.changes("starts processes without end")
        if read.unreadable:
            call.gives(f"runs a shell text that jitd cannot read: {read.unreadable}")

    def _simple(self, call: Call, one: Simple) -> None:
        """Judge one simple command of a text."""
        input_ = call.input if one.fed_by is None else _output(one.fed_by)
        is_shown = call.is_shown and not one.is_captured
        for redirection in one.redirections:
            if redirection.operator in ("<<", "<<-", "<<<"):
                if redirection.number == 0:
                    known = None if redirection.target.is_free else f"{redirection.target.text}\n"
                    input_ = Input(text=known, told="a text that jitd cannot read")
            elif redirection.operator == "<" and redirection.number == 0:
                input_ = Input(path=redirection.target, told=redirection.target.text)
            if redirection.operator in (">", ">>", ">|", "&>", "&>>") and redirection.number == 1:
                is_shown = False
        inner = replace(call, input=input_, is_shown=is_shown, name="")
        for redirection in one.redirections:
            if redirection.target.text == "/proc/sysrq-trigger" and [word.text for word in one.words] == ["echo", "s"]:
                continue  # the letter of sync(2)
            self._redirect(inner, redirection, is_empty=_SILENT.fullmatch(" ".join(word.text for word in one.words)) is not None)
            self._empties(inner, redirection, one.words)
        for name, value in one.assigned:
            self.set_variable(inner, name, value)
        if one.words:
            inner.start(one.words, is_text=True)

    @staticmethod
    def _redirect(call: Call, redirection: Redirection, *, is_empty: bool) -> None:
        operator, target = redirection.operator, redirection.target
        if operator in (">", ">>", ">|", "&>", "&>>", "<>"):
            how = "empties" if is_empty and operator != "<>" else "overwrites"
            call.writes(target, how="appends to" if operator in (">>", "&>>") else how)
        elif operator == ">&" and not (target.is_free or re.fullmatch(r"[0-9]*-?", target.text)):
            call.writes(target)
        elif operator == "<":
            call.reads(target)

    @staticmethod
    def _empties(call: Call, redirection: Redirection, words: Sequence[Word]) -> None:
        """A shell empties the target before the program starts: nothing is left for one that reads it, or that writes nothing."""
        target = redirection.target
        path = call.absolute(target) if redirection.operator in (">", ">|") and not target.is_free else None
        is_read = any(word.text == target.text for word in words[1:])
        if path is None or not (is_read or not words) or is_spent(path) or is_data(path) or call.is_hers(path):
            return
        seen = call.judge.look(path)
        if seen is None or seen.is_absent or seen.is_directory or place_of(path) is not None:
            return
        told = f"empties {_short(path)}" + (f" before {_short(words[0].text)} reads it" if words else "")
        call.destroys(told, path, is_whole=True)

    def set_variable(self, call: Call, name: str, value: Word | None) -> None:
        """A text sets the variable ``name``. ``value`` is None if it is not known."""
        if not code_let_in(name):
            return
        if value is not None and not value.is_free:
            if not value.text:
                return
            paths = [part for part in value.text.split(":") if part]
            if name == "PATH" and all(_SYSTEM.fullmatch(path.rstrip("/")) or path in ("$PATH",) for path in paths):
                return
            if name in ("PAGER", "SYSTEMD_PAGER", "GIT_PAGER", "MANPAGER", "PSQL_PAGER") and value.text in ("cat", "/bin/cat"):
                return
            if name == "IFS" or (name == "HOME" and value.text == "/root"):
                return
        call.gives(f"the variable {_short(name)} can load or start other code", is_whole=True)


class _Away(Judge):
    """Goes on with the work of ``home`` where the files are not this host's, so that their names alone tell something."""

    def __init__(self, home: Judge) -> None:
        self.__dict__ = home.__dict__

    def look(self, path: str) -> Seen | None:
        return None

    def is_not_looked_at(self, path: str) -> bool:
        return False

    def as_elsewhere(self, path: str) -> tuple[str, ...]:
        return ()

    def text_of(self, paths: Sequence[str]) -> str | None:
        return None

    def whole(self, path: str, cwd: str) -> str:
        return absolute(path, cwd or "/")

    def changed_by(self, path: str) -> str:
        return self.named_after(path)

    def leads_elsewhere(self, path: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a program. ``arguments`` contains the words after the program's name. ``cwd`` is the working directory, or empty
    if it is not known. ``is_root`` is True if root runs the program. If another account than the command's own runs it, because
    a program such as su(1) changes the account, ``whom`` is its name. ``is_shown`` is True if the output goes to a terminal.
    ``elsewhere`` says where the program runs if this is not the host itself, such as ``on db2``. ``has_session`` is True if a
    program such as su(1) may have opened a session of the account.
    """

    judge: Judge
    name: str
    path: str
    arguments: tuple[Word, ...]
    cwd: str
    is_root: bool
    whom: str
    is_shown: bool
    input: Input | None
    depth: int = 0
    row: Row | None = None
    elsewhere: str = ""
    functions: frozenset[str] = frozenset()
    has_session: bool = False
    given: dict[str, list[Word]] = field(default_factory=dict, compare=False)
    asked: set[str] = field(default_factory=set, compare=False)
    left: list[int] = field(default_factory=list, compare=False)
    sorted_operands: list[Word] = field(default_factory=list, compare=False)

    # --- what rows ask ----------------------------------------------------------------------------------------------

    def has(self, *options: str) -> bool:
        self.asked.update(options)
        return any(option in self.given for option in options)

    def values(self, *options: str) -> list[Word]:
        """Return the values of ``options``, in the order of ``options``."""
        self.asked.update(options)
        return [value for option in options for value in self.given.get(option, ())]

    def knows_all(self) -> None:
        """The judge has understood every word, options and operands alike."""
        self.asked.add(_ALL)

    def leaves(self, words: Sequence[Word]) -> None:
        """The last arguments, ``words``, are those of another program: their options are not this one's."""
        at = len(self.arguments) - len(words)
        if at >= 0 and self.arguments[at:] == tuple(words):
            self.left.append(at)

    @property
    def words(self) -> tuple[Word, ...]:
        """All arguments. The judge looks at the operands among them."""
        self.asked.add(_OPERANDS)
        return self.arguments

    @property
    def operands(self) -> list[Word]:
        """The arguments beside the options. The judge looks at them."""
        self.asked.add(_OPERANDS)
        return self.sorted_operands

    @property
    def verb(self) -> Word | None:
        """The first operand, or None."""
        return self.operands[0] if self.operands else None

    @property
    def may_add_options(self) -> bool:
        """True if a word that is not known may be an option."""
        for word in self.arguments:
            if word.text == "--" and not word.is_free:
                return False
            if _may_be_option(word):
                return True
        return False

    # --- what rows find ---------------------------------------------------------------------------------------------

    def _record(
        self,
        grade: Grade,
        what: str,
        path: str = "",
        matters: str = "",
        *,
        is_whole: bool = False,
        damage: Damage = Damage.NONE,
        is_guess: bool = False,
    ) -> None:
        """``is_guess``: the program is given a file, and jitd does not know for what. So any other finding about it says more."""
        said = what if is_whole or not self.name else f"{_short(self.name)} {what}"
        if self.elsewhere or (self.whom and grade is Grade.GIVES):
            whom = [f"as {_short(self.whom)}"] if self.whom else []
            said = f"{' '.join([*([self.elsewhere] if self.elsewhere else []), *whom])}: {said}"
            grade = min(grade, Grade.LEADS)
        if self.elsewhere:
            path, matters, said = "", matters.replace("this host", "that host"), said.replace("this host", "that host")
        self.judge.record(grade, said, path, matters, damage, is_guess=is_guess)

    def gives(self, what: str, path: str = "", matters: str = "", *, is_whole: bool = False) -> None:
        self._record(Grade.GIVES, what, path, matters, is_whole=is_whole)

    def leads(self, what: str, path: str = "", matters: str = "", *, is_whole: bool = False) -> None:
        self._record(Grade.LEADS, what, path, matters, is_whole=is_whole)

    def changes(self, what: str, path: str = "", matters: str = "", *, is_whole: bool = False) -> None:
        self._record(Grade.CHANGES, what, path, matters, is_whole=is_whole)

    def destroys(self, what: str, path: str = "", matters: str = "", *, back: str = FOR_GOOD, is_whole: bool = False) -> None:
        """The program destroys ``what`` the sentence names. ``back`` says how it comes back, as far as the words tell, such as
        ``whose snapshots remain``. It is empty if ``what`` says that something is gone.
        """
        told = f"{what}, {back}" if back else what
        self._record(Grade.CHANGES, told, path, matters, is_whole=is_whole, damage=Damage.DESTROYS)

    def stops(self, what: str, matters: str = "", *, back: str, is_whole: bool = False) -> None:
        """The program stops something that many need. ``back`` says until when, such as ``until somebody switches it on``."""
        self._record(Grade.CHANGES, f"{what}, {back}", "", matters, is_whole=is_whole, damage=Damage.STOPS)

    def discloses(self, what: str, path: str = "", matters: str = "", *, is_whole: bool = False) -> None:
        self._record(Grade.READS, what, path, matters, is_whole=is_whole)

    def unknown(self, what: str = "", path: str = "", *, text: Word | None = None) -> None:
        """jitd does not know what the program does. ``text`` is an argument that names no file."""
        self._record(Grade.UNKNOWN, what or f"jitd does not know what {_short(self.name)} does", path, is_whole=True)
        if not path:
            self.trusts_words(text)

    def not_known(self, what: str) -> None:
        """jitd knows the program, but nothing of what these words make it do. So this may be a loss."""
        self._record(Grade.UNKNOWN, what, is_whole=True, damage=Damage.DESTROYS)
        self.trusts_words()

    def trusts_words(self, text: Word | None = None) -> None:
        """The program may do what the files say that its words name. Others may be able to change one of them. ``text`` is an
        argument that names no file.
        """
        if not self.is_root or self.judge.is_pattern:
            return None
        for word in self.arguments[:MOST_WORDS]:
            if word is text:
                continue
            for named in _paths_in(word) if _PLAIN.fullmatch(word.text) else ():
                whole = self.absolute(named)
                if whole is not None and _STARTED.match(whole):
                    return self._record(Grade.GIVES, f"is given {_short(whole)}, and may write to it", whole, is_guess=True)
                if whole is not None and (who := self.judge.changed_by(whole)):
                    return self.gives(f"{_short(whole)} {_belongs(self.judge.look(whole), who)}", whole, is_whole=True)

    def obeys(self, word: Word) -> bool:
        """The program does what the file ``word`` says. True if others can change it: then this is told."""
        path = self.absolute(word)
        who = "anybody" if path is None or word.is_free else self.judge.changed_by(path).partition(",")[0]
        if who:
            self.gives(f"does what {path or 'any file'} says, which {who} can change", path or "")
        return bool(who)

    def trusts(self, word: Word) -> None:
        """The program does what the file ``word`` says, and a line of it that it does not understand is in its message."""
        if not self.obeys(word):
            self.reads(word)

    def shell(self) -> None:
        """The program gives a shell."""
        self.gives("gives a shell")

    def absolute(self, word: Word) -> str | None:
        """Return the absolute path of ``word``, or the directory below which it is. Return None if nothing is known."""
        text = word.text
        if word.roams and not re.match(r"/[^/]+/[^/]+/", text):
            return None
        if word.roams and not self.judge.is_pattern:
            return None
        if text.startswith("~"):
            user, slash, rest = text[1:].partition("/")
            home = (
                "/root" if user == "root" or (not user and self.is_root) else f"/home/{user or self.whom or self.judge.account}"
            )
            text = home + slash + rest
        if word.is_free and not text.startswith("/") and "/" not in text:
            text = "./"
        if not text.startswith("/") and not self.cwd:
            return None
        return self.judge.whole(text.rpartition("/")[0] + "/" if word.is_free else text, self.cwd)

    def real(self, path: str) -> str:
        seen = self.judge.look(path)
        return absolute(seen.real, "/") if seen is not None and seen.real.startswith("/") else path

    def names(self, path: str) -> tuple[str, ...]:
        """Return where ``path`` leads, ``path`` itself, and the other names of the file."""
        seen = self.judge.look(path)
        real = self.real(path)
        return real, path, *(() if seen is None else seen.others), *self.judge.as_elsewhere(real)

    def place(self, path: str, graded: Callable[[Asset], Grade]) -> Asset | None:
        """Return what is known of the file at ``path`` by where it leads, or else by ``path``. If another name of the file is
        graded as worse by ``graded``, return what is known by this name.
        """
        real, same, *others = self.names(path)
        found = next(filter(None, map(place_of, (*self.judge.as_elsewhere(real), real, same))), None)
        worst = graded(found) if found is not None else Grade.HARMLESS
        for other in others:
            if (place := place_of(other)) is not None and graded(place) > worst:
                found, worst = place, graded(place)
        return found

    def writes(
        self,
        word: Word,
        *,
        how: str = "overwrites",
        is_use: bool = True,
        is_tree: bool = False,
        is_creation: bool = True,
        worst: Grade = Grade.GIVES,
    ) -> None:
        """The program changes the file ``word``. ``is_use`` is False if nobody can choose what it becomes. If ``is_tree`` is
        True, everything below it is changed too. ``is_creation`` is False if the program needs a file that exists. A file that
        others can lead elsewhere gives at most ``worst``.
        """
        path = self.absolute(word)
        if path is None:
            if word.is_any or word.is_free or self.judge.is_pattern:
                return self.gives("can change any file")
            if self.is_root and not self.cwd:
                return self.gives(f"{how} {_short(word.text)} in a directory that jitd cannot tell", is_whole=True)
            return self.changes(f"{how} {_short(word.text)}", is_whole=True)
        is_whole_tree = is_tree or word.is_free
        place = self.place(path, lambda place: place.written)
        below = is_whole_tree and any(map(_is_tree, self.names(path)))
        told = f"{how} {'files below ' if word.is_free else ''}{_short(path)}"
        is_ours = self.is_root or (place is not None and place.is_own)
        damage = self._damage(path, how, place.matters if place else "", is_tree=is_tree, is_free=word.is_free)
        if damage:
            back = "which changes all rights that its files had" if how.startswith(_RIGHTS) else FOR_GOOD
            told = f"{told}, {STOPPED_BY.get(place.matters, back) if place else back}"
        if below and self.is_root:
            return self._record(Grade.GIVES, told, path, tree_matters(path), is_whole=True, damage=damage)
        if place is not None:
            grade = place.written if is_ours or place.written < Grade.CHANGES else Grade.CHANGES
            return self._record(grade, told, path, place.matters, is_whole=True, damage=damage) if grade else None
        who = self.judge.leads_elsewhere(path) if self.is_root and not word.is_free else ""
        if who:
            grade = worst if is_use and self.judge.is_chosen(who) else Grade.CHANGES
            linked = f"; {_name(who)} can replace it by a link" if damage else f", which {_name(who)} can replace by a link"
            return self._record(grade, f"{told}{linked}", path, is_whole=True, damage=damage)
        seen = self.judge.look(path)
        if (seen is not None and seen.is_absent and is_creation) or (
            re.match(r"/(tmp|var/tmp|dev/shm)/.", path) and not word.is_free
        ):
            return None
        self._record(Grade.CHANGES, told, path, is_whole=True, damage=damage)

    def _damage(self, path: str, how: str, matters: str, *, is_tree: bool, is_free: bool) -> Damage:
        """Return what is lost if the program does to the file at ``path``, or to what is below it, what ``how`` says. If
        ``is_free`` is True, the file may be any below it.
        """
        if how.startswith(_RIGHTS):
            is_large = (is_tree or is_free) and any(map(_is_tree, self.names(path)[1:]))
            return Damage.DESTROYS if is_large and not self.is_hers(path) else Damage.NONE
        if matters in STOPPED_BY:
            return Damage.STOPS
        if not how.startswith(("overwrites", "empties", "appends")) or (how.startswith("appends") and matters != DISK):
            return Damage.NONE
        seen = self.judge.look(path)
        is_there = seen is None or not (seen.is_directory or (seen.is_absent and matters != DISK))
        is_kept = any(is_data(one) or (is_free and may_have_data(one)) for one in self.names(path)[1:])
        is_others = not (is_free or how.startswith("appends")) and self.is_of_another(path)
        is_emptied = how.startswith("empties") and any(is_lost(one, is_tree=False) for one in self.names(path))
        is_gone = (is_there or is_free) and not is_tree and (is_kept or is_others or is_emptied)
        return Damage.DESTROYS if is_gone and not self.is_hers(path) else Damage.NONE

    def is_hers(self, path: str) -> bool:
        """True if the file at ``path``, or the directory in which it would be, is the requester's own."""
        seen = [self.judge.look(one) for one in (path, path.rpartition("/")[0] or "/")]
        return bool(self.judge.requester) and any(one is not None and one.owner == self.judge.requester for one in seen)

    def reads(self, word: Word, *, is_tree: bool = False, then: str = "", least: Grade = Grade.READS) -> None:
        """The program shows or copies what is in the file ``word``, and ``then`` does more with it, which counts as ``least``."""
        path = self.absolute(word)
        told = f", and {then}" if then else ""
        if path is None:
            if word.is_free:
                self._record(least, f"can read any file, keys and password hashes too{told}")
            return None
        names = self.names(path)
        place = max(
            (place for one in (*self.judge.as_elsewhere(names[0]), *names) if (place := place_of(one)) and place.read),
            key=lambda place: place.read,
            default=None,
        )
        if place is None and (whose := next(filter(None, map(self._home_of_another, names)), "")):
            return self._record(least, f"reads files of {whose}{told}", path, is_whole=True)
        if place is not None:
            self._record(max(place.read, least), f"reads {_short(path)}{told}", path, place.shown, is_whole=True)
        elif (is_tree or word.is_free) and self.is_root and any(map(_is_tree, names)):
            self._record(least, f"reads files below {_short(path)}{told}", path, tree_matters(path), is_whole=True)
        elif self.is_root and self.judge.is_not_looked_at(path):
            self.discloses("it reads files at which jitd has not looked", is_whole=True)
        elif self.is_root and (is_tree or not word.is_free) and (who := self.judge.leads_elsewhere(path)):
            seen = self.judge.look(path)
            if seen is not None and (seen.is_hidden or seen.real.rstrip("/") not in (path, "")):
                self.discloses(f"reads {_short(path)}, which {_name(who)} can replace by a link", path, is_whole=True)

    def _home_of_another(self, path: str) -> str:
        """Return whose home directory ``path`` is in, if it is another person's than the requester's."""
        found = re.match(r"/home/([^/]+)(?:/|\Z)", path)
        return found[1] if found and self.judge.requester and found[1] != self.judge.requester else ""

    def is_of_another(self, path: str) -> bool:
        """True if the file at ``path`` is another person's than the requester's."""
        return any(map(self._home_of_another, self.names(path)))

    def lists(self, word: Word) -> None:
        """The program shows the names of the files in ``word``."""
        path = self.absolute(word)
        if path is not None and self.is_root and (whose := self._home_of_another(path)):
            self.discloses(f"shows the names of files of {whose}", path, is_whole=True)

    def removes(self, word: Word, *, how: str = "deletes", is_tree: bool = False) -> None:
        """The program removes the file ``word``, or makes it empty. If ``is_tree`` is True, it removes everything below it."""
        path = self.absolute(word)
        if path is None:
            if word.is_free and self.judge.is_pattern:
                told = f"{_short(self.name)} can delete any file, {FOR_GOOD}"
                return self._record(Grade.GIVES, told, is_whole=True, damage=Damage.DESTROYS)
            told = f"{how} {'files that jitd cannot tell' if word.is_free else _short(word.text)}"
            is_gone = (is_tree or (word.is_free and not word.text)) and how != "moves away"
            return self.destroys(told, is_whole=True) if is_gone else self.changes(told, is_whole=True)
        real, _, *others = self.names(path)
        place = self.place(path, lambda place: place.written)
        if place is not None and not place.written:
            return None
        if place is None and not word.is_free and self.judge.is_own(path):
            return None
        is_large = (is_tree or word.is_free) and any(map(_is_tree, (path, *others)))
        matters = tree_matters(path) if is_large else place.matters if place else ""
        told = f"{how} {'files below ' if word.is_free else ''}{_short(path)}"
        if how == "moves away":
            if is_large or any(map(_is_tree, (path, *others))) or (place is not None and place.matters == DATABASE):
                return self.stops(told, back="until it is moved back", is_whole=True)
            return self.changes(told, path, matters, is_whole=True)
        is_tree = is_tree or (word.is_free and not re.search(r"/(log|logs)(/|\Z)", path))
        is_others = not word.is_free and self.is_of_another(path)
        is_gone = is_others or any(is_lost(one, is_tree=is_tree) for one in (real, path))
        is_gone = is_gone or any(is_lost(one, is_tree=is_tree and place_of(one) is not None) for one in others)
        if is_gone and not self.is_hers(path):  # also if nothing is there now: something may be when it runs
            return self.destroys(told, path, matters, is_whole=True)
        self.changes(told, path, matters, is_whole=True)

    # --- what a program starts --------------------------------------------------------------------------------------

    def by(self, account: Word) -> Call:
        """Return this call as ``account`` makes it. An account that is not known is taken for root."""
        name = account.text.partition(":")[0]
        if account.is_free or name in ("root", "#0", "0", "+0", ""):
            return replace(self, is_root=True, whom="", has_session=True)
        return replace(self, is_root=False, whom=name, has_session=True)

    def away(self, where: str) -> Call:
        """Return this call as it is made in ``where``, such as ``in the container web``, whose files are not this host's."""
        whole = f"{self.elsewhere}, {where}" if self.elsewhere else where
        return replace(self, judge=_Away(self.judge), elsewhere=whole, is_root=False, cwd="")

    def on(self, host: str, account: str = "", *, variable: str = "") -> Call:
        """Return this call as ``account`` makes it on ``host``, with keys that are on this host. Without ``account``, the name
        is the one that it has here. ``host`` is empty if no word names one, as in ``ssh "$h"``, and ALL_HOSTS if all are meant.
        ``variable`` is the name of the variable that names it then.
        """
        whose = self.whom or self.judge.account or "the account"
        unnamed = f"{_UNNAMED} (${_short(variable)})" if variable else _UNNAMED
        name, unseen = (host or unnamed, "them") if host in ("", ALL_HOSTS) else (_short(host), _short(host))
        self.judge.note(f"acts on {name} with {whose}'s keys of this host; jitd does not see {unseen}")
        there = self.away(f"on {name}")
        if account in ("", "root"):
            is_root = self.is_root or account == "root"
            return replace(there, is_root=is_root, whom="" if is_root else self.whom, cwd="/root" if is_root else "")
        return replace(there, whom=account, cwd=f"/home/{account}")

    def within(self, directory: Word | None) -> Call:
        """Return this call with the working directory ``directory``."""
        if directory is None:
            return self
        return replace(self, cwd="" if directory.is_free else self.absolute(directory) or "")

    def fed(self, input_: Input) -> Call:
        """Return this call with another standard input."""
        return replace(self, input=input_)

    def start(self, words: Sequence[Word], *, is_text: bool = False) -> None:
        """The program starts the command ``words``. If ``is_text`` is True, a shell starts it, which has builtins."""
        judge = self.judge
        judge.n_calls += 1
        self.leaves(words)
        if len(words) > MOST_WORDS:
            words = (*words[:MOST_WORDS], Word("", is_free=True))
        if not words:
            if others := self._other_start(len(self.arguments)):
                self.start(others)
            return None
        if self.depth >= DEEPEST or judge.n_calls > MOST_CALLS:
            if not judge.is_full:
                judge.is_full = self.depth < DEEPEST
                judge.record(Grade.GIVES, "it starts more programs than jitd follows")
            return None
        first = words[0]
        inner: Call = replace(
            self,
            depth=self.depth + 1,
            path="",
            name="",
            arguments=tuple(words[1:]),
            row=None,
            given={},
            asked=set(),
            left=[],
            sorted_operands=[],
        )
        if first.is_free:
            known = re.fullmatch(r"/(?:usr/)?(?:local/)?s?bin/", first.text)
            inner = replace(inner, name="")
            return inner.gives(
                "any command, a shell too, may be run"
                if judge.is_pattern or known or first.roams
                else f"starts programs in {_short(first.text)}",
                is_whole=True,
            )
        path = first.text
        if is_text and "/" not in path and path in self.functions:
            return None
        inner = replace(inner, name=path.rpartition("/")[2], path=path)
        if self.row is not None and self.row.is_first and "/" not in path and _row(judge.table, path) is None:
            at = len(self.arguments) - len(words)
            if at > 0 and self.arguments[at:] == tuple(words) and (others := self._other_start(at)):
                self.start(others)
            if len(words) > 1 and not words[1].text.startswith("-"):
                judge.n_beside += 1
                if judge.n_beside > MOST_BESIDE:
                    return judge.record(Grade.GIVES, "it starts more programs than jitd follows")
                self.start(words[1:])
        if is_text and "/" not in path and (builtin := judge.table.get(f":{path}")):
            return inner._by(builtin)
        inner.judged()

    def _other_start(self, at: int) -> tuple[Word, ...]:
        """Return the command that begins at the word before ``at``, if this word names a program. A wrapper may have an option
        that takes no value although the table says so.
        """
        if self.row is None or not self.row.is_first or not 0 < at <= len(self.arguments):
            return ()
        word = self.arguments[at - 1]
        is_program = not word.is_free and not word.text.startswith("-") and _row(self.judge.table, word.text.rpartition("/")[2])
        return self.arguments[at - 1 :] if is_program and at > 1 else ()

    def judged(self) -> None:
        """Judge this call, by the file at its path and by the row of its program."""
        judge = self.judge
        path = self.path
        rows: list[tuple[str, Row]] = []
        known = _row(judge.table, self.name)
        is_placed = False
        if "/" in path:
            whole = self.absolute(Word(path))
            if whole is None:
                return self.gives(f"starts {_short(path)}, whose directory is not known", is_whole=True)
            directory = whole.rpartition("/")[0]
            seen = judge.look(whole)
            real = seen.real if seen is not None else whole
            if self.is_root and (who := judge.changed_by(whole)):
                self.gives(f"{_short(whole)} {_belongs(seen, who)}", whole, is_whole=True)
                self.runs_bound(whole, self.arguments)
            elif not self.is_root and who_else(self, whole):
                self.gives(f"{_short(whole)} {_belongs(seen, who_else(self, whole))}", whole, is_whole=True)
            if directory == "/etc/init.d" and "service" in judge.table:
                return self.start([Word("service"), Word(whole.rpartition("/")[2]), *self.words])
            is_placed = _SYSTEM.fullmatch(directory) is not None
            if known is not None:
                rows.append((self.name, known))
            others = () if seen is None or (is_placed and known is not None) else seen.others  # one file may be many programs
            for name in dict.fromkeys(one.rpartition("/")[2] for one in (real, *others)):
                row = _row(judge.table, name)
                if row is not None and row not in [one for _, one in rows] and (known is None or name not in _MANY):
                    rows.append((name if known is None else self.name, row))
        elif known is not None:
            rows.append((self.name, known))
            is_placed = True
        for name, row in rows:
            (self if name == self.name else replace(self, name=name))._by(row)
        if not rows or not is_placed:
            self._not_known(is_known=bool(rows))

    def _by(self, row: Row) -> None:
        """Judge this call by ``row``."""
        words = self.arguments
        if len(words) > MOST_WORDS:
            words = (*words[:MOST_WORDS], Word("", is_free=True))
        call = replace(self, row=row, arguments=words, given={}, sorted_operands=[], asked=set(), left=[])
        if row.is_parsed:
            return row.judge(call)
        n_recorded, n_given = self.judge.n_recorded, self.judge.n_given
        unlisted = _parse(row, words, call.given, call.sorted_operands)
        if row.is_telling(self.name, words):
            call.knows_all()
        else:
            row.judge(call)
        if row.chosen and call.may_add_options:
            call.gives(row.chosen)
        if not row.is_plain and not self.name.startswith(":") and not self.elsewhere:
            call._values_of_other_options()
        if _ALL not in call.asked:
            is_silent = self.judge.n_recorded == n_recorded
            call._not_known_options(unlisted, is_silent=is_silent, gives_root=call.is_root and self.judge.n_given > n_given)
            if self.judge.n_recorded == n_recorded:
                call._not_understood()

    def _not_known_options(self, unlisted: Sequence[tuple[int, str]], *, is_silent: bool, gives_root: bool) -> None:
        """Find the first option that neither the judge nor the row knows. The next word may be its value or not, so what follows
        may be something else than the judge has taken it for: this counts as a loss. It is only said if nothing follows, if the
        verb before it only looks and stays the verb, or if the call gives root, because no single key approves that.
        """
        end = min(self.left, default=len(self.arguments))
        for at, option in unlisted:
            if at >= end or option.lstrip("-") in self.asked:
                continue
            told = f"jitd does not know the option {_short(option)} of {self._told_name}"
            before, after = self.arguments[:at], self.arguments[at + 1 :]
            only_looks = is_silent and _OPERANDS in self.asked and _n_operands(before) and _n_operands(after) < 2
            if not after or only_looks:
                return self._record(Grade.UNKNOWN, told, is_whole=True)
            damage = Damage.NONE if gives_root else Damage.DESTROYS
            return self._record(Grade.UNKNOWN, f"{told}, so not what follows it", is_whole=True, damage=damage)

    @property
    def _told_name(self) -> str:
        return _short(self.name.removeprefix(":"))

    def _not_understood(self) -> None:
        """Nothing was found about this call. Find what neither the judge nor the row knows."""
        name = self._told_name
        if _OPERANDS not in self.asked and self.sorted_operands and self.row is not None and not self.row.operands:
            self.unknown(f"jitd does not know what {_short(self.sorted_operands[0].text)} is to {name}")
        elif self.may_add_options and any(map(_may_be_option, self.sorted_operands)) and not (self.row and self.row.is_plain):
            self._record(Grade.UNKNOWN, f"jitd does not know each option that {name} may be given", is_whole=True)

    def _values_of_other_options(self) -> None:
        """Find the files that options name which the row does not judge: a program may load one, run it, or write to it."""
        row = self.row
        known = row.known if row is not None else {}
        for option, values in self.given.items():
            if option not in self.asked and not _SELECTS.search(option):
                for given in values:
                    if not given.is_free:
                        self._given_to(given, may_write=option not in known or _WRITES.search(option) is not None)
        words = self.arguments[:MOST_WORDS]
        for at, word in enumerate(words):
            text = word.text
            if text == "--":
                return
            if (word.is_free and not self.judge.is_pattern) or len(text) > 4096 or not text.startswith("-"):
                continue
            name, equals, value = text.lstrip("-").partition("=")
            if text.startswith("--") or (equals and len(name) > 1):
                is_known = any(one.startswith(name) for one in known if name and len(one) > 1)
            else:
                is_known = name in known or not _unlisted(name, known)
                if not equals and (found := re.search(r"[/~]", name)):
                    name, equals, value = name[: found.start()], "=", name[found.start() :]
            if _SELECTS.search(name) or is_known:
                continue
            following = words[at + 1] if at + 1 < len(words) else None
            if word.is_free and equals:
                self._given_any(text.partition("=")[0], replace(word, text=value, is_bound=_BOUND.match(value) is not None))
            elif equals:
                self._given_to(Word(value))
            elif following is not None and following.is_free and self.judge.is_pattern:
                self._given_any(text, following)
            elif at + 1 < len(words) and re.match(r"[/~]|\.\.?/", words[at + 1].text) and not words[at + 1].is_free:
                self._given_to(words[at + 1], is_sure=False, may_write=False)

    def _given_any(self, option: str, value: Word) -> None:
        """The requester chooses what follows the beginning ``value`` of the value of ``option``, of which jitd knows nothing. If
        the program only tells something, any other word that the requester chooses may do as much.
        """
        has_chosen = self.row is not None and self.row.chosen
        if not value.is_bound and not has_chosen and any(one.grade >= Grade.CHANGES for one in self.judge.findings()):
            self.gives(f"may be given any file by {_short(option)}")

    def _given_to(self, value: Word, *, is_sure: bool = True, may_write: bool = True) -> None:
        """An option of which jitd knows nothing has the value ``value``. If ``is_sure`` is False, this may be an operand."""
        if not re.match(r"@?(?:[/~]|\.\.?/)", value.text):
            for found in re.findall(r"(?:[=:,@ ]|^-[A-Za-z])([/~][\w./-]*)", value.text)[:8]:
                self._given_to(Word(found), may_write=False)
            return None
        path = self.absolute(Word(value.text.removeprefix("@")))
        if path is None:
            return None
        if who := self.judge.changed_by(path) if self.is_root else who_else(self, path):
            told = f"is given {_short(path)}, which {_belongs(self.judge.look(path), who)}"
            return self._record(Grade.GIVES, told, path, is_guess=True)
        place = place_of(self.real(path)) or place_of(path)
        if place is not None and place.written is Grade.GIVES and may_write and self.is_root:
            told = f"is given {_short(path)}, and may write to it"
            return self._record(Grade.GIVES, told, path, place.matters, is_guess=True)
        if is_sure or (place is not None and _SECRET.search(place.shown)):
            self.reads(Word(path))

    def _not_known(self, *, is_known: bool) -> None:
        """jitd does not know the program, at least not at this path."""
        path = self.path if "/" in self.path else self.name
        self.unknown(f"jitd does not know what {_short(path if is_known else self.name)} does")
        self.judge.n_searched += sum(len(word.text) + 16 for word in self.arguments)
        if self.judge.n_searched > MOST_SEARCHED or len(self.arguments) >= MOST_WORDS:
            return self.gives("it is too long to be searched", is_whole=True)
        if any(_SHELL_NAMED.search(word.text) for word in self.arguments[:MOST_WORDS]):
            return self.gives(f"{_short(path)}, which jitd does not know, is given a shell or an interpreter", is_whole=True)

    def again(self, words: Sequence[Word]) -> None:
        """Judge this call with other words."""
        row = self.row
        if row is not None:
            self.knows_all()
            replace(self, arguments=tuple(words))._by(row)

    def runs_text(self, text: Word, positional: Sequence[Word] = ()) -> None:
        """A shell runs ``text``."""
        if self.depth >= DEEPEST:
            return self.gives("it starts more programs than jitd follows", is_whole=True)
        self.judge.run_text(self, text, positional)

    def is_too_long(self, code: Word) -> bool:
        """True if ``code`` is longer than what is searched, or is not known. This is found, too."""
        if code.is_free:
            self.gives("runs any code that it is given" if self.judge.is_pattern else "runs code that jitd cannot read")
        elif len(code.text) > LONGEST_CODE:
            self.gives("runs code that is too long to be read")
        return code.is_free or len(code.text) > LONGEST_CODE

    def runs_file(self, word: Word, positional: Sequence[Word] = ()) -> None:
        """The program runs the code in the file ``word``, with the arguments ``positional`` if it is a script."""
        path = self.absolute(word)
        if path is None:
            return self.gives("runs any code that it is given")
        seen = self.judge.look(path)
        if re.match(r"/dev/|/proc/", path):
            return self.gives(f"runs what {_short(path)} contains", path)
        if word.is_free:
            if _is_tree(path) or self.judge.changed_by(path):
                return self.gives(f"runs any file below {_short(path)}", path)
            return self.unknown(f"jitd does not know what the files below {_short(path)} do", path)
        if who := self.judge.changed_by(path) if self.is_root else who_else(self, path):
            self.gives(f"{_short(path)} {_belongs(seen, who)}", path, is_whole=True)
            return self.runs_bound(path, positional)
        self.unknown(f"jitd does not know what {_short(path)} does", path)
        if any((place := place_of(one)) and _SECRET.search(place.shown) for one in self.names(path)):
            self.reads(word)  # a line that is not code is in the message that says so

    def runs_bound(self, path: str, positional: Sequence[Word]) -> None:
        """A shell runs the file at ``path``. If the run is bound to its text, this is read as one after ``sh -c``."""
        text = self.judge.text_of(self.names(path))
        if text is not None and _OF_A_SHELL.match(text):
            self.runs_text(Word(text), [Word(path), *positional])

    def runs_input(self, what: str = "runs") -> None:
        """The program runs the code in its standard input."""
        given = self.input
        if given is not None and given.path is not None:
            return self.runs_file(given.path)
        told = given.told if given is not None and given.told else ""
        self.gives(f"{what} {told}" if told else f"{what} whatever is typed")


def _is_below(one: Finding, said: set[tuple[str, str]], found: Sequence[Finding]) -> bool:
    """True if the directory of the file in ``one`` has the same sentence with the same weight: one of the two is enough."""
    above, _, name = one.what.rpartition("/")
    if not (one.path and name and above and (above, one.matters) in said):
        return False
    return any(other.what == above and other.grade >= one.grade and other.damage >= one.damage for other in found)


def who_else(call: Call, path: str) -> str:
    """Return who, other than the account that runs the call, can change the file at ``path``."""
    who = call.judge.changed_by(path)
    account = call.whom or call.judge.account
    return "" if who.split(",")[0] == account else who


def _belongs(seen: Seen | None, who: str) -> str:
    if who == "anybody":
        return "can be changed by anybody"
    owner = seen.owner if seen is not None else who.partition(",")[0]
    return f"belongs to {who}" if owner == who.partition(",")[0] else f"can be changed by {who}"


def _n_operands(words: Sequence[Word]) -> int:
    return sum(not word.text.startswith("-") for word in words)


def _may_be_option(word: Word) -> bool:
    return word.is_free and (word.text == "" or word.text.startswith("-")) and not word.is_bound


def _name(who: str) -> str:
    """Return ``who``, which is as ``changed_by`` of a Seen, so that a sentence can go on behind it."""
    return f"{_short(who)}," if "," in who else _short(who)


def _short(text: str) -> str:
    """Return ``text``, which somebody has chosen, for a sentence. Of a long one, the beginning and the end."""
    if len(text) <= LONGEST_NAME:
        return name_in_sentence(text)
    begins, ends = text[: LONGEST_NAME // 2], text[-LONGEST_NAME // 2 :]
    return f"{name_in_sentence(begins)}…(+{len(text) - LONGEST_NAME})…{name_in_sentence(ends)}"


def _paths_in(word: Word) -> Iterator[Word]:
    """Yield the parts of ``word`` that may be a path: the whole, and what follows the first ``=``, ``:``, ``@`` or option."""
    if len(word.text) > 4096 or word.is_free or _URL.match(word.text):
        return
    if ("/" in word.text and not word.text.startswith("-")) or word.text in (".", ".."):
        yield word
    for mark in "=:@":
        _, found, rest = word.text.partition(mark)
        if found and rest.startswith(("/", "./", "../", "~")):
            yield Word(rest)
    if re.match(r"-[A-Za-z](?=[/~.])", word.text):
        yield Word(word.text[2:])


def _row(table: Table, name: str) -> Row | None:
    if name in table:
        return table[name]
    bare = _VERSION.sub("", name)
    return table.get(bare) or table.get(_VERSION.sub("", bare))


def _output(fed_by: tuple[Simple, ...]) -> Input:
    """Return what the commands ``fed_by`` write, as far as it is known."""
    if len(fed_by) != 1 or not fed_by[0].words:
        return Input(told="what other commands write")
    one = fed_by[0]
    first, *rest = one.words
    name = first.text.rpartition("/")[2]
    if name in ("echo", "printf") and not any(word.is_free for word in one.words):
        words = rest
        while words and re.fullmatch("-[neE]+", words[0].text) and name == "echo":
            words = words[1:]
        text = " ".join(word.text for word in words)
        if "\\" not in text and not (name == "printf" and "%" in text):
            return Input(text=f"{text}\n", told=f"what {name} writes")
    if name == "printf" and len(rest) == 2 and re.fullmatch(r"%s(\\n)?", rest[0].text) and not rest[1].is_free:
        return Input(text=f"{rest[1].text}\n", told="what printf writes")
    if name == "find" and not any(word.text.startswith(("-exec", "-printf", "-ok", "-fls")) or word.is_free for word in rest):
        starts = []
        for word in rest:
            if word.text.startswith(("-", "(", "!")):
                break
            starts.append(Word(f"{word.text.rstrip('/')}/", is_free=True, is_bound=True))
        if starts:
            return Input(names=tuple(starts), told="what find writes")
    if name == "cat" and len(rest) == 1 and not rest[0].is_free and not rest[0].text.startswith("-"):
        return Input(path=rest[0], told=f"what is in {rest[0].text}")
    if name == "yes":
        return Input(text="y\n" if not rest else None, told="what yes writes")
    return Input(told=f"what {_short(name) or 'it'} writes")


_CHANGE = ("cd", "pushd", "popd")


class _Directories:
    """The working directory of each command of a text. It is empty where it is not known."""

    def __init__(self, cwd: str, is_changed: bool) -> None:
        self._cwd = cwd
        self._first = "" if is_changed else cwd
        self._scopes: list[tuple[str, str]] = []

    def of(self, scope: tuple[str, ...]) -> str:
        """Return the directory in ``scope``, which is that of the next command."""
        if scope == ("$",):  # it is not known after which commands a substitution runs
            return self._first
        same = 0
        while same < min(len(scope), len(self._scopes)) and self._scopes[same][0] == scope[same]:
            same += 1
        for kind, before in reversed(self._scopes[same:]):
            if kind.startswith(("(", "{")):
                self._cwd = before if kind.startswith("(") else self._cwd
            elif before != self._cwd:
                self._cwd = ""
        del self._scopes[same:]
        self._scopes += [(kind, self._cwd) for kind in scope[same:]]
        return self._cwd

    def changed(self, call: Call, one: Simple) -> None:
        """``one`` has run in ``call``: if it is cd(1), the next command has another directory."""
        if not one.words or one.words[0].is_free or one.words[0].text not in _CHANGE or one.scope == ("$",):
            return
        operands = [word for word in one.words[1:] if not re.fullmatch("-[LPe@]+|--", word.text)]
        target = call.absolute(operands[0] if operands else Word("~"))
        is_known = (
            target is not None
            and one.words[0].text != "popd"
            and not (operands and (operands[0].is_free or operands[0].text == "-"))
            # a shell takes off the last name, but cd -P, and every other program, goes above where a link leads
            and not (operands and ".." in operands[0].text and target != absolute(operands[0].text, call.cwd))
        )
        if target is None or not is_known or (not one.is_certain and target != call.cwd):
            target = ""
        self._cwd = target


def _parse(row: Row, words: Sequence[Word], given: dict[str, list[Word]], operands: list[Word]) -> list[tuple[int, str]]:
    """Sort ``words`` as getopt_long(3) does. Return the options that ``row`` does not list, with their places."""
    known = row.known
    unlisted: list[tuple[int, str]] = []
    at = 0
    while at < len(words):
        word = words[at]
        text = word.text
        at += 1
        if text == "--" and not word.is_free:
            operands += words[at:]
            return unlisted
        if not text.startswith("-") or (text == "-" and not word.is_free):
            operands.append(word)
            if row.is_first:
                operands += words[at:]
                return unlisted
        elif text.startswith("--") or _is_long(text, known):
            name, equals, value = text.removeprefix("-").removeprefix("-").partition("=")
            if name not in known or (word.is_free and not equals):
                unlisted.append((at - 1, f"--{name}"))
            full = [name] if name in known else [one for one in known if len(one) > 1 and name and one.startswith(name)] or [name]
            for option in full:
                follows = given.setdefault(option, [])
                if equals:
                    follows.append(Word(value, word.is_free, word.is_bound))
            is_sure = name in known or not words[at : at + 1] or not words[at].text.startswith("--")
            if not equals and is_sure and any(known.get(option) == ":" for option in full) and at < len(words):
                for option in full:
                    given[option].append(words[at])
                at += 1
        else:
            if word.is_free and text == "-":
                operands.append(word)
            place = at - 1
            for n, letter in enumerate(text[1:], 2):
                follows = given.setdefault(letter, [])
                kind = known.get(letter, "")
                if letter not in known:
                    unlisted.append((place, f"-{letter}"))
                if not kind:
                    continue
                if text[n:] or word.is_free:
                    follows.append(Word(text[n:], word.is_free, word.is_bound))
                elif kind == ":" and at < len(words):
                    follows.append(words[at])
                    at += 1
                break
    return unlisted


def _is_long(text: str, known: Mapping[str, str]) -> bool:
    """True if ``text`` is an option of several letters with one hyphen, such as ``-name``, and not an option for each letter."""
    name = text[1:].partition("=")[0]
    return len(name) > 1 and name in known and ("=" in text or bool(_unlisted(name, known)))


def _unlisted(letters: str, known: Mapping[str, str]) -> str:
    """Return the first of ``letters``, which stand behind one hyphen, that ``known`` does not contain."""
    for letter in letters:
        if letter not in known:
            return letter
        if known[letter]:
            return ""
    return ""


_OPTIONS: dict[str, dict[str, str]] = {}


def _options(text: str) -> dict[str, str]:
    if text not in _OPTIONS:
        _OPTIONS[text] = {word.rstrip(":"): word[len(word.rstrip(":")) :] for word in text.split()}
    return _OPTIONS[text]
