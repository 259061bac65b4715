# SPDX-License-Identifier: Apache-2.0
"""Declares the rows through which people see requests, and what follows from them (PROTOCOL.md section 4, *Rows*).

A row comes from any host, of any version, and an approver decides by it. So each member says what it is if the row does not say
it: **the value that asks most of the approver**. ``read`` takes this value for a member that is missing or of a wrong type, and
drops a member that is not declared. It raises nothing. Whatever a row leaves out can only make its reader more careful.

Law: a row cannot be changed. ``came`` is what was read, unchanged, for ``--json``. This module imports nothing of the standard
library, because jitsudo imports it to list rules.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

    T = TypeVar("T")
    Pairs = tuple[tuple[str, str], ...]
    Texts = tuple[str, ...]
else:

    def dataclass_transform(**_):
        """Return a decorator that changes nothing, in place of that in ``typing``, whose import takes milliseconds."""
        return lambda cls: cls


NOT_SHOWN = "(not shown)"
"""Stands in a narrowed row for what the viewer may not see."""
NOT_SAID = "(not said)"
"""Stands on a page for a text that a row should have, and has not."""
UNKNOWN = "-"
"""Stands on a page for a name or a number that a row should have, and has not."""
MOST = 2**53 - 1
"""Stands for a number of uses or seconds that a row should have, and has not."""
GRADES = ("harmless", "unknown", "reads", "changes", "leads", "gives")
DAMAGES = ("none", "stops", "destroys")
SIGNED = ("", "key", "synced", "touch", "pin")
"""What a receipt has to prove, the least first."""
IN_HARDWARE = SIGNED[2:]  # of these, what an agent of ssh proves with a key in hardware alone
STATES = ("screening", "pending", "approved", "denied", "withdrawn", "expired")
_WRONG: Any = object()


class _Member:
    """Reads one member of a row when it is first asked for, and keeps it in the row, where it is found from then on."""

    def __init__(self, unsaid: Any, default: Any, of: tuple[str, ...], hides: bool) -> None:
        self.unsaid = unsaid
        self.default = default
        self._of = of
        self._hides = hides
        self.name = self.kind = ""
        self._read: Callable[[Any, bool], Any] | None = None

    def __set_name__(self, cls: type[Row], name: str) -> None:
        self.name, self.kind = name, cls.__annotations__[name]

    def __get__(self, row: Row | None, cls: type[Row]) -> Any:
        if row is None:
            return self
        found = self.found(row)
        if found is _WRONG:
            is_there = self.written in row.came
            found = self.unsaid if is_there or self.is_needed else self.default
        if row.came:  # a row that was made here has what it was given, and nothing more is to be written
            row.__dict__[self.name] = found
        return found

    @property
    def written(self) -> str:
        """The name on the wire: ``from`` is a word of Python."""
        return self.name.rstrip("_")

    @property
    def is_needed(self) -> bool:
        """False if a row may be without this member."""
        return self.default is _WRONG

    def found(self, row: Row) -> Any:
        """Return what ``row`` says, or _WRONG."""
        if self._read is None:
            self._read = _reader(self.kind)
        value = row.came.get(self.written, _WRONG)
        if value is None and row.is_narrowed and (self._hides or (self.kind == "str" and not self._of)):
            return self.unsaid if self._hides else NOT_SHOWN
        found = _WRONG if value is _WRONG else self._read(value, row.is_narrowed)
        return _WRONG if self._of and found not in self._of else found


def member(unsaid: T, *, default: T = _WRONG, of: tuple[str, ...] = (), hides: bool = False) -> T:
    """Declare a member of a row. ``unsaid`` is its value if the row does not have it, or has one of another type. If rows without
    it are complete, such as those of a list, it has this ``default``. ``of`` are all its words, if only these are known. If
    ``hides``, it is null in a narrowed row only if there is something to hide.
    """
    found: Any = _Member(unsaid, default, of, hides)
    return found  # type: ignore[no-any-return]


def _reader(kind: str) -> Callable[[Any, bool], Any]:
    """Return the function that reads a value of the annotation ``kind``, and returns _WRONG for another one."""
    if kind.endswith(" | None"):
        within = _reader(kind.removesuffix(" | None"))
        return lambda value, is_narrowed: None if value is None else within(value, is_narrowed)
    if kind.startswith("tuple["):
        item = kind.removeprefix("tuple[").removesuffix(", ...]")
        return _each(_READERS[item] if item in _READERS else globals()[item].read)
    if kind in _READERS:
        return _READERS[kind]
    row: type[Row] = globals()[kind]
    return lambda value, is_narrowed: row.read(value, is_narrowed) if type(value) is dict else _WRONG


def _is(kind: type) -> Callable[[Any, bool], Any]:
    return lambda value, is_narrowed: value if type(value) is kind else _WRONG


def _each(item: Callable[[Any, bool], Any]) -> Callable[[Any, bool], Any]:
    def read(value: Any, is_narrowed: bool) -> Any:
        if type(value) is not list:
            return _WRONG
        found = tuple([item(one, is_narrowed) for one in value])
        return _WRONG if any(one is _WRONG for one in found) else found

    return read


def _text(value: Any, is_narrowed: bool) -> str:
    return value if type(value) is str else NOT_SAID


def _pair(value: Any, is_narrowed: bool) -> tuple[str, str]:
    is_one = type(value) is list and len(value) == 2
    return (_text(value[0], is_narrowed), _text(value[1], is_narrowed)) if is_one else (NOT_SAID, NOT_SAID)


_READERS = {"str": _is(str), "int": _is(int), "bool": _is(bool), "Texts": _each(_text), "Pairs": _each(_pair)}
"""Maps annotations to readers. Of a list, an item that is not a text, or not a row, was not said: the other items are told."""


def _plain(value: Any) -> Any:
    """Return ``value`` as it stands in JSON."""
    if isinstance(value, Row):
        return value.written()
    if isinstance(value, tuple):  # of one type; a command line can be long
        return list(value) if value and isinstance(value[0], str) else [_plain(one) for one in value]
    return value


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(member,))
class Row:
    """A row with declared members. Its parts are rows, too."""

    members: ClassVar[dict[str, _Member]] = {}
    needed: ClassVar[frozenset[str]] = frozenset()
    """The members without which no row is made."""
    if TYPE_CHECKING:
        came: ClassVar[dict[str, Any]] = {}
        """What was read, or empty if the row was made here."""
        is_narrowed: ClassVar[bool] = False
        """True if the row, or the row that it is a part of, hides contents from the viewer."""
    __slots__ = ("__dict__", "came", "is_narrowed")

    def __init_subclass__(cls) -> None:
        of = {name: one for parent in reversed(cls.__mro__) for name, one in vars(parent).items() if isinstance(one, _Member)}
        cls.members, cls.needed = of, frozenset(name for name, one in of.items() if one.is_needed)

    def __init__(self, **values: Any) -> None:
        if not self.needed <= values.keys() <= self.members.keys():
            odd = sorted((self.needed - values.keys()) | (values.keys() - self.members.keys()))
            raise TypeError(f"{type(self).__name__}: these members are missing or unknown: {', '.join(odd)}")
        self._set(values, {}, False)

    def _set(self, values: Mapping[str, Any], came: dict[str, Any], is_narrowed: bool) -> Self:
        self.__dict__.update(values)
        object.__setattr__(self, "came", came)
        object.__setattr__(self, "is_narrowed", is_narrowed)
        return self

    @classmethod
    def read(cls, came: Any, is_narrowed: bool = False) -> Self:
        """Return the row in ``came``, whatever that is. ``is_narrowed`` is true if it is a part of a narrowed row."""
        if isinstance(came, cls):
            return came
        came = came if type(came) is dict else {}
        return cls.__new__(cls)._set({}, came, is_narrowed or came.get("narrowed") is True)

    def plus(self, **values: Any) -> Self:
        """Return this row with more members, or with others in the place of those that it has. It must have been made here."""
        if not values.keys() <= self.members.keys():
            raise TypeError(f"a row {type(self).__name__} has no {', '.join(sorted(values.keys() - self.members.keys()))}")
        return self.__new__(type(self))._set(self.__dict__ | values, {}, False)

    def less(self, *names: str) -> Self:
        """Return this row without the members ``names``. It must have been made here."""
        return self.__new__(type(self))._set({name: of for name, of in self.__dict__.items() if name not in names}, {}, False)

    def written(self) -> dict[str, Any]:
        """Return the row as it is sent. The order is that in which the members were given."""
        return {self.members[name].written: _plain(value) for name, value in self.__dict__.items()}

    def tells(self, *names: str) -> bool:
        """True if this row, which was read, has each of ``names``, of the right type."""
        return all(self.members[name].found(self) is not _WRONG for name in names)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._all == other._all

    __hash__ = None  # type: ignore[assignment]

    @property
    def _all(self) -> Mapping[str, Any]:
        return self.came or self.written()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._all})"


# --- parts of rows -------------------------------------------------------------------------------------------------------


class Way(Row):
    """One way to approve, which opens ``after`` seconds after the submission."""

    need: int = member(1)
    from_: Texts = member((UNKNOWN,))
    indicators: Texts = member(())
    ticket_age: int | None = member(None)
    forwarded: str = member(UNKNOWN)
    door: bool = member(False)
    demand: str = member("")
    after: int = member(0)
    also: str = member("")
    among: Texts | None = member(None)


class Approval(Way):
    """One of the approvals that a rule demands, with the other ways in which it may be given."""

    instead: tuple[Way, ...] = member((), default=())


class Authentication(Row):
    """How a person got their ticket. ``age`` is in seconds. What is not said of it is a ticket that anybody can have."""

    at: str | None = member(None)
    age: int | None = member(None)
    flags: Texts = member(("forwarded",))
    indicators: Texts = member(())
    ticket_encryption: str = member(UNKNOWN)
    session_encryption: str = member(UNKNOWN)
    realms: Texts = member(())
    by_door: bool = member(False)


class Edit(Row):
    """What an edited file keeps. ``mounted`` are processes that keep the old file, and ``covered`` those that have something
    mounted over it, which is taken off. ``undoes`` is the id of the request whose edit is taken back. ``changed`` is True if the
    file has another text than that from which the new one was made.
    """

    owner: str = member(UNKNOWN)
    mode: str = member(UNKNOWN)
    mounted: str = member("", default="")
    covered: str = member("", default="")
    undoes: str = member("", default="")
    changed: bool = member(True, default=False)


class NewFile(Row):
    """What a file is made with, where nothing is. ``owner`` is empty if jitd has not looked at the place. ``undoes`` is the id of
    the request whose removal is taken back.
    """

    owner: str = member(UNKNOWN)
    mode: str = member(UNKNOWN)
    undoes: str = member("", default="")

    @property
    def in_words(self) -> str:
        return f"a new file{self.owner and f' of {self.owner}'} with the mode {self.mode}"


class Removal(Row):
    """A file that is removed, which the request ``undoes`` made. ``mounted`` and ``covered`` are as of an edit."""

    owner: str = member(UNKNOWN)
    mode: str = member(UNKNOWN)
    undoes: str = member(UNKNOWN)
    mounted: str = member("", default="")
    covered: str = member("", default="")


class User(Row):
    """A person who may be the one who asks. ``run`` is empty if they have logged in as another account."""

    principal: str = member(UNKNOWN)
    run: str = member("")


class Operand(Row):
    """A file that an argument names, and that others can change. It is not bound if ``digest`` is empty."""

    argument: int = member(0)
    path: str = member(UNKNOWN)
    digest: str = member("")
    because: str = member(UNKNOWN)


class Interpreter(Row):
    """A program that executes the file of the command. It is not bound if ``digest`` is empty."""

    path: str = member(UNKNOWN)
    digest: str = member("")
    because: str = member(UNKNOWN)


class Point(Row):
    """What the program says that has asked."""

    stage: str = member(UNKNOWN)
    remote_host: str | None = member(NOT_SAID)
    authenticated: str | None = member(None)


class Claims(Row):
    """What the client says about itself."""

    tty: str | None = member(None)
    login_session: int | None = member(None)
    parents: Texts = member(())


class Gets(Row):
    """For how many uses, and for how many seconds, a grant would be good."""

    uses: int = member(MOST)
    lasts_for: int = member(MOST)


class Glass(Row):
    """The review that is owed after a use of break-glass, within ``review_for`` seconds."""

    instead_of: str = member(UNKNOWN)
    skips: str = member(UNKNOWN)
    review_for: int | None = member(None)
    open: int | None = member(None)


class Passed(Row):
    """The answer of a gatekeeper who has let the request pass."""

    name: str = member(UNKNOWN)
    at: str | None = member(None)
    until: str | None = member(None)
    mark: str = member("")


class Terms(Row):
    """The terms of a run in its rule. ``timeout_for`` is in seconds."""

    record: str = member("none")
    record_failure: str = member("continue")
    timeout_for: int | None = member(None)
    leftovers: str = member("keep")
    writable: bool = member(True)
    bound: bool = member(False)
    observed: bool = member(False)
    namespace: str = member("never")
    checks: tuple[Texts, ...] = member(())
    options: bool = member(True)
    session: str = member("keep")


class Carried(Row):
    """Which way a review came by the door, as its carrier has told it."""

    carrier: str = member(UNKNOWN)
    source: str = member(UNKNOWN)


class Verdict(Row):
    """A review of a request. It does not count now if ``counts`` is false, because of ``void`` or of a lock."""

    by: str = member(UNKNOWN)
    authentication: Authentication | None = member(Authentication.read({}))
    proved: str = member("")
    verdict: str = member("deny")
    comment: str = member("")
    at: str | None = member(None)
    way: Carried | None = member(None)
    counts: bool = member(False)
    void: str = member("jitd does not say that it counts")


class Finding(Row):
    """One reason for a grade or a damage. ``path`` and ``matters`` are empty if it is not a file."""

    grade: str = member("", of=GRADES)
    damage: str = member("", of=DAMAGES)
    what: str = member("")
    path: str = member("")
    matters: str = member("")


class Last(Row):
    """An earlier approval of a text."""

    id: str = member(UNKNOWN)
    at: str | None = member(None)
    by: Texts = member(())


class Script(Row):
    """A text that the command runs or reads as code. ``told`` says why ``text`` or ``before`` is not shown. If ``recorded``, the
    record of the submission has the digest of ``before``.
    """

    argument: int = member(0)
    path: str = member(UNKNOWN)
    text: str | None = member(None)
    before: str | None = member(None)
    last: Last | None = member(None)
    told: str = member("")
    bound: str = member("jitd does not say for how long")
    recorded: bool = member(False, default=False)


class Earlier(Row):
    """The last approved request with which a request is compared. Commands and variables that are too long are None."""

    id: str = member(UNKNOWN)
    at: str | None = member(None)
    by: Texts = member(())
    argv: Texts | None = member(None)
    path: str = member("")
    digest: str = member("")
    run_as: str = member(UNKNOWN)
    run_as_group: str = member(UNKNOWN)
    cwd: str = member(UNKNOWN)
    chdir: bool = member(False)
    variables: Pairs | None = member(None)
    options: Texts = member(())
    streams: Texts = member(())
    files: Pairs = member(())
    lasts_for: int | None = member(None)
    uses: int | None = member(None)
    timeout_for: int | None = member(None)


class Lease(Row):
    """A lease that a request extends."""

    id: str = member(UNKNOWN)
    state: str = member(UNKNOWN)
    uses: int | None = member(None)
    left: int | None = member(None)
    ends_at: str | None = member(None)


class Told(Row):
    """A message that was sent. ``to`` is empty for a group."""

    event: str = member(UNKNOWN)
    to: str = member("")
    at: str | None = member(None)


class Notice(Row):
    """What a channel has told, and why it could not tell more yet."""

    channel: str = member(UNKNOWN)
    told: tuple[Told, ...] = member(())
    failing: str = member("")


class Outcome(Row):
    """How a run or a holding has ended. ``number`` is the status or the signal of a run."""

    ending: str = member(UNKNOWN)
    number: int | None = member(None, default=None)
    because: str = member("")


class Recorded(Row):
    """The recording of a run."""

    n_chunks: int | None = member(None)
    size: int | None = member(None)
    digest: str = member("")


class Traces(Row):
    """What may work for a run after its end."""

    units: Texts = member(())
    files: Texts = member(())
    lingering: Texts = member(())
    unseen: Texts = member(())


# --- what is asked for ---------------------------------------------------------------------------------------------------


class Program:
    """A program that is executed."""


class Edits:
    """Files that get their texts together, each with its path."""

    def __init__(self, files: tuple[tuple[str, Edit], ...]) -> None:
        self.files = files


class Things:
    """Things that are given, by their names."""

    def __init__(self, names: Texts) -> None:
        self.names = names


class Login:
    """A session in which any command of its account may be run."""


class Doubted:
    """A command line that only the program that gets it can interpret with certainty."""

    def __init__(self, because: str) -> None:
        self.because = because


# --- what rows share -------------------------------------------------------------------------------------------------------


class Seen(Row):
    """What a list adds about its reader: whether contents are hidden from them, and their realm."""

    narrowed: bool = member(False, default=False)
    realm: str = member("", default="")


class Command(Seen):
    """What is asked for or granted: a command, an edit, edits of several files, a new file, a removal, a login or things."""

    host: str = member(UNKNOWN)
    service: str = member(UNKNOWN)
    argv: Texts = member(())
    path: str = member("")
    digest: str = member("")
    run_as: str = member("root")
    run_as_group: str = member("root")
    run_as_uid: int = member(0)
    cwd: str = member(UNKNOWN)
    variables: Pairs = member(((NOT_SAID, NOT_SAID),))
    locale: Pairs = member(())
    streams: Texts = member(())
    options: Texts = member((NOT_SAID,))
    doubt: str = member(NOT_SAID)
    chdir: bool = member(True)
    gives: Texts = member(())
    stays: bool = member(True)
    brought: str = member("")
    lets: Texts = member((NOT_SAID,))
    edit: Edit | None = member(Edit.read({}), default=None, hides=True)
    makes: NewFile | None = member(NewFile.read({}), default=None, hides=True)
    edits: tuple[Edit, ...] = member((Edit.read({}), Edit.read({})), default=(), hides=True)
    removes: Removal | None = member(Removal.read({}), default=None, hides=True)

    @property
    def what(self) -> Program | Edit | Edits | NewFile | Removal | Things | Login | Doubted:
        """What is asked for. It is not certain of a row that does not say it."""
        if self.gives:
            return Things(self.gives)
        if because := self.doubt or ("" if self.tells("argv", "path", "gives") else NOT_SAID):
            return Doubted(because)
        if not self.path and self.service != "jitsudo":
            return Login()
        if sum(map(bool, (self.edit, self.makes, self.edits, self.removes))) > 1:
            return Doubted(NOT_SAID)
        if self.edits:
            paths = self.argv[1:]
            is_each = len(paths) == len(self.edits) or self.narrowed
            return Edits(tuple(zip(paths, self.edits, strict=False))) if is_each else Doubted(NOT_SAID)
        return self.edit or self.makes or self.removes or Program()

    @property
    def undoes(self) -> str:
        """The id of the request that is taken back, or empty."""
        return next((one.undoes for one in (self.edit, self.makes, self.removes, *self.edits) if one is not None), "")

    @property
    def writes(self) -> Edit | Edits | NewFile | Removal | None:
        """The file that gets a text or is removed, or the files, if this is asked for."""
        match self.what:
            case Edit() | Edits() | NewFile() | Removal() as file:
                return file
            case Program() | Things() | Login() | Doubted():
                return None


class Asked(Seen):
    """What rows of grants, runs and reviews in a list say about their request."""

    reason: str | None = member(None, default=None)
    fingerprint: str = member("", default="")
    owed: int | None = member(None, default=None)
    submitted_at: str | None = member(None, default=None)
    expires_at: str | None = member(None, default=None)


# --- rows ------------------------------------------------------------------------------------------------------------------


class Holding(Row):
    """A thing that was given."""

    id: str = member(UNKNOWN)
    state: str = member(UNKNOWN)
    grant: str = member(UNKNOWN)
    request: str = member(UNKNOWN)
    thing: str = member(UNKNOWN)
    to: str = member(UNKNOWN)
    until: str | None = member(None)
    stays: bool = member(True)
    giving_at: str | None = member(None)
    given_at: str | None = member(None)
    kept_at: str | None = member(None)
    taking_at: str | None = member(None)
    not_taken: str = member("")
    not_renewed: str = member("")
    not_renewed_since: str | None = member(None)
    ended_at: str | None = member(None)
    outcome: Outcome | None = member(None)
    because: str = member("")


class Grant(Command, Asked):
    """A grant. ``holdings`` and ``runs`` are ids."""

    id: str = member(UNKNOWN)
    state: str = member(UNKNOWN)
    requester: str = member(UNKNOWN)
    rule: str = member("")
    because: str = member("", default="")
    ended_because: str = member("")
    uses: int | None = member(None)
    left: int | None = member(None)
    runs: Texts = member(())
    holdings: Texts = member(())
    untaken: tuple[Holding, ...] = member(())
    unrenewed: tuple[Holding, ...] = member(())
    is_lease: bool = member(False)
    issued_at: str | None = member(None)
    begins_at: str | None = member(None)
    ends_at: str | None = member(None)
    mine: bool = member(False)


class Run(Asked):
    """A run. ``cpu_ms``, ``memory`` (bytes) and ``n_processes`` are what it has used until now, if known. ``said`` has the lines
    of the check that has not taken the text of an edit.
    """

    id: str = member(UNKNOWN)
    state: str = member(UNKNOWN)
    requester: str = member(UNKNOWN)
    host: str = member(UNKNOWN)
    service: str = member(UNKNOWN)
    argv: Texts = member(())
    run_as: str = member("root")
    rule: str = member("")
    grant: str = member(UNKNOWN)
    request: str = member(UNKNOWN)
    pid: int | None = member(None)
    starting_at: str | None = member(None)
    started_at: str | None = member(None)
    ended_at: str | None = member(None)
    outcome: Outcome | None = member(None)
    because: str = member("")
    observed: bool = member(False)
    watchers: Texts = member(())
    recorded: Recorded | None = member(None)
    traces: Traces | None = member(None)
    cpu_ms: int | None = member(None)
    memory: int | None = member(None)
    n_processes: int | None = member(None)
    mine: bool = member(False)
    said: Texts = member((), default=())


class OwedReview(Asked):
    """A review that is owed after a use of break-glass."""

    id: str = member(UNKNOWN)
    state: str = member("overdue")
    requester: str = member(UNKNOWN)
    host: str = member(UNKNOWN)
    run_as: str = member("root")
    argv: Texts = member(())
    rule: str = member("")
    instead_of: str = member(UNKNOWN)
    reviewers: str = member(UNKNOWN)
    begun_at: str | None = member(None)
    due_at: str | None = member(None)
    overdue_at: str | None = member(None)
    given_by: str | None = member(None)
    given_as: str | None = member(None)
    given_at: str | None = member(None)
    comment: str = member("")
    mine: bool = member(False)
    may_give: bool = member(True)
    barred: str = member("", default="")
    lacks: str = member("")


class Request(Command):
    """A request, in a list or alone (``show``). The daemon checks each right at the review itself, so what is not said of the
    viewer's rights is what has them asked.
    """

    id: str = member(UNKNOWN)
    state: str = member("pending", of=STATES)
    requester: str = member(UNKNOWN)
    spelled: str = member("", default="")
    account: str = member(UNKNOWN)
    uid: int | None = member(None)
    used_by: tuple[User, ...] = member((User.read({}),), default=())
    groups: Texts = member(())
    group_ids: tuple[int, ...] = member(())
    ticket_ends_at: str | None = member(None)
    authentication: Authentication | None = member(Authentication.read({}))
    proved: str = member(NOT_SAID)
    grade: str = member("", of=GRADES)
    damage: str = member("", of=DAMAGES)
    operands: tuple[Operand, ...] = member((Operand.read({}),))
    point: Point | None = member(Point.read({}))
    interpreters: tuple[Interpreter, ...] = member((Interpreter.read({}),))
    rule: str = member("")
    facts: Pairs = member(())
    reason: str | None = member(None)
    claims: Claims = member(Claims.read({}))
    lasts_for: int | None = member(MOST)
    uses: int | None = member(MOST)
    timeout_for: int | None = member(None)
    gets: Gets | None = member(Gets.read({}))
    starts_at: str | None = member(None)
    waits: bool = member(False)
    fingerprint: str = member("")
    owed: int | None = member(None)
    owes: str = member("")
    asked_people: Texts | None = member(None)
    opened: int = member(0)
    writable: bool = member(True)
    approvals: tuple[Approval, ...] = member((Approval.read({}),))
    asks: str = member("")
    gatekeepers: Texts = member(())
    asking_at: str | None = member(None)
    breaks_glass: bool = member(True)
    break_glass: Glass | None = member(Glass.read({}))
    passed: tuple[Passed, ...] = member(())
    terms: Terms | None = member(Terms.read({}))
    submitted_at: str | None = member(None)
    expires_at: str | None = member(None)
    lease: str | None = member(None)
    because: str = member("")
    lock: str | None = member(None)
    reviews: tuple[Verdict, ...] = member(())
    mine: bool = member(False)
    own: bool = member(False)
    may_review: bool = member(True)
    barred: str = member("")
    awaits_me: bool = member(True)
    lacks: str = member("")
    keys: Texts = member((), default=())
    signed: str = member("pin", default="", of=SIGNED)
    gone: bool = member(False, default=False)
    extends: Lease | None = member(Lease.read({}), default=None)
    findings: tuple[Finding, ...] = member((), default=())
    notices: tuple[Notice, ...] = member((), default=())
    last_approved: Earlier | None = member(None, default=None)
    scripts: tuple[Script, ...] = member((Script.read({}),), default=())
    alike: Texts = member((), default=())
    owed_review: OwedReview | None = member(None, default=None)
    grant: Grant | None = member(None, default=None)
    holdings: tuple[Holding, ...] = member((), default=())
    runs: tuple[Run, ...] = member((), default=())


class ToSign(Row):
    """A row of the answer to Basis. The first has the statement, and the digest of the seal ``before`` the record; the texts of
    the others are the record. About a lock, the first also has the ``keys`` of the viewer that count now.
    """

    statement: str = member("", default="")
    before: str = member("", default="")
    text: str = member("", default="")
    keys: Texts = member((), default=())


class Lock(Seen):
    """A lock. A client that asks many hosts adds ``host``. ``signed`` is what a receipt about lifting it has to prove."""

    host: str = member("", default="")
    id: str = member(UNKNOWN)
    state: str = member(UNKNOWN)
    whom: str = member(UNKNOWN)
    name: str = member(UNKNOWN)
    reason: str = member("")
    because: str = member("")
    placed_by: str = member(UNKNOWN)
    placed_at: str | None = member(None)
    lasts_for: int | None = member(None)
    ends_at: str | None = member(None)
    ended_by: str = member("")
    ended_at: str | None = member(None)
    ended_because: str = member("")
    signed: str = member("pin", default="", of=SIGNED)


Listed = Request | OwedReview | Grant | Run | Lock
LISTED: dict[str, type[Listed]] = {"requests": Request, "reviews": OwedReview, "grants": Grant, "runs": Run, "locks": Lock}
"""Maps each list that has a verb to its rows."""


class Graded(Row):
    """What a rule, or what it permits, gives beyond words."""

    grade: str = member("", of=GRADES, default="")
    damage: str = member("", of=DAMAGES, default="")
    findings: tuple[Finding, ...] = member((), default=())


class Rule(Graded):
    """A rule that is about the requester, as ``jitsudo -l`` shows it. Times are in seconds."""

    rule: str = member(UNKNOWN)
    terms: str = member(UNKNOWN)
    approvals: tuple[Approval, ...] = member((Approval.read({}),))
    asks: str = member(UNKNOWN)
    gatekeepers: Texts = member(())
    break_glass: Glass | None = member(None)
    expires_for: int = member(0)
    lasts_for: int | None = member(None)
    uses: int | None = member(None)


class Near(Row):
    """A rule that almost permits."""

    rule: str = member(UNKNOWN)
    wants: Texts = member(())
    opens_at: str | None = member(None)
    opens: str = member("")


class Decision(Graded):
    """A supposed decision. The members from ``why`` to ``closest`` are of a denial, and those after them of a permit."""

    path: str = member("")
    argv: Texts = member(())
    run_as: str = member("root")
    decision: str = member("deny", of=("deny", "permit"))
    rule: str = member(UNKNOWN)
    why: str = member("", default="")
    because: str = member("", default="")
    closest: tuple[Near, ...] = member((), default=())
    lease: str | None = member(None, default=None)
    asks: str = member(UNKNOWN, default="")
    approvals: tuple[Approval, ...] = member((Approval.read({}),), default=())
    gatekeepers: Texts = member((), default=())
    break_glass: Glass | None = member(None, default=None)
    expires_for: int = member(0, default=0)
    lasts_for: int | None = member(None, default=None)
    uses: int | None = member(None, default=None)
    makes: NewFile | None = member(None, default=None)
    approved: str | None = member(None, default=None)
    providers: Texts = member((), default=())
    unseated: Texts = member((), default=())
    by_breaking_glass: Decision | None = member(None, default=None)
    principal: str = member("", default="")
    groups: Texts = member((), default=())
    group_ids: tuple[int, ...] = member((), default=())


class Condition(Row):
    """What a supposed request is by one condition of a rule."""

    condition: str = member(UNKNOWN)
    outcome: str = member(UNKNOWN)
    wants: str = member(UNKNOWN)
    value: str = member("")


class Ruling(Row):
    """What one rule says about a supposed request."""

    rule: str = member(UNKNOWN)
    verdict: str = member(UNKNOWN)
    file: str = member(UNKNOWN)
    line: int = member(0)
    says: str = member(UNKNOWN)
    because: str = member("")
    conditions: tuple[Condition, ...] = member(())


class StatusLine(Row):
    """What the daemon says of itself in one line. A client that asks many hosts adds ``host``."""

    host: str = member("", default="")
    about: str = member(UNKNOWN)
    says: str = member(UNKNOWN)
    is_well: bool = member(False)
