/* inlay._guard: the first native module that `import inlay` loads. It refuses a process in which
 * the core could not work, before anything else of inlay is touched:
 *
 *  - a sub-interpreter: there is one registry per process, and it belongs to the main interpreter;
 *  - a stranger's libinlay.so.0, loaded earlier by an embedder: the dynamic linker takes the first
 *    library of that name, so _core would silently run on code it was not built for.
 *
 * It is C and finds the library's functions by dlsym, because with a stranger's copy _core itself
 * might fail to link with a message that explains nothing. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <inlay/version.h>
#include <link.h>
#include <string.h>

extern const char inlay_detail_build_id[]; /* this module's own copy, see build_id.cmake */

static int check_interpreter(void) {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return 0;
  PyErr_SetString(PyExc_ImportError,
                  "inlay keeps one registry per process and cannot be imported in a "
                  "sub-interpreter; import it in the main interpreter");
  return -1;
}

static int check_library(void) {
  /* This module needs libinlay.so.0, so a library of that name is loaded: ours or a stranger's. */
  void* library = dlopen("libinlay.so.0", RTLD_NOW | RTLD_NOLOAD);
  if (library == NULL) {
    PyErr_Format(PyExc_ImportError, "inlay's libinlay.so.0 was not loaded: %s", dlerror());
    return -1;
  }
  int (*abi)(void) = NULL;
  const char* (*version)(void) = NULL;
  const char* (*build)(void) = NULL;
  /* POSIX' way round ISO C, which has no conversion from object to function pointers. */
  *(void**)&abi = dlsym(library, "inlay_abi_version");
  *(void**)&version = dlsym(library, "inlay_version");
  *(void**)&build = dlsym(library, "inlay_build_id");

  const int found_abi = abi != NULL ? abi() : 0;
  const char* found_version = version != NULL ? version() : "unknown";
  const char* found_build = build != NULL ? build() : "unknown";
  int result = 0;
  if (found_abi != INLAY_ABI_VERSION || strcmp(found_build, inlay_detail_build_id) != 0) {
    struct link_map* map = NULL;
    const char* path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : "unknown path";
    PyErr_Format(PyExc_ImportError,
                 "another libinlay.so.0 was loaded before inlay's own: %s has ABI %d, version %s, "
                 "build %s, but this inlay needs ABI %d, version %s, build %s; link the embedder "
                 "with the library that `python -m inlay --library` names",
                 path, found_abi, found_version, found_build, INLAY_ABI_VERSION,
                 INLAY_VERSION_STRING, inlay_detail_build_id);
    result = -1;
  }
  dlclose(library);
  return result;
}

static int guard_exec(PyObject* module) {
  (void)module;
  return check_interpreter() == 0 && check_library() == 0 ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, __extension__(void*) guard_exec},
#if PY_VERSION_HEX >= 0x030C0000
    /* Without it Python refuses sub-interpreters itself, with a message that gives no reason. */
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "inlay._guard",
    .m_doc = "Refuses processes in which the core cannot work; has no content.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__guard(void) { return PyModuleDef_Init(&definition); }
