/* SPDX-License-Identifier: Apache-2.0 */
/* export.h: marks what this library shows to the outside; everything else is hidden. */
#ifndef MCP_AUTH_EXPORT_H
#define MCP_AUTH_EXPORT_H

#if defined(__GNUC__)
#define MCP_AUTH_API __attribute__((visibility("default")))
#define MCP_AUTH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define MCP_AUTH_API
#define MCP_AUTH_MUST_CHECK
#endif

#endif
