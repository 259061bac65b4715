# SPDX-License-Identifier: Apache-2.0
"""The side that asks: it runs as the user, or inside somebody else's process. Law: it never imports ``jitd``."""

__version__ = "0.1.0"
