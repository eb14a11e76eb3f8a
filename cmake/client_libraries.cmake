# libstated-client as others link it: a shared library and an archive, each whole: the client, the
# contract's typed functions and messages, status codes. Both show what the public headers declare
# and nothing else.
#
# Before 1.0 a minor version may change the ABI, so it is part of the soname and of the version that
# each symbol carries: a program finds the library it was built for, or none. client/README.md says
# what that promises.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(STATED_ABI ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
else()
  set(STATED_ABI ${PROJECT_VERSION_MAJOR})
endif()

set(client_objects
  $<TARGET_OBJECTS:stated-client>
  $<TARGET_OBJECTS:stated-contract-client>
  $<TARGET_OBJECTS:stated-proto>)

# The version script keeps what only happens to be visible inside.
set(version_script ${CMAKE_CURRENT_BINARY_DIR}/stated-client.map)
configure_file(${CMAKE_CURRENT_LIST_DIR}/stated-client.map.in ${version_script} @ONLY)
add_library(stated-client-shared SHARED ${client_objects})
set_target_properties(stated-client-shared PROPERTIES
  OUTPUT_NAME stated-client
  EXPORT_NAME client
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
  LINKER_LANGUAGE C
  LINK_DEPENDS ${version_script}
  SOVERSION ${STATED_ABI}
  VERSION ${PROJECT_VERSION})
target_link_options(stated-client-shared PRIVATE LINKER:--version-script=${version_script})
if(NOT STATED_SANITIZE) # whose functions are in the program
  target_link_options(stated-client-shared PRIVATE LINKER:-z,defs)
endif()
target_link_libraries(stated-client-shared
  PUBLIC PkgConfig::PROTOBUF_C PRIVATE nng::nng Threads::Threads)

# One object, in which hidden names are local: a program may have a pool_init of its own. So are the
# address sanitizer's. What is left is weak, since libstated-proto, which a server links as well, has
# some of it.
set(client_object ${CMAKE_CURRENT_BINARY_DIR}/stated-client.whole.o)
add_custom_command(OUTPUT ${client_object}
  COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${client_object}.all ${client_objects}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden --wildcard --localize-symbol=__odr_asan.*
    --weaken-symbol=stated_* ${client_object}.all ${client_object}
  # Libraries, since to make the objects of another directory are no files to depend on.
  DEPENDS stated-client stated-contract-client stated-proto COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${client_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(stated-client-archive STATIC ${client_object})
set_target_properties(stated-client-archive PROPERTIES
  OUTPUT_NAME stated-client
  EXPORT_NAME client-static
  ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
  LINKER_LANGUAGE C)
target_link_libraries(stated-client-archive
  PUBLIC PkgConfig::PROTOBUF_C PRIVATE nng::nng Threads::Threads)

foreach(library shared archive)
  get_target_property(name stated-client-${library} EXPORT_NAME)
  add_library(stated::${name} ALIAS stated-client-${library})
  target_include_directories(stated-client-${library} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/proto/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/proto/stated-proto.generated>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/proto/stated-contract-client.generated>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
