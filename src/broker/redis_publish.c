/* SPDX-License-Identifier: Apache-2.0 */
/* redis_publish.c: batches on their way into the stream, and their answers, in one order. */
#include <assert.h>
#include <stdlib.h>

#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* publish.lua: seven keys and ten words, then for each event nine and up to three more. */
#define HEAD_ARGS (3u + 7u + 10u)
#define EVENT_ARGS_MAX 12u
#define ID_KEYS 3
/* Of one event: time, fingerprint, and the time of its fence, whose name is counted beside. */
#define EVENT_TEXT_MAX (FLEET_NUMBER_SIZE + FLEET_EPOCH_SIZE + FLEET_NUMBER_SIZE)

/* A batch under way, with what its answer is made of. */
struct sent {
    struct list in_order;
    uint64_t ticket, sent_ns;
    size_t bytes, wire_bytes; /* of this, and of the events' texts */
    unsigned count;
    struct publish_answer *answers; /* `count`, behind the events */
    struct event *events[];
};

/* A command being put together; both arrays are large enough from the start. */
struct command {
    struct bytes *args;
    unsigned count;
    char *text;
};

static void sent_free(struct redis_fleet *fleet, struct sent *sent)
{
    list_unlink(&sent->in_order);
    fleet->batches_bytes -= sent->bytes;
    fleet->flying_bytes -= sent->wire_bytes;
    for (unsigned i = 0; i < sent->count; i++)
        event_unref(sent->events[i]);
    free(sent);
}

void fleet_batches_forget(struct redis_fleet *fleet)
{
    while (!list_empty(&fleet->batches))
        sent_free(fleet, container_of(fleet->batches.next, struct sent, in_order));
}

/* A number: stored under it now. "n w": stored before, by whom w says. */
static int answer_in(const struct redis_fleet *fleet, const struct event *event,
                     const struct redis_reply *reply, struct publish_answer *ret)
{
    struct bytes stored_by = {fleet->stored_by, fleet->stored_by_size}, number = reply->text;
    const char *blank;

    if (reply->type == REDIS_INTEGER && reply->integer > 0) {
        ret->outcome = PUBLISH_TAKEN;
        ret->at.n = (uint64_t)reply->integer;
    } else {
        blank = reply->type == REDIS_STRING && number.size > 0
                    ? memchr(number.data, ' ', number.size)
                    : NULL;
        if (!blank)
            return MCP_AUTH_E_INVALID;
        number.size = (size_t)(blank - number.data);
        stored_by = (struct bytes){blank + 1, reply->text.size - number.size - 1};
        ret->outcome = PUBLISH_DUPLICATE;
        if (fleet_number_read(number, &ret->at.n) < 0)
            return MCP_AUTH_E_INVALID;
    }
    ret->at.epoch = fleet->epoch;
    ret->at.check = position_check(fleet->epoch, ret->at.n, event->tenant, event->id, stored_by);
    return 0;
}

static int answers_in(const struct redis_fleet *fleet, struct sent *sent,
                      const struct redis_reply *reply)
{
    int r = reply->count == sent->count + 1 ? 0 : MCP_AUTH_E_INVALID;

    for (unsigned i = 0; r == 0 && i < sent->count; i++)
        r = answer_in(fleet, sent->events[i], &reply->elements[i + 1], &sent->answers[i]);
    return r;
}

static void on_published(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    struct batch_answer answer = {0};
    struct sent *sent;
    int64_t first = INT64_MIN;

    (void)tag;
    if (!fleet)
        return;
    assert(!list_empty(&fleet->batches));
    sent = container_of(fleet->batches.next, struct sent, in_order);
    if (reply->type == REDIS_ARRAY && reply->count > 0 && reply->elements[0].type == REDIS_INTEGER)
        first = reply->elements[0].integer;
    answer.ticket = sent->ticket;
    if (first == -1 && answers_in(fleet, sent, reply) == 0) {
        answer.result = BATCH_TAKEN;
        answer.answers = sent->answers;
        answer.count = sent->count;
    } else if (first >= 0 && first < sent->count && reply->count == 1) {
        answer.result = BATCH_CONFLICT;
        answer.failed_index = (unsigned)first;
    } else {
        /* Not stored; or not for certain. Either way the next attach tells. */
        fleet_fall_for(fleet, reply);
        return;
    }
    fleet->round_trip_ms = (int64_t)((clock_mono_ns() - sent->sent_ns) / 1000000);
    fleet->port.on_answer(fleet->port.owner, &answer);
    sent_free(fleet, sent);
}

static void put(struct command *command, struct bytes arg)
{
    command->args[command->count++] = arg;
}

static void put_number(struct command *command, int64_t number)
{
    struct bytes text = fleet_number(command->text, number > 0 ? (uint64_t)number : 0);

    command->text += text.size;
    put(command, text);
}

static struct bytes marks_of(const struct event *event, char to[4])
{
    size_t size = 0;

    if (event->id_given)
        to[size++] = 'g';
    if (event->has_fence)
        to[size++] = 'f';
    if (event->no_effects)
        to[size++] = 'x';
    if (event->control != CONTROL_NONE)
        to[size++] = 'c';
    return (struct bytes){to, size};
}

static void put_event(struct command *command, const struct redis_fleet *fleet,
                      const struct event *event)
{
    struct stored_fields fields;
    struct bytes marks = marks_of(event, command->text);

    command->text += marks.size;
    fleet->port.fields(fleet->port.owner, event, &fields);
    put(command, marks);
    put(command, fields.id);
    put(command, fields.tenant);
    put(command, fields.user);
    put(command, fields.target);
    put(command, fields.type);
    put(command, fields.by);
    put_number(command, fields.time_ms);
    put(command, fields.json);
    if (event->id_given) {
        put(command, fleet_epoch_text(command->text, event->fingerprint));
        command->text += FLEET_EPOCH_SIZE;
    }
    if (event->has_fence) {
        struct bytes name = fleet_fence_name(command->text, &event->fence);

        command->text += name.size;
        put(command, name);
        put_number(command, event->fence.not_before_ms);
    }
}

/* {prefix rbac:events}:ids:BUCKET */
static void put_ids_key(struct command *command, const struct redis_fleet *fleet, int64_t bucket)
{
    char *begin = command->text;

    bytes_copy(&command->text, fleet->keys.ids);
    command->text += fleet_number(command->text, bucket > 0 ? (uint64_t)bucket : 0).size;
    put(command, (struct bytes){begin, (size_t)(command->text - begin)});
}

static void put_head(struct command *command, const struct redis_fleet *fleet,
                     const struct broker_batch *batch, int64_t wall_ms)
{
    int64_t bucket = wall_ms / fleet->dedupe_ms;
    unsigned given = 0;

    for (unsigned i = 0; i < batch->count; i++)
        given += batch->events[i]->id_given;
    put(command, BYTES("EVALSHA"));
    put(command, redis_scripts[REDIS_SCRIPT_PUBLISH].sha1);
    put(command, BYTES("7"));
    put(command, fleet->keys.stream);
    put(command, fleet->keys.epoch);
    put(command, fleet->keys.fences);
    put(command, fleet->keys.writer);
    put_ids_key(command, fleet, bucket);
    put_ids_key(command, fleet, bucket - 1); /* an id is known for a whole window, over its edge */
    put_ids_key(command, fleet, bucket + 1); /* of an instance whose clock is ahead */
    put_number(command, (int64_t)fleet->generation);
    put(command, fleet_epoch_text(command->text, fleet->epoch));
    command->text += FLEET_EPOCH_SIZE;
    put(command, fleet->keys.stream);
    put_number(command, (int64_t)fleet->history_events);
    put_number(command, fleet->history_ms);
    put_number(command, wall_ms);
    put_number(command, fleet->dedupe_ms);
    put(command, BYTES(FLEET_WRITER_MS));
    put(command, (struct bytes){fleet->stored_by, fleet->stored_by_size});
    put_number(command, given);
    assert(command->count == HEAD_ARGS);
}

static int sent_new(struct redis_fleet *fleet, const struct broker_batch *batch, struct sent **ret)
{
    size_t events = batch->count * sizeof(struct event *);
    struct sent *sent = malloc(sizeof *sent + events + batch->count * sizeof *sent->answers);

    if (!sent)
        return MCP_AUTH_E_NOMEM;
    *sent = (struct sent){.ticket = batch->ticket,
                          .sent_ns = clock_mono_ns(),
                          .bytes = sizeof *sent + events + batch->count * sizeof *sent->answers,
                          .count = batch->count};
    sent->answers = (struct publish_answer *)(void *)((char *)(sent + 1) + events);
    for (unsigned i = 0; i < batch->count; i++) {
        sent->events[i] = event_ref(batch->events[i]);
        sent->wire_bytes += batch->events[i]->json.size;
    }
    list_append(&fleet->batches, &sent->in_order);
    fleet->batches_bytes += sent->bytes;
    fleet->flying_bytes += sent->wire_bytes;
    *ret = sent;
    return 0;
}

static size_t text_size_max(const struct redis_fleet *fleet, const struct broker_batch *batch)
{
    size_t size = ID_KEYS * (fleet->keys.ids.size + FLEET_NUMBER_SIZE) + 8 * FLEET_NUMBER_SIZE;

    for (unsigned i = 0; i < batch->count; i++) {
        size += EVENT_TEXT_MAX + 4;
        if (batch->events[i]->has_fence)
            size += fleet_fence_name_size_max(&batch->events[i]->fence);
    }
    /* fleet_number writes from the end of its room, so the last one needs all of it. */
    return size + FLEET_NUMBER_SIZE;
}

void fleet_publish(struct broker *broker, const struct broker_batch *batch, int64_t wall_ms)
{
    struct redis_fleet *fleet = fleet_of(broker);
    size_t args = (HEAD_ARGS + batch->count * EVENT_ARGS_MAX) * sizeof(struct bytes);
    struct command command = {0};
    struct sent *sent;
    char *memory;

    assert(batch->count > 0 && batch->count <= BATCH_EVENTS_MAX);
    if (fleet->fallen || !fleet->ready)
        return; /* on_away is about to be said, and this is on its way */
    memory = malloc(args + text_size_max(fleet, batch));
    if (!memory || sent_new(fleet, batch, &sent) < 0) {
        free(memory);
        fleet_fall_for_error(fleet, MCP_AUTH_E_NOMEM);
        return;
    }
    command.args = (struct bytes *)(void *)memory;
    command.text = memory + args;
    put_head(&command, fleet, batch, wall_ms);
    for (unsigned i = 0; i < batch->count; i++)
        put_event(&command, fleet, batch->events[i]);
    fleet_send(fleet, FLEET_COMMAND, command.args, command.count, fleet_patience_ms(fleet),
               on_published, 0);
    free(memory);
}
