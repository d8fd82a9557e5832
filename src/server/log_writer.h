/* SPDX-License-Identifier: Apache-2.0 */
/* log_writer.h: the log's way out: records from any thread, written by one that may wait. */
#ifndef SERVER_LOG_WRITER_H
#define SERVER_LOG_WRITER_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/log.h"

/* Lines that wait while standard error is blocked: 1 MiB, about 8,000 of them; what comes beyond
 * is counted and the count is told when it flows again. */
#define LOG_QUEUE_BYTES_MAX (1024u * 1024u)
#define LOG_LINE_SIZE_MAX 4096u

/* Starts the thread and makes it the log's destination. A process has one log: a second start
 * shares the first, and each needs its own stop. One thread at a time. MCP_AUTH_E_NOMEM,
 * MCP_AUTH_E_SYSTEM. */
MUST_CHECK int log_writer_start(enum log_level at_least, bool json);
/* Writes what waits, for at most a second when standard error takes nothing, and ends. */
void log_writer_stop(void);
/* In the only thread of a forked child: the writer's thread is not here, and what waited is the
 * parent's to write. It may be started anew. */
void log_writer_forked(void);

#endif
