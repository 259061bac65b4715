# SPDX-License-Identifier: Apache-2.0
"""What a run is told to do (``lifecycle.jobs``)."""

from __future__ import annotations

import pytest

from jitd.core import request
from jitd.core.command import Command
from jitd.core.run import Run
from jitd.lifecycle.jobs import job_of
from jitd.settings.config import Config
from tests.scene import START, asked, command, moment, permit, thing

NO_PROGRAM = {
    "things": thing(),
    "a login": command("-bash", path=b""),
    "a doubtful command line": command("sudo", "-i", path=b"", doubt="an alias"),
}


@pytest.mark.parametrize("what", NO_PROGRAM.values(), ids=NO_PROGRAM.keys())
def test_nothing_is_executed_for_what_is_no_program_and_no_edit(what: Command) -> None:
    made = asked(what=what, obligations=permit().obligations)
    grant = request.issued(made, moment()).grant
    with pytest.raises(ValueError, match="not a program"):
        job_of(Run(made.id, made.id, made.id, START), grant, made, Config(frozenset(), "db1"), 1000.0)
