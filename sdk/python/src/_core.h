/* SPDX-License-Identifier: Apache-2.0 */
/* _core.h: the types of the extension, and what its files share. */
#ifndef PYTHON_CORE_H
#define PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "front/front.h"

/* Everything here runs with the GIL unless it says otherwise. No call that may wait holds it, and
 * no thread of the core ever takes it.
 *
 * A child process finds the objects of its parent, whose threads are not there: they answer every
 * call with `Error`, and are never freed. */

struct core_types {
    PyTypeObject *front, *loop, *connection;
    PyObject *error; /* Error(code, text) */
};
extern struct core_types core_types;

/* How many times a fork has made this process: an object of an older generation is a parent's. */
extern unsigned core_generation;

typedef struct {
    PyObject_HEAD struct front *front; /* NULL once freed */
    unsigned generation;
} core_front;

typedef struct {
    PyObject_HEAD core_front *front;
    struct front_loop *loop; /* NULL once closed */
    PyObject *pending;       /* {number: object} of the questions not answered yet */
    unsigned long long next_number;
} core_loop;

typedef struct {
    PyObject_HEAD core_loop *loop;
    struct front_conn *conn; /* NULL once disconnected */
    PyObject *host;          /* what front_take tells: see core_loop_take */
} core_connection;

/* Raises Error(code, text of the code, or `problem` unless it is empty). Returns NULL. */
PyObject *core_raise(int code, const char *problem);
/* The front to call, or NULL after raising: it is stopped, or a parent's. */
struct front *core_front_of(const core_front *front);
/* A str, bytes or None as bytes: `*ret_held` keeps them, None is absent. -1 after raising. */
int core_bytes(PyObject *text, PyObject **ret_held, struct bytes *ret);

/* Remembers `host` until the answer; the number is what the core is given. 0 after raising. */
unsigned long long core_loop_ask(core_loop *loop, PyObject *host);
void core_loop_forget(core_loop *loop, unsigned long long number); /* the question failed */

/* tp_new of types that only the extension makes. */
PyObject *core_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
PyObject *core_front_loop(PyObject *front, PyObject *nothing);
/* Methods of Front. */
PyObject *core_front_publish(PyObject *front, PyObject *args);
PyObject *core_front_revoke(PyObject *front, PyObject *args);
PyObject *core_front_disconnect_user(PyObject *front, PyObject *args);
PyObject *core_front_connections(PyObject *front, PyObject *args);

int core_front_type(PyObject *module);
int core_loop_types(PyObject *module);
extern PyMethodDef core_log_methods[];
void core_log_install(void);

/* The rows of a type's tables; the function has another type than ISO C lets a void pointer hold,
 * which POSIX allows. */
#define CORE_SLOT(slot, function)  \
    {                              \
        (slot), (void *)(function) \
    }

#endif
