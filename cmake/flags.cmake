# Warnings, hardening and sanitizers for every target of the project.
option(STATED_WERROR "Treat warnings as errors" OFF)
set(STATED_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wno-gnu-zero-variadic-macro-arguments)
if(STATED_WERROR)
  add_compile_options(-Werror)
endif()
add_compile_definitions(_GNU_SOURCE)

add_compile_options(-fvisibility=hidden -fno-omit-frame-pointer)
if(STATED_SANITIZE)
  add_compile_options(-fsanitize=${STATED_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STATED_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
  add_link_options(-Wl,-z,relro -Wl,-z,now)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
