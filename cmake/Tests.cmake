# SPDX-License-Identifier: Apache-2.0
#
# lr_add_unit_test(<name> SOURCES <file>.. [LINKS <target>..] [TIMEOUT <seconds>] [LABELS <label>..])
#
# Makes the Criterion program test_<name> and registers it with ctest under the label `unit` (or LABELS).
# Where Criterion is missing, nothing is made and the configuration says so, once; with
# LR_REQUIRE_TESTS that is an error, so that no automated run is green for want of its tests.
# LR_PLAIN_TESTS: for a machine that Criterion does not know, tests/plain takes its place.

option(LR_PLAIN_TESTS "Build the unit tests without Criterion, with what tests/plain has of it" OFF)
find_package(PkgConfig QUIET)
if(LR_PLAIN_TESTS)
    add_library(lr_plain_tests STATIC ${PROJECT_SOURCE_DIR}/tests/plain/plain.c)
    target_compile_definitions(lr_plain_tests PRIVATE _GNU_SOURCE)
    target_link_libraries(lr_plain_tests PRIVATE lr_warnings lr_sanitizers PUBLIC m)
    # As a system's header, which Criterion's is: it compares what a test compares.
    target_include_directories(lr_plain_tests SYSTEM INTERFACE ${PROJECT_SOURCE_DIR}/tests/plain)
    add_library(PkgConfig::CRITERION ALIAS lr_plain_tests)
    set(CRITERION_FOUND TRUE)
elseif(PKG_CONFIG_FOUND)
    pkg_check_modules(CRITERION QUIET IMPORTED_TARGET criterion>=2.4)
endif()
if(NOT CRITERION_FOUND)
    if(LR_REQUIRE_TESTS)
        message(FATAL_ERROR "Criterion is missing (pkg-config: criterion >= 2.4); see tools/setup.sh")
    endif()
    message(STATUS "Unit tests are left out: Criterion is missing (pkg-config: criterion >= 2.4)")
endif()

function(lr_add_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINKS;LABELS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
        message(FATAL_ERROR "lr_add_unit_test(${name}): SOURCES needed, unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT CRITERION_FOUND)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(CMAKE_CROSSCOMPILING_EMULATOR)
        math(EXPR arg_TIMEOUT "10 * ${arg_TIMEOUT}")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()

    add_executable(test_${name} ${arg_SOURCES})
    target_link_libraries(test_${name}
        PRIVATE ${arg_LINKS} lr_warnings lr_sanitizers PkgConfig::CRITERION)
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}"
        TIMEOUT ${arg_TIMEOUT})
endfunction()
