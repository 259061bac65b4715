# SPDX-License-Identifier: Apache-2.0
"""The side that asks jitd. It runs as the user, or inside a program such as sudo. Law: it never imports ``jitd``."""

__version__ = "0.1.0"
