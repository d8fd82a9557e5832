/* SPDX-License-Identifier: Apache-2.0 */
/* dev.c: the demo tokens of a development server: alice and bob, who are users, and admin. */
#include "server/dev.h"

#include <assert.h>

#include "base/clock.h"
#include "codec/json.h"
#include "server/token_compose.h"

#define DEMO_SECONDS (12 * 3600)

static const struct demo {
    const char *user, *name, *roles[2];
} demos[] = {
    {"alice", "Alice", {"user"}},
    {"bob", "Bob", {"user"}},
    {"admin", "Admin", {"admin"}},
};

static int put_demo(const struct settings *settings, const struct demo *demo, struct strbuf *out)
{
    int64_t now = clock_now().wall_ms / 1000;
    const char *role = demo->roles[0];
    struct strbuf token;
    int r;

    /* Whatever this server calls an administrator. */
    if (strcmp(role, "admin") == 0 && settings->admin_roles.count)
        role = settings->admin_roles.items[0].data;
    strbuf_init(&token, 16 * 1024);
    r = token_compose(settings,
                      &(mcp_auth_token_claims){
                          .size = sizeof(mcp_auth_token_claims),
                          .user = demo->user,
                          .name = demo->name,
                          .roles = (const char *const[]){role, NULL},
                          .issued_at = now,
                          .expires_at = now + DEMO_SECONDS,
                      },
                      &token);
    if (r == 0) {
        strbuf_puts(out, "{\"name\":");
        json_put_string(out, bytes_of(demo->user));
        strbuf_puts(out, ",\"roles\":[");
        json_put_string(out, bytes_of(role));
        strbuf_puts(out, "],\"token\":");
        json_put_string(out, strbuf_bytes(&token));
        strbuf_putc(out, '}');
    }
    strbuf_done(&token);
    return r;
}

int dev_tokens_json(const struct settings *settings, struct strbuf *out)
{
    int r = 0;

    assert(settings->dev);
    strbuf_puts(out, "{\"tokens\":[");
    for (size_t i = 0; bytes_present(settings->jwt_secret) && i < ARRAY_COUNT(demos); i++) {
        size_t before = out->size;

        if (i > 0)
            strbuf_putc(out, ',');
        r = put_demo(settings, &demos[i], out);
        if (r == MCP_AUTH_E_NOMEM)
            return r;
        if (r < 0) { /* HS256 is switched off: then there are no demo tokens, and no failure */
            out->size = before;
            break;
        }
    }
    strbuf_puts(out, "]}");
    return out->error;
}
