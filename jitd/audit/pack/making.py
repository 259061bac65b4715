# SPDX-License-Identifier: Apache-2.0
"""The files of a pack, as PROTOCOL.md defines them ("Packs"), from what was read of the store.

Law: pure. The same input gives the same bytes. What is in memory of a pack is limited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jitd.core.frozen import dataclass
from jitd.core.values import Values, committed_in

FORM = "jitd pack 1"
README, PAGE, VERIFIER = "README.txt", "index.html", "verify.py"
RECORDS, DOCUMENTS, TRACE, MANIFEST, PROOF = "records.jsonl", "documents.jsonl", "trace.json", "manifest.json", "proof.jsonl"
MOST_BYTES = 32 * 1024 * 1024
"""Maximum number of bytes of all files that are made in memory. A request with one run has a hundredth of this."""


class TooLarge(Exception):
    """The files do not fit into a pack."""


@dataclass(frozen=True, slots=True)
class File:
    """What the manifest says of a file: its name, its size in bytes, and its SHA-256 in hexadecimal digits."""

    name: str
    size: int
    sha256: str


def file_of(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


def text_of(lines: Iterable[str]) -> bytes:
    """Return a file of ``lines``. Raises TooLarge."""
    out = bytearray()
    for line in lines:
        out += f"{line}\n".encode("ascii")
        if len(out) > MOST_BYTES:
            raise TooLarge
    return bytes(out)


def document_line(life: str, id: str, document: bytes, values: Values) -> str:
    """Return the line of a stored object, with those of its ``values`` that are stored."""
    text = document.decode("utf-8")
    entries = sorted(
        {entry.committed: entry for name in _committed(json.loads(text)) if (entry := values.entry(name)) is not None}.items()
    )
    told = [
        {"committed": entry.committed.hex(), "field": entry.field, "salt": entry.salt.hex(), "value": entry.value}
        for _, entry in entries
    ]
    return _encode({"life": life, "id": id, "document": text, "values": told})


def _committed(part: Any) -> Iterable[str]:
    if (name := committed_in(part)) is not None:
        yield name
    elif isinstance(part, dict | list):
        for one in part.values() if isinstance(part, dict) else part:
            yield from _committed(one)


def policy_name(digest: str) -> str:
    return f"policy-{digest}.json"


def trace_file(trace: Mapping[str, Any]) -> bytes:
    return text_of([_encode(trace)])


def manifest(host: str, id: str, at: datetime, by: str, version: str, files: Sequence[File]) -> bytes:
    head = {
        "form": FORM,
        "host": host,
        "id": id,
        "made_at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "by": by,
        "jitd": version,
    }
    return text_of([_encode({**head, "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]})])


def readme(host: str, id: str, by: str) -> bytes:
    """Return README.txt, for the principal ``by``."""
    return _README.format(host=host, id=id, by=by).encode("ascii", "backslashreplace")


_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
_README = """\
This is a pack of jitd: everything that the record of {host} knows of
the request {id}, as {by} may see it.

Read index.html in a browser. It needs no network, and runs no script.

To check the pack
-----------------
The verify.py in this zip came with what it should check, so it proves
nothing to you. Use the one of a jitd that you trust: on any host with
jitd it is /usr/share/jitd/verify.py, and `jitd --version -v` prints its
SHA-256. It is one file, and needs Python 3.9 or later and the package
"cryptography". Do not unpack the zip:

    python3 verify.py --key HOST.pub PACK.zip

HOST.pub is the public key of {host}: `jitd audit key` prints it there.
Get it from its administrator, or from a time before the pack was made.
Without --key, only the pack itself says whose key has signed it. With
--witness-key, a countersignature of another machine counts as well.
verify.py says in words what is proved, to whom, and what is not.

What is in it
-------------
index.html         the page of the action, made from the files below
verify.py          a copy of the verifier, for convenience
records.jsonl      the records, with the digests of those between them,
                   and the signed heads of the chain around them
documents.jsonl    the stored request, grant, runs and holdings
policy-*.json      the rules that decided, as text
trace.json         what each rule answers to the request
recordings/        the recordings of the runs
manifest.json      the size and SHA-256 of each file above
proof.jsonl        the host's record about this pack

What the reader for whom it was made may not see, and what was forgotten
since, stands in it as a commitment. It is still proved that the record
has it, and that it was not changed.

Nothing here proves what an approver saw on a screen, what root did
before it was recorded, or that nothing else happened.
"""
