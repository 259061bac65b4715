# SPDX-License-Identifier: Apache-2.0
"""``jitd``: the command for operators. Each verb is one function.

Law: this command decides nothing. Most verbs send a question to the daemon, and print its answer. Some verbs need no daemon
(``serve``, ``check``, ``audit verify``, ``pam-lint``, ``pam-install``, ``doctor``, ``kdc``). The module of a verb is imported
only when the verb is called.
"""

from __future__ import annotations

import errno
import hashlib
import io
import signal
import sys
from importlib import import_module

import click

from jitd import extensions, packages
from jitd.cli import desk, extended, far
from jitd.cli.answer import answer, give_up, say, speaks
from jitd.cli.call import ENDINGS, LOOK, NotDone, status_of
from jitd.cli.help import Group, with_help
from jitpam import __version__
from jitpam.client import NoProcess, Unreachable
from jitpam.streams import fill_closed

INTERRUPTED = 128 + signal.SIGINT
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # errors when the answer is written (write(2))


OWN = {
    "serve": "house",
    "requests": "lists",
    "show": "review",
    "approve": "review",
    "deny": "review",
    "withdraw": "review",
    "review": "reviewing",
    "reviews": "reviewing",
    "grants": "lists",
    "revoke": "ending",
    "runs": "lists",
    "stop": "ending",
    "watch": "viewing",
    "replay": "viewing",
    "lock": "locking",
    "unlock": "locking",
    "locks": "lists",
    "mute": "muting",
    "explain": "explaining",
    "check": "house",
    "reload": "house",
    "audit": "record",
    "status": "status",
    "complete": "completion",
}
"""The verb → its module in ``jitd.cli``, imported when it is called: to import all takes longer than most verbs need."""
VERBS = OWN.keys() | extended.names()
HIDDEN = {"complete"}  # verbs that only shells call. They are not in the list of verbs.
ABOVE = {"audit"}  # verbs with verbs below them, some of which can be used with --host. They say themselves which.


NO_THREAD = "can't start new thread"  # the text of the RuntimeError that Python raises if the kernel starts no thread


class Verbs(Group):
    """The group of all verbs. The module of a verb is imported when the verb is looked up by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the sorted names of all verbs that are not hidden."""
        return desk.listed(VERBS - HIDDEN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the verb, or None."""
        if cmd_name not in OWN:
            return extended.verb(cmd_name)
        module = f"jitd.cli.{OWN[cmd_name]}"
        if module in packages.OF_A_HOST and packages.is_desk():
            return desk.of_a_host(cmd_name)
        verb: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        return with_help(verb)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    subcommand_metavar="[VERB ...]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--host", metavar="HOST", help="Send the verb to the jitd of another host, by its door (with --via).")
@click.option("--via", metavar="COMMAND", help="The command that leads to the door: 'ssh -T jitd-door@HOST'.")
@click.option("--hosts", metavar="HOSTS", help="Send the verb to many: @GROUP of hosts.toml, or hosts in it, between commas.")
@click.option("--version", is_flag=True, help="Print the version.")
@click.option("-v", "--verbose", is_flag=True, help="With --version, also the SHA-256 of verify.py, which verifies packs.")
@click.pass_context
def cli(
    context: click.Context, *, host: str | None, via: str | None, hosts: str | None, version: bool, verbose: bool
) -> int | None:
    """List, approve, deny and end requests to run commands as another user. Without a verb, show what waits for you."""
    if version:
        _tell_version(verbose=verbose)
        context.exit()
    if verbose:
        raise click.UsageError("-v is only for --version")
    far.go(host, via, hosts)
    if context.invoked_subcommand is not None:
        if context.invoked_subcommand not in ABOVE:
            far.must_be_at_the_door(context.invoked_subcommand)
            if context.invoked_subcommand not in HIDDEN:
                desk.must_have(context.invoked_subcommand)
        return None
    from jitd.cli.waiting import tell

    return tell()


with_help(cli)


def _tell_version(*, verbose: bool) -> None:
    answer(f"jitd {__version__}")
    if verbose:
        verifier: bytes | None = extensions.of_first("verifier")
        if verifier is None:
            otherwise = desk.A_HOST if packages.is_desk() else extensions.EXTENSIONS["evidence"].otherwise
            raise NotDone(f"verify.py is not installed: {otherwise}", "usage")
        answer(f"{hashlib.sha256(verifier).hexdigest()}  verify.py")


def _open_what_is_closed() -> None:
    """Otherwise a socket that is opened later could get the number of a closed standard stream."""
    fill_closed()
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115  # stays open until the process exits


def main() -> int:
    """Run the command line, and return the exit status. Meanwhile Ctrl-C raises KeyboardInterrupt. Before and afterwards, it does
    what the start script (contrib/install) has set.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        if before != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return _main()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)


def _main() -> int:
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _invoke()
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader closed the pipe before the end of the answer: exit without a message, like ``cat``
        give_up(sys.stdout)
        return 128 + signal.SIGPIPE
    except OSError as fault:
        give_up(sys.stdout)
        is_answer = fault.errno in FULL and fault.filename is None
        say(f"{'the answer cannot be written: ' if is_answer else ''}{_told(fault)}")
        return 1


def _invoke() -> int:
    """Return the exit status. Raises OSError if the answer cannot be written, even if the verb has succeeded."""
    try:
        # Not `cli.main`: click would handle a broken pipe and Ctrl-C differently.
        with cli.make_context("jitd", sys.argv[1:]) as context:
            status = cli.invoke(context)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as fault:
        _tell(fault)
        return fault.exit_code
    except ENDINGS as fault:
        if isinstance(fault, Unreachable):
            speaks("")  # it is we who say it, and not the other host
        say(f"{fault}; {LOOK}" if isinstance(fault, Unreachable) and far.is_here() else str(fault))
        return status_of(fault)
    except RuntimeError as fault:
        if str(fault) != NO_THREAD:
            raise
        say(str(NoProcess()))
        return status_of(NoProcess())
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED


def _tell(fault: click.ClickException) -> None:
    if isinstance(fault, click.UsageError):
        from jitd.cli import usage

        usage.tell(fault)
    else:
        say(fault.format_message())


def _told(fault: OSError) -> str:
    """Return the text of ``fault``, after the name of its file if it has one."""
    because = fault.strerror or str(fault)
    return f"{fault.filename}: {because}" if fault.filename else because
