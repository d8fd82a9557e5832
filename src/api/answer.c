/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c: composes the JSON of the API's answers. */
#include "api/answer.h"

#include <stdio.h>

#include "codec/http_grammar.h"
#include "codec/json.h"

static void put_event(struct strbuf *out, const struct event *event,
                      const struct publish_answer *answer)
{
    char position[POSITION_SIZE];

    strbuf_putc(out, '{');
    json_put_name(out, "id");
    json_put_string(out, event->id);
    if (answer->at.n > 0) { /* else it has no place in the stream yet */
        json_put_name(out, "position");
        position_write(&answer->at, position);
        json_put_string(out, (struct bytes){position, sizeof position});
    }
    if (answer->outcome == PUBLISH_DUPLICATE)
        strbuf_puts(out, ",\"duplicate\":true");
    strbuf_putc(out, '}');
}

void answer_accepted(struct strbuf *out, const struct publication *publication, unsigned redacted)
{
    strbuf_printf(out, "{\"accepted\":%u,\"degraded\":%s", publication->count,
                  publication->degraded ? "true" : "false");
    if (redacted > 0)
        strbuf_printf(out, ",\"redacted\":%u", redacted);
    strbuf_puts(out, ",\"events\":[");
    for (unsigned i = 0; i < publication->count; i++) {
        if (i > 0)
            strbuf_putc(out, ',');
        put_event(out, publication->events[i], &publication->answers[i]);
    }
    strbuf_puts(out, "]}");
}

void answer_of_ingest(const struct ingest_problem *problem, struct answer_problem *ret)
{
    struct bytes reason = bytes_of(problem->event.reason);
    struct bytes member = bytes_of(problem->event.member);

    *ret = (struct answer_problem){
        .code = problem->event.code,
        .message = reason.size > 0 ? reason : error_code_meaning(problem->event.code),
        .details =
            {
                .index = problem->index,
                .member = member.size > 0 ? member : (struct bytes){0},
                .reason = reason.size > 0 ? reason : (struct bytes){0},
            },
    };
    if (member.size == 0 || reason.size == 0)
        return;
    (void)snprintf(ret->text, sizeof ret->text, "%s: %s", problem->event.member,
                   problem->event.reason);
    ret->message = bytes_of(ret->text);
}

bool answer_media_type_is(struct bytes content_type, struct bytes media_type)
{
    const char *end =
        content_type.size > 0 ? memchr(content_type.data, ';', content_type.size) : NULL;

    if (end)
        content_type.size = (size_t)(end - content_type.data);
    return bytes_equal_nocase(http_trim(content_type), media_type);
}
