# SPDX-License-Identifier: Apache-2.0
"""The recording of a run: what went over its streams, when, and the proof that it is all that went.

Law: nothing here knows a request, a daemon or a terminal of its own; standard library only, since every monitor has the half that
writes.
"""
