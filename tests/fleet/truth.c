/* SPDX-License-Identifier: Apache-2.0 */
/* truth.c: judges what connections are given against what was published and stored. */
#include "truth.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void truth_fail(struct truth *t, const char *format, ...)
{
    va_list list;

    if (t->problem[0])
        return;
    va_start(list, format);
    vsnprintf(t->problem, sizeof t->problem, format, list);
    va_end(list);
}

uint64_t truth_check(uint64_t epoch, int node)
{
    uint64_t x = epoch * 0x9e3779b97f4a7c15ull + (uint64_t)node * 0xbf58476d1ce4e5b9ull;

    x ^= x >> 31;
    x *= 0x94d049bb133111ebull;
    return node == 0 ? 0 : (x ^ x >> 29) | 1;
}

int truth_node_new(struct truth *t, int parent, int fact)
{
    struct node_there *node = &t->nodes[t->nodes_count];

    if (t->nodes_count == NODES_MAX)
        abort();
    *node = (struct node_there){parent, fact, t->nodes[parent].n + 1};
    return t->nodes_count++;
}

int truth_fact_find(const struct truth *t, const char *id, size_t size)
{
    for (int i = t->facts_count; i-- > 0;)
        if (strlen(t->facts[i].id) == size && memcmp(t->facts[i].id, id, size) == 0)
            return i;
    return -1;
}

int truth_up(const struct truth *t, int from, uint64_t n)
{
    while (from > 0 && t->nodes[from].n > n)
        from = t->nodes[from].parent;
    return t->nodes[from].n == n ? from : -1;
}

bool truth_is_on(const struct truth *t, int line, int fact)
{
    for (; line > 0; line = t->nodes[line].parent)
        if (t->nodes[line].fact == fact)
            return true;
    return false;
}

static bool decode(const char *text, size_t size, uint64_t ret[3])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t bits = 0;
    unsigned held = 0, byte = 0;

    if (size != 32)
        return false;
    ret[0] = ret[1] = ret[2] = 0;
    for (size_t i = 0; i < size; i++) {
        const char *digit = memchr(digits, text[i], 64);

        if (!digit)
            return false;
        bits = bits << 6 | (uint64_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            ret[byte / 8] = ret[byte / 8] << 8 | (bits >> held & 255);
            byte++;
        }
    }
    return byte == 24;
}

/* Which place is it? -1: none that ever was. */
static int find(const struct truth *t, uint64_t epoch, uint64_t n, uint64_t check)
{
    if (n == 0)
        return 0;
    for (int i = t->heads_count; check == 0 && i-- > 0;)
        if (t->heads[i].epoch == epoch && t->heads[i].n == n)
            return t->heads[i].node;
    for (int i = t->nodes_count; i-- > 1;)
        if (t->nodes[i].n == n && truth_check(epoch, i) == check)
            return i;
    return -1;
}

void truth_connected(struct truth *t, unsigned person, const char *position)
{
    struct connection *c = &t->people[person];
    uint64_t p[3];

    c->open = true;
    c->since_ms = t->now_ms;
    c->rebases = t->rebases[c->instance];
    c->base = c->at = -1;
    c->asked = position[0] != 0;
    c->position[0] = 0;
    if (!c->asked || !decode(position, 32, p))
        return;
    c->asked_epoch = p[0];
    c->epoch = p[0];
    if (!c->session && p[0] != 0) /* it is told nothing when it is in */
        c->base = c->at = find(t, p[0], p[1], p[2]);
}

void truth_restarted(struct truth *t, unsigned instance)
{
    t->life[instance]++;
    t->rebases[instance]++;
    t->line[instance] = 0;
    for (int i = 0; i < t->facts_count; i++)
        t->facts[i].came[instance] = false;
    for (unsigned h = 0; h < HUBS_MAX; h++)
        t->fences_count[instance][h] = t->hub_at[instance][h] = 0;
}

void truth_stands(struct truth *t, unsigned instance, uint64_t epoch, int node, bool first)
{
    t->rebases[instance] += !first;
    t->line[instance] = node;
    t->heads[t->heads_count++] = (struct head_there){epoch, t->nodes[node].n, node};
}

void truth_came(struct truth *t, unsigned instance, int node)
{
    t->line[instance] = node;
    if (t->nodes[node].fact >= 0)
        t->facts[t->nodes[node].fact].came[instance] = true;
}

void truth_announced(struct truth *t, unsigned instance, unsigned hub, uint64_t n, uint64_t check,
                     uint64_t epoch)
{
    int node = find(t, epoch, n, check);

    if (node < 0)
        truth_fail(t, "hub %u.%u is given %llu, which never was", instance, hub,
                   (unsigned long long)n);
    else if (t->nodes[node].parent != t->hub_at[instance][hub])
        truth_fail(t, "hub %u.%u is given %llu after another place than the one before it",
                   instance, hub, (unsigned long long)n);
    else
        t->hub_at[instance][hub] = node;
}

void truth_rebased(struct truth *t, unsigned instance, unsigned hub, uint64_t epoch, uint64_t n,
                   uint64_t check, bool first)
{
    int node = find(t, epoch, n, check);

    if (node < 0)
        truth_fail(t, "hub %u.%u goes on at %llu, which never was", instance, hub,
                   (unsigned long long)n);
    else
        t->hub_at[instance][hub] = node;
    t->rebases[instance] += !first;
}

void truth_fence(struct truth *t, unsigned instance, unsigned hub, const struct fence_there *fence)
{
    if (t->fences_count[instance][hub] == FENCES_MAX)
        abort();
    t->fences[instance][hub][t->fences_count[instance][hub]++] = *fence;
}

/* Has this hub taken it from the token that the connection came with? */
static bool is_withdrawn(const struct truth *t, const struct connection *c, bool everything)
{
    for (int i = t->fences_count[c->instance][c->hub]; i-- > 0;) {
        const struct fence_there *f = &t->fences[c->instance][c->hub][i];

        if (f->tenant == c->tenant && f->user == c->user && f->not_before_ms >= c->iat_ms &&
            (f->everything || !everything))
            return true;
    }
    return false;
}

static bool may_see(const struct truth *t, const struct connection *c, const struct fact *f)
{
    bool admin = c->admin && !is_withdrawn(t, c, false);

    return f->tenant == c->tenant && f->level >= c->level &&
           (admin || (f->user >= 0 && f->user == c->user) ||
            (f->target >= 0 && f->target == c->user));
}

/* Nobody who stayed through a loss is promised what was lost; who resumes is. */
static bool is_promised(const struct truth *t, const struct connection *c)
{
    return c->session || t->gentle || c->rebases == t->rebases[c->instance];
}

/* Everything between where it was and there has been given to it, as far as it may see it. */
static void check_way(struct truth *t, unsigned person, int to, uint64_t epoch)
{
    struct connection *c = &t->people[person];
    int common = c->at;

    if (!is_promised(t, c) || c->ended_at_once)
        return;
    while (common > 0 && truth_up(t, to, t->nodes[common].n) != common)
        common = t->nodes[common].parent;
    for (int i = c->at; i != common; i = t->nodes[i].parent)
        if (((c->resumed && may_see(t, c, &t->facts[t->nodes[i].fact])) ||
             (c->had[t->nodes[i].fact] && t->nodes[i].n > t->nodes[c->base].n)) &&
            !truth_is_on(t, to, t->nodes[i].fact))
            truth_fail(t, "person %u goes on behind the lost %s", person,
                       t->facts[t->nodes[i].fact].id);
    if (common == to && to != c->at && epoch == c->epoch)
        truth_fail(t, "person %u goes back to %llu", person, (unsigned long long)t->nodes[to].n);
    for (int i = to; i != common; i = t->nodes[i].parent) {
        const struct fact *f = t->nodes[i].fact >= 0 ? &t->facts[t->nodes[i].fact] : NULL;

        if (f && may_see(t, c, f) && !c->had[t->nodes[i].fact] && !c->base_new)
            truth_fail(t, "person %u was told of %llu without %s at %llu (connected at %llu)",
                       person, (unsigned long long)t->nodes[to].n, f->id,
                       (unsigned long long)t->nodes[i].n, (unsigned long long)t->nodes[c->base].n);
    }
}

static bool member(const char *text, size_t size, const char *name, const char **ret,
                   size_t *ret_size)
{
    char key[40];
    int key_size = snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = memmem(text, size, key, (size_t)key_size), *end;

    if (!at)
        return false;
    at += key_size;
    if (*at == '"')
        at++;
    end = at;
    while (end < text + size && *end != '"' && *end != ',' && *end != '}')
        end++;
    *ret = at;
    *ret_size = (size_t)(end - at);
    return true;
}

/* What it was told lies behind it from now on. */
static void take_position(struct truth *t, unsigned person, const char *text, size_t size)
{
    struct connection *c = &t->people[person];
    uint64_t p[3];
    int node;

    if (!decode(text, size, p)) {
        truth_fail(t, "person %u has a position that is none", person);
        return;
    }
    memcpy(c->position, text, 32);
    node = find(t, p[0], p[1], p[2]);
    if (node < 0) {
        truth_fail(t, "person %u is told of %llu, which never was", person,
                   (unsigned long long)p[1]);
        return;
    }
    if (c->at < 0) {
        c->base = node;
        /* Before its instance has met Redis: what follows is after the fresh state. */
        c->base_new = p[0] == 0 || p[2] == 0;
    } else if (node != c->at) {
        check_way(t, person, node, p[0]);
        c->base_new = false;
    }
    c->at = node;
    c->epoch = p[0];
}

static void take_event(struct truth *t, unsigned person, const char *text, size_t size)
{
    struct connection *c = &t->people[person];
    const char *id;
    size_t id_size;
    int fact = member(text, size, "id", &id, &id_size) ? truth_fact_find(t, id, id_size) : -1;
    const struct fact *f;

    if (fact < 0) {
        truth_fail(t, "person %u gets what nobody published", person);
        return;
    }
    f = &t->facts[fact];
    if (c->had[fact]++ && is_promised(t, c))
        truth_fail(t, "person %u gets %s twice on one connection", person, f->id);
    if (!may_see(t, c, f))
        truth_fail(t, "person %u gets %s, which is not for them", person, f->id);
    if (is_withdrawn(t, c, true)) {
        if (c->ended || !f->removes_target || f->target != c->user)
            truth_fail(t, "person %u gets %s behind the withdrawal of everything", person, f->id);
        c->ended = true;
        c->ended_at_once = f->asked[c->instance]; /* then it passed what stood before it */
    }
}

void truth_text(struct truth *t, unsigned person, const char *text, size_t size)
{
    struct connection *c = &t->people[person];
    const char *type, *position, *resumed;
    size_t type_size, position_size, resumed_size;
    bool is_event, has_position = member(text, size, "position", &position, &position_size);

    if (!member(text, size, "type", &type, &type_size)) {
        truth_fail(t, "person %u gets a frame without type", person);
        return;
    }
    is_event = type_size == 5 && memcmp(type, "event", 5) == 0;
    if (is_event)
        take_event(t, person, text, size);
    if (type_size == 7 && memcmp(type, "auth_ok", 7) == 0 &&
        member(text, size, "resumed", &resumed, &resumed_size)) {
        c->resumed = *resumed == 't';
        if (t->gentle && c->asked && !c->resumed && c->asked_epoch != 0)
            truth_fail(t, "person %u cannot resume though nothing was lost", person);
    }
    if (has_position)
        take_position(t, person, position, position_size);
}

void truth_closed(struct truth *t, unsigned person, int code)
{
    struct connection *c = &t->people[person];
    bool fenced = is_withdrawn(t, c, true);

    if (code == 4002 || code == 4102) {
        if (!fenced)
            truth_fail(t, "person %u is closed %d, and has everything it had", person, code);
    } else if (t->gentle && (code != 4301 || c->asked_epoch != 0)) {
        truth_fail(t, "person %u is closed %d, and nothing was lost", person, code);
    } else if (code != 4301 && code != 4302 && code != 4206) {
        truth_fail(t, "person %u is closed %d", person, code);
    }
}

static void quiet_person(struct truth *t, unsigned person, int tip)
{
    struct connection *c = &t->people[person];

    if (!c->open || is_withdrawn(t, c, true))
        return;
    if (c->session && c->at != tip)
        truth_fail(t, "person %u is at %llu when all is quiet, not at %llu", person,
                   (unsigned long long)t->nodes[c->at > 0 ? c->at : 0].n,
                   (unsigned long long)t->nodes[tip].n);
    if (!c->session && c->at >= 0)
        check_way(t, person, tip, 0);
}

void truth_settled(struct truth *t, unsigned instance)
{
    for (unsigned p = 0; p < PEOPLE; p++) {
        const struct connection *c = &t->people[p];

        if (!c->open || c->instance != instance || c->at < 0 || is_withdrawn(t, c, true))
            continue;
        for (int i = 0; i < t->facts_count; i++) {
            const struct fact *f = &t->facts[i];

            if (f->accepted[instance] && f->life[instance] == t->life[instance] &&
                !f->came[instance] && may_see(t, c, f) && !c->had[i])
                truth_fail(t, "person %u has not been given %s, accepted where it is", p, f->id);
        }
    }
}

void truth_quiet(struct truth *t, int tip)
{
    for (int i = 0; i < t->facts_count; i++)
        for (unsigned k = 0; k < INSTANCES; k++) {
            const struct fact *f = &t->facts[i];

            if (f->accepted[k] && f->life[k] == t->life[k] && !f->came[k] &&
                !truth_is_on(t, tip, i))
                truth_fail(t, "%s was accepted by %u and is not stored", f->id, k);
        }
    for (unsigned p = 0; p < PEOPLE; p++)
        quiet_person(t, p, tip);
    for (unsigned k = 0; k < INSTANCES; k++)
        if (t->line[k] != tip)
            truth_fail(t, "instance %u is at %llu when all is quiet, not at %llu", k,
                       (unsigned long long)t->nodes[t->line[k]].n,
                       (unsigned long long)t->nodes[tip].n);
}
