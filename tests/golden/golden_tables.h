/* SPDX-License-Identifier: Apache-2.0 */
/* What the captures hold: messages counted by a program that shares no code with ours. */
#ifndef LR_TEST_GOLDEN_TABLES_H
#define LR_TEST_GOLDEN_TABLES_H

#include "golden_walk.h"

struct golden_file {
    const char *name;
    enum lr_dialect dialect;
    struct golden_counts counts; /* words, keys, requests, answers, packets, refused */
};

static const struct golden_file golden_files[] = {
    {"ffi-v0.26/01_tracker_summary", LR_DIALECT_FFI, {4, 0, 4, 4, 0, 0}},
    {"ffi-v0.26/02_server_register", LR_DIALECT_FFI, {6, 1, 11, 11, 0, 0}},
    {"ffi-v0.26/03_session_clean", LR_DIALECT_FFI, {6, 2, 5, 5, 41, 0}},
    {"ffi-v0.26/04_copy", LR_DIALECT_FFI, {6, 2, 4, 4, 549, 0}},
    {"ffi-v0.26/06a_client_sigkill_idle", LR_DIALECT_FFI, {14, 4, 9, 8, 12, 0}},
    {"ffi-v0.26/06b_client_sigkill_midcall", LR_DIALECT_FFI, {14, 4, 8, 8, 12, 1}},
    {"ffi-v0.26/06c_client_sigstop", LR_DIALECT_FFI, {10, 4, 6, 6, 13, 0}},
    {"ffi-v0.26/08_handshake_bad_keys", LR_DIALECT_FFI, {14, 5, 5, 5, 0, 3}},
    {"ffi-v0.26/08b_silent_connection_blocks_server", LR_DIALECT_FFI, {4, 0, 5, 5, 0, 0}},
    {"ffi-v0.26/08c_empty_key_kills_listener", LR_DIALECT_FFI, {3, 0, 2, 2, 0, 1}},
    {"ffi-v0.26/08d_invalid_utf8_key", LR_DIALECT_FFI, {3, 0, 2, 2, 0, 1}},
    {"ffi-v0.26/08e_bad_timeout_option", LR_DIALECT_FFI, {6, 1, 3, 3, 0, 1}},
    {"ffi-v0.26/09_pending_priority", LR_DIALECT_FFI, {16, 6, 9, 8, 9, 0}},
    {"ffi-v0.26/09b_pending_disconnect_leak", LR_DIALECT_FFI, {4, 0, 5, 4, 0, 0}},
    {"ffi-v0.26/10_session_timeout", LR_DIALECT_FFI, {10, 4, 6, 6, 19, 0}},
    {"ffi-v0.27/20_calls_of_every_kind", LR_DIALECT_FFI, {6, 2, 9, 9, 155, 0}},
    {"ffi-v0.27/21_devices_and_streams", LR_DIALECT_FFI, {6, 2, 6, 6, 67, 0}},
    {"legacy-v0.10.0/01_tracker_summary", LR_DIALECT_LEGACY, {4, 0, 4, 4, 0, 0}},
    {"legacy-v0.10.0/02_server_register", LR_DIALECT_LEGACY, {6, 1, 11, 11, 0, 0}},
    {"legacy-v0.10.0/03_session_clean", LR_DIALECT_LEGACY, {6, 2, 5, 5, 41, 0}},
    {"legacy-v0.10.0/04_copy", LR_DIALECT_LEGACY, {6, 2, 4, 4, 549, 0}},
    {"legacy-v0.10.0/05_errors", LR_DIALECT_LEGACY, {6, 2, 4, 4, 83, 0}},
    {"legacy-v0.10.0/06a_client_sigkill_idle", LR_DIALECT_LEGACY, {20, 6, 14, 14, 18, 0}},
    {"legacy-v0.10.0/06b_client_sigkill_midcall", LR_DIALECT_LEGACY, {14, 4, 9, 8, 11, 0}},
    {"legacy-v0.10.0/06c_client_sigstop", LR_DIALECT_LEGACY, {10, 4, 6, 6, 12, 0}},
    {"legacy-v0.10.0/06e_client_reset", LR_DIALECT_LEGACY, {6, 2, 4, 4, 0, 0}},
    {"legacy-v0.10.0/06f_client_cut_packet", LR_DIALECT_LEGACY, {6, 2, 4, 4, 1, 1}},
    {"legacy-v0.10.0/08_handshake_bad_keys", LR_DIALECT_LEGACY, {14, 5, 5, 5, 0, 3}},
    {"legacy-v0.10.0/08b_silent_connection_blocks_server", LR_DIALECT_LEGACY, {6, 0, 6, 6, 0, 0}},
    {"legacy-v0.10.0/08c_empty_key_kills_listener", LR_DIALECT_LEGACY, {3, 0, 2, 2, 0, 1}},
    {"legacy-v0.10.0/08d_invalid_utf8_key", LR_DIALECT_LEGACY, {3, 0, 2, 2, 0, 1}},
    {"legacy-v0.10.0/08e_bad_timeout_option", LR_DIALECT_LEGACY, {6, 1, 3, 3, 0, 1}},
    {"legacy-v0.10.0/09_pending_priority", LR_DIALECT_LEGACY, {16, 6, 9, 8, 9, 0}},
    {"legacy-v0.10.0/09b_pending_disconnect_leak", LR_DIALECT_LEGACY, {4, 0, 5, 4, 0, 0}},
    {"legacy-v0.10.0/10_session_timeout", LR_DIALECT_LEGACY, {10, 4, 6, 6, 17, 0}},
    {"legacy-v0.10.0/13_tracker_bad_clients", LR_DIALECT_LEGACY, {44, 0, 30, 26, 0, 13}},
    {"legacy-v0.10.0/14_server_key_with_colon", LR_DIALECT_LEGACY, {4, 0, 4, 4, 0, 0}},
    {"legacy-v0.16/21_devices_and_streams", LR_DIALECT_LEGACY, {6, 2, 5, 5, 65, 0}},
    {"legacy-v0.19/20_calls_of_every_kind", LR_DIALECT_LEGACY, {6, 2, 4, 4, 157, 0}},
};

#define CLIENT LR_CAPTURE_TO_SERVER

static const struct golden_refusal golden_refusals[] = {
    {"ffi-v0.26/06b_client_sigkill_midcall", 7, CLIENT, 1, LR_ETRUNCATED, "ends inside"},
    {"ffi-v0.26/08_handshake_bad_keys", 4, CLIENT, 1, LR_EPROTO, "does not begin with client:"},
    {"ffi-v0.26/08_handshake_bad_keys", 5, CLIENT, 0, LR_EPROTO, "no magic"},
    {"ffi-v0.26/08_handshake_bad_keys", 6, CLIENT, 0, LR_EPROTO, "no magic"},
    {"ffi-v0.26/08c_empty_key_kills_listener", 2, CLIENT, 1, LR_EPROTO, "key is empty"},
    {"ffi-v0.26/08d_invalid_utf8_key", 2, CLIENT, 1, LR_EPROTO, "is not UTF-8"},
    {"ffi-v0.26/08e_bad_timeout_option", 3, CLIENT, 1, LR_EPROTO,
     "\"abc\" is no number of seconds"},
    {"legacy-v0.10.0/06f_client_cut_packet", 3, CLIENT, 2, LR_ETRUNCATED, "ends inside"},
    {"legacy-v0.10.0/08_handshake_bad_keys", 4, CLIENT, 1, LR_EPROTO,
     "does not begin with client:"},
    {"legacy-v0.10.0/08_handshake_bad_keys", 5, CLIENT, 0, LR_EPROTO, "no magic"},
    {"legacy-v0.10.0/08_handshake_bad_keys", 6, CLIENT, 0, LR_EPROTO, "no magic"},
    {"legacy-v0.10.0/08c_empty_key_kills_listener", 2, CLIENT, 1, LR_EPROTO, "key is empty"},
    {"legacy-v0.10.0/08d_invalid_utf8_key", 2, CLIENT, 1, LR_EPROTO, "is not UTF-8"},
    {"legacy-v0.10.0/08e_bad_timeout_option", 3, CLIENT, 1, LR_EPROTO,
     "\"abc\" is no number of seconds"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 2, CLIENT, 0, LR_EPROTO, "0x4d2 is no magic"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 8, CLIENT, 1, LR_EPROTO, "not JSON at byte"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 9, CLIENT, 1, LR_EPROTO, "unknown code 99"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 10, CLIENT, 1, LR_EPROTO, "this is an object"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 11, CLIENT, 1, LR_EPROTO,
     "begins with its code, this one with nothing"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 12, CLIENT, 1, LR_EPROTO, "empty message"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 13, CLIENT, 1, LR_EPROTO, "framer"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 14, CLIENT, 1, LR_ELIMIT, "framer"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 16, CLIENT, 1, LR_EPROTO, "priority is a string"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 17, CLIENT, 2, LR_EPROTO, "priority is a string"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 18, CLIENT, 1, LR_EPROTO,
     "[port, matchkey] is nothing"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 20, CLIENT, 1, LR_EPROTO, "key is null"},
    {"legacy-v0.10.0/13_tracker_bad_clients", 21, CLIENT, 1, LR_EPROTO, "the info is an integer"},
};

#undef CLIENT

#endif
