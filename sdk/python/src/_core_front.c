/* SPDX-License-Identifier: Apache-2.0 */
/* _core_front.c: Front: the core of this process: settings, start and stop, counters, limits. */
#include "_core.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

#define PROBLEM_SIZE 512u
#define PROBLEMS_SIZE_MAX 65536u

struct front *core_front_of(const core_front *front)
{
    if (front->front && front->generation == core_generation)
        return front->front;
    core_raise(MCP_AUTH_E_STOPPING, NULL);
    return NULL;
}

/* One a line. Without the GIL. */
static void keep_problem(void *owner, const char *text)
{
    struct strbuf *problems = owner;

    if (problems->size)
        strbuf_putc(problems, '\n');
    strbuf_puts(problems, text);
}

/* Of a list of str, NUL-terminated; *ret_texts is the caller's to free, its items live as long as
 * *ret_held. -1 after raising. */
static int texts_of(PyObject *list, PyObject **ret_held, char ***ret_texts)
{
    Py_ssize_t count = PySequence_Size(list);
    PyObject *held = count < 0 ? NULL : PyList_New(0);
    char **texts = held ? calloc((size_t)count + 1, sizeof *texts) : NULL;
    int r = texts ? 0 : -1;

    if (held && !texts)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count && r == 0; i++) {
        PyObject *item = PySequence_GetItem(list, i);
        PyObject *bytes = item ? PyUnicode_EncodeFSDefault(item) : NULL;

        Py_XDECREF(item);
        if (!bytes || PyList_Append(held, bytes) < 0)
            r = -1;
        else
            texts[i] = PyBytes_AsString(bytes); /* `held` keeps it */
        Py_XDECREF(bytes);
    }
    if (r < 0) {
        free(texts);
        Py_XDECREF(held);
        return -1;
    }
    *ret_held = held;
    *ret_texts = texts;
    return 0;
}

/* Each source, weakest first; `pairs` is name, value, name, value. Without the GIL. */
static int load_options(mcp_auth_options *options, const char *file, char *const *environment,
                        char *const *pairs, struct strbuf *problems)
{
    int r = 0, worst = 0;

    if (file)
        worst = mcp_auth_options_load_file(options, file, keep_problem, problems);
    r = mcp_auth_options_load_environment(options, environment, keep_problem, problems);
    if (r < 0)
        worst = r;
    for (; pairs[0] && pairs[1]; pairs += 2) {
        r = mcp_auth_options_set(options, pairs[0], pairs[1]);
        if (r == MCP_AUTH_E_NOT_FOUND) {
            char text[160];

            snprintf(text, sizeof text, "%.100s is no setting", pairs[0]);
            keep_problem(problems, text);
        }
        if (r < 0)
            worst = r;
    }
    return worst;
}

static int make_front(struct front **ret, const char *file, char *const *environment,
                      char *const *pairs, struct strbuf *problems)
{
    mcp_auth_options *options = NULL;
    int r = mcp_auth_options_new(&options);

    if (r < 0)
        return r;
    r = load_options(options, file, environment, pairs, problems);
    if (r < 0) /* say in one round what else is wrong */
        (void)!mcp_auth_options_check(options, 1, keep_problem, problems);
    else
        r = front_new(ret, options, keep_problem, problems);
    mcp_auth_options_free(options);
    return r;
}

/* Front(env_file: str | None, environment: list[str], pairs: list[str]) */
static PyObject *front_make(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *environment, *pairs, *held[2] = {NULL, NULL};
    char **environment_texts = NULL, **pair_texts = NULL;
    const char *file;
    struct strbuf problems;
    core_front *front = NULL;
    struct front *core = NULL;
    int r;

    (void)type;
    if ((keywords && PyDict_Size(keywords)) ||
        !PyArg_ParseTuple(args, "zOO", &file, &environment, &pairs)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "Front(env_file, environment, pairs)");
        return NULL;
    }
    strbuf_init(&problems, PROBLEMS_SIZE_MAX);
    if (texts_of(environment, &held[0], &environment_texts) < 0 ||
        texts_of(pairs, &held[1], &pair_texts) < 0)
        goto done;
    core_log_install();
    Py_BEGIN_ALLOW_THREADS; /* it reads files */
    r = make_front(&core, file, environment_texts, pair_texts, &problems);
    Py_END_ALLOW_THREADS;
    if (r < 0) {
        strbuf_putc(&problems, '\0');
        core_raise(r, strbuf_bytes(&problems).data);
        goto done;
    }
    front = PyObject_New(core_front, core_types.front);
    if (!front) {
        front_free(core);
        goto done;
    }
    front->front = core;
    front->generation = core_generation;

done:
    strbuf_done(&problems);
    free(environment_texts);
    free(pair_texts);
    Py_XDECREF(held[0]);
    Py_XDECREF(held[1]);
    return (PyObject *)front;
}

/* Loops and connections hold it, so that they are gone. */
static void front_dealloc(PyObject *object)
{
    core_front *front = (core_front *)object;
    PyTypeObject *type = Py_TYPE(object);
    struct front *core = front->front;

    front->front = NULL;
    if (core && front->generation == core_generation) {
        Py_BEGIN_ALLOW_THREADS;
        front_free(core);
        Py_END_ALLOW_THREADS;
    }
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

static PyObject *front_start_(PyObject *object, PyObject *nothing)
{
    struct front *core = core_front_of((core_front *)object);
    int r;

    (void)nothing;
    if (!core)
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    r = front_start(core);
    Py_END_ALLOW_THREADS;
    if (r < 0)
        return core_raise(r, NULL);
    Py_RETURN_NONE;
}

static PyObject *front_drain_(PyObject *object, PyObject *nothing)
{
    struct front *core = core_front_of((core_front *)object);

    (void)nothing;
    if (!core)
        return NULL;
    front_drain(core);
    Py_RETURN_NONE;
}

static PyObject *front_stop_(PyObject *object, PyObject *drain)
{
    struct front *core = core_front_of((core_front *)object);
    long drain_ms = PyLong_AsLong(drain);

    if (!core || (drain_ms == -1 && PyErr_Occurred()))
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    front_stop(core, (int)drain_ms);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *front_count_(PyObject *object, PyObject *nothing)
{
    struct front *core = core_front_of((core_front *)object);

    (void)nothing;
    return core ? PyLong_FromUnsignedLong(front_count(core)) : NULL;
}

/* -- counters and limits ----------------------------------------------------------------------- */

static int put_count(PyObject *dict, const char *name, unsigned long long count)
{
    PyObject *number = PyLong_FromUnsignedLongLong(count);
    int r = number ? PyDict_SetItemString(dict, name, number) : -1;

    Py_XDECREF(number);
    return r;
}

#define COUNT(name)       \
    {                     \
#name, stats.name \
    }

static PyObject *front_stats_(PyObject *object, PyObject *nothing)
{
    struct front *core = core_front_of((core_front *)object);
    PyObject *dict = core ? PyDict_New() : NULL;
    struct node_stats stats;

    (void)nothing;
    if (!dict)
        return NULL;
    front_stats(core, &stats);
    const struct {
        const char *name;
        unsigned long long count;
    } counts[] = {
        COUNT(active_connections),
        COUNT(waiting_connections),
        COUNT(total_connections),
        COUNT(total_messages_sent),
        COUNT(total_messages_received),
        COUNT(auth_failures),
        COUNT(sign_ins),
        COUNT(renewals),
        COUNT(resumes),
        COUNT(resumes_lost),
        COUNT(events_published),
        COUNT(events_duplicate),
        COUNT(publish_refused),
        COUNT(security_events),
        COUNT(effects),
        COUNT(scope_changes),
        COUNT(fences),
        COUNT(history_events),
        COUNT(history_bytes),
        COUNT(frame_log_bytes),
        COUNT(backlog),
        COUNT(backlog_bytes),
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts && dict; i++)
        if (put_count(dict, counts[i].name, counts[i].count) < 0)
            Py_CLEAR(dict);
    if (dict) {
        PyObject *bus = PyUnicode_FromString(stats.bus == BUS_OK         ? "ok"
                                             : stats.bus == BUS_DEGRADED ? "degraded"
                                                                         : "none");

        if (!bus || PyDict_SetItemString(dict, "bus", bus) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(bus);
    }
    return dict;
}

/* (max_connections, heartbeat_ms, rate_messages, rate_window_ms) */
static PyObject *front_limits_(PyObject *object, PyObject *nothing)
{
    struct front *core = core_front_of((core_front *)object);
    struct front_limits limits;

    (void)nothing;
    if (!core)
        return NULL;
    front_limits(core, &limits);
    return Py_BuildValue("(ILIL)", limits.max_connections, (long long)limits.heartbeat_ms,
                         limits.rate_messages, (long long)limits.rate_window_ms);
}

static PyObject *front_set_limits_(PyObject *object, PyObject *args)
{
    struct front *core = core_front_of((core_front *)object);
    char problem[PROBLEM_SIZE] = "";
    struct front_limits limits;
    long long heartbeat_ms, window_ms;
    int r;

    if (!core || !PyArg_ParseTuple(args, "ILIL", &limits.max_connections, &heartbeat_ms,
                                   &limits.rate_messages, &window_ms))
        return NULL;
    limits.heartbeat_ms = heartbeat_ms;
    limits.rate_window_ms = window_ms;
    r = front_set_limits(core, &limits, problem, sizeof problem);
    if (r < 0)
        return core_raise(r, problem);
    Py_RETURN_NONE;
}

static PyMethodDef front_methods[] = {
    {"start", front_start_, METH_NOARGS, "Starts the core's threads."},
    {"drain", front_drain_, METH_NOARGS, "Closes everybody 4200 and lets nobody in."},
    {"stop", front_stop_, METH_O, "Drains for up to so many ms, and ends the threads."},
    {"count", front_count_, METH_NOARGS, "Connections not yet disconnected."},
    {"loop", core_front_loop, METH_NOARGS, "A Loop for one event loop of the host."},
    {"publish", core_front_publish, METH_VARARGS, "(event tuple, loop, host)"},
    {"revoke", core_front_revoke, METH_VARARGS, "(json, loop, host)"},
    {"disconnect_user", core_front_disconnect_user, METH_VARARGS, "(user, json, loop, host)"},
    {"connections", core_front_connections, METH_VARARGS,
     "(tenant, user, limit, after, loop, host)"},
    {"stats", front_stats_, METH_NOARGS, "The counters."},
    {"limits", front_limits_, METH_NOARGS, "The limits in force."},
    {"set_limits", front_set_limits_, METH_VARARGS, "Others, effective at once."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot front_slots[] = {
    CORE_SLOT(Py_tp_new, front_make),
    CORE_SLOT(Py_tp_dealloc, front_dealloc),
    CORE_SLOT(Py_tp_methods, front_methods),
    {0, NULL},
};

static PyType_Spec front_spec = {
    .name = "mcp_auth._core.Front",
    .basicsize = sizeof(core_front),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = front_slots,
};

int core_front_type(PyObject *module)
{
    core_types.front = (PyTypeObject *)PyType_FromSpec(&front_spec);
    if (!core_types.front)
        return -1;
    Py_INCREF((PyObject *)core_types.front);
    return PyModule_AddObject(module, "Front", (PyObject *)core_types.front);
}
