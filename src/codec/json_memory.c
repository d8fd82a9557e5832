/* SPDX-License-Identifier: Apache-2.0 */
/* json_memory.c: what jansson allocates from: the host's allocator, or a small block of the thread. */
#include "codec/json_memory.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

/* So that the sanitizer sees a piece that is used after its block was emptied. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

/* jansson tells of most allocations that fail as of a syntax error, and of some not at all: the
 * growth of its token's buffer is not checked (2.14, lex_save), so that a byte of a long string is
 * missing, and when that is the closing quote, it reads and writes on beyond both buffers. So we
 * look over its shoulder: once an allocation has failed all later ones of this text do, the one
 * for the string among them, and no value comes of it. What the host program gave to jansson is
 * still what allocates. */
static _Thread_local enum { IDLE, LOADING, STARVED } state; /* the host calls jansson, too */
static json_malloc_t host_malloc;
static json_free_t host_free;

/* A tree of ten members is forty pieces. Those of a message and of a token in it are all freed
 * before the next are read, so they can stand back to back: no piece is given back alone, and the
 * last one to go empties the block. Twice the room of a sign-in; what has none is malloc's. */
#define BRIEF_SIZE 4096u
#define BRIEF_ALIGN alignof(max_align_t)

static _Thread_local struct {
    alignas(max_align_t) char block[BRIEF_SIZE];
    size_t used; /* a multiple of the alignment, <= BRIEF_SIZE */
    unsigned live;
    bool open;
} brief;

static void *brief_take(size_t size)
{
    char *at = brief.block + brief.used;

    if (size > BRIEF_SIZE - brief.used)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(at, size);
    brief.used += (size + BRIEF_ALIGN - 1) / BRIEF_ALIGN * BRIEF_ALIGN;
    brief.live++;
    return at;
}

static void *watched_malloc(size_t size)
{
    void *block = NULL;

    if (state == STARVED)
        return NULL;
    if (brief.open && size > 0)
        block = brief_take(size);
    if (!block)
        block = host_malloc(size);
    if (!block && state == LOADING)
        state = STARVED;
    return block;
}

static void watched_free(void *block)
{
    if ((uintptr_t)block - (uintptr_t)brief.block >= BRIEF_SIZE) { /* below it wraps round */
        host_free(block);
        return;
    }
    assert(brief.live > 0);
    if (--brief.live > 0)
        return;
    ASAN_POISON_MEMORY_REGION(brief.block, BRIEF_SIZE);
    brief.used = 0;
}

/* Before any thread could be in the middle of a text. */
__attribute__((constructor)) static void watch_jansson(void)
{
    _Static_assert(BRIEF_SIZE % BRIEF_ALIGN == 0, "so that `used` does not pass it");

    json_get_alloc_funcs(&host_malloc, &host_free);
    json_set_alloc_funcs(watched_malloc, watched_free);
}

void json_memory_watch(void)
{
    state = LOADING;
}

bool json_memory_watch_end(void)
{
    bool starved = state == STARVED;

    state = IDLE;
    return starved;
}

void json_memory_brief(void)
{
    assert(!brief.open);
    brief.open = true;
}

void json_memory_brief_end(void)
{
    brief.open = false;
}
