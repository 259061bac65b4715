# SPDX-License-Identifier: Apache-2.0
"""The daemon's side of the protocol. ``listener`` accepts, ``channel`` carries frames, and ``connection`` has one conversation,
from the ``handshake`` on. A client that waits for people is with ``waiting``, an enforcement point with ``enforcement``
(``point_questions`` has what a PAM module asks, and what sudo's plugin asks), and what needs no wait with the table of answers
(``dispatch``). ``reading`` turns what clients say into values of the core.
"""
