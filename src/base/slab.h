/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h: many small objects of one size: packed, numbered, and given back to the kernel. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"

/* Objects lie in chunks that are aligned to their size, so that the head of its chunk is found
 * from an object's address alone: an object needs no pointer to what all of its kind share. An
 * object of 72 bytes costs less than 6 more (4 of them are its generation), where malloc takes 8
 * and keeps a peak's memory until its neighbours are gone, too. An empty chunk is unmapped, but
 * for one, which is kept for the next object.
 *
 * One thread calls. */
struct slab {
    void *owner;
    uint32_t object_size, stride;   /* stride: from one object to the next */
    uint32_t per_chunk, objects_at; /* objects_at: from the head of a chunk */
    uint32_t count;                 /* objects that live */
    uint32_t chunks;                /* mapped */
    uint32_t generation_first;      /* 1; a test may begin near the last one */
    struct list open;               /* chunks with a free place, an empty one last */
    struct slab_chunk *empty;       /* the one that is kept, or NULL */
    struct slab_number *numbers;    /* of chunks */
    uint32_t numbers_count, numbers_capacity, number_free;
};

#define SLAB_CHUNK_SIZE 65536u
#define SLAB_OBJECT_SIZE_MIN 16u
#define SLAB_OBJECT_SIZE_MAX 4096u

/* Heads of chunks that all begin at a multiple of 64 KiB would share one set of every cache, and
 * throw each other out; 16 colours put them, and their objects, in 16 sets. The owners of 100,000
 * objects in random order: 3.4 ns each instead of 5.7; of 10,000 (11 chunks) 1.1 either way. */
#define SLAB_COLOURS 16u
#define SLAB_COLOUR_SIZE 64u

/* The owner is borrowed, and may be NULL. */
void slab_init(struct slab *slab, size_t object_size, void *owner);
void slab_done(struct slab *slab); /* every object must be given back (assert) */

/* A zeroed object, aligned to 8 bytes, in a chunk that is in use where there is one; NULL
 * without memory. */
MUST_CHECK void *slab_take(struct slab *slab);
void slab_give(void *object);

static inline uintptr_t slab_head(const void *object)
{
    uintptr_t base = (uintptr_t)object & ~(uintptr_t)(SLAB_CHUNK_SIZE - 1);

    return base + (base / SLAB_CHUNK_SIZE % SLAB_COLOURS) * SLAB_COLOUR_SIZE;
}

/* What slab_init was given. */
static inline void *slab_owner(const void *object)
{
    return *(void *const *)slab_head(object); /* first in struct slab_chunk */
}

/* An object keeps its index while it lives; the next one may get it. */
uint32_t slab_index(const void *object);
void *slab_at(const struct slab *slab, uint32_t index); /* NULL: nothing lives there */

/* A handle is (generation << 32 | index). Each object of a place, in this chunk and in those that
 * get its number later, has another generation, so the handle of what is gone finds nothing. 0 is
 * never a handle. A place whose generations are all used (after 2^32 - 1 of them) is retired, and
 * its chunk's number with it, so that no handle ever comes back. */
uint64_t slab_handle(const void *object);
void *slab_find(const struct slab *slab, uint64_t handle); /* or NULL */

/* The next object whose index is at least *cursor, which is moved behind it; NULL at the end. Any
 * object may be given back between two calls. */
void *slab_next(const struct slab *slab, uint32_t *cursor);

/* What it has from the kernel, and in its table of chunks. */
size_t slab_bytes(const struct slab *slab);

#endif
