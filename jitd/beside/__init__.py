# SPDX-License-Identifier: Apache-2.0
"""The connection between the daemon and a helper, which does one kind of work for the daemon with fewer rights. Examples are
jitd-outside and jitd-programs.

The daemon opens a connection by ``connecting`` and sends its questions by ``asking``. The helper uses ``starting`` at its start,
``answering`` for its answers, and ``child`` for work that must be possible to kill. Both sides use ``packets`` and, for a secret,
``secret``. The room of each helper defines its questions and answers in ``messages``, and declares in ``questions`` how each kind
of question is asked (``beside.questions``). A new helper is a row of ``processes``, its name in the row of its extension
(``jitd.extensions``), and a package there with ``questions`` and ``process``.

Law: the daemon does not import ``process`` of a helper's room, and the helper does not import the code of the daemon. They share
only a few modules, such as ``packets`` and the definitions of their messages. Many questions may be open at the same time. For
each question, the daemon gets either one answer, or the reason why there is no answer.
"""
