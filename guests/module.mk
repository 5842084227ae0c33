# SPDX-License-Identifier: AGPL-3.0-or-later
# Stock guests that are built here: NAME_SRCS and guests/NAME/NAME.ld make NAME.img, an arm64 Image.
GUESTS := flat
flat_SRCS := $(wildcard guests/flat/*.c guests/flat/*.S)
