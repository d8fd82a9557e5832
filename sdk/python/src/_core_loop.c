/* SPDX-License-Identifier: Apache-2.0 */
/* _core_loop.c: Loop and Connection: what the core has for an event loop, and what goes to it. */
#include "_core.h"

#include <string.h>

#define ITEMS_AT_ONCE 128u

/* Calls about a loop come one at a time, as front.h asks: they all hold the GIL from begin to end,
 * but `wait`, which is for threads that do nothing else with theirs. */

unsigned long long core_loop_ask(core_loop *loop, PyObject *host)
{
    unsigned long long number = ++loop->next_number;
    PyObject *key = PyLong_FromUnsignedLongLong(number);
    int r = key ? PyDict_SetItem(loop->pending, key, host) : -1;

    Py_XDECREF(key);
    return r < 0 ? 0 : number;
}

/* A new reference to who asked; NULL without an exception when it is not known. */
static PyObject *answered(core_loop *loop, unsigned long long number)
{
    PyObject *key = PyLong_FromUnsignedLongLong(number);
    PyObject *host = key ? PyDict_GetItemWithError(loop->pending, key) : NULL;

    Py_XINCREF(host);
    if (host && PyDict_DelItem(loop->pending, key) < 0)
        Py_CLEAR(host);
    Py_XDECREF(key);
    return host;
}

void core_loop_forget(core_loop *loop, unsigned long long number)
{
    PyObject *type, *value, *trace, *host;

    PyErr_Fetch(&type, &value, &trace);
    host = answered(loop, number);
    Py_XDECREF(host);
    PyErr_Restore(type, value, trace);
}

/* The last reference may go while a call lets go of the GIL, as front_stop does. */
static void release_text(void *host)
{
    PyGILState_STATE state = PyGILState_Ensure();

    Py_DECREF((PyObject *)host);
    PyGILState_Release(state);
}

/* One str for all who receive the same message. */
static PyObject *text_object(struct front_text *text, Py_ssize_t *ret_size)
{
    PyObject *object;
    struct bytes bytes;

    *ret_size = 0;
    if (!text)
        Py_RETURN_NONE;
    bytes = front_text_bytes(text);
    *ret_size = (Py_ssize_t)bytes.size;
    object = front_text_host(text);
    if (object) {
        Py_INCREF(object);
        return object;
    }
    object = PyUnicode_DecodeUTF8(bytes.data, (Py_ssize_t)bytes.size, NULL);
    if (object) {
        Py_INCREF(object);
        if (!front_text_set_host(text, object, release_text))
            Py_DECREF(object);
    }
    return object;
}

/* A tuple of these, which it takes. By hand: there is one for each receiver of each event. */
static PyObject *four(PyObject *kind, PyObject *host, PyObject *text, PyObject *number)
{
    PyObject *parts[] = {kind, host, text, number};
    PyObject *tuple = kind && number ? PyTuple_New(4) : NULL;

    for (Py_ssize_t i = 0; i < 4; i++) {
        if (tuple)
            PyTuple_SetItem(tuple, i, parts[i]); /* takes it, and cannot fail for a new one */
        else
            Py_XDECREF(parts[i]);
    }
    return tuple;
}

static PyObject *item_tuple(core_loop *loop, const struct front_item *item)
{
    PyObject *host, *text;
    Py_ssize_t size;
    long number;

    if (item->kind == FRONT_ANSWER) {
        host = answered(loop, (unsigned long long)(uintptr_t)item->host);
        if (!host && !PyErr_Occurred()) {
            host = Py_None;
            Py_INCREF(host);
        }
    } else {
        host = item->host; /* loop_take has made it ours */
    }
    text = host ? text_object(item->text, &size) : NULL;
    if (text && item->kind == FRONT_CLOSE && item->reason.data) {
        Py_DECREF(text);
        text = PyUnicode_DecodeUTF8(item->reason.data, (Py_ssize_t)item->reason.size, "replace");
    }
    if (!text) {
        Py_XDECREF(host);
        return NULL;
    }
    number = item->kind == FRONT_TEXT     ? (long)size
             : item->kind == FRONT_ANSWER ? (long)item->error
                                          : (long)item->code;
    return four(PyLong_FromLong((long)item->kind), host, text, PyLong_FromLong(number));
}

/* [(kind, host, text or None, number)]: of TEXT the number is its size, of CLOSE the code and the
 * text is the reason, of REFUSED the HTTP status, of ANSWER the error. */
static PyObject *loop_take(PyObject *object, PyObject *nothing)
{
    core_loop *loop = (core_loop *)object;
    struct front_item items[ITEMS_AT_ONCE];
    PyObject *list = PyList_New(0);
    size_t count = ITEMS_AT_ONCE;

    (void)nothing;
    while (list && loop->loop && core_front_of(loop->front) && count == ITEMS_AT_ONCE) {
        count = front_take(loop->loop, items, ITEMS_AT_ONCE);
        /* Before anything is made, for that may collect garbage, and with it connections. */
        for (size_t i = 0; i < count; i++)
            if (items[i].kind != FRONT_ANSWER)
                Py_INCREF((PyObject *)items[i].host);
        for (size_t i = 0; i < count; i++) {
            PyObject *tuple = NULL;

            if (list)
                tuple = item_tuple(loop, &items[i]);
            else if (items[i].kind != FRONT_ANSWER)
                Py_DECREF((PyObject *)items[i].host);
            if (list && (!tuple || PyList_Append(list, tuple) < 0))
                Py_CLEAR(list);
            Py_XDECREF(tuple);
            front_text_unref(items[i].text);
        }
    }
    if (list && PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

static PyObject *loop_fileno(PyObject *object, PyObject *nothing)
{
    const core_loop *loop = (core_loop *)object;

    (void)nothing;
    return PyLong_FromLong(loop->loop ? front_loop_fd(loop->loop) : -1);
}

static PyObject *loop_wait(PyObject *object, PyObject *timeout)
{
    const core_loop *loop = (core_loop *)object;
    long timeout_ms = PyLong_AsLong(timeout);
    int r;

    if (timeout_ms == -1 && PyErr_Occurred())
        return NULL;
    if (!core_front_of(loop->front))
        return NULL;
    if (!loop->loop)
        return core_raise(MCP_AUTH_E_STOPPING, NULL);
    Py_BEGIN_ALLOW_THREADS;
    r = front_loop_wait(loop->loop, (int)timeout_ms);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(r > 0);
}

/* Of a parent it only forgets: the descriptor is shared, and closing it here is all that is ours. */
static void loop_drop(core_loop *loop)
{
    if (loop->loop && loop->front->front && loop->front->generation == core_generation)
        front_loop_free(loop->loop);
    loop->loop = NULL;
    if (loop->pending)
        PyDict_Clear(loop->pending);
}

static PyObject *loop_close(PyObject *object, PyObject *nothing)
{
    (void)nothing;
    loop_drop((core_loop *)object);
    Py_RETURN_NONE;
}

static void loop_dealloc(PyObject *object)
{
    core_loop *loop = (core_loop *)object;
    PyTypeObject *type = Py_TYPE(object);

    loop_drop(loop);
    Py_XDECREF(loop->pending);
    Py_XDECREF((PyObject *)loop->front);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

PyObject *core_front_loop(PyObject *object, PyObject *nothing)
{
    core_front *front = (core_front *)object;
    struct front *core = core_front_of(front);
    core_loop *loop;
    int r;

    (void)nothing;
    if (!core)
        return NULL;
    loop = PyObject_New(core_loop, core_types.loop);
    if (!loop)
        return NULL;
    loop->front = front;
    Py_INCREF((PyObject *)front);
    loop->loop = NULL;
    loop->next_number = 0;
    loop->pending = PyDict_New();
    r = loop->pending ? front_loop_new(&loop->loop, core) : MCP_AUTH_E_NOMEM;
    if (r < 0) {
        Py_DECREF((PyObject *)loop);
        return core_raise(r, NULL);
    }
    return (PyObject *)loop;
}

/* -- Connection ------------------------------------------------------------------------------ */

/* connect(host, kind, authorization, origin, address, port): texts are str, bytes or None. */
static PyObject *loop_connect(PyObject *object, PyObject *args)
{
    core_loop *loop = (core_loop *)object;
    struct front_opening opening = {0};
    PyObject *texts[3], *held[3] = {NULL, NULL, NULL}, *host;
    struct bytes *fields[3] = {&opening.authorization, &opening.origin, &opening.address};
    core_connection *connection = NULL;
    unsigned short port;
    int kind, r = 0;

    if (!PyArg_ParseTuple(args, "OiOOOH", &host, &kind, &texts[0], &texts[1], &texts[2], &port) ||
        !core_front_of(loop->front))
        return NULL;
    if (!loop->loop)
        return core_raise(MCP_AUTH_E_STOPPING, NULL);
    for (unsigned i = 0; i < 3; i++)
        if (core_bytes(texts[i], &held[i], fields[i]) < 0)
            goto done;
    opening.kind = kind == SESSION_CONTROL ? SESSION_CONTROL : SESSION_PLAIN;
    opening.port = port;
    connection = PyObject_New(core_connection, core_types.connection);
    if (!connection)
        goto done;
    connection->loop = loop;
    Py_INCREF((PyObject *)loop);
    connection->host = host;
    Py_INCREF(host);
    connection->conn = NULL;
    r = front_connect(&connection->conn, loop->loop, &opening, host);
    if (r < 0) {
        connection->conn = NULL;
        Py_CLEAR(connection);
        core_raise(r, NULL);
    }

done:
    for (unsigned i = 0; i < 3; i++)
        Py_XDECREF(held[i]);
    return (PyObject *)connection;
}

static struct front_conn *conn_of(core_connection *connection)
{
    if (!core_front_of(connection->loop->front))
        return NULL;
    if (!connection->conn)
        core_raise(MCP_AUTH_E_STOPPING, "disconnected");
    return connection->conn;
}

/* Whether it was taken: False means to keep it until ROOM. */
static PyObject *taken(int r)
{
    if (r == MCP_AUTH_E_FULL)
        Py_RETURN_FALSE;
    if (r < 0)
        return core_raise(r, NULL);
    Py_RETURN_TRUE;
}

static PyObject *connection_receive(PyObject *object, PyObject *text)
{
    struct front_conn *conn = conn_of((core_connection *)object);
    PyObject *held;
    struct bytes bytes;
    int r;

    if (!conn || core_bytes(text, &held, &bytes) < 0)
        return NULL;
    r = front_receive(conn, bytes);
    Py_XDECREF(held);
    return taken(r);
}

static PyObject *connection_receive_binary(PyObject *object, PyObject *nothing)
{
    struct front_conn *conn = conn_of((core_connection *)object);

    (void)nothing;
    return conn ? taken(front_receive_binary(conn)) : NULL;
}

static PyObject *connection_sent(PyObject *object, PyObject *args)
{
    struct front_conn *conn;
    Py_ssize_t messages, bytes;

    if (!PyArg_ParseTuple(args, "nn", &messages, &bytes))
        return NULL;
    conn = conn_of((core_connection *)object);
    if (!conn)
        return NULL;
    if (messages > 0 && bytes >= 0)
        front_sent(conn, (size_t)messages, (size_t)bytes);
    Py_RETURN_NONE;
}

static void connection_drop(core_connection *connection)
{
    if (connection->conn && connection->loop->front->front &&
        connection->loop->front->generation == core_generation)
        front_disconnect(connection->conn);
    connection->conn = NULL;
    Py_CLEAR(connection->host); /* the core names it no more; items that were taken hold it */
}

static PyObject *connection_disconnect(PyObject *object, PyObject *nothing)
{
    (void)nothing;
    connection_drop((core_connection *)object);
    Py_RETURN_NONE;
}

static void connection_dealloc(PyObject *object)
{
    core_connection *connection = (core_connection *)object;
    PyTypeObject *type = Py_TYPE(object);

    connection_drop(connection);
    Py_XDECREF((PyObject *)connection->loop);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

/* -- types ----------------------------------------------------------------------------------- */

static PyMethodDef loop_methods[] = {
    {"fileno", loop_fileno, METH_NOARGS, "Readable while something waits to be taken."},
    {"wait", loop_wait, METH_O, "Waits up to so many ms for something to take."},
    {"take", loop_take, METH_NOARGS, "What came since: [(kind, host, text, number)]."},
    {"connect", loop_connect, METH_VARARGS,
     "(host, kind, authorization, origin, address, port) -> Connection."},
    {"close", loop_close, METH_NOARGS, "Its connections are over."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef connection_methods[] = {
    {"receive", connection_receive, METH_O, "One text message; False: again after ROOM."},
    {"receive_binary", connection_receive_binary, METH_NOARGS, "A message that is no text."},
    {"sent", connection_sent, METH_VARARGS, "(messages, bytes) have been sent."},
    {"disconnect", connection_disconnect, METH_NOARGS, "The host is done with it."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot loop_slots[] = {
    CORE_SLOT(Py_tp_new, core_no_new),
    CORE_SLOT(Py_tp_dealloc, loop_dealloc),
    CORE_SLOT(Py_tp_methods, loop_methods),
    {0, NULL},
};

static PyType_Slot connection_slots[] = {
    CORE_SLOT(Py_tp_new, core_no_new),
    CORE_SLOT(Py_tp_dealloc, connection_dealloc),
    CORE_SLOT(Py_tp_methods, connection_methods),
    {0, NULL},
};

static PyType_Spec loop_spec = {
    .name = "mcp_auth._core.Loop",
    .basicsize = sizeof(core_loop),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = loop_slots,
};

static PyType_Spec connection_spec = {
    .name = "mcp_auth._core.Connection",
    .basicsize = sizeof(core_connection),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = connection_slots,
};

int core_loop_types(PyObject *module)
{
    core_types.loop = (PyTypeObject *)PyType_FromSpec(&loop_spec);
    core_types.connection = (PyTypeObject *)PyType_FromSpec(&connection_spec);
    if (!core_types.loop || !core_types.connection)
        return -1;
    Py_INCREF((PyObject *)core_types.loop);
    Py_INCREF((PyObject *)core_types.connection);
    if (PyModule_AddObject(module, "Loop", (PyObject *)core_types.loop) < 0)
        return -1;
    return PyModule_AddObject(module, "Connection", (PyObject *)core_types.connection);
}
