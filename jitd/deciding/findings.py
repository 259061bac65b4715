# SPDX-License-Identifier: Apache-2.0
"""Finds out what a command gives beyond its words (``core.grader``), and who can change the files on which this depends.

Law: findings only warn people, and no decision of the rules depends on them. jitd looks at nothing that the requester cannot see,
so a finding tells nobody what is hidden from the requester. A look never fails: what jitd cannot look at, or not in time, is not
looked at. The texts are stored in the form of ``spelling.spelled``, from which the same bytes can be restored, and are bounded in
number and length.
"""

from __future__ import annotations

import pwd
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

from jitd.core.command import Command
from jitd.core.grade import NOTHING, Beside, Finding, Grade, Look, NotLooked, Seen
from jitd.core.grader import Grader
from jitd.core.named_groups import in_words
from jitd.core.naming import Naming
from jitd.core.root_groups import findings_of_run_as, is_root_group
from jitd.core.rule import Rule
from jitd.core.spelling import spelled
from jitd.core.subject import Subject
from jitd.deciding import accounts, groups
from jitd.deciding.scripts import NO_SCRIPTS, Scripts
from jitd.files import inspection, path_lookup
from jitd.files.mounts import Mount
from jitd.files.names import other_names
from jitd.files.silence import MOUNTS

MOST = 12  # findings of one look at a command
LONGEST = 512  # characters of each text of a finding. The rest of a longer text is replaced by `…`.
MOST_LOOKS = 64  # paths that are looked at for one command
WITHIN = 2.0  # seconds for one command in which a look may begin
EVERYBODY = "everybody"
BY_A_MASKED_WORD = "a masked word makes it so: ask the requester which"
_NO_PATHS: Mapping[str, str] = MappingProxyType({})
MOST_NAMES = 3  # accounts and groups that are named as those who can change a file


class Findings:
    """What commands give beyond their words by ``grader``. Without it, nothing is known, and approvers type the word yes."""

    def __init__(self, grader: Grader | None, trusted: tuple[bytes, ...] = ()) -> None:
        """``trusted``: see ``inspection.View``."""
        self._grader = grader
        self._trusted = trusted

    def of_rule(self, rule: Rule) -> tuple[Finding, ...] | None:
        """Return what the commands of ``rule`` can give beyond their words, the worst first."""
        if self._grader is None:
            return None
        found = [*findings_of_run_as(rule.run_as or ())] if rule.commands else []
        for pattern in rule.commands or ():
            found += self._grader.findings_of_pattern(pattern, as_root=rule.may_run_as_root)
        return tuple(map(_stored, sorted(dict.fromkeys(found), key=lambda one: one.order)))

    def of_words(self, command: Command, requester: str) -> tuple[Finding, ...] | None:
        """Return the findings about ``command`` without a look at any file. ``requester`` is the account that asks."""
        return self._found(command, lambda path: None, requester)

    def without_answer(self, command: Command, requester: str) -> tuple[Finding, ...] | None:
        """Like ``on_this_host``, if the files do not answer in time. What depends on them is graded as the worst."""

        def look(path: str) -> Seen | None:
            raise NotLooked

        return self._found(command, look, requester)

    def stored_with(self, command: Command, requester: str) -> tuple[Finding, ...] | None:
        """Return the findings stored with ``command``, or those of its words if nothing was looked at for ``requester``."""
        return self.of_words(command, requester) if command.findings is None else command.findings

    def on_this_host(self, command: Command, who: Subject, scripts: Scripts = NO_SCRIPTS) -> tuple[Finding, ...] | None:
        """Return the findings about ``command``, for which ``who`` asks, with a look at the files that matter. ``scripts`` are
        the texts that its approvers read. May block.
        """
        look = RequesterLook(command, who, self._trusted)
        return self._found(command, look, who.user, Beside(accounts.homes(), scripts.bound(command)), look.real)

    def _found(
        self, command: Command, look: Look, requester: str, beside: Beside = NOTHING, real: Mapping[str, str] = _NO_PATHS
    ) -> tuple[Finding, ...] | None:
        """Return the findings about ``command``. ``real`` maps paths to where they lead, once ``look`` was asked. If the
        judgement itself fails, this is graded as the worst. So a defect of the grader neither comforts anybody, nor keeps the
        lists with this request from everybody. A finding that the command does not have with its masks keeps its grade and loses
        its words, because they could quote what is masked.
        """
        if self._grader is None:
            return None
        # findings are for the requester, too, so they must not tell of a program that the requester cannot read
        interpreters = tuple(one for one in command.interpreters if one.is_told)
        told = command if interpreters == command.interpreters else replace(command, interpreters=interpreters)
        try:
            found = self._grader.findings_of(told, look, requester=requester, beside=beside)
            if command.masked:
                as_told = replace(told, argv=told.told_argv)
                unmasked = set(self._grader.findings_of(as_told, look, requester=requester, beside=beside))
                found = tuple(one if one in unmasked else _masked(one) for one in found)
        except Exception as fault:
            found = (Finding(Grade.GIVES, f"jitd failed to judge this command ({type(fault).__name__})"),)
        return _stored_all(tuple(replace(one, path=real.get(one.path, one.path)) for one in found))


def as_reviewer(command: Command, who: Subject, words: frozenset[str], naming: Naming) -> tuple[Finding, ...]:
    """If the account of ``command``, for which ``who`` asks, may review some requests, return the finding that says so. ``words``
    are the words of all rules that name reviewers. If the groups of the account cannot be looked up, it may review. May block.
    """
    account, principals = command.run_as, naming.principals_of(command.run_as.user)
    if command.things or not principals:
        return ()
    named = {f"user:{account.user}", *(f"principal:{principal}" for principal in principals)}
    if not words & named and not _is_in_one(command, in_words(words)):
        return ()
    return _stored_all((Finding(Grade.LEADS, f"{who.user} may then approve as {account.user}"),))


def _is_in_one(command: Command, names: frozenset[str]) -> bool:
    """True if the account of ``command`` is in a group with one of ``names``. Only the groups of the account are looked up."""
    if not names:
        return False
    try:
        ids = groups.ids_of(command.run_as.user, command.run_as.gid)
        return any(found is not None and found.name in names for found in map(groups.numbered, ids))
    except (groups.CannotLookUp, ValueError):
        return True


def worst_of(*looks: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings of several looks at one command together, the worst first. None is left out: a receipt of an approver
    is made only if they are shown all that was recorded.
    """
    found = dict.fromkeys(one for each in looks for one in each)
    return tuple(sorted(found, key=lambda one: one.order))


def _masked(one: Finding) -> Finding:
    return Finding(one.grade, BY_A_MASKED_WORD, damage=one.damage)


class RequesterLook:
    """Looks at paths for a grader as ``who`` sees them. Raises NotLooked after MOST_LOOKS looks or WITHIN seconds."""

    def __init__(self, command: Command, who: Subject, trusted: tuple[bytes, ...]) -> None:
        self._cwd = command.cwd
        self._who = who
        self._groups = accounts.Groups(who.user, who.gid)
        self._run_as = command.run_as
        self._trusted = trusted
        self._glance = path_lookup.Look()
        self._n_left = MOST_LOOKS
        self._ends_at = time.monotonic() + WITHIN
        self._names: dict[tuple[str, int], str] = {}
        self.real: dict[str, str] = {}  # maps each path that was looked at to where it leads

    @cached_property
    def _view(self) -> inspection.View:
        return inspection.View(accounts.trusted_uid(self._run_as), self._cwd, self._trusted)

    def __call__(self, path: str) -> Seen | None:
        self._n_left -= 1
        if self._n_left < 0 or time.monotonic() > self._ends_at:
            raise NotLooked
        try:
            seen = self._look(path.encode("utf-8", "surrogateescape"))
        except (OSError, ValueError, inspection.Uninspectable, accounts.NoSuchAccount, groups.CannotLookUp):
            raise NotLooked from None  # Silent is an OSError, too
        if seen is not None:
            self.real[path] = seen.real
        return seen

    def _look(self, path: bytes) -> Seen | None:
        if not path.startswith(b"/") or b"\0" in path:
            return None
        MOUNTS.approach((path,))
        seen = path_lookup.seen(path, self._who.uid, self._groups, self._cwd, self._glance)
        changers = inspection.changers_on(seen.steps, seen.last, self._view, self._glance)
        if seen.is_hidden:
            named = self._named(changers, self._view.mounts.at(self._glance.mount(seen.last))) if changers else ""
            if not named and self._glance.is_full:  # it is not known what is there, even if the requester sees it
                raise NotLooked
            return Seen(path.decode("utf-8", "surrogateescape"), changed_by=named, is_hidden=True) if named else None
        others = other_names(seen.real, self._glance) if seen.status is not None else ()
        is_believed = seen.status is not None and not self._view.mounts.why_not(self._glance.mount(seen.real))
        return Seen(
            real=seen.real.decode("utf-8", "surrogateescape"),
            is_directory=seen.status is not None and stat.S_ISDIR(seen.status.st_mode),
            is_absent=seen.status is None,
            owner=self._account(seen.status.st_uid) if seen.status is not None and is_believed else "",
            changed_by=self._named(changers, self._view.mounts.at(self._glance.mount(seen.last))),
            others=tuple(other.decode("utf-8", "surrogateescape") for other in others),
        )

    def _named(self, changers: Iterable[inspection.Changer], mount: Mount | None) -> str:
        """Return the names of ``changers`` in words. The requester comes first. ``mount`` is the mount of the file."""
        is_hers, others = False, dict[str, None]()
        for one in changers:
            if one.uid is not None:
                is_hers = is_hers or one.uid == self._who.uid
                others[self._account(one.uid)] = None
            elif one.gid is not None:
                is_hers = is_hers or one.gid in self._groups
                others |= {} if is_root_group(self._group(one.gid)) else {f"members of group {self._group(one.gid)}": None}
            elif one.others == inspection.EVERYBODY:
                return EVERYBODY
            else:  # nobody knows who can change what is on this mount
                is_hers = is_hers or (mount is not None and mount.server == self._who.uid)
                others["others"] = None
        if is_hers:
            others = {name: None for name in others if name not in (self._who.user, f"members of group {self._who.user}")}
        names = [*([f"{self._who.user}, who asks"] if is_hers else []), *others]
        return " and ".join(names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], "others"])

    def _account(self, uid: int) -> str:
        """Return the name of the account ``uid``, or its number if it has no name."""
        if (name := self._names.get(("uid", uid))) is None:
            try:
                name = pwd.getpwuid(uid).pw_name
            except KeyError:
                name = f"#{uid}"
            self._names["uid", uid] = name
        return name

    def _group(self, gid: int) -> str:
        if (name := self._names.get(("gid", gid))) is None:
            found = groups.numbered(gid)
            name = self._names["gid", gid] = f"#{gid}" if found is None else found.name
        return name


def _stored_all(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(map(_stored, found[:MOST]))


def _stored(one: Finding) -> Finding:
    return replace(one, what=_bounded(one.what), path=_bounded(one.path), matters=_bounded(one.matters))


def _bounded(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return spelled(cut.encode("utf-8", "surrogateescape"))
