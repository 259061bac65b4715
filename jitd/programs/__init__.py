# SPDX-License-Identifier: Apache-2.0
"""Runs an administrator's programs for the daemon, in a process that is not root: gatekeepers and providers that are programs.

There are two such processes, each with an account of its own: jitd-programs has no network, jitd-programs-net has the host's. The
daemon asks them by ``client``; both run ``process``.
Law: a program gets its arguments, its input and nothing else of jitd. Every fault is Failed, with the reason, and never output.
"""
