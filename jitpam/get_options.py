# SPDX-License-Identifier: Apache-2.0
"""Checks the options that are given together with ``--get``.

Law: pure. This module refuses a request that could not succeed even after an approval. Therefore no approver gets such a request.
"""

from __future__ import annotations

from jitpam.amounts import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jitpam.options import Options

MOST_THINGS = 8
"""Maximum number of things in one request, and of --get options on the command line."""
TICKET = "service-ticket:"
CERTIFICATE = "ssh-certificate:"
SECRET = ("postgres-role:", "vault:")
"""Beginnings of the names of things that always come with a secret. Certificates are not in this list, because a certificate can
be written beside the person's key.
"""
NO_SECRET = (TICKET, "account:", "group:", "sudoers:")
"""Beginnings of the names of things that never come with a secret."""
_REFUSED = (
    ("user", "-u", "a thing is given to you, and the command runs as you"),
    ("group", "-g", "the command runs with your own groups"),
    ("login", "-i", "name your shell as the command"),
    ("shell", "-s", "name your shell as the command"),
    ("chdir", "-D", "the command runs in your current directory"),
    ("preserve_all", "-E", "the command has all of your environment"),
    ("preserve", "--preserve-env", "the command has all of your environment"),
    ("background", "-b", "have your shell put jitsudo in the background"),
    ("starts_at", "--at", "it is given when it is approved"),
    ("timeout_for", "-T", "--for says how long the thing is wanted"),
    ("variables", "VAR=value", "set it before jitsudo, and the command has it"),
)
"""Options that cannot be used with --get. Each row has the option's attribute in Options, the option as it is typed, and the
reason.
"""


def check_get(found: Options) -> None:
    """Check that the options can be used together with ``--get``. Raises UsageError."""
    if found.uses:
        all_tickets = all(thing.startswith(TICKET) for thing in found.get)
        why = "a KDC cannot count uses" if all_tickets else "a thing is given once, for a time: --for says for how long"
        raise UsageError(f"--uses does not go with --get: {why}")
    for kept, typed, why in _REFUSED:
        if getattr(found, kept):
            raise UsageError(f"{typed} does not go with --get: {why}")
    if found.service != "jitsudo":
        raise UsageError("--service does not go with --get: jitsudo itself requests the thing, and no other program")
    if not found.waits and not found.if_owed:
        raise UsageError("--no-wait does not go with -n")
    if not found.waits and found.argv:
        raise UsageError("--no-wait takes no command with --get: once it is approved, jitsudo --resume=ID gets the thing")
    if found.argv and not found.argv[0]:
        raise UsageError("the command is an empty word")
    if found.json and found.argv:
        raise UsageError("--json takes no command with --get: the command would use standard output itself")
    if found.to is not None and not found.waits:
        raise UsageError("--to does not go with --no-wait: give --to later, with the --resume=ID that gets the thing")
    if len(found.get) > MOST_THINGS:
        raise UsageError(f"--get may be given at most {MOST_THINGS} times")
    if len(set(found.get)) < len(found.get):
        raise UsageError("--get names the same thing twice")
    if found.waits:
        _check_secrets(found)


def _check_secrets(found: Options) -> None:
    """Check that a command or a file is named for each secret. For a request with --no-wait, call this function only when
    --resume gets the things.
    """
    secret = [thing for thing in found.get if thing.startswith(SECRET)]
    if secret and found.to is None and not found.argv:
        raise UsageError(f"{secret[0]} comes with a secret: name a new file for it (--to FILE), or a command that reads it")
    if found.to is None:
        return
    secret += [thing for thing in found.get if thing.startswith(CERTIFICATE)]
    if len(secret) > 1:
        raise UsageError(f"--to takes one secret, but each of these has one: {', '.join(secret)}")
    if all(thing.startswith(NO_SECRET) for thing in found.get):
        raise UsageError(f"--to takes one secret, but {' and '.join(found.get)} comes without a secret")
