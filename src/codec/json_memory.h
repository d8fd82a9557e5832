/* SPDX-License-Identifier: Apache-2.0 */
/* json_memory.h: what jansson allocates from: the host's allocator, or a small block of the thread. */
#ifndef CODEC_JSON_MEMORY_H
#define CODEC_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

/* Private to codec. jansson reads between the two; end says whether an allocation failed. */
void json_memory_watch(void);
bool json_memory_watch_end(void);

/* What jansson allocates between the two is in the thread's block while there is room. This thread
 * must free it. */
void json_memory_brief(void);
void json_memory_brief_end(void);

#endif
