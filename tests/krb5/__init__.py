# SPDX-License-Identifier: Apache-2.0
"""The KDC's gate (contrib/krb5): its sources alone, under sanitizers, and in a real KDC of a realm of its own."""
