# SPDX-License-Identifier: Apache-2.0
"""Packs of a store, as the daemon makes them, without the daemon."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jitd.audit.forms import Countersignature
from jitd.audit.signing import Signing
from jitd.core.effects import Moment
from jitd.core.names import NAMES
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.subject import Subject
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings import policyfile
from jitd.settings.config import Approvals
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.workers import Workers
from jitd_evidence.serving.packs import PIECE, Packs
from jitpam.wire.messages import Pack
from tests.evidence.packs import HOST


def packs_of(
    path: Path,
    store: SqliteStore,
    lifecycle: Lifecycle,
    workers: Workers,
    now: Callable[[], Moment],
    countersigned: Callable[[], Iterable[Countersignature]] = lambda: (),
    host: str = HOST,
) -> Packs:
    """Packs of ``store``, which is in ``path``. dave is an operator and bob an auditor."""
    config: Any = SimpleNamespace(
        host=host,
        approvals=Approvals(),
        operators=("user:dave",),
        auditors=("user:bob",),
        state=path,
        names=NAMES,
        recordings=SimpleNamespace(days=9, mib_in_all=9),
    )
    access = Access(config, store)
    opened = lambda: SqliteStore.reading(path / "jitd.db")  # noqa: E731
    rules: Any = SimpleNamespace(read_again=_read)
    return Packs(Ground(config, rules, store, opened, workers, now, "", "0.0"), access, lifecycle, countersigned)


def _read(text: PolicyText) -> Policy | None:
    rules, faults = policyfile.read_again(text)
    return None if faults else Policy(tuple(rules), "deny", text.digest, text)


def made_by(packs: Packs, signing: Signing, id: str, who: Subject, *, recordings: bool = True) -> Mapping[str, bytes]:
    """The files of a pack. Meanwhile, the head is signed as the daemon signs it."""

    async def sign() -> None:
        while True:
            signing.sign()
            await asyncio.sleep(0.01)

    async def play() -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        meanwhile = asyncio.create_task(sign())
        try:
            async for row in packs.make(who, Pack(id=id, recordings=recordings)):
                piece = b64decode(row["data"])
                assert set(row) == {"file", "data"} and len(piece) <= PIECE
                assert row["file"] not in files or row["file"] == list(files)[-1]
                files[row["file"]] = files.get(row["file"], b"") + piece
        finally:
            meanwhile.cancel()
            with suppress(asyncio.CancelledError):
                await meanwhile
        return files

    return asyncio.run(play())
