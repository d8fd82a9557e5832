/* SPDX-License-Identifier: Apache-2.0 */
/* stage_alone.c: events that the stage's instance delivers while its bus is away. */
#include <stdio.h>

#include "stage.h"

uint64_t stage_alone(struct stage *stage, struct sample sample)
{
    struct entry *entry = &stage->alone[++stage->alone_n];
    char id[32];

    CHECK(stage->alone_n < STAGE_ALONE_MAX);
    snprintf(id, sizeof id, "a%llu", (unsigned long long)stage->alone_n);
    sample.id = id;
    sample.time_ms = stage->now.wall_ms;
    *entry = (struct entry){.event = sample_event(sample), .alone = stage->alone_n};
    if (entry->event->has_fence)
        CHECK_EQ(hub_effect(stage->hub, entry->event), 0);
    hub_announce(stage->hub, entry);
    return entry->alone;
}

uint64_t stage_come_back(struct stage *stage, uint64_t serial)
{
    struct entry *entry = &stage->past[++stage->past_n];

    *entry = stage->alone[serial];
    event_ref(entry->event);
    entry->n = stage->past_n;
    entry->check =
        position_check(STAGE_EPOCH, entry->n, entry->event->tenant, entry->event->id, BYTES(""));
    hub_announce(stage->hub, entry);
    return entry->n;
}

bool client_reads_alone(struct client *client, uint64_t serial, const char *position)
{
    char part[64];
    size_t size;

    snprintf(part, sizeof part, "\"id\":\"a%llu\"", (unsigned long long)serial);
    if (!client_reads(client, "event", part))
        return false;
    snprintf(part, sizeof part, ",\"position\":\"%s\"}", position);
    size = strlen(client->text);
    if (size > strlen(part) && strcmp(client->text + size - strlen(part), part) == 0)
        return true;
    print_message("read %s\n", client->text);
    return false;
}
