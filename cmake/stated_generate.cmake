# stated_generate(<target> PROTOS a.proto… [IMPORT_DIRS dir…])
#
# A static library with the C code of .proto files. PROTOS are named as an import statement names
# them; they are looked for in IMPORT_DIRS and then in protoc's own directories. Headers are included
# by the same name: "stated/v1/state.pb-c.h".

# The code is protoc-c's: it casts const away from its own tables.
set(STATED_GENERATED_OPTIONS -Wno-cast-qual -Wno-missing-braces)

# Finds a .proto by its import name, so that the build sees it change.
function(_stated_find_proto out name)
  foreach(directory IN LISTS ARGN)
    if(EXISTS ${directory}/${name})
      set(${out} ${directory}/${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "stated_generate: ${name} is in none of: ${ARGN}")
endfunction()

function(stated_generate target)
  cmake_parse_arguments(arg "" "" "PROTOS;IMPORT_DIRS" ${ARGN})
  get_filename_component(prefix ${PROTOC} DIRECTORY)
  set(import_directories ${arg_IMPORT_DIRS} ${prefix}/../include)
  list(TRANSFORM import_directories PREPEND -I OUTPUT_VARIABLE import_options)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.generated)
  file(MAKE_DIRECTORY ${output})

  set(sources "")
  foreach(proto IN LISTS arg_PROTOS)
    _stated_find_proto(path ${proto} ${import_directories})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(messages ${output}/${stem}.pb-c.c ${output}/${stem}.pb-c.h)
    add_custom_command(OUTPUT ${messages}
      COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${output} ${import_options} ${path}
      DEPENDS ${path}
      COMMENT "Messages of ${proto}" VERBATIM)
    set_source_files_properties(${messages} PROPERTIES COMPILE_OPTIONS "${STATED_GENERATED_OPTIONS}")
    list(APPEND sources ${messages})
  endforeach()

  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${output})
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
