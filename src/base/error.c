/* SPDX-License-Identifier: Apache-2.0 */
/* error.c: the text of each error code, from the one list. */
#include "mcp_auth/error.h"

#define ERROR_TEXT(code, name, text) \
    case MCP_AUTH_E_##name:          \
        return text;

const char *mcp_auth_strerror(int error)
{
    switch (error) {
    case MCP_AUTH_OK:
        return "no error";
        MCP_AUTH_ERRORS(ERROR_TEXT)
    default:
        return "unknown error";
    }
}
