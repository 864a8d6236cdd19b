# The installed tree: library, public headers, CMake package, pkg-config file.

include(CMakePackageConfigHelpers)

# A wheel cannot hold symbolic links and a second copy of the library would be a second registry,
# so there is no libinlay.so: consumers link libinlay.so.0 by its name.
install(
  TARGETS inlay
  EXPORT inlayTargets
  LIBRARY DESTINATION ${INLAY_LIBDIR} NAMELINK_SKIP)
install(
  DIRECTORY cpp/include/inlay "${CMAKE_CURRENT_BINARY_DIR}/generated/include/inlay"
  DESTINATION ${INLAY_INCLUDEDIR}
  FILES_MATCHING
  PATTERN "*.h"
  PATTERN "*.hpp")
install(
  EXPORT inlayTargets
  NAMESPACE inlay::
  DESTINATION ${INLAY_DATADIR}/cmake/inlay)
configure_package_config_file(
  cpp/cmake/inlayConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/generated/inlayConfig.cmake"
  INSTALL_DESTINATION ${INLAY_DATADIR}/cmake/inlay)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/generated/inlayConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/generated/inlayConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/generated/inlayConfigVersion.cmake"
        DESTINATION ${INLAY_DATADIR}/cmake/inlay)

# Paths in inlay.pc are relative to the file, so the tree may be moved.
set(pc_dir "${INLAY_DATADIR}/pkgconfig")
cmake_path(RELATIVE_PATH INLAY_LIBDIR BASE_DIRECTORY "${pc_dir}" OUTPUT_VARIABLE INLAY_PC_LIBDIR)
cmake_path(RELATIVE_PATH INLAY_INCLUDEDIR BASE_DIRECTORY "${pc_dir}" OUTPUT_VARIABLE
           INLAY_PC_INCLUDEDIR)
configure_file(cpp/cmake/inlay.pc.in generated/inlay.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/generated/inlay.pc" DESTINATION ${pc_dir})
