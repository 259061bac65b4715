# SPDX-License-Identifier: Apache-2.0
"""The newest countersignature of each witness, or its conviction of this host, in a file of this host beside the database. The
database does not contain them: so they are not restored with an older database, but say that it is older.

Law: a line of it is good only with a signature by a key that the settings name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from jitd.audit.forms import Conviction, Countersignature, read
from jitd.audit.sshsig import BadSignature, check_signature
from jitd.core.chain import Seal
from jitd.core.public_key import PublicKey
from jitd.files import durable

MOST = 1 << 20  # bytes of the file


def file_of(state: Path) -> Path:
    return state / "countersignatures"


def stored(file: Path, witnesses: Iterable[PublicKey]) -> dict[PublicKey, Countersignature]:
    """Map each of ``witnesses`` to its newest countersignature. A witness from which there is none is left out, and so is a line
    that no witness has signed. Raises OSError.
    """
    return {key: line for key, line in _lines(file, witnesses) if isinstance(line, Countersignature)}


def convictions(file: Path, witnesses: Iterable[PublicKey]) -> dict[PublicKey, Conviction]:
    """Map each of ``witnesses`` that has convicted this host to its conviction. Raises OSError."""
    return {key: line for key, line in _lines(file, witnesses) if isinstance(line, Conviction)}


def _lines(file: Path, witnesses: Iterable[PublicKey]) -> list[tuple[PublicKey, Countersignature | Conviction]]:
    try:
        with file.open("rb") as stream:
            lines = stream.read(MOST).decode("ascii", "replace").split("\n")
    except FileNotFoundError:
        return []
    found: list[tuple[PublicKey, Countersignature | Conviction]] = []
    for text in lines:
        try:
            line = read(text)
        except ValueError:
            continue
        if isinstance(line, Countersignature | Conviction) and (witness := signed_by(line, witnesses)) is not None:
            found.append((witness, line))
    return found


def signed_by(line: Countersignature | Conviction, witnesses: Iterable[PublicKey]) -> PublicKey | None:
    for witness in witnesses:
        try:
            check_signature(witness.blob[-32:], line.NAMESPACE, line.signed.encode("ascii"), line.signature)
        except BadSignature:
            continue
        return witness
    return None


def add(file: Path, new: Mapping[PublicKey, Countersignature | Conviction], witnesses: Iterable[PublicKey]) -> None:
    """Put those of ``new`` that are newer into the file. A conviction stays until a later countersignature. Raises OSError."""
    with durable.locked(file.with_name(f"{file.name}.lock")):
        signed, convicted = stored(file, witnesses), convictions(file, witnesses)
        for witness, line in new.items():
            if isinstance(line, Conviction):
                if (seen := signed.get(witness)) is None or seen.at <= line.at:
                    convicted[witness] = line
                continue
            before = signed.get(witness)
            if before is None or (before.at, before.number) <= (line.at, line.number):
                signed[witness] = line
            if witness in convicted and convicted[witness].at < line.at:
                del convicted[witness]
        lines = [*(line.line() for line in signed.values()), *(line.line() for line in convicted.values())]
        durable.store(file, "".join(f"{line}\n" for line in lines).encode("ascii"))


def sentence(line: Conviction) -> str:
    return (
        f"{line.witness} has convicted this host at {line.at:%Y-%m-%d %H:%M:%S} UTC: with its key, record {line.number} was "
        "signed, and then something that cannot be true beside it; the proof is in the directory of the witness"
    )


def differs(line: Countersignature, head: Seal, records: Iterable[tuple[int, bytes, bytes]]) -> str:
    """Compare a countersignature with the chain: its ``head``, and its ``records`` from the number of ``line``. Return a sentence
    if the chain is not the one that the witness has seen, or an empty text.
    """
    seen = f"{line.witness} has countersigned record {line.number}, at {line.at:%Y-%m-%d %H:%M:%S} UTC"
    if head.number < line.number:
        return f"{seen}, and the record ends with {head.number}: an older state was restored, or the end was removed"
    for _, _, seal in records:
        return "" if seal == line.seal else f"{seen}, and record {line.number} is another one now: the record was written again"
    return f"{seen}, and record {line.number} is missing"
