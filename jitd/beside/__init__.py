# SPDX-License-Identifier: Apache-2.0
"""The connection between the daemon and a process beside it. A process beside the daemon does one kind of work for the daemon
with fewer rights. Examples are jitd-outside and jitd-programs.

The daemon opens a connection with ``doors`` and sends its questions with ``asking``. The process beside the daemon uses
``starting`` at its start, and ``answering`` for its answers. Both sides use ``packets``. The package of each process defines the
content of its questions and answers in ``messages``, and what each kind of question is worth in ``questions``.

Law: the daemon does not import the code of such a process, and the process does not import the code of the daemon. They share
only a few modules, such as ``packets`` and the definitions of their messages. Many questions may be open at the same time. For
each question, the daemon gets either one answer, or the reason why there is no answer.
"""
