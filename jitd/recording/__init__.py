# SPDX-License-Identifier: Apache-2.0
"""The recording of a run: what went over its streams and when, and the proof that nothing is missing.

Law: nothing here knows requests, the daemon or a terminal of its own. Standard library only, since every monitor loads the part
that writes.
"""
