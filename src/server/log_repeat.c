/* SPDX-License-Identifier: Apache-2.0 */
/* log_repeat.c: counts equal lines of the log within a window of time. */
#include "server/log_repeat.h"

#include "base/siphash.h"

bool log_repeat_allows(struct log_repeat *repeat, struct bytes line, int64_t mono_ms,
                       unsigned *ret_left_out)
{
    static const uint8_t key[16]; /* who finds an equal hash only silences a line of his own */
    uint64_t hash = siphash(key, line.data, line.size);
    struct log_repeat_cell *cell = &repeat->cells[hash % LOG_REPEAT_CELLS];

    *ret_left_out = 0;
    if (cell->count == 0 || cell->hash != hash) {
        *cell = (struct log_repeat_cell){.hash = hash, .since_ms = mono_ms, .count = 1};
        return true;
    }
    if (mono_ms - cell->since_ms >= LOG_REPEAT_WINDOW_MS) {
        if (cell->count > LOG_REPEAT_MAX)
            *ret_left_out = cell->count - LOG_REPEAT_MAX;
        cell->since_ms = mono_ms;
        cell->count = 1;
        return true;
    }
    if (cell->count < UINT32_MAX)
        cell->count++;
    return cell->count <= LOG_REPEAT_MAX;
}
