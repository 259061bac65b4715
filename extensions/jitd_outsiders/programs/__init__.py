# SPDX-License-Identifier: Apache-2.0
"""Runs an administrator's programs for the daemon, in a process that is not root. These programs are gatekeepers and providers.

There are two processes for programs, each with its own account. jitd-programs has no network. jitd-programs-net has the host's
network. The daemon uses both processes through ``client``. Both processes run the code in ``process``.
Law: a program gets only its arguments and its input from jitd. Every fault is reported as Failed, with the reason. After a fault,
the output is not used.
"""
