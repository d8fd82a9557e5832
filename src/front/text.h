/* SPDX-License-Identifier: Apache-2.0 */
/* text.h: the one copy of a message that all its receivers share, found again within a turn. */
#ifndef FRONT_TEXT_H
#define FRONT_TEXT_H

#include "front/front.h"

/* Of one turn. A text is found by where its frame stands in the frame log, and by what it says: a
 * place may have been used again, and comparing a message costs nothing beside copying it. */
#define TEXT_SLOTS 1024u

struct text_table {
    struct front_text *made; /* in this turn, linked */
    struct front_text *slots[TEXT_SLOTS];
};

/* The text of this payload in the frame log, made when it is new, with one reference more. NULL: no
 * memory. References are counted without atomics until text_table_publish, before which no other
 * thread may see them. */
MUST_CHECK struct front_text *text_table_take(struct text_table *table, struct bytes payload);
void text_table_give_back(struct front_text *text); /* the reference just taken */
void text_table_publish(struct text_table *table);

/* One of its own, with one reference, of any thread. NULL: no memory. */
MUST_CHECK struct front_text *front_text_new(struct bytes text);

/* In the core's thread, which may not call the host's release: what holds a host's object goes to
 * `orphans`, for text_orphans_free in a thread of the host's. */
void text_unref_in_core(struct front_text *text, _Atomic(struct front_text *) *orphans);
void text_orphans_free(_Atomic(struct front_text *) *orphans);

#endif
