/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Links: a virtio-mmio transport between two domains, and the window they share. EL2 moves no data. */
#pragma once
#include "abi/link.h"
#include "abi/manifest.h"
#include "hyp/domain.h"

struct link_queue {
    uint32_t num;                  /* entries chosen by the client */
    bool ready;
    uint64_t desc, avail, used;    /* offsets in the window, bytes; checked at QueueReady */
    uint64_t w_desc, w_avail, w_used; /* as written by the client, IPAs */
    const volatile void *peek_avail, *peek_used; /* EL2's read-only view of the two index pages, while ready */
    uint32_t avail_at, used_at;    /* offsets of the rings in those pages */
    uint16_t done;                 /* used.idx as last seen and accepted */
    uint16_t avail_seen;
};

struct link {
    const struct manifest_link *conf; /* borrowed */
    uint32_t index;
    struct domain *client, *server;   /* borrowed */
    struct pa_range window;
    ipa_t client_window, server_window, client_regs, server_regs;
    uint32_t client_intid, server_intid;
    bool present;                     /* false: an end was refused at boot */

    /* transport state */
    uint32_t status, interrupt_status, events;
    uint32_t dev_features_sel, drv_features_sel, queue_sel;
    uint64_t offered, accepted;
    uint8_t config[LINK_CONFIG_MAX];
    bool published;        /* by the present incarnation */
    bool sealed;           /* by the first one: sealed_* hold what every later one must repeat */
    uint64_t sealed_features;
    uint8_t sealed_config[LINK_CONFIG_MAX];
    bool reset_pending;    /* client wrote Status := 0, server has not acknowledged */
    bool gone;             /* nobody will come */
    bool slow;             /* the server declared its oldest request slow */
    uint32_t config_generation;
    uint32_t incarnation;
    struct link_queue queue[LINK_QUEUE_MAX];

    /* liveness */
    uint64_t deadline_ticks; /* 0: nobody waits */
    uint64_t served, served_now, doorbells;
};

struct link *link_at(uint32_t index);
uint32_t link_count(void);
/** Makes link `index` from its manifest entry; addresses and interrupts are filled in by the caller (hyp/main.c) before the first domain runs. */
struct link *link_create(const struct manifest_link *conf);

/** True when ipa lies in a register page of one of d's links. */
bool link_owns_ipa(const struct domain *d, ipa_t ipa);
/**
 * One trapped access. size_bytes 1, 2, 4 or 8; *value in or out. Returns OK, or ERR_* for an access that a well-behaved peer cannot make
 * (server page): the caller kills the domain with CAUSE_PROTOCOL. Client accesses that virtio leaves undefined read 0 / are ignored.
 */
err_t link_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value) MUST_CHECK;

/** The server died: clients are told, doorbells go nowhere, used.idx accepted or not. Called by domain_kill. */
void link_server_died(struct domain *server);
/** The dead server is quiesced: pending resets complete. Called in the rebirth sequence. */
void link_server_quiesced(struct domain *server);
/** The next incarnation starts: transport state for it. Called just before start. */
void link_server_reborn(struct domain *server);
/** A client died (or main reboots): queues unready, server told to reset. */
void link_client_died(struct domain *client);

/* Liveness: hyp/watchdog.c */
/** Looks at one link's queues (doorbell of either side, WFI, switch-away): moves or clears its deadline. O(queues). */
void watchdog_look(struct link *l, uint64_t now_ticks);
void watchdog_look_all(uint64_t now_ticks);
/** Nearest deadline, UINT64_MAX when nobody waits. Deadlines of a server that is out of budget do not run while the core is busy. */
uint64_t watchdog_next(void);
/** Kills every server whose deadline has passed. */
void watchdog_expire(uint64_t now_ticks);
