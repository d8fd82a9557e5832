/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c: many small objects of one size: packed, numbered, and given back to the kernel. */
#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif

/* A free place, and the zone behind each, is poisoned, so that the sanitizer reports who uses it; and
 * it is told that what only an object points to has not leaked. */
#ifdef SLAB_ASAN
#define RED_ZONE 16u
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define POISON(data, size) __asan_poison_memory_region(data, size)
#define UNPOISON(data, size) __asan_unpoison_memory_region(data, size)
#define ROOT(data, size) __lsan_register_root_region(data, size)
#define UNROOT(data, size) __lsan_unregister_root_region(data, size)
#else
#define RED_ZONE 0u
#define POISON(data, size) ((void)(data), (void)(size))
#define UNPOISON(data, size) ((void)(data), (void)(size))
#define ROOT(data, size) ((void)(data), (void)(size))
#define UNROOT(data, size) ((void)(data), (void)(size))
#endif

#define NUMBER_NONE UINT32_MAX
#define WORD_BITS 64u
#define WORDS (SLAB_CHUNK_SIZE / SLAB_OBJECT_SIZE_MIN / WORD_BITS)

struct slab_chunk {
    void *owner; /* first: slab_owner reads it */
    struct slab *slab;
    struct list in_open;
    uint32_t number;
    uint32_t used, retired;  /* used + retired <= per_chunk; in slab->open unless equal */
    uint32_t word_first;     /* no place is free in the words before it */
    uint32_t generation_top; /* of what was given back */
    uint64_t free[WORDS];
    uint32_t generations[]; /* of the object, or of the next one; 0: retired */
};

/* A chunk's number is used again when it is unmapped, by one whose generations begin above. */
struct slab_number {
    struct slab_chunk *chunk; /* NULL: not mapped, or retired */
    uint32_t generation_first;
    uint32_t next_free;
};

void slab_init(struct slab *slab, size_t object_size, void *owner)
{
    const uint32_t room =
        SLAB_CHUNK_SIZE - (SLAB_COLOURS - 1) * SLAB_COLOUR_SIZE - sizeof(struct slab_chunk) - 63;
    uint32_t size = object_size < SLAB_OBJECT_SIZE_MIN ? SLAB_OBJECT_SIZE_MIN
                                                       : ((uint32_t)object_size + 7) & ~7u;

    assert(object_size > 0 && object_size <= SLAB_OBJECT_SIZE_MAX);
    *slab = (struct slab){
        .owner = owner,
        .object_size = size,
        .stride = size + RED_ZONE,
        .per_chunk = room / (size + RED_ZONE + (uint32_t)sizeof(uint32_t)),
        .generation_first = 1,
        .number_free = NUMBER_NONE,
    };
    slab->objects_at =
        (uint32_t)(sizeof(struct slab_chunk) + slab->per_chunk * sizeof(uint32_t) + 63) & ~63u;
    assert(slab->per_chunk <= WORDS * WORD_BITS);
    assert(slab->objects_at + slab->per_chunk * slab->stride +
               (SLAB_COLOURS - 1) * SLAB_COLOUR_SIZE <=
           SLAB_CHUNK_SIZE);
    list_init(&slab->open);
}

static struct slab_chunk *chunk_of(const void *object)
{
    return (struct slab_chunk *)slab_head(object);
}

static void *object_in(const struct slab_chunk *chunk, uint32_t place)
{
    const struct slab *slab = chunk->slab;

    return (char *)(uintptr_t)chunk + slab->objects_at + (size_t)place * slab->stride;
}

static uint32_t place_of(const struct slab_chunk *chunk, const void *object)
{
    size_t at = (size_t)((const char *)object - (const char *)chunk) - chunk->slab->objects_at;

    assert(at % chunk->slab->stride == 0);
    return (uint32_t)at / chunk->slab->stride;
}

static bool is_free(const struct slab_chunk *chunk, uint32_t place)
{
    return chunk->free[place / WORD_BITS] >> place % WORD_BITS & 1;
}

static bool is_live(const struct slab_chunk *chunk, uint32_t place)
{
    return !is_free(chunk, place) && chunk->generations[place] != 0;
}

/* Aligned to its size; NULL without memory. The kernel puts a mapping beside the one before, so
 * that after the first the place is right as a rule; else a larger one is cut. */
static void *map_aligned(void)
{
    const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *data = mmap(NULL, SLAB_CHUNK_SIZE, prot, flags, -1, 0);
    size_t before;

    if (data == MAP_FAILED)
        return NULL;
    if ((uintptr_t)data % SLAB_CHUNK_SIZE == 0)
        return data;
    (void)munmap(data, SLAB_CHUNK_SIZE); /* whole, so nothing is split and nothing can fail */
    data = mmap(NULL, (size_t)2 * SLAB_CHUNK_SIZE, prot, flags, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    before = (SLAB_CHUNK_SIZE - (uintptr_t)data % SLAB_CHUNK_SIZE) % SLAB_CHUNK_SIZE;
    /* An end that cannot be cut off costs addresses, and no memory. */
    if (before > 0)
        (void)munmap(data, before);
    (void)munmap(data + before + SLAB_CHUNK_SIZE, SLAB_CHUNK_SIZE - before);
    return data + before;
}

/* Makes sure of a number for the next chunk. False without memory, or when all are used. */
static bool need_number(struct slab *slab)
{
    uint32_t capacity = slab->numbers_capacity ? slab->numbers_capacity * 2 : 4;
    struct slab_number *grown;

    if (slab->number_free != NUMBER_NONE)
        return true;
    if ((uint64_t)(slab->numbers_count + 1) * slab->per_chunk > UINT32_MAX)
        return false;
    if (slab->numbers_count == slab->numbers_capacity) {
        grown = reallocarray(slab->numbers, capacity, sizeof *grown);
        if (!grown)
            return false;
        slab->numbers = grown;
        slab->numbers_capacity = capacity;
    }
    slab->numbers[slab->numbers_count] =
        (struct slab_number){NULL, slab->generation_first, NUMBER_NONE};
    slab->number_free = slab->numbers_count++;
    return true;
}

static struct slab_chunk *chunk_new(struct slab *slab)
{
    struct slab_chunk *chunk;
    struct slab_number *number;
    void *data;

    if (!need_number(slab))
        return NULL;
    data = map_aligned();
    if (!data)
        return NULL;
    chunk = chunk_of(data);
    number = &slab->numbers[slab->number_free];
    chunk->owner = slab->owner;
    chunk->slab = slab;
    chunk->number = slab->number_free;
    slab->number_free = number->next_free;
    number->chunk = chunk;
    for (uint32_t i = 0; i < slab->per_chunk; i++) {
        chunk->free[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
        chunk->generations[i] = number->generation_first;
    }
    list_append(&slab->open, &chunk->in_open);
    slab->chunks++;
    ROOT(data, SLAB_CHUNK_SIZE);
    POISON(object_in(chunk, 0), (size_t)slab->per_chunk * slab->stride);
    return chunk;
}

/* False when the kernel will not take it back (it would have to split a mapping, and has too many):
 * then it is used on. */
static bool chunk_unmap(struct slab_chunk *chunk)
{
    void *base = (void *)((uintptr_t)chunk & ~(uintptr_t)(SLAB_CHUNK_SIZE - 1));
    size_t objects_size = (size_t)chunk->slab->per_chunk * chunk->slab->stride;
    uint32_t top = chunk->generation_top, at = chunk->number;
    struct slab *slab = chunk->slab;
    struct slab_number *number = &slab->numbers[at];

    assert(chunk->used == 0);
    list_unlink(&chunk->in_open); /* alone when all of it is retired */
    UNPOISON(object_in(chunk, 0), objects_size);
    UNROOT(base, SLAB_CHUNK_SIZE);
    if (munmap(base, SLAB_CHUNK_SIZE) < 0) {
        ROOT(base, SLAB_CHUNK_SIZE);
        POISON(object_in(chunk, 0), objects_size);
        if (chunk->retired < slab->per_chunk)
            list_append(&slab->open, &chunk->in_open);
        return false;
    }
    slab->chunks--;
    number->chunk = NULL;
    if (top == UINT32_MAX)
        return true; /* retired */
    number->generation_first = top + 1;
    number->next_free = slab->number_free;
    slab->number_free = at;
    return true;
}

void slab_done(struct slab *slab)
{
    if (!slab)
        return;
    assert(slab->count == 0);
    for (uint32_t i = 0; i < slab->numbers_count; i++)
        if (slab->numbers[i].chunk)
            (void)chunk_unmap(slab->numbers[i].chunk);
    free(slab->numbers);
    *slab = (struct slab){0};
}

void *slab_take(struct slab *slab)
{
    struct slab_chunk *chunk = list_empty(&slab->open)
                                   ? chunk_new(slab)
                                   : container_of(slab->open.next, struct slab_chunk, in_open);
    uint32_t place;
    void *object;

    if (!chunk)
        return NULL;
    if (chunk == slab->empty)
        slab->empty = NULL;
    while (chunk->free[chunk->word_first] == 0)
        chunk->word_first++;
    /* The lowest place, so that what is used lies close together. */
    place =
        chunk->word_first * WORD_BITS + (uint32_t)__builtin_ctzll(chunk->free[chunk->word_first]);
    assert(place < slab->per_chunk && chunk->generations[place] != 0);
    chunk->free[chunk->word_first] &= chunk->free[chunk->word_first] - 1;
    if (++chunk->used + chunk->retired == slab->per_chunk)
        list_unlink(&chunk->in_open);
    slab->count++;
    object = object_in(chunk, place);
    UNPOISON(object, slab->object_size);
    return memset(object, 0, slab->object_size);
}

/* Keeps one empty chunk, or else a single object that comes and goes would map one each time. */
static void chunk_emptied(struct slab *slab, struct slab_chunk *chunk)
{
    if ((slab->empty || chunk->retired > 0) && chunk_unmap(chunk))
        return;
    if (chunk->retired == slab->per_chunk)
        return;
    list_unlink(&chunk->in_open);
    list_append(&slab->open, &chunk->in_open);
    slab->empty = chunk;
}

void slab_give(void *object)
{
    struct slab_chunk *chunk = chunk_of(object);
    struct slab *slab = chunk->slab;
    uint32_t place = place_of(chunk, object), word = place / WORD_BITS;
    uint32_t generation = chunk->generations[place];
    bool was_full = chunk->used + chunk->retired == slab->per_chunk;

    assert(is_live(chunk, place) && chunk->used > 0);
    if (generation > chunk->generation_top)
        chunk->generation_top = generation;
    chunk->generations[place] = generation + 1; /* 0 after the last: retired */
    chunk->used--;
    slab->count--;
    POISON(object, slab->object_size);
    if (generation == UINT32_MAX) {
        chunk->retired++;
    } else {
        chunk->free[word] |= UINT64_C(1) << place % WORD_BITS;
        if (word < chunk->word_first)
            chunk->word_first = word;
        /* First, for no other is fuller: the others may become empty. */
        if (was_full)
            list_append(slab->open.next, &chunk->in_open);
    }
    if (chunk->used == 0)
        chunk_emptied(slab, chunk);
}

uint32_t slab_index(const void *object)
{
    const struct slab_chunk *chunk = chunk_of(object);

    return chunk->number * chunk->slab->per_chunk + place_of(chunk, object);
}

void *slab_at(const struct slab *slab, uint32_t index)
{
    uint32_t number = index / slab->per_chunk, place = index % slab->per_chunk;
    const struct slab_chunk *chunk;

    if (number >= slab->numbers_count)
        return NULL;
    chunk = slab->numbers[number].chunk;
    return chunk && is_live(chunk, place) ? object_in(chunk, place) : NULL;
}

uint64_t slab_handle(const void *object)
{
    const struct slab_chunk *chunk = chunk_of(object);

    return (uint64_t)chunk->generations[place_of(chunk, object)] << 32 | slab_index(object);
}

void *slab_find(const struct slab *slab, uint64_t handle)
{
    void *object = slab_at(slab, (uint32_t)handle);

    return object && slab_handle(object) == handle ? object : NULL;
}

void *slab_next(const struct slab *slab, uint32_t *cursor)
{
    uint32_t number = *cursor / slab->per_chunk, place = *cursor % slab->per_chunk;

    for (; number < slab->numbers_count; number++, place = 0) {
        const struct slab_chunk *chunk = slab->numbers[number].chunk;

        if (!chunk || chunk->used == 0)
            continue;
        for (; place < slab->per_chunk; place++)
            if (is_live(chunk, place)) {
                *cursor = number * slab->per_chunk + place + 1;
                return object_in(chunk, place);
            }
    }
    *cursor = slab->numbers_count * slab->per_chunk;
    return NULL;
}

size_t slab_bytes(const struct slab *slab)
{
    return (size_t)slab->chunks * SLAB_CHUNK_SIZE +
           (size_t)slab->numbers_capacity * sizeof *slab->numbers;
}
