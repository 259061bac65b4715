# SPDX-License-Identifier: Apache-2.0
"""Who may say what, when: THREATS S-10. Every pair of messages, from both ends, against a second reading of PROTOCOL.md."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.conversation import CLIENT, DAEMON, DOOR, LAW, UNPROVED, Conversation
from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON
from tests.table import each_row

ASKED = {
    "explain",
    "suppose",
    "review",
    "basis",
    "signedreview",
    "list",
    "page",
    "show",
    "revoke",
    "giveback",
    "stop",
    "lock",
    "unlock",
    "signedunlock",
    "mute",
    "reload",
    "reloadtested",
    "audit",
    "signingkey",
    "metrics",
    "status",
    "export",
    "report",
    "keptreport",
    "pack",
    "replay",
    "withdraw",
    "keep",
}
BEGINS = {"submit", "anew", "breakglass", "edit", "edits", "undo", "get", "resume", "watch", "observe", "seen", "bye"} | {
    "enforce",
    "enforcecommand",
}
STEPS = [(CLIENT, name) for name in FROM_CLIENT] + [(DAEMON, name) for name in FROM_DAEMON]

# PROTOCOL.md section 3 once more, as sentences: what may follow what. Written by hand from the page, not from the table.
FIRST = {(CLIENT, "hello")}
AFTER_HELLO = {(DAEMON, "hello"), (DAEMON, "refused")}


class Said:
    """A message as far as the conversation looks at it."""

    def __init__(self, type):
        self.type = type


def walk(role, steps):
    """The state after ``steps``, taken at the end of ``role``; None if one was refused."""
    conversation = Conversation(role)
    for speaker, name in steps:
        before = conversation.state
        try:
            (conversation.say if speaker == role else conversation.hear)(Said(name))
        except (LocalProtocolError, RemoteProtocolError) as fault:
            assert isinstance(fault, LocalProtocolError if speaker == role else RemoteProtocolError)
            assert conversation.state == before, "a refused message changes nothing"
            return None
    return conversation.state


@pytest.mark.parametrize("role", [CLIENT, DAEMON])
def test_of_all_pairs_of_messages_only_the_legal_order_is_accepted(role):
    """THREATS S-10."""
    accepted = {(one, two) for one in STEPS for two in STEPS if walk(role, [one, two])}
    assert accepted == {(one, two) for one in FIRST for two in AFTER_HELLO}


@pytest.mark.parametrize("role", [CLIENT, DAEMON])
def test_nothing_but_the_handshake_is_heard_before_welcome(role):
    """Pipelined questions and early answers, at every step of the handshake."""
    handshake = [(CLIENT, "hello"), (DAEMON, "hello"), (CLIENT, "token"), (DAEMON, "token"), (DAEMON, "welcome")]
    for length in range(len(handshake)):
        for step in STEPS:
            state = walk(role, [*handshake[:length], step])
            if step[1] not in ("hello", "token", "prove", "slow", "welcome", "refused"):
                assert state is None, (length, step)


READY = [(CLIENT, "hello"), (DAEMON, "hello"), (DAEMON, "welcome")]


@pytest.mark.parametrize("role", [CLIENT, DAEMON])
def test_of_all_pairs_after_welcome_only_the_legal_order_is_accepted(role):
    """THREATS S-10."""
    answers = {(DAEMON, "item"), (DAEMON, "done"), (DAEMON, "refused")}
    expected = {((CLIENT, asked), answer) for asked in ASKED for answer in answers}
    expected |= {((CLIENT, "watch"), step) for step in answers | {(CLIENT, "bye")}}
    turns = {
        (DAEMON, "slow"),
        (DAEMON, "progress"),
        (DAEMON, "start"),
        (DAEMON, "done"),
        (DAEMON, "refused"),
        (CLIENT, "withdraw"),
        (CLIENT, "bye"),
    }
    expected |= {
        ((CLIENT, asked), turn)
        for asked in ("submit", "anew", "breakglass", "edit", "edits", "undo", "get", "resume")
        for turn in turns | {(DAEMON, "granted"), (DAEMON, "given")}
    }
    proving = {
        (DAEMON, "challenge"),
        (DAEMON, "token"),
        (DAEMON, "refused"),
        (CLIENT, "token"),
        (CLIENT, "proof"),
        (CLIENT, "bye"),
    }
    expected |= {((CLIENT, asked), step) for asked in ("enforce", "enforcecommand") for step in proving}
    expected |= {((CLIENT, "observe"), step) for step in answers | {(CLIENT, "seen"), (CLIENT, "stop"), (CLIENT, "bye")}}
    expected |= {((CLIENT, "seen"), (CLIENT, begun)) for begun in ASKED | BEGINS}  # it may cross the end of what was observed
    accepted = {(one, two) for one in STEPS for two in STEPS if walk(role, [*READY, one, two])}
    assert accepted == expected


# What ends a turn, and where that leaves the two: (what was said after Welcome, the state).
GONE_ON = [
    ("a refused enforcement", ["client enforce", "daemon refused"], "ready"),
    (
        "a refused enforcement, late",
        ["client enforce", "daemon challenge", "client token", "daemon token", "daemon refused"],
        "ready",
    ),
    ("a proof", ["client enforce", "client proof"], "waiting"),
    ("a proof and a grant", ["client enforce", "daemon challenge", "client proof", "daemon granted"], "ready"),
    ("a proof and a refusal", ["client enforce", "client proof", "daemon progress", "daemon refused"], "ready"),
    ("an enforcement point that goes", ["client enforce", "client bye"], "closed"),
    ("a slow directory", ["client enforce", "client proof", "daemon slow", "daemon progress", "daemon granted"], "ready"),
    ("a request that is done", ["client submit", "daemon progress", "daemon done"], "ready"),
    ("a request that is refused", ["client submit", "daemon refused"], "ready"),
    ("a request that is taken back", ["client submit", "client withdraw", "daemon done"], "ready"),
    ("a client that goes while it waits", ["client submit", "client bye"], "closed"),
    ("one that waits again", ["client resume", "daemon progress"], "waiting"),
    ("a run", ["client submit", "daemon start"], "started"),
    ("a withdrawal that crosses the start", ["client submit", "daemon start", "client withdraw"], "started"),
    ("a run, and a client that is done", ["client submit", "daemon start", "client bye"], "closed"),
    ("a thing that is given", ["client get", "daemon progress", "daemon given"], "holding"),
    ("several that are given", ["client get", "daemon given", "daemon given", "client keep", "daemon done"], "ready"),
    ("one that is given back", ["client get", "daemon given", "client bye"], "closed"),
    ("one that is taken", ["client get", "daemon given", "daemon taken"], "ready"),
    ("one that stays", ["client get", "daemon given", "client keep", "daemon done"], "ready"),
    ("one that cannot stay", ["client get", "daemon given", "client keep", "daemon refused"], "ready"),
    ("a client that goes before it hears", ["client get", "daemon given", "client keep", "client bye"], "closed"),
    ("a withdrawal that crosses what is given", ["client get", "daemon given", "client withdraw"], "holding"),
    (
        "a keep that crosses what is taken",
        ["client get", "daemon given", "daemon taken", "client keep", "daemon refused"],
        "ready",
    ),
    ("the same, as the client sees it", ["client get", "daemon given", "client keep", "daemon taken", "daemon refused"], "ready"),
    ("a list", ["client list", "daemon item", "daemon item", "daemon done"], "ready"),
    ("a refused question", ["client show", "daemon item", "daemon refused"], "ready"),
    ("a watch", ["client watch", "daemon item", "daemon done", "daemon item"], "watching"),
    ("a refused watch", ["client watch", "daemon refused"], "ready"),
    ("a watch that ends", ["client watch", "daemon done", "client bye"], "closed"),
    ("one who stops what they observe", ["client observe", "daemon item", "client stop", "daemon item"], "stopping"),
    ("the same, answered", ["client observe", "client stop", "daemon item", "daemon done", "daemon done"], "ready"),
    ("a stop that is refused", ["client observe", "client stop", "daemon done", "daemon refused"], "ready"),
    ("one who observes no more, and stops", ["client observe", "client stop", "daemon refused", "daemon done"], "ready"),
    ("an end that crosses the stop", ["client observe", "daemon done", "client stop", "daemon refused"], "ready"),
    ("one who stops, and goes", ["client observe", "client stop", "client bye"], "closed"),
    ("nothing at all", ["client bye"], "closed"),
]


@each_row("role", [CLIENT, DAEMON])
@each_row(("said", "state"), [row[1:] for row in GONE_ON], ids=[row[0] for row in GONE_ON])
def test_where_a_turn_leaves_the_two(role, said, state):
    """After a refusal the next question may be asked; after ``bye`` nothing is said any more."""
    steps = [*READY, *(tuple(words.split()) for words in said)]
    assert walk(role, steps) == state
    asks = {name for speaker, name in STEPS if speaker == CLIENT and walk(role, [*steps, (speaker, name)])}
    answers = {name for speaker, name in STEPS if speaker == DAEMON and walk(role, [*steps, (speaker, name)])}
    if state == "ready":
        assert asks == ASKED | BEGINS and answers == set()
    elif state == "closed":
        assert asks == answers == set()
    else:
        assert "bye" in asks and not asks & {"submit", "enforce", "list"}


@pytest.mark.parametrize("role", [CLIENT, DAEMON])
@pytest.mark.parametrize("before", [[], [(CLIENT, "token")], [(CLIENT, "token"), (DAEMON, "token")]])
def test_a_refused_handshake_is_over(role, before):
    steps = [(CLIENT, "hello"), (DAEMON, "hello"), *before, (DAEMON, "refused")]
    assert walk(role, steps) == walk(role, [(CLIENT, "hello"), (DAEMON, "refused")]) == "closed"
    assert not any(walk(role, [*steps, step]) for step in STEPS)


def test_the_table_is_total_and_names_only_what_there_is():
    states = set(LAW)
    for state, row in LAW.items():
        for (speaker, name), after in row.items():
            assert after in states
            assert name in (FROM_CLIENT if speaker == CLIENT else FROM_DAEMON), (state, name)
    assert LAW["closed"] == {}
    both = {name for law in (LAW, DOOR) for row in law.values() for _, name in row}
    assert both == FROM_CLIENT.keys() | FROM_DAEMON.keys()


@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_both_ends_always_agree(steps):
    assert walk(CLIENT, steps) == walk(DAEMON, steps)


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_nobody_asks_or_answers_anything_without_welcome(steps):
    """A random walk that skips what is refused: the first answer never comes before welcome has."""
    conversation = Conversation(DAEMON)
    is_welcome = False
    for speaker, name in steps:
        try:
            (conversation.say if speaker == DAEMON else conversation.hear)(Said(name))
        except (LocalProtocolError, RemoteProtocolError):
            continue
        is_welcome = is_welcome or name == "welcome"
        assert is_welcome or name in ("hello", "token", "prove", "slow", "refused")


# --- at the door (section 13) ------------------------------------------------------------------------------------------

TAKEN_AT_THE_DOOR = {
    **{name: "asked" for name in ("list", "page", "show", "review", "revoke", "stop", "lock", "unlock")},
    **{name: "asked" for name in ("replay", "status", "audit", "basis", "signedreview", "signedunlock")},
    "stamp": "asked",
    "roll": "asked",
    "watch": "watching",
    "observe": "observing",
    "seen": "ready",
    "bye": "closed",
}
"""What may be said at the door by somebody who is known, and where it leads."""


def at_the_door(role, *steps):
    """The state after ``steps`` at the door; None if one was refused, and then nothing has changed."""
    conversation = Conversation(role, DOOR)
    for speaker, name in steps:
        before = conversation.state
        try:
            (conversation.say if speaker == role else conversation.hear)(Said(name))
        except (LocalProtocolError, RemoteProtocolError):
            assert conversation.state == before
            return None
    return conversation.state


KNOWN = ((CLIENT, "hello"), (DAEMON, "hello"), (CLIENT, "token"), (DAEMON, "token"), (DAEMON, "welcome"))
DIALLED = ((CLIENT, "carried"), *KNOWN)


@each_row("name", sorted(FROM_CLIENT))
def test_every_message_of_a_client_is_taken_at_the_door_or_closes_it(name):
    """THREATS F-13. A row for each message that there is: what is new is closed until this table names it."""
    assert at_the_door(DAEMON, *DIALLED, (CLIENT, name)) == TAKEN_AT_THE_DOOR.get(name)
    assert at_the_door(CLIENT, *KNOWN, (CLIENT, name)) == TAKEN_AT_THE_DOOR.get(name)


@each_row("name", sorted(FROM_CLIENT))
def test_at_the_door_the_carrier_speaks_first_and_once(name):
    assert at_the_door(DAEMON, (CLIENT, name)) == {"carried": "greeting", "roll": "rolling"}.get(name)
    assert at_the_door(DAEMON, (CLIENT, "carried"), (CLIENT, name)) == ("greeted" if name == "hello" else None)
    assert at_the_door(CLIENT, (CLIENT, name)) == ("greeted" if name == "hello" else None)
    for length in range(1, len(DIALLED) + 1):
        assert at_the_door(DAEMON, *DIALLED[:length], (CLIENT, "carried")) is None


def test_nobody_who_comes_through_the_door_can_reach_a_state_in_which_something_is_requested_or_given():
    assert DOOR.keys() - LAW.keys() == {"dialled", "rolling"}
    assert LAW.keys() - DOOR.keys() == {"proving", "waiting", "holding", "kept", "started"}
    for state, row in DOOR.items():
        for (speaker, name), after in row.items():
            assert after in DOOR
            assert name in (FROM_CLIENT if speaker == CLIENT else FROM_DAEMON), (state, name)
            assert not {name} & {"prove", "start", "given", "granted", "challenge", "progress"}
    assert DOOR["closed"] == {}


def test_what_the_door_has_of_its_own_does_not_exist_at_the_local_socket():
    own = {"carried", "stamp", "roll"}
    assert not {name for row in LAW.values() for _, name in row} & own
    for state in DOOR.keys() & LAW.keys():
        more = DOOR[state].keys() - LAW[state].keys()
        assert more == {"ready": {(CLIENT, "stamp"), (CLIENT, "roll")}, "greeting": {(DAEMON, "refused")}}.get(state, set())
        assert all(DOOR[state][step] == LAW[state][step] for step in DOOR[state].keys() - more)


@each_row("name", sorted(FROM_CLIENT))
def test_an_agent_that_has_the_roll_called_can_say_nothing_more_and_hears_words_alone(name):
    """THREATS F-27."""
    assert at_the_door(DAEMON, (CLIENT, "roll"), (CLIENT, name)) is None
    assert {said for said in FROM_DAEMON if at_the_door(DAEMON, (CLIENT, "roll"), (DAEMON, said))} == {"item", "refused"}
    assert at_the_door(DAEMON, (CLIENT, "roll"), (DAEMON, "item"), (DAEMON, "item")) == "rolling"
    assert at_the_door(DAEMON, (CLIENT, "roll"), (DAEMON, "refused")) == "closed"


def test_nobody_is_known_before_welcome():
    known = {state for state in DOOR if not any(after in UNPROVED for after in DOOR[state].values())} - UNPROVED
    assert known == DOOR.keys() - UNPROVED
    assert {at_the_door(DAEMON, *DIALLED[:length]) for length in range(len(DIALLED))} == UNPROVED
