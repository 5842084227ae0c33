/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* random: the pool of main. The firmware's seed, an entropy domain and the clock are mixed; none is ever the only source by right. */
#include <string.h>

#include "abi/bootinfo.h"
#include "abi/proto/random.h"
#include "servers/random/link.h"
#include "servers/random/pool.h"
#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

/* One thread: no locks. */
static struct {
    struct pool pool;
    struct entropy_link link;
    bool has_seed;
    uint64_t link_bytes;
} state;

/* The seed of EL2's bootinfo; all zero: the firmware gave none. The page is unmapped again at once. */
static void mix_seed(void)
{
    uint64_t at = 0, seed[4];
    if (sys_vmo_map(HANDLE_SELF, startup_handle("bootinfo"), 0, PAGE_SIZE, PROT_READ, 0, &at) !=
        OK) {
        return;
    }
    memcpy(seed, ((const struct bootinfo *)at)->seed, sizeof(seed));
    (void)sys_vmo_unmap(HANDLE_SELF, at, PAGE_SIZE);
    state.has_seed = (seed[0] | seed[1] | seed[2] | seed[3]) != 0;
    if (state.has_seed) pool_mix(&state.pool, POOL_FIRMWARE, seed, sizeof(seed));
    memset(seed, 0, sizeof(seed));
}

/* Before each answer: a domain that came back counts again, and one that lies has changed nothing for the better or worse. */
static void stir(void)
{
    uint8_t bytes[LINK_BATCH_BYTES];
    uint64_t now_ticks = time_now_ticks();
    pool_mix(&state.pool, POOL_TIME, &now_ticks, sizeof(now_ticks));
    uint32_t count = entropy_read(&state.link, bytes);
    state.link_bytes += count;
    if (count != 0) pool_mix(&state.pool, POOL_LINK, bytes, count);
}

static void answer(struct ipc_msg *msg)
{
    uint64_t operation = msg->word[0], count = msg->word[1];
    ipc_drop_handles(msg);
    memset(msg->word, 0, sizeof(msg->word));
    msg->tag = 0;
    msg->word[0] = ERR_ARG;
    if (operation == RANDOM_SOURCES) {
        msg->word[0] = OK;
        msg->word[1] = state.has_seed;
        msg->word[2] = state.link_bytes;
    } else if (operation == RANDOM_READ && count != 0 && count <= RANDOM_READ_MAX) {
        stir();
        msg->word[0] = pool_draw(&state.pool, (uint8_t *)&msg->word[1], (uint32_t)count);
    }
}

int main(const struct startup *s)
{
    (void)s;
    sha256_use_ce(true); /* as in init */
    mix_seed();
    err_t err = entropy_open(&state.link, startup_handle("link"));
    if (err != OK) log_printf("the entropy link cannot be opened: error %d", (int)err);
    struct ipc_msg msg = { 0 };
    handle_t reply = HANDLE_NONE;
    for (;;) {
        err = ipc_reply_recv(startup_handle("service"), reply, &msg, DEADLINE_NEVER);
        if (err != OK) {
            log_printf("cannot receive: error %d", (int)err);
            return 1;
        }
        reply = (handle_t)msg.reply;
        answer(&msg);
    }
}
