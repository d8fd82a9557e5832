/* SPDX-License-Identifier: Apache-2.0 */
/* _core_ask.c: what a program asks of the core: publish, revoke, disconnect, who is connected. */
#include "_core.h"

#include <string.h>

#define PROBLEM_SIZE 512u

struct question {
    struct front *core;
    core_loop *loop; /* NULL: nobody is told */
    unsigned long long number;
    struct front_asker asker;
    char problem[PROBLEM_SIZE];
};

/* `loop` and `host` may be None. -1 after raising. */
static int question_begin(struct question *question, PyObject *front, PyObject *loop,
                          PyObject *host)
{
    memset(question, 0, sizeof *question);
    question->core = core_front_of((core_front *)front);
    if (!question->core)
        return -1;
    question->asker.problem = question->problem;
    question->asker.problem_size = sizeof question->problem;
    if (loop == Py_None)
        return 0;
    if (Py_TYPE(loop) != core_types.loop) {
        PyErr_SetString(PyExc_TypeError, "loop is a Loop or None");
        return -1;
    }
    question->loop = (core_loop *)loop;
    if (!question->loop->loop) {
        core_raise(MCP_AUTH_E_STOPPING, NULL);
        return -1;
    }
    question->number = core_loop_ask(question->loop, host);
    question->asker.loop = question->loop->loop;
    question->asker.host = (void *)(uintptr_t)question->number; // NOLINT
    return question->number ? 0 : -1;
}

static PyObject *question_end(struct question *question, int r)
{
    if (r == 0)
        Py_RETURN_NONE;
    if (question->loop)
        core_loop_forget(question->loop, question->number);
    return core_raise(r, question->problem);
}

static const char *const member_names[] = {
    "event_type",     "id",       "message",     "security_level", "user_id",   "user_name",
    "target_user_id", "resource", "resource_id", "action",         "role_name", "permission",
    "tenant_id",      "data",
};
#define MEMBERS (sizeof member_names / sizeof *member_names)

/* The texts of a tuple in the order above; None is absent. `held` keeps them. -1 after raising. */
static int event_of(mcp_auth_event *event, PyObject *tuple, PyObject *held[MEMBERS])
{
    const char **members[MEMBERS] = {
        &event->event_type,  &event->id,        &event->message,        &event->security_level,
        &event->user_id,     &event->user_name, &event->target_user_id, &event->resource,
        &event->resource_id, &event->action,    &event->role_name,      &event->permission,
        &event->tenant_id,   &event->data,
    };

    event->size = sizeof *event;
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != (Py_ssize_t)MEMBERS) {
        PyErr_SetString(PyExc_TypeError, "an event is a tuple of 14");
        return -1;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        PyObject *member = PyTuple_GetItem(tuple, (Py_ssize_t)i);
        struct bytes bytes;

        if (!member || core_bytes(member, &held[i], &bytes) < 0)
            return -1;
        if (bytes.data && memchr(bytes.data, 0, bytes.size)) {
            PyErr_Format(PyExc_ValueError, "%s holds a NUL", member_names[i]);
            return -1;
        }
        *members[i] = bytes.data;
    }
    return 0;
}

/* publish(event, loop | None, host): `event` is a tuple. */
PyObject *core_front_publish(PyObject *object, PyObject *args)
{
    PyObject *tuple, *loop, *host, *held[MEMBERS] = {NULL}, *result = NULL;
    mcp_auth_event event = {0};
    struct question question;

    if (!PyArg_ParseTuple(args, "OOO", &tuple, &loop, &host))
        return NULL;
    if (event_of(&event, tuple, held) == 0 && question_begin(&question, object, loop, host) == 0)
        result = question_end(&question, front_publish(question.core, &event, &question.asker));
    for (size_t i = 0; i < MEMBERS; i++)
        Py_XDECREF(held[i]);
    return result;
}

/* revoke(json, loop, host) */
PyObject *core_front_revoke(PyObject *object, PyObject *args)
{
    PyObject *json, *loop, *host, *held, *result = NULL;
    struct question question;
    struct bytes text;

    if (!PyArg_ParseTuple(args, "OOO", &json, &loop, &host) || core_bytes(json, &held, &text) < 0)
        return NULL;
    if (question_begin(&question, object, loop, host) == 0)
        result = question_end(&question, front_revoke(question.core, text, &question.asker));
    Py_XDECREF(held);
    return result;
}

/* disconnect_user(user, json | None, loop, host) */
PyObject *core_front_disconnect_user(PyObject *object, PyObject *args)
{
    PyObject *user, *json, *loop, *host, *held[2] = {NULL, NULL}, *result = NULL;
    struct question question;
    struct bytes user_text, json_text;

    if (!PyArg_ParseTuple(args, "OOOO", &user, &json, &loop, &host))
        return NULL;
    if (core_bytes(user, &held[0], &user_text) == 0 &&
        core_bytes(json, &held[1], &json_text) == 0 &&
        question_begin(&question, object, loop, host) == 0)
        result = question_end(&question, front_disconnect_user(question.core, user_text, json_text,
                                                               &question.asker));
    Py_XDECREF(held[0]);
    Py_XDECREF(held[1]);
    return result;
}

/* connections(tenant | None, user | None, limit, after, loop, host) */
PyObject *core_front_connections(PyObject *object, PyObject *args)
{
    PyObject *tenant, *user, *loop, *host, *held[2] = {NULL, NULL}, *result = NULL;
    unsigned long long after;
    unsigned limit;
    struct question question;
    struct bytes tenant_text, user_text;

    if (!PyArg_ParseTuple(args, "OOIKOO", &tenant, &user, &limit, &after, &loop, &host))
        return NULL;
    if (core_bytes(tenant, &held[0], &tenant_text) == 0 &&
        core_bytes(user, &held[1], &user_text) == 0 &&
        question_begin(&question, object, loop, host) == 0)
        result = question_end(&question, front_connections(question.core, tenant_text, user_text,
                                                           limit, after, &question.asker));
    Py_XDECREF(held[0]);
    Py_XDECREF(held[1]);
    return result;
}
