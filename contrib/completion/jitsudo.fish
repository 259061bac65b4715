# fish completion for jitsudo: it is in jitd.fish.
# SPDX-License-Identifier: Apache-2.0

source (path dirname (status filename))/jitd.fish
