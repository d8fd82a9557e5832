/* SPDX-License-Identifier: Apache-2.0 */
/* _core.c: the module mcp_auth._core: its exception, its constants, and what a fork does to it. */
#include "_core.h"

#include <pthread.h>

struct core_types core_types;
unsigned core_generation;

PyObject *core_raise(int code, const char *problem)
{
    PyObject *value;

    if (code == MCP_AUTH_E_NOMEM)
        return PyErr_NoMemory();
    value = Py_BuildValue("(is)", code, problem && *problem ? problem : mcp_auth_strerror(code));
    if (value)
        PyErr_SetObject(core_types.error, value);
    Py_XDECREF(value);
    return NULL;
}

int core_bytes(PyObject *text, PyObject **ret_held, struct bytes *ret)
{
    PyObject *held;
    char *data;
    Py_ssize_t size;

    if (text == Py_None) {
        *ret_held = NULL;
        *ret = (struct bytes){0};
        return 0;
    }
    if (PyUnicode_Check(text)) {
        held = PyUnicode_AsUTF8String(text);
    } else {
        held = text;
        Py_INCREF(held);
    }
    if (!held || PyBytes_AsStringAndSize(held, &data, &size) < 0) {
        Py_XDECREF(held);
        return -1;
    }
    *ret_held = held;
    *ret = (struct bytes){data, (size_t)size};
    return 0;
}

PyObject *core_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)type;
    (void)args;
    (void)keywords;
    PyErr_SetString(PyExc_TypeError, "made by Front.loop() and Loop.connect()");
    return NULL;
}

static void child(void)
{
    core_generation++;
}

static int add_constants(PyObject *module)
{
    static const struct {
        const char *name;
        long value;
    } constants[] = {
        {"OPEN", FRONT_OPEN},
        {"REFUSED", FRONT_REFUSED},
        {"TEXT", FRONT_TEXT},
        {"CLOSE", FRONT_CLOSE},
        {"ROOM", FRONT_ROOM},
        {"ANSWER", FRONT_ANSWER},
        {"PLAIN", SESSION_PLAIN},
        {"SESSION", SESSION_CONTROL},
        {"E_INVALID", MCP_AUTH_E_INVALID},
        {"E_TOO_BIG", MCP_AUTH_E_TOO_BIG},
        {"E_STOPPING", MCP_AUTH_E_STOPPING},
        {"E_FULL", MCP_AUTH_E_FULL},
        {"E_CONFLICT", MCP_AUTH_E_CONFLICT},
    };

    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0)
            return -1;
    return 0;
}

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mcp_auth._core",
    .m_doc = "The C core: one front of a process, its loops and connections.",
    .m_size = -1,
    .m_methods = core_log_methods,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    static bool prepared;
    PyObject *module = PyModule_Create(&definition);

    if (!module)
        return NULL;
    if (!prepared && pthread_atfork(NULL, NULL, child) != 0) {
        Py_DECREF(module);
        return PyErr_NoMemory();
    }
    prepared = true;
    core_types.error = PyErr_NewExceptionWithDoc("mcp_auth._core.Error",
                                                 "The core refused: (code, text).", NULL, NULL);
    Py_XINCREF(core_types.error);
    if (!core_types.error || PyModule_AddObject(module, "Error", core_types.error) < 0 ||
        add_constants(module) < 0 || core_front_type(module) < 0 || core_loop_types(module) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
