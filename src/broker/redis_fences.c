/* SPDX-License-Identifier: Apache-2.0 */
/* redis_fences.c: the fences that Redis keeps for the fleet: read when attaching, written, expired. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"

#define SEPARATOR '\x1f'
#define SCAN_COUNT "1000"
#define WRITE_CHUNK 500u /* fences in one command */
#define NAME_PARTS 4

static const struct bytes scope_names[] = {
    [FENCE_EVERYTHING] = {"everything", 10},
    [FENCE_ROLE] = {"role", 4},
    [FENCE_PERMISSION] = {"permission", 10},
    [FENCE_TOKEN] = {"token", 5},
};

size_t fleet_fence_name_size_max(const struct fence *fence)
{
    return fence->tenant.size + fence->user.size + fence->name.size + scope_names[0].size +
           NAME_PARTS;
}

/* tenant, scope, user, name; none of them has control characters. */
struct bytes fleet_fence_name(char *to, const struct fence *fence)
{
    char *at = to;

    bytes_copy(&at, fence->tenant);
    *at++ = SEPARATOR;
    bytes_copy(&at, scope_names[fence->scope]);
    *at++ = SEPARATOR;
    bytes_copy(&at, fence->user);
    *at++ = SEPARATOR;
    bytes_copy(&at, fence->name);
    return (struct bytes){to, (size_t)(at - to)};
}

static int scope_in(struct bytes text, enum fence_scope *ret)
{
    for (unsigned i = 0; i < ARRAY_COUNT(scope_names); i++)
        if (bytes_equal(scope_names[i], text)) {
            *ret = (enum fence_scope)i;
            return 0;
        }
    return MCP_AUTH_E_INVALID;
}

static int fence_in(struct bytes name, struct bytes value, struct fence *ret)
{
    struct bytes parts[NAME_PARTS] = {{name.data, 0}};
    unsigned part = 0;
    uint64_t not_before;

    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] != SEPARATOR)
            parts[part].size++;
        else if (++part < NAME_PARTS)
            parts[part] = (struct bytes){name.data + i + 1, 0};
        else
            return MCP_AUTH_E_INVALID;
    }
    if (part != NAME_PARTS - 1 || scope_in(parts[1], &ret->scope) < 0 ||
        fleet_number_read(value, &not_before) < 0)
        return MCP_AUTH_E_INVALID;
    ret->tenant = parts[0];
    ret->user = parts[2].size > 0 ? parts[2] : (struct bytes){0};
    ret->name = parts[3].size > 0 ? parts[3] : (struct bytes){0};
    ret->not_before_ms = (int64_t)not_before;
    /* What the scope needs and has not, or has and must not have. */
    if ((ret->scope == FENCE_TOKEN) == bytes_present(ret->user) ||
        (ret->scope == FENCE_EVERYTHING) == bytes_present(ret->name))
        return MCP_AUTH_E_INVALID;
    return 0;
}

static void scan(struct redis_fleet *fleet, struct bytes cursor, redis_answer_fn *answer)
{
    struct bytes args[] = {
        BYTES("HSCAN"), fleet->keys.fences, cursor, BYTES("COUNT"), BYTES(SCAN_COUNT),
    };

    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), fleet_patience_ms(fleet), answer, 0);
}

/* [cursor, [field, value, ...]] */
static bool is_scan(const struct redis_reply *reply)
{
    return reply->type == REDIS_ARRAY && reply->count == 2 &&
           reply->elements[0].type == REDIS_STRING && reply->elements[1].type == REDIS_ARRAY &&
           reply->elements[1].count % 2 == 0;
}

/* Who can be let in by a fence that nobody understands? So it is said, and not passed over. */
static void on_scanned(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    const struct redis_reply *list;
    struct fence fence;
    int r;

    (void)tag;
    if (!fleet)
        return;
    if (!is_scan(reply)) {
        fleet_fall_for(fleet, reply);
        return;
    }
    list = &reply->elements[1];
    for (size_t i = 0; i < list->count; i += 2) {
        if (fence_in(list->elements[i].text, list->elements[i + 1].text, &fence) < 0) {
            log_write(LOG_WARNING, "a fence in Redis cannot be read",
                      LOG_TEXT("fence", list->elements[i].text));
            continue;
        }
        r = fleet->port.on_fence(fleet->port.owner, &fence);
        if (r < 0) {
            fleet_fall_for_error(fleet, r);
            return;
        }
    }
    if (!bytes_equal(reply->elements[0].text, BYTES("0"))) {
        scan(fleet, reply->elements[0].text, on_scanned);
        return;
    }
    fleet->fences_known = true;
    fleet->scanning = false;
    fleet->port.on_fences_end(fleet->port.owner);
    fleet_look(fleet);
}

static uint64_t version_in(const struct redis_reply *reply)
{
    uint64_t version;

    return reply->type == REDIS_STRING && fleet_number_read(reply->text, &version) == 0 ? version
                                                                                        : 0;
}

static void on_version(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);

    (void)tag;
    if (!fleet)
        return;
    if (reply->type == REDIS_ERROR)
        fleet_fall_for(fleet, reply);
    else
        fleet->fences_version = version_in(reply);
}

/* The version first: what comes between the two is read again, and never missed. */
void fleet_fences_read(struct redis_fleet *fleet)
{
    struct bytes args[] = {BYTES("HGET"), fleet->keys.epoch, BYTES("fences")};

    fleet->scanning = true;
    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), fleet_patience_ms(fleet), on_version,
               0);
    scan(fleet, BYTES("0"), on_scanned);
}

/* What others write back after the stream has lost it is in no entry. */
void fleet_fences_version(struct redis_fleet *fleet, const struct redis_reply *version)
{
    if (!fleet->scanning && version_in(version) != fleet->fences_version)
        fleet_fences_read(fleet);
}

static void on_written(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);

    (void)tag;
    if (fleet && reply->type != REDIS_INTEGER)
        fleet_fall_for(fleet, reply);
}

static int write_some(struct redis_fleet *fleet, const struct fence *fences, size_t count)
{
    struct bytes args[5 + 2 * WRITE_CHUNK];
    unsigned used = 5;
    size_t size = 0;
    char *memory, *at;

    for (size_t i = 0; i < count; i++)
        size += fleet_fence_name_size_max(&fences[i]) + FLEET_NUMBER_SIZE;
    memory = at = malloc(size);
    if (!memory)
        return MCP_AUTH_E_NOMEM;
    args[0] = BYTES("EVALSHA");
    args[1] = redis_scripts[REDIS_SCRIPT_FENCES].sha1;
    args[2] = BYTES("2");
    args[3] = fleet->keys.fences;
    args[4] = fleet->keys.epoch;
    for (size_t i = 0; i < count; i++) {
        args[used] = fleet_fence_name(at, &fences[i]);
        at += args[used++].size;
        args[used] =
            fleet_number(at, fences[i].not_before_ms > 0 ? (uint64_t)fences[i].not_before_ms : 0);
        at += args[used++].size;
    }
    fleet_send(fleet, FLEET_COMMAND, args, used, fleet_patience_ms(fleet), on_written, 0);
    free(memory);
    return 0;
}

void fleet_fences_write(struct broker *broker, const struct fence *fences, size_t count)
{
    struct redis_fleet *fleet = fleet_of(broker);

    while (count > 0 && fleet->standing && !fleet->fallen) {
        size_t some = count < WRITE_CHUNK ? count : WRITE_CHUNK;
        int r = write_some(fleet, fences, some);

        if (r < 0)
            fleet_fall_for_error(fleet, r);
        fences += some;
        count -= some;
    }
}

static void on_expiring(void *owner, uint64_t tag, const struct redis_reply *reply);

/* Asks for those of one scan to go; the script looks at each once more. */
static int expire_some(struct redis_fleet *fleet, const struct redis_reply *list)
{
    int64_t before_ms = fleet->now.wall_ms - fleet->fence_ms;
    char number[FLEET_NUMBER_SIZE];
    unsigned used = 5;
    struct bytes *args = malloc((used + list->count / 2) * sizeof *args);
    uint64_t value;

    if (!args)
        return MCP_AUTH_E_NOMEM;
    args[0] = BYTES("EVALSHA");
    args[1] = redis_scripts[REDIS_SCRIPT_FENCES_EXPIRE].sha1;
    args[2] = BYTES("1");
    args[3] = fleet->keys.fences;
    args[4] = fleet_number(number, before_ms > 0 ? (uint64_t)before_ms : 0);
    for (size_t i = 0; i < list->count; i += 2)
        if (fleet_number_read(list->elements[i + 1].text, &value) == 0 &&
            (int64_t)value < before_ms)
            args[used++] = list->elements[i].text;
    if (used > 5)
        fleet_send(fleet, FLEET_COMMAND, args, used, fleet_patience_ms(fleet), on_written, 0);
    free(args);
    return 0;
}

static void on_expiring(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    int r;

    (void)tag;
    if (!fleet)
        return;
    if (!is_scan(reply)) {
        fleet_fall_for(fleet, reply);
        return;
    }
    r = expire_some(fleet, &reply->elements[1]);
    if (r < 0)
        fleet_fall_for_error(fleet, r);
    else if (!bytes_equal(reply->elements[0].text, BYTES("0")))
        scan(fleet, reply->elements[0].text, on_expiring);
    else
        fleet->expiring = false;
}

/* Of a whole fleet each does this now and then: what one has removed the others do not find. */
void fleet_keep_house(struct redis_fleet *fleet)
{
    struct bytes refresh[] = {BYTES("PEXPIRE"), fleet->keys.writer, BYTES(FLEET_WRITER_MS)};

    /* Who publishes nothing for a day must not be taken for stale. */
    fleet_send(fleet, FLEET_COMMAND, refresh, ARRAY_COUNT(refresh), fleet_patience_ms(fleet),
               on_written, 0);
    if (fleet->fence_ms == 0)
        return;
    fleet->expiring = true;
    scan(fleet, BYTES("0"), on_expiring);
}
