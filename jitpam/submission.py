# SPDX-License-Identifier: Apache-2.0
"""Makes the fields of Submit, Undo, Explain and Get from the command line and from the environment of this process.

Law: if the protocol cannot express something, UsageError is raised. Nothing is left out silently.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

from jitpam import claims
from jitpam.options import TERMS, Options, UsageError
from jitpam.saying import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def asked(options: Options, kinds: list[str]) -> dict[str, Any]:
    """Return the fields that Submit and Explain share (PROTOCOL.md section 4). Raises UsageError."""
    cwd, device, inode = _directory(options)
    preserved, variables = claims.preserved(options.preserve, options.variables, everything=options.preserve_all)
    return {
        "service": options.service,
        "argv": _argv(options),
        "login": options.login,
        "user": options.user,
        "group": options.group,
        "cwd": cwd,
        "cwd_device": device,
        "cwd_inode": inode,
        "chdir": options.chdir is not None,
        "variables": variables,
        "preserved": preserved,
        "locale": claims.locale(),
        "streams": kinds if options.waits and options.service == "jitsudo" else [],
        "reason": options.reason or _reason_around(),
        **_terms(options),
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
    }


def based_on(options: Options) -> bytes | None:
    """Return the SHA-256 of the text from which the new text of an edit was made, or None if that is not known."""
    return None if options.base is None else sha256_of(options.base)


def sha256_of(text: bytes) -> bytes:
    from hashlib import sha256

    return sha256(text).digest()


def asked_undo(options: Options, kinds: list[str]) -> dict[str, Any]:
    """Return the fields of Undo for ``--undo``."""
    return {
        "id": options.undo or "",
        "streams": kinds if options.waits else [],
        "reason": options.reason or _reason_around(),
        "starts_at": _terms(options).get("starts_at"),
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
        "waits": options.waits,
        "if_owed": options.if_owed,
    }


def asked_thing(options: Options) -> dict[str, Any]:
    """Return the fields of Get for ``--get``. Without a command to run, things are for the grant's whole time."""
    return {
        "thing": options.get[0],
        "also": options.get[1:],
        "stays": not options.argv,
        "reason": options.reason or _reason_around(),
        "lasts_for": options.terms.get("lasts_for"),
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
        "waits": options.waits,
        "if_owed": options.if_owed,
        "brought": _key(options.key),
    }


def check_key(options: Options) -> None:
    """Raise UsageError if it is certain, before the request, that a certificate cannot be put beside its key."""
    from jitpam import certificate

    if options.json and options.key == certificate.STREAM:
        raise UsageError("--json itself uses standard output: name a file for the certificate (--to FILE)")
    is_asked = any(thing.startswith(certificate.KIND) for thing in options.get)
    if is_asked and options.key not in (None, certificate.STREAM) and not options.argv:  # a command gets the certificate anyway
        certificate.check_place(options.key or b"")


def _key(path: bytes | None) -> str:
    if path is None:
        return ""
    from jitpam.own_key import read_public_key

    return read_public_key(path)


def _terms(options: Options) -> dict[str, int | str]:
    return {term.field: term.write(options.terms[term.field]) for term in TERMS.values() if term.field in options.terms}


def _directory(options: Options) -> tuple[bytes, int, int]:
    if "edit" in options.typed and options.mode != "run":  # nothing runs there
        return claims.directory(b"/")
    try:
        return claims.directory(options.chdir)
    except claims.NoDirectory:
        if options.chdir is not None:
            raise
        say("the working directory is gone, or cannot be named; asking to run in /")
        return claims.directory(b"/")


def _argv(options: Options) -> list[bytes]:
    if not options.login and not options.shell:
        return options.argv
    from jitpam.shell import login_arguments, shell_command

    return login_arguments(options.argv) if options.login else shell_command(options.argv)


def _reason_around() -> str | None:
    found = posix.environ.get(b"JITSUDO_REASON")
    if not found:
        return None
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("JITSUDO_REASON is not UTF-8") from None
