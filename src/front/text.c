/* SPDX-License-Identifier: Apache-2.0 */
/* text.c: the one copy of a message that all its receivers share, found again within a turn. */
#include "front/text.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

typedef void host_release(void *host);

struct front_text {
    atomic_uint refs;
    unsigned given;   /* references so far, until it is published */
    unsigned slot;    /* until it is published */
    const char *from; /* the same: its place in the frame log */
    struct front_text *next;
    _Atomic(void *) host;
    _Atomic(host_release *) release;
    size_t size;
    char data[];
};

struct front_text *front_text_new(struct bytes text)
{
    struct front_text *t = malloc(sizeof *t + text.size);

    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    atomic_init(&t->host, NULL);
    atomic_init(&t->release, NULL);
    t->next = NULL;
    t->size = text.size;
    if (text.size > 0)
        memcpy(t->data, text.data, text.size);
    return t;
}

/* Frames of a log stand tens to thousands of bytes apart. */
static unsigned slot_of(const char *from)
{
    return (unsigned)((uintptr_t)from * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

_Static_assert(TEXT_SLOTS == 1u << (64 - 54), "a slot is the upper bits of the product");

struct front_text *text_table_take(struct text_table *table, struct bytes payload)
{
    unsigned slot = slot_of(payload.data);
    struct front_text *t = table->slots[slot];

    if (t && t->from == payload.data && t->size == payload.size &&
        memcmp(t->data, payload.data, payload.size) == 0) {
        t->given++;
        return t;
    }
    t = front_text_new(payload);
    if (!t)
        return NULL;
    t->given = 1;
    t->slot = slot;
    t->from = payload.data;
    t->next = table->made;
    table->made = t;
    table->slots[slot] = t;
    return t;
}

void text_table_give_back(struct front_text *text)
{
    assert(text->given > 0);
    text->given--;
}

void text_table_publish(struct text_table *table)
{
    struct front_text *next;

    for (struct front_text *t = table->made; t; t = next) {
        next = t->next;
        table->slots[t->slot] = NULL;
        t->next = NULL;
        if (t->given > 0)
            atomic_store_explicit(&t->refs, t->given, memory_order_relaxed);
        else
            free(t);
    }
    table->made = NULL;
}

struct bytes front_text_bytes(const struct front_text *text)
{
    return (struct bytes){text->data, text->size};
}

void *front_text_host(const struct front_text *text)
{
    return atomic_load_explicit(&text->host, memory_order_acquire);
}

bool front_text_set_host(struct front_text *text, void *host, void (*release)(void *host))
{
    void *none = NULL;

    assert(host && release);
    atomic_store_explicit(&text->release, release, memory_order_relaxed); /* all have the same */
    return atomic_compare_exchange_strong_explicit(&text->host, &none, host, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static bool was_last(struct front_text *text)
{
    unsigned before = atomic_fetch_sub_explicit(&text->refs, 1, memory_order_acq_rel);

    assert(before > 0);
    return before == 1;
}

static void text_free(struct front_text *text)
{
    void *host = front_text_host(text);

    if (host)
        atomic_load_explicit(&text->release, memory_order_relaxed)(host);
    free(text);
}

void front_text_unref(struct front_text *text)
{
    if (text && was_last(text))
        text_free(text);
}

void text_unref_in_core(struct front_text *text, _Atomic(struct front_text *) *orphans)
{
    if (!text || !was_last(text))
        return;
    if (!front_text_host(text)) {
        free(text);
        return;
    }
    text->next = atomic_load_explicit(orphans, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(orphans, &text->next, text, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

void text_orphans_free(_Atomic(struct front_text *) *orphans)
{
    struct front_text *next;

    if (!atomic_load_explicit(orphans, memory_order_relaxed))
        return;
    for (struct front_text *t = atomic_exchange_explicit(orphans, NULL, memory_order_acquire); t;
         t = next) {
        next = t->next;
        text_free(t);
    }
}
