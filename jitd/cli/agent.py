# SPDX-License-Identifier: Apache-2.0
"""Asks the person's agent of ssh (``SSH_AUTH_SOCK``) which keys it has, and for a signature by one of them.

Law: an agent is believed in nothing. What it answers is bounded in size and in time, and read strictly, and a signature is
checked before anybody gets it. Whatever goes wrong is one sentence, and then nothing is signed.
Sources: draft-ietf-sshm-ssh-agent; PROTOCOL.agent and PROTOCOL.sshsig of OpenSSH; RFC 8332 (the flag for RSA).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jitd.audit import libcrypto
from jitd.audit.receipt import HASH
from jitd.audit.ssh_signatures import BadSignature, armor, checked, to_be_signed
from jitd.cli.not_done import NotDone
from jitd.core.ssh_keys import RSA, PublicKey, Strings, key_in, string

LISTED_WITHIN, SIGNED_WITHIN = 5, 60  # seconds. The second is for a person, who reads, finds the key and touches it
MOST, MOST_KEYS = 256 << 10, 2048  # bytes of an answer, and keys in it: OpenSSH's own limits
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_RSA_SHA2_512 = 4


class AgentFault(NotDone):
    """The agent did not do what it was asked for. The text is a sentence for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, "failed")


def agent_keys() -> list[tuple[PublicKey, str]]:
    """Return the keys of the agent that are of a kind that can approve, each with its comment. Raises AgentFault."""
    with _answer(bytes([_LIST]), LISTED_WITHIN) as (kind, parts):
        if kind != _LISTED:
            raise AgentFault(f"the agent of ssh at {_place()} does not say which keys it has: try ssh-add -l")
        listed = []
        if (n := parts.number()) > MOST_KEYS:
            raise ValueError
        for _ in range(n):
            listed.append((parts.string(), parts.string().decode("utf-8", "replace")))
        parts.end()
    return list(_that_can_approve(listed))


def agent_sign(key: PublicKey, namespace: str, message: bytes, *, say: Callable[[str], None]) -> str:
    """Return the armored signature of ``message`` in ``namespace`` by ``key``, which the agent has. The person may have to touch
    the key, which ``say`` tells them. Raises AgentFault.
    """
    if not libcrypto.is_there():
        raise AgentFault(
            "this Python has no libcrypto to check signatures with, so nothing is signed: take a Python with OpenSSL"
        )
    named = f"{key.kind} {key.fingerprint}"
    asked = string(key.blob) + string(to_be_signed(namespace, message, HASH))
    flags = _RSA_SHA2_512 if key.kind == RSA else 0
    if key.is_in_hardware:
        say(f"touch your key {named} if it blinks; it has {SIGNED_WITHIN} s")
    with _answer(bytes([_SIGN]) + asked + flags.to_bytes(4, "big"), SIGNED_WITHIN) as (kind, parts):
        if kind != _SIGNED:
            raise AgentFault(
                f"the agent of ssh did not sign with {named}: nobody touched the key, its PIN was wrong or nobody could be asked"
                " for it, somebody said no, or ssh-add has bound it to another use (ssh-add -c, -h, -x). Nothing was signed"
            )
        signature = parts.string()
        parts.end()
    armored = armor(key.blob, namespace, HASH, signature)
    try:
        checked(namespace, message, armored, HASH, libcrypto.is_good)
    except BadSignature as fault:
        raise AgentFault(f"what the agent of ssh gave as a signature by {named} {fault}: it is not used") from None
    return armored


def _that_can_approve(listed: list[tuple[bytes, str]]) -> Iterator[tuple[PublicKey, str]]:
    for blob, comment in listed:
        try:
            key = key_in(blob)
        except ValueError:
            continue  # a certificate, or a key of another kind: the agent has it for something else
        if not key.is_passkey:  # which signs what a page of its host asks for
            yield key, comment


def _place() -> str:
    place = os.environ.get("SSH_AUTH_SOCK", "")
    if not place:
        raise AgentFault("no agent of ssh has your key: SSH_AUTH_SOCK is not set. Start ssh-agent, and add the key with ssh-add")
    return place


@contextmanager
def _answer(message: bytes, within: int) -> Iterator[tuple[int, Strings]]:
    """Send one message, and yield the type of the answer and the rest of it. A ValueError of who reads it becomes a sentence."""
    place = _place()
    until = time.monotonic() + within
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            # A socket with a timeout of Python's would not wait at all for an agent that has too many others to answer.
            agent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", LISTED_WITHIN, 0))
            agent.connect(os.fsencode(place))
            agent.settimeout(within)
            agent.sendall(string(message), socket.MSG_NOSIGNAL)
            size = int.from_bytes(_read(agent, 4, until), "big")
            if not 1 <= size <= MOST:
                raise ValueError
            answer = _read(agent, size, until)
        yield answer[0], Strings(answer[1:])
    except EOFError:
        raise AgentFault(
            f"the agent of ssh at {place} closed the connection and answered nothing: is it a live ssh-agent?"
        ) from None
    except BlockingIOError:
        raise AgentFault(f"the agent of ssh at {place} has too many others to answer. Nothing was signed: try again") from None
    except TimeoutError:
        raise AgentFault(f"the agent of ssh at {place} did not answer within {within} s. Nothing was signed") from None
    except OSError as fault:
        raise AgentFault(
            f"the agent of ssh at {place} cannot be asked: {fault.strerror or fault}. Is ssh-agent running?"
        ) from None
    except ValueError:
        raise AgentFault(f"what the agent of ssh at {place} answers is not of its protocol. Nothing was signed") from None


def _read(agent: socket.socket, n: int, until: float) -> bytes:
    """Read ``n`` bytes. Raises EOFError, TimeoutError and OSError."""
    found = bytearray()
    while len(found) < n:
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        agent.settimeout(left)
        part = agent.recv(n - len(found))
        if not part:
            raise EOFError
        found += part
    return bytes(found)
