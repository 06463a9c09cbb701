/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/torturer.h"

#include <inttypes.h>

#include "base/assert.h"

static struct lr_torturer *torturer_of(const struct lr_player *player) {
    return LR_CONTAINER_OF((struct lr_player *)player, struct lr_torturer, player);
}

static enum lr_status calibrate(struct lr_player *player, struct lr_calibration *calibration,
                                struct lr_error *error) {
    struct lr_player *inner = torturer_of(player)->inner;
    return inner->calibrate(inner, calibration, error);
}

static bool is_interrupted(const struct lr_player *player) {
    const struct lr_player *inner = torturer_of(player)->inner;
    return inner->interrupted(inner);
}

static lr_time now(struct lr_player *player) {
    struct lr_player *inner = torturer_of(player)->inner;
    return inner->now(inner);
}

static enum lr_status hand_out(struct lr_torturer *torturer, struct lr_torturer_case *one,
                               uint64_t first, struct lr_error *error) {
    one->order.torture.first = first;
    one->order.torture.last =
        first <= one->singly_until ? first : first - first % LR_TORTURER_BATCH + LR_TORTURER_BATCH;
    return torturer->inner->begin(torturer->inner, &one->order, one->ticket, error);
}

static enum lr_status begin(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error) {
    struct lr_torturer *torturer = torturer_of(player);
    struct lr_torturer_case *one = &torturer->cases[0];
    while (one < &torturer->cases[LR_TORTURER_CASES_MAX - 1] && one->busy) {
        one++;
    }
    LR_ASSERT(!one->busy);
    *one = (struct lr_torturer_case){.ticket = ticket, .order = *order};
    one->order.torture = (struct lr_torture){.kind = torturer->kind};
    enum lr_status status = hand_out(torturer, one, 1, error);
    one->busy = status == LR_OK;
    return status;
}

static void move_lines(struct lr_alloc *alloc, struct lr_result_lines *to,
                       const struct lr_result_lines *from) {
    for (const struct lr_result_line *line = from->first; line != NULL; line = line->next) {
        lr_result_lines_add(alloc, to, line->at, "%s", line->text);
    }
    to->lost += from->lost;
}

/* A point that cost its worker's life. */
static enum lr_status note_death(struct lr_torturer *torturer, struct lr_torturer_case *one,
                                 const struct lr_case_result *dead) {
    struct lr_case_result *result = &one->result;
    if (result->alloc == NULL && lr_order_result(&one->order, torturer->alloc, result) != LR_OK) {
        *result = (struct lr_case_result){.alloc = NULL};
        return LR_ENOMEM;
    }
    result->torture = lr_torture_name(torturer->kind);
    result->torture_points++;
    result->torture_failed++;
    result->outcome = LR_CASE_UNEXPECTED;
    result->protocol_verdict = dead->protocol_verdict;
    result->release_verdict = dead->release_verdict;
    one->first_failed = one->first_failed != 0 ? one->first_failed : one->order.torture.first;
    lr_result_lines_add(result->alloc, &result->findings, 0, "%s=%" PRIu64 ": %s", result->torture,
                        one->order.torture.first,
                        dead->reason != NULL ? dead->reason : "its worker died");
    return LR_OK;
}

/* Where the first of |batch| that was not clean stands: its findings begin with the number. */
static uint64_t first_of(const struct lr_case_result *batch, uint64_t first) {
    const struct lr_result_line *line = batch->findings.first;
    uint64_t number = 0;
    for (const char *c = line == NULL ? "" : line->text; *c != '\0' && *c != ':'; c++) {
        number = *c >= '0' && *c <= '9' ? number * 10 + (uint64_t)(*c - '0') : number;
    }
    return number == 0 ? first : number;
}

static void add(struct lr_torturer_case *one, struct lr_case_result *batch) {
    struct lr_case_result *result = &one->result;
    if (batch->torture_failed > 0 && one->first_failed == 0) {
        one->first_failed = first_of(batch, one->order.torture.first);
    }
    if (result->alloc == NULL) {
        *result = *batch;
        return;
    }
    result->torture_points += batch->torture_points;
    result->torture_failed += batch->torture_failed;
    result->outcome = batch->torture_failed > 0 ? LR_CASE_UNEXPECTED : result->outcome;
    move_lines(result->alloc, &result->findings, &batch->findings);
    lr_case_result_deinit(batch);
}

/* What came back of |one|. True: that was the last of it. */
static bool take(struct lr_torturer *torturer, struct lr_torturer_case *one,
                 struct lr_case_result *came, uint64_t *next) {
    struct lr_torture *torture = &one->order.torture;
    bool interrupted = torturer->inner->interrupted(torturer->inner);
    if (came->alloc == NULL || interrupted) { /* whatever it is, it is no verdict of all points */
        lr_case_result_deinit(&one->result);
        one->result = *came;
        return true;
    }
    if (came->torture != NULL) {
        bool over = came->torture_over || came->outcome == LR_CASE_INVALID;
        add(one, came);
        *next = torture->last + 1;
        return over || one->result.torture_failed >= LR_TORTURER_FAILED_MAX;
    }
    if (torture->first < torture->last) {
        lr_case_result_deinit(came);
        one->singly_until = torture->last;
        *next = torture->first;
        return false;
    }
    enum lr_status status = note_death(torturer, one, came);
    lr_case_result_deinit(came);
    *next = torture->first + 1;
    return status != LR_OK || one->result.torture_failed >= LR_TORTURER_FAILED_MAX;
}

/* The sentence of the whole, and the command of what to look at first. */
static void conclude(struct lr_torturer_case *one) {
    struct lr_case_result *result = &one->result;
    if (result->alloc == NULL || result->torture == NULL) {
        return;
    }
    bool given_up = result->torture_failed >= LR_TORTURER_FAILED_MAX;
    lr_result_lines_add(result->alloc, &result->told, 0,
                        "%s: %" PRIu64 " points, %" PRIu64 " of them not clean%s", result->torture,
                        result->torture_points, result->torture_failed,
                        given_up ? "; given up" : "");
    if (one->first_failed != 0) {
        one->order.torture.alone = true;
        one->order.torture.first = one->first_failed;
        lr_alloc_free_string(result->alloc, result->repeat);
        result->repeat = lr_order_command(&one->order, result->alloc);
    }
}

static struct lr_torturer_case *case_of(struct lr_torturer *torturer, size_t ticket) {
    for (size_t i = 0; i < LR_TORTURER_CASES_MAX; i++) {
        if (torturer->cases[i].busy && torturer->cases[i].ticket == ticket) {
            return &torturer->cases[i];
        }
    }
    LR_UNREACHABLE();
}

static bool next(struct lr_player *player, lr_time until, struct lr_played *played) {
    struct lr_torturer *torturer = torturer_of(player);
    while (torturer->inner->next(torturer->inner, until, played)) {
        struct lr_torturer_case *one = case_of(torturer, played->ticket);
        struct lr_error error = {.code = LR_OK};
        uint64_t at = 0;
        bool over = take(torturer, one, &played->result, &at);
        if (!over && hand_out(torturer, one, at, &error) == LR_OK) {
            continue;
        }
        if (over) {
            conclude(one);
        } else {
            lr_case_result_deinit(&one->result);
        }
        played->result = one->result;
        one->busy = false;
        return true;
    }
    return false;
}

void lr_torturer_init(struct lr_torturer *torturer, struct lr_alloc *alloc, struct lr_player *inner,
                      enum lr_torture_kind kind) {
    *torturer = (struct lr_torturer){
        .player = {.calibrate = calibrate,
                   .begin = begin,
                   .next = next,
                   .interrupted = is_interrupted,
                   .now = inner->now == NULL ? NULL : now},
        .inner = inner,
        .alloc = alloc,
        .kind = kind,
    };
}
