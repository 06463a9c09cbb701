/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world's TCP held against the kernel's: the same operations in both, and what each
 * end hears, in order, must be the same, and be what is written here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/failing.h"
#include "support/world_rig.h"

enum {
    STEPS_MAX = 12,
    BIG = 24 * 1024 * 1024, /* more than both kernels' buffers hold */
    SHORT_MS = 20,
    SETTLE_MS = 40 /* what is on its way on loopback arrives meanwhile */
};

enum operation {
    END_OF_STEPS,
    CONNECT, /* and accept */
    CONNECT_TO_NOBODY,
    STOP_LISTENING,
    SEND, /* |size| bytes */
    PAUSE,
    RESUME,
    SHUT,
    CLOSE, /* lingers for |size| ms */
    RESET,
    KILL,  /* the process */
    LEAVE, /* the process, in order */
    DRAIN, /* what was asked for so far is done at once; else with the next steps of that end */
    SETTLE /* what is under way arrives */
};

enum who { CLIENT, SERVER };

struct step {
    enum operation operation;
    enum who who;
    size_t size;
};

struct sequence {
    const char *title;
    struct step steps[STEPS_MAX];
    const char *client; /* hears */
    const char *server;
};

static const struct sequence sequences[] = {
    {"nobody listens", {{CONNECT_TO_NOBODY, CLIENT, 0}, {SETTLE, CLIENT, 0}}, "F(refused)", "L"},
    {"nobody listens any more",
     {{STOP_LISTENING, SERVER, 0}, {SETTLE, 0, 0}, {CONNECT_TO_NOBODY, CLIENT, 0}, {SETTLE, 0, 0}},
     "F(refused)",
     "L"},
    {"a listener ends and its connections live on",
     {{CONNECT, 0, 0},
      {STOP_LISTENING, SERVER, 0},
      {SETTLE, 0, 0},
      {SEND, CLIENT, 5},
      {SETTLE, 0, 0}},
     "C",
     "L A R5"},
    {"bytes both ways, then an end of each",
     {{CONNECT, 0, 0},
      {SEND, CLIENT, 10},
      {SETTLE, 0, 0},
      {SEND, SERVER, 20},
      {SETTLE, 0, 0},
      {CLOSE, CLIENT, 5000},
      {SETTLE, 0, 0},
      {CLOSE, SERVER, 5000},
      {SETTLE, 0, 0}},
     "C R20",
     "L A R10 H"},
    {"half-close: the other direction goes on",
     {{CONNECT, 0, 0},
      {SHUT, CLIENT, 0},
      {SETTLE, 0, 0},
      {SEND, SERVER, 3000},
      {SETTLE, 0, 0},
      {CLOSE, SERVER, 5000},
      {SETTLE, 0, 0}},
     "C R3000 H",
     "L A H"},
    {"bytes before a FIN arrive before it",
     {{CONNECT, 0, 0}, {SEND, CLIENT, 100}, {CLOSE, CLIENT, 5000}, {SETTLE, 0, 0}},
     "C",
     "L A R100 H"},
    {"FIN is not hidden by a pause, nor is what came before it",
     {{CONNECT, 0, 0}, {PAUSE, SERVER, 0}, {SEND, CLIENT, 100}, {SHUT, CLIENT, 0}, {SETTLE, 0, 0}},
     "C",
     "L A R100 H"},
    {"a close with bytes unread resets",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, 1000},
      {SETTLE, 0, 0},
      {CLOSE, SERVER, 0},
      {SETTLE, 0, 0}},
     "C !",
     "L A"},
    {"a close with all read is a FIN",
     {{CONNECT, 0, 0}, {SEND, CLIENT, 1000}, {SETTLE, 0, 0}, {CLOSE, SERVER, 0}, {SETTLE, 0, 0}},
     "C H",
     "L A R1000"},
    {"who writes to a closed socket is reset, and hears so with the next write",
     {{CONNECT, 0, 0},
      {CLOSE, SERVER, 0},
      {SETTLE, 0, 0},
      {SEND, CLIENT, 10},
      {SETTLE, 0, 0},
      {SEND, CLIENT, 10},
      {SETTLE, 0, 0}},
     "C H !",
     "L A"},
    {"one write to a closed socket is not heard of",
     {{CONNECT, 0, 0}, {CLOSE, SERVER, 0}, {SETTLE, 0, 0}, {SEND, CLIENT, 10}, {SETTLE, 0, 0}},
     "C H",
     "L A"},
    {"a reset is heard", {{CONNECT, 0, 0}, {RESET, CLIENT, 0}, {SETTLE, 0, 0}}, "C", "L A !"},
    {"a reset from the service is heard",
     {{CONNECT, 0, 0}, {RESET, SERVER, 0}, {SETTLE, 0, 0}},
     "C !",
     "L A"},
    {"bytes before a reset are read first",
     {{CONNECT, 0, 0}, {SEND, CLIENT, 10}, {SETTLE, 0, 0}, {RESET, CLIENT, 0}, {SETTLE, 0, 0}},
     "C",
     "L A R10 !"},
    {"a reset is not hidden by a pause, and bytes that wait are lost",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, 1000},
      {SETTLE, 0, 0},
      {RESET, CLIENT, 0},
      {SETTLE, 0, 0}},
     "C",
     "L A !"},
    {"a reset behind a FIN is heard with the next write",
     {{CONNECT, 0, 0},
      {SHUT, CLIENT, 0},
      {SETTLE, 0, 0},
      {RESET, CLIENT, 0},
      {SETTLE, 0, 0},
      {SEND, SERVER, 10},
      {SETTLE, 0, 0}},
     "C",
     "L A H !"},
    {"both close at once",
     {{CONNECT, 0, 0}, {CLOSE, CLIENT, 5000}, {CLOSE, SERVER, 5000}, {SETTLE, 0, 0}},
     "C",
     "L A"},
    {"both half-close at once",
     {{CONNECT, 0, 0}, {SHUT, CLIENT, 0}, {SHUT, SERVER, 0}, {SETTLE, 0, 0}},
     "C H",
     "L A H"},
    {"a killed client resets", {{CONNECT, 0, 0}, {KILL, CLIENT, 0}, {SETTLE, 0, 0}}, "C", "L A !"},
    {"a killed server resets, and nobody listens there",
     {{CONNECT, 0, 0},
      {KILL, SERVER, 0},
      {SETTLE, 0, 0},
      {CONNECT_TO_NOBODY, CLIENT, 0},
      {SETTLE, 0, 0}},
     "C ! F(refused)",
     "L A"},
    {"a client that leaves in order sends FIN behind its bytes",
     {{CONNECT, 0, 0}, {SEND, CLIENT, 10}, {DRAIN, CLIENT, 0}, {LEAVE, CLIENT, 0}, {SETTLE, 0, 0}},
     "C",
     "L A R10 H"},
    {"who has closed drops what comes, and does not reset",
     {{CONNECT, 0, 0},
      {CLOSE, CLIENT, 5000},
      {SETTLE, 0, 0},
      {SEND, SERVER, 100000},
      {SETTLE, 0, 0},
      {SEND, SERVER, 10},
      {CLOSE, SERVER, 5000},
      {SETTLE, 0, 0}},
     "C",
     "L A H"},
    {"when the linger is over, what comes is reset",
     {{CONNECT, 0, 0},
      {CLOSE, CLIENT, SHORT_MS},
      {SETTLE, 0, 0},
      {SEND, SERVER, 10},
      {SETTLE, 0, 0},
      {SEND, SERVER, 10},
      {SETTLE, 0, 0}},
     "C",
     "L A H !"},
    {"full buffers: the sender waits, and all arrives",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {SETTLE, 0, 0},
      {RESUME, SERVER, 0},
      {SETTLE, 0, 0}},
     "C",
     "L A R25165824"},
    {"full buffers: FIN comes behind all of it",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {CLOSE, CLIENT, 60000},
      {SETTLE, 0, 0},
      {RESUME, SERVER, 0},
      {SETTLE, 0, 0}},
     "C",
     "L A R25165824 H"},
    {"full buffers: a linger that ends before is a reset",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {CLOSE, CLIENT, SHORT_MS},
      {SETTLE, 0, 0}},
     "C",
     "L A !"},
    {"full buffers: a reset drops what has not left",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {SETTLE, 0, 0},
      {RESET, CLIENT, 0},
      {SETTLE, 0, 0}},
     "C",
     "L A !"},
    {"full buffers: who waits to write hears of a reset, though it does not read",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {PAUSE, CLIENT, 0},
      {SEND, CLIENT, BIG},
      {SETTLE, 0, 0},
      {RESET, SERVER, 0},
      {SETTLE, 0, 0}},
     "C !",
     "L A"},
    {"full buffers: a receiver that closes resets the sender",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {SETTLE, 0, 0},
      {CLOSE, SERVER, 0},
      {SETTLE, 0, 0}},
     "C !",
     "L A"},
    {"full buffers: a receiver that is killed resets the sender",
     {{CONNECT, 0, 0},
      {PAUSE, SERVER, 0},
      {SEND, CLIENT, BIG},
      {SETTLE, 0, 0},
      {KILL, SERVER, 0},
      {SETTLE, 0, 0}},
     "C !",
     "L A"},
    {"bytes and a reset at once",
     {{CONNECT, 0, 0}, {SEND, CLIENT, 10}, {RESET, CLIENT, 0}, {SETTLE, 0, 0}},
     "C",
     "L A R10 !"},
};

static struct lr_teller *teller_of(struct lr_world_rig *rig, const struct step *step) {
    return step->who == CLIENT ? &rig->client : &rig->server;
}

static void drain(struct lr_teller *teller) {
    if (teller->host != NULL) {
        lr_world_drain(teller->host);
    }
}

static void stop_listening(struct lr_world_rig *rig) {
    lr_outbox_close(&rig->server.role.outbox, rig->listener, 0);
}

static void take_step(struct lr_world_rig *rig, const struct step *step) {
    struct lr_teller *teller = teller_of(rig, step);
    switch (step->operation) {
    case END_OF_STEPS:
        break;
    case CONNECT:
        cr_assert(lr_world_rig_connect(rig));
        break;
    case CONNECT_TO_NOBODY: {
        uint16_t port = strchr(rig->server.heard, 'A') != NULL || rig->server.host == NULL
                            ? rig->server.port
                            : lr_world_free_port(rig->world, "127.0.0.1");
        cr_assert(lr_teller_connect(rig, teller, "127.0.0.1", port));
        break;
    }
    case STOP_LISTENING:
        stop_listening(rig);
        break;
    case SEND:
        lr_teller_send(teller, step->size);
        break;
    case PAUSE:
        lr_teller_signal(teller, LR_COMMAND_PAUSE);
        drain(teller);
        break;
    case RESUME:
        lr_teller_signal(teller, LR_COMMAND_RESUME);
        break;
    case SHUT:
        lr_teller_signal(teller, LR_COMMAND_SHUT_WRITE);
        break;
    case CLOSE:
        lr_teller_close(teller, step->size * LR_MS);
        break;
    case RESET:
        lr_teller_reset(teller);
        break;
    case KILL:
    case LEAVE:
        lr_teller_leave(teller, step->operation == LEAVE);
        break;
    case DRAIN:
        drain(teller);
        break;
    case SETTLE:
        drain(&rig->client);
        drain(&rig->server);
        lr_world_rig_pass(rig, SETTLE_MS * LR_MS);
        break;
    }
}

/* What arrives late on a machine that is busy has time to. */
static void wait_for(struct lr_world_rig *rig, const struct sequence *sequence) {
    lr_time limit = lr_world_now(rig->world) + 20 * LR_SECOND;
    while (lr_world_now(rig->world) < limit && (strcmp(rig->client.heard, sequence->client) != 0 ||
                                                strcmp(rig->server.heard, sequence->server) != 0)) {
        lr_world_rig_pass(rig, 10 * LR_MS);
    }
    lr_world_rig_pass(rig, 10 * LR_MS); /* for what should not come */
}

static void play(const struct sequence *sequence, const struct lr_sim_options *sim,
                 const char *world) {
    struct lr_world_rig rig;
    struct lr_counting_alloc memory;
    lr_counting_alloc_init(&memory, lr_alloc_system());
    cr_assert(lr_world_rig_init(&rig, &memory.base, sim, NULL));
    for (size_t i = 0; i < STEPS_MAX; i++) {
        take_step(&rig, &sequence->steps[i]);
    }
    wait_for(&rig, sequence);
    cr_expect_str_eq(rig.client.heard, sequence->client, "%s, %s: the client heard %s, not %s",
                     sequence->title, world, rig.client.heard, sequence->client);
    cr_expect_str_eq(rig.server.heard, sequence->server, "%s, %s: the server heard %s, not %s",
                     sequence->title, world, rig.server.heard, sequence->server);
    cr_expect(rig.client.wrong == 0 && rig.server.wrong == 0, "%s, %s", sequence->title, world);
    cr_expect(rig.client.after_end == 0 && rig.server.after_end == 0, "%s, %s", sequence->title,
              world);
    cr_expect(!rig.client.failed && !rig.server.failed);
    lr_world_rig_deinit(&rig);
    cr_expect(memory.live_bytes == 0, "%s, %s: %zu bytes left", sequence->title, world,
              memory.live_bytes);
}

Test(world_sim_kernel, each_end_hears_what_it_hears_over_the_kernel) {
    for (size_t i = 0; i < LR_COUNT_OF(sequences); i++) {
        play(&sequences[i], NULL, "the kernel's");
    }
}

Test(world_sim_kernel, each_end_hears_the_same_in_the_simulated_world) {
    for (size_t i = 0; i < LR_COUNT_OF(sequences); i++) {
        play(&sequences[i], &lr_sim_options_default, "simulated");
    }
}

/* Cuts, latency, bandwidth and small buffers change when, and in how many pieces, and nothing else.
 */
Test(world_sim_kernel, no_link_changes_what_is_heard) {
    static const struct {
        struct lr_sim_link_profile link;
        size_t buffer;
    } rows[] = {
        {{.latency_ns = 0}, (size_t)256 * 1024},
        {{.latency_ns = LR_MS, .jitter_ns = LR_MS, .segments = LR_SIM_CUTS}, (size_t)64 * 1024},
        {{.latency_ns = 10 * LR_US, .bandwidth = UINT64_C(1000000000), .segments = LR_SIM_CUTS},
         4096},
        {{.latency_ns = 3 * LR_MS, .bandwidth = UINT64_C(2000000000)}, (size_t)1024 * 1024},
    };
    for (size_t row = 0; row < LR_COUNT_OF(rows); row++) {
        struct lr_sim_options options = lr_sim_options_default;
        options.seed = row;
        options.link = rows[row].link;
        options.send_buffer = options.receive_buffer = rows[row].buffer;
        char world[32];
        (void)snprintf(world, sizeof world, "simulated, link %zu", row);
        for (size_t i = 0; i < LR_COUNT_OF(sequences); i++) {
            play(&sequences[i], &options, world);
        }
    }
}

/* ---- without memory ---- */

/* What is heard is as ever, or somebody has been told, or could not begin. */
static void play_poorly(struct lr_alloc *alloc, void *context) {
    const struct sequence *sequence = context;
    struct lr_world_rig rig;
    bool begun = lr_world_rig_init(&rig, alloc, &lr_sim_options_default, NULL);
    for (size_t i = 0; i < STEPS_MAX && begun; i++) {
        const struct step *step = &sequence->steps[i];
        if (step->operation == CONNECT) {
            begun = lr_world_rig_connect(&rig);
        } else if (step->operation != CONNECT_TO_NOBODY) {
            take_step(&rig, step);
        }
    }
    bool whole = begun && strcmp(rig.client.heard, sequence->client) == 0 &&
                 strcmp(rig.server.heard, sequence->server) == 0;
    bool told = rig.client.failed || rig.server.failed ||
                strpbrk(rig.client.heard, "XF!") != NULL ||
                strpbrk(rig.server.heard, "XN!") != NULL;
    cr_assert(whole || told || !begun, "%s: %s / %s", sequence->title, rig.client.heard,
              rig.server.heard);
    cr_assert(whole || !lr_test_must_succeed(alloc), "%s", sequence->title);
    cr_assert(rig.client.wrong == 0 && rig.server.wrong == 0);
    cr_assert(rig.client.after_end == 0 && rig.server.after_end == 0);
    lr_world_rig_deinit(&rig);
}

static bool is_small(const struct sequence *sequence) {
    for (size_t i = 0; i < STEPS_MAX; i++) {
        if (sequence->steps[i].operation == CONNECT_TO_NOBODY || sequence->steps[i].size > 10000) {
            return false;
        }
    }
    return true;
}

Test(world_sim_kernel, a_failure_of_memory_is_told_in_every_sequence) {
    for (size_t i = 0; i < LR_COUNT_OF(sequences); i++) {
        if (is_small(&sequences[i])) {
            struct sequence sequence = sequences[i];
            lr_test_each_failure(play_poorly, &sequence);
        }
    }
}
