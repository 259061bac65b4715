# SPDX-License-Identifier: Apache-2.0
"""Reads what sudo permits, and makes a text of rules of it.

Law: sudo's own program parses sudoers. A text with a fault is refused as a whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from jitd import extensions
from jitd.cli.answer import answer
from jitd.cli.call import NotDone
from jitd.core.wording import count
from jitd_inspection.standing.scene import tool
from jitd_inspection.standing.sudo_ldif import CONVERT, rules_of, settings_of
from jitd_policy import agreement, robots
from jitd_policy.sudoers import Wishes, bound_settings, faults_in, printable, translate
from jitd_policy.trying import Trial

SUDOERS = Path("/etc/sudoers")
SUDO = "/usr/bin/sudo"
WITHIN = 60.0  # seconds for cvtsudoers


class CannotAsk(Exception):
    """sudo cannot be asked. The text is a sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The rules and a table as texts, and what is said about them."""

    rules: str
    table: str
    summary: str
    n_unchecked: int


def imported(file: Path | None, wishes: Wishes, *, is_ldif: bool, is_checked: bool) -> Imported:
    """Import the sudoers of this host, or ``file``. Raises NotDone."""
    source = str(file or SUDOERS)
    ldif = _given(file) if is_ldif and file is not None else _converted(source)
    text = ldif.decode("utf-8", "surrogateescape")
    faults = [f"{source}:{line}: {sentence}" for line, sentence in faults_in(text)] if is_ldif else []
    try:
        entries, settings = sorted(rules_of(ldif), key=lambda one: one.order), settings_of(ldif)
    except ValueError as fault:
        faults.append(f"{source}: a value is not base64: {fault}")
    if faults:
        for line in faults:
            answer(line)
        raise NotDone(f"{count(len(faults), 'fault')}: nothing was imported")
    if not entries:
        raise NotDone(f"{source} permits nothing to anybody: nothing was imported")
    found = translate(entries, settings, bound_settings(text), wishes, extensions.grader())
    trials: tuple[Trial, ...] = ()
    agreement.policy_of(found, wishes)
    own = robots.settings()
    if is_checked:
        try:
            trials = agreement.check(found, wishes, own, ask_sudo)
        except CannotAsk as fault:
            raise NotDone(f"{fault}: nothing was imported") from None
    else:
        for one in found:
            one.unchecked = "sudo was not asked whether it permits this"
    kept = [one for one in found if not one.because]
    n_robots = robots.add_notes(kept, own)
    n_unchecked = sum(bool(one.unchecked) for one in kept)
    rest = [line for one in found if one.because for line in (f"#   {one.line}", f"#     {one.because}")]
    head = [f"# Rules made of {source} by jitd policy import. Read them before you put them into policy.d."]
    head += [f"# Settings of sudo are not carried over: {', '.join(settings)}"] if settings else []
    head += ["#", "# Not carried over:", *rest] if rest else []
    summary = f"{count(len(found), 'line')} of sudo: {count(len(kept), 'rule')}, {len(found) - len(kept)} not carried over"
    summary += f"; {count(n_robots, 'rule')} for system accounts: see the comment" if n_robots else ""
    rules = "\n".join((*map(printable, head), "", agreement.document(found, wishes)))
    return Imported(rules, agreement.table(trials), summary, n_unchecked)


def ask_sudo(user: str, run_as: str, argv: tuple[str, ...]) -> bool:
    """True if sudo lets ``user`` run ``argv`` as ``run_as``, on this host. Raises CannotAsk."""
    said = tool((SUDO, "-n", "-l", "-U", user, "-u", run_as, "--", *argv))
    if said is None:
        raise CannotAsk(f"{SUDO} cannot be asked, or does not answer in time")
    return said[0] == 0


def _given(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise NotDone(f"{file} cannot be read: {error.strerror}; nothing was imported") from None


def _converted(file: str) -> bytes:
    if not os.access(file, os.R_OK):
        raise NotDone(f"{file} cannot be read; nothing was imported")
    try:
        done = subprocess.run(
            [*CONVERT, file], stdin=subprocess.DEVNULL, capture_output=True, env={"LC_ALL": "C"}, timeout=WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise NotDone(f"{CONVERT[0]}, which reads sudoers, cannot be run: {fault}; nothing was imported") from None
    if done.returncode or done.stderr:
        for line in filter(None, done.stderr.decode("utf-8", "replace").split("\n")):
            answer(line)
        raise NotDone(f"sudo's own program finds a fault in {file}: nothing was imported")
    return done.stdout
