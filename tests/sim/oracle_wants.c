/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_wants.c: what must arrive at each client, and comparing it with what does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "oracle_state.h"

void oracle_fail(struct oracle *o, const char *format, ...)
{
    va_list list;

    if (o->failed)
        return;
    o->failed = true;
    va_start(list, format);
    vsnprintf(o->problem, sizeof o->problem, format, list);
    va_end(list);
}

void oracle_due(struct oracle_session *s, int code)
{
    if (s->due_count < ORACLE_DUE_MAX)
        s->due[s->due_count++] = code;
}

static size_t frame_size(const char *text)
{
    size_t size = text ? strlen(text) : 0;

    return size + (size < 126 ? 2 : size < 65536 ? 4 : 10);
}

/* What is not yet begun is dropped. */
void oracle_cut(struct oracle_session *s)
{
    unsigned keep = s->sent + (s->sent_part > 0 ? 1 : 0);

    while (s->count > keep) {
        struct want *last = &s->wants[--s->count];

        s->owed -= last->frame_size;
        free(last->own);
    }
}

bool oracle_want(struct oracle *o, struct oracle_session *s, const char *text, char *own,
                 uint64_t n, bool always)
{
    struct want want = {text, own, n, frame_size(text)};

    if (!always && s->state != O_CLOSED &&
        s->owed + want.frame_size > o->config->outbox_bytes_max) {
        free(own);
        oracle_cut(s);
        s->due_count = 0;
        oracle_due(s, 4202);
        return false;
    }
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->wants = realloc(s->wants, s->room * sizeof *s->wants);
        if (!s->wants)
            abort();
    }
    s->wants[s->count++] = want;
    s->owed += want.frame_size;
    return true;
}

void oracle_want_control(struct oracle *o, struct oracle_session *s, char *own, uint64_t n)
{
    if (!s->control || (s->due_count > 0 && s->state != O_CLOSED))
        free(own);
    else
        oracle_want(o, s, own, own, n, false);
}

enum rule_view oracle_view(struct oracle *o, const struct oracle_session *s, uint64_t n)
{
    const struct plain_event *event = o->entries[n].event;

    return rule_filter(&s->filter, event) ? rule_view(o->config, &s->who, event) : RULE_NOT;
}

void oracle_want_event(struct oracle *o, struct oracle_session *s, uint64_t n, enum rule_view view,
                       bool replay)
{
    struct oracle_entry *entry = &o->entries[n];
    unsigned cut = rule_cut(o->config, view, entry->event);

    if (s->due_count > 0)
        return;
    if (n > o->safe_n)
        oracle_fail(o,
                    "news before effect: event %llu reaches a client of hub %u, but the effect "
                    "of %llu is not applied everywhere",
                    (unsigned long long)n, s->hub, (unsigned long long)o->safe_n + 1);
    if (!entry->texts[cut])
        entry->texts[cut] = rule_event_text(entry->event, cut);
    oracle_want(o, s, entry->texts[cut], NULL, n, replay);
}

/* 24 bytes, big-endian: epoch, n, check (0 before the first event). */
static bool position_holds(struct oracle *o, uint64_t n, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t words[3] = {0};
    unsigned bits = 0, held = 0, bytes = 0;

    for (int i = 0; i < SIM_POSITION_SIZE; i++) {
        const char *digit = memchr(digits, text[i], 64);

        if (!digit)
            return false;
        held = (held << 6 | (unsigned)(digit - digits)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            words[bytes / 8] = words[bytes / 8] << 8 | ((held >> bits) & 0xff);
            bytes++;
        }
    }
    if (words[0] != o->config->epoch || words[1] != n || (n == 0 && words[2] != 0))
        return false;
    if (!o->checks[n][0])
        memcpy(o->checks[n], text, SIM_POSITION_SIZE);
    return memcmp(o->checks[n], text, SIM_POSITION_SIZE) == 0;
}

/* Compares with the marks of oracle_rules.h. */
static bool text_holds(struct oracle *o, struct oracle_session *s, const struct want *want,
                       const char *text, size_t size)
{
    const char *expected = want->text;
    size_t i = 0;

    for (; *expected && *expected != 3; expected++, i++) {
        if (i >= size)
            return false;
        if (*expected == 1) {
            if (size - i < SIM_POSITION_SIZE || !position_holds(o, want->n, text + i))
                return false;
            expected += SIM_POSITION_SIZE - 1;
            i += SIM_POSITION_SIZE - 1;
        } else if (*expected == 2) {
            if (!s->has_id && size - i > 26) { /* a connection keeps its id */
                memcpy(s->connection_id, text + i, 26);
                s->has_id = true;
            }
            if (size - i < 26 || memcmp(s->connection_id, text + i, 26) != 0)
                return false;
            expected += 25;
            i += 25;
        } else if (*expected != text[i]) {
            return false;
        }
    }
    return *expected == 3 || i == size;
}

static void check_json(struct oracle *o, unsigned client, const char *text, size_t size)
{
    json_error_t error;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(json))
        oracle_fail(o, "client %u got what is no JSON object: %.*s", client, (int)size, text);
    json_decref(json);
}

static struct want *next_want(struct oracle *o, unsigned client, const char *text, size_t size)
{
    struct oracle_session *s = oracle_session(o, client);

    if (s->got < s->count)
        return &s->wants[s->got++];
    oracle_fail(o, "client %u of hub %u (user %s, tenant '%s') got more than it may: %.*s", client,
                s->hub, s->token.user, s->token.tenant, (int)size, text);
    return NULL;
}

void oracle_got_text(struct oracle *o, unsigned client, const char *text, size_t size)
{
    struct oracle_session *s = oracle_session(o, client);
    struct want *want = next_want(o, client, text, size);

    check_json(o, client, text, size);
    if (want && (!want->text || !text_holds(o, s, want, text, size)))
        oracle_fail(o,
                    "client %u of hub %u (user %s, tenant '%s')\n  got      %.*s\n"
                    "  expected %s (n %llu)",
                    client, s->hub, s->token.user, s->token.tenant, (int)(size < 700 ? size : 700),
                    text, want->text ? want->text : "a PING", (unsigned long long)want->n);
}

void oracle_got_ping(struct oracle *o, unsigned client)
{
    struct want *want = next_want(o, client, "a PING", 6);

    if (want && want->text)
        oracle_fail(o, "client %u got a PING, expected %s", client, want->text);
}

void oracle_sent(struct oracle *o, unsigned client, size_t size)
{
    struct oracle_session *s = oracle_session(o, client);

    s->owed -= size < s->owed ? size : s->owed;
    s->sent_part += size;
    while (s->sent < s->count && s->sent_part >= s->wants[s->sent].frame_size)
        s->sent_part -= s->wants[s->sent++].frame_size;
    if (s->state == O_CATCHUP && !s->waiting && oracle_has_room(o, s))
        s->must_ask = true;
}

void oracle_drained(struct oracle *o, unsigned client)
{
    struct oracle_session *s = oracle_session(o, client);

    if (s->got < s->count && !s->cut_silently)
        oracle_fail(o,
                    "client %u of hub %u (user %s, tenant '%s', state %d) misses %u frames; the "
                    "first: %s (n %llu)",
                    client, s->hub, s->token.user, s->token.tenant, (int)s->state,
                    s->count - s->got, s->wants[s->got].text ? s->wants[s->got].text : "a PING",
                    (unsigned long long)s->wants[s->got].n);
}
