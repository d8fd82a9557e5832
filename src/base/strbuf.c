/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf.c: a growing byte builder with a ceiling and one sticky failure. */
#include "base/strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

/* The first allocation: most of our messages fit without a second one. */
#define STRBUF_ROOM_FIRST 256u

void strbuf_init(struct strbuf *sb, size_t size_max)
{
    assert(sb);
    /* One byte beyond the room is always ours for the NUL, so room + 1 must not wrap. */
    if (size_max > PTRDIFF_MAX - 1)
        size_max = PTRDIFF_MAX - 1;
    *sb = (struct strbuf){.size_max = size_max};
}

void strbuf_init_secret(struct strbuf *sb, size_t size_max)
{
    strbuf_init(sb, size_max);
    sb->secret = true;
}

static void release(struct strbuf *sb)
{
    if (sb->secret && sb->data)
        explicit_bzero(sb->data, sb->room);
    free(sb->data);
}

void strbuf_done(struct strbuf *sb)
{
    if (!sb)
        return;
    release(sb);
    *sb = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *sb)
{
    sb->size = 0;
    sb->error = 0;
}

/* The usual case, which must not cost a call: a frame is put together of fifty pieces. */
static inline bool has_room(const struct strbuf *sb, size_t size)
{
    return !sb->error && sb->data && size <= sb->room - sb->size;
}

/* Makes room for `size` more bytes, or sets the failure. Allocates even for none, so that the
 * caller always has a byte for the NUL. */
int strbuf_grow(struct strbuf *sb, size_t size)
{
    size_t needed, room;
    char *data;

    assert(sb->size <= sb->room && sb->room <= sb->size_max);
    if (sb->error)
        return sb->error;
    if (has_room(sb, size))
        return 0;
    if (size > sb->size_max - sb->size)
        return sb->error = MCP_AUTH_E_TOO_BIG;

    needed = sb->size + size;
    room = sb->room < STRBUF_ROOM_FIRST / 2 ? STRBUF_ROOM_FIRST : sb->room * 2;
    if (room < needed)
        room = needed;
    if (room > sb->size_max)
        room = sb->size_max;

    data = sb->secret ? malloc(room + 1) : realloc(sb->data, room + 1);
    if (!data)
        return sb->error = MCP_AUTH_E_NOMEM;
    if (sb->secret) { /* realloc would leave a copy behind */
        if (sb->size > 0)
            memcpy(data, sb->data, sb->size);
        release(sb);
    }
    sb->data = data;
    sb->room = room;
    assert(sb->size + size <= sb->room);
    return 0;
}

void strbuf_put(struct strbuf *sb, const void *data, size_t size)
{
    if (size == 0 || (!has_room(sb, size) && strbuf_grow(sb, size) < 0))
        return;
    memcpy(sb->data + sb->size, data, size);
    sb->size += size;
}

void strbuf_puts(struct strbuf *sb, const char *string)
{
    strbuf_put(sb, string, strlen(string));
}

void strbuf_putc(struct strbuf *sb, char c)
{
    if (has_room(sb, 1) || strbuf_grow(sb, 1) == 0)
        sb->data[sb->size++] = c;
}

void strbuf_put_bytes(struct strbuf *sb, struct bytes b)
{
    strbuf_put(sb, b.data, b.size);
}

void strbuf_printf(struct strbuf *sb, const char *format, ...)
{
    va_list list;
    size_t left;
    int size;

    if (strbuf_grow(sb, 0) < 0)
        return;

    /* The byte kept for the NUL counts for vsnprintf, which always writes one. */
    left = sb->room - sb->size;
    va_start(list, format);
    size = vsnprintf(sb->data + sb->size, left + 1, format, list);
    va_end(list);
    assert(size >= 0); /* only a format that is our mistake fails */
    if ((size_t)size > left) {
        if (strbuf_grow(sb, (size_t)size) < 0)
            return;
        va_start(list, format);
        size = vsnprintf(sb->data + sb->size, (size_t)size + 1, format, list);
        va_end(list);
        assert(size >= 0 && (size_t)size <= sb->room - sb->size);
    }
    sb->size += (size_t)size;
}

void strbuf_drop_front(struct strbuf *sb, size_t size)
{
    assert(size <= sb->size);
    if (size == 0)
        return;
    memmove(sb->data, sb->data + size, sb->size - size);
    sb->size -= size;
}

int strbuf_terminate(struct strbuf *sb)
{
    int r = strbuf_grow(sb, 0);

    if (r < 0)
        return r;
    sb->data[sb->size] = '\0';
    return 0;
}

char *strbuf_steal(struct strbuf *sb, size_t *ret_size)
{
    char *data;

    if (strbuf_terminate(sb) < 0)
        return NULL;
    data = sb->data;
    if (ret_size)
        *ret_size = sb->size;
    *sb = (struct strbuf){.size_max = sb->size_max};
    return data;
}
