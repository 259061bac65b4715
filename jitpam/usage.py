# SPDX-License-Identifier: Apache-2.0
"""The text of ``jitsudo -h``. Law: pure. No line is wider than the terminal."""

from __future__ import annotations

from jitpam.options import MODES, OPTIONS, Option
from jitpam.wrapping import wrap

_ABOUT = "Asks for a command to be run as another user. The people named by the rules approve it; then it runs here."
EXAMPLES = {
    "jitsudo -l": "what you may ask for",
    "jitsudo less /var/log/auth.log": "ask, wait, run",
    "jitsudo -u postgres --reason=T-7 psql": "as postgres, and why",
    "jitsudo --for=1h --uses=5 apt upgrade": "a lease: five times in an hour",
}
_GROUPS = {
    "runs": "how the command runs, as with sudo",
    "asked": "what is asked, and for how long",
    "waiting": "waiting",
    "edits": "a file in place of a command",
    "things": "things in place of a command",
    "nothing": "what runs nothing",
}
_STATUSES = {
    "118": "an approval is required, and -n does not wait for one",
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
_TAKEN = "are taken as sudo takes them; there is no password to ask for."
MOST = 80  # the text is never wider than this number of columns, because long lines are hard to read
_COLUMN, _EXAMPLES_COLUMN = 26, 42  # the columns in which the texts of options and of examples begin
LEAST = 60  # columns of a terminal on which a text stands beside its option, and not below it


def help_lines(width: int) -> list[str]:
    """Return the text for a terminal of ``width`` columns."""
    width = min(width, MOST)
    lines = []
    for number, form in enumerate(_forms()):
        lines += wrap(f"{'       ' if number else 'usage: '}jitsudo {form}", width, 15)
    lines += ["", *wrap(_ABOUT, width, 0), "", "examples:"]
    for typed, text in EXAMPLES.items():
        lines += row(f"  {typed}", text, _EXAMPLES_COLUMN, width)
    for group, head in _GROUPS.items():
        lines += ["", f"{head}:"]
        for option in OPTIONS:
            if option.group == group:
                name = _both(option)
                lines += row(f"  {name if width >= LEAST else name.strip()}", option.told, _COLUMN, width)
    lines += ["", "exit status: the command's own, or"]
    for status, meaning in _STATUSES.items():
        lines += wrap(f"  {status} {meaning}", width, 6)
    idle = [option.typed for option in OPTIONS if option.idle and not option.modes]
    return [*lines, "", *wrap(f"{' '.join(idle)} {_TAKEN}", width, 0)]


def _both(option: Option) -> str:
    """``option`` in both forms, with its argument: ``-u, --user=USER``."""
    name = option.name.rstrip("=")
    return f"{f'-{option.letter},' if option.letter else '   '} --{name}{'=' if option.argument else ''}{option.argument}"


def _forms() -> list[str]:
    """The command lines of each mode, with the options that go with it."""
    return [
        "[options] [VAR=value ...] [--] command [argument ...]",
        f"--get=THING [--get=THING ...] {_places('get')} [[--] command [argument ...]]",
        f"-e {_places('edit')} FILE",
        f"-e --undo=ID {_places('undo')}",
        f"--resume=ID {_places('resume')}",
        "-l [options] [VAR=value ...] command [argument ...]",
        f"-l {_places('list')}",
        f"-v {_places('validate')}",
        "-k [command [argument ...]] | -K | -V | -h",
    ]


def _places(mode: str) -> str:
    """The places of the options that have an effect in ``mode``, without those that ask for it."""
    found = [one for one in OPTIONS if mode in one.modes and one.name != MODES[mode].option]
    letters = "".join(one.letter for one in found if one.letter and not one.argument)
    return " ".join([f"[-{letters}]", *(f"[{one.example}]" for one in found if not one.letter or one.argument)])


def row(start: str, text: str, column: int, width: int) -> list[str]:
    """Return ``start`` and its ``text`` in ``column``, or below it on a narrow terminal, in lines of ``width`` cells."""
    column = column if width >= LEAST else 6
    parts = [" " * column + part for part in wrap(text, width - column, 0)]
    return [start, *parts] if len(start) >= column else [start + parts[0][len(start) :], *parts[1:]]
