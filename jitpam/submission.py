# SPDX-License-Identifier: Apache-2.0
"""What is asked, put together from the command line and from what is around this process: the fields of Submit, Explain and Get.

Law: nothing is left out silently. What cannot be expressed in the protocol is a UsageError.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

from jitpam import claims
from jitpam.options import Options, UsageError
from jitpam.saying import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def asked(options: Options, kinds: list[str]) -> dict[str, Any]:
    """Return the fields that Submit and Explain have in common (PROTOCOL.md section 4). Raises UsageError."""
    starts_at = None
    if options.starts_at is not None:
        from jitpam.appointment import in_utc

        starts_at = in_utc(options.starts_at)
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
        "lasts_for": options.lasts_for,
        "uses": options.uses,
        "timeout_for": options.timeout_for,
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
        "starts_at": starts_at,
    }


def asked_thing(options: Options) -> dict[str, Any]:
    """What is asked for by ``--get``, for Get. They stay if no command of ours goes with them."""
    return {
        "thing": options.get[0],
        "also": options.get[1:],
        "stays": not options.argv,
        "reason": options.reason or _reason_around(),
        "lasts_for": options.lasts_for,
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
        "waits": options.waits,
        "if_owed": options.if_owed,
    }


def _directory(options: Options) -> tuple[bytes, int, int]:
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
