# SPDX-License-Identifier: Apache-2.0
"""What the daemon counts, and who may read it (``jitd metrics``)."""
