/* SPDX-License-Identifier: Apache-2.0 */
/* The files of sessions, as a host offers them to a server role: one directory a session, flat or
 * with folders below it, that no name can escape and that goes with everything in it when it is
 * closed. Names come from peers: |name| is relative, without "..", NUL or an empty part, and no
 * link is followed; anything else is LR_EINVAL with a sentence. */
#ifndef LR_RPC_STORAGE_H
#define LR_RPC_STORAGE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"

struct lr_storage;
struct lr_directory; /* one session's; opaque, the host's */

struct lr_storage_ops {
    /* Makes an empty directory: |*directory|, to be given back with |close|. */
    enum lr_status (*open)(struct lr_storage *storage, struct lr_directory **directory,
                           struct lr_error *error);
    /* Writes a whole file, replacing one of that name; missing folders are made. */
    enum lr_status (*write)(struct lr_directory *directory, struct lr_text name, const void *bytes,
                            size_t size, struct lr_error *error);
    /* Appends a whole file to |out|. LR_ELIMIT beyond |size_max| bytes, LR_ENOTFOUND. */
    enum lr_status (*read)(struct lr_directory *directory, struct lr_text name, size_t size_max,
                           struct lr_buf *out, struct lr_error *error);
    /* Removes a file, or an empty folder. LR_ENOTFOUND. */
    enum lr_status (*remove)(struct lr_directory *directory, struct lr_text name,
                             struct lr_error *error);
    /* Appends the path that |name| has for a person or a library ("" for the directory's own). */
    enum lr_status (*path)(struct lr_directory *directory, struct lr_text name, struct lr_buf *out,
                           struct lr_error *error);
    /* Removes the directory and all in it. Never NULL. */
    void (*close)(struct lr_directory *directory);
};

struct lr_storage {
    const struct lr_storage_ops *ops;
    size_t open_directories; /* counted by the implementation, for the ledger */
};

struct lr_directory {
    struct lr_storage *storage; /* the implementation embeds this as its first member */
};

/* LR_OK where |name| is safe as above; LR_EINVAL with a sentence in |error| otherwise. */
LR_NODISCARD enum lr_status lr_storage_check_name(struct lr_text name, struct lr_error *error);

#endif
