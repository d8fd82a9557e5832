/* SPDX-License-Identifier: Apache-2.0 */
/* random.h: random bytes from the kernel, and ids made of them; tests give a seed instead. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Where a room that does no input gets its randomness from. */
struct random {
    void (*fill)(void *owner, void *data, size_t size);
    void *owner;
};

/* getrandom(2). Thread any. The kernel cannot fail it once booted; that is an assert. */
extern const struct random random_kernel;

/* The same, asked for ahead of need, for each thread: a system call for ten bytes takes as long as
 * one for a few hundred. For ids, which are no secrets; a forked child would repeat some. Thread
 * any. */
extern const struct random random_pooled;
/* In the only thread of a forked child, before anything is drawn: so it repeats none. */
void random_forked(void);

/* A repeatable stream (SplitMix64), for tests only. `state` must outlive the result. */
struct random random_seeded(uint64_t *state);

#define UUID_SIZE 36
/* UUID version 7 (RFC 9562 section 5.7) of this time, lower case, not terminated. */
void uuid7(const struct random *random, int64_t wall_ms, char ret[UUID_SIZE]);

#endif
