# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  lr_add_unit_test(ledger_retention
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/ledger_retention_test.c
    LINKS lr_test_ledger)

  lr_add_unit_test(mocks_native
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/mocks_native_test.c
      ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    LINKS lr_mocks_native)
  target_include_directories(test_mocks_native PRIVATE ${CMAKE_CURRENT_LIST_DIR})

  lr_add_unit_test(rpc_client_tracker
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/rpc_client_tracker_test.c
    LINKS lr_test_client)

  # Programs in the heap model, as scenarios describe them.
  foreach(name python holders holders_memory docs)
    lr_add_unit_test(scenario_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/scenario_${name}_test.c
      LINKS lr_test_scenario
      TIMEOUT 600)
    target_compile_definitions(test_scenario_${name} PRIVATE _GNU_SOURCE)
  endforeach()
  target_compile_definitions(test_scenario_docs PRIVATE
    LR_TEST_DOCS="${PROJECT_SOURCE_DIR}/docs"
    LR_TEST_WORDS="${PROJECT_SOURCE_DIR}/harness/scenario")
endif()
