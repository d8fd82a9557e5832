/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: the two clocks: one for deadlines, one for what tokens and people mean. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* What the core is told instead of reading a clock. */
struct now {
    int64_t mono_ms; /* CLOCK_BOOTTIME: goes on while the machine sleeps, never back */
    int64_t wall_ms; /* Unix time in milliseconds: may jump */
};

struct now clock_now(void);
uint64_t clock_mono_ns(void);

/* A time of RFC 3339 section 5.6 with any offset; beyond milliseconds it is cut. MCP_AUTH_E_INVALID. */
MUST_CHECK int clock_rfc3339_read(struct bytes text, int64_t *ret_ms);

#define CLOCK_RFC3339_SIZE 25 /* "2026-11-23T00:25:01.123Z" and its NUL */
/* UTC with milliseconds (RFC 3339 section 5.6). Years outside 0..9999 are clamped. */
void clock_rfc3339(int64_t wall_ms, char ret[CLOCK_RFC3339_SIZE]);

#endif
