/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: what the public options are inside: the builder of the settings. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "mcp_auth/options.h"
#include "node/settings.h"

/* Borrowed; settings_finish makes the values in force out of it, as often as wanted. */
struct settings_builder *options_builder(mcp_auth_options *options);

#endif
