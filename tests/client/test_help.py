# SPDX-License-Identifier: Apache-2.0
"""``jitd -h`` and ``jitd VERB -h``: every verb is there with a summary and an example, and the terminal has room for it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from jitd.cli import HIDDEN, OWN, cli
from jitd.cli import VERBS as FIRST
from jitd.cli.help import EXAMPLES, SUMMARIES
from jitd_inspection.verbs import setting_up
from jitpam import usage
from jitpam.options import read_options
from tests.client.script import Script, jitd
from tests.table import each_row

ABOVE = ("audit", "policy", "kdc")


def paths(command: click.Command = cli, path: str = "") -> Iterator[str]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from paths(below, f"{path} {name}".strip())


PATHS = list(paths())


def help_of(path: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert jitd(Script(), *path.split(), "-h") == 0
    return capsys.readouterr().out.splitlines()


@each_row("columns", [40, 60, 80, 200])
@each_row("path", PATHS)
def test_the_help_of_a_verb_fits_the_terminal(
    path: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = help_of(path, columns, capsys, monkeypatch)
    typed = [f"  {line}" for line in EXAMPLES[path]]
    assert all(len(line) <= min(columns, 80) or line in typed for line in lines), "only a command that can be copied is wider"
    assert lines[0].split()[: 2 + len(path.split())] == ["Usage:", "jitd", *path.split()]


@each_row("path", PATHS)
def test_the_help_of_a_verb_is_words_and_no_inequality(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """click writes ``[0.015625<=x<=1024.0]`` after an option of a type of its own that has bounds."""
    assert [line for line in help_of(path, 200, capsys, monkeypatch) if "<" in line or ">" in line] == []


@each_row("path", PATHS)
def test_the_help_of_a_verb_ends_with_an_example(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = help_of(path, 80, capsys, monkeypatch)
    assert lines[-1 - len(EXAMPLES[path])] in ("Examples:", "Example:"), "each on one line"
    for line, (typed, use) in zip(lines[-len(EXAMPLES[path]) :], EXAMPLES[path].items(), strict=True):
        assert line.split() == [*typed.split(), *use.split()]


@each_row(("path", "line"), [(path, line) for path in EXAMPLES for line in EXAMPLES[path]])
def test_an_example_is_a_command_line_of_its_verb(path: str, line: str) -> None:
    """Its verb reads it to the end, and does nothing yet."""
    name, *words = shlex.split(line)
    assert name == "jitd" and words[: len(path.split())] == path.split()
    command: click.Command = cli
    context = click.Context(cli, info_name="jitd")
    while isinstance(command, click.Group) and words:
        below = command.get_command(context, words.pop(0))
        assert below is not None, line
        command = below
        if not isinstance(command, click.Group):
            context = command.make_context(command.name, words, parent=context)


def test_each_verb_is_in_one_group_with_whoever_uses_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = {who: verbs for who, verbs in SUMMARIES.items() if who not in ABOVE}
    assert sorted(verb for verbs in groups.values() for verb in verbs) == sorted(FIRST - HIDDEN)
    for above in ABOVE:
        assert {path.partition(" ")[2] for path in PATHS if path.startswith(f"{above} ")} == SUMMARIES[above].keys()
    lines = help_of("", 80, capsys, monkeypatch)
    shown = [line.split()[0] for line in lines[lines.index("Everyone:") : lines.index("Examples:")] if line.startswith("  ")]
    assert shown == [verb for verbs in groups.values() for verb in verbs], "one line each"


def test_an_example_of_jitsudo_is_read() -> None:
    examples = usage.EXAMPLES
    assert [read_options([word.encode() for word in shlex.split(line)[1:]]).mode for line in examples] == [
        "list",
        "run",
        "run",
        "run",
    ]


def test_the_list_of_verbs_loads_none_of_them() -> None:
    code = "import sys; sys.argv[1:] = ['-h']; from jitd.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stderr.split() if name.startswith("jitd.cli.")}
    assert not {f"jitd.cli.{module}" for module in OWN.values()} & loaded and "Approvers:" in done.stdout


def test_the_options_of_setup_stand_in_the_order_of_its_questions_and_none_is_missing() -> None:
    names = [name for group in setting_up.GROUPS.values() for name in group]
    options = [one.name for one in setting_up.setup.params if isinstance(one, click.Option)]
    assert sorted(names) == sorted(map(str, options))
    text = setting_up.setup.get_help(click.Context(setting_up.setup, info_name="setup"))
    heads = [line for line in text.splitlines() if line.endswith(":") and not line.startswith((" ", "Usage"))]
    assert heads == [f"{group}:" for group in setting_up.GROUPS]
    for flag in ("--admin", "--approver", "--dry-run", "--help"):
        assert text.count(f" {flag} ") == 1
    assert text.count("[COMMAND]") == 1, "in the first line"
