/* SPDX-License-Identifier: Apache-2.0 */
/* link_stage.c: a link to Redis with a loop, and what has been told of it. */
#include "link_stage.h"

#include "unit.h"

static void on_up(void *owner)
{
    struct link_stage *stage = owner;

    CHECK(redis_link_is_up(stage->link));
    stage->ups++;
}

static void on_down(void *owner, struct bytes why)
{
    struct link_stage *stage = owner;

    CHECK(why.size > 0 && why.size < sizeof stage->why);
    memcpy(stage->why, why.data, why.size);
    stage->why[why.size] = '\0';
    stage->downs++;
}

static void describe(struct strbuf *out, const struct redis_reply *reply)
{
    if (reply->type == REDIS_INTEGER)
        strbuf_printf(out, "%lld", (long long)reply->integer);
    else if (reply->type == REDIS_ARRAY)
        for (size_t i = 0; i < reply->count; i++) {
            strbuf_putc(out, i ? ',' : '[');
            describe(out, &reply->elements[i]);
        }
    else
        strbuf_put_bytes(out, reply->text);
}

static void on_answer(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct link_stage *stage = owner;

    stage->answers++;
    strbuf_printf(&stage->said, "%u:", (unsigned)tag);
    describe(&stage->said, reply);
    strbuf_putc(&stage->said, ';');
    if (stage->close_in_answer) {
        redis_link_close(stage->link);
        stage->link = NULL;
    }
}

void link_take_push(void *owner, const struct redis_reply *push)
{
    struct link_stage *stage = owner;

    stage->pushes++;
    strbuf_puts(&stage->said, "push:");
    describe(&stage->said, push);
    strbuf_putc(&stage->said, ';');
}

void link_stage_open(struct link_stage *stage, const char *url_text, const char *password,
                     const char *ca_file)
{
    struct redis_link_port port = {on_up, on_down, stage};
    struct redis_url url;
    const char *why;

    *stage = (struct link_stage){.downs = 0};
    strbuf_init(&stage->said, 1 << 20);
    CHECK_EQ(loop_init(&stage->loop), 0);
    CHECK_EQ(redis_url_read(bytes_of(url_text), bytes_of(password), &url, &why), 0);
    if (ca_file)
        CHECK_EQ(tls_context_client(&stage->tls, ca_file, &why), 0);
    CHECK_EQ(redis_link_open(&stage->link, &stage->loop, &url, stage->tls, &port, clock_now()), 0);
}

bool link_turn(struct link_stage *stage, const unsigned *count, unsigned least, int max_ms)
{
    int64_t end_ms = clock_now().mono_ms + max_ms;

    while (*count < least) {
        struct now now = clock_now();
        int64_t next_ms = stage->link ? redis_link_advance(stage->link, now) : INT64_MAX;
        int64_t wait_ms = next_ms - now.mono_ms;

        if (*count >= least)
            break;
        if (now.mono_ms >= end_ms)
            return false;
        if (wait_ms > end_ms - now.mono_ms)
            wait_ms = end_ms - now.mono_ms;
        CHECK_EQ(loop_turn(&stage->loop, wait_ms > 0 ? wait_ms : 0), 0);
    }
    return true;
}

void link_up(struct link_stage *stage)
{
    while (!stage->ups && !stage->downs && link_turn(stage, &stage->ups, 1, 20))
        ;
    if (!link_turn(stage, &stage->ups, 1, 8000))
        fail_msg("not up: %s", stage->why);
}

void link_down(struct link_stage *stage, const char *word, int max_ms)
{
    CHECK(link_turn(stage, &stage->downs, 1, max_ms));
    if (!strstr(stage->why, word))
        fail_msg("\"%s\", not \"%s\"", stage->why, word);
    CHECK_EQ(redis_link_advance(stage->link, clock_now()), INT64_MAX);
    CHECK(link_ask(stage, "PING", 100, 0) < 0);
    CHECK_EQ(stage->downs, 1); /* once */
}

int link_ask(struct link_stage *stage, const char *words, int64_t within_ms, uint64_t tag)
{
    struct bytes args[16];
    unsigned count = 0;

    while (*words) {
        size_t size = strcspn(words, " ");

        CHECK(count < 16);
        args[count++] = (struct bytes){words, size};
        words += size + (words[size] == ' ');
    }
    return redis_link_send(stage->link, args, count, within_ms, on_answer, tag);
}

const char *link_said(struct link_stage *stage)
{
    CHECK_EQ(strbuf_terminate(&stage->said), 0);
    return stage->said.data;
}

void link_stage_close(struct link_stage *stage)
{
    redis_link_close(stage->link);
    tls_context_free(stage->tls);
    loop_done(&stage->loop);
    strbuf_done(&stage->said);
}
