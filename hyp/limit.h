/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The interrupt limiter: a line that rings too often is masked until its domain's budget period ends. */
#pragma once
#include "hyp/domain.h"

#define LIMIT_ACKS_MAX 256 /* of one edge line in one budget period of its domain */

/**
 * An edge line of d was acknowledged (a level line needs no limit: it cannot come again before its guest ends it). Domains without
 * a budget have no limit. Context: EL2, lock held.
 */
void limit_line(struct domain *d, uint32_t pintid);
/** When the first mask ends, ticks; UINT64_MAX: there is none. */
uint64_t limit_next(void);
/** Ends the masks whose time has come: the line is on again if its domain runs and wants it. */
void limit_expire(uint64_t now_ticks);
