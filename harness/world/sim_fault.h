/* SPDX-License-Identifier: Apache-2.0 */
/* What faults have to say where the simulated world reads, writes and connects. */
#ifndef LR_WORLD_SIM_FAULT_H
#define LR_WORLD_SIM_FAULT_H

#include "world/sim_conn.h"

/* ---- sim_conn.c ---- */

/* Takes what it can of |bytes| to write, where faults have a say in it. False: |*failure|. */
bool lr_sim_conn_write(struct lr_sim_end *end, const uint8_t *bytes, size_t size, size_t *taken,
                       enum lr_sim_failure *failure);
static inline bool lr_sim_conn_has_faults(const struct lr_sim_end *end) {
    const struct lr_sim_pair *pair = lr_sim_pair_of(end);
    return end->is_service && pair->watched && lr_link_has_faults(&pair->link);
}
/* How many of |size| bytes the service's end may read now; 0: a fault has come first. */
size_t lr_sim_conn_readable(struct lr_sim_end *end, const uint8_t *bytes, size_t size);

/* ---- sim_shape.c: faults that say when and how bytes pass ---- */

/* Those of the link have changed. |undone| is one of them that does not count any more, or NULL. */
void lr_sim_shape(struct lr_sim_pair *pair, const struct lr_fault *undone);
/* Of a |shaped| end: what waits may not leave yet; when it may, its event comes. */
bool lr_sim_shape_holds(struct lr_sim_end *from);
/* Of a |shaped| end: when its peer may read next; now, or earlier, is at once. */
lr_time lr_sim_shape_next_read(const struct lr_sim_end *from);
/* Of a |shaped| end: how many of |size| bytes are read at once; they are about to be. */
size_t lr_sim_shape_piece(struct lr_sim_end *from, size_t size);

/* ---- sim_trouble.c ---- */

/* A |troubled| end is about to write: at most |size| bytes. 0: not now; its event comes. */
size_t lr_sim_trouble_write(struct lr_sim_end *end, size_t size);
/* The same of reading. */
size_t lr_sim_trouble_read(struct lr_sim_end *end, size_t size);
/* |end| belongs to a host from now on. */
void lr_sim_trouble_join(struct lr_sim_end *end);
/* Whether a partition lies between the client of |pair| and the service at |host|. */
bool lr_sim_is_parted(const struct lr_sim_pair *pair, const struct lr_sim_host *host);

#endif
