/* SPDX-License-Identifier: Apache-2.0 */
/* redis_number.c: the numbers and epochs of the stream as texts, and back. */
#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"

struct bytes fleet_number(char to[FLEET_NUMBER_SIZE], uint64_t number)
{
    char *end = to + FLEET_NUMBER_SIZE, *at = end;
    size_t size;

    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    size = (size_t)(end - at);
    memmove(to, at, size);
    return (struct bytes){to, size};
}

struct bytes fleet_id(char to[FLEET_ID_SIZE], uint64_t n, uint64_t part)
{
    size_t size = fleet_number(to, n).size;

    to[size++] = '-';
    return (struct bytes){to, size + fleet_number(to + size, part).size};
}

int fleet_number_read(struct bytes text, uint64_t *ret)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 19) /* 10^19 - 1 fits */
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return MCP_AUTH_E_INVALID;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = number;
    return 0;
}

struct bytes fleet_epoch_text(char to[FLEET_EPOCH_SIZE], uint64_t epoch)
{
    for (unsigned i = FLEET_EPOCH_SIZE; i-- > 0; epoch >>= 4)
        to[i] = "0123456789abcdef"[epoch & 15];
    return (struct bytes){to, FLEET_EPOCH_SIZE};
}

int fleet_epoch_read(struct bytes text, uint64_t *ret)
{
    uint64_t epoch = 0;

    if (text.size != FLEET_EPOCH_SIZE)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return MCP_AUTH_E_INVALID;
        epoch = epoch << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (epoch == 0) /* this says "never met" */
        return MCP_AUTH_E_INVALID;
    *ret = epoch;
    return 0;
}
