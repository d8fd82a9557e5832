/* SPDX-License-Identifier: Apache-2.0 */
/* tail_line.c: an event as one line for people. */
#include <string.h>

#include "tail.h"

static enum style style_of(const char *level)
{
    struct bytes text = bytes_of(level);

    if (bytes_equal_nocase(text, BYTES("CRITICAL")) || bytes_equal_nocase(text, BYTES("HIGH")))
        return STYLE_RED;
    if (bytes_equal_nocase(text, BYTES("MEDIUM")) || bytes_equal_nocase(text, BYTES("WARNING")))
        return STYLE_YELLOW;
    return STYLE_GREEN;
}

static void put(enum style style, int width, struct bytes text)
{
    fputs(style_on(stdout, style), stdout);
    print_clean(stdout, text);
    if (style != STYLE_NONE)
        fputs(style_off(stdout), stdout);
    printf("%*s", text.size < (size_t)width ? width - (int)text.size : 0, "");
}

static void put_named(const char *name, const char *value)
{
    if (!value)
        return;
    printf("  %s%s=%s", style_on(stdout, STYLE_DIM), name, style_off(stdout));
    print_clean(stdout, bytes_of(value));
}

void tail_print_line(const mcp_auth_client_event *event)
{
    struct bytes time = bytes_of(event->timestamp), message = bytes_of(event->message);

    /* "2026-11-23T01:54:49.123Z": the day is the reader's own. */
    if (time.size == 24)
        time = (struct bytes){time.data + 11, 12};
    put(STYLE_DIM, 12, time);
    putchar(' ');
    put(style_of(event->security_level ? event->security_level : ""), 8,
        bytes_of(event->security_level));
    putchar(' ');
    put(STYLE_BOLD, 21, bytes_of(event->event_type));
    putchar(' ');
    put(STYLE_NONE, 0, message);
    put_named("user", event->user_id);
    put_named("target", event->target_user_id);
    put_named("role", event->role_name);
    put_named("permission", event->permission);
    put_named("resource", event->resource);
    put_named("resource_id", event->resource_id);
    put_named("action", event->action);
    put_named("tenant", event->tenant_id);
    putchar('\n');
}
