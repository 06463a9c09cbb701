/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, direct connects and summaries: from their beginning, over the tries that a request has,
 * to their result. Where an ask waits (a tracker's connection, a session being opened) is left when
 * it ends, so that a request that was given up holds nothing: the tracker withdraws it when its
 * connection closes, a server that was granted already sees its connection end. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/client_parts.h"

const struct lr_request_options lr_request_options_default = {
    .priority = 1, .session_timeout_ns = 0, .wait_ns = 0, .tries = 5};

static bool opens_session(const struct client_ask *ask) {
    return ask->op.kind != CLIENT_ASK_SUMMARY;
}

static void free_ask(struct client_ask *ask) {
    struct lr_alloc *alloc = lr_client_alloc(ask->op.client);
    lr_alloc_free(alloc, ask->key, ask->key_size + 1);
    LR_FREE(alloc, ask);
}

static void end_ask(struct client_ask *ask) {
    struct lr_client *client = ask->op.client;
    lr_timers_disarm(&client->timers, &ask->timer);
    client->session_count -= opens_session(ask) ? 1 : 0;
    client->ask_count--;
    lr_client_op_end(&ask->op);
    free_ask(ask);
}

/* A new ask for |key|, entered in the client's tables; LR_ENOMEM: nothing is there. */
static enum lr_status begin_ask(struct lr_client *client, enum client_op_kind kind,
                                struct lr_text key, struct client_ask **out) {
    struct client_ask *ask = LR_NEW(lr_client_alloc(client), struct client_ask);
    if (ask == NULL) {
        return LR_ENOMEM;
    }
    ask->op.client = client;
    ask->key = lr_alloc_string(lr_client_alloc(client), key.size == 0 ? "" : key.data, key.size);
    ask->key_size = key.size;
    ask->timer.kind = CLIENT_TIMER_WAIT;
    ask->wait_until = LR_TIME_NEVER;
    if (ask->key == NULL || lr_client_op_begin(client, &ask->op, kind) != LR_OK) {
        free_ask(ask);
        return LR_ENOMEM;
    }
    client->session_count += opens_session(ask) ? 1 : 0;
    client->ask_count++;
    *out = ask;
    return LR_OK;
}

/* Whether the client can take another ask on. */
static enum lr_status check_room(const struct lr_client *client, bool session) {
    if (client->closed) {
        return LR_ECLOSED;
    }
    if (client->ask_count >= client->options.asks_max ||
        (session && client->session_count >= client->options.sessions_max)) {
        return LR_EBUSY;
    }
    return LR_OK;
}

static bool is_key(const struct lr_client *client, struct lr_text key) {
    return key.size <= client->options.key_bytes_max && lr_text_is_utf8(key);
}

static enum lr_status ask_tracker(struct client_ask *ask, lr_time now, lr_op *op) {
    lr_op number = ask->op.number;
    enum lr_status status = lr_client_tracker_ask(ask, now);
    if (status != LR_OK) {
        end_ask(ask);
        return status;
    }
    lr_timers_arm(&ask->op.client->timers, &ask->timer, ask->wait_until);
    *op = number;
    return LR_OK;
}

enum lr_status lr_client_request(struct lr_client *client, lr_time now, struct lr_text key,
                                 const struct lr_request_options *options, lr_op *op) {
    enum lr_status status = check_room(client, true);
    if (status != LR_OK) {
        return status;
    }
    if (client->tracker_host == NULL || options->tries == 0 || !is_key(client, key)) {
        return LR_EINVAL;
    }
    struct client_ask *ask;
    status = begin_ask(client, CLIENT_ASK_REQUEST, key, &ask);
    if (status != LR_OK) {
        return status;
    }
    ask->options = *options;
    ask->tries_left = options->tries - 1;
    ask->wait_until = options->wait_ns == 0 ? LR_TIME_NEVER : lr_time_add(now, options->wait_ns);
    return ask_tracker(ask, now, op);
}

enum lr_status lr_client_summary(struct lr_client *client, lr_time now, bool held, lr_op *op) {
    enum lr_status status = check_room(client, false);
    if (status != LR_OK) {
        return status;
    }
    if (client->tracker_host == NULL) {
        return LR_EINVAL;
    }
    struct client_ask *ask;
    status = begin_ask(client, CLIENT_ASK_SUMMARY, lr_text_of(""), &ask);
    if (status != LR_OK) {
        return status;
    }
    ask->held = held;
    return ask_tracker(ask, now, op);
}

enum lr_status lr_client_connect(struct lr_client *client, lr_time now,
                                 const struct lr_address *address, struct lr_text key,
                                 uint64_t session_timeout_ns, lr_op *op) {
    enum lr_status status = check_room(client, true);
    if (status != LR_OK) {
        return status;
    }
    if (address->host[0] == '\0' || address->port == 0 || !is_key(client, key)) {
        return LR_EINVAL;
    }
    struct client_ask *ask;
    status = begin_ask(client, CLIENT_ASK_CONNECT, key, &ask);
    if (status != LR_OK) {
        return status;
    }
    ask->options.session_timeout_ns = session_timeout_ns;
    status = lr_client_connect_begin(ask, now, address, key);
    if (status != LR_OK) {
        end_ask(ask);
        return status;
    }
    *op = ask->op.number;
    return LR_OK;
}

void lr_client_ask_finish(struct client_ask *ask, lr_time now, const struct lr_error *error) {
    if (ask->tracker != NULL) {
        lr_client_tracker_withdraw(ask, now);
    }
    if (ask->session != NULL) {
        LR_ASSERT(error != NULL);
        struct lr_session *session = ask->session;
        session->opening = NULL; /* so that its end does not come back here */
        ask->session = NULL;
        lr_client_session_end(session, now, CLIENT_END_SHUTDOWN, error);
        lr_client_link_bury(&session->link);
    }
    lr_client_op_answer(&ask->op, now, error);
    end_ask(ask);
}

void lr_client_ask_timer(struct client_ask *ask, lr_time now) {
    struct lr_error error = {0};
    char waited[32];
    (void)lr_error_set(&error, LR_ETIMEOUT, "no server was granted within %s",
                       lr_text_duration(waited, sizeof waited, ask->options.wait_ns));
    LR_CLIENT_TRACE(ask->op.client, now, WITHDRAW, 0, "request %" PRIu32 ": %s", ask->op.number,
                    error.text);
    lr_client_ask_finish(ask, now, &error);
}

/* Whether the same may go better with another grant. A server that breaks the protocol or answers
 * with an exception is not tried again: its fault would be hidden. */
static bool may_go_better(enum lr_status code) {
    return code == LR_EREFUSED || code == LR_ERESET || code == LR_ECLOSED || code == LR_ETIMEOUT ||
           code == LR_EIO;
}

void lr_client_ask_failed(struct client_ask *ask, lr_time now, const struct lr_error *error) {
    struct lr_client *client = ask->op.client;
    struct lr_error last = *error;
    LR_ASSERT(ask->session == NULL && ask->tracker == NULL);
    if (ask->tries_left > 0 && may_go_better(last.code) && now < ask->wait_until) {
        ask->tries_left--;
        LR_CLIENT_TRACE(client, now, RETRY, 0, "request %" PRIu32 " is put again: %s",
                        ask->op.number, last.text);
        enum lr_status status = lr_client_tracker_ask(ask, now);
        if (status == LR_OK) {
            lr_timers_arm(&client->timers, &ask->timer, ask->wait_until);
            return;
        }
        (void)lr_error_set(&last, status, "cannot ask the tracker again: %s",
                           lr_status_text(status));
    }
    lr_client_ask_finish(ask, now, &last);
}

/* The address that a tracker granted; it is the tracker's word, so it is looked at. */
static enum lr_status read_address(const struct lr_client *client,
                                   const struct lr_tracker_answer *answer,
                                   struct lr_address *address, struct lr_error *error) {
    char quoted[128];
    if (answer->host.size == 0 || answer->host.size >= sizeof address->host ||
        memchr(answer->host.data, '\0', answer->host.size) != NULL || answer->port == 0) {
        return lr_error_set(error, LR_EPROTO, "the tracker granted no usable address: %s, port %u",
                            lr_text_quote(quoted, sizeof quoted, answer->host),
                            (unsigned int)answer->port);
    }
    if (!is_key(client, answer->matchkey)) {
        return lr_error_set(error, LR_EPROTO, "the tracker granted no usable matchkey");
    }
    memcpy(address->host, answer->host.data, answer->host.size);
    address->host[answer->host.size] = '\0';
    address->port = answer->port;
    return LR_OK;
}

void lr_client_ask_granted(struct client_ask *ask, lr_time now, struct lr_tracker_answer *answer) {
    struct lr_client *client = ask->op.client;
    struct lr_error error = {0};
    struct lr_address address = {.port = 0};
    lr_timers_disarm(&client->timers, &ask->timer);
    if (answer->code != LR_TRACKER_SUCCESS) {
        (void)lr_error_set(&error, LR_EREFUSED, "the tracker refused the request, code %" PRId64,
                           answer->code);
    } else if (read_address(client, answer, &address, &error) == LR_OK) {
        LR_CLIENT_TRACE(client, now, GRANT, 0, "request %" PRIu32 " got " LR_ADDRESS_FORMAT,
                        ask->op.number, LR_ADDRESS_WORDS(address.host, address.port));
        if (lr_client_connect_begin(ask, now, &address, answer->matchkey) == LR_OK) {
            return;
        }
        (void)lr_error_set(&error, LR_ENOMEM, "no memory to connect to " LR_ADDRESS_FORMAT,
                           LR_ADDRESS_WORDS(address.host, address.port));
    }
    lr_client_ask_finish(ask, now, &error);
}

void lr_client_ask_opened(struct client_ask *ask, lr_time now) {
    struct lr_session *session = ask->session;
    ask->session = NULL;
    session->opening = NULL;
    session->references = 1;
    session->link.client->session_count++; /* its own place, as the ask's goes */
    ask->op.result->result.kind = LR_ANSWER_SESSION;
    ask->op.result->result.session = session;
    lr_client_ask_finish(ask, now, NULL);
}
