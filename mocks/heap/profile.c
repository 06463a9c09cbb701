/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/heap/profile.h"

#include <string.h>

/* The documented changes, and the first version on each branch that has them:
 *   bpo-34536  3.7.2, 3.8.0          Enum.__new__ keeps exc and ve_exc in its locals
 *   bpo-39728  3.8.6, 3.9.0          Enum._missing_ returns None instead of raising
 *   bpo-42248  3.8.10, 3.9.5         Enum.__new__ unbinds both in a finally
 *   bpo-44559  3.10.0                enum went back to 3.9's before bpo-42248; restored
 * after 3.10.0 bpo-38379  3.7.6, 3.8.1; 3.9.0   what is counted; what a resurrection spares
 *   bpo-45340, bpo-44590  3.11       attributes without a dict object; frames made on demand
 *   gh-102778, gh-97922   3.12       sys.last_exc; collections at the next check
 * The first threshold is 2000 in 3.13.0, as measured: the incremental collector of gh-108362, which
 * was taken back before the release, had brought it. */

#define OLD_THRESHOLDS                                                                             \
    { 700, 10, 10 }
#define ENUM_3_6 .missing_raises = true
#define ENUM_3_7_2 .missing_raises = true, .enum_keeps_exception = true
#define ENUM_3_8_6 .enum_keeps_exception = true
#define ENUM_3_8_10 .enum_keeps_exception = true, .enum_clears_exception = true
#define COLLECTOR_3_7_6 .counts_after_finalizers = true
#define COLLECTOR_3_9 .counts_after_finalizers = true, .spares_only_resurrected = true
#define OBJECTS_3_6 .instance_dict = true
#define OBJECTS_3_11 .lazy_frames = true
#define OBJECTS_3_12 .lazy_frames = true, .last_exc = true, .collects_at_check = true

static const struct lr_heap_profile profiles[] = {
    {"3.6", "measured on 3.6.15", OLD_THRESHOLDS, ENUM_3_6, OBJECTS_3_6},
    {"3.7.1", "measured", OLD_THRESHOLDS, ENUM_3_6, OBJECTS_3_6},
    {"3.7.2", "measured", OLD_THRESHOLDS, ENUM_3_7_2, OBJECTS_3_6},
    {"3.7.12", "measured", OLD_THRESHOLDS, ENUM_3_7_2, COLLECTOR_3_7_6, OBJECTS_3_6},
    {"3.7.15", "as 3.7.12: nothing of the kind changed", OLD_THRESHOLDS, ENUM_3_7_2,
     COLLECTOR_3_7_6, OBJECTS_3_6},
    {"3.8.8", "measured", OLD_THRESHOLDS, ENUM_3_8_6, COLLECTOR_3_7_6, OBJECTS_3_6},
    {"3.8.10", "measured", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_7_6, OBJECTS_3_6},
    {"3.9.0", "measured", OLD_THRESHOLDS, ENUM_3_8_6, COLLECTOR_3_9, OBJECTS_3_6},
    {"3.9.5", "measured", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_6},
    {"3.10.0", "measured", OLD_THRESHOLDS, ENUM_3_8_6, COLLECTOR_3_9, OBJECTS_3_6},
    {"3.11", "as 3.11.2", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_11},
    {"3.11.2", "measured", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_11},
    {"3.12", "as 3.12.0", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_12},
    {"3.12.0", "measured", OLD_THRESHOLDS, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_12},
    {"3.13", "measured on 3.13.0", {2000, 10, 10}, ENUM_3_8_10, COLLECTOR_3_9, OBJECTS_3_12},
};

const struct lr_heap_profile *lr_heap_profile_find(const char *version) {
    for (size_t i = 0; i < LR_COUNT_OF(profiles); i++) {
        if (strcmp(profiles[i].version, version) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

const struct lr_heap_profile *lr_heap_profile_at(size_t index) {
    return index < LR_COUNT_OF(profiles) ? &profiles[index] : NULL;
}
