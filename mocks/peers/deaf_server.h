/* SPDX-License-Identifier: Apache-2.0 */
/* Servers with a planted bug: they do not hear FIN. For programs that show what finds it; they are
 * linked with --wrap=lr_server_new. */
#ifndef LR_MOCKS_DEAF_SERVER_H
#define LR_MOCKS_DEAF_SERVER_H

#include <stdbool.h>

/* Whether servers that are made from now on are deaf; they are not at first. One program, one kind:
 * servers must not be made from several threads. */
void lr_deaf_servers(bool deaf);

#endif
