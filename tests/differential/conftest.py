# SPDX-License-Identifier: Apache-2.0
"""Both tools in one lab, for the same person and on the same terms: whatever alice asks for is permitted at once.

Law: what stands here is the lab's own and made once; rows of a table are played together, as alice.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.differential.scenario import Row, compare, to_play
from tests.news import NEWS
from tests.system.conftest import House, at_priority

PLACE = Path("/srv/differential")
STAGEHAND = Path(__file__).with_name("stagehand.py")
FILES = Path(__file__).with_name("files.sh")
SUDOERS = """\
Defaults env_reset, use_pty, runcwd=*, closefrom_override, user_command_timeouts
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
alice ALL=(ALL:ALL) NOPASSWD:SETENV: ALL
alice ALL=(editor) NOPASSWD: !ALL, sudoedit /srv/differential/edits/*/*.conf, sudoedit /srv/differential/edits/one/the
alice ALL=(alice:ALL) NOPASSWD:SETENV: ALL
Defaults sudoedit_checkdir, !sudoedit_follow, editor=/srv/differential/bin/openended
"""
ALLOWED = ("PGDATA", "MY_*", "EDITOR", "VISUAL", "PAGER", "http_proxy", "LS_COLORS", "DISPLAY", "PS1", "A", "B", "C", "E")
"""Variables that the rule lets in; sudo lets in all."""
POLICY = """
[[permit]]
name = "kept"
who = ["principal:alice@EXAMPLE.TEST"]
run_as = ["*"]
commands = [["/srv/differential/kept/*", "**"]]
run = { env = [__ENV__], writable = "allow", cwd = "caller", leftovers = "keep" }

[[permit]]
name = "anything"
who = ["principal:alice@EXAMPLE.TEST"]
run_as = ["*"]
commands = [["**"]]
run = { env = [__ENV__], writable = "allow", cwd = "caller", timeout = "1h" }

[[permit]]
name = "edits"
who = ["principal:alice@EXAMPLE.TEST"]
run_as = ["root", "alice", "bob"]
commands = [
    ["sudoedit", "/*"], ["sudoedit", "/*/*"], ["sudoedit", "/*/*/*"], ["sudoedit", "/*/*/*/*"], ["sudoedit", "/*/*/*/*/*"],
    ["sudoedit", "/*/*/*/*/*/*"], ["sudoedit", "/*/*/*/*/*/*/*"],
]

[[permit]]
name = "some edits"
who = ["principal:alice@EXAMPLE.TEST"]
run_as = ["editor"]
commands = [["sudoedit", "/srv/differential/edits/*/*.conf"], ["sudoedit", "/srv/differential/edits/one/the"]]
""".replace("__ENV__", ", ".join(f'"{name}"' for name in ALLOWED))
KNOWN = Path("/run/jitd/jitd.sock")
"""Where a tool within the tool looks for it."""


class Pair:
    """Both tools, ready to be asked."""

    def __init__(self) -> None:
        self.house = House(POLICY)
        self.n_plays = 0
        Path("/etc/sudoers").write_text(SUDOERS)
        Path("/etc/sudoers").chmod(0o440)
        for file in Path("/etc/sudoers.d").iterdir():
            file.unlink()
        shutil.rmtree(PLACE, ignore_errors=True)
        for name in ("sudo", "jitsudo", "stage"):
            (PLACE / name).mkdir(parents=True, mode=0o755)
        PLACE.chmod(0o755)
        for name in ("sudo", "jitsudo"):
            (PLACE / name / "asroot").symlink_to(f"/usr/bin/{name}")
        shutil.copyfile(STAGEHAND, PLACE / "stagehand.py")
        os.chown(PLACE / "stage", 4001, 4001)
        subprocess.run(["/bin/bash", "-eu", str(FILES), str(PLACE)], check=True)
        self.house.start()
        KNOWN.parent.mkdir(mode=0o755, exist_ok=True)
        KNOWN.unlink(missing_ok=True)
        KNOWN.symlink_to(self.house.socket)

    def play(self, rows: list[Row]) -> list[tuple[dict[str, dict[str, Any]], str]]:
        """Every row through both: what was seen, and where it was played, which is another place every time."""
        self.n_plays += 1
        places = [f"{PLACE}/stage/{self.n_plays}-{n}" for n in range(len(rows))]
        work = {
            "news": NEWS.pattern,
            "scenarios": [to_play(row, place) for row, place in zip(rows, places, strict=True)],
            "tools": {name: {"path": f"/usr/bin/{name}", "shim": f"{PLACE}/{name}"} for name in ("sudo", "jitsudo")},
        }
        line = self.house.line("alice", "/usr/bin/python3", "-I", f"{PLACE}/stagehand.py")
        done = subprocess.run(
            [*at_priority(), *line],
            input=json.dumps(work).encode(),
            capture_output=True,
            check=False,
            timeout=300,
            cwd="/",
        )
        assert done.returncode == 0 and done.stdout, done.stderr.decode()
        seen = json.loads(done.stdout)
        return [(seen[str(n)], place) for n, place in enumerate(places)]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Made once for each table: its daemon is not to be there for other tests."""
    sudoers, below = Path("/etc/sudoers"), Path("/etc/sudoers.d")
    kept = {file: file.read_bytes() for file in (sudoers, *below.iterdir())}
    made = Pair()
    yield made
    for file, content in kept.items():  # other tests of the lab give lines of sudoers
        file.write_bytes(content)
        file.chmod(0o440)
    made.house.verify()
    made.house.close()
    KNOWN.unlink()
    shutil.rmtree(PLACE)


@pytest.fixture(scope="module")
def compared(pair: Pair, request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Plays the rows of the module's ``ROWS`` that were selected; then tells of each what is wrong with it."""
    rows = [item.callspec.params["row"] for item in request.session.items if getattr(item, "module", None) is request.module
            and "row" in getattr(getattr(item, "callspec", None), "params", {})]  # fmt: skip
    seen = dict(zip((id(row) for row in rows), pair.play(rows), strict=True))
    shown = os.environ.get("DIFFERENTIAL_SHOW")

    def of(row: Row) -> None:
        both, place = seen.pop(id(row))
        if shown:
            print(json.dumps(both, indent=1))
        if faults := compare(row, both, place):
            pytest.fail("\n".join(faults), pytrace=False)

    return of
