# SPDX-License-Identifier: Apache-2.0
"""What this tree costs beside an earlier one: both installed, both with a daemon of their own, asked in turns.

Law: the two differ in what is installed alone. They stand beside each other in mount namespaces of their own, are measured one
after the other, and each goes first as often as the other. One file of dependencies serves both: this tree's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from people import Failed
from table import Bar, Table, at_least, at_most, interleaved

TREE = Path(__file__).resolve().parents[2]
SIDE = Path(__file__).with_name("side")
OURS = "this tree"
MEASURES: Mapping[str, str] = {
    "start": "jitsudo true, permitted at once",
    "leased start": "jitsudo true, under a lease",
    "first byte": "the first byte, after the approver has the answer",
    "gate": "sudo with the gate, permitted at once",
    "leased gate": "sudo with the gate, under a grant",
    "decision": "a decision, recorded, grant issued",
    "explanation": "a decision, explained, nothing recorded",
    "commit": "a commit: a request, its grant, its run, and their records",
}
"""In milliseconds, by the names that a side knows."""
DECISIONS = "decisions"
MOST = 1.05
GATE_MOST, GATE_MS = 1.10, 3.0
COMMIT_MOST = 1.10
"""A decision has one commit, of a few milliseconds: the bar of decisions is the narrower one."""


class Side:
    """One product at work, for as long as ``sides`` holds it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self) -> str:
        """Its next line. Raises Failed where it has none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed("one side ended; what it said is above")
        return line.strip()

    def sample(self, measure: str) -> float:
        """Raises Failed."""
        assert self._process.stdin is not None
        self._process.stdin.write(measure + "\n")
        self._process.stdin.flush()
        return float(self.read())


@contextmanager
def installed(name: str, tree: Path) -> Iterator[Side]:
    """``tree`` at work. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir="/srv") as directory:
        Path(directory).chmod(0o755)
        subprocess.run([tree / "contrib/install", directory, TREE / ".venv"], check=True)
        line = ["unshare", "--mount", "--propagation", "private", sys.executable, "-P", SIDE, directory]
        its_own = os.environ | {"PYTHONPATH": f"{tree}/contrib/bench:{tree}"}
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=its_own) as process:
            side = Side(process)
            if side.read() != "ready":
                raise Failed("one side began out of turn")
            yield side


@contextmanager
def sides(revision: str) -> Iterator[dict[str, Side]]:
    """Both, by their names. Raises Failed where there is no such revision, or it can't be measured."""
    with ExitStack() as at_end:
        tree = Path(at_end.enter_context(tempfile.TemporaryDirectory(prefix="bench-tree-", dir="/srv")))
        tree.chmod(0o755)
        git = subprocess.run(["git", "-C", TREE, "archive", revision], capture_output=True, check=False)
        if git.returncode:
            raise Failed(git.stderr.decode("utf-8", "replace").strip())
        subprocess.run(["tar", "-x", "-C", tree], input=git.stdout, check=True)
        yield {
            revision: at_end.enter_context(installed("theirs", tree)),
            OURS: at_end.enter_context(installed("ours", TREE)),
        }


def measure_against(revision: str, n_pairs: int, n_crowds: int) -> list[Bar]:
    """Print each measure of both, and return what the bars say."""
    bars = []
    with sides(revision) as both:
        for measure, title in MEASURES.items():
            table = Table(title, "ms", peer=revision)
            interleaved(2, Table("", ""), samples(both, measure))  # the first of each is not counted
            interleaved(n_pairs, table, samples(both, measure))
            table.show()
            bars.append(gate_bar(title, table) if "gate" in measure else bar(title, table, most_of(measure)))
        crowd = Table("decisions by 16 at once", "a second", peer=revision)
        interleaved(n_crowds, crowd, samples(both, DECISIONS))
        crowd.show()
        bars.append(at_least(crowd.title, crowd.ratios(OURS), 1 / MOST, f"× {revision}"))
    return bars


def samples(both: Mapping[str, Side], measure: str) -> dict[str, partial[float]]:
    return {name: partial(side.sample, measure) for name, side in both.items()}


def most_of(measure: str) -> float:
    return COMMIT_MOST if measure == "commit" else MOST


def bar(title: str, table: Table, most: float) -> Bar:
    return at_most(title, table.ratios(OURS), most, f"× {table.peer}")


def gate_bar(title: str, table: Table) -> Bar:
    """A gate may cost a tenth more, or so many milliseconds: whichever is more."""
    if GATE_MS / median(table.rows[table.peer]) < GATE_MOST - 1:
        return at_most(title, table.ratios(OURS), GATE_MOST, f"× {table.peer}")
    more = [one - peer for one, peer in zip(table.rows[OURS], table.rows[table.peer], strict=True)]
    return at_most(title, more, GATE_MS, "ms more")
