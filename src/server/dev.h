/* SPDX-License-Identifier: Apache-2.0 */
/* dev.h: the demo tokens of a development server. */
#ifndef SERVER_DEV_H
#define SERVER_DEV_H

#include "base/strbuf.h"
#include "node/settings.h"

/* Appends {"tokens":[{"name","roles","token"}]}: alice, bob and admin, valid for 12 hours; none
 * when there is no secret to sign with. Asserts settings->dev: a served token is a way in. */
MUST_CHECK int dev_tokens_json(const struct settings *settings, struct strbuf *out);

#endif
