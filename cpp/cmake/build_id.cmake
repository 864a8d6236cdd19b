# One id for one state of the core: the same sources, built the same way, get the same id on every
# machine and at every time. It is compiled into libinlay, _guard and _core, and compared.

file(GLOB_RECURSE build_id_inputs CONFIGURE_DEPENDS cpp/include/inlay/*.h cpp/include/inlay/*.hpp
     cpp/src/*.cpp cpp/src/*.hpp)
set(INLAY_BUILD_ID_SOURCE "${CMAKE_CURRENT_BINARY_DIR}/generated/build_id.c")
set(build_id_list "${CMAKE_CURRENT_BINARY_DIR}/generated/build_id_inputs.txt")
list(SORT build_id_inputs)
list(JOIN build_id_inputs "\n" build_id_lines)
file(CONFIGURE OUTPUT "${build_id_list}" CONTENT "${build_id_lines}\n" @ONLY)

add_custom_command(
  OUTPUT "${INLAY_BUILD_ID_SOURCE}"
  COMMAND
    "${CMAKE_COMMAND}" "-DROOT=${CMAKE_CURRENT_SOURCE_DIR}" "-DLIST=${build_id_list}"
    "-DSALT=${PROJECT_VERSION}|${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}|${CMAKE_BUILD_TYPE}|${CMAKE_CXX_FLAGS}|${INLAY_SANITIZE}|${INLAY_ARCH}"
    "-DOUTPUT=${INLAY_BUILD_ID_SOURCE}" -P
    "${CMAKE_CURRENT_SOURCE_DIR}/cpp/cmake/write_build_id.cmake"
  DEPENDS ${build_id_inputs} "${build_id_list}"
          "${CMAKE_CURRENT_SOURCE_DIR}/cpp/cmake/write_build_id.cmake"
  COMMENT "Hashing the core's sources into its build id"
  VERBATIM)
# Several targets compile the file; this one writes it.
add_custom_target(inlay_build_id DEPENDS "${INLAY_BUILD_ID_SOURCE}")
