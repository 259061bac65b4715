# SPDX-License-Identifier: Apache-2.0
"""Facts about requests, and decisions. Law: nothing here changes anything. The caller acts on the answer."""
