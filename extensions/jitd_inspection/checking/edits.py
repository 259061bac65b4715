# SPDX-License-Identifier: Apache-2.0
"""Tries the checks of edits on the files as they are. A check that refuses the file of now refuses each honest edit, too, and
nobody sees that before an edit was approved.

Law: a check is run as the account that would write, as at an edit, and only if root alone can change the program and the rule
that names it: what somebody else drafts is not run by root (THREATS R-36).
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Sequence

from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.deciding import accounts
from jitd.files import inspection
from jitd.monitor.checking import FILE, said_by
from jitd.monitor.slate import become
from jitd.settings.config import Config

MOST_FILES = 3  # files of one pattern on which a check is tried
MOST_TOLD = 2  # lines of what a check says
DEFAULT = "root"  # the account that writes, if the rule names none


def about_checks(rules: Sequence[Rule], config: Config) -> Iterator[Warned]:
    """Yield a warning for each check in ``rules``, those of this host, that refuses a file as it is. Without root, try none."""
    said: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for rule in rules if os.geteuid() == 0 else ():
        for words in rule.terms.checks:
            tried = ((file, account) for file in files_of(rule) for account in accounts_of(rule))
            for file, account in tried:
                key = (words, file, account)
                if key not in said:
                    said[key] = why_not(rule, words, file, account, config)
                if said[key]:
                    because, *lines = said[key]
                    told = ": ".join((because, *lines[:MOST_TOLD])).rstrip(".")
                    hint = "" if any(FILE.decode() in word for word in words) else f"; {FILE.decode()} says where its path goes"
                    sentence = f"{file} as it is, so each edit is refused after its approval: {told}{hint}"
                    yield Warned("check-refuses", rule.file, rule.line, rule.name, sentence)
                    break


def files_of(rule: Rule) -> Iterator[str]:
    """Yield files of this host that ``rule`` permits to edit."""
    for pattern in rule.commands or ():
        if pattern.is_edit and pattern.path:
            found = sorted(glob.glob("/".join(part.text.replace("[", "[[]") for part in pattern.path)))
            yield from [path for path in found if os.path.isfile(path) and not os.path.islink(path)][:MOST_FILES]


def accounts_of(rule: Rule) -> Iterator[str]:
    """Yield the accounts of this host as which ``rule`` lets people write."""
    for word in rule.run_as or (DEFAULT,):
        name, colon, _ = word.partition(":")
        if not colon and accounts.uid_of(name) is not None:
            yield name
        elif name == "*":
            yield DEFAULT


def why_not(rule: Rule, words: Sequence[str], file: str, account: str, config: Config) -> list[str]:
    """Return why the check ``words`` does not take ``file``, and then what it has said. If it takes it, return nothing."""
    for path in (words[0], os.path.abspath(rule.file)):
        try:
            _, others = inspection.changers(os.fsencode(path), inspection.View(0, None, config.trusted_places))
        except (inspection.Uninspectable, OSError) as fault:
            return [f"the check was not tried: {fault}"]
        if others:
            return [f"the check was not tried, because {path} can be changed by others: {others[0]}"]
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            told = _as_account([os.fsencode(word) for word in words], os.fsencode(file), account, config)
            os.write(theirs, json.dumps(told[: MOST_TOLD + 1]).encode())  # at most what a pipe holds
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        heard = pipe.read()
    os.waitpid(child, 0)
    return list(json.loads(heard)) if heard else [f"the check {words[0]} was not tried: what runs it has ended"]


def _as_account(words: Sequence[bytes], file: bytes, account: str, config: Config) -> list[str]:
    try:
        entry = accounts.entry_of(account)
        groups = accounts.group_ids(entry.pw_name, entry.pw_gid)
        become(entry.pw_uid, entry.pw_gid, tuple(groups))
    except (accounts.NoSuchAccount, OSError) as fault:
        return [f"the check was not tried: {fault}"]
    places = {"PATH": config.search_path, "HOME": entry.pw_dir, "SHELL": entry.pw_shell}
    environment = places | {"USER": entry.pw_name, "LOGNAME": entry.pw_name}
    view = inspection.View(entry.pw_uid, None, config.trusted_places)
    return said_by(tuple(words), file, {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}, view)
