/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Links: a virtio-mmio transport between two domains, and the window they share. EL2 moves no data. */
#pragma once
#include <linux/virtio_config.h>

#include "abi/link.h"
#include "abi/manifest.h"
#include "hyp/domain.h"

struct link_queue {
    /* As written by the client, not believed: entries and IPAs. Reset clears them. */
    uint32_t w_num;
    uint64_t w_desc, w_avail, w_used;

    bool ready;
    /*
     * Checked at QueueReady: entries, offsets in the window. They keep their values after a reset until the next QueueReady, so that a
     * server that reads them while the client resets never sees a mixture.
     */
    uint32_t num;
    uint64_t desc, avail, used;
    const volatile void *avail_idx,
            *used_idx; /* owned: in EL2's read-only view of their pages, while ready; shared with both ends */
    uint16_t done;       /* used.idx as last seen and accepted, free-running */
    uint16_t avail_seen; /* avail.idx as last seen */
};

/* Somebody waits for the server: since when, and how long its vCPU had run in all by then. */
struct link_wait {
    uint64_t since_ticks; /* 0: nobody waits */
    uint64_t since_run;
};

#define LINK_WAIT_SERVER \
    LINK_QUEUE_MAX /* index of the wait for PUBLISH or RESET_ACK, after those of the queues */
#define LINK_WAIT_COUNT (LINK_QUEUE_MAX + 1)

struct link {
    const struct manifest_link *conf; /* borrowed: the manifest lives for ever */
    uint32_t index;
    struct domain *client, *server; /* borrowed: domains live for ever; NULL when refused at boot */
    struct pa_range window;
    ipa_t client_window, server_window, client_regs, server_regs;
    uint32_t client_intid, server_intid;
    bool present; /* false: an end was refused at boot */
    /* With client_memory the window is the client's RAM: its window is where it has it, and the server's is at DOMAIN_CLIENT_IPA. */

    /* transport state */
    uint32_t status, interrupt_status;
    uint32_t dev_features_sel, drv_features_sel, queue_sel;
    uint64_t offered;                /* by the present incarnation, before PUBLISH */
    uint64_t accepted;               /* by the client */
    uint8_t config[LINK_CONFIG_MAX]; /* by the present incarnation, before PUBLISH */
    bool published;                  /* by the present incarnation, which lives */
    bool sealed; /* by the first one: sealed_* hold what every later one must repeat */
    uint64_t sealed_features;
    uint8_t sealed_config[LINK_CONFIG_MAX];
    bool in_use; /* an incarnation saw DRIVER_OK and may touch buffers: reset needs its word or its proven end */
    bool reset_pending; /* client wrote Status := 0, it has not completed */
    bool resume;        /* stock client: the next incarnation goes on from queue[].done */
    bool gone;          /* nobody will come */
    bool slow;          /* the server declared its oldest request (or its start) slow */
    uint32_t config_generation;
    uint32_t incarnation;
    struct link_queue queue[LINK_QUEUE_MAX];

    /* liveness: hyp/watchdog.c */
    uint64_t normal_ticks, slow_ticks; /* the two deadlines of the manifest */
    struct link_wait wait[LINK_WAIT_COUNT];
    uint64_t
            deadline_ticks; /* when to look, never later than the earliest deadline; 0: nobody waits */
    uint64_t served, served_now, doorbells;
};

/** Link by index, NULL past the last. Context: EL2, any. */
struct link *link_at(uint32_t index);
uint32_t link_count(void);
/** Forgets all links. Context: before the first link_create (and between tests). */
void link_clear(void);
/**
 * Makes the next link from its manifest entry; addresses, ends and interrupts are filled in by the caller (hyp/main.c) before the first
 * domain runs. Returns NULL when there are LINK_MAX already.
 */
struct link *link_create(const struct manifest_link *conf);

/** Bytes of the windows that this domain serves. Context: EL2, any. */
uint64_t link_window_bytes(const struct domain *server);
/** One end of a link as bootinfo shows it. Context: EL2, any. */
void link_describe(const struct link *l, bool is_server, struct boot_link *out);

/**
 * One trapped access. size_bytes 1, 2, 4 or 8; *value in or out. Client accesses that virtio leaves undefined read 0 or are ignored.
 * Returns  OK | ERR_ALIGN, ERR_RANGE, ERR_READ_ONLY, ERR_ARG, ERR_STATE, ERR_PEER: a server made an access that no well-behaved one
 *          makes (*value = 0); the caller kills it with CAUSE_PROTOCOL
 *          | ERR_NO_ENTRY: no link of d has a page there
 * Context  EL2, any; O(queues). May kill the server at either end, so the caller looks at the state of d afterwards.
 */
err_t link_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes,
                  uint64_t *value) MUST_CHECK;

/** HVC_LINK_KICK and HVC_LINK_WAIT (abi/hypercall.h). ERR_NO_ENTRY: the caller is not at that end of such a link. */
err_t link_kick(struct vcpu *v) MUST_CHECK;
err_t link_wait(struct vcpu *v) MUST_CHECK;

/** The server's incarnation runs from now on: it must publish before the deadline. Context: first start and the end of a rebirth. */
void link_server_started(struct domain *server);
/** The server died: clients are told, doorbells go nowhere. Called by domain_kill. Context: EL2, any; O(links). */
void link_server_died(struct domain *server);
/** The dead server is quiesced, its DMA proven still: pending resets complete, stock clients' used.idx is accepted or not. */
void link_server_quiesced(struct domain *server);
/** Transport state for the next incarnation. Called in the rebirth sequence. */
void link_server_reborn(struct domain *server);
/** HVC_DOMAIN_LINKS: its incarnations from now on get none of the links held or gone; those gone are told of at once. */
void link_server_offer(struct domain *server, uint32_t held, uint32_t gone);
/** True when d is the link's server and its incarnations get the link. */
bool link_is_offered(const struct link *l, const struct domain *d);
/** True when every link that this domain uses is published. Context: EL2, any; O(links). */
bool link_client_is_ready(const struct domain *client);
/** A client died (or main reboots): queues unready, server told to reset. */
void link_client_died(struct domain *client);

/* Liveness: hyp/watchdog.c */
/** Looks at one link's queues (doorbell of either side, WFI, switch-away): arms or clears its deadline. O(queues). May kill the server. */
void watchdog_look(struct link *l, uint64_t now_ticks);
/** The same at a doorbell, when an index moved since the last look. */
void watchdog_doorbell(struct link *l);
/** All queues of the link were stopped: only a wait for the server itself keeps its deadline. Looks at no ring, ends nobody. */
void watchdog_queues_stopped(struct link *l, uint64_t now_ticks);
void watchdog_look_all(uint64_t now_ticks);
/** Nearest time at which watchdog_expire has to look, UINT64_MAX when nobody waits. */
uint64_t watchdog_next(void);
/**
 * Kills every server whose deadline has passed. Looks at the indices first. A server that is out of budget now and has not had one full
 * budget since the wait began was starved, not hung: its wait starts over with its next period.
 */
void watchdog_expire(uint64_t now_ticks);

/* Between the files of this module. */
/** hyp/link_mmio.c: one access to the client's page. */
void link_client_read(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t *value);
void link_client_write(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t value);
/** hyp/link_server.c: one access to the server's page. */
err_t link_server_read(struct link *l, uint32_t offset, uint32_t size_bytes,
                       uint64_t *value) MUST_CHECK;
err_t link_server_write(struct link *l, uint32_t offset, uint32_t size_bytes,
                        uint64_t value) MUST_CHECK;
/** Adds a bit of InterruptStatus and interrupts the client. */
void link_interrupt_client(struct link *l, uint32_t bits);
/** Configuration interrupt: the server's state changed. For our own client; a stock driver is not to know. */
void link_tell_change(struct link *l);
/** Adds LINK_EV_*, and wakes the server or interrupts it; nothing without a published incarnation. */
void link_event(struct link *l, uint32_t bits);
/** A doorbell of the client. A queue that is not there is ignored. */
void link_notify(struct link *l, uint64_t queue_idx);
/** A used-buffer interrupt from the server. Looks at the rings first: what ends the server is not shown to the client. */
void link_used(struct link *l);
/** Replaces one 32-bit half of a 64-bit register. */
static inline void link_word_set(uint64_t *reg, bool is_high, uint32_t value)
{
    *reg = is_high ? (*reg & BITS(31, 0)) | (uint64_t)value << 32 : (*reg & BITS(63, 32)) | value;
}
/** EL2's view of the index at this offset of the window; NULL: none left. Open until closed with the same pointer. */
const volatile void *link_peek_open(const struct link *l, uint64_t offset);
void link_peek_close(const volatile void *at);
/** Takes the queue away from both sides. */
void link_queue_stop(struct link_queue *q);
/** The client's Status := 0, or its death: completes now, or when the server acknowledged it or is proven still. */
void link_reset(struct link *l);
/** The reset completes: all client-written state is gone, Status reads 0. */
void link_reset_done(struct link *l);
/** Sets DEVICE_NEEDS_RESET, with a configuration interrupt when the driver is up. */
void link_needs_reset(struct link *l);
/** True while requests are the server's business: published, DRIVER_OK, and no reset wanted by either side. */
static inline bool link_is_live(const struct link *l)
{
    const uint32_t both = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;
    return l->published && !l->reset_pending && (l->status & both) == VIRTIO_CONFIG_S_DRIVER_OK;
}

enum link_sample {
    LINK_STILL = 0,  /* used.idx has not moved */
    LINK_MOVED,      /* it moved, and *done* with it */
    LINK_BAD_CLIENT, /* more is outstanding than the queue holds: avail.idx is nonsense */
    LINK_BAD_SERVER  /* used.idx went back, or past avail.idx */
};
/** Reads both indices of a ready queue once and accepts used.idx when done <= used.idx <= avail.idx (mod 2^16). */
enum link_sample link_queue_sample(struct link *l, struct link_queue *q);
/** Somebody begins to wait for the server's PUBLISH or RESET_ACK. */
void watchdog_wait_server(struct link *l, uint64_t now_ticks);
