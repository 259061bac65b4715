# SPDX-License-Identifier: Apache-2.0
"""Puts the line of jitd's plugin into sudo.conf, and takes it out.

Law: sudo.conf is replaced in one step, by a file with which sudo has loaded the plugin and let root in, or not at all. This is
tried in a mount namespace of its own, where nobody else meets the new file. The way back needs neither the plugin nor a trial.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone
from jitd.cli.whole_file import put_new
from jitd.files.durable import store
from jitd.hosts.places import SUDO_PLUGIN_WANTED, Places
from jitd.hosts.plugin_look import other_sudos
from jitd.hosts.sudo_plugin import (
    CONF,
    OLDEST,
    REMOVE,
    SHIPPED,
    SUDO,
    SYMBOL,
    is_of_jitd,
    line_of,
    lines_of,
    of_another,
    why_refused,
)
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import Result
from jitd_inspection.doctor.plugin import CHECK, not_loaded, said
from jitd_inspection.verbs.replacing import print_change, read_file, swap
from jitpam.wire.shown import shown

FILE, WANTED = Path(CONF), Path(SUDO_PLUGIN_WANTED)
LINE = f"Plugin {SYMBOL} {SHIPPED}\n".encode()
NOTE = f"""\
# This host wants sudo to ask jitd by its plugin: `jitd pam-install sudo --plugin` has put its line into {CONF}. While this file
# is here, it is an alarm if the line is missing. `{REMOVE}` takes both away.
"""
_GATE = "jitd pam-install sudo puts the gate into its PAM stack"
_VERSION = re.compile(r"Sudo version (\d+)\.(\d+)(?:\.(\d+))?")
APART = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", 'mount --bind "$0" "$1"; shift; exec "$@"')
"""What runs a command where one file is in the place of another. Both files and the command follow."""


def is_there() -> bool:
    """True if sudo.conf names the plugin."""
    return bool(line_of((files.read(FILE)[0] or b"").decode("utf-8", "replace")))


def put_in(*, is_trial: bool) -> bool:
    """Put the line in. Return False if it is there, and sudo loads the plugin. Raises NotDone if it cannot work, and
    OSError. Nothing has changed then.
    """
    for place in (
        files.closed(CHECK, files.see(SHIPPED), "the plugin of sudo"),
        files.above(CHECK, files.see_above(Path(SHIPPED))),
        files.above(CHECK, files.see_above(FILE)),
    ):
        _demand(place)
    with _conf(is_trial=is_trial) as (content, status):
        _demand_own(content, lambda words: words[1:3] == (SYMBOL, SHIPPED))
        _demand_plugins()
        _demand_no_other()
        if words := line_of(content.decode("utf-8", "replace")):
            if because := not_loaded():
                raise NotDone(f"{CONF} names the plugin, but sudo does not load it, so nothing was changed: {shown(because)}")
            if because := why_refused(words):
                raise NotDone(f"sudo refuses everybody but root, because {because}; nothing was changed: correct the line")
            if not (is_trial or WANTED.exists()):
                store(WANTED, NOTE.encode())
            return False
        if is_trial or status is None:
            print_change(FILE, content, LINE + content)
            return True
        was_wanted = WANTED.exists()
        lets_in = said(("-n", "true"))[0] == 0
        store(WANTED, NOTE.encode())
        try:
            swap(FILE, LINE + content, content, status, partial(_try_out, lets_in=lets_in))
        except BaseException:
            if not was_wanted and not is_there():
                WANTED.unlink()
            raise
    answer(f"{CONF}: sudo has loaded {SHIPPED}{', let root in,' * lets_in} and asks jitd by it from now on")
    if not lets_in:
        say("sudo -n true does not work for root without the plugin, so it was not tried with it: try sudo true as root now")
    return True


def take_out(*, is_trial: bool) -> bool:
    """Take the line out, and WANTED, and try sudo. Return False if there is neither. Raises OSError, and NotDone if a line is not
    jitd's, or if sudo does not work afterwards.
    """
    content, status = read_file(FILE) if os.path.lexists(FILE) else (b"", None)
    _demand_own(content, is_of_jitd)
    text = content.decode("utf-8", "surrogateescape")
    left = "".join(line for line, words in lines_of(text) if not words).encode("utf-8", "surrogateescape")
    is_wanted = WANTED.exists()
    if is_trial:
        print_change(FILE, content, left)
    elif status is not None and left != content:
        swap(FILE, left, content, status)
        answer(f"{CONF}: the line of jitd's plugin is out")
    if is_wanted and not is_trial:
        WANTED.unlink()
        answer(f"{WANTED}: removed, so that nobody misses the line")
    if not is_trial and os.path.lexists(SUDO) and (status_of_sudo := said(("-V",)))[0]:
        done = f"{CONF} does not name jitd's plugin" if left == content else "the line is out"
        raise NotDone(
            f"{done}, and sudo does not work all the same: {shown(status_of_sudo[2])}; correct that by su or at the console"
        )
    return is_wanted or left != content


@contextmanager
def _conf(*, is_trial: bool) -> Iterator[tuple[bytes, os.stat_result | None]]:
    """Return what sudo.conf has. One that is missing is made, because nothing can be mounted over what is not there. To sudo, an
    empty one says what none says.
    """
    made = None
    if not os.path.lexists(FILE):
        if is_trial:
            yield b"", None
            return
        put_new(FILE, b"", 0o644)
        made = FILE.lstat().st_ino
    try:
        _demand(files.closed(CHECK, files.see(FILE), "sudo.conf"))
        yield read_file(FILE)
    finally:
        with suppress(FileNotFoundError):
            now = FILE.lstat()
            if now.st_ino == made and not now.st_size:  # otherwise somebody has written into it
                FILE.unlink()


def _demand(finding: Result) -> None:
    if finding.level != "ok":
        raise NotDone(f"{finding.sentence}; nothing was changed: {finding.command or finding.mend}")


def _demand_plugins() -> None:
    """Raises NotDone if sudo loads no approval plugins: because of its version, or because it is sudo-rs."""
    status, out, wrong = said(("-V",))
    version = _VERSION.match(out)
    if status or version is None:
        other = f"{SUDO} -V says {shown(out.strip())!r}, and only sudo itself has plugins"
        told = f"{SUDO} does not work: {shown(wrong)}" if status else other
        raise NotDone(f"{told}; nothing was changed: {_GATE}")
    if tuple(int(part or 0) for part in version.groups()) < OLDEST:
        told = f"sudo loads approval plugins since version {'.'.join(map(str, OLDEST))}, and this one says: {version[0]}"
        raise NotDone(f"{told}; nothing was changed: {_GATE}")


def _demand_no_other() -> None:
    """Raises NotDone if another sudo can be called, which would ask nobody without a gate."""
    for another in other_sudos(Places()):
        fault = of_another(another)
        told = f"{shown(fault.why)}, and would ask nobody without the gate, because it loads no plugin; nothing was changed"
        raise NotDone(f"{told}: {fault.command or fault.mend}; or keep the gate, which asks for both")


def _demand_own(content: bytes, is_own: Callable[[tuple[str, ...]], bool]) -> None:
    """Raises NotDone if a line has the plugin of another file, or with another name."""
    for _, words in lines_of(content.decode("utf-8", "replace")):
        if words and not is_own(words):
            told = f"{CONF} names a plugin {shown(words[1])} of another file ({shown(' '.join(words[2:])) or 'none'})"
            raise NotDone(f"{told}; nothing was changed: take that line out yourself, and try again")


def _try_out(half: Path, *, lets_in: bool) -> None:
    """Raises NotDone unless sudo loads the plugin by the file ``half``, and lets root in if it ``lets_in`` root now."""
    apart = (*APART, str(half), CONF)
    if because := not_loaded(apart):
        raise NotDone(f"with the line, sudo would not work, so nothing was changed: {shown(because)}")
    if lets_in:
        status, _, wrong = said(("-n", "true"), apart)
        if status:
            raise NotDone(f"with the line, sudo would not let root in, so nothing was changed: {shown(wrong)}")
