# The peers that speak gRPC; only `cmake --build DIR --target grpc_peers` builds them, which
# tests/bench/compare does, since they take long to compile and no test needs them. A sanitized build
# does not even look for gRPC, whose description alone takes pkg-config many seconds.
if(STATED_SANITIZE)
  return()
endif()
include(CheckLanguage)
check_language(CXX)
pkg_check_modules(GRPCPP IMPORTED_TARGET grpc++ protobuf)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin)
find_program(GRPC_PROTOC protoc)
if(NOT (CMAKE_CXX_COMPILER AND GRPCPP_FOUND AND GRPC_CPP_PLUGIN AND GRPC_PROTOC))
  return()
endif()
enable_language(CXX)

set(grpc_generated ${CMAKE_CURRENT_BINARY_DIR}/grpc)
file(MAKE_DIRECTORY ${grpc_generated})
foreach(proto grpc_peer etcd_peer)
  set(outputs)
  foreach(suffix pb.cc pb.h grpc.pb.cc grpc.pb.h)
    list(APPEND outputs ${grpc_generated}/${proto}.${suffix})
  endforeach()
  add_custom_command(OUTPUT ${outputs}
    COMMAND ${GRPC_PROTOC} -I ${CMAKE_CURRENT_SOURCE_DIR} --cpp_out=${grpc_generated}
      --grpc_out=${grpc_generated} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${proto}.proto
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto}.proto VERBATIM)
  list(APPEND grpc_sources ${grpc_generated}/${proto}.pb.cc ${grpc_generated}/${proto}.grpc.pb.cc)
endforeach()
add_library(grpc_messages STATIC EXCLUDE_FROM_ALL ${grpc_sources})
target_include_directories(grpc_messages SYSTEM PUBLIC ${grpc_generated})
target_link_libraries(grpc_messages PUBLIC PkgConfig::GRPCPP)
target_compile_features(grpc_messages PUBLIC cxx_std_17)
foreach(program grpc_server grpc_load)
  add_executable(${program} EXCLUDE_FROM_ALL ${program}.cpp)
  target_link_libraries(${program} PRIVATE grpc_messages)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endforeach()
add_custom_target(grpc_peers DEPENDS grpc_server grpc_load)
