/* SPDX-License-Identifier: Apache-2.0 */
/* tenants.c: whether a hub has met one tenant only, whose the sums of its counters then are. */
#include <assert.h>

#include "hub/session.h"

void hub_meet_tenant(struct hub *hub, struct bytes tenant)
{
    struct tenants_met *met = &hub->tenants;

    assert(tenant.size <= TENANT_SIZE_MAX);
    if (met->several)
        return;
    if (met->any) {
        met->several = !bytes_equal(tenant, (struct bytes){met->first, met->size});
        return;
    }
    met->any = true;
    met->size = tenant.size;
    if (tenant.size > 0)
        memcpy(met->first, tenant.data, tenant.size);
}

bool hub_met_other_tenant(const struct hub *hub, struct bytes tenant)
{
    const struct tenants_met *met = &hub->tenants;

    return met->several ||
           (met->any && !bytes_equal(tenant, (struct bytes){met->first, met->size}));
}
