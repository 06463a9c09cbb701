# SPDX-License-Identifier: Apache-2.0
#
# lr_sanitizers: instrumentation for one build tree, as a target to link and never as text appended to
# CMAKE_C_FLAGS. Every library and program links it, so that no object file of ours is left out.
#
#   LR_SANITIZE   list of sanitizers, such as "address;undefined"; empty for none
#   LR_COVERAGE   count executed lines and branches (gcov format, gcc and clang)
#   LR_FUZZ       coverage feedback for libFuzzer (clang only)
#
# lr_fuzzer: what a fuzz target links on top, to get libFuzzer's main(). Exists only with LR_FUZZ.

add_library(lr_sanitizers INTERFACE)

if(LR_SANITIZE)
    if(MSVC)
        message(FATAL_ERROR "LR_SANITIZE is for gcc and clang; leave it empty with MSVC")
    endif()
    list(JOIN LR_SANITIZE "," lr_sanitize_names)
    # A sanitizer that only prints and goes on would leave a test green.
    target_compile_options(lr_sanitizers INTERFACE
        -fsanitize=${lr_sanitize_names}
        -fno-sanitize-recover=all
        -fno-omit-frame-pointer
        -fno-optimize-sibling-calls)
    target_link_options(lr_sanitizers INTERFACE -fsanitize=${lr_sanitize_names})
endif()

if(LR_COVERAGE)
    # Atomic counters: tests fork, and a child must not tear what its parent counts.
    target_compile_options(lr_sanitizers INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(lr_sanitizers INTERFACE --coverage)
endif()

if(LR_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "LR_FUZZ needs clang (libFuzzer); use the preset 'fuzz'")
    endif()
    target_compile_options(lr_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(lr_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
    add_library(lr_fuzzer INTERFACE)
    target_link_libraries(lr_fuzzer INTERFACE lr_sanitizers)
    target_link_options(lr_fuzzer INTERFACE -fsanitize=fuzzer)
endif()
