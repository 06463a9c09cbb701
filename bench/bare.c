/* SPDX-License-Identifier: Apache-2.0 */
/* The bare-socket program: what the wire itself costs. One executable, a role a process. */
#include "bench/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/net.h"

/* uint64 length, int32 code, then the sequence: int32 count, (int32 code, value).. in TVM's newer
 * dialect. */
static const uint8_t init[] = {0x15, 0, 0, 0, 0, 0,   0,   0,   2,   0,   0, 0, 5, 0, 0,
                               0,    0, 0, 0, 0, '0', '.', '8', '.', '0', 0, 0, 0, 0};
static const uint8_t get[] = {0x23, 0,   0,   0,   0,   0,   0,   0,   9,   0,   0,
                              0,    1,   0,   0,   0,   8,   0,   0,   0,   15,  0,
                              0,    0,   0,   0,   0,   0,   'r', 'p', 'c', '.', 't',
                              'e',  's', 't', '.', 'a', 'd', 'd', 'o', 'n', 'e'};
static const uint8_t got[] = {0x14, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0,
                              0,    0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
static const uint8_t call[] = {0x1c, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                               0,    0, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t called[] = {0x20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,
                                 1,    0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t give_back[] = {0x14, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 1, 0,
                                    0,    0, 4, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0};
const uint8_t bare_void[BARE_VOID] = {0x0c, 0, 0, 0, 0, 0, 0, 0, 4, 0,
                                      0,    0, 1, 0, 0, 0, 0, 0, 0, 0};
const uint8_t bare_shutdown[12] = {4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};

const struct bare_exchange bare_exchanges[BARE_EXCHANGES] = {
    [BARE_INIT] = {init, sizeof init, bare_void, BARE_VOID},
    [BARE_GET] = {get, sizeof get, got, sizeof got},
    [BARE_CALL] = {call, sizeof call, called, sizeof called},
    [BARE_FREE] = {give_back, sizeof give_back, bare_void, BARE_VOID},
};

struct bare_grant bare_request(int tracker) {
    char text[BARE_GRANT_MAX];
    struct bare_grant grant = {.port = 0};
    bench_write_message(tracker, "[4, \"" BENCH_KEY "\", \"\", 1]");
    size_t length = bench_read_message(tracker, text, sizeof text);
    /* [0, ["127.0.0.1", PORT, "MATCHKEY"]] */
    const char *port = strstr(text, "\", ");
    const char *key = port == NULL ? NULL : strstr(port, ", \"");
    if (key == NULL || length < 4) {
        bench_die("this is no grant: %s", text);
    }
    grant.port = (uint16_t)strtoul(port + 3, NULL, 10);
    memcpy(grant.matchkey, key + 3, (size_t)(text + length - 3 - (key + 3)));
    return grant;
}

int bare_open(const struct bare_grant *grant) {
    uint8_t bytes[15 + BARE_GRANT_MAX] = {0x71, 0xf2, 0x0f, 0};
    uint8_t answer[BARE_GREETED];
    size_t size = strlen(grant->matchkey);
    int made = bench_connect(grant->port);
    bytes[4] = (uint8_t)(7 + size);
    memcpy(bytes + 8, "client:", 7);
    memcpy(bytes + 15, grant->matchkey, size);
    bench_write(made, bytes, 15 + size);
    bench_read(made, answer, sizeof answer);
    return made;
}

static const struct {
    const char *name;
    const char *arguments;
    int count;
    int (*run)(char **arguments);
} programs[] = {
    {"tracker", "PORT CLIENTS", 2, bare_tracker},
    {"server", "PORT TRACKER_PORT SLOTS", 3, bare_server},
    {"client", "TRACKER_PORT CLIENTS", 2, bare_client},
    {"farm-tracker", "PORT SERVERS", 2, bare_farm_tracker},
    {"farm", "TRACKER_PORT SERVERS", 2, bare_farm},
    {"array-server", "PORT BYTES", 2, bare_array_server},
    {"array-client", "PORT BYTES", 2, bare_array_client},
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof programs / sizeof programs[0] && argc > 1; i++) {
        if (strcmp(argv[1], programs[i].name) == 0 && argc == 2 + programs[i].count) {
            return programs[i].run(argv + 2);
        }
    }
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        (void)fprintf(stderr, "usage: %s %s %s\n", argv[0], programs[i].name,
                      programs[i].arguments);
    }
    return 2;
}
