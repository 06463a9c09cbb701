# SPDX-License-Identifier: Apache-2.0
# The client against scripted far ends, recorded ones, and our own tracker and server.
if(CRITERION_FOUND)
  add_library(lr_test_client STATIC
    support/client_rig.c
    support/failing.c
    support/files.c
    support/recording.c)
  target_include_directories(lr_test_client PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(lr_test_client
    PRIVATE LR_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
  target_link_libraries(lr_test_client
    PUBLIC lr_test_roles lr_rpc_client lr_mocks_capture PkgConfig::CRITERION
    PRIVATE lr_warnings lr_sanitizers)
  lr_add_unit_test(rpc_client SOURCES rpc_client_test.c LINKS lr_test_client)
  lr_add_unit_test(rpc_client_session SOURCES rpc_client_session_test.c LINKS lr_test_client)
  lr_add_unit_test(rpc_client_limits SOURCES rpc_client_limits_test.c LINKS lr_test_client)
  lr_add_unit_test(rpc_client_data SOURCES rpc_client_data_test.c LINKS lr_test_client)
  lr_add_unit_test(rpc_client_golden SOURCES rpc_client_golden_test.c LINKS lr_test_client)
  lr_add_unit_test(rpc_client_whole
    SOURCES rpc_client_whole_test.c ${PROJECT_SOURCE_DIR}/harness/world/memory_storage.c
    LINKS lr_test_client lr_rpc_tracker lr_rpc_server)
endif()
