# SPDX-License-Identifier: Apache-2.0
"""``jitd audit verify`` as it is typed: what it prints, and its status."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.sshsig import public_line
from jitd.cli import main
from jitd.cli.progress import line_of
from tests.daemon import test_mutated_records as sealed
from tests.on_terminal import OnTerminal

Verb = Callable[..., tuple[int, str, str]]
PROGRAM = "import sys; from jitd.cli import main; sys.exit(main())"


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Verb:
    """Types the verb. Returns its status, its output, and its messages."""

    def typed(*words: str | Path, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["jitd", "audit", "verify", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main()
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files that somebody has: an export, what a sink and syslog have written, and keys."""
    write(tmp_path / "export", sealed.EXPORT)
    write(tmp_path / "sink", sealed.SINK)
    write(tmp_path / "checkpoints", sealed.SINK_CHECKPOINTS)
    mixed = [line for one in sealed.SINK for line in (f"Nov 26 20:58:39 web1 jitd: {one}", "Nov 26 20:58:39 web1 cron[7]: {x}")]
    write(tmp_path / "syslog", mixed)
    write(tmp_path / "key", [public_line(sealed.raw(sealed.KEY), f"jitd@{sealed.HOST}")])
    write(tmp_path / "other-key", [public_line(sealed.raw(sealed.OTHER_KEY), "")])
    return tmp_path


def write(file: Path, lines: list[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")


@pytest.mark.parametrize("name", ["export", "sink", "syslog"])
def test_lines_that_are_whole_are_told_in_two(verify: Verb, files: Path, name: str) -> None:
    status, out, err = verify("--key=key", "--checkpoints=checkpoints", name)
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith(f"audit: {sealed.HOST}: records 1 to {sealed.LAST}") and first.endswith("chain whole")
    assert second.startswith(f"audit: signed up to record {sealed.LAST}, 2026-11-26 ") and second.count("SHA256:") == 1


def test_standard_input_is_a_file_as_well(verify: Verb, files: Path) -> None:
    status, out, err = verify("-", stdin="".join(f"{line}\n" for line in sealed.EXPORT))
    assert (status, err) == (0, "") and "the record itself names this key" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["edited"], f"edited: edited:20: record {json.loads(sealed.SINK[19])['number']} is told otherwise than it was sealed"),
        (["cut", "--checkpoints=checkpoints"], f"cut tail: the record ends with 49, and there was a record {sealed.LAST}: "),
        (["export", "--key=other-key"], "foreign key: export:"),
        (["damaged"], "edited: damaged:21 is cut or damaged: it is not JSON"),
    ],
)
def test_each_finding_is_one_line_that_begins_with_what_is_wrong(verify: Verb, files: Path, words: list[str], told: str) -> None:
    edited = json.loads(sealed.SINK[19]) | {"actor": "eve@X"}
    write(files / "edited", [*sealed.SINK[:19], json.dumps(edited), *sealed.SINK[20:]])
    write(files / "damaged", [*sealed.SINK[:19], sealed.SINK[19] + "x", sealed.SINK[19][:-5], *sealed.SINK[20:]])
    write(files / "cut", sealed.SINK[:53])
    status, out, err = verify(*words)
    assert (status, out) == (1, "")
    assert err.startswith(f"jitd: audit: {told}") and err.count("\n") == 1, err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["missing"], 4, "missing cannot be read: No such file or directory"),
        (["export", "--checkpoints=missing"], 4, "missing cannot be read: No such file or directory"),
        (["export", "--key=missing"], 4, "missing cannot be read: No such file or directory"),
        (["export", "--key=sink"], 2, "sink: line 1: not a public key"),
        (["nothing"], 1, "nothing: there is no record of jitd in it"),
    ],
)
def test_what_cannot_be_verified_has_another_status_than_a_finding(
    verify: Verb, files: Path, words: list[str], status: int, told: str
) -> None:
    (files / "nothing").write_text("Nov 26 20:58:39 web1 cron[7]: x\n")
    found, out, err = verify(*words)
    assert (found, out) == (status, "")
    assert told in err and err.count("\n") == 1


def test_findings_beyond_a_hundred_are_counted(verify: Verb, files: Path) -> None:
    lines = [line.replace('"actor":"alice@X"', '"actor":"eve@X"', 1) if "jitd record" in line else line for line in sealed.SINK]
    write(files / "many", lines)
    status, out, err = verify("many")
    assert (status, out) == (1, "") and len(err.splitlines()) == 101
    assert err.splitlines()[-1] == f"jitd: audit: and {sum(a != b for a, b in zip(lines, sealed.SINK, strict=True)) - 100} more"


# --- the bar ---------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.floats(0, 10**7), st.integers(20, 300))
def test_the_bar_fits_the_terminal(done: int, of: int, left: float, width: int) -> None:
    line = line_of("audit", "records", min(done, of), of, left, width)
    assert len(line) <= width and line.isprintable()


def test_the_bar_says_how_far_it_is() -> None:
    assert line_of("audit", "records", 412_000, 1_000_000, 12.9, 79) == (
        "audit: [#########..............]  41 %  412,000 of 1,000,000 records, 12 s left"
    )


def test_a_bar_is_drawn_on_a_terminal_and_gone_at_the_end(files: Path) -> None:
    write(files / "long", sealed.SINK * 300)
    words = ["-c", PROGRAM, "audit", "verify", str(files / "long")]
    terminal = OnTerminal(
        sys.executable, words, encoding="utf-8", timeout=60, dimensions=(24, 80), env={**os.environ, "TERM": "xterm"}
    )
    terminal.expect_exact("audit: [")
    terminal.expect_exact("\r\x1b[K" + f"audit: {sealed.HOST}: records 1 to {sealed.LAST}")
    terminal.expect_exact("SHA256:")
    terminal.wait()


def test_no_bar_is_drawn_where_there_is_no_terminal(files: Path) -> None:
    write(files / "long", sealed.SINK * 300)
    words = [sys.executable, "-c", PROGRAM, "audit", "verify", str(files / "long")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "[" not in done.stdout
