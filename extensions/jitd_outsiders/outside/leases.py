# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside about leases of HashiCorp Vault or OpenBao. Each question names the server.
tests/outside/golden_leases contains the bytes of each message. A message never contains a secret. The descriptor of a secret is
sent together with the packet of ``leased`` or ``signed``. A message identifies jitd's own token by the name of a file. It
identifies the token of a holding by its accessor, which is an id that the server has given to the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from jitd.beside.refusals import Refused as Refused
from jitd_outsiders.outside.fields import ADDRESSES, AUTHORITIES, FILE_NAME, URL
from jitd_outsiders.outside.urls import MOST_PARAMETERS, NAMESPACE, OURS, PARAMETER, PATH
from jitpam.wire.declared import CARRIED, INLINE, integer, table_of, text

LONGEST_DEADLINE = 120_000  # milliseconds of one question
LONGEST = 10 * 366 * 86_400  # seconds of a lease. The longest grant has the same length.
LATEST = 253402300799  # the last second of the year 9999, in seconds since 1970
_PARAMETERS = table_of(
    text("the name of a parameter", PARAMETER.pattern).where(lambda name: name not in OURS, "a parameter that may be set"),
    text("a value", r"[ -~]{1,1000}"),
    MOST_PARAMETERS,
)
_ACCESSOR = text("an accessor", r"[!-~]{1,200}")
_LEASE = text("the id of a lease", r"[!-~]{1,1000}")
_DEADLINE = integer(1, LONGEST_DEADLINE)
_SECONDS = integer(1, LONGEST)
_PATH = text("the path of a lease", PATH.pattern)


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server, and how jitd authenticates to the server. ``url`` is an https URL with a host, possibly a port,
    and the path ``/``. ``token`` and ``certificate`` are names of files that jitd-outside has received.
    ``certificate`` and ``namespace`` may be empty. The other fields are the same as in a Fetch (``messages``).
    """

    url: Annotated[str, URL.where(re.compile("https://[^/]+/").fullmatch, "the URL of a server")]
    token: Annotated[str, FILE_NAME.where(bool, "the name of a file")]
    namespace: Annotated[str, text("a namespace", f"(?:{NAMESPACE.pattern})?")] = ""
    addresses: Annotated[tuple[str, ...], ADDRESSES] = ()
    ca: Annotated[str, AUTHORITIES] = ""
    certificate: Annotated[str, FILE_NAME] = ""


@dataclass(frozen=True, slots=True)
class Begin:
    """Create a token for ``holding`` of ``account`` that ends after ``seconds``, even if jitd does not run then."""

    server: Annotated[Server, INLINE]
    holding: Annotated[str, text("the id of a holding", r"[0-9A-Z]{4}-[0-9A-Z]{4}(?:\.[1-9][0-9]{0,8})?")]
    account: Annotated[str, text("the name of an account", r"[!-~]{1,256}")]
    seconds: Annotated[int, _SECONDS]
    deadline_ms: Annotated[int, _DEADLINE]


@dataclass(frozen=True, slots=True)
class Begun:
    """The token exists and is kept shortly. By its id, ``accessor``, it can be ended, but not used."""

    accessor: Annotated[str, _ACCESSOR]


@dataclass(frozen=True, slots=True)
class Lease:
    """Get a lease: send ``parameters``, which may be empty, to ``path`` with the token of ``accessor``."""

    server: Annotated[Server, INLINE]
    accessor: Annotated[str, _ACCESSOR]
    path: Annotated[str, _PATH]
    parameters: Annotated[tuple[tuple[str, str], ...], _PARAMETERS]
    deadline_ms: Annotated[int, _DEADLINE]


@dataclass(frozen=True, slots=True)
class Leased:
    """The lease exists, until ``seconds`` from now by the server. ``secret`` is a sealed memfd with its data."""

    lease: Annotated[str, _LEASE]
    seconds: Annotated[int, _SECONDS]
    secret: Annotated[int | None, CARRIED] = None


@dataclass(frozen=True, slots=True)
class Sign:
    """Have the server sign the SSH ``key`` (one line), by a request to ``path``, for ``seconds``."""

    server: Annotated[Server, INLINE]
    path: Annotated[str, _PATH]
    parameters: Annotated[tuple[tuple[str, str], ...], _PARAMETERS]
    key: Annotated[str, text("the line of a public key", r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/=]{1,4096}")]
    seconds: Annotated[int, _SECONDS]
    deadline_ms: Annotated[int, _DEADLINE]


@dataclass(frozen=True, slots=True)
class Signed:
    """``secret`` has the certificate (see Leased), which is valid until ``until``, in seconds since 1970."""

    until: Annotated[int, integer(1, LATEST)]
    secret: Annotated[int | None, CARRIED] = None


@dataclass(frozen=True, slots=True)
class End:
    """End the lease ``lease``. Then end the token that ``accessor`` identifies. The server then ends everything that was leased
    with this token. ``lease`` is empty if jitd never learned the lease's id.
    """

    server: Annotated[Server, INLINE]
    accessor: Annotated[str, _ACCESSOR]
    lease: Annotated[str, text("the id of a lease", r"[!-~]{0,1000}")]
    deadline_ms: Annotated[int, _DEADLINE]


@dataclass(frozen=True, slots=True)
class Over:
    """The server says that the lease and the token do not exist any more."""


@dataclass(frozen=True, slots=True)
class Look:
    """Find out whether the lease ``lease`` exists."""

    server: Annotated[Server, INLINE]
    lease: Annotated[str, _LEASE]
    deadline_ms: Annotated[int, _DEADLINE]


@dataclass(frozen=True, slots=True)
class Looked:
    """``stands`` is true if the lease exists."""

    stands: bool


Question = Begin | Lease | Sign | End | Look
Answer = Begun | Leased | Signed | Over | Looked | Refused
ANSWERS_TO: Mapping[type[Question], type[Answer]] = {Begin: Begun, Lease: Leased, Sign: Signed, End: Over, Look: Looked}
"""Maps the type of a question to the type of its answer. Every question may also be answered with Refused."""
