# Finds the CUDA toolkit and says how device code is compiled. INLAY_WITH_CUDA tells the outcome.

set(INLAY_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO when a toolkit is found")
set(INLAY_WITH_CUDA OFF)
if(INLAY_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
      # Code for 8.0 runs on 8.x too; the PTX of the last one serves what comes after.
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100-real 120)
    endif()
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    enable_language(CUDA)
    find_package(CUDAToolkit 12.4 REQUIRED)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
    # What was asked for, as `inlay.build_info()` tells it.
    list(JOIN CMAKE_CUDA_ARCHITECTURES " " INLAY_CUDA_ARCHITECTURES)
    set(INLAY_WITH_CUDA ON)
  elseif(INLAY_CUDA STREQUAL "ON")
    message(FATAL_ERROR "INLAY_CUDA is ON but no CUDA compiler was found")
  endif()
endif()

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
