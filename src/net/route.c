/* SPDX-License-Identifier: Apache-2.0 */
/* route.c: finds the handler of a request, or says which methods its path would have had. */
#include "net/route.h"

#include <assert.h>
#include <string.h>

#include "base/compiler.h"

static bool path_matches(struct bytes pattern, struct bytes path)
{
    const char *star = memchr(pattern.data, '*', pattern.size);
    struct bytes before, after, between;

    if (!star)
        return bytes_equal(pattern, path);
    before = (struct bytes){pattern.data, (size_t)(star - pattern.data)};
    after = (struct bytes){star + 1, pattern.size - before.size - 1};
    if (path.size <= before.size + after.size || !bytes_starts_with(path, before) ||
        memcmp(path.data + path.size - after.size, after.data, after.size) != 0)
        return false;
    between = (struct bytes){path.data + before.size, path.size - before.size - after.size};
    return !memchr(between.data, '/', between.size);
}

enum route_result route_find(const struct route *routes, unsigned count, enum http_method method,
                             struct bytes path, const struct route **ret_route, unsigned *ret_allow)
{
    unsigned allow = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!path_matches(bytes_of(routes[i].path), path))
            continue;
        if (routes[i].method == method ||
            (routes[i].method == HTTP_GET && method == HTTP_HEAD)) { /* RFC 9110 section 9.3.2 */
            *ret_route = &routes[i];
            return ROUTE_FOUND;
        }
        allow |= BIT(routes[i].method);
        if (routes[i].method == HTTP_GET)
            allow |= BIT(HTTP_HEAD);
    }
    if (!allow)
        return ROUTE_NO_PATH;
    *ret_allow = allow;
    return ROUTE_NO_METHOD;
}

struct bytes route_allow(unsigned methods, char ret[ROUTE_ALLOW_SIZE])
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_PATCH] = "PATCH",
    };
    const char *before = "Allow: ";
    size_t size = 0;

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        const char *parts[] = {before, names[i]};

        if (!(methods & BIT(i)))
            continue;
        for (unsigned j = 0; j < 2; j++) {
            size_t part_size = strlen(parts[j]);

            assert(size + part_size + 2 < ROUTE_ALLOW_SIZE); /* all seven together are 54 */
            memcpy(ret + size, parts[j], part_size);
            size += part_size;
        }
        before = ", ";
    }
    memcpy(ret + size, "\r\n", 2);
    return (struct bytes){ret, size + 2};
}
