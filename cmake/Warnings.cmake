# SPDX-License-Identifier: Apache-2.0
#
# lr_warnings: the warnings under which all code of this repository compiles, gcc and clang alike.
# Link it PRIVATE: what a user of a library compiles with is the user's own affair.

add_library(lr_warnings INTERFACE)

if(MSVC)
    target_compile_options(lr_warnings INTERFACE /W4 /utf-8)
    target_compile_definitions(lr_warnings INTERFACE _CRT_SECURE_NO_WARNINGS)
    if(LR_WERROR)
        target_compile_options(lr_warnings INTERFACE /WX)
    endif()
else()
    target_compile_options(lr_warnings INTERFACE
        -Wall
        -Wextra
        -Wpedantic
        -Wshadow
        -Wconversion
        -Wstrict-prototypes
        -Wvla
        -Wundef
        -Wformat=2
        -Wswitch-enum)
    if(LR_WERROR)
        target_compile_options(lr_warnings INTERFACE -Werror)
    endif()
endif()
