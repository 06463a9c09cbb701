/* SPDX-License-Identifier: Apache-2.0 */
/* Reference-counted native handles: when an object goes, what holds it, and that nothing looks for
 * cycles. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mocks/native/native.h"
#include "support/failing.h"

/* What was destroyed, in order, by the first letter. */
static char gone[32];

static void note_gone(void *context) {
    size_t used = strlen(gone);
    cr_assert(used + 1 < sizeof gone);
    gone[used] = ((const char *)context)[0];
    gone[used + 1] = '\0';
}

/* One object with a variable of the same name, or NULL where memory failed. */
static struct lr_native_object *make(struct lr_native *native, const char *name) {
    struct lr_native_object *object = NULL;
    static char names[][8] = {"a", "b", "c", "session"};
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0 &&
            lr_native_make(native, names[i], names[i], note_gone, names[i], &object) != LR_OK) {
            return NULL;
        }
    }
    return object;
}

struct path {
    char root[64];
    char text[256];
    bool garbage;
};

static void add_hop(void *context, const char *via, const char *name, bool in_cycle) {
    struct path *path = context;
    size_t used = strlen(path->text);
    (void)snprintf(path->text + used, sizeof path->text - used, "%s%s%s%s ", in_cycle ? "~" : "",
                   via, via[0] == '\0' ? "" : ":", name);
}

static struct path path_of(struct lr_native *native, const struct lr_native_object *object) {
    struct path path = {.garbage = false};
    path.garbage = lr_native_path(native, object, path.root, sizeof path.root, add_hop, &path);
    return path;
}

static void live(struct lr_alloc *alloc, void *context) {
    (void)context;
    bool must = lr_test_must_succeed(alloc);
    struct lr_native *native;
    gone[0] = '\0';
    if (lr_native_new(&native, alloc) != LR_OK) {
        cr_assert_not(must);
        return;
    }
    struct lr_native_object *a = make(native, "a");
    struct lr_native_object *session = make(native, "session");
    bool made = a != NULL && session != NULL && lr_native_copy(native, "copy", session) == LR_OK &&
                lr_native_set(native, a, "session", session, false) == LR_OK &&
                lr_native_set(native, a, "weak", session, true) == LR_OK;
    cr_assert(made || !must);
    if (made) {
        cr_assert_eq(lr_native_copy(native, "copy", session), LR_EEXISTS);
        cr_assert_eq(lr_native_use_count(session), 3U);
        cr_assert_eq(lr_native_reset(native, "session"), LR_OK);
        cr_assert_eq(lr_native_reset(native, "session"), LR_ENOTFOUND);
        struct path path = path_of(native, session);
        cr_assert_str_eq(path.root, "variable copy");
        cr_assert_eq(lr_native_reset(native, "copy"), LR_OK);
        path = path_of(native, session);
        cr_assert_str_eq(path.root, "variable a");
        cr_assert_str_eq(path.text, "a member session:session ");
        cr_assert_not(path.garbage);
        cr_assert_str_eq(gone, "");
        cr_assert_eq(lr_native_lock(a, "weak"), session);
        cr_assert_eq(lr_native_set(native, a, "session", NULL, false), LR_OK);
        cr_assert_str_eq(gone, "s", "a weak handle holds nothing");
        cr_assert_null(lr_native_lock(a, "weak"));
        cr_assert_eq(lr_native_object_count(native), 1U);
    }
    lr_native_free(native);
}

Test(mocks_native, the_last_strong_handle_destroys_and_memory_can_fail_anywhere) {
    lr_test_each_failure(live, NULL);
}

Test(mocks_native, members_go_with_their_owner_and_behind_it) {
    struct lr_native *native;
    cr_assert_eq(lr_native_new(&native, lr_alloc_system()), LR_OK);
    gone[0] = '\0';
    struct lr_native_object *a = make(native, "a");
    struct lr_native_object *b = make(native, "b");
    struct lr_native_object *session = make(native, "session");
    cr_assert_eq(lr_native_set(native, a, "b", b, false), LR_OK);
    cr_assert_eq(lr_native_set(native, b, "session", session, false), LR_OK);
    cr_assert_eq(lr_native_reset(native, "b"), LR_OK);
    cr_assert_eq(lr_native_reset(native, "session"), LR_OK);
    struct path path = path_of(native, session);
    cr_assert_str_eq(path.text, "a member b:b member session:session ");
    cr_assert_eq(lr_native_reset(native, "a"), LR_OK);
    cr_assert_str_eq(gone, "abs");
    cr_assert_eq(lr_native_object_count(native), 0U);
    lr_native_free(native);
}

Test(mocks_native, a_cycle_stays_for_ever_and_is_named) {
    struct lr_native *native;
    cr_assert_eq(lr_native_new(&native, lr_alloc_system()), LR_OK);
    gone[0] = '\0';
    struct lr_native_object *a = make(native, "a");
    struct lr_native_object *b = make(native, "b");
    struct lr_native_object *c = make(native, "c");
    struct lr_native_object *session = make(native, "session");
    cr_assert_eq(lr_native_set(native, a, "next", b, false), LR_OK);
    cr_assert_eq(lr_native_set(native, b, "back", a, false), LR_OK);
    cr_assert_eq(lr_native_set(native, b, "other", c, false), LR_OK);
    cr_assert_eq(lr_native_set(native, c, "session", session, false), LR_OK);
    static const char *const variables[] = {"session", "c", "b", "a"};
    for (size_t i = 0; i < LR_COUNT_OF(variables); i++) {
        cr_assert_eq(lr_native_reset(native, variables[i]), LR_OK);
    }
    cr_assert_str_eq(gone, "");
    cr_assert_eq(lr_native_object_count(native), 4U);
    struct path path = path_of(native, session);
    cr_assert(path.garbage);
    cr_assert_str_eq(path.root, "cycle that nothing cuts");
    cr_assert_str_eq(path.text, "~a ~member next:b ~member back:a member next:b member other:c "
                                "member session:session ");
    cr_assert_eq(lr_native_set(native, b, "back", a, true), LR_OK, "a weak one cuts it");
    cr_assert_str_eq(gone, "abcs");
    lr_native_free(native);
}

Test(mocks_native, an_object_that_holds_itself_is_a_cycle) {
    struct lr_native *native;
    cr_assert_eq(lr_native_new(&native, lr_alloc_system()), LR_OK);
    gone[0] = '\0';
    struct lr_native_object *a = make(native, "a");
    cr_assert_eq(lr_native_set(native, a, "self", a, false), LR_OK);
    cr_assert_eq(lr_native_use_count(a), 2U);
    cr_assert_eq(lr_native_reset(native, "a"), LR_OK);
    struct path path = path_of(native, a);
    cr_assert_str_eq(path.text, "~a ~member self:a ");
    cr_assert_eq(lr_native_set(native, a, "self", NULL, false), LR_OK);
    cr_assert_str_eq(gone, "a");
    lr_native_free(native);
}
