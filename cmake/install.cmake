# What `cmake --install` puts in place: programs, libraries, their headers (generated ones included),
# the .proto files, and pkg-config files for those who link. tests/integration/test_install uses all
# of it from outside.
foreach(program stated statectl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME)
  endif()
endforeach()
foreach(library stated-proto stated-server stated-contract-server stated-client stated-contract-client)
  if(TARGET ${library})
    install(TARGETS ${library} ARCHIVE)
  endif()
endforeach()

foreach(part proto server client)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part}/include/stated TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
endforeach()
foreach(generated proto contract-client contract-server)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/stated-${generated}.generated/ TYPE INCLUDE
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/stated DESTINATION ${CMAKE_INSTALL_DATADIR}/stated/proto
  FILES_MATCHING PATTERN "*.proto")

foreach(part proto client server)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/pkgconfig/stated-${part}.pc.in
    ${PROJECT_BINARY_DIR}/pkgconfig/stated-${part}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/stated-${part}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
