# What `cmake --install` puts in place: programs, libraries, their headers (generated ones included),
# the .proto files, and for those who link pkg-config files and a CMake package. tests/interop uses
# all of it from outside.
foreach(program stated statectl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME)
  endif()
endforeach()
foreach(library stated-proto stated-server stated-contract-server)
  if(TARGET ${library})
    install(TARGETS ${library} ARCHIVE)
  endif()
endforeach()

# The client library. Shared and archive are exported apart: who links the first needs no nng.
foreach(library shared archive)
  install(TARGETS stated-client-${library} EXPORT stated-client-${library}
    LIBRARY NAMELINK_COMPONENT Development ARCHIVE COMPONENT Development)
  install(EXPORT stated-client-${library} NAMESPACE stated::
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stated)
endforeach()
include(CMakePackageConfigHelpers)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/stated-config.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/stated-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stated
  NO_SET_AND_CHECK_MACRO)
# As the soname says: before 1.0 another minor version is another interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/stated-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/stated-config.cmake
  ${PROJECT_BINARY_DIR}/cmake/stated-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/stated)

foreach(part proto server client)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part}/include/stated TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
endforeach()
foreach(generated proto contract-client contract-server)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/stated-${generated}.generated/ TYPE INCLUDE
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/stated DESTINATION ${CMAKE_INSTALL_DATADIR}/stated/proto
  FILES_MATCHING PATTERN "*.proto")

# pkg-config files find their prefix from where they are: `cmake --install build --prefix DIR` may
# name another than the build was configured with.
file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" STATED_PC_PREFIX "\${pcfiledir}/${up}")
find_library(STATED_MBEDTLS mbedtls)
if(STATED_MBEDTLS) # which an archive of nng wants, if it can do TLS
  set(STATED_NNG_PRIVATE "-lmbedtls -lmbedx509 -lmbedcrypto ")
endif()
foreach(package proto client client-static server)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/pkgconfig/stated-${package}.pc.in
    ${PROJECT_BINARY_DIR}/pkgconfig/stated-${package}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/stated-${package}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
