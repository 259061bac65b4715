# SPDX-License-Identifier: Apache-2.0
"""The text of ``jitsudo -h``. Law: pure. No line is wider than the terminal."""

from __future__ import annotations

from jitpam.options import TERMS
from jitpam.wrapping import wrap


def _terms(group: str) -> dict[str, str]:
    return {term.form: term.told for term in TERMS.values() if term.group == group}


_FORMS = (
    "[options] [VAR=value ...] [--] command [argument ...]",
    "--get=THING [--get=THING ...] [options] [-- command ...]",
    "-l [command [argument ...]] | --resume=ID",
    "-v | -k [command [argument ...]] | -K | -V | -h",
)
_ABOUT = "Asks for a command to be run as another user. The people named by the rules approve it; then it runs here."
_GROUPS = {
    "examples": {
        "jitsudo -l": "what you may ask for",
        "jitsudo less /var/log/auth.log": "ask, wait, run",
        "jitsudo -u postgres --reason=T-7 psql": "as postgres, and why",
        "jitsudo --for=1h --uses=5 apt upgrade": "a lease: five times in an hour",
    },
    "how the command runs, as with sudo": {
        "-u, --user=USER": "run as USER: a name, or # and a decimal id",
        "-g, --group=GROUP": "run with GROUP as its group",
        "-i, --login": "a login shell of that user, or the command through one",
        "-s, --shell": "your shell as that user, or the command through it",
        "-D, --chdir=DIR": "working directory of the command",
        "-E, --preserve-env": "keep the environment variables that the rule allows",
        "    --preserve-env=LIST": "keep these environment variables",
        **_terms("runs"),
        "-b, --background": "go to the background when the command begins",
    },
    "what is asked, and for how long": {
        "    --reason=TEXT": "why (also from JITSUDO_REASON)",
        **_terms("asked"),
        "    --service=SERVICE": "ask for what another program will do: sudo, su, or sshd and login, which run no command",
        "    --break-glass": "without the approvals of the rule, where a rule permits that; it is recorded and reviewed",
        "    --yes-show": "send words that look like a secret without a question: approvers and the record will see them",
    },
    "waiting": {
        "-n, --non-interactive": "never wait: if an approval would be owed, submit nothing and exit 118",
        "    --no-wait": "submit, print the request's id, exit",
        "    --resume=ID": "wait for that request, or run it if it is approved",
        "-q, --quiet": "say nothing but errors",
    },
    "things in place of a command": {
        "    --get=THING": (
            "ask for THING, such as service-ticket:postgres/db1.example.org; run the command, if there is one, as yourself with"
            " it; otherwise keep it, and print the line to use it by; up to 8 times: you get all of them or none"
        ),
        "    --to=FILE": "with --get: write the secret that comes with the thing into the new FILE",
        "    --key=FILE": "with --get=ssh-certificate:NAME: the file of your public key, such as ~/.ssh/id_ed25519.pub",
    },
    "what runs nothing": {
        "-l, --list": "what may I ask for; with a command: what would happen",
        "    --json": "with -l: one JSON object a line; with --get or --resume: one JSON object at the end",
        "-v, --validate": "authenticate and show who I am here",
        "-k, --reset-timestamp": "give back the leases of this login session; with a command: ask again in spite of a lease",
        "-K, --remove-timestamp": "give back all of my leases",
        "-V, --version": "the version",
        "-h, --help": "this text",
    },
}
_STATUSES = {
    "118": "an approval would be owed",
    "119": "not authenticated",
    "120": "usage",
    "121": "denied by policy",
    "122": "denied by an approver",
    "123": "withdrawn",
    "124": "nobody decided in time",
    "125": "jitd unreachable",
    "126": "cannot execute",
    "127": "not found",
}
_TAKEN = "-H -B -C -p -S -A are taken as sudo takes them; there is no password to ask for."
MOST = 80
"""The text is never wider than this number of columns, because long lines are hard to read."""
_COLUMN = {"examples": 42}
"""Maps the head of a group to the column in which its texts begin. In other groups, this is column 26."""
LEAST = 60
"""Minimum number of columns of a terminal on which a text stands beside its option, and not below it."""


def help_lines(width: int) -> list[str]:
    """Return the text for a terminal of ``width`` columns."""
    width = min(width, MOST)
    lines = []
    for number, form in enumerate(_FORMS):
        lines += wrap(f"{'       ' if number else 'usage: '}jitsudo {form}", width, 15)
    lines += ["", *wrap(_ABOUT, width, 0)]
    for head, rows in _GROUPS.items():
        lines += ["", f"{head}:"]
        for name, text in rows.items():
            lines += row(f"  {name if width >= LEAST else name.strip()}", text, _COLUMN.get(head, 26), width)
    lines += ["", "exit status: the command's own, or"]
    for status, meaning in _STATUSES.items():
        lines += wrap(f"  {status} {meaning}", width, 6)
    return [*lines, "", *wrap(_TAKEN, width, 0)]


def row(start: str, text: str, column: int, width: int) -> list[str]:
    """Return ``start`` and its ``text``, which begins in ``column``, as lines of at most ``width`` cells. On a narrow terminal,
    the text stands below ``start``.
    """
    column = column if width >= LEAST else 6
    parts = [" " * column + part for part in wrap(text, width - column, 0)]
    return [start, *parts] if len(start) >= column else [start + parts[0][len(start) :], *parts[1:]]
