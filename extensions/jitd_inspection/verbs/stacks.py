# SPDX-License-Identifier: Apache-2.0
"""The verb ``pam-install`` puts jitd's gate before the lines of a PAM stack in /etc/pam.d, and takes it out again. In the
place of the gate of sudo, it installs jitd's plugin of sudo.

Law: the file of a stack is replaced in one step, by a file that pam-lint has judged, or not at all. The file of before is kept as
it is, under another name in the same directory. This very file is what ``--remove`` puts back, so its owner, mode, ACL and
labels cannot get lost. Between two steps, sudo may ask twice, but is never left without what asks.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone
from jitd.cli.question import can_ask, is_answered_yes
from jitd.core.toml_document import ConfigError
from jitd.files.durable import sync
from jitd.hosts.findings import BAD, WEAK, Linted
from jitd.hosts.places import LARGEST, Places
from jitd.hosts.sudo_plugin import CONF, REMOVE
from jitd.settings import config, policyfile
from jitd_inspection.pamlint.linting import gates_of_host, lint_host
from jitd_inspection.standing.robots import look_for_robots
from jitd_inspection.verbs import plugin
from jitd_inspection.verbs.replacing import half_of, print_change, read_file
from jitpam.initiator import own_host
from jitpam.wire.shown import shown

STACKS = Path("/etc/pam.d")
SHIPPED = Path("/usr/share/jitd/pam.d")
LOCK = "/run/jitd-pam-install.lock"
KEPT = ".before-jitd"  # what is added to the name of a stack's file for the file of before
TOGETHER = {"sudo": ("sudo", "sudo-i"), "sudo-i": ("sudo", "sudo-i"), "su": ("su", "su-l"), "su-l": ("su", "su-l")}
"""Services of one program. A gate in one of them alone is bypassed by the other."""
_REST = re.compile(rb"(?m)^# (?:Below this line: what|What) Debian ships\b.*\n")
"""The line of a shipped stack below which its own lines are not jitd's."""
_SWITCHED_OFF = re.compile(rb"(?m)^#(?=(?:account|session) )")
"""What stands before the lines of a gate that is shipped, but not in force (cron)."""
_GATED = re.compile(
    rb"# jitd's gate: (?P<gate>.*?\n)# End of jitd's gate, SHA-256 (?P<digest>[0-9a-f]{64})\. [^\n]*\n", re.DOTALL
)


@click.command("pam-install")
@click.option("--remove", "is_removal", is_flag=True, help="Put back the file of before.")
@click.option("--plugin", "is_plugin", is_flag=True, help="The plugin of sudo, in the place of its gate.")
@click.option("--dry-run", "is_trial", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--yes", "is_sure", is_flag=True, help="Go on although accounts that use sudo now could not ask jitd.")
@click.argument("service")
def pam_install(*, service: str, is_removal: bool, is_plugin: bool, is_trial: bool, is_sure: bool) -> None:
    """Put jitd's gate into the PAM stack of SERVICE: sudo (with sudo -i), su (with su -), doas, login, sshd or cron."""
    known = sorted(file.name for file in SHIPPED.iterdir()) if SHIPPED.is_dir() else []
    if service not in known and not (is_plugin and is_removal):  # this way back needs nothing that is installed beside it
        raise click.UsageError(f"no gate for {shown(service)} is shipped; {SHIPPED} has: {', '.join(known) or 'nothing'}")
    if is_plugin and service not in TOGETHER["sudo"]:
        raise click.UsageError(f"{shown(service)} has no plugin: --plugin is for sudo alone")
    if os.geteuid() != 0 and not is_trial:
        raise NotDone(f"only root can change {CONF if is_plugin else STACKS}", "forbidden")
    names = TOGETHER.get(service, (service,))
    with nullcontext() if is_trial else _alone():
        if is_plugin:
            _remove_plugin(names, is_trial=is_trial) if is_removal else _install_plugin(names, is_trial=is_trial, is_sure=is_sure)
        elif is_removal:
            _remove(names, is_trial=is_trial)
        else:
            _install(service, names, is_trial=is_trial, is_sure=is_sure)


class _Planned(Places):
    """The files of this host as they would be with the contents ``planned``."""

    def __init__(self, planned: Mapping[Path, bytes]) -> None:
        super().__init__()
        self._planned = {str(file): content for file, content in planned.items()}

    def _taken(self, path: str, largest: int = LARGEST) -> tuple[bytes, os.stat_result] | None:
        taken = super()._taken(path, largest)
        return taken if taken is None or path not in self._planned else (self._planned[path], taken[1])


def _install(service: str, names: tuple[str, ...], *, is_trial: bool, is_sure: bool) -> None:
    planned: dict[Path, bytes] = {}
    before: dict[Path, tuple[bytes, os.stat_result]] = {}
    for name in names:
        file = STACKS / name
        if name != names[0] and not file.exists():
            continue
        read = read_file(file)
        if (judged := gates_of_host(_Planned(planned)).judged.get(name)) and judged.gates:
            place = judged.gates[0].place
            if Path(place.file) not in planned:  # otherwise it includes the stack that is about to get the gate
                say(f"{shown(name)} asks jitd already ({place}); jitd pam-lint says whether the gate holds")
            continue
        before[file] = read
        planned[file] = _gate_of(name) + read[0]
    if not planned:
        return say("nothing was changed")
    _judge(service, names, planned)
    if is_trial:
        for file, content in planned.items():
            print_change(file, before[file][0], content)
    if service in TOGETHER["sudo"] and not plugin.is_there():
        _demand_robots(is_trial=is_trial, is_sure=is_sure)
    if is_trial:
        return say("nothing was changed")
    done: list[Path] = []
    try:
        for file, content in planned.items():
            _replace(file, content, *before[file])
            done.append(file)
    except BaseException:
        for file in done:
            os.rename(_kept(file), file)
        raise
    for file in planned:
        answer(f"{file}: jitd's gate is in; the file of before is {_kept(file)}")
    _tell_what_is_left(service, names, f"to take the gate out: jitd pam-install --remove {service}")
    if service in TOGETHER["sudo"] and plugin.is_there():
        say(f"sudo asks jitd by its plugin, too, which takes two uses of a grant; to take the plugin out: {REMOVE}")


def _demand_robots(*, is_trial: bool, is_sure: bool) -> None:
    """Tell which system accounts use sudo now and could not ask jitd. Raises NotDone unless somebody wants sudo to ask all the
    same: their jobs, which nobody watches, would fail from then on.
    """
    try:
        settings = config.load()
    except ConfigError:
        settings = config.Config(frozenset(), own_host())
    found = look_for_robots(settings)
    if found.unseen:
        say(found.unseen)
    for line in found.lines:
        say(shown(line))
    if not found.lines:
        return
    say(f"once sudo asks jitd, it refuses {'this account' if len(found.lines) == 1 else 'these accounts'}: {shown(found.mend)}")
    if is_trial or is_sure:
        return
    if not can_ask():
        raise NotDone("nothing was changed: mend this first, or say --yes")
    if not is_answered_yes("Let sudo ask jitd all the same? type yes: "):
        raise NotDone("nothing was changed")


def _tell_what_is_left(service: str, names: tuple[str, ...], way_back: str) -> None:
    try:
        rules = policyfile.load_with(config.load(), is_known=False).rules
        named = {word for rule in rules if rule.verdict == "permit" for word in rule.services or ()}
        for name in (name for name in names if name not in named):
            say(f'no rule has services = ["{name}"]: until one has, {name} lets in nobody but root')
    except ConfigError:
        say("the rules have faults, so nobody but root is let in: jitd check")
    say(f"keep a root shell open until {service} was tried; {way_back}")


def _install_plugin(names: tuple[str, ...], *, is_trial: bool, is_sure: bool) -> None:
    """Put the plugin in before the gates of ``names`` are taken out."""
    files = _with_file_of_before(names)
    for name in names:
        judged = gates_of_host(_Planned({file: read_file(_kept(file))[0] for file in files})).judged.get(name)
        if judged and judged.gates:
            raise NotDone(
                f"{name} asks jitd by a gate that pam-install has not put in ({judged.gates[0].place}), and with the plugin, each"
                " sudo would take two uses of a grant; nothing was changed: take the gate's lines out yourself, and try again"
            )
    if not (files or plugin.is_there()):
        _demand_robots(is_trial=is_trial, is_sure=is_sure)
    is_done = plugin.put_in(is_trial=is_trial)
    _put_back(files, is_trial=is_trial)
    if is_trial or not (is_done or files):
        return say("nothing was changed" if is_trial else "sudo asks jitd by its plugin already: nothing was changed")
    say("if the plugin is damaged later, sudo refuses everybody, and root, too: su and the console are then the ways in")
    _tell_what_is_left("sudo", names, f"the way back: {REMOVE}")


def _remove_plugin(names: tuple[str, ...], *, is_trial: bool) -> None:
    if not plugin.take_out(is_trial=is_trial):
        return say(f"{CONF} does not name jitd's plugin: nothing was changed")
    if is_trial:
        return say("nothing was changed")
    judged = gates_of_host(Places()).judged
    if not all(name in judged and judged[name].gates for name in names if os.path.lexists(STACKS / name)):
        say("sudo does not ask jitd any more; to put the gate into its PAM stack: jitd pam-install sudo")


def _remove(names: tuple[str, ...], *, is_trial: bool) -> None:
    files = _with_file_of_before(names)
    if not files:
        file = STACKS / names[0]
        if _GATED.match(read_file(file)[0]):
            raise NotDone(f'{_kept(file)} is gone: take the lines of {file} down to "# End of jitd\'s gate" out yourself')
        other = f"; to take the plugin of sudo out: {REMOVE}" if names == TOGETHER["sudo"] and plugin.is_there() else ""
        raise NotDone(f"there is no {_kept(file)}: pam-install has put no gate there{other}")
    _put_back(files, is_trial=is_trial)
    if is_trial:
        say("nothing was changed")


def _with_file_of_before(names: tuple[str, ...]) -> list[Path]:
    """Return the stacks of ``names`` that can be put back. Raises NotDone if one has changed since its gate was put in."""
    files = [STACKS / name for name in names if os.path.lexists(_kept(STACKS / name))]
    for file in files:
        (now, status), (kept, kept_status) = read_file(file), read_file(_kept(file))
        same = all(getattr(status, name) == getattr(kept_status, name) for name in ("st_mode", "st_uid", "st_gid"))
        if now != kept and not (same and _is_untouched(now, kept)):
            raise NotDone(
                f"{file} has changed since the gate was put in, and the file of before does not have this change; nothing was"
                f" done; to put the file of before back all the same: mv -f {_kept(file)} {file}"
            )
    return files


def _put_back(files: Sequence[Path], *, is_trial: bool) -> None:
    for file in files:
        if is_trial:
            print_change(file, read_file(file)[0], read_file(_kept(file))[0])
        elif os.path.samefile(file, _kept(file)):  # the installation was interrupted before the gate was in
            _kept(file).unlink()
        else:
            os.rename(_kept(file), file)
            sync(file.parent)
            answer(f"{file}: the file of before is back")


def _gate_of(name: str) -> bytes:
    """Return the lines that are put before those of the stack ``name``: the gate of the stack that is shipped."""
    text = (SHIPPED / name).read_bytes()
    rest = _REST.search(text)
    if rest is None:
        raise NotDone(f"{SHIPPED / name} does not say where its gate ends: is it of this version?")
    lines = _SWITCHED_OFF.sub(b"", text[: rest.start()]).split(b"\n", 2)[2]  # without the two lines about the file itself
    about = f"put in by `jitd pam-install {name}`, and taken out by `jitd pam-install --remove {name}`. docs/pam.md says more."
    gate = about.encode() + b"\n" + lines
    digest = hashlib.sha256(gate).hexdigest()
    return b"# jitd's gate: " + gate + f"# End of jitd's gate, SHA-256 {digest}. The file of before follows.\n".encode()


def _is_untouched(now: bytes, kept: bytes) -> bool:
    """True if ``now`` is ``kept`` with a gate before it, just as the gate was put there."""
    found = _GATED.match(now)
    is_as_put_in = found is not None and hashlib.sha256(found["gate"]).hexdigest() == found["digest"].decode()
    return found is not None and is_as_put_in and now[found.end() :] == kept


def _judge(service: str, names: tuple[str, ...], planned: Mapping[Path, bytes]) -> None:
    """Print what pam-lint finds in the stacks as they would be. Raises NotDone if a gate would not hold, or would lock somebody
    out.
    """
    files = {str(file) for file in planned}
    found = [one for one in lint_host(_Planned(planned)) if one.severity != WEAK]
    mine = [one for one in found if one.place.file in files or set(one.services) & set(names)]
    for finding in mine:
        _print_finding(finding)
    if any(finding.severity == BAD for finding in mine):
        raise NotDone(f"the gate of {service} would not hold, or would lock somebody out, so nothing was changed")
    if any(finding not in mine for finding in found):
        say("about other stacks of this host there is more to know: jitd pam-lint")


def _print_finding(finding: Linted) -> None:
    answer(f"{finding.severity:<5} {shown(str(finding.place))}  {finding.name}: {shown(finding.sentence)}")
    answer(f"{'':<6}{shown(finding.mend)}")


# --- the files -------------------------------------------------------------------------------------------------------


@contextmanager
def _alone() -> Iterator[None]:
    """Be the only one that changes stacks by this verb: two would take each other's steps for interrupted ones. Raises NotDone,
    OSError.
    """
    held = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise NotDone("another pam-install is at work on this host") from None
    finally:
        os.close(held)


def _kept(file: Path) -> Path:
    return file.with_name(file.name + KEPT)


def _replace(file: Path, content: bytes, seen: bytes, status: os.stat_result) -> None:
    """Put ``content`` in the place of ``file``, with its owner, mode, ACL and labels, and keep the file of before. ``seen`` and
    ``status`` are what was read of it. Raises NotDone and OSError. Nothing has changed then.
    """
    with half_of(file, content, status) as half:
        kept, mine = _kept(file), half.lstat().st_ino
        if os.path.lexists(kept) and os.path.samefile(kept, file):
            kept.unlink()  # an earlier installation was interrupted before the gate was in
        try:
            os.link(file, kept, follow_symlinks=False)
        except FileExistsError:
            raise NotDone(f"{kept} is the file of before of an earlier gate: look at it, and move it away") from None
        try:
            now, same = read_file(file)
            if (now, same.st_ino) != (seen, status.st_ino):
                raise NotDone(f"{file} was changed at this moment: nothing was done, try again")
            os.rename(half, file)
            sync(file.parent)
        except BaseException:
            if file.lstat().st_ino == mine:
                os.rename(kept, file)
            else:  # it has the name of before still, or somebody else has just put another file there
                kept.unlink()
            raise
