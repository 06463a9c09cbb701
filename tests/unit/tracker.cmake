# SPDX-License-Identifier: Apache-2.0
# The world in memory in which the unit tests of all roles run.
add_library(lr_test_roles STATIC support/role_driver.c support/role_driver_ends.c)
target_include_directories(lr_test_roles PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(lr_test_roles PUBLIC lr_rpc_role PRIVATE lr_warnings lr_sanitizers)

if(CRITERION_FOUND)
  # A tracker in it, and the reader of recorded sessions.
  add_library(lr_test_tracker STATIC support/tracker_rig.c support/failing.c)
  target_link_libraries(lr_test_tracker
    PUBLIC lr_test_roles lr_rpc_tracker lr_mocks_capture PkgConfig::CRITERION
    PRIVATE lr_warnings lr_sanitizers)
  lr_add_unit_test(role_driver
    SOURCES role_driver_test.c support/failing.c
    LINKS lr_test_roles)
  lr_add_unit_test(rpc_tracker SOURCES rpc_tracker_test.c LINKS lr_test_tracker)
  lr_add_unit_test(rpc_tracker_limits SOURCES rpc_tracker_limits_test.c LINKS lr_test_tracker)
  lr_add_unit_test(rpc_tracker_golden SOURCES rpc_tracker_golden_test.c LINKS lr_test_tracker)
  target_compile_definitions(test_rpc_tracker_golden
    PRIVATE LR_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
endif()
