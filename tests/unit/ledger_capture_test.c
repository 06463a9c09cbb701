/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded sessions of running TVM, both dialects, are told to the ledger as they were read, byte
 * by byte, and in pieces of 13: it must see the same sessions, at the recorded times, each time. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/files.h"
#include "support/ledger_rig.h"

enum { SESSIONS_MAX = 8, FINDINGS_MAX = 4 };

#define NEVER 0

/* Times in microseconds of the recording, NEVER where it does not happen. */
struct expected {
    uint64_t requested, granted, accepted, initialised, released, requestable;
    uint64_t calls;
    bool cut;
};

struct recording {
    const char *file;
    struct expected sessions[SESSIONS_MAX];
    size_t count;
    enum lr_dialect dialect;
    struct {
        enum lr_finding_kind kind;
        size_t count;
    } findings[FINDINGS_MAX];
};

#define FFI "ffi-v0.26/"
#define LEGACY "legacy-v0.10.0/"

static const struct recording recordings[] = {
    {FFI "01_tracker_summary", {{0}}, 0, LR_DIALECT_FFI, {{0}}},
    {FFI "02_server_register", /* a grant that is not used, and a matchkey used after its time */
     {{7630148, 7672212, NEVER, NEVER, 14904946, 14948027, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 15037690, 15037690, 0, false}},
     2,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "02_server_register",
     {{7681298, 7722834, NEVER, NEVER, 14959716, 15002737, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 15072967, 15072967, 0, false}},
     2,
     LR_DIALECT_LEGACY,
     {{0}}},
    {FFI "03_session_clean",
     {{873982, 918077, 921882, 927829, 935062, 981890, 19, false}},
     1,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "03_session_clean",
     {{1228935, 1272892, 1274238, 1282594, 1288190, 1332822, 19, false}},
     1,
     LR_DIALECT_LEGACY,
     {{0}}},
    {FFI "04_copy",
     {{889171, 932599, 936592, 940194, 1004550, 1048550, 273, false}},
     1,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "04_copy",
     {{950101, 998103, 999539, 1009995, 1087023, 1130085, 273, false}},
     1,
     LR_DIALECT_LEGACY,
     {{0}}},
    {LEGACY "05_errors",
     {{792511, 836630, 848524, 851426, 883405, 928592, 40, false}},
     1,
     LR_DIALECT_LEGACY,
     {{0}}},
    {FFI "06a_client_sigkill_idle", /* the third request is never granted: the server has died */
     {{872848, 916855, 920811, 922190, 928449, 968884, 2, false},
      {1520838, 1564816, 1565779, 1569287, 1575125, 1616871, 2, false},
      {12012894, NEVER, NEVER, NEVER, NEVER, NEVER, 0, false}},
     3,
     LR_DIALECT_FFI,
     {{0}}},
    {FFI "06b_client_sigkill_midcall", /* TVM sees the death when the call ends */
     {{950012, 994042, 995165, 1000159, 7003988, 7045975, 2, false},
      {7597911, 7642043, 7645988, 7646991, 10664136, 10705980, 2, false}},
     2,
     LR_DIALECT_FFI,
     {{LR_FINDING_LATE, 2}}},
    {LEGACY "06b_client_sigkill_midcall",
     {{1004523, 1048550, 1052440, 1057374, 7059263, 7104527, 2, false},
      {7712523, 7756511, 7760478, 7764693, 10797842, 10840542, 1, false}},
     2,
     LR_DIALECT_LEGACY,
     {{LR_FINDING_LATE, 2}}},
    {FFI "06c_client_sigstop",
     {{891858, 935871, 943861, 949476, 15975873, 16019946, 2, false},
      {16323960, 16367937, 16369143, 16373008, 20397148, 20435985, 2, false}},
     2,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "06e_client_reset", /* after the RST only the next PUT shows that the server let go */
     {{535139, 577792, 579157, NEVER, 982030, 1025822, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{0}}},
    {LEGACY "06f_client_cut_packet",
     {{532276, 574988, 579134, NEVER, 978959, 1023179, 0, true}},
     1,
     LR_DIALECT_COUNT,
     {{0}}},
    {FFI "08_handshake_bad_keys", /* the last uses the matchkey of the one before */
     {{NEVER, NEVER, NEVER, NEVER, 678925, 678925, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 679693, 679693, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 680357, 680357, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 680957, 680957, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 681714, 681714, 0, false},
      {866754, 909761, 910506, NEVER, 4117759, 4161721, 0, false},
      {NEVER, NEVER, NEVER, NEVER, 4162650, 4162650, 0, false}},
     7,
     LR_DIALECT_COUNT,
     {{LR_FINDING_PROTOCOL, 3}}},
    {FFI "08b_silent_connection_blocks_server",
     {{NEVER, NEVER, NEVER, NEVER, 13728496, 13728496, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{0}}},
    {FFI "08c_empty_key_kills_listener",
     {{NEVER, NEVER, NEVER, NEVER, 722918, 722918, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{LR_FINDING_PROTOCOL, 1}}},
    {FFI "08d_invalid_utf8_key",
     {{NEVER, NEVER, NEVER, NEVER, 721790, 721790, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{LR_FINDING_PROTOCOL, 1}}},
    {LEGACY "08e_bad_timeout_option", /* accepted, and the server dies of it */
     {{674698, 716832, 718009, NEVER, 719926, NEVER, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{LR_FINDING_PROTOCOL, 1}}},
    {FFI "09_pending_priority", /* priorities 0, 1, 5, and 9 whose client dies while it waits */
     {{958444, 1002465, 1004650, 1011697, 7102456, 7146778, 0, false},
      {1282467, 7286423, 7287498, 7290908, 7296441, 7342380, 0, false},
      {1910418, 7190400, 7191571, 7195124, 7202268, 7242374, 0, false},
      {2526427, NEVER, NEVER, NEVER, NEVER, NEVER, 0, false}},
     4,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "09b_pending_disconnect_leak",
     {{3577253, NEVER, NEVER, NEVER, NEVER, NEVER, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{0}}},
    {FFI "10_session_timeout",
     {{930034, 974151, 975708, 980511, 3998794, 4038184, 2, false},
      {4682045, 4726155, 4729745, 4730927, 7738640, 7778172, 2, false}},
     2,
     LR_DIALECT_FFI,
     {{0}}},
    {LEGACY "10_session_timeout",
     {{846216, 889902, 893050, 900496, 3927075, 3969987, 2, false},
      {4601969, 4646006, 4647628, 4654170, 7659019, 7700022, 1, false}},
     2,
     LR_DIALECT_LEGACY,
     {{0}}},
    {LEGACY "13_tracker_bad_clients",
     {{20267238, NEVER, NEVER, NEVER, NEVER, NEVER, 0, false}},
     1,
     LR_DIALECT_COUNT,
     {{LR_FINDING_PROTOCOL, 12}}},
    {LEGACY "14_server_key_with_colon", {{0}}, 0, LR_DIALECT_COUNT, {{0}}},
};

static void check_time(const char *file, size_t session, const char *what, lr_time seen,
                       uint64_t expected_us) {
    if (expected_us == NEVER) {
        cr_assert_eq(seen, LR_TIME_NEVER, "%s: session %zu is not %s", file, session, what);
    } else {
        /* The recording's times are decimals of seconds. */
        cr_assert_lt(seen + 500 - expected_us * LR_US, 1000, "%s: session %zu %s at %llu ns", file,
                     session, what, (unsigned long long)seen);
    }
}

static void check_session(const struct recording *recording, size_t index,
                          const struct lr_account *account) {
    const struct expected *expected = &recording->sessions[index];
    const char *file = recording->file;
    size_t number = index + 1;
    check_time(file, number, "requested", account->requested_at, expected->requested);
    check_time(file, number, "granted", account->granted_at, expected->granted);
    check_time(file, number, "accepted", account->accepted_at, expected->accepted);
    check_time(file, number, "initialised", account->initialised_at, expected->initialised);
    check_time(file, number, "released", account->released_at, expected->released);
    check_time(file, number, "requestable", account->requestable_at, expected->requestable);
    cr_assert_eq(account->calls, expected->calls, "%s: %llu calls", file,
                 (unsigned long long)account->calls);
    cr_assert_eq(account->cut_inside_packet[LR_TO_SERVICE], expected->cut, "%s: session %zu cut",
                 file, number);
    cr_assert_leq(account->released_count, 1U, "%s", file);
    if (account->initialised_at != LR_TIME_NEVER) {
        cr_assert(account->dialect_known, "%s", file);
        cr_assert_eq(account->dialect, recording->dialect, "%s", file);
        cr_assert_not(account->in_call, "%s: session %zu in a call", file, number);
    }
}

static void check_findings(const struct recording *recording, struct ledger_rig *rig) {
    size_t expected = 0;
    lr_rig_audit(rig);
    for (size_t i = 0; i < FINDINGS_MAX && recording->findings[i].count > 0; i++) {
        expected += recording->findings[i].count;
        cr_assert_eq(lr_rig_count(rig, recording->findings[i].kind), recording->findings[i].count,
                     "%s: findings of kind \"%s\"", recording->file,
                     lr_finding_name(recording->findings[i].kind));
    }
    cr_assert_eq(rig->finding_count, expected, "%s: %s", recording->file,
                 rig->finding_count > 0 ? rig->findings[rig->finding_count - 1].text
                                        : "no findings");
}

static bool load(const char *file, struct lr_capture *capture) {
    struct lr_error error = {0};
    struct lr_buf bytes;
    char name[64];
    lr_buf_init(&bytes, lr_alloc_system());
    (void)snprintf(name, sizeof name, "captures/%s.jsonl", file);
    bool loaded = lr_test_read_file(LR_GOLDEN_DIR, name, &bytes) == LR_OK &&
                  lr_capture_parse(capture, lr_alloc_system(), lr_buf_data(&bytes),
                                   lr_buf_size(&bytes), &error) == LR_OK;
    lr_buf_deinit(&bytes);
    return loaded;
}

static void play(const struct recording *recording, size_t chunk) {
    struct lr_counting_alloc counting;
    struct lr_capture capture;
    struct ledger_rig rig;
    cr_assert(load(recording->file, &capture), "%s cannot be read", recording->file);
    lr_counting_alloc_init(&counting, lr_alloc_system());
    cr_assert(lr_rig_init(&rig, &counting.base));
    rig.chunk = chunk;
    lr_rig_play(&rig, &capture);
    cr_assert_eq(lr_ledger_health(rig.ledger), LR_OK);
    cr_assert_eq(lr_ledger_account_count(rig.ledger), recording->count, "%s: %zu sessions",
                 recording->file, lr_ledger_account_count(rig.ledger));
    for (size_t i = 0; i < recording->count; i++) {
        check_session(recording, i, lr_ledger_account(rig.ledger, (uint32_t)i + 1));
    }
    check_findings(recording, &rig);
    lr_rig_deinit(&rig);
    lr_capture_deinit(&capture);
    cr_assert_eq(counting.live_bytes, 0U);
}

Test(ledger_capture, sees_recorded_sessions_as_they_were_read) {
    for (size_t i = 0; i < LR_COUNT_OF(recordings); i++) {
        play(&recordings[i], SIZE_MAX);
    }
}

Test(ledger_capture, sees_the_same_byte_by_byte) {
    for (size_t i = 0; i < LR_COUNT_OF(recordings); i++) {
        play(&recordings[i], 1);
    }
}

Test(ledger_capture, sees_the_same_in_pieces_of_thirteen_bytes) {
    for (size_t i = 0; i < LR_COUNT_OF(recordings); i++) {
        play(&recordings[i], 13);
    }
}

static struct ledger_rig poor;
static struct lr_capture recorded;

static void play_recorded(void) {
    lr_rig_play(&poor, &recorded);
}

static void expect_followed(void) {
    cr_assert_gt(lr_ledger_timeline_count(poor.ledger), 5U);
}

Test(ledger_capture, survives_each_allocation_failure_in_a_recorded_session, .timeout = 100) {
    static const char *const files[] = {FFI "03_session_clean", LEGACY "09_pending_priority",
                                        LEGACY "13_tracker_bad_clients"};
    for (size_t i = 0; i < LR_COUNT_OF(files); i++) {
        cr_assert(load(files[i], &recorded));
        lr_rig_each_failure(&poor, play_recorded, expect_followed);
        lr_capture_deinit(&recorded);
    }
}
