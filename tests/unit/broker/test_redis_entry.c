/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_entry.c: an entry of the stream is read in any order of its fields, or refused. */
#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define TEXTS_MAX 16

/* [id, [texts...]] */
struct stage {
    struct redis_reply texts[TEXTS_MAX], parts[2], entry;
};

static const struct redis_reply *stage(struct stage *stage, const char *id,
                                       const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        stage->texts[i] = (struct redis_reply){.type = REDIS_STRING, .text = bytes_of(texts[i])};
    stage->parts[0] = (struct redis_reply){.type = REDIS_STRING, .text = bytes_of(id)};
    stage->parts[1] =
        (struct redis_reply){.type = REDIS_ARRAY, .elements = stage->texts, .count = count};
    stage->entry = (struct redis_reply){.type = REDIS_ARRAY, .elements = stage->parts, .count = 2};
    return &stage->entry;
}

TEST(fields_are_found_in_any_order_and_unknown_ones_passed_over)
{
    static const char *const texts[] = {"json", "{}", "new", "x",  "id", "a",     "t",
                                        "77",   "v",  "1",   "fx", "0",  "given", "1"};
    struct stored_entry entry;
    struct stage room;

    CHECK_EQ(fleet_entry_in(stage(&room, "12-0", texts, ARRAY_COUNT(texts)), &entry), 0);
    CHECK_EQ(entry.n, 12);
    CHECK_EQ(entry.part, 0);
    CHECK(entry.ours && entry.fields.given && entry.fields.no_effects);
    CHECK(bytes_equal(entry.fields.id, BYTES("a")));
    CHECK(bytes_equal(entry.fields.json, BYTES("{}")));
    CHECK_EQ(entry.fields.time_ms, 77);
    /* What is absent is present as nothing where a position is made of it. */
    CHECK(bytes_present(entry.fields.tenant) && entry.fields.tenant.size == 0);
}

TEST(another_version_is_not_ours)
{
    static const char *const texts[] = {"v", "2", "id", "a"};
    struct stored_entry entry;
    struct stage room;

    CHECK_EQ(fleet_entry_in(stage(&room, "1-0", texts, ARRAY_COUNT(texts)), &entry), 0);
    CHECK(!entry.ours);
    CHECK_EQ(fleet_entry_in(stage(&room, "1-0", texts, 0), &entry), 0);
    CHECK(!entry.ours);
}

TEST(what_is_no_entry_is_refused)
{
    static const char *const ids[] = {"", "-", "1", "1-", "-1", "a-0", "1-0-0", "1-0 "};
    static const char *const texts[] = {"v", "1", "id"};
    struct stored_entry entry;
    struct stage room;

    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        CHECK_EQ(fleet_entry_in(stage(&room, ids[i], texts, 2), &entry), MCP_AUTH_E_INVALID);
    CHECK_EQ(fleet_entry_in(stage(&room, "1-0", texts, 3), &entry), MCP_AUTH_E_INVALID);
    stage(&room, "1-0", texts, 2);
    room.parts[1].type = REDIS_NIL;
    CHECK_EQ(fleet_entry_in(&room.entry, &entry), MCP_AUTH_E_INVALID);
    room.entry.type = REDIS_NIL;
    CHECK_EQ(fleet_entry_in(&room.entry, &entry), MCP_AUTH_E_INVALID);
}
