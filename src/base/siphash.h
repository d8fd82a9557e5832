/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.h: SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed hash for tables and checks. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint8_t key[16], const void *data, size_t size);

#endif
