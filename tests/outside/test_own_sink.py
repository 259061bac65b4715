# SPDX-License-Identifier: Apache-2.0
"""A kind of sink is added in one file, ``own_sink``: its class and its registration. Nothing else of the product knows of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DAEMON = "from tests.outside import own_sink; own_sink.daemon()"


def test_a_kind_of_sink_that_is_added_in_one_file_is_set_up_and_gets_the_record(tmp_path: Path) -> None:
    file = tmp_path / "jitd.toml"
    file.write_text('realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n[sinks.own]\nkind = "tcp-lines"\nport = PORT\n')
    file.chmod(0o644)
    tmp_path.chmod(0o755)
    line = [sys.executable, "-c", DAEMON, str(file)]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "shows": "command",
        "said": {"do": "deliver_tcp", "n_done": 2, "refused": [], "why": "", "retry_after": 0, "is_new": False},
        "received": ['{"n":1}', '{"n":2}'],
        "later": "it cannot be reached: ConnectionRefusedError",
    }
