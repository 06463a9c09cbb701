# SPDX-License-Identifier: Apache-2.0
# A server in the world in memory of the roles (tracker.cmake).
add_library(lr_test_server STATIC
  support/failing.c
  support/files.c
  support/server_rig.c
  support/server_rig_tracker.c
  ${PROJECT_SOURCE_DIR}/harness/world/memory_storage.c)
target_include_directories(lr_test_server PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(lr_test_server
  PUBLIC lr_test_roles lr_rpc_server lr_mocks_capture
  PRIVATE lr_warnings lr_sanitizers)

if(CRITERION_FOUND)
  target_link_libraries(lr_test_server PUBLIC PkgConfig::CRITERION)
  foreach(name session functions arrays evaluator device tracker limits dialect parts golden)
    lr_add_unit_test(rpc_server_${name} SOURCES rpc_server_${name}_test.c LINKS lr_test_server)
  endforeach()
  target_compile_definitions(test_rpc_server_golden
    PRIVATE LR_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
endif()
