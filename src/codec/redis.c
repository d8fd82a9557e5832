/* SPDX-License-Identifier: Apache-2.0 */
/* redis.c: Redis' protocol (RESP2): replies in any pieces, read with hiredis, and commands. */
#include "codec/redis.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

/* hiredis 1.0 counts arrays in another type, and reads RESP3, which nobody asks for here. */
#if HIREDIS_MAJOR >= 1
typedef size_t array_count;
#else
typedef int array_count;
#endif

#define BLOCK_FIRST 4096u
/* What is kept for the next reply: a thousand events of a kilobyte. */
#define BLOCK_KEEP_MAX (1024u * 1024u)

/* A reply lies in blocks that do not move, since elements point into them; from one reply to the next
 * at most one is kept, so a stream of like replies allocates nothing. */
struct block {
    struct block *next;
    size_t size, used; /* used <= size */
    char data[];
};

_Static_assert(offsetof(struct block, data) % _Alignof(struct redis_reply) == 0,
               "arrays lie there");

struct redis_reader {
    redisReader *hiredis;
    struct redis_limits limits;
    struct block *blocks; /* the newest first */
    size_t blocks_size;
    /* Of the reply under way. */
    size_t text_bytes, elements;
    struct redis_reply root, *open[REDIS_DEPTH_MAX]; /* the elements of the arrays that are open */
    bool given; /* the root is the caller's until he asks again */
    int error;  /* sticky */
};

static void *fail(struct redis_reader *reader, int error)
{
    if (!reader->error)
        reader->error = error;
    return NULL; /* makes hiredis give up, too */
}

static void *take(struct redis_reader *reader, size_t size)
{
    struct block *block = reader->blocks;
    void *place;

    size = (size + 7) & ~(size_t)7;
    if (!block || block->size - block->used < size) {
        size_t room = block ? block->size * 2 : BLOCK_FIRST;

        if (room > BLOCK_KEEP_MAX)
            room = BLOCK_KEEP_MAX;
        if (room < size)
            room = size;
        block = malloc(sizeof *block + room);
        if (!block)
            return fail(reader, MCP_AUTH_E_NOMEM);
        *block = (struct block){reader->blocks, room, 0};
        reader->blocks = block;
        reader->blocks_size += room;
    }
    place = block->data + block->used;
    block->used += size;
    return place;
}

/* The largest block stays, unless it is one of a rare size. Blocks double, so it is the newest. */
static void blocks_reset(struct redis_reader *reader, size_t keep_max)
{
    struct block *block = reader->blocks, *kept = NULL, *next;

    for (; block; block = next) {
        next = block->next;
        if (!kept && block->size <= keep_max)
            kept = block;
        else
            free(block);
    }
    if (kept)
        *kept = (struct block){NULL, kept->size, 0};
    reader->blocks = kept;
    reader->blocks_size = kept ? kept->size : 0;
}

/* Where this item of the reply goes: one of the elements of the innermost open array. */
static struct redis_reply *place_of(const redisReadTask *task, unsigned *ret_depth)
{
    struct redis_reader *reader = task->privdata;
    unsigned depth = 0;

    for (const redisReadTask *outer = task->parent; outer; outer = outer->parent)
        depth++;
    *ret_depth = depth;
    assert(depth <= REDIS_DEPTH_MAX);
    return depth == 0 ? &reader->root : &reader->open[depth - 1][task->idx];
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    struct redis_reader *reader = task->privdata;
    struct redis_reply *reply;
    unsigned depth;
    char *copy;

    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS &&
        task->type != REDIS_REPLY_ERROR)
        return fail(reader, MCP_AUTH_E_INVALID);
    if (size > reader->limits.piece_max || size > reader->limits.bytes_max - reader->text_bytes)
        return fail(reader, MCP_AUTH_E_TOO_BIG);
    copy = take(reader, size);
    if (!copy)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    reader->text_bytes += size;
    reply = place_of(task, &depth);
    *reply = (struct redis_reply){
        .type = task->type == REDIS_REPLY_STRING   ? REDIS_STRING
                : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                   : REDIS_ERROR,
        .text = {copy, size},
    };
    return reply;
}

static void *create_array(const redisReadTask *task, array_count announced)
{
    struct redis_reader *reader = task->privdata;
    size_t count = (size_t)announced; /* a negative one would be far too many */
    struct redis_reply *reply, *elements;
    unsigned depth;

    if (task->type != REDIS_REPLY_ARRAY)
        return fail(reader, MCP_AUTH_E_INVALID);
    if (count > reader->limits.elements_max - reader->elements)
        return fail(reader, MCP_AUTH_E_TOO_BIG);
    reply = place_of(task, &depth);
    if (depth == REDIS_DEPTH_MAX)
        return fail(reader, MCP_AUTH_E_TOO_BIG);
    elements = take(reader, count * sizeof *elements);
    if (!elements)
        return NULL;
    reader->elements += count;
    reader->open[depth] = elements;
    *reply = (struct redis_reply){.type = REDIS_ARRAY, .elements = elements, .count = count};
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    unsigned depth;
    struct redis_reply *reply = place_of(task, &depth);

    *reply = (struct redis_reply){.type = REDIS_INTEGER, .integer = value};
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    unsigned depth;
    struct redis_reply *reply = place_of(task, &depth);

    *reply = (struct redis_reply){.type = REDIS_NIL};
    return reply;
}

#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double value, char *text, size_t size)
{
    (void)value, (void)text, (void)size;
    return fail(task->privdata, MCP_AUTH_E_INVALID);
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    return fail(task->privdata, MCP_AUTH_E_INVALID);
}
#endif

/* Objects are places in the arena, which has an end of its own. */
static void free_object(void *object)
{
    (void)object;
}

/* hiredis takes it without const and does not write to it. */
static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .freeObject = free_object,
};

int redis_reader_new(struct redis_reader **ret, const struct redis_limits *limits)
{
    struct redis_reader *reader = calloc(1, sizeof *reader);

    assert(limits->piece_max > 16 && limits->piece_max <= limits->bytes_max);
    if (!reader)
        return MCP_AUTH_E_NOMEM;
    reader->limits = *limits;
    reader->hiredis = redisReaderCreateWithFunctions(&functions);
    if (!reader->hiredis) {
        free(reader);
        return MCP_AUTH_E_NOMEM;
    }
    reader->hiredis->privdata = reader;
    *ret = reader;
    return 0;
}

void redis_reader_free(struct redis_reader *reader)
{
    if (!reader)
        return;
    redisReaderFree(reader->hiredis);
    blocks_reset(reader, 0);
    free(reader);
}

static int failed(struct redis_reader *reader)
{
    (void)fail(reader,
               reader->hiredis->err == REDIS_ERR_OOM ? MCP_AUTH_E_NOMEM : MCP_AUTH_E_INVALID);
    return reader->error;
}

int redis_reader_feed(struct redis_reader *reader, const void *data, size_t size)
{
    if (reader->error)
        return reader->error;
    return redisReaderFeed(reader->hiredis, data, size) == REDIS_OK ? 0 : failed(reader);
}

int redis_reader_next(struct redis_reader *reader, const struct redis_reply **ret)
{
    void *reply;

    if (reader->given) {
        blocks_reset(reader, BLOCK_KEEP_MAX);
        reader->text_bytes = reader->elements = 0;
        reader->given = false;
    }
    if (reader->error)
        return reader->error;
    if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK)
        return failed(reader);
    if (reply) {
        assert(reply == &reader->root);
        reader->given = true;
        *ret = reply;
        return 1;
    }
    /* What is left is one text that has not ended, with its "$12345\r\n" before it and CR LF behind.
     * A line without an end is looked through again at each feed: another reason for a ceiling. */
    if (reader->hiredis->len - reader->hiredis->pos > reader->limits.piece_max + 32)
        return fail(reader, MCP_AUTH_E_TOO_BIG), reader->error;
    return 0;
}

size_t redis_reader_bytes(const struct redis_reader *reader)
{
    return sizeof *reader + reader->blocks_size + reader->hiredis->len;
}

/* "*<number>\r\n" or "$<number>\r\n"; ret has room for all digits of a size_t. */
static size_t header(char ret[32], char mark, size_t number)
{
    int size = snprintf(ret, 32, "%c%zu\r\n", mark, number);

    assert(size > 0 && size < 32);
    return (size_t)size;
}

size_t redis_command_size(const struct bytes *args, unsigned count)
{
    char text[32];
    size_t size = header(text, '*', count);

    for (unsigned i = 0; i < count; i++)
        size += header(text, '$', args[i].size) + args[i].size + 2;
    return size;
}

/* Written here and not by hiredis' formatter, which copies the command into memory of its own: an AUTH
 * would leave the password there, and a batch of publications is megabytes. */
int redis_command_put(struct strbuf *out, const struct bytes *args, unsigned count)
{
    char text[32];

    assert(count > 0);
    if (!strbuf_reserve(out, redis_command_size(args, count)))
        return out->error;
    strbuf_put(out, text, header(text, '*', count));
    for (unsigned i = 0; i < count; i++) {
        strbuf_put(out, text, header(text, '$', args[i].size));
        strbuf_put_bytes(out, args[i]);
        strbuf_put(out, "\r\n", 2);
    }
    assert(!out->error);
    return 0;
}
