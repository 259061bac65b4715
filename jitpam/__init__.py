# SPDX-License-Identifier: Apache-2.0
"""The client side, which sends requests to jitd. This code runs as the user, or in a program such as sudo.

Law: code of the client side never imports ``jitd``.
"""

__version__ = "0.3.0.dev0"
