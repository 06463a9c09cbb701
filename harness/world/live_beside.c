/* SPDX-License-Identifier: Apache-2.0 */
/* Where this executable lies, and what lies beside it. */
#include <string.h>
#include <uv.h>

#include "world/live.h"

enum lr_status lr_live_beside(char *out, size_t size, const char *name) {
    size_t name_size = strlen(name) + 1;
    size_t room = size > name_size ? size - name_size : 0;
    if (room == 0 || uv_exepath(out, &room) != 0) {
        return LR_ENOTSUP;
    }
    size_t folder = room;
    while (folder > 0 && out[folder - 1] != '/' && out[folder - 1] != '\\') {
        folder--;
    }
    memcpy(out + folder, name, name_size);
    return LR_OK;
}
