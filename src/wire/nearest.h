/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h: what a sender may have meant by an unknown word, and words fit to be shown. */
#ifndef WIRE_NEAREST_H
#define WIRE_NEAREST_H

#include "base/bytes.h"

/* The word of the list that differs least from `text`, without case; absent when none is near
 * enough to be what was meant. Longer texts than NEAREST_SIZE_MAX are near nothing. */
#define NEAREST_SIZE_MAX 40u
struct bytes nearest_word(struct bytes text, const struct bytes *words, unsigned count);
/* The same among the event types. */
struct bytes nearest_event_type(struct bytes text);

/* Copies what fits of a stranger's text into ret and terminates it; never half a character. */
void clip_text(char *ret, size_t ret_size, struct bytes text);

#endif
