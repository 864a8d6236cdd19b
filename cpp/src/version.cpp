#include <inlay/version.h>

#include "summary/kernels.hpp"

extern "C" const char inlay_detail_build_id[];  // written while building, see build_id.cmake

int inlay_abi_version(void) { return INLAY_ABI_VERSION; }

const char* inlay_version(void) { return INLAY_VERSION_STRING; }

const char* inlay_build_id(void) { return inlay_detail_build_id; }

const char* inlay_isa(void) { return inlay::detail::summary_kernels().name; }
