# SPDX-License-Identifier: Apache-2.0
"""What reads the record as it grows: sinks, the journal of the host, and what ``jitd metrics`` counts.

Law: a reader changes nothing, and nothing waits for it.
"""
