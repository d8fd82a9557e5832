/* SPDX-License-Identifier: Apache-2.0 */
/* redis_greet.c: the first words on a connection to Redis, and what their refusal means. */
#include <assert.h>
#include <stdio.h>

#include "broker/redis_link_private.h"
#include "mcp_auth/error.h"

enum greeting { GREETING_AUTH, GREETING_SELECT, GREETING_NAME, GREETING_PING };

const char *redis_said(const struct redis_reply *reply, char ret[REDIS_SAID_SIZE])
{
    size_t size = reply->text.size < REDIS_SAID_SIZE - 1 ? reply->text.size : REDIS_SAID_SIZE - 1;

    for (size_t i = 0; i < size; i++) {
        char c = reply->text.data[i];

        ret[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    ret[size] = '\0';
    return ret;
}

/* The words of Redis 6 and newer, and of those before. */
static void auth_refused(struct redis_link *link, const char *said)
{
    if (strstr(said, "without any password configured") || strstr(said, "no password is set"))
        redis_link_fail(link, "a password was given and Redis needs none");
    else if (strstr(said, "WRONGPASS") || strstr(said, "invalid password"))
        redis_link_fail(link, "Redis refuses the %spassword: %s",
                        link->url.user[0] ? "user or " : "", said);
    else
        redis_link_fail(link, "Redis refuses AUTH: %s", said);
}

static void greeted(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_link *link = owner;
    bool refused = reply->type == REDIS_ERROR;
    char said[REDIS_SAID_SIZE];

    if (!refused) {
        if (tag != GREETING_PING)
            return;
        link->state = REDIS_UP;
        link->port.on_up(link->port.owner);
        return;
    }
    (void)redis_said(reply, said);
    if (tag == GREETING_AUTH)
        auth_refused(link, said);
    else if (tag != GREETING_NAME && bytes_starts_with(reply->text, BYTES("NOAUTH")))
        redis_link_fail(link, "Redis needs a password and none was given");
    else if (tag == GREETING_SELECT)
        redis_link_fail(link, "Redis refuses database %u: %s", link->url.database, said);
    else if (tag == GREETING_PING)
        redis_link_fail(link, "Redis says: %s", said);
    /* A user that may not name his connection is fine: the name is for who looks at CLIENT LIST. */
}

static void say(struct redis_link *link, const struct bytes *args, unsigned count,
                enum greeting greeting)
{
    int r = redis_talk_put(link, args, count, REDIS_GREET_MS, greeted, link, greeting);

    if (r < 0)
        redis_link_fail(link, "%s", mcp_auth_strerror(r));
}

/* In one write; the first refusal decides, since what follows it has no answer that matters. */
void redis_greet(struct redis_link *link)
{
    const struct bytes user = bytes_of(link->url.user), password = bytes_of(link->url.password);
    char number[12];

    assert(link->state == REDIS_GREETING);
    if (user.size > 0)
        say(link, (const struct bytes[]){BYTES("AUTH"), user, password}, 3, GREETING_AUTH);
    else if (password.size > 0)
        say(link, (const struct bytes[]){BYTES("AUTH"), password}, 2, GREETING_AUTH);
    if (link->url.database != 0 && redis_link_talks(link)) {
        snprintf(number, sizeof number, "%u", link->url.database);
        say(link, (const struct bytes[]){BYTES("SELECT"), bytes_of(number)}, 2, GREETING_SELECT);
    }
    if (redis_link_talks(link))
        say(link, (const struct bytes[]){BYTES("CLIENT"), BYTES("SETNAME"), BYTES("mcp-auth")}, 3,
            GREETING_NAME);
    if (redis_link_talks(link))
        say(link, (const struct bytes[]){BYTES("PING")}, 1, GREETING_PING);
}

static void pinged(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_link *link = owner;
    char said[REDIS_SAID_SIZE];

    (void)tag;
    if (reply->type == REDIS_ERROR)
        redis_link_fail(link, "Redis says: %s", redis_said(reply, said));
}

void redis_greet_ping(struct redis_link *link)
{
    int r = redis_talk_put(link, (const struct bytes[]){BYTES("PING")}, 1, REDIS_ANSWER_MS, pinged,
                           link, 0);

    if (r < 0)
        redis_link_fail(link, "%s", mcp_auth_strerror(r));
}
