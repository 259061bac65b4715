# SPDX-License-Identifier: Apache-2.0
"""Looks at the file of an edit: which file it is, what it has in it, and why it cannot be edited.

Law: a look tells its requester nothing about the content of a file that they cannot read. The path is one that nobody but root
and the account that writes can make lead elsewhere, and the file is the one at its end. Calls may block.
"""

from __future__ import annotations

import errno
import grp
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from jitd.core.command import Command, RunAs
from jitd.core.command import together as together_of
from jitd.core.edit import Edit, NewFile, OldFile, Removal, Undone
from jitd.core.script import LARGEST, Script, is_text
from jitd.core.subject import Subject
from jitd.core.wording import name_in_sentence
from jitd.deciding import accounts, groups
from jitd.deciding.command_lookup import can_see
from jitd.deciding.scripts import Scripts
from jitd.files import exchange, inspection, path_lookup
from jitd.files.glance import THERE, link_to
from jitd.files.inspection import Uninspectable, path_in_sentence
from jitd.files.mounts import EditedMounts, Mounts, Processes
from jitd.files.reading_as import Rights, may_make_files, read_as
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import shown, shown_argument

MOST_SHOWN = 192 * 1024
"""Maximum size in bytes of each text as it is sent to who approves. Without the texts, people would approve digests. The limit is
not for both together: the requester chooses the size of the new text, and would find out the size of the old one.
"""

BOUND = tuple(one.name for one in fields(OldFile) if not one.kw_only)  # what must be of the file as it was at the request
MOST_HOLDERS = 3  # processes that are named
_OF_ROOT = ("trusted.", "security.")
"""Extended attributes that only root can give to a file. Other accounts do not even see the first ones, and see the others of
files that they can reach (xattr(7)). So a refusal does not tell their names.
"""
_PLAIN = re.compile(r"[\w.+@%=~-]*[\w+@%=~-]")  # no character that ends a name in what a shell or a person reads
_LABEL = "security.selinux"  # given by the policy of SELinux. If it is off, a label of before is like others
_CONTEXT = "/proc/self/attr/current"  # user:role:type[:level], if SELinux is on. A container may have no selinuxfs


class CannotEdit(Exception):
    """The file cannot be edited. The text is a sentence that its requester may read."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The file of an edit, and its text."""

    edit: Edit
    before: bytes


def look(command: Command, who: Subject, trusted: tuple[bytes, ...], glance: path_lookup.Look) -> Looked:
    """Return the file of ``command``, which is the edit that ``who`` asks for, or is removed: then it is looked at as one that is
    edited. The directories of its path are resolved, and all is looked up with ``glance``. Raises CannotEdit.
    """
    path, asked = command.edited, command.writes
    assert isinstance(asked, OldFile), "it is a file that is there"
    name = path_in_sentence(path)
    with _directory_of(name, path, command.run_as, trusted, glance) as directory:
        _refuse_place(name, path, who, glance)
        expected, before, status = _expected(name, directory, path, command.run_as)
        if not os.path.samestat(status, glance.lstat(path)):
            raise CannotEdit(f"{name} was changed while jitd looked at it")
        _refuse_account(name, path, status, command.run_as, glance)
        is_told = _has_read(path, before, who)
        mounted, covered = map(_in_words, Mounts().around(path, glance.mount(path)))
    edit = Edit(
        expected.device,
        expected.inode,
        status.st_uid,
        status.st_gid,
        stat.S_IMODE(status.st_mode),
        expected.digest,
        asked.after if isinstance(asked, Edit) else b"",
        is_told=is_told,
        owner=_owner(status.st_uid, status.st_gid),
        mounted=mounted,
        covered=covered,
        base=asked.base if isinstance(asked, Edit) else b"",
    )
    return Looked(edit, before)


def look_at_place(command: Command, trusted: tuple[bytes, ...], glance: path_lookup.Look) -> NewFile:
    """Return the file that ``command`` makes, with the directory in which nothing has its name. As of any new file there, its
    group is that of the directory if this is set-gid, and otherwise that of the account. Raises CannotEdit.
    """
    path, asked = command.edited, command.writes
    assert isinstance(asked, NewFile), "it is a new file"
    name = path_in_sentence(path)
    _refuse_name(name, os.path.basename(path))
    with _directory_of(name, path, command.run_as, trusted, glance) as directory:
        if _is_there(name, directory, path, glance):
            raise CannotEdit(f"{name} is there now, and was not when it was looked for")
        status = os.fstat(directory)
        _refuse_maker(name, path, command.run_as, _own_groups(command.run_as))
    gid = status.st_gid if status.st_mode & stat.S_ISGID else command.run_as.gid
    owner = _owner(command.run_as.uid, gid)
    return NewFile(status.st_dev, status.st_ino, command.run_as.uid, gid, asked.mode, asked.after, owner)


def _refuse_name(name: str, base: bytes) -> None:
    """Raise CannotEdit if a new file may not be called ``base``. Its requester chooses the name, which a check may give to a
    shell. And by the name a line that a check says is taken for one about this file, and not about another beside it.
    """
    try:
        is_plain = _PLAIN.fullmatch(base.decode()) is not None
    except UnicodeDecodeError:
        is_plain = False
    if not is_plain:
        told = "letters, digits and ._+-@%=~, and does not end with a dot"
        raise CannotEdit(f"{name} is no name of a new file, which has only {told}: choose another name")


@contextmanager
def _directory_of(name: str, path: bytes, run_as: RunAs, trusted: tuple[bytes, ...], glance: path_lookup.Look) -> Iterator[int]:
    """Give a descriptor of the directory of ``path``, which nobody but root and the account that writes could make another one.
    Raises CannotEdit, also for what is found to be wrong while it is open.
    """
    try:
        view = _view(accounts.trusted_uid(run_as), trusted)
        real, changers = inspection.changers(os.path.dirname(path), view, glance)
        if changers:
            why = view.mounts.why_not(glance.mount(real))
            is_by_mount = bool(why) and changers[0].endswith(why)
            way = "; an administrator who trusts the mount names it in trusted_mounts, jitd.toml(5)" if is_by_mount else ""
            raise CannotEdit(f"others could make {name} another file: {changers[0]}{way}")
        if real != os.path.dirname(path):
            raise CannotEdit(f"the way to {name} was changed while jitd looked at it")
        directory = exchange.open_directory(real, glance)
        try:
            yield directory
        finally:
            os.close(directory)
    except Uninspectable as fault:
        raise CannotEdit(f"{name} cannot be looked at: {fault}") from None
    except (exchange.NotExchanged, OSError) as fault:
        raise CannotEdit(f"{name}: {getattr(fault, 'strerror', None) or fault}") from None


def _view(uid: int, trusted: tuple[bytes, ...]) -> inspection.View:
    """Return how the way to a file is judged that ``uid`` writes: nothing of it is executed (EditedMounts)."""
    view = inspection.View(uid, None, trusted)
    view.mounts = EditedMounts(trusted)
    return view


def _is_there(name: str, directory: int, path: bytes, glance: path_lookup.Look) -> bool:
    """True if anything has the name of ``path``, also a link that leads nowhere: as the look has it, and in ``directory`` now."""
    try:
        glance.lstat(path)
    except FileNotFoundError:
        try:
            os.stat(os.path.basename(path), dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
    return True


def refuse_links(typed: bytes, command: Command, who: Subject, trusted: tuple[bytes, ...], glance: path_lookup.Look) -> None:
    """Raise CannotEdit if the path that ``who`` has typed leads to the file of ``command`` by a link on the way, or through a
    directory and out of it by ``..``, that they can change, or anybody else but root and the account that writes. ``glance`` has
    found the file, and nothing is looked up anew: the links that are judged are those that were followed.
    """
    uid = accounts.trusted_uid(command.run_as)
    view = _view(0 if uid == who.uid else uid, trusted)
    name, real = path_in_sentence(typed), path_in_sentence(command.edited)
    try:
        way = path_lookup.seen(os.path.dirname(typed), 0, (), None, glance)
        changers = inspection.detour_changers(way.steps, way.real, view, glance)
    except (Uninspectable, OSError, ValueError) as fault:
        raise CannotEdit(f"the links on the way to {name} cannot be looked at: {fault}") from None
    if changers:
        told = f"{name} leads through a link, or by .. out of a directory, that others can change: {changers[0]}"
        raise CannotEdit(f"{told}; name the file by its real path, {real}")


def refuse_changed(looked: Looked, path: bytes) -> None:
    """Raise CannotEdit if the file at ``path`` has another text than that from which the new one was made, and its requester can
    read it. Who cannot is told nothing of it: they could find out by a guess what it has.
    """
    if looked.edit.is_changed and looked.edit.is_told:
        raise CannotEdit(f"{path_in_sentence(path)} was changed after your text was made from it: nothing was requested")


def refuse_removed(base: bytes, path: bytes) -> None:
    """Raise CannotEdit if the text of a new file at ``path`` was made from one that was there, whose SHA-256 is ``base``."""
    if base not in (b"", hashlib.sha256(b"").digest()):
        raise CannotEdit(f"{path_in_sentence(path)} was removed after your text was made from it: nothing was requested")


def undoing(edit: Edit, path: bytes, undone: Undone) -> Edit:
    """Return ``edit``, of the file at ``path`` as it is now, as one that gives it the text that it had before ``undone``. Raises
    CannotEdit if others have changed it since. If others than then may read it, they would read a text that was not theirs to
    read.
    """
    name, did = path_in_sentence(path), undone.did
    assert not isinstance(did, Removal), "what was removed is made again"
    by_hand = f"to change it as it is now, jitsudo -e {name}"
    if edit.before != did.after:
        raise CannotEdit(f"{name} has another text than {undone.id} has written: somebody has changed it since; {by_hand}")
    if (edit.uid, edit.gid, edit.mode) != (did.uid, did.gid, did.mode):
        raise CannotEdit(f"{name} no longer has the owner, the group and the mode that {undone.id} has left; {by_hand}")
    return replace(edit, is_told=edit.is_told and undone.is_told, undoes=undone.id)


def removing(edit: Edit, path: bytes, undone: Undone) -> Removal:
    """Return the removal of the file at ``path``, which is ``edit`` as it is now and was made by ``undone``. Raises CannotEdit if
    others have changed it since.
    """
    now = undoing(edit, path, undone)
    return Removal(**{one.name: getattr(now, one.name) for one in fields(Removal)})


def refuse_made(path: bytes, undone: Undone) -> None:
    """Raise CannotEdit if ``undone`` is a removal: its file, at ``path``, is there again."""
    if isinstance(undone.did, Removal):
        name = path_in_sentence(path)
        raise CannotEdit(
            f"{name} is there: {undone.id} was ended before, or somebody has made it since; to change it, jitsudo -e {name}"
        )


def making_again(new: NewFile, path: bytes, undone: Undone) -> NewFile:
    """Return ``new``, the file that is made at ``path``, as one that was removed by ``undone``. Raises CannotEdit if others than
    then may read it.
    """
    did, name = undone.did, path_in_sentence(path)
    if (new.uid, new.gid, new.mode) != (did.uid, did.gid, did.mode):
        told = f"{name} would not have the owner, the group and the mode that it had before {undone.id}"
        raise CannotEdit(f"{told}; to make it as the rule has it today, jitsudo -e {name}")
    return replace(new, undoes=undone.id, is_told=undone.is_told)


def scripts_of(command: Command, after: bytes, *before: bytes) -> Scripts:
    """Return the text that ``command`` writes, for those who approve it, and the one that is there, if there is one. Raises
    CannotEdit if the new one cannot be shown.
    """
    file = command.writes
    assert isinstance(file, Edit | NewFile), "it writes one file"
    if not _is_shown(after):
        raise CannotEdit(f"the new text has more than {MOST_SHOWN // 1024} KiB with all escapes, and cannot be shown to anybody")
    at = 0 if isinstance(file, NewFile) else 1  # who does not know new files is shown a text that stands for no argument
    return Scripts((Script(at, command.edited, file.after),), (*before, after))


def scripts_of_removal(command: Command, before: bytes) -> Scripts:
    """Return the text that goes with the file that ``command`` removes, for those who approve it."""
    assert command.removes is not None, "it is a removal"
    return Scripts((Script(0, command.edited, command.removes.before),), (before,))


def together(each: Sequence[tuple[Command, Scripts]]) -> tuple[Command, Scripts]:
    """Return the command that writes the files of ``each`` together, and the texts of all of them. Raises CannotEdit if they are
    not different files that are there, which their requester can read, or if their texts are too long for one page.

    That all can be read has a reason: the limit is for the sum of the old texts. The requester chooses all but one of them, and
    would find out the size of that one.
    """
    at: dict[tuple[int, int], str] = {}
    for command, _ in each:
        name, edit = path_in_sentence(command.edited), command.writes
        if not isinstance(edit, Edit):
            raise CannotEdit(f"there is no {name}, and a new file is made by a request of its own: jitsudo -e {name}")
        if not edit.is_told:
            raise CannotEdit(f"you cannot read {name}, and such a file is edited by a request of its own: jitsudo -e {name}")
        if (other := at.setdefault((edit.device, edit.inode), name)) != name:
            raise CannotEdit(f"{other} and {name} are one file")
        try:
            command.edited.decode()
        except UnicodeDecodeError:
            raise CannotEdit(f"{name} is not UTF-8, and such a file is edited by a request of its own") from None
    if len({command.edited for command, _ in each}) < len(each):
        twice = next(one.edited for n, (one, _) in enumerate(each) if one.edited in [other.edited for other, _ in each[:n]])
        raise CannotEdit(f"{path_in_sentence(twice)} is named twice: name each file once")
    in_order = sorted(each, key=lambda one: one[0].edited)
    olds, news = ([scripts.texts[n] for _, scripts in in_order] for n in (0, 1))
    if len(b"".join(olds)) > LARGEST or not _is_shown(b"".join(olds)) or not _is_shown(b"".join(news)):
        raise CannotEdit("the texts of these files are too long to be shown together: edit them one by one")
    scripts = tuple(replace(one, at=0) for _, scripts in in_order for one in scripts.scripts)
    return together_of([command for command, _ in in_order]), Scripts(scripts, (*olds, *news))


def _is_shown(text: bytes) -> bool:
    return len(encode_basestring_ascii(shown(text))) <= MOST_SHOWN


def _refuse_place(name: str, path: bytes, who: Subject, glance: path_lookup.Look) -> None:
    """Raise CannotEdit if the file's place makes an edit impossible. Where a link leads is told to whom can follow it."""
    if stat.S_ISLNK(glance.lstat(path).st_mode):
        sight = glance.follow(path)
        if sight.end == THERE and can_see(who, glance, path):
            raise CannotEdit(f"{name} is a link to {path_in_sentence(sight.path)}: name that file")
        raise CannotEdit(f"{name} is a link: name the file to which it leads")
    mount = Mounts().at(glance.mount(path))
    if mount is not None and mount.point == path:
        raise CannotEdit(f"{name} is a mount point, and cannot be replaced")


def _in_words(found: Processes) -> str:
    """Return the names and pids. A name is shown here, within quotes of jitd's; the whole is shown by ``reshown``."""
    n_more = len(found) - MOST_HOLDERS
    told = ", ".join(f"{name_in_sentence(shown(name))} ({process})" for name, process in found[:MOST_HOLDERS])
    return told + (f" and {n_more} more" if n_more > 0 else "")


def _refuse_account(name: str, path: bytes, status: os.stat_result, run_as: RunAs, glance: path_lookup.Look) -> None:
    """Raise CannotEdit if the account that writes could not make the new file, or not like the old one. It would be said when the
    text is written, too, but then somebody has approved it.
    """
    if run_as.uid == 0:
        return
    own = _own_groups(run_as)
    if status.st_gid not in own:
        group = _name(grp.getgrgid, status.st_gid)
        raise CannotEdit(f"{name} has the group {group}, which {run_as.user} could not give back to it")
    _refuse_maker(name, path, run_as, own)
    attributes: list[str] = []
    try:
        attributes = os.listxattr(link_to(glance.file(path)))
    except OSError as fault:
        if fault.errno != errno.EOPNOTSUPP:  # not each file system has them
            raise
    if any(one.startswith(_OF_ROOT) and not (one == _LABEL and _has_selinux()) for one in attributes):
        raise CannotEdit(_only_root_gives(name, run_as))


def _own_groups(run_as: RunAs) -> tuple[int, ...]:
    """Return the groups of the account that writes. Raises CannotEdit."""
    try:
        return (run_as.gid, *accounts.group_ids(run_as.user, accounts.entry_of(f"#{run_as.uid}").pw_gid))
    except accounts.NoSuchAccount as fault:
        raise CannotEdit(str(fault)) from None
    except groups.CannotLookUp as fault:
        raise CannotEdit(f"the groups of {run_as.user} cannot be looked up: {fault}") from None


def _refuse_maker(name: str, path: bytes, run_as: RunAs, own: tuple[int, ...]) -> None:
    """Raise CannotEdit if the account that writes, whose groups are ``own``, could make no file in the directory of ``path``."""
    if run_as.uid and not may_make_files(Rights(run_as.uid, run_as.gid, own), os.path.dirname(path)):
        raise CannotEdit(f"{run_as.user} may not write in the directory of {name}, and so not make the new file")


def _only_root_gives(name: str, run_as: RunAs) -> str:
    return f"{name} has an attribute that {run_as.user} cannot give to the new file, as only root can"


def _has_selinux() -> bool:
    try:
        with open(_CONTEXT, "rb") as file:
            return file.read().count(b":") >= 2
    except OSError:
        return False


def _owner(uid: int, gid: int) -> str:
    return f"{_name(pwd.getpwuid, uid)}:{_name(grp.getgrgid, gid)}"


def _name(entry: Callable[[int], tuple[Any, ...]], number: int) -> str:
    try:
        return str(entry(number)[0])
    except (KeyError, OSError):
        return f"#{number}"


def _has_read(path: bytes, before: bytes, who: Subject) -> bool:
    """True if ``who`` reads ``before`` at ``path``, as the kernel says. What is not certain is a no: the account that writes may
    have put another file there.
    """
    try:
        rights = Rights(who.uid, who.gid, accounts.group_ids(who.user, who.gid))
        return any(not one.fault and one.is_whole and one.content == before for one in read_as(rights, (path,), LARGEST, LARGEST))
    except (OSError, groups.CannotLookUp, accounts.NoSuchAccount):
        return False


def _expected(name: str, directory: int, path: bytes, run_as: RunAs) -> tuple[exchange.Expected, bytes, os.stat_result]:
    """Return the file, its text and its status. All that is wrong with the content is told in one sentence, because its requester
    may not be able to read it. That the file belongs to somebody else comes before: then its content tells nothing. Raises
    CannotEdit and NotExchanged.
    """

    def refuse_what_is_roots(file: int, status: os.stat_result) -> None:
        if run_as.uid not in (0, status.st_uid):
            raise CannotEdit(f"{name} does not belong to {run_as.user}, who could not give it back its owner")
        if run_as.uid and exchange.flags_of(file) & exchange.JOURNALED:
            raise CannotEdit(_only_root_gives(name, run_as))

    account = "" if run_as.uid == 0 else f"-u {shown_argument(run_as.user.encode())} "
    unfit = (
        f"{name} is not text, or is too long to be shown: it has more than {LARGEST // 1024} KiB, or too many escapes; "
        f"another file is written over it by jitsudo {account}cp FILE {shown_argument(path)}"
    )
    try:
        expected, before, status = exchange.expect(directory, os.path.basename(path), refuse_what_is_roots)
    except exchange.TooLarge:
        raise CannotEdit(unfit) from None
    if not is_text(before) or not _is_shown(before):
        raise CannotEdit(unfit)
    return expected, before, status
