# SPDX-License-Identifier: Apache-2.0
"""Standing privileges: who can become root on this host, or act as an account that rules name, without asking jitd.

Law: the host is only read, and only by the command of root that asks. No file is changed, no password is tried, and the daemon
takes part in nothing of it. What cannot be seen is named: a list that is shorter than the truth must say so.
"""
