# Warnings, hardening and sanitizers for every target of the project.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

option(STATED_WERROR "Treat warnings as errors" OFF)
set(STATED_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-gnu-zero-variadic-macro-arguments)
endif()
if(STATED_WERROR)
  add_compile_options(-Werror)
endif()
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-fvisibility=hidden -fno-omit-frame-pointer)

# What the programs are hardened with; tests/lint/hardening looks for each of these in the binary.
set(STATED_HARDENING "")

# _stated_harden(NAME FLAG): compiles with FLAG where the compiler knows it.
macro(_stated_harden name flag)
  check_c_compiler_flag(${flag} STATED_HAS_${name})
  if(STATED_HAS_${name})
    add_compile_options(${flag})
    list(APPEND STATED_HARDENING ${name})
  endif()
endmacro()

# _stated_harden_link(NAME FLAG): the same for the linker.
macro(_stated_harden_link name flag)
  check_linker_flag(C ${flag} STATED_HAS_${name})
  if(STATED_HAS_${name})
    add_link_options(${flag})
    list(APPEND STATED_HARDENING ${name})
  endif()
endmacro()

if(STATED_SANITIZE)
  add_compile_options(-fsanitize=${STATED_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STATED_SANITIZE})
else()
  _stated_harden(stack_protector -fstack-protector-strong)
  _stated_harden(stack_clash -fstack-clash-protection)
  _stated_harden(cf_protection -fcf-protection)
  _stated_harden_link(relro -Wl,-z,relro)
  _stated_harden_link(now -Wl,-z,now)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    # Needs optimisation; a compiler too old for level 3 gets level 2 from the C library.
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    list(APPEND STATED_HARDENING fortify)
  endif()
endif()

check_pie_supported(LANGUAGES C)
if(CMAKE_C_LINK_PIE_SUPPORTED)
  list(APPEND STATED_HARDENING pie)
endif()
