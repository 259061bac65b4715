# SPDX-License-Identifier: Apache-2.0
"""Translates entries of sudoers into rules (sudoers(5), sudoers.ldap(5)).

Law: a rule permits nothing that sudo refuses. What is not understood, and what sudo says in a way that rules cannot say, is a
sentence and no rule. There are no denies, which would also beat the permits of other files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitd.core.conditions import is_name, read_command_pattern
from jitd.core.grader import Grader, way_to_root
from jitd.core.keys.hosts import read_host
from jitd.core.keys.run_as import SELF

if TYPE_CHECKING:
    from jitd_inspection.standing.sudo_ldif import Rule

_HARMLESS = """
always_query_group_plugin always_set_home authenticate authfail_message badpass_message compress_io
editor env_check env_delete env_editor env_keep env_reset fast_glob insults iolog_dir iolog_file iolog_flush
iolog_group iolog_mode iolog_user lecture lecture_file lecture_status_dir listpw log_allowed log_denied
log_exit_status log_format log_host log_input log_output log_stderr log_stdin log_stdout log_subcmds log_ttyin
log_ttyout log_year logfile loglinelen mail_all_cmnds mail_always mail_badpass mail_no_host mail_no_perms mail_no_user
mailerflags mailerpath mailfrom mailsub mailto match_group_by_gid maxseq pam_session pam_setcred pam_silent passprompt
passprompt_override passwd_timeout passwd_tries path_info pwfeedback runas_default secure_path set_home set_logname
set_utmp stay_setuid syslog syslog_badpri syslog_goodpri timestamp_timeout timestamp_type timestampdir timestampowner
tty_tickets umask umask_override use_pty utmp_runas verifypw visiblepw
"""
HARMLESS = frozenset(_HARMLESS.split())
"""Settings that do not change what sudo permits to whom. Of any other one, it is not known."""
COMMENT = re.compile(r"^# (Defaults\s*([:@!>])\s*(.*))$", re.MULTILINE)
"""What cvtsudoers writes of a setting that LDIF cannot say: it is bound to a user, a host, a command or a target."""
_ATTRIBUTES = """
dn objectClass cn ou dc o description version sudoUser sudoHost sudoRunAsUser sudoRunAsGroup sudoCommand
sudoOption sudoNotBefore sudoNotAfter sudoOrder
"""
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
LINE = re.compile(r"([A-Za-z][A-Za-z0-9;-]*)::? ?(.*)")
SHA = re.compile(r"sha(?:224|256|384|512):")


class NotCarried(Exception):
    """An entry is not carried over. The text is a sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who imports has typed. ``as_is`` are NOPASSWD lines that give root, and get no approval."""

    approvers: str
    gate: bool = False
    as_is: bool = False


@dataclass(slots=True)
class Carried:
    """An entry and its rule. ``because`` says why it is not carried over, and ``unchecked`` why sudo was not
    asked whether it agrees. ``notes`` are more sentences for its comment. ``password`` is true if sudo asks for a password.
    """

    entry: Rule
    number: int
    name: str
    users: tuple[str, ...] = ()
    run_as: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    asks: bool = True
    password: bool = True
    because: str = ""
    unchecked: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The entry as a line of sudoers, without aliases."""
        return told(self.entry)

    def rule(self, wishes: Wishes) -> str:
        """Return the rule as TOML."""
        services = ("jitsudo", "sudo") if wishes.gate else ("jitsudo",)
        unchecked = [f"UNCHECKED: {self.unchecked}"] if self.unchecked else []
        lines = [f"# {printable(line)}" for line in (f"sudo: {self.line}", *self.notes, *unchecked)]
        lines += ["[[permit]]", f"name = {_text(self.name)}"]
        lines += [f"who = {_list(self.users)}", f"commands = [{', '.join(map(_list, self.commands))}]"]
        lines += [f"run_as = {_list(self.run_as)}", f"services = {_list(services)}"]
        lines += [f"hosts = {_list(self.hosts)}"] if self.hosts else []
        lines += [f"approvals = [{{ need = 1, from = {_list((wishes.approvers,))} }}]"] if self.asks else []
        return "\n".join(lines) + "\n"


def faults_in(ldif: str) -> Iterator[tuple[int, str]]:
    """Yield the line and a sentence for each fault of ``ldif``, which may have been cut short or be of something else."""
    names: set[str] = set()
    begins, number = 0, 0
    for number, line in enumerate([*ldif.split("\n"), ""], 1):
        if line.startswith((" ", "#")):
            continue
        if line:
            begins = begins or number
            match = LINE.fullmatch(line)
            name = match[1] if match else ""
            if match is None:
                yield number, "is not a line of LDIF"
            elif name not in ATTRIBUTES:
                yield number, f"{name} is not an attribute that is read: ask ldapsearch with -LLL"
            names.add(name)
        elif begins:
            if "sudoUser" in names and "sudoCommand" not in names:
                yield begins, "this entry has no sudoCommand: it was cut short"
            elif not names & {"sudoUser", "sudoOption", "ou", "dc", "o", "version", "description"}:
                yield begins, "this entry has no sudoUser: it was cut short"
            begins, names = 0, set()
    if not ldif.endswith("\n"):
        yield number - 1, "the last line has no end: it was cut short"


def translate(
    entries: Sequence[Rule], defaults: Sequence[str], unable: Sequence[tuple[str, str]], wishes: Wishes, grader: Grader | None
) -> list[Carried]:
    """Translate ``entries``, in sudo's order. ``defaults`` are the settings for all of them, and ``unable`` those that are bound:
    the sign of what they are bound to, and the words.
    """
    found = [Carried(entry, n, _name(entry, n)) for n, entry in enumerate(entries, 1)]
    odd = [option for option in defaults if not _is_harmless(option)]
    run_as = next((one.partition("=")[2] for one in reversed(defaults) if one.startswith("runas_default=")), "root")
    open_to_all = next((one == "!authenticate" for one in reversed(defaults) if _setting(one) == "authenticate"), False)
    for one in found:
        options = one.entry.options
        one.password = "authenticate" in options or not (open_to_all or "!authenticate" in options)
        try:
            if odd:
                raise NotCarried(f"the setting {odd[0]} may change what every line means")
            for sign, words in unable:
                _refuse_reached(one.entry, sign, words)
            _translate(one, run_as, wishes, grader, asks=not open_to_all)
        except NotCarried as reason:
            one.because = str(reason)
    _take_away(found)
    return found


def bound_settings(ldif: str) -> list[tuple[str, str]]:
    """Return the settings that cvtsudoers could not translate: of each, what it is bound to, by its sign, and its words."""
    found = [(match[2], match[3]) for match in COMMENT.finditer(ldif)]
    return found if ldif.count("# Unable to translate") <= len(found) else [*found, ("", " of a kind that is not known")]


def _setting(option: str) -> str:
    return re.split(r"[-+]?=", option.lstrip("!"), maxsplit=1)[0].strip()


def _is_harmless(option: str, *, but: Collection[str] = ()) -> bool:
    """True if ``option`` does not change what sudo permits to whom: jitd needs no terminal either."""
    return option == "!requiretty" or (_setting(option) in HARMLESS and _setting(option) not in but)


def _refuse_reached(entry: Rule, sign: str, words: str) -> None:
    """Raise NotCarried if a bound setting may be about ``entry``. Only one for users who are named is surely not about others."""
    match = re.fullmatch(r"((?:\S+,\s+)*\S+)\s+(.*)", words)
    whom, rest = match.groups() if match else (words, "")
    settings = [one.strip() for one in rest.split(",")]
    if rest and '"' not in whom and all(_is_harmless(one, but=("authenticate", "runas_default")) for one in settings):
        return
    names = re.split(r",\s*", whom)
    is_plain = all(re.fullmatch(r"[a-z_][a-z0-9_.-]*", one) for one in (*names, *entry.users))
    if sign == ":" and rest and is_plain and not {*names} & {*entry.users}:
        return
    raise NotCarried(f"the setting Defaults{sign}{words} may be about it, and cannot be translated")


def _take_away(found: Sequence[Carried]) -> None:
    """The last match wins, also its tags: whatever a later entry takes away, an earlier one does not give."""
    for later, one in _overlapping(found):
        if any(word.startswith("!") for word in later.entry.commands) or any(map(_limits, later.entry.options)):
            one.because = f"a later line takes something away: {told(later.entry)}"


def add_approvals(found: Sequence[Carried]) -> None:
    """Where a later entry asks for a password, an earlier one gets an approval, unless the rule of the later one matches all that
    its entry does. Call it whenever an entry has turned out not to be carried over.
    """
    for later, one in _overlapping(found):
        is_apart = all(_never_both(word, other) for word in one.entry.commands for other in later.entry.commands)
        if later.password and not one.asks and not is_apart and not _is_before(later, one):
            one.asks, one.notes[-1] = True, f"NOPASSWD in sudo, but not for all, so somebody approves: {told(later.entry)}"


def _overlapping(found: Sequence[Carried]) -> Iterator[tuple[Carried, Carried]]:
    """Yield an entry, and one that is carried over, that sudo may read before it, and that may be about the same people. Of two
    entries of a directory with the same order, each may be the last.
    """
    for later in found:
        for one in found:
            people = (*one.entry.users, *later.entry.users)
            is_apart = all(re.fullmatch(r"[a-z_][a-z0-9_.-]*", word) for word in people)
            if one is later or one.because or one.entry.order > later.entry.order:
                continue
            if not is_apart or {*one.entry.users} & {*later.entry.users}:
                yield later, one


def _is_before(later: Carried, one: Carried) -> bool:
    """True if the rule of ``later`` comes before that of ``one``, and matches whatever its entry does. That of an entry which
    names commands does not: for sudo, a file has any of its names, and arguments are one text.
    """
    if later.because or later.number < one.number or ("**",) not in later.commands:
        return False
    return "*" in later.run_as or not ("ALL" in later.entry.run_as or any(re.search("[*:]", word) for word in one.run_as))


def _never_both(word: str, other: str) -> bool:
    """True if no command is both ``word`` and ``other`` of sudo, which compares the last names of two paths first."""
    (path, _, arguments), (another, _, others) = word.partition(" "), other.partition(" ")
    if any(not one.startswith("/") or one.endswith("/") or re.search(r"[*?\[\\]", one) for one in (path, another)):
        return False
    is_exact = all(one == '""' or (one and not re.search(r'[*?\[\\^"]', one)) for one in (arguments, others))
    return path.rpartition("/")[2] != another.rpartition("/")[2] or (is_exact and arguments.split() != others.split())


def _limits(option: str) -> bool:
    """True if what is run with ``option`` may do less than without it, as far as is known."""
    return _setting(option) not in HARMLESS and option not in ("setenv", *(f"!{one}" for one in _TAGS))


def _translate(one: Carried, run_as: str, wishes: Wishes, grader: Grader | None, *, asks: bool) -> None:
    entry = one.entry
    if not all(word.isprintable() for part in entry.content for word in part):
        raise NotCarried("it has bytes that are not printable text")
    if entry.users == ["root"]:
        raise NotCarried("root needs no rule")
    if entry.times:
        raise NotCarried("NOTBEFORE and NOTAFTER: no rule ends by itself; hours of a rule are those of each week")
    one.users = tuple(map(_user, entry.users))
    one.hosts = () if "ALL" in entry.hosts else tuple(word for host in entry.hosts for word in host_patterns(host))
    if not entry.hosts or any(word.startswith("!") for word in entry.hosts):
        raise NotCarried("it leaves out hosts")
    for option in entry.options:
        if option in _TAGS or _setting(option) not in HARMLESS | _TAGS.keys():
            raise NotCarried(f"{_TAGS.get(option, option)}: no rule can say it")
        asks = {"authenticate": True, "!authenticate": False}.get(option, asks)
    one.run_as = tuple(_targets(one, run_as))
    one.commands = tuple(_commands(one))
    one.asks = asks
    if not asks:
        one.notes.append("WARNING: NOPASSWD: sudo asks for nothing, and nobody approves")
        if not wishes.as_is and (way := _root_by(one, grader)):
            one.asks, one.notes[-1] = True, f"NOPASSWD in sudo; it gives root ({way}), so somebody approves"


_TAGS = {"noexec": "NOEXEC", "setenv": "SETENV", "intercept": "INTERCEPT"}


def _root_by(one: Carried, grader: Grader | None) -> str:
    """Return how the rule gives root, or an empty text. If nothing is known of programs, each gives it."""
    if not any(word.partition(":")[0] in ("root", "*") for word in one.run_as):
        return ""
    if grader is None:
        return "nothing is known of programs without the extension commands"
    patterns = [read_command_pattern(words) for words in one.commands]
    if any(pattern.path is None for pattern in patterns):
        return "any command"
    return next((way for pattern in patterns if (way := way_to_root(grader, pattern))), "")


def _user(word: str) -> str:
    kind, name = ("group", word[1:]) if word.startswith("%") else ("user", word)
    if word.startswith("!"):
        raise NotCarried("it leaves out people")
    if word == "ALL":
        raise NotCarried("it is for everybody: a rule names people or groups")
    if word.startswith(("+", "%:")):
        raise NotCarried(f"{word} is a {'netgroup' if word.startswith('+') else 'group of another directory'}")
    if name.startswith("#"):
        raise NotCarried(f"{word} is a number: write the name")
    if not is_name(name):
        raise NotCarried(f"{word} cannot be the name of an account or a group")
    return f"{kind}:{name}"


def host_patterns(word: str) -> Iterator[str]:
    """Yield patterns for a word of sudo, which may be the short name of a host."""
    if word.startswith(("!", "+")) or re.fullmatch(r"[0-9a-fA-F.:/]*[.:/][0-9a-fA-F.:/]*", word):
        raise NotCarried(f"{word}: rules know hosts by their names alone")
    if re.search(r"[*?\[]", word) and not re.fullmatch(r"[^*?\[.]+\*", word):
        raise NotCarried(f"{word}: sudo compares it with the short name of a host, and a rule with the whole name")
    try:
        read_host(word)
    except ValueError as fault:
        raise NotCarried(str(fault)) from None
    yield word.lower()
    if "." not in word and not word.endswith("*"):
        yield f"{word.lower()}.*"


def _targets(one: Carried, default: str) -> Iterator[str]:
    users, groups = [word for word in one.entry.run_as if word], one.entry.groups
    is_own = "" in one.entry.run_as  # how sudo 1.9.16 writes the account of the person who asks
    for word in (*users, *groups):
        if word != "ALL" and (word.startswith(("!", "%", "+", "#")) or word == SELF or not is_name(word)):
            raise NotCarried(f"{word} as an account to run as: a rule names accounts")
    if "ALL" in users:
        if "ALL" in groups:
            yield "*"
            return
        one.notes.append('narrower than sudo: (ALL) is root here, because "*" would also give each group; name other accounts')
        users = [*dict.fromkeys(("root", *(word for word in users if word != "ALL")))]
    if not (users or groups or is_own) and (default in (SELF, "ALL") or not is_name(default)):
        raise NotCarried(f"the setting runas_default={default} names no account")
    users = users or ([] if groups else [SELF if is_own else default])
    yield from users
    for group in groups:
        yield from (f"{user}:{'*' if group == 'ALL' else group}" for user in users or (SELF,))


def _commands(one: Carried) -> Iterator[tuple[str, ...]]:
    """Yield a pattern of each command that a rule can say, and note the others. Raises NotCarried if none is left."""
    left_out: list[NotCarried] = []
    for word in one.entry.commands:
        try:
            yield _command(word)
        except NotCarried as reason:
            left_out.append(reason)
            if word.startswith("!") or len(left_out) == len(one.entry.commands):
                raise
    one.notes += [f"narrower than sudo: without {reason}" for reason in left_out]


def _command(word: str) -> tuple[str, ...]:
    """Return the pattern of a word of sudo. Raises NotCarried."""
    if word == "ALL":
        return ("**",)
    if word.startswith("!"):
        raise NotCarried(f"it takes {word[1:]} away: a rule gives what it names, and nothing else")
    if SHA.match(word):
        raise NotCarried(f"{word}: a rule names no digest; an approval is bound to the file that was approved")
    path, blank, arguments = word.partition(" ")
    if "^" in word or "\\" in word or "[" in word or "]" in word:
        raise NotCarried(f"{word}: no pattern of a rule says this")
    if path != "sudoedit" and re.search(r"/[*?]", path):
        raise NotCarried(f"{word}: a name that begins with a dot is none for a * or ? of sudo, and one for those of a rule")
    if path == "sudoedit":
        words: tuple[str, ...] = (path, arguments)
    elif path.endswith("/"):
        words = (f"{path}*", "**")
        if arguments:
            raise NotCarried(f"{word}: no pattern of a rule says this")
    elif not blank:
        words = (path, "**")
    elif arguments == '""':
        words = (path,)
    elif re.search(r'[*?"]', arguments):
        raise NotCarried(f"{word}: a * of sudo is any number of words, and one of a rule is one word")
    else:
        words = (path, *arguments.split())
    if path == "sudoedit" and " " in arguments:
        raise NotCarried(f"{word}: a pattern of a rule is about one file")
    try:
        read_command_pattern(words)
    except ValueError as fault:
        raise NotCarried(str(fault)) from None
    return words


def told(entry: Rule) -> str:
    """Return ``entry`` as a line of sudoers, on one line, and without control characters."""
    who = f"({', '.join(entry.run_as)}{' : ' + ', '.join(entry.groups) if entry.groups else ''}) "
    tags = {"authenticate": "PASSWD", "!authenticate": "NOPASSWD", **_TAGS}
    options = "".join(f"{tags.get(one, one)}: " for one in entry.options)
    line = f"{', '.join(entry.users)} {', '.join(entry.hosts)} = "
    line += f"{who if entry.run_as or entry.groups else ''}{options}{', '.join(entry.commands)}"
    return printable(line)


def printable(line: str) -> str:
    """Return ``line`` for a comment, which ends where the line does, whatever somebody has written into an entry."""
    return "".join(c if c.isprintable() else "?" for c in line)


def _name(entry: Rule, number: int) -> str:
    who = re.sub(r"[^\w.-]+", "", entry.users[0] if entry.users else "")[:40]
    return f"sudoers-{number}-{who}".rstrip("-")


def _text(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def _list(words: Collection[str]) -> str:
    return f"[{', '.join(map(_text, words))}]"
