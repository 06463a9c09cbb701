/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between compilers, and nothing else. */
#ifndef LR_BASE_COMPILER_H
#define LR_BASE_COMPILER_H

#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define LR_NODISCARD __attribute__((warn_unused_result))
#define LR_PRINTF(format_index, first_argument)                                                    \
    __attribute__((format(printf, format_index, first_argument)))
#define LR_NORETURN __attribute__((noreturn))
/* Scope exit: |function| gets a pointer to the variable when its scope ends, however it ends. */
#define LR_CLEANUP(function) __attribute__((cleanup(function)))
#define LR_HAVE_CLEANUP 1
#else
#define LR_NODISCARD
#define LR_PRINTF(format_index, first_argument)
#define LR_NORETURN
#define LR_HAVE_CLEANUP 0
#endif

/* The structure of |type| whose |member| is at |pointer|. */
#define LR_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define LR_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
