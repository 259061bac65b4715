# SPDX-License-Identifier: Apache-2.0
"""The handshake, from Hello to a proof of the peer's identity (PROTOCOL.md section 3). This module determines what the daemon
answers, and when the handshake is over.

Law: a handshake returns answers and has no other effects. A proof is a ticket or a local password. Only uid 0 may connect without
a proof. At the door, only a ticket is a proof, and it is bound to the door. A second token is refused.
"""

from __future__ import annotations

import hashlib
import secrets

from jitd.server.acceptor import Acceptor, Proof
from jitd.verbs.refusal import Refusal
from jitpam.wire import coding, messages
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import frame
from jitpam.wire.messages import Message


class Handshake:
    """The handshake of one peer. ``uid`` comes from the kernel, and is None at the door. ``proof`` is None until the peer has
    given a proof. For local root, ``proof`` is always None.
    """

    def __init__(self, acceptor: Acceptor, uid: int | None) -> None:
        self._acceptor = acceptor
        self._uid = uid
        self._hellos = hashlib.sha256(b"jitd door 1\n" if uid is None else b"jitd channel 1\n")
        self.proof: Proof | None = None
        self.is_over = False
        self.is_local = False  # true if the peer wants to authenticate with a local password

    @property
    def channel(self) -> bytes:
        """Return the hash of the two hello messages. A proof is bound to this hash."""
        return self._hellos.digest()

    def hear(self, message: Message, body: bytes) -> Message:
        """Return the answer to ``message``, which was received as ``body``. After the last answer, ``is_over`` is true.

        Raises RemoteProtocolError, which ends the connection. Raises Refusal, NotAuthenticated or NoKey, which the caller sends
        to the peer.
        """
        match message:
            case messages.Hello():
                return self._greet(message, body)
            case messages.Token():
                return self._accept(message.token)
        raise RemoteProtocolError("the message is not a part of a handshake")

    def _greet(self, hello: messages.Hello, body: bytes) -> Message:
        if hello.version != messages.VERSION:
            raise Refusal("protocol", f"jitd speaks version {messages.VERSION} of its protocol, not {hello.version}")
        if self._uid is None and hello.authentication != "krb5":
            raise Refusal("unauthenticated", "only a Kerberos ticket counts at the door: run kinit")
        if len(hello.nonce) != messages.NONCE_LENGTH or hello.authentication not in ("krb5", "root", "local"):
            raise RemoteProtocolError("the nonce or the kind of authentication in the hello is not valid")
        if hello.authentication == "root" and self._uid != 0:
            raise Refusal("unauthenticated", "no Kerberos ticket (only root may connect without one): run kinit")
        if hello.authentication == "local" and self._uid == 0:
            raise RemoteProtocolError("root has no use for a local password")
        answer = messages.DaemonHello(version=messages.VERSION, nonce=secrets.token_bytes(messages.NONCE_LENGTH))
        self._hellos.update(frame(body))
        self._hellos.update(frame(coding.encode(answer)))
        self.is_over = hello.authentication == "root"
        self.is_local = hello.authentication == "local"
        return answer

    def _accept(self, token: bytes) -> Message:
        if self.is_over or self.is_local:
            raise RemoteProtocolError("the client sent a token, but jitd had not asked for a token")
        proof, answer = self._acceptor.accept(token, self.channel)
        self.proof = proof
        self.is_over = True
        return messages.DaemonToken(token=answer)
