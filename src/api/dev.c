/* SPDX-License-Identifier: Apache-2.0 */
/* dev.c: GET /dev/tokens: the demo tokens for the page; there is no such route but in development. */
#include <assert.h>

#include "api/api.h"
#include "net/exchange.h"

#define DEV_TOKENS_SIZE_MAX 65536u

void dev_tokens_get(struct exchange *exchange)
{
    const struct api *api = exchange_owner(exchange);
    struct strbuf json;
    int r;

    assert(api->settings->dev && api->dev_tokens);
    strbuf_init(&json, DEV_TOKENS_SIZE_MAX);
    r = api->dev_tokens(api->settings, &json);
    if (r < 0 && !json.error)
        json.error = r;
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}
