# SPDX-License-Identifier: Apache-2.0
"""The warnings of ``jitd check``. The warnings are about valid rules that perhaps do not do what their author wanted.

Law: nothing in this package decides a request or changes the host. Warnings that follow from the rules alone are computed by pure
functions. Look-ups have a time limit. If a look-up on the host fails, there is a warning.
"""
