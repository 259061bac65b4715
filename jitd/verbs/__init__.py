# SPDX-License-Identifier: Apache-2.0
"""The verbs, which are the actions that a client can request from the daemon. Law: a verb first checks whether the person may
see the object and do the action. The verb acts only after this check.
"""
