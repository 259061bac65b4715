# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: the small process that asks other hosts over HTTPS. It is not root, and it decides nothing.

The daemon tells it what to ask (``client``) in frozen messages (``messages``), each of which has all that the question needs. So
jitd-outside reads no settings and remembers nothing (docs/adr/0037).
Law: nothing here permits. What comes from outside is handed on as bytes, or as a sentence that says why there is nothing.
"""
