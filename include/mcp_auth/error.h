/* SPDX-License-Identifier: Apache-2.0 */
/* error.h: every error a call of this library can return, and its text. */
#ifndef MCP_AUTH_ERROR_H
#define MCP_AUTH_ERROR_H

#include "mcp_auth/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(code, NAME, "text"). Codes are part of the ABI: append, never renumber. */
#define MCP_AUTH_ERRORS(X)                               \
    X(-1, NOMEM, "out of memory")                        \
    X(-2, TOO_BIG, "larger than its limit")              \
    X(-3, STOPPING, "the server is shutting down")       \
    X(-4, INVALID, "not valid")                          \
    X(-5, NOT_FOUND, "not found")                        \
    X(-6, REFUSED, "refused")                            \
    X(-7, IO, "input or output failed")                  \
    X(-8, IN_USE, "already in use")                      \
    X(-9, CONFLICT, "conflicts with what is stored")     \
    X(-10, FULL, "a bounded place is full")              \
    X(-11, UNSUPPORTED, "not supported by this version") \
    X(-12, EXPIRED, "expired")                           \
    X(-13, SYSTEM, "a system call failed")

#define MCP_AUTH_ERROR_ENTRY(code, name, text) MCP_AUTH_E_##name = (code),
enum mcp_auth_error { MCP_AUTH_OK = 0, MCP_AUTH_ERRORS(MCP_AUTH_ERROR_ENTRY) };
#undef MCP_AUTH_ERROR_ENTRY

/* The text of an error code, for people; "unknown error" for any other number.
 *
 * Ownership  static; never freed.
 * Thread     any.
 * Errors     none. */
MCP_AUTH_API const char *mcp_auth_strerror(int error);

#ifdef __cplusplus
}
#endif
#endif
