# SPDX-License-Identifier: AGPL-3.0-or-later
# Images made of this folder; NAME_SRCS are the files of each.
HYPS := hyp
hyp_SRCS := $(sort $(wildcard hyp/*.c hyp/*.S hyp/*/*.c hyp/*/*.S))
