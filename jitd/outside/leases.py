# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside about leases of HashiCorp Vault or OpenBao. Each question names the server.
A message is one JSON object in ASCII, and is the body of one packet (``jitd.beside.packets``). A question has its name in the
field ``do``, and an answer has its name in the field ``said``. tests/outside/golden_leases contains the bytes of each message. A
message never contains a secret. The descriptor of a secret is sent together with the packet of ``leased`` or ``signed``. A
message identifies jitd's own token by the name of a file. It identifies the token of a holding by its accessor, which is an id
that the server has given to the token.
Law: pure. A message must have exactly the declared fields. Each field must have the right type and be within its limits. Every
other message raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from jitd.outside.fields import Readers, addresses, authorities, checked, file_name, number, read_message, url
from jitd.outside.urls import MOST_PARAMETERS, NAMESPACE, OURS, PARAMETER, PATH
from jitpam.wire import notation

LONGEST_DEADLINE = 120_000
"""Maximum deadline of one question, in milliseconds."""
LONGEST = 10 * 366 * 86_400
"""Maximum length of a lease, in seconds. The longest grant has the same length."""
LATEST = 253402300799
"""The last second of the year 9999, in seconds since 1970."""
LONGEST_WHY = 1_000


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server, and how jitd authenticates to the server. ``url`` is an https URL with a host, possibly a port,
    and the path ``/``. ``token`` and ``certificate`` are names of files that jitd-outside has received.
    ``certificate`` and ``namespace`` may be empty. The other fields are the same as in a Fetch (``messages``).
    """

    url: str
    token: str
    namespace: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Begin:
    """Create a token for the holding ``holding`` of ``account``. The token ends after ``seconds``, even if jitd is not running at
    that time.
    """

    server: Server
    holding: str
    account: str
    seconds: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Begun:
    """The token exists, and jitd-outside keeps the token for a short time. ``accessor`` is the server's id of the token. With
    this id, jitd can order the server to end the token. But the server does not accept the id in place of the token.
    """

    accessor: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Get a lease. For this, jitd-outside sends a request to ``path``, with the token that ``accessor`` identifies. The request
    contains ``parameters``, which may be empty.
    """

    server: Server
    accessor: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Leased:
    """The lease exists. Its id is ``lease``. The server says that the lease ends after ``seconds``. ``secret`` is the descriptor
    of a sealed memfd that contains the data of the lease.
    """

    lease: str
    seconds: int
    secret: int | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """Send a request to ``path``, so that the server signs the SSH key ``key``. The certificate shall be valid for ``seconds``.
    ``key`` is one line with the public key.
    """

    server: Server
    path: str
    parameters: tuple[tuple[str, str], ...]
    key: str
    seconds: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Signed:
    """The certificate exists, and ``secret`` contains the certificate (see Leased). The certificate is valid until ``until``, in
    seconds since 1970.
    """

    until: int
    secret: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """End the lease ``lease``. Then end the token that ``accessor`` identifies. The server then ends everything that was leased
    with this token. ``lease`` is empty if jitd never learned the lease's id.
    """

    server: Server
    accessor: str
    lease: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """The server says that the lease and the token do not exist any more."""


@dataclass(frozen=True, slots=True)
class Look:
    """Find out whether the lease ``lease`` exists."""

    server: Server
    lease: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Looked:
    """``stands`` is true if the lease exists."""

    stands: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The server has refused, and has changed nothing. ``why`` is a sentence."""

    why: str


Question = Begin | Lease | Sign | End | Look
Answer = Begun | Leased | Signed | Over | Looked | Refused
ANSWERS: Mapping[type[Question], type[Answer]] = {Begin: Begun, Lease: Leased, Sign: Signed, End: Over, Look: Looked}
"""Maps the type of a question to the type of its answer. Every question may also be answered with Refused."""


def sentence(text: str) -> str:
    """Return ``text`` as a sentence for an answer: printable ASCII only, and at most LONGEST_WHY characters."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_WHY else plain[: LONGEST_WHY - 3] + "..."


def _parameters(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or len(value) > MOST_PARAMETERS or list(value) != sorted(value):
        raise ValueError(f"is not a table of at most {MOST_PARAMETERS} parameters, sorted by name")
    if not all(PARAMETER.fullmatch(name) and name not in OURS for name in value):
        raise ValueError("contains a parameter that must not be set")
    return tuple((name, _value(text)) for name, text in value.items())


def _server(value: object) -> str:
    found: str = url(value)
    if not re.fullmatch(r"https://[^/]+/", found):
        raise ValueError("is not the URL of a server")
    return found


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


_value = checked(r"[ -~]{1,1000}", "a value")
_token = checked(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", "the name of a file")
_accessor = checked(r"[!-~]{1,200}", "an accessor")
_lease = checked(r"[!-~]{1,1000}", "the id of a lease")
_deadline = number(1, LONGEST_DEADLINE)
_seconds = number(1, LONGEST)
_path = checked(PATH.pattern, "the path of a lease")
_SERVER: Readers = {
    "url": _server,
    "token": _token,
    "namespace": checked(f"(?:{NAMESPACE.pattern})?", "a namespace"),
    "addresses": addresses,
    "ca": authorities,
    "certificate": file_name,
}
_QUESTIONS: Mapping[str, tuple[type[Question], Readers]] = {
    "begin_lease": (
        Begin,
        {
            "holding": checked(r"[0-9A-Z]{4}-[0-9A-Z]{4}(?:\.[1-9][0-9]{0,8})?", "the id of a holding"),
            "account": checked(r"[!-~]{1,256}", "the name of an account"),
            "seconds": _seconds,
            "deadline_ms": _deadline,
        },
    ),
    "read_lease": (Lease, {"accessor": _accessor, "path": _path, "parameters": _parameters, "deadline_ms": _deadline}),
    "sign_key": (
        Sign,
        {
            "path": _path,
            "parameters": _parameters,
            "key": checked(r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/=]{1,4096}", "the line of a public key"),
            "seconds": _seconds,
            "deadline_ms": _deadline,
        },
    ),
    "end_lease": (
        End,
        {"accessor": _accessor, "lease": checked(r"[!-~]{0,1000}", "the id of a lease"), "deadline_ms": _deadline},
    ),
    "look_lease": (Look, {"lease": _lease, "deadline_ms": _deadline}),
}
_ANSWERS: Mapping[str, tuple[Callable[..., Answer], Readers]] = {
    "begun": (Begun, {"accessor": _accessor}),
    "leased": (Leased, {"lease": _lease, "seconds": _seconds}),
    "signed": (Signed, {"until": number(1, LATEST)}),
    "over": (Over, {}),
    "looked": (Looked, {"stands": _flag}),
    "refused": (Refused, {"why": checked(rf"[ -~]{{1,{LONGEST_WHY}}}", "a sentence")}),
}


def is_about_leases(written: bytes) -> bool:
    """True if the question in ``written`` has the name of a question about leases."""
    return _word(written, "do") in _QUESTIONS


def write_question(question: Question) -> bytes:
    """Return the bytes of ``question``. Raises ValueError if ``read_question`` would refuse these bytes."""
    do, (_, readers) = next((do, row) for do, row in _QUESTIONS.items() if type(question) is row[0])
    values = {field: getattr(question, field) for field in readers}
    if "parameters" in values:
        values["parameters"] = dict(values["parameters"])
    server = {field: getattr(question.server, field) for field in _SERVER}
    written = notation.write({"do": do, **server, "addresses": list(question.server.addresses), **values})
    if read_question(written) != question:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_question(written: bytes) -> Question:
    """Return the question in ``written``. Raises ValueError."""
    do = _word(written, "do")
    if do not in _QUESTIONS:
        raise ValueError("no such question")
    made, readers = _QUESTIONS[do]
    return read_message(written, ("do", do), {**_SERVER, **readers}, _with_server(made))


def write_answer(answer: Answer) -> bytes:
    """Return the bytes of ``answer``, without its secret. Raises ValueError if ``read_answer`` would refuse these bytes."""
    said, (_, readers) = next((said, row) for said, row in _ANSWERS.items() if type(answer) is row[0])
    values = {field: getattr(answer, field) for field in readers}
    written = notation.write({"said": said, **values})
    if any(getattr(read_answer(written), field) != value for field, value in values.items()):
        raise ValueError("the message changes when it is written and read again")
    return written


def read_answer(written: bytes, secret: int | None = None) -> Answer:
    """Return the answer in ``written``. ``secret`` is the descriptor that came with the answer, or None. If ValueError is raised,
    the caller must close the descriptor.
    """
    said = _word(written, "said")
    if said not in _ANSWERS:
        raise ValueError("no such answer")
    made, readers = _ANSWERS[said]
    found = read_message(written, ("said", said), readers, made)
    if secret is None:
        return found
    if not isinstance(found, Leased | Signed):
        raise ValueError(f"{said} came with a descriptor, but must have none")
    return replace(found, secret=secret)


def _with_server(made: type[Question]) -> Callable[..., Question]:
    """Return a function that creates a question of the type ``made``. The arguments of the function are the fields of the
    question. In place of the field ``server``, the function takes the fields of the Server.
    """
    own = {field.name for field in fields(Server)}

    def make(**values: object) -> Question:
        server = Server(**{name: value for name, value in values.items() if name in own})  # type: ignore[arg-type]
        return made(server, **{name: value for name, value in values.items() if name not in own})  # type: ignore[arg-type]

    return make


def _word(written: bytes, field: str) -> str:
    """Return the string in ``field`` of ``written``. Return an empty string if the field contains no string."""
    try:
        found = notation.read(written)
    except ValueError:
        return ""
    word = found.get(field) if type(found) is dict else None
    return word if type(word) is str else ""
