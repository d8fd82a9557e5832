/* SPDX-License-Identifier: Apache-2.0 */
/* position.c: positions as text and back, and the check of the event at one. */
#include "model/position.h"

#include <endian.h>

#include "base/base64url.h"
#include "base/siphash.h"
#include "mcp_auth/error.h"

#define POSITION_BYTES 24
_Static_assert(BASE64URL_SIZE(POSITION_BYTES) == POSITION_SIZE, "a position fills its text");

static void put_u64(uint8_t *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

/* A fixed key: the check must be equal on every instance, and guards against lost histories, not
 * against forgers (a position gives nobody the right to see anything). Of the two texts only the
 * hashes go in, so that no two pairs run together whatever they hold. */
uint64_t position_check(uint64_t epoch, uint64_t n, struct bytes tenant, struct bytes event_id,
                        struct bytes stored_by)
{
    static const uint8_t key[16] = "mcp-auth place 1";
    uint8_t parts[40];
    size_t size = 32;

    put_u64(parts, epoch);
    put_u64(parts + 8, n);
    put_u64(parts + 16, siphash(key, tenant.data, tenant.size));
    put_u64(parts + 24, siphash(key, event_id.data, event_id.size));
    if (stored_by.size > 0) { /* nobody's, without a bus: then it is not worth a hash */
        put_u64(parts + 32, siphash(key, stored_by.data, stored_by.size));
        size = sizeof parts;
    }
    return siphash(key, parts, size);
}

void position_write(const struct position *position, char ret[POSITION_SIZE])
{
    uint8_t bytes[POSITION_BYTES];

    put_u64(bytes, position->epoch);
    put_u64(bytes + 8, position->n);
    put_u64(bytes + 16, position->check);
    base64url_encode(bytes, sizeof bytes, ret);
}

int position_read(struct bytes text, struct position *ret)
{
    uint8_t bytes[POSITION_BYTES];
    struct position position;
    int r;

    if (text.size != POSITION_SIZE)
        return MCP_AUTH_E_INVALID;
    r = base64url_decode(text, bytes);
    if (r < 0)
        return r;
    position = (struct position){get_u64(bytes), get_u64(bytes + 8), get_u64(bytes + 16)};
    /* Never written: there is no event to check. */
    if (position.n == 0 && position.check != 0 && position.epoch != 0)
        return MCP_AUTH_E_INVALID;
    *ret = position;
    return 0;
}
