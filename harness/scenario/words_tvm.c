/* SPDX-License-Identifier: Apache-2.0 */
/* Real TVM on the stage: its tracker, its server, and a client program that is stepped. Each is a
 * program of the environment that `tvm = "ffi"` or "legacy" names; where the machine has none, the
 * case is not run. */
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_of_world.h"

enum { WORD_MAX = 32, STARTUP_SECONDS = 40 };

/* The interpreter for option tvm; ends the case as not run where there is none. */
static const char *check_python(lua_State *lua) {
    return lr_words_interpreter(lua, &lr_play_of(lua)->stage->options.tvm->environments, "real TVM",
                                lr_option_string(lua, 2, "tvm", "ffi"));
}

struct command {
    const char *argv[WORD_MAX];
    int count;
    char port[8];
    char port_end[8];
    char tracker[LR_HOST_MAX + 8];
};

static void add(struct command *command, const char *word) {
    if (command->count + 1 < WORD_MAX) {
        command->argv[command->count++] = word;
        command->argv[command->count] = NULL;
    }
}

static void add_pair(struct command *command, const char *option, const char *value) {
    add(command, option);
    add(command, value);
}

static void begin_command(struct command *command, const char *python, const char *module,
                          const char *host, uint16_t port) {
    *command = (struct command){.count = 0};
    (void)snprintf(command->port, sizeof command->port, "%u", (unsigned int)port);
    (void)snprintf(command->port_end, sizeof command->port_end, "%u", (unsigned int)port + 1);
    add(command, python);
    add_pair(command, "-m", module);
    add_pair(command, "--host", host);
    add_pair(command, "--port", command->port);
    add_pair(command, "--port-end", command->port_end);
}

static const char *const quiet_env[] = {"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", NULL};

static struct lr_party *start(lua_State *lua, const struct command *command, bool stepped) {
    struct lr_stage_program options = {.name = lr_option_string(lua, 2, "name", NULL),
                                       .argv = command->argv,
                                       .env = quiet_env,
                                       .stepped = stepped};
    struct lr_party *party = NULL;
    struct lr_error error = {.code = LR_OK};
    if (lr_stage_program(lr_play_of(lua)->stage, &options, &party, &error) != LR_OK) {
        lr_words_raise(lua, &error);
    }
    return party;
}

/* What a foreign service is waited for by. */
struct starting {
    struct lr_party *party;
    size_t free_before; /* of its key, where it registers */
    bool registers;
    bool ended;
};

static bool service_up(void *context) {
    struct starting *starting = context;
    struct lr_party *party = starting->party;
    int exit_status;
    int signal_number;
    starting->ended = lr_program_ended(party->program, &exit_status, &signal_number, NULL) ||
                      lr_program_health(party->program) != LR_OK;
    if (starting->registers) {
        struct lr_queue_account queue =
            lr_ledger_queue(party->stage->ledger, lr_text_of(party->key));
        return starting->ended || queue.free > starting->free_before;
    }
    return starting->ended || strstr(lr_program_log(party->program), "bind to") != NULL;
}

static int service_started(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct starting *starting = lua_touserdata(lua, -1);
    if (starting->ended || !service_up(starting)) {
        struct lr_play *play = lr_play_of(lua);
        (void)snprintf(play->unready, sizeof play->unready, "%s did not start: %.160s",
                       starting->party->name, lr_program_log(starting->party->program));
        return luaL_error(lua, "%s", play->unready);
    }
    lr_push_party(lua, starting->party);
    return 1;
}

static int wait_service(lua_State *lua, struct lr_party *party, bool registers, size_t before) {
    struct starting *starting = lua_newuserdatauv(lua, sizeof *starting, 0);
    *starting = (struct starting){.party = party, .registers = registers, .free_before = before};
    lr_time until = lr_time_add(lr_world_now(party->stage->world), STARTUP_SECONDS * LR_SECOND);
    return lr_play_wait(lua, service_up, starting, until, 0, service_started);
}

static uint16_t check_port(lua_State *lua, const char *host) {
    uint16_t port = lr_world_free_port(lr_play_of(lua)->stage->world, host);
    if (port == 0) {
        luaL_error(lua, "no port is free on %s", host);
    }
    return port;
}

/* Puts a relay of ours before the program's service at |target|; others reach it there. */
static void add_relay(lua_State *lua, struct lr_party *party, enum lr_plane plane, uint16_t port,
                      const struct lr_address *target) {
    struct lr_error error = {.code = LR_OK};
    if (lr_live_relay(party->stage->live, party->name, plane, "127.0.0.1", port, target,
                      &party->relay, &error) != LR_OK) {
        lr_words_raise(lua, &error);
    }
    lr_words_reached_at(lua, party, "127.0.0.1");
    party->service.port = lr_relay_port(party->relay);
}

/* w:tvm_tracker { tvm = "ffi" }: real TVM's tracker, behind a relay. */
int lr_world_word_tvm_tracker(lua_State *lua) {
    static const char *const known[] = {"name", "tvm", NULL};
    lr_words_check_options(lua, 2, "tvm_tracker", known);
    const char *python = check_python(lua);
    struct lr_address target = {.host = "127.0.0.1", .port = check_port(lua, "127.0.0.1")};
    struct command command;
    begin_command(&command, python, "tvm.exec.rpc_tracker", target.host, target.port);
    struct lr_party *party = start(lua, &command, false);
    add_relay(lua, party, LR_PLANE_CONTROL, 0, &target);
    return wait_service(lua, party, false, 0);
}

/* w:tvm_server { tvm = "ffi", key = "test", tracker = t }: real TVM's server. Its clients may be
 * foreign, so it sits behind a relay: same port on another loopback address, which --custom-addr
 * hides. With direct = true it has none, and only our own clients are watched, at their ends. */
int lr_world_word_tvm_server(lua_State *lua) {
    static const char *const known[] = {"name", "tvm", "key", "tracker", "direct", NULL};
    lr_words_check_options(lua, 2, "tvm_server", known);
    const char *python = check_python(lua);
    /* A relay on its host would hide from it that another one has fallen silent. */
    const bool of_hosts = lr_live_has_net(lr_play_of(lua)->stage->live);
    bool direct = lr_option_boolean(lua, 2, "direct", of_hosts);
    struct lr_party *tracker = lr_option_party(lua, 2, "tracker");
    const char *key = lr_option_string(lua, 2, "key", "");
    struct lr_address target = {.port = check_port(lua, "127.0.0.1")};
    (void)snprintf(target.host, sizeof target.host, direct ? "127.0.0.1" : "127.0.0.2");
    struct command command;
    begin_command(&command, python, "tvm.exec.rpc_server", of_hosts ? "0.0.0.0" : target.host,
                  target.port);
    if (tracker != NULL) {
        (void)snprintf(command.tracker, sizeof command.tracker, "%s:%u", tracker->service.host,
                       (unsigned int)tracker->service.port);
        add_pair(&command, "--tracker", command.tracker);
    }
    if (key[0] != '\0') {
        add_pair(&command, "--key", key);
    }
    if (!direct) {
        add_pair(&command, "--custom-addr", "127.0.0.1");
    }
    struct lr_stage *stage = lr_play_of(lua)->stage;
    size_t before = lr_ledger_queue(stage->ledger, lr_text_of(key)).free;
    struct lr_party *party = start(lua, &command, false);
    (void)snprintf(party->key, sizeof party->key, "%s", key);
    party->tracker = tracker;
    party->service.port = target.port;
    if (direct) {
        lr_words_reached_at(lua, party, target.host);
        if (lr_live_foreign_service(stage->live, party->name, LR_PLANE_DATA, &party->service) !=
            LR_OK) {
            return luaL_error(lua, "no memory to watch %s", party->name);
        }
    } else {
        add_relay(lua, party, LR_PLANE_DATA, target.port, &target);
    }
    return wait_service(lua, party, tracker != NULL, before);
}

/* w:tvm_client { tvm = "ffi" }: the stepped program of scenarios/programs over real TVM's client.
 * python = "legacy-defective" runs it in that interpreter instead of the environment's own. */
int lr_world_word_tvm_client(lua_State *lua) {
    static const char *const known[] = {"name", "tvm", "python", NULL};
    lr_words_check_options(lua, 2, "tvm_client", known);
    const char *python = check_python(lua);
    const char *other = lr_option_string(lua, 2, "python", NULL);
    if (other != NULL) {
        python = lr_words_interpreter(lua, &lr_play_of(lua)->stage->options.tvm->pythons, "CPython",
                                      other);
    }
    struct command command = {.count = 0};
    add(&command, python);
    (void)lua_pushfstring(lua, "%s/tvm_client.py", lr_play_of(lua)->stage->options.tvm->programs);
    add(&command, lua_tostring(lua, -1));
    struct lr_party *party = start(lua, &command, true);
    lr_push_party(lua, party);
    return 1;
}
