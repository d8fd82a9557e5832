/* SPDX-License-Identifier: Apache-2.0 */
/* server_frame.c: a frame of the server, read (protocol, "Event frame", "Server to session client"). */
#include "client/server_frame.h"

void server_frame_event(const json_t *json, struct bytes text, mcp_auth_client_event *ret)
{
#define TEXT(member) .member = json_string_value(json_object_get(json, #member))
    *ret = (mcp_auth_client_event){
        .size = sizeof *ret,
        .json = text.data,
        .json_size = text.size,
        TEXT(id),
        TEXT(event_type),
        TEXT(timestamp),
        TEXT(message),
        TEXT(security_level),
        TEXT(user_id),
        TEXT(user_name),
        TEXT(target_user_id),
        TEXT(resource),
        TEXT(resource_id),
        TEXT(action),
        TEXT(role_name),
        TEXT(permission),
        TEXT(tenant_id),
        TEXT(position),
    };
#undef TEXT
}

int server_frame_int(const json_t *json, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *value = json_object_get(json, name);

    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return MCP_AUTH_E_INVALID;
    *ret = json_integer_value(value);
    return 0;
}

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap
 * day is a year's last. */
static int64_t days_of(int year, int month, int day)
{
    int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

    return 365LL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

int server_frame_time(struct bytes text, int64_t *ret_ms)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    int n[7] = {0}, part = 0; /* year month day hour minute second millisecond */

    if (text.size != sizeof form - 1)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (form[i] != '0') {
            if (c != form[i])
                return MCP_AUTH_E_INVALID;
            part++;
        } else if (c < '0' || c > '9') {
            return MCP_AUTH_E_INVALID;
        } else {
            n[part] = n[part] * 10 + (c - '0');
        }
    }
    if (n[0] < 1 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 ||
        n[5] > 60) /* 60: a leap second (RFC 3339 section 5.6) */
        return MCP_AUTH_E_INVALID;
    *ret_ms = ((days_of(n[0], n[1], n[2]) * 24 + n[3]) * 60 + n[4]) * 60000 + n[5] * 1000 + n[6];
    return 0;
}
