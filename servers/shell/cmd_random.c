/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* random: bytes of the random service in hex. */
#include "abi/proto/random.h"
#include "servers/rt/ipc.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define TIMEOUT_NS (UINT64_C(10) * 1000000000)
#define BYTES_MAX  4096

static int say_sources(struct shell *sh, handle_t service)
{
    struct ipc_msg msg = ipc_op(RANDOM_SOURCES);
    err_t err = ipc_call_op(service, &msg, time_deadline_ns(TIMEOUT_NS));
    if (err != OK) return complain(sh, "random", NULL, text_error(err));
    out_print(sh, "firmware seed: %s; entropy domain: %llu bytes\n",
              msg.word[1] != 0 ? "yes" : "no", (unsigned long long)msg.word[2]);
    return 0;
}

int cmd_random(struct shell *sh, size_t count, const char *const *word)
{
    uint64_t left = 0;
    handle_t service = startup_handle("random");
    if (count == 2 && (parse_number(word[1], &left) != OK || left == 0 || left > BYTES_MAX)) {
        return complain(sh, word[0], word[1], "not a number from 1 to 4096");
    }
    if (service == HANDLE_NONE) {
        return complain(sh, word[0], NULL, "this system has no random service; build with -DRNG");
    }
    if (count == 1) return say_sources(sh, service);
    while (left > 0) {
        uint64_t part = MIN(left, (uint64_t)RANDOM_READ_MAX);
        struct ipc_msg msg = ipc_op(RANDOM_READ);
        msg.word[1] = part;
        err_t err = ipc_call_op(service, &msg, time_deadline_ns(TIMEOUT_NS));
        if (err == ERR_STATE) {
            return complain(sh, word[0], NULL,
                            "no entropy: no firmware seed and no entropy domain");
        }
        if (err != OK) return complain(sh, word[0], NULL, text_error(err));
        for (uint64_t i = 0; i < part; i++) {
            out_print(sh, "%02x", (unsigned)(msg.word[1 + i / 8] >> (8 * (i % 8)) & 0xff));
        }
        left -= part;
    }
    out_print(sh, "\n");
    return 0;
}
