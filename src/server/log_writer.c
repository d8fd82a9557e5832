/* SPDX-License-Identifier: Apache-2.0 */
/* log_writer.c: takes records from workers without making them wait, and writes them elsewhere. */
#include "server/log_writer.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/mailbox.h"
#include "mcp_auth/error.h"
#include "mcp_auth/server.h"
#include "server/log_line.h"
#include "server/log_repeat.h"

/* How long the end waits for a standard error that takes nothing. */
#define LAST_WORDS_MS 1000

_Static_assert((int)MCP_AUTH_LOG_DEBUG == (int)LOG_DEBUG && (int)MCP_AUTH_LOG_ERROR == LOG_ERROR,
               "the levels are the same outside");
_Static_assert(LOG_LINE_SIZE_MAX <= PIPE_BUF,
               "a pipe that is said to be writable takes one line without blocking");

struct log_note {
    struct note note; /* first */
    enum log_level level;
    uint32_t size, words_at; /* words_at <= size <= LOG_LINE_SIZE_MAX */
    char line[];             /* and a line end behind it */
};

/* The process has one log, as it has one standard error. */
static struct {
    mcp_auth_log_fn write; /* NULL: standard error */
    void *owner;
    unsigned starts; /* of log_writer_start, less those of stop */
    bool json;
    pthread_t thread;
    struct mailbox mailbox;
    struct note stop;
    atomic_size_t waiting_bytes;
    atomic_ullong dropped;
    atomic_bool stopping;

    /* The writer's own. */
    bool stopped, lost; /* lost: standard error took nothing until the end */
    struct log_repeat repeat;
} writer = {.mailbox = {.bell = -1}};

void mcp_auth_log_to(mcp_auth_log_fn write, void *owner)
{
    assert(writer.starts == 0); /* while the thread runs it reads them */
    writer.write = write;
    writer.owner = owner;
}

/* Can a line be written now? Waits, but at the end no longer than LAST_WORDS_MS in all. */
static bool wait_for_stderr(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    for (int waited = 0;; waited += 100) {
        int r = poll(&out, 1, 100);

        if (r > 0 || (r < 0 && errno != EINTR))
            return true;
        if (atomic_load(&writer.stopping) && waited >= LAST_WORDS_MS)
            return false;
    }
}

static void write_stderr(const char *line, size_t size)
{
    while (size > 0 && !writer.lost) {
        ssize_t written;

        if (!wait_for_stderr()) {
            writer.lost = true;
            return;
        }
        written = write(STDERR_FILENO, line, size);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return; /* closed, or a full disk: the log has no place to say so */
        if (written > 0) {
            line += written;
            size -= (size_t)written;
        }
    }
}

/* `line` has a line end behind its `size` bytes. */
static void write_line(enum log_level level, const char *line, size_t size)
{
    if (writer.write)
        writer.write(writer.owner, (enum mcp_auth_log_level)level, line, size);
    else
        write_stderr(line, size + 1);
}

static void write_count(const char *words, unsigned long long count)
{
    struct strbuf line;
    char number[24];
    struct log_field field = {"lines", {number, 0}};
    size_t words_at;

    field.value.size = (size_t)snprintf(number, sizeof number, "%llu", count);
    strbuf_init(&line, LOG_LINE_SIZE_MAX);
    (writer.json ? log_line_json : log_line_text)(&line, clock_now().wall_ms, LOG_WARNING,
                                                  bytes_of(words), &field, 1, &words_at);
    strbuf_putc(&line, '\n');
    if (!line.error)
        write_line(LOG_WARNING, line.data, line.size - 1);
    strbuf_done(&line);
}

static void log_note_run(struct note *base, void *context)
{
    struct log_note *note = container_of(base, struct log_note, note);
    struct bytes same = {note->line + note->words_at, note->size - note->words_at};
    unsigned long long dropped;
    unsigned left_out;

    (void)context;
    if (log_repeat_allows(&writer.repeat, same, clock_now().mono_ms, &left_out)) {
        if (left_out > 0)
            write_count("lines left out that were equal to the next", left_out);
        write_line(note->level, note->line, note->size);
    }
    atomic_fetch_sub(&writer.waiting_bytes, sizeof *note + note->size + 1);
    free(note);
    dropped = atomic_exchange(&writer.dropped, 0);
    if (dropped > 0)
        write_count("lines lost because the log was blocked", dropped);
}

static void stop_run(struct note *note, void *context)
{
    (void)note;
    (void)context;
    writer.stopped = true;
}

static void *log_writer_run(void *unused)
{
    struct pollfd bell = {.fd = mailbox_fd(&writer.mailbox), .events = POLLIN};

    (void)unused;
    while (!writer.stopped) {
        if (!mailbox_run(&writer.mailbox, NULL, UINT_MAX))
            (void)poll(&bell, 1, writer.stopped ? 0 : -1);
    }
    return NULL;
}

/* Thread any, and must not wait: the line is composed here and queued, or counted as lost. */
static void log_writer_sink(void *owner, enum log_level level, struct bytes words,
                            const struct log_field *fields, unsigned fields_count)
{
    struct log_note *note;
    struct strbuf line;
    size_t words_at = 0, size, queued;

    (void)owner;
    strbuf_init(&line, LOG_LINE_SIZE_MAX - 1);
    (writer.json ? log_line_json : log_line_text)(&line, clock_now().wall_ms, level, words, fields,
                                                  fields_count, &words_at);
    size = line.error ? 0 : line.size;
    queued = sizeof *note + size + 1;
    note = size > 0 ? malloc(queued) : NULL;
    if (note && atomic_fetch_add(&writer.waiting_bytes, queued) + queued <= LOG_QUEUE_BYTES_MAX) {
        *note = (struct log_note){.note.run = log_note_run,
                                  .level = level,
                                  .size = (uint32_t)size,
                                  .words_at = (uint32_t)words_at};
        memcpy(note->line, line.data, size);
        note->line[size] = '\n';
        mailbox_put(&writer.mailbox, &note->note);
    } else {
        if (note)
            atomic_fetch_sub(&writer.waiting_bytes, queued);
        free(note);
        atomic_fetch_add(&writer.dropped, 1);
    }
    strbuf_done(&line);
}

int log_writer_start(enum log_level at_least, bool json)
{
    sigset_t all, before;
    int r;

    if (writer.starts > 0) {
        writer.starts++;
        return 0;
    }
    writer.json = json;
    writer.stopped = writer.lost = false;
    writer.repeat = (struct log_repeat){0};
    atomic_store(&writer.stopping, false);
    r = mailbox_init(&writer.mailbox);
    if (r < 0)
        return r;
    /* Signals are the host's; a SIGPIPE of a closed standard error is nobody's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&writer.thread, NULL, log_writer_run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        mailbox_done(&writer.mailbox);
        return MCP_AUTH_E_SYSTEM;
    }
    writer.starts = 1;
    log_to(log_writer_sink, NULL, at_least);
    return 0;
}

void log_writer_forked(void)
{
    log_to(NULL, NULL, LOG_ERROR);
    if (writer.starts == 0)
        return;
    writer.starts = 0;
    close(
        writer.mailbox.bell); /* the parent's notes in it are left: another thread was among them */
    writer.mailbox.bell = -1;
    atomic_store(&writer.waiting_bytes, 0);
    atomic_store(&writer.dropped, 0);
}

void log_writer_stop(void)
{
    if (writer.starts == 0 || --writer.starts > 0)
        return;
    log_to(NULL, NULL, LOG_ERROR); /* no other thread of ours runs any more */
    atomic_store(&writer.stopping, true);
    writer.stop.run = stop_run;
    mailbox_put(&writer.mailbox, &writer.stop);
    pthread_join(writer.thread, NULL);
    mailbox_done(&writer.mailbox);
}
