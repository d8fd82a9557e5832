/* SPDX-License-Identifier: Apache-2.0 */
/* _core_log.c: lines of the core's log on their way to Python's logging, in a bounded queue. */
#include "_core.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "mcp_auth/server.h"

/* A line is below 10 KiB, so that this is below 10 MiB when nobody takes any. */
#define LINES_MAX 1024u

/* The core never waits for Python: a line that finds it full is counted and dropped. */
static struct {
    pthread_mutex_t lock;
    struct {
        enum mcp_auth_log_level level;
        char *text;
        size_t size;
    } lines[LINES_MAX];
    unsigned first, count;
    unsigned long long lost;
    int fd; /* an eventfd: something is there. -1: not opened */
    unsigned generation;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* Thread: one of the core. Without the GIL. */
static void keep_line(void *owner, enum mcp_auth_log_level level, const char *line, size_t size)
{
    const uint64_t one = 1;
    char *copy = malloc(size + 1);
    unsigned at;

    (void)owner;
    if (copy)
        memcpy(copy, line, size);
    pthread_mutex_lock(&queue.lock);
    if (!copy || queue.count == LINES_MAX) {
        queue.lost++;
        free(copy);
    } else {
        at = (queue.first + queue.count++) % LINES_MAX;
        queue.lines[at].level = level;
        queue.lines[at].text = copy;
        queue.lines[at].size = size;
    }
    if (queue.fd >= 0)
        while (write(queue.fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
    pthread_mutex_unlock(&queue.lock);
}

void core_log_install(void)
{
    mcp_auth_log_to(keep_line, NULL);
}

/* In a child the lock may be held by a thread that is not there, and the descriptor wakes the
 * parent: both begin anew. What the parent had not taken is the parent's. */
static PyObject *log_open(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    if (queue.generation != core_generation) {
        pthread_mutex_init(&queue.lock, NULL);
        if (queue.fd >= 0)
            close(queue.fd);
        queue.first = queue.count = 0;
        queue.lost = 0;
        queue.fd = -1;
        queue.generation = core_generation;
    }
    if (queue.fd < 0)
        queue.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue.fd < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(queue.fd);
}

static PyObject *line_tuple(enum mcp_auth_log_level level, const char *text, size_t size)
{
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "replace");

    return line ? Py_BuildValue("(iN)", (int)level, line) : NULL;
}

/* The oldest; NULL when none. */
static char *take_line(enum mcp_auth_log_level *ret_level, size_t *ret_size,
                       unsigned long long *ret_lost)
{
    uint64_t times;
    char *text = NULL;

    pthread_mutex_lock(&queue.lock);
    if (queue.count > 0) {
        *ret_level = queue.lines[queue.first].level;
        *ret_size = queue.lines[queue.first].size;
        text = queue.lines[queue.first].text;
        queue.first = (queue.first + 1) % LINES_MAX;
        queue.count--;
    } else {
        *ret_lost = queue.lost;
        queue.lost = 0;
        while (queue.fd >= 0 && read(queue.fd, &times, sizeof times) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&queue.lock);
    return text;
}

/* ([(level, line)], how many were lost). */
static PyObject *log_take(PyObject *module, PyObject *nothing)
{
    PyObject *lines = PyList_New(0);
    enum mcp_auth_log_level level = MCP_AUTH_LOG_INFO;
    unsigned long long lost = 0;
    size_t size = 0;
    char *text;

    (void)module;
    (void)nothing;
    if (queue.generation != core_generation)
        return lines ? Py_BuildValue("(Ni)", lines, 0) : NULL;
    while (lines && (text = take_line(&level, &size, &lost)) != NULL) {
        PyObject *line = line_tuple(level, text, size);

        free(text);
        if (!line || PyList_Append(lines, line) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(line);
    }
    return lines ? Py_BuildValue("(NK)", lines, lost) : NULL;
}

static PyObject *log_level(PyObject *module, PyObject *level)
{
    long value = PyLong_AsLong(level);

    (void)module;
    if (value == -1 && PyErr_Occurred())
        return NULL;
    log_level_set(value < LOG_DEBUG   ? LOG_DEBUG
                  : value > LOG_ERROR ? LOG_ERROR
                                      : (enum log_level)value);
    Py_RETURN_NONE;
}

/* What is wrong with one value of one setting, in words; None when nothing is. */
static void keep_problem(void *owner, const char *text)
{
    char *problem = owner;

    if (!*problem)
        snprintf(problem, 512, "%s", text);
}

static PyObject *check_setting(PyObject *module, PyObject *args)
{
    const char *name, *value;
    mcp_auth_options *options = NULL;
    char problem[512] = "";
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "ss", &name, &value))
        return NULL;
    r = mcp_auth_options_new(&options);
    if (r == 0)
        r = mcp_auth_options_set(options, name, value);
    if (r == 0)
        r = mcp_auth_options_check(options, 0, keep_problem, problem);
    mcp_auth_options_free(options);
    if (r == MCP_AUTH_E_INVALID && problem[0])
        return PyUnicode_DecodeUTF8(problem, (Py_ssize_t)strlen(problem), "replace");
    if (r < 0)
        return core_raise(r, name);
    Py_RETURN_NONE;
}

PyMethodDef core_log_methods[] = {
    {"log_open", log_open, METH_NOARGS, "The descriptor that is readable while lines wait."},
    {"log_take", log_take, METH_NOARGS, "([(level, line)], lost): what came since."},
    {"log_level", log_level, METH_O, "Lines below this (0 debug to 3 error) are not made."},
    {"check_setting", check_setting, METH_VARARGS, "What is wrong with a value, or None."},
    {NULL, NULL, 0, NULL},
};
