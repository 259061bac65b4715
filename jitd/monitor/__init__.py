# SPDX-License-Identifier: Apache-2.0
"""The process beside every running command, and the warm one it is forked from.

Law: the standard library, pamela, and ``jitd.files.inspection``; nothing else of ours.
"""
