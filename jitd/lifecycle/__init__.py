# SPDX-License-Identifier: Apache-2.0
"""This package is the only way to change the state of an object, for example of a request or a grant. The package also carries
out the effects that follow from a change. Law: a change is committed first, and its effects are carried out afterwards. The list
of pending work is always derived from the stored state.
"""
