# SPDX-License-Identifier: Apache-2.0
"""A kind of channel is added in one file, ``own_channel``: its class and its registration. Nothing else knows of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DAEMON = "from tests.notifying import own_channel; own_channel.daemon()"
URL = "https://matrix.example.org/room"


def test_a_kind_of_channel_that_is_added_in_one_file_is_set_up_and_sends(tmp_path: Path) -> None:
    file = tmp_path / "jitd.toml"
    file.write_text(f'realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n[notify.room]\nkind = "matrix"\nurl = "{URL}"\n')
    file.chmod(0o644)
    tmp_path.chmod(0o755)
    line = [sys.executable, "-c", DAEMON, str(file)]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "settings": {"name": "room", "shows": "rule", "requester": False},
        "is_for_persons": False,
        "sent": ["room", URL, '{"msgtype":"m.notice","body":"alice waits\\nfor ops"}'],
        "told": "it answered with status 403",
    }
