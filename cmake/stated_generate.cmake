# stated_generate(<target> PROTOS a.proto… [IMPORT_DIRS dir…] [CLIENT] [SERVER] [LIBRARIES target…])
#
# A static library with the C code of .proto files: their messages and, of their services, with
# CLIENT the typed calls and with SERVER the handlers' types and method tables. PROTOS are named as
# an import statement names them; they are looked for in IMPORT_DIRS (default: the current
# directory), then among stated's own and protoc's. Headers are included by the same name:
# "dir/x.pb-c.h", "dir/x.stated-client.h", "dir/x.stated-server.h". The library links what the code
# needs, and LIBRARIES: those with the messages of other imports.
#
# MESSAGES_FROM lib: that library has the messages; this one holds services only and links no more
# than it. It is for the built-in contract, which is part of the libraries that others link.
include_guard(GLOBAL)

# The messages are protoc-c's: it casts const away from its own tables.
set(STATED_MESSAGES_OPTIONS -Wno-cast-qual -Wno-missing-braces)

# Finds a .proto by its import name.
function(_stated_find_proto out name)
  foreach(directory IN LISTS ARGN)
    if(EXISTS ${directory}/${name})
      set(${out} ${directory}/${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "stated_generate: ${name} is in none of: ${ARGN}")
endfunction()

# Runs a generator on one .proto; again when the .proto, one of its imports or the generator changes.
function(_stated_run_generator proto path depfile)
  cmake_parse_arguments(arg "" "" "OPTION;OUTPUT;IMPORTS;DEPENDS" ${ARGN})
  list(TRANSFORM arg_IMPORTS PREPEND -I)
  get_filename_component(directory ${depfile} DIRECTORY)
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(OUTPUT ${arg_OUTPUT}
    COMMAND ${PROTOC} ${arg_OPTION} --dependency_out=${depfile} ${arg_IMPORTS} ${path}
    DEPENDS ${path} ${arg_DEPENDS}
    DEPFILE ${depfile}
    COMMENT "Generating from ${proto}" VERBATIM COMMAND_EXPAND_LISTS)
endfunction()

function(stated_generate target)
  cmake_parse_arguments(arg "CLIENT;SERVER" "MESSAGES_FROM" "PROTOS;IMPORT_DIRS;LIBRARIES" ${ARGN})
  if(NOT arg_PROTOS OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "stated_generate(${target}): PROTOS is missing, or not known: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_IMPORT_DIRS)
    set(arg_IMPORT_DIRS ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  get_filename_component(prefix ${PROTOC} DIRECTORY)
  get_filename_component(protoc_imports ${prefix}/../include REALPATH)
  set(imports ${arg_IMPORT_DIRS} ${stated_SOURCE_DIR}/proto ${protoc_imports})
  list(REMOVE_DUPLICATES imports)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.generated)
  set(sides "")
  foreach(side CLIENT SERVER)
    if(arg_${side})
      string(TOLOWER ${side} side)
      list(APPEND sides ${side})
    endif()
  endforeach()

  set(sources "")
  foreach(proto IN LISTS arg_PROTOS)
    _stated_find_proto(path ${proto} ${imports})
    string(REGEX REPLACE "\\.proto$" "" stem ${output}/${proto})
    if(NOT arg_MESSAGES_FROM)
      set(messages ${stem}.pb-c.c ${stem}.pb-c.h)
      _stated_run_generator(${proto} ${path} ${stem}.pb-c.d
        OPTION --c_out=${output} OUTPUT ${messages} IMPORTS ${imports})
      set_source_files_properties(${messages} PROPERTIES COMPILE_OPTIONS "${STATED_MESSAGES_OPTIONS}")
      list(APPEND sources ${messages})
    endif()
    foreach(side IN LISTS sides)
      set(services ${stem}.stated-${side}.c ${stem}.stated-${side}.h)
      _stated_run_generator(${proto} ${path} ${stem}.stated-${side}.d
        OPTION --plugin=protoc-gen-stated=$<TARGET_FILE:protoc-gen-stated> --stated_out=${side}:${output}
        OUTPUT ${services} IMPORTS ${imports} DEPENDS protoc-gen-stated)
      list(APPEND sources ${services})
    endforeach()
  endforeach()

  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${output})
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C ${arg_LIBRARIES} ${arg_MESSAGES_FROM})
  foreach(side IN LISTS sides)
    if(arg_MESSAGES_FROM)
      target_include_directories(${target} PUBLIC ${stated_SOURCE_DIR}/${side}/include)
    else()
      target_link_libraries(${target} PUBLIC stated-${side})
    endif()
  endforeach()
endfunction()
