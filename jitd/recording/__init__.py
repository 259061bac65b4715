# SPDX-License-Identifier: Apache-2.0
"""The recording of a run. A recording contains the bytes of the run's streams with their times. A chain of digests and the last
frame (END) show whether the recording was changed or is incomplete.

Law: no module in this package uses a request of jitd, the daemon or a terminal. Only the standard library is imported, because
every monitor loads the writing part of this package.
"""
