/* SPDX-License-Identifier: Apache-2.0 */
/* test_user_index.c: each user's sessions are found, all of them, and nobody else's. */
#include "hub/user_index.h"

#include <stdlib.h>

#include "base/random.h"
#include "hub/session.h"
#include "unit.h"

#define USERS 700
#define SESSIONS 2000

static const uint8_t seed[16] = {11};
static struct hub hub; /* of which only the sessions and the users are used */
static struct session *sessions[SESSIONS];

static void begin(void)
{
    slab_init(&hub.sessions, sizeof(struct session), &hub);
    user_index_init(&hub.users, &hub.sessions, seed);
}

static void end(void)
{
    user_index_done(&hub.users);
    slab_done(&hub.sessions);
}

static struct session *come(const char *tenant, const char *user)
{
    struct session *s = slab_take(&hub.sessions);

    CHECK(s != NULL);
    s->subject = subject_new(bytes_of(tenant), bytes_of(user), BYTES("id-7"));
    CHECK(s->subject != NULL);
    CHECK_EQ(user_index_enter(&hub.users, s), 0);
    return s;
}

static void go(struct session *s)
{
    user_index_leave(&hub.users, s);
    free(s->subject);
    slab_give(s);
}

static struct session *find(const char *tenant, const char *user)
{
    char key[AUDIENCE_KEY_MAX];
    size_t size = audience_key_write(key, AUDIENCE_USER, bytes_of(tenant), bytes_of(user));

    return user_index_find(&hub.users, (struct bytes){key, size});
}

TEST(a_user_is_found_by_tenant_and_name_and_by_nothing_else)
{
    struct session *bob, *other;

    begin();
    CHECK(find("acme", "bob") == NULL);
    bob = come("acme", "bob");
    other = come("acmeb", "ob");
    CHECK(find("acme", "bob") == bob && user_next(bob) == NULL);
    CHECK(find("acmeb", "ob") == other);
    CHECK(find("acme", "bo") == NULL && find("acm", "ebob") == NULL && find("", "bob") == NULL);
    CHECK(bytes_equal(subject_token_id(bob->subject), BYTES("id-7")));
    go(bob);
    CHECK(find("acme", "bob") == NULL && find("acmeb", "ob") == other);
    go(other);
    end();
}

static unsigned count_of(const char *user)
{
    unsigned count = 0;

    for (struct session *s = find("t", user); s; s = user_next(s))
        count++;
    return count;
}

TEST(the_index_agrees_with_a_plain_count_however_users_come_and_go)
{
    static unsigned counts[USERS], at[SESSIONS];
    uint64_t dice = 5;
    struct random random = random_seeded(&dice);
    uint32_t most = 0;

    begin();
    for (int step = 0; step < 20000; step++) {
        uint16_t roll[2];
        char user[16];
        unsigned i;

        random.fill(random.owner, roll, sizeof roll);
        i = roll[0] % (step / 4000 % 2 ? 50 : SESSIONS);
        if (sessions[i]) {
            counts[at[i]]--;
            go(sessions[i]);
            sessions[i] = NULL;
        } else {
            at[i] = roll[1] % USERS;
            (void)snprintf(user, sizeof user, "u%u", at[i]);
            sessions[i] = come("t", user);
            counts[at[i]]++;
        }
        (void)snprintf(user, sizeof user, "u%u", at[i]);
        CHECK_EQ(count_of(user), counts[at[i]]);
        if (hub.users.capacity > most)
            most = hub.users.capacity;
        CHECK(hub.users.count <= hub.users.capacity / 4 * 3);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        if (sessions[i])
            go(sessions[i]);
    CHECK(most >= 512 && hub.users.capacity <= 16); /* it grew, and gave back */
    end();
}
