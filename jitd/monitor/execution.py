# SPDX-License-Identifier: Apache-2.0
"""Finds out what is given to execve(2), so that the kernel opens only what was approved.

Law: if accounts besides root and the target account can change the command's file, or a program that executes it, then nothing
that they can change is opened by its name any more. The file is copied to a place where only root can change it. Then this module
does what the kernel would do: it reads the first line of the copy, copies the interpreter that the line names, reads the first
line of this copy, and so on. Everything is read from the copies, so it cannot change in between (ADR 0079).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from jitd.files import inspection, interpreters, path_lookup
from jitd.files.glance import Glance
from jitd.files.inspection import Uninspectable, View, path_in_sentence
from jitd.files.operands import drift
from jitd.monitor.orders import CANNOT, FAILED, MISSING, Job
from jitd.monitor.places import copy_directory
from jitd.recording.reserve import spare


class CannotStart(Exception):
    """The command cannot be started. ``because`` is a sentence, and ``number`` the exit status of jitsudo."""

    def __init__(self, because: str, number: int = CANNOT) -> None:
        super().__init__(because)
        self.because = because
        self.number = number


@dataclass(frozen=True, slots=True)
class Execution:
    """What is given to execve(2): ``file`` and ``argv``. ``command`` is the path of the command's file or of its copy. If the
    kernel does not know how to execute the file, a shell reads it. ``stood_in_for`` are the approved paths that are not opened by
    their names. The target account must be allowed to execute them.
    """

    file: bytes
    argv: tuple[bytes, ...]
    command: bytes
    stood_in_for: tuple[bytes, ...] = ()


def what_to_execute(job: Job, state_dir: str) -> Execution:
    """Return what has to be executed so that only what was approved runs. Raises CannotStart and Uninspectable."""
    with Glance() as glance:
        return _looked(job, state_dir, glance)


def _looked(job: Job, state_dir: str, glance: Glance) -> Execution:
    try:
        found = inspection.inspect(job.path, job.trusted_uid, trusted=job.trusted, glance=glance)
    except Uninspectable as fault:
        if fault.is_absent:
            raise CannotStart(f"the file is missing: {fault}", MISSING) from None
        raise
    if found.digest != job.digest:
        raise CannotStart("the file was changed since it was approved")
    view = View(job.trusted_uid, job.cwd, job.trusted)
    changed = "" if job.operands is None else drift(job.argv, view, job.operands, _masked(job), glance=glance)
    if changed:
        raise CannotStart(changed)
    if not found.writable_by:
        return Execution(job.path, job.argv, job.path)
    if not job.writable:
        raise CannotStart(f"other accounts may change the file: {found.writable_by[0]}")
    try:
        return _assembled(job, os.fsencode(copy_directory(state_dir, job.run)), glance)
    except OSError as fault:
        raise CannotStart(f"the copy that is to be executed cannot be made: {fault.strerror}", FAILED) from None


def _assembled(job: Job, directory: bytes, glance: Glance) -> Execution:
    """Do what the kernel does with a script, up to the first file that is none, or that a handler of binfmt_misc takes. All that
    is copied was found by ``glance``. Raises CannotStart, Uninspectable and OSError.
    """
    os.mkdir(directory, 0o700)
    _give_to_target(job, directory)
    approved = dict(job.interpreters)
    command = file = _place(job, job.path, job.digest, directory + b"/" + os.path.basename(job.path), glance)
    argv, stood_in_for = job.argv, [job.path]
    for number in range(interpreters.MOST + 1):
        opened = _opened_for(file, glance)
        for named in opened.handlers:
            _require_roots(inspection.inspect(named, job.trusted_uid, trusted=job.trusted, glance=glance).writable_by)
        for named in opened.loaders:
            _require_roots(_changers(job, named, glance))
        if opened.line is None or opened.handlers:
            return Execution(file, argv, command, tuple(stood_in_for))
        named, argument = opened.line.interpreter, opened.line.argument
        argv = (named, *(() if argument is None else (argument,)), file, *argv[1:])
        file = named
        if _changers(job, named, glance):
            if named not in approved:
                because = "others can change what executes the file, but could not when it was approved"
                raise CannotStart(f"{because}: {path_in_sentence(named)}")
            file = _place(job, named, approved[named], b"%s/%d-%s" % (directory, number + 1, os.path.basename(named)), glance)
            stood_in_for.append(named)
    raise CannotStart(f"the file has a chain of more than {interpreters.MOST} interpreters")


def _opened_for(path: bytes, glance: Glance) -> interpreters.Opened:
    file = inspection.open_regular(glance.follow(path).path, glance)
    try:
        return inspection.opened_for(file, path)
    finally:
        os.close(file)


def _changers(job: Job, path: bytes, glance: Glance) -> tuple[str, ...]:
    return inspection.changers(path, View(job.trusted_uid, None, job.trusted), glance)[1]


def _require_roots(changers: tuple[str, ...]) -> None:
    """Raise CannotStart if there are ``changers`` of a program that the kernel will open by its name."""
    if changers:
        raise CannotStart(f"others can change what executes the file, and the kernel opens it by its name: {changers[0]}")


def _place(job: Job, path: bytes, digest: bytes, copy: bytes, glance: Glance) -> bytes:
    """Return the path of a file that has the approved ``digest``, and that nobody but root and the target account can change:
    ``path`` itself, or the program to which it leads, or else ``copy``, a new file. A script to which somebody's link leads is
    copied, because it may read what lies beside it, and the link may lead to an equal script elsewhere by now. Raises
    CannotStart, Uninspectable and OSError.
    """
    real, changers = inspection.changers(path, View(job.trusted_uid, None, job.trusted), glance)
    if changers and (_changers(job, real, glance) or not inspection.is_elf(real, glance)):
        is_approved = inspection.copy_content(real, copy, glance, before=_spare_unless_roots(job)) == digest
        place = copy
        if is_approved:  # nobody else may read a copy of anything but what was approved
            _give_to_target(job, copy, is_read=_may_read(job, path, glance))
    else:
        place = real if changers else path
        is_approved = inspection.digest_of(real, inspection.LIMIT, glance) == digest
    if not is_approved:
        what = "the file" if path == job.path else f"{path_in_sentence(path)}, which executes the file,"
        raise CannotStart(f"{what} was changed since it was approved")
    return place


def _masked(job: Job) -> set[int]:
    """Return the numbers of the arguments that nobody reads."""
    return {at for at, (word, told) in enumerate(zip(job.argv, job.recorded_argv, strict=False)) if word != told}


def _spare_unless_roots(job: Job) -> Callable[[int], None]:
    """Return what is called before each piece of a copy: a copy may be as large as its requester wants, and stays as long as the
    run. So it leaves the reserve of the disk, unless root has asked.
    """
    return spare if job.requester_uid != 0 else lambda into: None


def _may_read(job: Job, path: bytes, glance: Glance) -> bool:
    """True if the target account, which is not root, can read what is at ``path`` itself. Root reads a copy in any case."""
    return job.uid != 0 and path_lookup.is_readable(path, job.uid, {job.gid, *job.groups}, None, glance)


def _give_to_target(job: Job, made: bytes, *, is_read: bool = True) -> None:
    """Let only the target's group use ``made``, because nobody knows who else may read the original. If the target account cannot
    read the original (``is_read``), it cannot read the copy either: somebody's link may lead to a file of root's. Raises OSError.
    """
    os.chown(made, 0, job.gid)
    os.chmod(made, 0o750 if is_read else 0o710)
