/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who owns which page, as an executable specification. Only the build hyp-owner has it; in the shipped one it is empty. */
#pragma once
#include "lib/base.h"

/**
 * Looks at every stage-2 leaf of every domain and every stream table entry, read from the tables themselves, and at what the domains,
 * links and devices say they own. Returns NULL: they agree; else the sentence of the first rule found broken, *at the address.
 * Context  EL2, lock held, after boot; O(leaves). Rules: design.md section 2 (4, 6, 7, 8).
 */
const char *owner_problem(uint64_t *at);
/** After every hypercall and every step of a rebirth: a broken rule is EL2's own bug and stops the machine with its sentence. */
void owner_checkpoint(void);
