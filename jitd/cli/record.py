# SPDX-License-Identifier: Apache-2.0
"""The verbs about the record: ``audit show``, ``audit verify``, ``audit key``.
Law: ``verify`` works without the daemon and changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jitd.cli.answer import Row, answer, answer_json, command_line, say, words
from jitd.cli.call import NotDone, called
from jitd.cli.columns import cut, padded
from jitd.cli.house import config_option
from jitd.cli.past import left_behind
from jitd.cli.terminal_size import width
from jitd.cli.witnessing import countersigned, digests, witness
from jitpam.wire.messages import Audit, SigningKey
from jitpam.wire.shown import shown, shown_argument

if TYPE_CHECKING:
    from jitd.settings.config import Config

_TOLD = {
    "request.submitted": ("argv", "run_as", "cwd", "reason"),
    "request.screened": ("decision", "why", "rule", "because", "approvals", "ways", "lease", "gatekeepers"),
    "request.reviewed": ("verdict", "comment"),
    "key.made": ("because", "public", "before"),
    "key.rotated": ("public", "before"),
}
"""The detail of an event is an object with several members. The table maps an event to the members that ``audit show`` prints.
If an event is not in the table, all members are printed.
"""


@click.group()
def audit() -> None:
    """Print the record, or prove that nobody has changed it."""


for verb in (countersigned, digests, witness):
    audit.add_command(verb)


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only records after number N.", metavar="N")
def show(*, as_json: bool, after: int) -> None:
    """Print the records, oldest first (operators and root)."""
    screen = width()
    n = 0
    with called() as daemon:
        for row in daemon.ask(Audit(after=after)):
            n += 1
            if as_json:
                answer_json([row])
            else:
                line = _line(row)
                answer(line if screen is None else cut(line, screen))
    if not n:
        say("no record" if not after else f"no record after number {after}")


def _line(row: Row) -> str:
    number, at = words(row, "number"), words(row, "at").partition(".")[0].partition("+")[0]
    event, id, actor = words(row, "event"), words(row, "id"), words(row, "actor")
    return f"{number:>5}  {at}Z  {event:<18}  {id:<9}  {padded(shown(actor), 20)}  {_detail(event, row.get('detail'))}".rstrip()


def _detail(event: str, detail: Any) -> str:
    if not isinstance(detail, dict):
        return ""
    names = _TOLD.get(event, tuple(detail))
    read = detail | {"traces": left_behind(detail.get("traces"))}
    return " ".join(f"{name}={_value(read[name])}" for name in names if read.get(name) not in (None, "", []))


def _value(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{command_line(shown(item) for item in value)}]"
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return shown_argument(text.encode("utf-8", "surrogateescape"))


@audit.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
def verify(*, file: Path | None, config: Path | None) -> None:
    """Prove that the record in FILE (or in the live database) is complete and unchanged. Also compare it with the stored
    objects.
    """
    from jitd.audit.verify import Finding
    from jitd.audit.verify import verify as walk
    from jitd.core.chain import Broken
    from jitd.lifecycle.integrity import Noted, examine_head, examine_tables
    from jitd.store import StoreError
    from jitd.store.opening import file_of, read_store

    noted = None
    if file is None:
        settings = _settings(config)
        file, noted = file_of(settings.state), Noted(settings.socket.parent / "head")
    try:
        file.open("rb").close()
        # Read the noted head before the database, because the daemon may append records between the two reads.
        head = None if noted is None else noted.read()
        store = read_store(file)
        try:
            verified = walk(store.records(), store.documents(), store.misfiled())
            examine_tables(store)
            if noted is not None:
                examine_head(store, head, noted)
        finally:
            store.close()
    except (Broken, Finding, StoreError) as fault:
        raise NotDone(f"audit: {fault}") from None
    except OSError as fault:
        raise NotDone(f"audit: {file} cannot be read: {fault.strerror}") from None
    answer(f"audit: {verified.n} records, chain whole, head {verified.head.hex()}")


@audit.command()
@click.option("--rotate", is_flag=True, help="Make a new key first (root).")
@click.option("--allowed-signers", is_flag=True, help="Print a line for ssh-keygen -Y verify.")
def key(*, rotate: bool, allowed_signers: bool) -> None:
    """Print the public key by which the head of the record is signed (operators and root)."""
    with called() as daemon:
        line = daemon.do(SigningKey(rotate=rotate))
    if allowed_signers:
        public, _, signer = line.rpartition(" ")
        line = f'{signer} namespaces="jitd-checkpoint,jitd-key" {public}'
    answer(line)


def _settings(config: Path | None) -> Config:
    from jitd.settings.config import load
    from jitd.settings.toml_document import ConfigError

    try:
        return load(config)
    except ConfigError as error:
        raise NotDone(f"cannot tell where the database is: {error.faults[0]}") from None
