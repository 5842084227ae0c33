# SPDX-License-Identifier: AGPL-3.0-or-later
# Stock guests that are built here: NAME_SRCS and guests/NAME/NAME.ld make NAME.img, an arm64 Image.
GUESTS := flat
flat_SRCS := $(wildcard guests/flat/*.c guests/flat/*.S)
# Guests that are built like driver domains. hostile: the storage domain with every seam in the hands of guests/hostile.
DOMAINS += hostile
hostile_SRCS := $(storage_common_SRCS) $(sort $(wildcard guests/hostile/*.c))
