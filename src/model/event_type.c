/* SPDX-License-Identifier: Apache-2.0 */
/* event_type.c: the tables of event types and security levels, made from protocol/. */
#include "model/event_type.h"

#include <assert.h>

#include "mcp_auth/error.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    struct bytes text, message;
    enum event_family family;
} event_types[] = {
#define EVENT_TYPE_ROW(name, text, family, message) \
    [EVENT_##name] = {TEXT(text), TEXT(message), FAMILY_##family},
    EVENT_TYPE_LIST(EVENT_TYPE_ROW)
#undef EVENT_TYPE_ROW
};
_Static_assert(sizeof event_types / sizeof event_types[0] == EVENT_TYPES, "a row for each type");

#define LEVEL_ENTRY(name, rank, text) LEVEL_##name,
enum level { LEVEL_LIST(LEVEL_ENTRY) LEVELS };
#undef LEVEL_ENTRY

#define LEVEL_CALLED(name) LEVEL_##name
#define LEVEL_CALLED_AS(macro) LEVEL_CALLED(macro) /* expands the macro first */

static const struct {
    struct bytes text;
    int rank;
} levels[LEVELS] = {
#define LEVEL_ROW(name, rank, text) [LEVEL_##name] = {TEXT(text), rank},
    LEVEL_LIST(LEVEL_ROW)
#undef LEVEL_ROW
};

#define LEVEL_FITS(name, rank, text) \
    _Static_assert((rank) >= 0 && (rank) <= LEVEL_RANK_MAX, "rank of " text);
LEVEL_LIST(LEVEL_FITS)
#undef LEVEL_FITS

struct bytes event_type_text(enum event_type type)
{
    assert(type < EVENT_TYPES);
    return event_types[type].text;
}

struct bytes event_type_message(enum event_type type)
{
    assert(type < EVENT_TYPES);
    return event_types[type].message;
}

enum event_family event_type_family(enum event_type type)
{
    assert(type < EVENT_TYPES);
    return event_types[type].family;
}

int event_type_find(struct bytes text)
{
    for (int i = 0; i < EVENT_TYPES; i++)
        if (bytes_equal(event_types[i].text, text))
            return i;
    return MCP_AUTH_E_NOT_FOUND;
}

int level_rank(struct bytes text)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (bytes_equal_nocase(levels[i].text, text))
            return levels[i].rank;
    return MCP_AUTH_E_NOT_FOUND;
}

struct bytes level_default(void)
{
    return levels[LEVEL_CALLED_AS(LEVEL_DEFAULT_NAME)].text;
}

struct bytes level_text(int rank)
{
    assert(rank >= 0 && rank <= LEVEL_RANK_MAX);
    for (size_t i = 0; i < LEVELS; i++)
        if (levels[i].rank == rank)
            return levels[i].text;
    return levels[0].text;
}
