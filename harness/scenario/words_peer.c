/* SPDX-License-Identifier: Apache-2.0 */
/* The words of raw peers: a script's own bytes on a link of its own, as far as it likes. */
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_methods.h"
#include "scenario/words_of_world.h"

enum { PATIENCE_SECONDS = 5, MESSAGE_BYTES_MAX = 64 * 1024 * 1024 };

/* One link of a peer in a script; the peer's userdata is its user value. */
struct peer_link {
    struct lr_party *peer;
    size_t number;
};

static struct lr_raw *raw_of(lua_State *lua, const struct lr_party *party) {
    if (party->kind != LR_PARTY_PEER) {
        luaL_error(lua, "%s is no raw peer", party->name);
    }
    return party->role.raw;
}

static lr_time patience(lua_State *lua, int index) {
    uint64_t within =
        lua_isnoneornil(lua, index) ? PATIENCE_SECONDS * LR_SECOND : lr_script_duration(lua, index);
    return lr_time_add(lr_world_now(lr_play_of(lua)->stage->world), within);
}

/* What was appended to its outbox is carried out, unless it has been killed. */
static int carry_out(lua_State *lua, const struct lr_party *peer, enum lr_status status) {
    if (status != LR_OK) {
        return luaL_error(lua, "%s: %s", peer->name, lr_status_text(status));
    }
    if (peer->host != NULL) {
        lr_world_drain(peer->host);
    }
    return 0;
}

/* w:peer { name = "mute", serves = "tracker" }: a raw peer; one that serves listens. */
int lr_world_word_peer(lua_State *lua) {
    static const char *const known[] = {"name", "serves", NULL};
    lr_words_check_options(lua, 2, "peer", known);
    const char *serves = lr_option_string(lua, 2, "serves", NULL);
    bool tracker = serves != NULL && strcmp(serves, "tracker") == 0;
    if (serves != NULL && !tracker && strcmp(serves, "server") != 0) {
        return luaL_error(lua, "serves = \"%s\": it is \"tracker\" or \"server\"", serves);
    }
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    if (lr_stage_peer(lr_play_of(lua)->stage, lr_option_string(lua, 2, "name", NULL),
                      serves == NULL ? NULL : "127.0.0.1",
                      tracker ? LR_PLANE_CONTROL : LR_PLANE_DATA, &party, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    return lr_wait_party(lua, party);
}

/* The peer is at the index 1. */
static int push_link(lua_State *lua, struct lr_party *peer, size_t number) {
    struct peer_link *link = lua_newuserdatauv(lua, sizeof *link, 1);
    *link = (struct peer_link){.peer = peer, .number = number};
    lua_pushvalue(lua, 1);
    (void)lua_setiuservalue(lua, -2, 1);
    luaL_setmetatable(lua, LR_PEER_LINK_TYPE);
    return 1;
}

/* ---- how a link comes ---- */

static bool is_connected(void *context) {
    const struct peer_link *link = context;
    return lr_raw_state(link->peer->role.raw, link->number) != LR_RAW_CONNECTING;
}

static int connected(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    const struct peer_link *link = luaL_checkudata(lua, -1, LR_PEER_LINK_TYPE);
    enum lr_raw_state state = lr_raw_state(link->peer->role.raw, link->number);
    if (state == LR_RAW_CONNECTING || state == LR_RAW_REFUSED) {
        return luaL_error(lua, "%s could not connect%s", link->peer->name,
                          state == LR_RAW_REFUSED ? ": refused" : " in time");
    }
    return 1;
}

/* peer:open(service): a link to it. */
int lr_peer_word_open(lua_State *lua) {
    struct lr_party *peer = lr_check_party(lua, 1);
    struct lr_raw *raw = raw_of(lua, peer);
    const struct lr_party *service = lr_check_party(lua, 2);
    luaL_argcheck(lua, service->service.port != 0, 2, "a service");
    lr_time until = patience(lua, 3);
    size_t number = 0;
    (void)carry_out(lua, peer, lr_raw_connect(raw, &service->service, &number));
    (void)push_link(lua, peer, number);
    struct peer_link *link = luaL_checkudata(lua, -1, LR_PEER_LINK_TYPE);
    if (is_connected(link)) {
        return connected(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, is_connected, link, until, 0, connected);
}

struct accepting {
    struct lr_party *peer;
    size_t number;
    bool found;
};

static bool has_come(void *context) {
    struct accepting *accepting = context;
    if (!accepting->found) {
        accepting->found = lr_raw_next_accepted(accepting->peer->role.raw, &accepting->number);
    }
    return accepting->found;
}

static int came(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    const struct accepting *accepting = lua_touserdata(lua, -1);
    if (!accepting->found) {
        return luaL_error(lua, "nobody has connected to %s", accepting->peer->name);
    }
    return push_link(lua, accepting->peer, accepting->number);
}

/* peer:accept([within]): the next link that somebody opens to it. */
int lr_peer_word_accept(lua_State *lua) {
    struct lr_party *peer = lr_check_party(lua, 1);
    (void)raw_of(lua, peer);
    luaL_argcheck(lua, peer->serves, 1, "it serves nobody: w:peer { serves = .. }");
    lr_time until = patience(lua, 2);
    struct accepting *accepting = lua_newuserdatauv(lua, sizeof *accepting, 0);
    *accepting = (struct accepting){.peer = peer};
    if (has_come(accepting)) {
        return came(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, has_come, accepting, until, 0, came);
}

/* ---- what it says ---- */

static const struct peer_link *check_link(lua_State *lua) {
    return luaL_checkudata(lua, 1, LR_PEER_LINK_TYPE);
}

static int send_text(lua_State *lua, const struct peer_link *link, int index) {
    size_t size;
    const char *bytes = luaL_checklstring(lua, index, &size);
    return carry_out(lua, link->peer, lr_raw_send(link->peer->role.raw, link->number, bytes, size));
}

/* link:send(bytes): as they are. */
static int link_send(lua_State *lua) {
    return send_text(lua, check_link(lua), 2);
}

/* link:tell(text): a message of the tracker's plane, its length before it. */
static int link_tell(lua_State *lua) {
    size_t size;
    (void)luaL_checklstring(lua, 2, &size);
    luaL_argcheck(lua, size <= MESSAGE_BYTES_MAX, 2, "it is too long");
    const char head[] = {(char)(size & 0xff), (char)(size >> 8 & 0xff), (char)(size >> 16 & 0xff),
                         (char)(size >> 24 & 0xff)};
    lua_pushlstring(lua, head, sizeof head);
    lua_pushvalue(lua, 2);
    lua_concat(lua, 2);
    return send_text(lua, check_link(lua), lua_gettop(lua));
}

static void mark_end(lua_State *lua, const struct peer_link *link, enum lr_cause cause,
                     const char *what) {
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_words_mark(play, cause, now, now, "%s %s", link->peer->name, what);
    play->mark.if_told = cause == LR_CAUSE_SILENCE; /* it is there, and may have nothing to read */
    lr_words_mark_of(play, 0, link->peer);
}

/* link:finish(): FIN, and reads on. */
static int link_finish(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    mark_end(lua, link, LR_CAUSE_FIN, "finishes");
    return carry_out(lua, link->peer,
                     lr_raw_signal(link->peer->role.raw, link->number, LR_COMMAND_SHUT_WRITE));
}

/* link:close(): FIN, and reads no more. */
static int link_close(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    mark_end(lua, link, LR_CAUSE_FIN, "closes");
    lr_raw_end(link->peer->role.raw, link->number, false);
    return carry_out(lua, link->peer, LR_OK);
}

static int link_reset(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    mark_end(lua, link, LR_CAUSE_RST, "resets");
    lr_raw_end(link->peer->role.raw, link->number, true);
    return carry_out(lua, link->peer, LR_OK);
}

/* link:pause(), link:resume(): reads no more, and again. */
static int link_pause(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    mark_end(lua, link, LR_CAUSE_SILENCE, "reads no more");
    return carry_out(lua, link->peer,
                     lr_raw_signal(link->peer->role.raw, link->number, LR_COMMAND_PAUSE));
}

static int link_resume(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    return carry_out(lua, link->peer,
                     lr_raw_signal(link->peer->role.raw, link->number, LR_COMMAND_RESUME));
}

/* ---- what it hears ---- */

/* What a read waits for: |head| bytes of length, then as many as they say. */
struct reading {
    const struct peer_link *link;
    size_t head;
    size_t size; /* without a head */
};

/* How many bytes make it whole, as far as is known. */
static size_t size_wanted(const struct reading *reading, const uint8_t *bytes, size_t size) {
    if (reading->head == 0 || size < reading->head) {
        return reading->head == 0 ? reading->size : reading->head;
    }
    uint64_t body = 0;
    for (size_t i = reading->head; i > 0; i--) {
        body = body << 8 | bytes[i - 1];
    }
    return body > MESSAGE_BYTES_MAX ? SIZE_MAX : reading->head + (size_t)body;
}

static bool is_over(enum lr_raw_state state) {
    return state != LR_RAW_CONNECTING && state != LR_RAW_UP;
}

static bool is_whole(const struct reading *reading) {
    const uint8_t *bytes;
    size_t size = lr_raw_received(reading->link->peer->role.raw, reading->link->number, &bytes);
    return size >= size_wanted(reading, bytes, size);
}

static bool has_read(void *context) {
    const struct reading *reading = context;
    return is_whole(reading) ||
           is_over(lr_raw_state(reading->link->peer->role.raw, reading->link->number));
}

static int read_over(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    const struct reading *reading = lua_touserdata(lua, -1);
    struct lr_raw *raw = reading->link->peer->role.raw;
    const uint8_t *bytes;
    size_t size = lr_raw_received(raw, reading->link->number, &bytes);
    if (!is_whole(reading)) {
        return luaL_error(lua, "%s was not sent what it reads: %I bytes, %s",
                          reading->link->peer->name, (LUAI_UACINT)size,
                          has_read(lua_touserdata(lua, -1)) ? "and the end of the link"
                                                            : "and no more in time");
    }
    size_t wanted = size_wanted(reading, bytes, size);
    lua_pushlstring(lua, (const char *)bytes + reading->head, wanted - reading->head);
    lr_raw_take(raw, reading->link->number, wanted);
    return 1;
}

static int read_as(lua_State *lua, size_t head, size_t size, int within_index) {
    const struct peer_link *link = check_link(lua);
    lr_time until = patience(lua, within_index);
    struct reading *reading = lua_newuserdatauv(lua, sizeof *reading, 0);
    *reading = (struct reading){.link = link, .head = head, .size = size};
    if (has_read(reading)) {
        return read_over(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, has_read, reading, until, 0, read_over);
}

/* link:read(n[, within]): that many bytes. */
static int link_read(lua_State *lua) {
    lua_Integer size = luaL_checkinteger(lua, 2);
    luaL_argcheck(lua, size > 0 && size <= MESSAGE_BYTES_MAX, 2, "1 to 64 MiB");
    return read_as(lua, 0, (size_t)size, 3);
}

/* link:answer([within]): a message of the tracker's plane, without its length; so is a key of a
 * handshake. */
static int link_answer(lua_State *lua) {
    return read_as(lua, 4, 0, 2);
}

/* link:packet([within]): a packet of the data plane, its code and body, without its length. */
static int link_packet(lua_State *lua) {
    return read_as(lua, 8, 0, 2);
}

struct ending {
    const struct peer_link *link;
};

static bool has_ended(void *context) {
    const struct ending *ending = context;
    return is_over(lr_raw_state(ending->link->peer->role.raw, ending->link->number));
}

static int ended(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    static const char *const names[] = {
        [LR_RAW_CONNECTING] = NULL,
        [LR_RAW_UP] = NULL,
        [LR_RAW_REFUSED] = "refused",
        [LR_RAW_FIN] = "fin",
        [LR_RAW_RESET] = "rst",
        [LR_RAW_GONE] = "gone",
        [LR_RAW_ENDED] = "ended by itself",
    };
    const struct ending *ending = lua_touserdata(lua, -1);
    lua_pushstring(lua, names[lr_raw_state(ending->link->peer->role.raw, ending->link->number)]);
    return 1;
}

/* link:ended([within]): how the other end has ended it: "fin", "rst", "gone"; nil: not in time. */
static int link_ended(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    lr_time until = patience(lua, 2);
    struct ending *ending = lua_newuserdatauv(lua, sizeof *ending, 0);
    *ending = (struct ending){.link = link};
    if (has_ended(ending) || until == lr_world_now(link->peer->stage->world)) {
        return ended(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, has_ended, ending, until, 0, ended);
}

/* link:unread(): bytes that came and were not read. */
static int link_unread(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    const uint8_t *bytes;
    size_t size = lr_raw_received(link->peer->role.raw, link->number, &bytes);
    lua_pushinteger(lua, (lua_Integer)size);
    return 1;
}

/* link:peek(): they themselves, which may still be read. */
static int link_peek(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    const uint8_t *bytes;
    size_t size = lr_raw_received(link->peer->role.raw, link->number, &bytes);
    lua_pushlstring(lua, (const char *)bytes, size);
    return 1;
}

/* link:unsent(): bytes that were sent and wait, as the other end does not read. */
static int link_unsent(lua_State *lua) {
    const struct peer_link *link = check_link(lua);
    lua_pushinteger(lua, (lua_Integer)lr_raw_unsent(link->peer->role.raw, link->number));
    return 1;
}

void lr_words_peer(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"send", link_send},     {"tell", link_tell},   {"finish", link_finish},
        {"close", link_close},   {"reset", link_reset}, {"pause", link_pause},
        {"resume", link_resume}, {"read", link_read},   {"answer", link_answer},
        {"packet", link_packet}, {"ended", link_ended}, {"unread", link_unread},
        {"unsent", link_unsent}, {"peek", link_peek},   {NULL, NULL},
    };
    lr_words_type(lua, LR_PEER_LINK_TYPE, methods);
}
