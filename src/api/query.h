/* SPDX-License-Identifier: Apache-2.0 */
/* query.h: the parameters of a URL: decoded, each known and in its place, or refused by name. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include "model/filter.h"
#include "model/limits.h"
#include "net/exchange.h"

#define QUERY_WHY_SIZE 160

/* One parameter: `take` puts its decoded value into `into`, or says why it cannot. */
struct query_rule {
    const char *name;
    bool repeats;
    bool (*take)(void *into, struct bytes value, char why[QUERY_WHY_SIZE]);
};

/* True when all of it was taken. False: the exchange was answered, with the parameter that is
 * wrong. Values lie in `room`, which the caller releases (strbuf_done) in either case. */
MUST_CHECK bool query_read(struct exchange *exchange, const struct query_rule *rules,
                           unsigned rules_count, struct strbuf *room, void *into);
/* 400 with the name of a parameter. */
void query_refuse(struct exchange *exchange, enum error_code code, const char *name,
                  const char *why);

/* A whole number of `least` to `most`. */
bool query_number(struct bytes value, unsigned least, unsigned most, unsigned *ret,
                  char why[QUERY_WHY_SIZE]);

/* The tenant that may be asked about: *tenant is what was asked for (absent: one's own, and for the
 * API key all; it is absent then). False: the exchange was answered 403. */
MUST_CHECK bool query_tenant(struct exchange *exchange, struct bytes *tenant);

/* What narrows events: a list may be repeated, or have commas between. */
struct query_filter {
    uint32_t types; /* 0: none was named */
    int level_min;
    unsigned resources_count;
    struct bytes resources[FILTER_RESOURCES_MAX];
};

bool query_take_types(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE]);
bool query_take_resource(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE]);
bool query_take_level(struct query_filter *filter, struct bytes value, char why[QUERY_WHY_SIZE]);
/* *ret is NULL when nothing narrows. MCP_AUTH_E_NOMEM. */
MUST_CHECK int query_filter_new(const struct query_filter *filter, struct filter **ret);

#endif
