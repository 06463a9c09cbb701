/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text and as the system's structures, and the system's errors as ours. */
#include "world/live_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const struct sockaddr_in *as_v4(const struct sockaddr_storage *address) {
    return (const struct sockaddr_in *)(const void *)address;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr_storage *address) {
    return (const struct sockaddr_in6 *)(const void *)address;
}

bool lr_address_numeric(const char *host, uint16_t port, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    return uv_ip4_addr(host, port, (struct sockaddr_in *)(void *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)(void *)out) == 0;
}

uint16_t lr_address_port(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6 ? ntohs(as_v6(address)->sin6_port)
                                          : ntohs(as_v4(address)->sin_port);
}

void lr_address_set_port(struct sockaddr_storage *address, uint16_t port) {
    if (address->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
    }
}

/* An IPv4 peer of a socket that takes both kinds is written as what it is. */
static bool is_mapped(const struct sockaddr_storage *address) {
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return address->ss_family == AF_INET6 &&
           memcmp(&as_v6(address)->sin6_addr, prefix, sizeof prefix) == 0;
}

static void to_v4(const struct sockaddr_storage *from, struct sockaddr_storage *out) {
    *out = *from;
    if (is_mapped(from)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = as_v6(from)->sin6_port};
        memcpy(&v4.sin_addr, (const uint8_t *)&as_v6(from)->sin6_addr + 12, 4);
        memset(out, 0, sizeof *out);
        memcpy(out, &v4, sizeof v4);
    }
}

/* Each connection has it put into words: uv_ip4_name's snprintf is slow. */
static void write_v4(char *out, const uint8_t bytes[4]) {
    for (size_t i = 0; i < 4; i++) {
        unsigned int byte = bytes[i];
        if (byte >= 100) {
            *out++ = (char)('0' + byte / 100);
        }
        if (byte >= 10) {
            *out++ = (char)('0' + byte / 10 % 10);
        }
        *out++ = (char)('0' + byte % 10);
        *out++ = i < 3 ? '.' : '\0';
    }
}

void lr_address_split(const struct sockaddr_storage *from, struct lr_address *out) {
    struct sockaddr_storage plain;
    to_v4(from, &plain);
    out->host[0] = '\0';
    if (plain.ss_family == AF_INET6) {
        uv_ip6_name(as_v6(&plain), out->host, sizeof out->host);
    } else if (plain.ss_family == AF_INET) {
        uint8_t bytes[4];
        memcpy(bytes, &as_v4(&plain)->sin_addr, sizeof bytes);
        write_v4(out->host, bytes);
    }
    out->port = lr_address_port(&plain);
}

const char *lr_address_text(char out[LR_ADDRESS_TEXT_MAX], const struct sockaddr_storage *address) {
    struct lr_address split;
    lr_address_split(address, &split);
    bool v6 = strchr(split.host, ':') != NULL;
    snprintf(out, LR_ADDRESS_TEXT_MAX, "%s%.46s%s:%u", v6 ? "[" : "", split.host, v6 ? "]" : "",
             (unsigned int)split.port);
    return out;
}

bool lr_address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
    struct sockaddr_storage plain_a;
    struct sockaddr_storage plain_b;
    to_v4(a, &plain_a);
    to_v4(b, &plain_b);
    if (plain_a.ss_family != plain_b.ss_family) {
        return false;
    }
    return plain_a.ss_family == AF_INET6
               ? memcmp(&as_v6(&plain_a)->sin6_addr, &as_v6(&plain_b)->sin6_addr, 16) == 0
               : memcmp(&as_v4(&plain_a)->sin_addr, &as_v4(&plain_b)->sin_addr, 4) == 0;
}

bool lr_address_is_loopback(const struct sockaddr_storage *address) {
    struct sockaddr_storage plain;
    to_v4(address, &plain);
    return plain.ss_family == AF_INET6
               ? memcmp(&as_v6(&plain)->sin6_addr, &in6addr_loopback, 16) == 0
               : ntohl(as_v4(&plain)->sin_addr.s_addr) >> 24 == 127;
}

bool lr_address_is_any(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6
               ? memcmp(&as_v6(address)->sin6_addr, &in6addr_any, 16) == 0
               : as_v4(address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

enum lr_status lr_uv_status(int uv_error) {
    static const struct {
        int error;
        enum lr_status status;
    } rows[] = {
        {0, LR_OK},
        {UV_ENOMEM, LR_ENOMEM},
        {UV_EAI_MEMORY, LR_ENOMEM},
        {UV_EINVAL, LR_EINVAL},
        {UV_EADDRINUSE, LR_EEXISTS},
        {UV_EEXIST, LR_EEXISTS},
        {UV_ENOENT, LR_ENOTFOUND},
        {UV_EAI_NONAME, LR_ENOTFOUND},
        {UV_EAI_NODATA, LR_ENOTFOUND},
        {UV_EAI_AGAIN, LR_ENOTFOUND},
        {UV_EAI_FAIL, LR_ENOTFOUND},
        {UV_ETIMEDOUT, LR_ETIMEOUT},
        {UV_ECONNREFUSED, LR_EREFUSED},
        {UV_ECONNRESET, LR_ERESET},
        {UV_ECONNABORTED, LR_ERESET},
        {UV_EPIPE, LR_ERESET},
        {UV_EMFILE, LR_ELIMIT},
        {UV_ENFILE, LR_ELIMIT},
        {UV_ECANCELED, LR_ECANCELED},
        {UV_ENOTSUP, LR_ENOTSUP},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        if (rows[i].error == uv_error) {
            return rows[i].status;
        }
    }
    return LR_EIO;
}
