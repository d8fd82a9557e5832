/* SPDX-License-Identifier: Apache-2.0 */
/* oom.h: what the scenarios of this program share: how to fail, and the runs that repeat them. */
#ifndef OOM_OOM_H
#define OOM_OOM_H

#include <stdbool.h>

#include "inject.h"

#define OOM_SECRET "a secret of the failing server, of 64 bytes at the very least, yes"

__attribute__((noreturn, format(printf, 1, 2))) void oom_fail(const char *format, ...);
#define OOM_CHECK(condition)                                                     \
    do {                                                                         \
        if (!(condition))                                                        \
            oom_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
    } while (0)

/* Runs it once for each n until n is not reached, and checks each time that nothing leaks. */
void oom_repeat(const char *name, enum inject_call call, int error, void (*run)(void));

void core_scenarios(void);
void hub_scenarios(void);
void server_scenarios(void);
void front_scenarios(void);

#endif
