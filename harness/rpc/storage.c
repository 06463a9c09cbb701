/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/storage.h"

#include <string.h>

enum {
    NAME_SIZE_MAX = 1024, /* below PATH_MAX with any directory before it */
    NAME_PART_MAX = 255   /* NAME_MAX of every common file system */
};

static bool is_bad_part(struct lr_text part) {
    return part.size == 0 || part.size > NAME_PART_MAX || lr_text_equal(part, lr_text_of(".")) ||
           lr_text_equal(part, lr_text_of(".."));
}

enum lr_status lr_storage_check_name(struct lr_text name, struct lr_error *error) {
    char quoted[120];
    bool bad = name.size == 0 || name.size > NAME_SIZE_MAX || memchr(name.data, '\0', name.size) ||
               memchr(name.data, '\\', name.size) || memchr(name.data, ':', name.size);
    size_t begin = 0;
    for (size_t i = 0; !bad && i <= name.size; i++) {
        if (i == name.size || name.data[i] == '/') {
            bad = is_bad_part((struct lr_text){name.data + begin, i - begin});
            begin = i + 1;
        }
    }
    if (bad) {
        return lr_error_set(error, LR_EINVAL,
                            "file name %s is refused: a name must be relative, stay in the "
                            "session's directory and have no empty part",
                            lr_text_quote(quoted, sizeof quoted, name));
    }
    return LR_OK;
}
