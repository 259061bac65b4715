# SPDX-License-Identifier: Apache-2.0
"""A desk: a venv with the wheel of contrib/wheel and what it declares, installed without an index."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.law.tree import TREE

PIP = [sys.executable, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check"]


def wheel_of_tip(into: Path, tree: Path = TREE, **environ: str) -> Path:
    """The wheel that ``tree`` makes."""
    line = [tree / "contrib/wheel", into]
    done = subprocess.run(line, env=os.environ | environ, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.rstrip("\n"))


def packed(name: str, into: Path) -> None:
    """Make a wheel of the package ``name``, which was installed from one."""
    runtime = TREE / ".venv/runtime"
    (about,) = runtime.glob(f"{name}-*.dist-info")
    listed = [line.split(",")[0] for line in (about / "RECORD").read_text("utf-8").splitlines()]
    files = {path for path in listed if not path.endswith(".pyc") and (runtime / path).exists()}
    with zipfile.ZipFile(into / f"{about.name.removesuffix('.dist-info')}-py3-none-any.whl", "w") as made:
        for path in sorted(files):
            made.write(runtime / path, path)


def desk(place: Path) -> Path:
    """The directory with the programs of a desk below ``place``."""
    place.mkdir()
    wheel = wheel_of_tip(place)
    packed("click", place)
    venv = place / "venv"
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", venv], check=True)
    line = [*PIP, "--python", venv / "bin/python", "install", "--no-index", "--find-links", place, wheel]
    subprocess.run(line, stdin=subprocess.DEVNULL, check=True)
    return venv / "bin"
