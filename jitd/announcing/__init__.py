# SPDX-License-Identifier: Apache-2.0
"""Has people told of requests: what is still to be told (``letters``), one channel's work (``post``), and all of them
(``notices``).

Law: what is to be told follows from stored state, and is told outside every transaction. Nothing here changes a life.
"""
