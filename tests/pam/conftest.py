# SPDX-License-Identifier: Apache-2.0
"""What the files of tests share that play the real programs. Law: each file has a daemon of its own, whose record holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pam.application import Bench
from tests.pam.eves import Eves
from tests.pam.programs import Gated, write


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host behind the stacks that we ship, and its daemon."""
    with Gated() as made:
        yield made


@pytest.fixture(scope="module")
def eves(gated: Gated) -> Eves:
    return Eves(gated)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Write files below /etc, which are afterwards as they were."""
    kept: dict[Path, Path | None] = {}

    def put(name: str, text: str) -> None:
        path, copy = Path("/etc", name), tmp_path / name.replace("/", "-")
        if path not in kept:
            kept[path] = Path(shutil.copy2(path, copy)) if path.exists() else None
        write(str(path), text, 0o440 if name == "sudoers" else 0o644)

    yield put
    for path, copy in kept.items():
        if copy:
            shutil.copy2(copy, path)
        else:
            path.unlink()
