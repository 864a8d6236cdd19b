# Flags are set per target, never through CMAKE_CXX_FLAGS.

include(CheckCXXSourceCompiles)

# musl may refuse initial-exec thread-locals in a library that dlopen loads, glibc reserves room.
check_cxx_source_compiles(
  "#include <features.h>
   #ifndef __GLIBC__
   #error not glibc
   #endif
   int main() { return 0; }" INLAY_HAVE_GLIBC)

function(inlay_link_sanitizers target)
  if(INLAY_SANITIZE)
    target_link_options(${target} PRIVATE "-fsanitize=${INLAY_SANITIZE}")
  endif()
endfunction()

# Warnings, floating point rules, sanitizers: every target of ours.
function(inlay_compile_options target)
  set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden
                                             C_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(
    ${target}
    PRIVATE -Wall
            -Wextra
            -Wpedantic
            # Not members: a constructor's parameter may be called like a getter.
            "$<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wshadow>"
            "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>"
            # GCC 12 sees overlaps in the standard library's string concatenation that are not there.
            "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>"
            # Float results must not depend on which instructions a machine has.
            -ffp-contract=off)
  if(INLAY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(INLAY_SANITIZE)
    target_compile_options(${target} PRIVATE "-fsanitize=${INLAY_SANITIZE}" -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    inlay_link_sanitizers(${target})
  endif()
  if(INLAY_FUZZ)
    # The fuzzer is steered by coverage of the core, not only of its driver.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  inlay_baseline_isa(${target})
endfunction()

# What only the core needs.
function(inlay_core_options target)
  if(INLAY_HAVE_GLIBC AND NOT INLAY_SANITIZE)
    target_compile_options(${target} PRIVATE -ftls-model=initial-exec)
  endif()
endfunction()
