/* SPDX-License-Identifier: Apache-2.0 */
/* stage.c: a hub with a clock, a history and clients of its own, for the tests of sessions. */
#include "stage.h"

#include <stdio.h>

#include "auth/token_mint.h"
#include "codec/ws_deflate.h"
#include "codec/ws_frame.h"

static const struct bytes admin_roles[] = {{"admin", 5}};

static bool port_resume(void *owner, const struct resume_request *request)
{
    struct stage *stage = owner;
    struct asked *asked = &stage->asked;

    if (stage->deaf)
        return false;
    CHECK(request->keys_count <= STAGE_KEYS_MAX);
    asked->there = true;
    asked->request = *request;
    asked->request.keys = asked->keys;
    for (unsigned i = 0; i < request->keys_count; i++) {
        CHECK(request->keys[i].size <= AUDIENCE_KEY_MAX);
        memcpy(asked->text[i], request->keys[i].data, request->keys[i].size);
        asked->keys[i] = (struct bytes){asked->text[i], request->keys[i].size};
    }
    stage->asked_count++;
    return true;
}

static bool port_admit(void *owner)
{
    struct stage *stage = owner;

    if (stage->admitted == stage->places)
        return false;
    stage->admitted++;
    return true;
}

static void port_leave(void *owner)
{
    struct stage *stage = owner;

    CHECK(stage->admitted > 0);
    stage->admitted--;
}

void stage_init(struct stage *stage)
{
    struct keyring *keys;
    const char *why;

    memset(stage, 0, sizeof *stage);
    stage->rules = (struct token_rules){
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .authority = {admin_roles, 1, 5000},
        .leeway_ms = 0,
        .age_max_ms = INT64_C(30) * 86400000,
    };
    stage->settings = (struct hub_settings){
        .tokens = &stage->rules,
        .privacy = PRIVACY_FULL,
        .heartbeat_ms = 30000,
        .auth_timeout_ms = 10000,
        .rate_messages = 100,
        .rate_window_ms = 60000,
        .outbox_bytes_max = OUTBOX_BYTES_MAX,
        .frame_log_bytes_max = FRAME_LOG_BYTES_MAX,
    };
    stage->now = (struct now){.mono_ms = 5000, .wall_ms = STAGE_WALL_MS};
    stage->places = 1000;
    stage->random = random_seeded(&stage->random_state);
    CHECK_EQ(keyring_new(&keys, 0), 0);
    CHECK_EQ(keyring_add_secret(keys, BYTES(STAGE_SECRET), &why), 0);
    CHECK_EQ(issuers_new(&stage->issuers, keys, NULL, 0), 0);
    keyring_unref(keys);
}

static uint64_t port_stream_n(void *owner)
{
    return ((struct stage *)owner)->past_n;
}

void stage_start(struct stage *stage)
{
    struct hub_port port = {.resume = port_resume,
                            .admit = port_admit,
                            .leave = port_leave,
                            .stream_n = port_stream_n,
                            .owner = stage};

    CHECK_EQ(hub_new(&stage->hub, 3, &stage->settings, stage->issuers, &port, &stage->random,
                     (struct position){.epoch = STAGE_EPOCH}, stage->now),
             0);
    CHECK_EQ(hub_index(stage->hub), 3);
    CHECK_EQ(stage->hub->bus, BUS_NONE);
    hub_bus_state(stage->hub, BUS_OK); /* so that heartbeats are rare */
}

void stage_done(struct stage *stage)
{
    hub_free(stage->hub);
    issuers_unref(stage->issuers);
    for (uint64_t n = 1; n <= stage->past_n; n++)
        event_unref(stage->past[n].event);
    for (uint64_t serial = 1; serial <= stage->alone_n; serial++)
        event_unref(stage->alone[serial].event);
    CHECK_EQ(stage->admitted, 0); /* every place was given back */
}

void stage_advance(struct stage *stage, int64_t ms)
{
    stage->now.mono_ms += ms;
    stage->now.wall_ms += ms;
    hub_advance(stage->hub, stage->now);
}

const char *stage_token(const struct stage *stage, const char *claims)
{
    static char token[TOKEN_SIZE_MAX + 1];
    struct strbuf payload, out;

    strbuf_init(&payload, 8192);
    strbuf_init(&out, TOKEN_SIZE_MAX);
    strbuf_printf(&payload, "{%s", claims);
    if (!strstr(claims, "\"exp\""))
        strbuf_printf(&payload, ",\"exp\":%lld", (long long)(stage->now.wall_ms / 1000 + 3600));
    if (!strstr(claims, "\"iat\""))
        strbuf_printf(&payload, ",\"iat\":%lld", (long long)(stage->now.wall_ms / 1000));
    strbuf_putc(&payload, '}');
    CHECK_EQ(token_mint(&out, BYTES(STAGE_SECRET), strbuf_bytes(&payload)), 0);
    memcpy(token, out.data, out.size);
    token[out.size] = '\0';
    strbuf_done(&payload);
    strbuf_done(&out);
    return token;
}

const char *stage_token_for(const struct stage *stage, const char *user, const char *roles)
{
    char claims[512];

    snprintf(claims, sizeof claims, "\"sub\":\"%s\",\"roles\":[%s]", user, roles ? roles : "");
    return stage_token(stage, claims);
}

const char *stage_position(const struct stage *stage, uint64_t n)
{
    static char text[POSITION_SIZE + 1];
    struct position position = {.epoch = STAGE_EPOCH, .n = n};

    CHECK(n <= stage->past_n);
    if (n > 0)
        position.check = stage->past[n].check;
    position_write(&position, text);
    return text;
}

uint64_t stage_append(struct stage *stage, struct sample sample)
{
    uint64_t n = stage->past_n + 1;
    struct entry *entry = &stage->past[n];
    char id[32];

    CHECK(n < STAGE_PAST_MAX);
    snprintf(id, sizeof id, "e%llu", (unsigned long long)n);
    if (!sample.id)
        sample.id = id;
    if (sample.time_ms == 0)
        sample.time_ms = stage->now.wall_ms;
    entry->event = sample_event(sample);
    entry->n = n;
    entry->check =
        position_check(STAGE_EPOCH, n, entry->event->tenant, entry->event->id, BYTES(""));
    stage->past_n = n;
    return n;
}

void stage_effect(struct stage *stage, uint64_t n)
{
    CHECK(stage->past[n].event->has_fence);
    CHECK_EQ(hub_effect(stage->hub, stage->past[n].event), 0);
}

void stage_announce(struct stage *stage, uint64_t n)
{
    hub_announce(stage->hub, &stage->past[n]);
}

uint64_t stage_publish(struct stage *stage, struct sample sample)
{
    uint64_t n = stage_append(stage, sample);

    if (stage->past[n].event->has_fence)
        stage_effect(stage, n);
    stage_announce(stage, n);
    return n;
}

/* The naive twin of history's index. */
static bool asked_for(const struct asked *asked, const struct event *event)
{
    for (unsigned k = 0; k < asked->request.keys_count; k++)
        for (unsigned i = 0; i < event->audience_count; i++) {
            struct bytes key = asked->keys[k];
            bool any = key.data[0] == AUDIENCE_ANY_PERMISSION &&
                       event->audience[i].kind == AUDIENCE_PERMISSION &&
                       bytes_equal((struct bytes){key.data + 1, key.size - 2}, event->tenant);

            if (any || bytes_equal(key, event->audience[i].text))
                return true;
        }
    return false;
}

void stage_answer(struct stage *stage, unsigned count_max)
{
    struct entry entries[STAGE_PAST_MAX];
    struct asked *asked = &stage->asked;
    struct resume_answer answer = {
        .session = asked->request.session,
        .serial = asked->request.serial,
        .outcome = RESUME_SLICE,
        .entries = entries,
        .upto = {STAGE_EPOCH, stage->past_n, stage->past_n ? stage->past[stage->past_n].check : 0},
    };

    CHECK(asked->there);
    asked->there = false;
    for (uint64_t n = asked->request.from.n + 1; n <= stage->past_n; n++) {
        if (!asked_for(asked, stage->past[n].event))
            continue;
        if (answer.entries_count == count_max) {
            const struct entry *last = &entries[count_max - 1];

            answer.upto = (struct position){STAGE_EPOCH, last->n, last->check};
            break;
        }
        entries[answer.entries_count++] = stage->past[n];
    }
    hub_resume_answer(stage->hub, &answer);
}

void stage_answer_with(struct stage *stage, enum resume_outcome outcome)
{
    struct resume_answer answer = {
        .session = stage->asked.request.session,
        .serial = stage->asked.request.serial,
        .outcome = outcome,
    };

    CHECK(stage->asked.there);
    stage->asked.there = false;
    hub_resume_answer(stage->hub, &answer);
}

static void on_wake(struct outlet *outlet)
{
    ((struct client *)outlet)->wakes++;
}

static void on_close(struct outlet *outlet, enum close_reason reason, int64_t linger_ms)
{
    struct client *client = (struct client *)outlet;

    CHECK(!client->closed); /* once */
    CHECK(linger_ms > 0);
    client->closed = true;
    client->reason = reason;
}

static void on_refused(struct outlet *outlet, const char *why)
{
    ((struct client *)outlet)->refused = why;
}

static const struct outlet_operations outlet_operations = {.wake = on_wake,
                                                           .close = on_close,
                                                           .refused = on_refused};

void client_connect_as(struct client *client, struct stage *stage, enum session_kind kind,
                       struct identity *identity)
{
    memset(client, 0, sizeof *client);
    client->outlet.operations = &outlet_operations;
    client->stage = stage;
    strbuf_init(&client->wire, SIZE_MAX / 2);
    CHECK_EQ(hub_connect(stage->hub, kind, &client->outlet, identity, &client->session), 0);
}

void client_connect(struct client *client, struct stage *stage, enum session_kind kind)
{
    client_connect_as(client, stage, kind, NULL);
}

void client_stream(struct client *client, struct stage *stage, const char *token,
                   struct filter *filter, const char *position)
{
    struct identity *identity;
    const char *why;

    memset(client, 0, sizeof *client);
    client->outlet.operations = &outlet_operations;
    client->stage = stage;
    strbuf_init(&client->wire, SIZE_MAX / 2);
    CHECK_EQ(hub_authenticate(stage->hub, bytes_of(token), &identity, &why), AUTH_OK);
    CHECK_EQ(hub_connect_stream(stage->hub, &client->outlet, identity, filter, bytes_of(position),
                                &client->session),
             0);
}

const char *client_text(struct client *client)
{
    char scratch[64];
    struct bytes out;

    strbuf_reset(&client->wire);
    while ((out = session_output(client->session, scratch, sizeof scratch)).size > 0) {
        size_t size = out.size > 7 ? 7 : out.size; /* in pieces */

        strbuf_put(&client->wire, out.data, size);
        session_sent(client->session, size);
    }
    CHECK_EQ(strbuf_terminate(&client->wire), 0);
    return client->wire.data;
}

void client_gone(struct client *client)
{
    hub_disconnect(client->session);
    strbuf_done(&client->wire);
    free(client->text);
}

void client_say(struct client *client, const char *format, ...)
{
    char text[FIRST_MESSAGE_SIZE_MAX];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < sizeof text);
    session_receive(client->session, (struct bytes){text, (size_t)size});
}

void client_auth(struct client *client, const char *token, const char *position)
{
    if (position)
        client_say(client, "{\"type\":\"auth\",\"token\":\"%s\",\"position\":\"%s\"}", token,
                   position);
    else
        client_say(client, "{\"type\":\"auth\",\"token\":\"%s\"}", token);
}

static void sign_in(struct client *client, struct stage *stage, enum session_kind kind,
                    const char *user, const char *roles)
{
    client_auth(client, stage_token_for(stage, user, roles), NULL);
    CHECK(session_signed_in(client->session));
    CHECK(kind == SESSION_PLAIN || client_reads(client, "auth_ok", NULL));
}

void client_sign_in(struct client *client, struct stage *stage, enum session_kind kind,
                    const char *user, const char *roles)
{
    client_connect(client, stage, kind);
    sign_in(client, stage, kind, user, roles);
}

void client_sign_in_deflated(struct client *client, struct stage *stage, enum session_kind kind,
                             const char *user, const char *roles)
{
    client_connect(client, stage, kind);
    session_deflates(client->session);
    client->deflates = true;
    sign_in(client, stage, kind, user, roles);
}

static void pump(struct client *client)
{
    char scratch[2048];
    struct bytes out;

    while ((out = session_output(client->session, scratch, sizeof scratch)).size > 0) {
        CHECK(client->wakes > 0); /* nobody has to ask */
        strbuf_put_bytes(&client->wire, out);
        session_sent(client->session, out.size);
    }
    CHECK_EQ(client->wire.error, 0);
}

/* Each by an inflater of its own: no message may refer to another. */
static char *inflated(struct bytes payload)
{
    const struct ws_inflate_limits limits = {.size_max = 2 * EVENT_SIZE_MAX};
    struct ws_output message = {.opcode = WS_TEXT, .payload = payload};
    struct ws_inflater *inflater;
    char *text;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &message), WS_GOT_MESSAGE);
    text = strndup(message.payload.data, message.payload.size);
    CHECK(text && strlen(text) == message.payload.size);
    ws_inflater_free(inflater);
    return text;
}

const char *client_read(struct client *client)
{
    pump(client);
    while (client->at < client->wire.size) {
        struct ws_frame_header header;
        const char *at = client->wire.data + client->at;
        int size = ws_frame_read_header(at, client->wire.size - client->at, &header);

        CHECK(size > 0 && header.fin && !header.masked);
        CHECK(header.payload_size <= client->wire.size - client->at - (size_t)size);
        client->at += (size_t)size + (size_t)header.payload_size;
        if (header.opcode == WS_PING) {
            client->pings++;
            continue;
        }
        CHECK_EQ(header.opcode, WS_TEXT);
        free(client->text);
        CHECK(!header.rsv1 || client->deflates);
        client->deflated += header.rsv1;
        client->text = header.rsv1
                           ? inflated((struct bytes){at + size, (size_t)header.payload_size})
                           : strndup(at + size, (size_t)header.payload_size);
        return client->text;
    }
    return NULL;
}

bool client_reads(struct client *client, const char *type, const char *part)
{
    const char *text = client_read(client);
    char start[64];

    snprintf(start, sizeof start, "{\"type\":\"%s\"", type);
    if (text && strncmp(text, start, strlen(start)) == 0 && (!part || strstr(text, part)))
        return true;
    print_message("read %s instead of %s with %s\n", text ? text : "nothing", type,
                  part ? part : "anything");
    return false;
}

bool client_reads_event(struct client *client, uint64_t n)
{
    const struct stage *stage = client->stage;
    struct bytes id = stage->past[n].event->id;
    char part[128];

    snprintf(part, sizeof part, "\"id\":\"%.*s\"", (int)id.size, id.data);
    if (!client_reads(client, "event", part))
        return false;
    snprintf(part, sizeof part, ",\"position\":\"%s\"}", stage_position(stage, n));
    return strlen(client->text) > strlen(part) &&
           strcmp(client->text + strlen(client->text) - strlen(part), part) == 0;
}

bool client_closed(const struct client *client, enum close_reason reason)
{
    if (client->closed && client->reason != reason)
        print_message("closed with %d\n", close_reason_code(client->reason));
    return client->closed && client->reason == reason;
}

bool client_quiet(struct client *client)
{
    const char *text = client_read(client);

    if (text)
        print_message("read %s\n", text);
    return !text && !client->closed;
}
