/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* No directories on ZerOS: e2fsprogs includes this file by name. */
#pragma once
