# SPDX-License-Identifier: Apache-2.0
"""`make demo` and `make demo-more`: they end as told, and a screen shows the first one whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.marks import full

DEMO = Path(__file__).parents[2] / "contrib/lab/demo"
MOST_LINES, COLUMNS = 60, 80


def played(*words: str) -> list[str]:
    line = [str(DEMO), *words]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@full("every day, the lane of the other release plays it, and other tests do what it shows")
def test_the_demo_shows_the_main_job_on_few_lines_of_a_terminal() -> None:
    lines = played()
    assert len(lines) < MOST_LINES and max(map(len, lines)) <= COLUMNS, "\n".join(lines)
    text = "\n".join(lines)
    for told in (
        r"wc: /etc/shadow: Permission denied",
        r"Message from jitd:\nalice asks to run a command as root",
        r"a approve · d deny .*\njitd: request [\w-]+ is approved",
        r"jitsudo: approved by bob@EXAMPLE.TEST\n\d+ /etc/shadow",
        r"DANGER    gives root: opens /etc/sudoers",
        r'jitsudo: denied by bob@EXAMPLE.TEST: "change number\?"',
        r'jitsudo: revoked by bob@EXAMPLE.TEST: "call me first"',
        r"audit: \d+ records, chain whole",
    ):
        assert re.search(told, text), (told, text)


@full("the parts of the second demo have tests of their own, and it takes a second host")
def test_the_second_demo_ends_as_told() -> None:
    text = "\n".join(played("--more"))
    for told in (r"your own: somebody else has to review it", r"lease .* 3 uses", r"the risk is high", "Grace", r"\(0 rows\)"):
        assert re.search(told, text), (told, text)
