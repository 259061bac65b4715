# SPDX-License-Identifier: Apache-2.0
"""Translates entries of sudoers into rules (sudoers(5), sudoers.ldap(5)).

Law: a rule permits nothing that sudo refuses. What is not understood, and what sudo says in a way that rules cannot say, is a
sentence and no rule. There are no denies, which would also beat the permits of other files.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from jitd.core.conditions import CommandPattern, is_name, read_command_pattern
from jitd.core.grade import Grade, worst
from jitd.core.grader import AMOUNTS_TO_ROOT, Grader, way_to_root
from jitd.core.keys.hosts import read_host
from jitd.core.keys.run_as import SELF
from jitd.core.root_groups import findings_of_run_as
from jitd.hosts.findings import Place
from jitd.hosts.sudoers import SERVICES
from jitd_policy import accounts
from jitd_policy.overlap import PLAIN, Latest
from jitd_policy.reasons import NotCarried, Reason

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
LOOSENING = re.compile(r"!noexec|!intercept|!requiretty|setenv|closefrom_override|user_command_timeouts|exempt_group=.*")
"""Settings that only let sudo do more than without them. A rule that says nothing of them permits no more than sudo."""
SHA = re.compile(r"sha(?:224|256|384|512):")
SYSTEM = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")  # what is there comes with the host. Other programs are the host's own


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who imports has typed. ``as_is`` are NOPASSWD lines that give root, and get no approval."""

    approvers: str
    gate: bool = False
    as_is: bool = False


@dataclass(slots=True)
class Carried:
    """An entry and its rule. ``line`` is it as a line of sudoers, without aliases, and ``place`` is where that stands, if this is
    known. ``because`` says why the entry is not carried over, and ``unchecked`` why sudo was not asked whether it agrees.
    ``commands`` are the patterns of its words, and ``left_out`` the reasons for the other words. ``notes`` are more sentences for
    its comment. ``asks`` is true if the rule demands an approval, and ``password`` if sudo asks for a password. ``is_unknown`` is
    true if root runs a program without an approval, and jitd does not know it.
    """

    entry: Rule
    number: int
    name: str
    line: str
    place: Place | None = None
    users: tuple[str, ...] = ()
    run_as: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: list[NotCarried] = field(default_factory=list)
    asks: bool = True
    password: bool = True
    is_unknown: bool = False
    because: NotCarried | None = None
    unchecked: str = ""
    notes: list[str] = field(default_factory=list)

    def rule(self, wishes: Wishes) -> str:
        """Return the rule as TOML."""
        services = ("jitsudo", *dict.fromkeys(SERVICES.values())) if wishes.gate else ("jitsudo",)
        narrower = [f"narrower than sudo: without {reason}" for reason in self.left_out]
        unchecked = [f"UNCHECKED: {self.unchecked}"] if self.unchecked else []
        lines = [f"# {printable(line)}" for line in (f"sudo: {self.line}", *self.notes, *narrower, *unchecked)]
        lines += ["[[permit]]", f"name = {quoted(self.name)}"]
        lines += [f"who = {quoted_list(self.users)}", f"commands = [{', '.join(map(quoted_list, self.commands.values()))}]"]
        lines += [f"run_as = {quoted_list(self.run_as)}", f"services = {quoted_list(services)}"]
        lines += [f"hosts = {quoted_list(self.hosts)}"] if self.hosts else []
        lines += [f"approvals = [{{ need = 1, from = {quoted_list((wishes.approvers,))} }}]"] if self.asks else []
        return "\n".join(lines) + "\n"


def translate(
    entries: Sequence[Rule],
    defaults: Sequence[str],
    unable: Sequence[tuple[str, str]],
    wishes: Wishes,
    grader: Grader | None,
    places: Mapping[int, Place],
) -> list[Carried]:
    """Translate ``entries``, in sudo's order. ``defaults`` are the settings for all of them, and ``unable`` those that are bound:
    the sign of what they are bound to, and the words. ``places`` has where entries stand, by their numbers, which begin with 1.
    """
    found = [Carried(entry, n, _name(entry, n), told(entry), places.get(n)) for n, entry in enumerate(entries, 1)]
    odd = [option for option in defaults if not _is_harmless(option)]
    bound = _Bound(unable)
    run_as = next((one.partition("=")[2] for one in reversed(defaults) if one.startswith("runas_default=")), "root")
    open_to_all = next((one == "!authenticate" for one in reversed(defaults) if _setting(one) == "authenticate"), False)
    open_to_all = open_to_all and not bound.authenticates
    for one in found:
        options = one.entry.options
        one.password = "authenticate" in options or not (open_to_all or "!authenticate" in options)
        try:
            if odd:
                raise NotCarried(Reason.SETTING, f"the setting {odd[0]} may change what every line means")
            if (words := bound.about(one.entry)) is not None:
                raise NotCarried(Reason.BOUND, f"the setting Defaults{words} may be about it, and cannot be translated")
            _translate(one, run_as, asks=not open_to_all)
        except NotCarried as reason:
            one.because = reason
    _take_away(found)
    for one in found:
        if not one.because:
            _approve(one, wishes, grader)
    return found


def bound_settings(ldif: str) -> list[tuple[str, str]]:
    """Return the settings that cvtsudoers could not translate: of each, what it is bound to, by its sign, and its words."""
    found = [(match[2], match[3]) for match in COMMENT.finditer(ldif)]
    return found if ldif.count("# Unable to translate") <= len(found) else [*found, ("", " of a kind that is not known")]


def _setting(option: str) -> str:
    return re.split(r"[-+]?=", option.lstrip("!"), maxsplit=1)[0].strip()


def _is_harmless(option: str, *, but: Collection[str] = ()) -> bool:
    """True if ``option`` does not let sudo permit less to anybody: jitd needs no terminal either."""
    return LOOSENING.fullmatch(option) is not None or (_setting(option) in HARMLESS and _setting(option) not in but)


class _Bound:
    """The settings that are bound to something. ``authenticates`` is true if one has sudo ask for a password. That others are not
    asked for one is not carried over, because a password too many is an approval too many, and no more.
    """

    def __init__(self, unable: Sequence[tuple[str, str]]) -> None:
        self.authenticates = False
        self._of_all: list[str] = []  # those that may be about everybody, and ...
        self._of_users: dict[str, str] = {}  # ... about a user who is named
        for sign, words in unable:
            self._take_in(sign, words)

    def _take_in(self, sign: str, words: str) -> None:
        match = re.fullmatch(r"((?:\S+,\s+)*\S+)\s+(.*)", words)
        whom, rest = match.groups() if match else (words, "")
        self.authenticates |= re.search(r"(?<!!)\bauthenticate\b", words) is not None
        if rest and '"' not in whom and _is_harmless(rest, but=("runas_default",)):
            return
        names = re.split(r",\s*", whom)
        if sign == ":" and rest and all(map(PLAIN.fullmatch, names)):
            for name in names:
                self._of_users.setdefault(name, f"{sign}{words}")
        else:
            self._of_all.append(f"{sign}{words}")

    def about(self, entry: Rule) -> str | None:
        """Return a setting that may be about ``entry``. Only one for users who are named is surely not about others."""
        if all(map(PLAIN.fullmatch, entry.users)):
            found = [self._of_users[user] for user in entry.users if user in self._of_users]
        else:
            found = list(self._of_users.values())
        return next(iter((*self._of_all, *found)), None)


def _take_away(found: Sequence[Carried]) -> None:
    """The last match wins, also its tags: whatever a later entry takes away, an earlier one does not give."""
    takers: Latest[Carried] = Latest()
    for one in found:
        limits = any(map(_limits, one.entry.options))
        for word in one.entry.commands:
            if limits or word.startswith("!"):
                takers.add(one, one.entry.users, word.lstrip("!"), one.entry.order)
    for one in found:
        for word in () if one.because else tuple(one.commands):
            if (later := takers.other(one, one.entry.users, word, one.entry.order)) is not None:
                del one.commands[word]
                one.left_out.append(NotCarried(Reason.LATER, f"{word}: a later line excludes or limits it: {later.line}"))
        if not (one.because or one.commands):
            one.because = one.left_out[-1]


def add_approvals(found: Sequence[Carried]) -> None:
    """Where a later entry asks for a password, an earlier one gets an approval, unless the rule of the later one matches all that
    both entries do. Call it whenever an entry has turned out not to be carried over.
    """
    ask: dict[_Matches, Latest[Carried]] = {one: Latest() for one in _Matches}
    beside: dict[float, Latest[Carried]] = {}  # of the same order, where each may be the last, and the rules of some come after
    matches = {one.number: _matches(one) for one in found if one.password}
    for one in found:
        for word in _given(one.entry) if one.password else ():
            ask[matches[one.number]].add(one, one.entry.users, word, one.entry.order)
    for one in reversed(found):
        for word in _given(one.entry) if one.password else ():
            beside.setdefault(one.entry.order, Latest()).add(one, one.entry.users, word, -one.number)
    for one in found:
        if one.because or one.asks:
            continue
        lacking = [ask[_Matches.LESS]]
        lacking += [ask[_Matches.ACCOUNTS]] if any(re.search("[*:]", account) for account in one.run_as) else []
        lacking += [ask[_Matches.ROOT]] if {*one.run_as} != {"root"} else []
        for word in one.commands:
            later = next((it for of in lacking if (it := of.other(one, one.entry.users, word, one.entry.order))), None)
            if later is None and one.entry.order in beside:
                later = beside[one.entry.order].other(one, one.entry.users, word, -one.number)
            if later is not None:
                one.asks, one.is_unknown = True, False
                one.notes[-1] = f"NOPASSWD in sudo, but not for all, so somebody approves: {later.line}"
                break


class _Matches(Enum):
    """What the rule of an entry matches of what the entry does, if the rule comes first."""

    ALL = "all of it"
    ACCOUNTS = "all of it, if no group to run with is named"
    ROOT = "what runs as root, if no group to run with is named"
    LESS = "perhaps less"


def _matches(one: Carried) -> _Matches:
    """The rule of an entry that names commands perhaps matches less: for sudo, a file has any of its names, and arguments are one
    text. So does that of one with a name that is not that of an account here, because sudo compares names without case, and of
    one with hosts, because sudo and jitd may have other names for this host.
    """
    if one.because or one.hosts or ("**",) not in one.commands.values() or not all(map(accounts.is_here, one.users)):
        return _Matches.LESS
    if "*" in one.run_as:
        return _Matches.ALL
    if not all(map(_is_account, one.run_as)):
        return _Matches.LESS
    return _Matches.ROOT if "ALL" in one.entry.run_as else _Matches.ACCOUNTS


def _given(entry: Rule) -> Iterator[str]:
    return (word for word in entry.commands if not word.startswith("!"))


def _is_account(word: str) -> bool:
    """True if ``word`` of ``run_as`` is spelled as the host does."""
    user, _, group = word.partition(":")
    return (user == SELF or accounts.is_here(f"user:{user}")) and (group in ("", "*") or accounts.is_here(f"group:{group}"))


def _limits(option: str) -> bool:
    """True if what is run with ``option`` may do less than without it, as far as is known."""
    return not _is_harmless(option) and option not in (f"!{one}" for one in _TAGS)


def _translate(one: Carried, run_as: str, *, asks: bool) -> None:
    entry = one.entry
    if not all(word.isprintable() for part in entry.content for word in part):
        raise NotCarried(Reason.TEXT, "it has bytes that are not printable text")
    if entry.users == ["root"]:
        raise NotCarried(Reason.ROOT)
    if entry.times:
        raise NotCarried(Reason.TIMES, "NOTBEFORE and NOTAFTER: no rule begins or ends by itself")
    one.users = tuple(map(_user, entry.users))
    one.hosts = () if "ALL" in entry.hosts else tuple(word for host in entry.hosts for word in host_patterns(host))
    if not entry.hosts or any(word.startswith("!") for word in entry.hosts):
        raise NotCarried(Reason.EXCLUDES_HOSTS)
    for option in entry.options:
        if _limits(option):
            raise NotCarried(Reason.TAGS, f"{_TAGS.get(option, option)}: no rule can say it")
        asks = {"authenticate": True, "!authenticate": False}.get(option, asks)
    if "setenv" in entry.options:
        one.notes.append("narrower than sudo: without SETENV; name variables in env of the rule")
    one.run_as = tuple(_targets(one, run_as))
    _take_commands(one)
    one.asks = asks


def _approve(one: Carried, wishes: Wishes, grader: Grader | None) -> None:
    """Demand an approval of what gives root, though sudo asks for no password."""
    if one.asks:
        return
    one.notes.append("WARNING: NOPASSWD: sudo asks for nothing, and nobody approves")
    way, one.is_unknown = _root_by(one, grader)
    if way and not wishes.as_is:
        one.asks, one.is_unknown = True, False
        one.notes[-1] = f"NOPASSWD in sudo; it gives root ({way}), so somebody approves"


_TAGS = {"noexec": "NOEXEC", "setenv": "SETENV", "intercept": "INTERCEPT"}


def _root_by(one: Carried, grader: Grader | None) -> tuple[str, bool]:
    """Return how the rule gives root, or may, or an empty text; and whether it has root run what jitd does not know. If nothing
    is known of programs, each gives root.
    """
    if way := next((known.what for known in findings_of_run_as(one.run_as) if known.grade in AMOUNTS_TO_ROOT), ""):
        return way, False
    if not any(account == "*" or accounts.is_root(account) for account in (word.partition(":")[0] for word in one.run_as)):
        return "", False
    if grader is None:
        return "nothing is known of programs without the extension commands", False
    patterns = [read_command_pattern(words) for words in one.commands.values()]
    if any(pattern.path is None for pattern in patterns):
        return "any command", False
    if way := next((way for pattern in patterns if (way := way_to_root(grader, pattern))), ""):
        return way, False
    unknown = [pattern for pattern in patterns if _is_unknown(pattern, grader)]
    open_ones = (pattern.text[0] for pattern in unknown if pattern.is_open and _is_of_system(pattern.text[0]))
    way = next((f"jitd does not know what {path} does with each argument" for path in open_ones), "")
    return way, bool(unknown)


def _is_unknown(pattern: CommandPattern, grader: Grader) -> bool:
    """True if ``pattern`` matches what jitd does not know: a name with a wildcard is also that of such a program."""
    found = grader.findings_of_pattern(pattern)
    return not pattern.is_edit and (pattern.file is None or not found or worst(found) is Grade.UNKNOWN)


def _is_of_system(path: str) -> bool:
    """True if a program that comes with the host may have ``path``."""
    directory = "/" + posixpath.normpath(path.rpartition("/")[0]).lstrip("/")
    return directory in SYSTEM or re.search(r"[*?]|\.\.", path.rpartition("/")[0]) is not None


def _user(word: str) -> str:
    kind, name = ("group", word[1:]) if word.startswith("%") else ("user", word)
    if word.startswith("!"):
        raise NotCarried(Reason.EXCLUDES_PEOPLE, f"it excludes {word.lstrip('!')}, and rules cannot exclude people")
    if word == "ALL":
        raise NotCarried(Reason.EVERYBODY, "it is for everybody: a rule names people or groups")
    if word.startswith(("+", "%:")):
        raise NotCarried(Reason.NAMES, f"{word} is a {'netgroup' if word.startswith('+') else 'group of another directory'}")
    if name.startswith("#"):
        raise NotCarried(Reason.NAMES, f"{word} is a number")
    if not is_name(name):
        raise NotCarried(Reason.NAMES, f"{word} cannot be the name of an account or a group")
    return f"{kind}:{name}"


def host_patterns(word: str) -> Iterator[str]:
    """Yield patterns for a word of sudo, which may be the short name of a host."""
    if word.startswith(("!", "+")) or re.fullmatch(r"[0-9a-fA-F.:/]*[.:/][0-9a-fA-F.:/]*", word):
        raise NotCarried(Reason.HOSTS, f"{word}: rules know hosts by their names alone")
    if re.search(r"[*?\[]", word) and not re.fullmatch(r"[^*?\[.]+\*", word):
        raise NotCarried(Reason.HOSTS, f"{word}: sudo compares it with the short name of a host, and a rule with the whole name")
    try:
        read_host(word)
    except ValueError as fault:
        raise NotCarried(Reason.HOSTS, str(fault)) from None
    yield word.lower()
    if "." not in word and not word.endswith("*"):
        yield f"{word.lower()}.*"


def _targets(one: Carried, default: str) -> Iterator[str]:
    users, groups = [word for word in one.entry.run_as if word], one.entry.groups
    is_own = "" in one.entry.run_as  # how sudo 1.9.16 writes the account of the person who asks
    for word in (*users, *groups):
        if word != "ALL" and (word.startswith(("!", "%", "+", "#")) or word == SELF or not is_name(word)):
            raise NotCarried(Reason.TARGETS, f"{word} as an account to run as: a rule names accounts")
    if "ALL" in users:
        if "ALL" in groups:
            yield "*"
            return
        one.notes.append('narrower than sudo: (ALL) is root here, because "*" would also give each group; name other accounts')
        users = [*dict.fromkeys(("root", *(word for word in users if word != "ALL")))]
    if not (users or groups or is_own) and (default in (SELF, "ALL") or not is_name(default)):
        raise NotCarried(Reason.TARGETS, f"the setting runas_default={default} names no account")
    users = users or ([] if groups else [SELF if is_own else default])
    yield from users
    for group in groups:
        yield from (f"{user}:{'*' if group == 'ALL' else group}" for user in users or (SELF,))


def _take_commands(one: Carried) -> None:
    """Make a pattern of each command that a rule can say, and note the others. Raises NotCarried if none is left."""
    for word in one.entry.commands:
        try:
            one.commands[word] = _command(word)
        except NotCarried as reason:
            one.left_out.append(reason)
            if word.startswith("!"):
                raise
    if not one.commands and one.left_out:
        raise one.left_out[-1]


def _command(word: str) -> tuple[str, ...]:
    """Return the pattern of a word of sudo. Raises NotCarried."""
    if word == "ALL":
        return ("**",)
    if word.startswith("!"):
        raise NotCarried(Reason.EXCLUDES, f"it excludes {word.lstrip('!')}, and rules cannot exclude commands")
    if SHA.match(word):
        raise NotCarried(Reason.DIGEST, f"{word}: a rule names no digest")
    path, blank, arguments = word.partition(" ")
    if "^" in word or "\\" in word or "[" in word or "]" in word:
        raise NotCarried(Reason.PATTERNS, f"{word}: no pattern of a rule says this")
    if path != "sudoedit" and re.search(r"/[*?]", path):
        raise NotCarried(
            Reason.PATTERNS, f"{word}: a name that begins with a dot is none for a * or ? of sudo, and one for those of a rule"
        )
    if path == "sudoedit":
        words: tuple[str, ...] = (path, arguments)
    elif path.endswith("/"):
        words = (f"{path}*", "**")
        if arguments:
            raise NotCarried(Reason.PATTERNS, f"{word}: no pattern of a rule says this")
    elif not blank:
        words = (path, "**")
    elif arguments == '""':
        words = (path,)
    elif re.search(r'[*?"]', arguments):
        raise NotCarried(Reason.WORDS, f"{word}: {Reason.WORDS.why}")
    else:
        words = (path, *arguments.split())
    if path == "sudoedit" and " " in arguments:
        raise NotCarried(Reason.PATTERNS, f"{word}: a pattern of a rule is about one file")
    try:
        read_command_pattern(words)
    except ValueError as fault:
        raise NotCarried(Reason.PATTERNS, str(fault)) from None
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


def quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def quoted_list(words: Collection[str]) -> str:
    return f"[{', '.join(map(quoted, words))}]"
