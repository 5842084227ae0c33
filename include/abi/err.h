/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* err_t: the one error type, for every call that crosses a boundary and every internal one. */
#pragma once

typedef enum {
    OK = 0,
    ERR_ARG,           /* an argument has a value that the call does not know */
    ERR_ALIGN,         /* an address or size is not a multiple of what it must be */
    ERR_RANGE,         /* an address, index or size lies outside what is allowed, or wraps */
    ERR_EXISTS,        /* the thing to be made is there already */
    ERR_NO_ENTRY,      /* no thing of that name or index */
    ERR_NO_MEMORY,     /* a fixed pool is exhausted */
    ERR_HANDLE,        /* no such handle */
    ERR_TYPE,          /* the handle names an object of another type */
    ERR_RIGHTS,        /* the handle lacks a right that the call needs */
    ERR_STATE,         /* the object is in a state in which the call has no meaning */
    ERR_AGAIN,         /* nothing to do now; try again after an event */
    ERR_TIMEOUT,       /* the deadline passed */
    ERR_PEER,          /* the other side broke the protocol */
    ERR_DEAD,          /* the other side is gone */
    ERR_IO,            /* the device reports an error for this request */
    ERR_NO_SPACE,      /* the medium is full */
    ERR_BUSY,          /* in use by somebody else */
    ERR_NOT_SUPPORTED, /* not offered by this build, device or file system */
    ERR_READ_ONLY,     /* the medium or mapping must not be written */
    ERR_NOT_DIR,       /* a part of the path is not a directory */
    ERR_IS_DIR,        /* a directory where a file is wanted */
    ERR_NOT_EMPTY,     /* the directory has entries */
    ERR_NAME,          /* the name is empty, too long or has a forbidden character */
    ERR_CORRUPT,       /* data on the medium contradicts itself */
    ERR_HASH,          /* an image does not match its hash */
    ERR_CANCELLED,     /* the wait was ended by somebody else */
    ERR_QUARANTINE,    /* the device could not be proven still: its domain stays down */
    ERR_COUNT
} err_t;
