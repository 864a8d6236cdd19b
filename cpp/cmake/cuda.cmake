# Finds the CUDA toolkit and says how device code is compiled. INLAY_WITH_CUDA tells the outcome.

set(INLAY_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO when a toolkit is found")
set(INLAY_WITH_CUDA OFF)
set(INLAY_CUDA_TOGETHER_DEFAULT OFF)
if(INLAY_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  # 12.8 is the first that knows all architectures below.
  find_package(CUDAToolkit 12.8 QUIET)
  if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
      # Code for 8.0 runs on 8.x too; the PTX of the last one serves what comes after, 12.0 included:
      # each more would add a tenth to the wheel.
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100)
      set(INLAY_CUDA_TOGETHER_DEFAULT ON)
    endif()
    option(INLAY_CUDA_TOGETHER "Compile all kernels as one unit: smaller, but nothing is compiled apart"
           ${INLAY_CUDA_TOGETHER_DEFAULT})
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
    # What was asked for, as `inlay.build_info()` tells it.
    list(JOIN CMAKE_CUDA_ARCHITECTURES " " INLAY_CUDA_ARCHITECTURES)
    set(INLAY_WITH_CUDA ON)
  elseif(INLAY_CUDA STREQUAL "ON")
    message(FATAL_ERROR "INLAY_CUDA is ON but no CUDA toolkit of 12.8 or newer was found")
  else()
    message(STATUS "Without kernels: no CUDA toolkit of 12.8 or newer was found")
  endif()
endif()

# Gathers .cu files into one unit, whose code is compressed together for each architecture, and
# compiles it for as many architectures at once as there are processors.
function(inlay_cuda_together sources_variable)
  set(together "${PROJECT_BINARY_DIR}/generated/kernels.cu")
  set(others ${${sources_variable}})
  set(kernels ${others})
  list(FILTER kernels INCLUDE REGEX "\\.cu$")
  list(FILTER others EXCLUDE REGEX "\\.cu$")
  list(TRANSFORM kernels REPLACE "(.+)" "#include \"\\1\"")
  list(JOIN kernels "\n" text)
  file(CONFIGURE OUTPUT "${together}" CONTENT "${text}\n" @ONLY)
  set_property(SOURCE "${together}" PROPERTY COMPILE_OPTIONS --threads=0)
  set(${sources_variable} "${together}" ${others} PARENT_SCOPE)
endfunction()

# Warnings and register spills of device code are errors where warnings are.
function(inlay_cuda_options target)
  target_include_directories(
    ${target} PRIVATE "${PROJECT_SOURCE_DIR}/cpp/include" "${PROJECT_SOURCE_DIR}/cpp/cuda"
                      "${PROJECT_SOURCE_DIR}/cpp/src")
  target_compile_options(
    ${target}
    PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--compress-mode=size;--expt-relaxed-constexpr>"
            "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-fvisibility=hidden>"
            "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wnon-virtual-dtor>")
  if(INLAY_WERROR)
    target_compile_options(
      ${target}
      PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Werror>"
              "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xptxas=-warn-spills;-Xcompiler=-Werror>")
  endif()
  set_target_properties(${target} PROPERTIES CUDA_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET
                                             hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
