/* SPDX-License-Identifier: Apache-2.0 */
/* strbuf.h: a growing byte builder with a ceiling and one sticky failure. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <assert.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* 0 <= size <= room <= size_max; one byte more than `room` is allocated, for a NUL. After a
 * failure (out of memory, over the ceiling) every further put is ignored, so a composition is
 * checked once, at its end. */
struct strbuf {
    char *data; /* yours by strbuf_steal, else freed by strbuf_done */
    size_t size, room, size_max;
    int error; /* 0, MCP_AUTH_E_NOMEM or MCP_AUTH_E_TOO_BIG */
    bool secret;
};

void strbuf_init(struct strbuf *sb, size_t size_max);
/* Its memory is wiped before it is given back, also when it grows: a token may be in it. */
void strbuf_init_secret(struct strbuf *sb, size_t size_max);
void strbuf_done(struct strbuf *sb);  /* frees; init again before the next use */
void strbuf_reset(struct strbuf *sb); /* empties, keeps the memory, clears the failure */
/* What is put must not lie in the builder itself: growing may move it. */
void strbuf_put(struct strbuf *sb, const void *data, size_t size);
void strbuf_puts(struct strbuf *sb, const char *string);
void strbuf_putc(struct strbuf *sb, char c);
void strbuf_put_bytes(struct strbuf *sb, struct bytes b);
void strbuf_printf(struct strbuf *sb, const char *format, ...) PRINTF_LIKE(2, 3);

/* Private: makes room for `size` more bytes and the NUL, or returns the sticky failure. */
MUST_CHECK int strbuf_grow(struct strbuf *sb, size_t size);

/* Room for `size` more bytes at the end, to be written by the caller, who then calls
 * strbuf_added. NULL after a failure. */
MUST_CHECK static inline char *strbuf_reserve(struct strbuf *sb, size_t size)
{
    /* The usual case costs no call: a frame is put together of fifty pieces. */
    if (!sb->error && sb->data && size <= sb->room - sb->size)
        return sb->data + sb->size;
    return strbuf_grow(sb, size) == 0 ? sb->data + sb->size : NULL;
}

static inline void strbuf_added(struct strbuf *sb, size_t size)
{
    assert(!sb->error && size <= sb->room - sb->size);
    sb->size += size;
}

void strbuf_drop_front(struct strbuf *sb, size_t size);

static inline struct bytes strbuf_bytes(const struct strbuf *sb)
{
    return (struct bytes){sb->data ? sb->data : "", sb->size};
}

/* Terminates with a NUL that does not count in size. 0 or the sticky failure. */
MUST_CHECK int strbuf_terminate(struct strbuf *sb);

/* Gives the bytes away, terminated, to be freed by the caller; the builder is left empty and
 * usable. NULL after a failure. ret_size may be NULL. */
MUST_CHECK char *strbuf_steal(struct strbuf *sb, size_t *ret_size);

#endif
