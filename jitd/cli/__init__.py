# SPDX-License-Identifier: Apache-2.0
"""``jitd``: the operators' command, one verb a function. Law: it decides nothing; it asks the daemon, and prints what it is told.

Verbs without a daemon (``serve``, ``check``, ``audit verify``, ``pam-lint``) import what they need when they are called.
"""

from __future__ import annotations

import errno
import io
import signal
import sys
from importlib import import_module

import click

from jitd.cli.answer import give_up, say
from jitd.cli.call import ENDINGS, status_of
from jitpam import __version__
from jitpam.streams import fill_closed

INTERRUPTED = 128 + signal.SIGINT
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing an answer fails with."""


VERBS = {
    "serve": "house",
    "requests": "lists",
    "show": "review",
    "approve": "review",
    "deny": "review",
    "withdraw": "review",
    "grants": "lists",
    "revoke": "ending",
    "runs": "lists",
    "stop": "ending",
    "watch": "viewing",
    "replay": "viewing",
    "lock": "locking",
    "unlock": "locking",
    "locks": "lists",
    "check": "house",
    "reload": "house",
    "pam-lint": "linting",
    "doctor": "doctoring",
    "audit": "record",
    "kdc": "gating",
}
"""In which module each is. It is imported when the verb is called: to import all of them takes longer than most verbs do."""


class Verbs(click.Group):
    """The verbs, by their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the alphabet."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name; None if there is none."""
        if cmd_name not in VERBS:
            return None
        verb: click.Command = getattr(import_module(f"jitd.cli.{VERBS[cmd_name]}"), cmd_name.replace("-", "_"))
        return verb


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jitd", message="%(prog)s %(version)s")
def cli() -> None:
    """See, decide and end what people ask to run as somebody else."""


def _open_what_is_closed() -> None:
    """A standard stream that was closed is /dev/null: what is opened later, a socket, must not be taken for it."""
    fill_closed()
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115  # for as long as we live


def main() -> int:
    """The command line, from words to exit status."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _invoke()
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of our answer has enough of it: end quietly, as ``cat`` does
        give_up(sys.stdout)
        return 128 + signal.SIGPIPE
    except OSError as fault:
        give_up(sys.stdout)
        is_answer = fault.errno in FULL and fault.filename is None
        say(f"{'the answer cannot be written: ' if is_answer else ''}{_told(fault)}")
        return 1


def _invoke() -> int:
    """The verb's status. Raises OSError where the answer cannot be written, whatever the verb itself has come to."""
    try:
        # Not `cli.main`: that would answer a broken pipe and Ctrl-C in ways of its own.
        with cli.make_context("jitd", sys.argv[1:]) as context:
            status = cli.invoke(context)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as fault:
        try:
            fault.show()
        except OSError:  # nobody can be told
            give_up(sys.stderr)
        return fault.exit_code
    except ENDINGS as fault:
        say(str(fault))
        return status_of(fault)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED


def _told(fault: OSError) -> str:
    """What the system has against it, and of which file if of one."""
    because = fault.strerror or str(fault)
    return f"{fault.filename}: {because}" if fault.filename else because
