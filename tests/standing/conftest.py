# SPDX-License-Identifier: Apache-2.0
"""Who looks at a busy host has patience: what is not judged because it came late would be missing in the list."""

from __future__ import annotations

import pytest

from jitd_inspection.standing import looking, scene
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((looking, "WITHIN"), (scene, "FILE_WITHIN"), (scene, "TOOL_WITHIN")):
        monkeypatch.setattr(module, name, PATIENCE)
