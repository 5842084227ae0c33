/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build of the entropy domain: the first incarnation has its device write to an address that it has not got. */
#include "domains/rt/rt.h"
#include "lib/virtq/driver.h"

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
err_t __real_virtq_post(struct virtq_driver *q, const struct virtq_buffer *buffers, uint32_t count,
                        uint16_t *head) MUST_CHECK;
err_t __wrap_virtq_post(struct virtq_driver *q, const struct virtq_buffer *buffers, uint32_t count,
                        uint16_t *head) MUST_CHECK;

err_t __wrap_virtq_post(struct virtq_driver *q, const struct virtq_buffer *buffers, uint32_t count,
                        uint16_t *head)
{
    struct virtq_buffer wild = buffers[0];
    if (rt_bootinfo()->generation == 0) wild.addr = rt_param("addr", 0);
    return __real_virtq_post(q, &wild, count, head);
}
/* NOLINTEND(readability-identifier-naming) */
