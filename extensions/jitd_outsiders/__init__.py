# SPDX-License-Identifier: Apache-2.0
"""Systems outside of jitd: providers of facts and gatekeepers, which are asked before a decision, and channels, over which people
are told of requests. Also the helpers through which the daemon reaches them.

Law: an answer that is late, lost or malformed permits nothing.
"""
