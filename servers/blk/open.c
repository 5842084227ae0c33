/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The block client's environment in a ZerOS process. */
#include "servers/blk/open.h"

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/time.h"

#define LINK_IRQ_BIT      1U
#define REPORT_TIMEOUT_NS (UINT64_C(5) * 1000000000)

static void link_wait(void *ctx, uint64_t timeout_ns)
{
    struct blk_link *l = ctx;
    uint64_t bits = 0;
    uint64_t deadline = timeout_ns ? time_deadline_ns(timeout_ns) : DEADLINE_NEVER;
    /* What came since the last wait ends this one at once: the caller looked before it. */
    if (l->is_masked) (void)sys_irq_ack(l->irq);
    l->is_masked = sys_notification_wait(l->notification, LINK_IRQ_BIT, deadline, &bits) == OK;
}

static uint32_t link_kick(void *ctx)
{
    struct blk_link *l = ctx;
    uint64_t status = 0;
    l->is_masked = false;
    return sys_link_kick(l->link, 0, &status) == OK ? (uint32_t)status : VIRTIO_MMIO_INT_CONFIG;
}

static err_t link_attach_supervisor(struct blk_link *l)
{
    handle_t vmo = HANDLE_NONE;
    if (l->session != HANDLE_NONE) return OK;
    if (l->supervisor == HANDLE_NONE) return ERR_NO_ENTRY;
    err_t err = sys_vmo_create(PAGE_SIZE, &vmo);
    if (err != OK) return err;
    struct ipc_msg msg = ipc_op(SUP_ATTACH);
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = vmo;
    err = ipc_call(l->supervisor, &msg, time_deadline_ns(REPORT_TIMEOUT_NS));
    if (err != OK) {
        (void)sys_handle_close(vmo); /* a call that failed moved nothing */
        return err;
    }
    if (msg.word[0] != OK) return msg.word[0] < ERR_COUNT ? (err_t)msg.word[0] : ERR_PEER;
    if (TAG_HANDLE_COUNT(msg.tag) != 1) {
        ipc_drop_handles(&msg);
        return ERR_PEER;
    }
    l->session = msg.handle[0];
    return OK;
}

static void link_report(void *ctx, enum sup_violation what, uint64_t detail)
{
    static const char *const name[] = {
        [SUP_USED_ID] = "used id",
        [SUP_USED_LEN] = "used length",
        [SUP_USED_IDX] = "used idx",
        [SUP_STATUS_BYTE] = "status byte",
        [SUP_TIMEOUT] = "reset not answered",
        [SUP_CONFIG] = "features or capacity changed",
        [SUP_RESETS] = "one reset after the other",
    };
    struct blk_link *l = ctx;
    log_printf("domain %lu broke the block protocol: %s, value %lu; link reset",
               (unsigned long)l->peer_domain, name[what], (unsigned long)detail);
    err_t err = link_attach_supervisor(l);
    if (err == OK) {
        struct ipc_msg msg = ipc_op(SUP_REPORT);
        msg.word[1] = l->peer_domain;
        msg.word[2] = l->link_index;
        msg.word[3] = (uint64_t)what;
        msg.word[4] = detail;
        err = ipc_call_op(l->session, &msg, time_deadline_ns(REPORT_TIMEOUT_NS));
    }
    if (err != OK) log_printf("the supervisor did not take the report: error %d", (int)err);
}

static err_t link_map(handle_t link, struct sys_link_info *info, struct blk_env *env, handle_t *irq)
{
    handle_t regs_vmo = HANDLE_NONE, window_vmo = HANDLE_NONE;
    uint64_t regs = 0, window = 0;
    err_t err = sys_link_info(link, info);
    if (err != OK) return err;
    if (info->device_id != VIRTIO_ID_BLOCK || info->queue_count != 1) return ERR_NOT_SUPPORTED;
    err = sys_link_open(link, &regs_vmo, &window_vmo, irq);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, regs_vmo, 0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_DEVICE, 0,
                      &regs);
    if (err == OK) {
        err = sys_vmo_map(HANDLE_SELF, window_vmo, 0, info->window_bytes, PROT_READ | PROT_WRITE, 0,
                          &window);
    }
    (void)sys_handle_close(regs_vmo);
    (void)sys_handle_close(window_vmo);
    env->regs = (volatile uint8_t *)regs;
    env->window = (uint8_t *)window;
    env->window_bytes = info->window_bytes;
    env->window_ipa = info->window_ipa;
    env->queue_size = (uint32_t)info->queue_size;
    return err;
}

err_t blk_open(struct blk_link *l, handle_t link, uint32_t link_index, handle_t supervisor,
               struct blk *b)
{
    struct sys_link_info info;
    struct blk_env env = { .ctx = l, .wait = link_wait, .kick = link_kick, .report = link_report };
    *l = (struct blk_link){ .link = link, .supervisor = supervisor, .link_index = link_index };
    err_t err = link_map(link, &info, &env, &l->irq);
    if (err == OK) err = sys_notification_create(&l->notification);
    if (err == OK) err = sys_irq_bind(l->irq, l->notification, LINK_IRQ_BIT);
    if (err != OK) return err;
    l->peer_domain = info.peer_domain;
    return blk_start(b, &env);
}
