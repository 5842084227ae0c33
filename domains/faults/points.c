/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: the incarnations die one step later each time, so that one boot tries every step of a request. */
#include "domains/rt/hvc.h"
#include "domains/rt/rt.h"
#include "domains/rt/serve_blk.h"
#include "drivers/nvme/nvme.h"
#include "drivers/sdhci/sdhci.h"

#include "lib/format.h"

/*
 * A step is the moment before or after one of the functions below. Parameters:
 *   first=K   the first incarnation dies at step K (default 1), each one after it a step later
 *   warm=N    steps count from the N-th completed request on (default 80: the death of a healthy incarnation)
 *   early=M   of every four incarnations, the last dies at one of its first M steps, whatever it was doing: crashes
 *             during start-up and recovery. 0 (default): none
 *   gens=G    generations from G on stay alive (default: none)
 */
static struct {
    uint64_t completed, steps, at;
    bool is_early;
} points;

static void choose(void)
{
    uint64_t generation = rt_bootinfo()->generation, early = rt_param("early", 0);
    points.is_early = early != 0 && generation % 4 == 3;
    points.at = points.is_early ? generation / 4 % early + 1 : rt_param("first", 1) + generation;
    if (generation >= rt_param("gens", UINT64_MAX)) points.at = UINT64_MAX;
}

static void step(const char *where)
{
    char text[64];
    if (points.at == 0) choose();
    if (!points.is_early && points.completed < rt_param("warm", 80)) return;
    if (++points.steps != points.at) return;
    format(text, sizeof(text), "point %lu: %s", (unsigned long)points.at, where);
    hvc_panic(text);
}

#define NAMES(...) __VA_ARGS__
/* Parameters with and without types: a wrapper around a function with a result, and around one without. */
#define WRAP(type, name, parameters, arguments) \
    type __real_##name(parameters);             \
    type __wrap_##name(parameters);             \
    type __wrap_##name(parameters)              \
    {                                           \
        step("before " #name);                  \
        type result = __real_##name(arguments); \
        step("after " #name);                   \
        return result;                          \
    }
#define WRAP_VOID(name, parameters, arguments) \
    void __real_##name(parameters);            \
    void __wrap_##name(parameters);            \
    void __wrap_##name(parameters)             \
    {                                          \
        step("before " #name);                 \
        __real_##name(arguments);              \
        step("after " #name);                  \
    }

WRAP(err_t, virtq_fetch, NAMES(struct virtq_device *q, struct virtq_chain *c), NAMES(q, c))
WRAP(err_t, virtq_device_start,
     NAMES(struct virtq_device *q, const void *desc, const void *avail, void *used, uint32_t count,
           uint16_t idx),
     NAMES(q, desc, avail, used, count, idx))
WRAP_VOID(serve_publish,
          NAMES(struct serve *s, uint32_t features, const void *config, uint32_t bytes),
          NAMES(s, features, config, bytes))
WRAP_VOID(serve_blk_on_events, NAMES(void *ctx, uint32_t events), NAMES(ctx, events))
WRAP(uint64_t, hvc_link_wait, NAMES(uint64_t ring_mask, bool stay), NAMES(ring_mask, stay))
WRAP(err_t, serve_try_start, NAMES(struct serve *s), NAMES(s))
WRAP_VOID(serve_ack_reset, NAMES(struct serve *s), NAMES(s))
WRAP_VOID(serve_interrupt, NAMES(struct serve *s, uint32_t queue), NAMES(s, queue))
WRAP_VOID(serve_declare_slow, NAMES(struct serve *s), NAMES(s))
WRAP_VOID(serve_blk_done, NAMES(struct blk_request *r), NAMES(r))
WRAP(err_t, hvc_dma_enable, NAMES(uint32_t device_idx), NAMES(device_idx))
WRAP_VOID(nvme_submit,
          NAMES(struct nvme *n, struct nvme_queue *q, const struct nvme_command *command),
          NAMES(n, q, command))
WRAP(bool, nvme_take, NAMES(struct nvme_queue *q, struct nvme_completion *out), NAMES(q, out))
WRAP_VOID(nvme_taken, NAMES(struct nvme *n, const struct nvme_queue *q), NAMES(n, q))
WRAP(err_t, nvme_prp_fill,
     NAMES(struct blk_request *r, uint64_t *list, uint32_t max_bytes, uint32_t block_bytes,
           struct nvme_prp *out),
     NAMES(r, list, max_bytes, block_bytes, out))
WRAP(err_t, nvme_controller_start, NAMES(struct nvme *n), NAMES(n))
WRAP(err_t, host_reset, NAMES(struct sdhci *s), NAMES(s))
WRAP(err_t, host_command,
     NAMES(struct sdhci *s, const struct sdhci_command *c, struct sdhci_answer *answer),
     NAMES(s, c, answer))
WRAP(err_t, host_transfer,
     NAMES(struct sdhci *s, uint8_t index, uint32_t arg, uint32_t blocks, bool read),
     NAMES(s, index, arg, blocks, read))
WRAP(err_t, host_take_interrupt, NAMES(struct sdhci *s, struct sdhci_event *event), NAMES(s, event))
WRAP(err_t, card_init, NAMES(struct sdhci *s), NAMES(s))
WRAP(err_t, adma_fill, NAMES(struct sdhci *s, struct blk_request *r, uint32_t *blocks),
     NAMES(s, r, blocks))

void __real_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);
void __wrap_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);
void __wrap_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    step("before virtq_complete");
    __real_virtq_complete(q, head, written_bytes);
    points.completed++;
    step("after virtq_complete");
}
