# SPDX-License-Identifier: Apache-2.0
"""Reads the files of sudo and PAM on a host, as those programs read them.

Law: nothing here changes or asks. The daemon reads with it what sudo would do; the inspection judges what it returns.
``sudo_plugin`` alone judges, because the daemon tells all the time what the inspection tells once (ADR 0242).
"""
