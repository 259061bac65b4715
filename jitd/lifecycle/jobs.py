# SPDX-License-Identifier: Apache-2.0
"""Creates the job of a monitor from a committed run.
Law: a job contains only what was approved. If the grant differs from today's rule, the stricter of the two applies.
"""

from __future__ import annotations

import hashlib
from typing import Any

from jitd.core.command import Command, fingerprint
from jitd.core.decision import narrow_namespace
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.environment import environment
from jitd.core.grant import Grant
from jitd.core.request import Request, ends_of
from jitd.core.run import Run
from jitd.core.what import Doubted, Login, Program, Things
from jitd.deciding import accounts, screening
from jitd.lifecycle.observing import is_observed
from jitd.monitor import orders
from jitd.monitor.orders import Job, nanoseconds
from jitd.settings.config import Config


def job_of(begun: Run, grant: Grant, asked: Request, config: Config, now: float, *texts: bytes | None) -> Job | orders.Login:
    """Return the job of the run ``begun`` at ``now`` (boot clock, in seconds). ``texts`` are the files' new ones, or None. May
    block. Raises ValueError if it would differ from what was approved, and NoSuchAccount if the account to run as is gone.
    """
    command = asked.command
    who, terms = asked.requester.principal, asked.terms.fingerprinted
    if fingerprint(asked.id, who, asked.host, asked.service, command, terms) != asked.fingerprint:
        raise ValueError("the request differs from what was approved")
    if begun.login is not None:
        return _login_of(begun, grant, asked)
    digest, written = _file_of(command, texts)
    target = accounts.entry_of(f"#{command.run_as.uid}")
    if target.pw_name != command.run_as.user:
        raise accounts.NoSuchAccount(f"the uid {command.run_as.uid} no longer belongs to the account {command.run_as.user}")
    assert asked.obligations is not None, "an approved request has its obligations"
    fresh = asked.obligations.terms  # under a lease: the terms of today's rule, because a lease replaces only the approvals
    ends_at_boot, because = ends_of(grant, asked, now)
    record = grant.terms.record.and_also(fresh.record)
    home, shell = target.pw_dir.encode(), (target.pw_shell or "/bin/sh").encode()
    path = config.search_path.encode()
    own = accounts.group_ids(target.pw_name, target.pw_gid)
    given_gid = accounts.given_gid(command.run_as)
    return Job(
        run=begun.id,
        request=asked.id,
        path=command.each[0].file,
        argv=command.argv,
        environment=environment(command, asked.requester, asked.id, home, shell, path),
        cwd=command.cwd,
        cwd_device=command.cwd_device,
        cwd_inode=command.cwd_inode,
        uid=command.run_as.uid,
        gid=command.run_as.gid if given_gid is None else target.pw_gid,  # see ADR 0094
        groups=tuple(dict.fromkeys((command.run_as.gid, *own))),  # like sudo -g
        streams=command.streams,
        digest=digest,
        writable=grant.terms.writable and fresh.writable,
        ends_at_boot_ns=nanoseconds(ends_at_boot),
        ends_because=because,
        leftovers="keep" if grant.terms.leftovers == fresh.leftovers == "keep" else "end",
        requester_uid=asked.requester.uid,
        user=command.run_as.user,
        operands=screening.bound(command) if _is_bound(asked, grant) else None,
        stdin=grant.terms.stdin,
        record=record.what,
        record_sync=record.sync,
        record_failure=record.failure,
        record_bytes=config.recordings.mib_per_run << 20,
        fingerprint=asked.fingerprint,
        host=asked.host,
        requester=asked.requester.principal,
        group=command.run_as.group,
        inherits=not command.chdir,
        trusted_uid=accounts.trusted_uid(command.run_as),
        trusted=config.trusted_places,
        observed=is_observed(grant, asked),
        given_gid=given_gid,
        interpreters=tuple(one for one in screening.bound_interpreters(command) if one[1]),  # the kernel opens these
        namespace=narrow_namespace(grant.terms, fresh),
        recorded_argv=command.told_argv if command.masked else (),
        **written,
        checks=tuple(tuple(map(str.encode, words)) for words in sorted({*grant.terms.checks, *fresh.checks})),
    )


def _file_of(command: Command, texts: tuple[bytes | None, ...]) -> tuple[bytes, dict[str, Any]]:
    """Return the digest of the file, and what the job has of the files that get ``texts``. Raises ValueError."""
    match command.what:
        case Program(_, digest):
            return digest, {}
        case Edit() as edit:
            return edit.before, {"edit": (edit.device, edit.inode, _kept(edit, *texts)), "tells_text": edit.tells_new}
        case Edits(paths, files):
            each = zip(paths, files, texts, strict=True)
            found = ((path, one.device, one.inode, one.before, _kept(one, text)) for path, one, text in each)
            return files[0].before, {"edits": tuple(found), "tells_text": all(one.tells_new for one in files)}
        case NewFile() as new:
            return new.after, {"makes": (new.device, new.inode, new.gid, new.mode, _kept(new, *texts)), "tells_text": new.is_told}
        case Removal() as gone:
            return gone.before, {"removes": (gone.device, gone.inode, gone.uid, gone.gid, gone.mode)}
        case Things() | Login() | Doubted():
            raise ValueError("it is not a program that jitd can execute")


def _kept(file: Edit | NewFile, text: bytes | None) -> bytes:
    """Return ``text``, if it is the one that was approved for ``file``. Raises ValueError."""
    if text is None or hashlib.sha256(text).digest() != file.after:
        raise ValueError("the approved text is not kept any more")
    return text


def _login_of(begun: Run, grant: Grant, asked: Request) -> orders.Login:
    assert begun.login is not None and asked.obligations is not None, "an approved request has its obligations"
    ends = "end" in (grant.terms.session, asked.obligations.terms.session)
    return orders.Login(
        run=begun.id,
        pid=begun.login.pid,
        started=begun.login.started,
        user=asked.command.run_as.user,
        service=asked.service,
        ends_at_boot_ns=nanoseconds(grant.ends_boot) if ends else None,
        ends_because="its grant has ended",
    )


def _is_bound(asked: Request, grant: Grant) -> bool:
    """True if files that arguments name must not change: if the rule demands that they are bound, or if approvals are needed and
    it does not let others change them.
    """
    assert asked.obligations is not None, "an approved request has its obligations"
    if grant.terms.bound or asked.obligations.terms.bound:
        return True
    return bool(asked.obligations.approvals) and not grant.terms.writable
