/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c: copies a filter and asks it. */
#include "model/filter.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

int filter_new(struct filter **ret, uint32_t types, int level_min, bool has_resources,
               const struct bytes *resources, unsigned resources_count)
{
    struct filter *filter;
    size_t size = sizeof *filter + resources_count * sizeof filter->resources[0];
    char *at;

    assert((types & ~FILTER_ALL_TYPES) == 0);
    assert(level_min >= 0 && level_min <= LEVEL_RANK_MAX);
    assert(resources_count <= FILTER_RESOURCES_MAX);
    assert(has_resources || resources_count == 0);

    for (unsigned i = 0; i < resources_count; i++)
        size += resources[i].size;
    filter = malloc(size);
    if (!filter)
        return MCP_AUTH_E_NOMEM;

    filter->types = types;
    filter->level_min = level_min;
    filter->has_resources = has_resources;
    filter->resources_count = resources_count;
    at = (char *)&filter->resources[resources_count];
    for (unsigned i = 0; i < resources_count; i++) {
        filter->resources[i] = (struct bytes){at, resources[i].size};
        if (resources[i].size > 0)
            memcpy(at, resources[i].data, resources[i].size);
        at += resources[i].size;
    }
    assert((size_t)(at - (char *)filter) <= size);
    *ret = filter;
    return 0;
}

void filter_free(struct filter *filter)
{
    free(filter);
}

static bool resource_matches(struct bytes wanted, struct bytes resource)
{
    if (wanted.size > 0 && wanted.data[wanted.size - 1] == '*')
        return bytes_starts_with(resource, (struct bytes){wanted.data, wanted.size - 1});
    return bytes_equal(wanted, resource);
}

bool filter_passes(const struct filter *filter, enum event_type type, int level,
                   struct bytes resource)
{
    assert(type < EVENT_TYPES);
    if (!filter)
        return true;
    if (!(filter->types & BIT(type)) || level < filter->level_min)
        return false;
    if (!filter->has_resources)
        return true;
    if (!bytes_present(resource))
        return false;
    for (unsigned i = 0; i < filter->resources_count; i++)
        if (resource_matches(filter->resources[i], resource))
            return true;
    return false;
}
