# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  # Scripts that are run as `lastref run` does, and what its reports are told.
  add_library(lr_test_scenario STATIC
    ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    ${CMAKE_CURRENT_LIST_DIR}/support/scenario_result.c
    ${CMAKE_CURRENT_LIST_DIR}/support/scenario_rig.c)
  target_include_directories(lr_test_scenario PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_compile_definitions(lr_test_scenario
    PUBLIC LR_TEST_SCENARIOS="${PROJECT_SOURCE_DIR}/tests/scenarios"
    PRIVATE _GNU_SOURCE)
  target_link_libraries(lr_test_scenario
    PUBLIC lr_scenario PkgConfig::CRITERION PkgConfig::LUA
    PRIVATE lr_warnings lr_sanitizers)

  foreach(name sandbox script suite known words sessions results false_green stage liar crew runner torture
      worker_codec peer)
    lr_add_unit_test(scenario_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/scenario_${name}_test.c
      LINKS lr_test_scenario
      TIMEOUT 600)
    target_compile_definitions(test_scenario_${name} PRIVATE _GNU_SOURCE)
  endforeach()

  # One of its servers loses memory, on the test's word.
  target_link_options(test_scenario_false_green PRIVATE "LINKER:--wrap=lr_server_new")

  lr_add_unit_test(scenario_command
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/scenario_command_test.c
    LINKS lr_cli_run lr_test_scenario
    TIMEOUT 600)
  add_dependencies(test_scenario_command lastref) # the workers that it starts
  # The command has its memory from the system; the test makes that fail.
  target_link_options(test_scenario_command PRIVATE "LINKER:--wrap=lr_alloc_system")
  target_compile_definitions(test_scenario_command PRIVATE _GNU_SOURCE)

  foreach(name console json junit tap utf8)
    lr_add_unit_test(reports_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/reports_${name}_test.c
      LINKS lr_test_scenario lr_reports PkgConfig::JANSSON)
    target_compile_definitions(test_reports_${name} PRIVATE _GNU_SOURCE)
  endforeach()

  foreach(name capture recorded raw)
    lr_add_unit_test(mocks_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/mocks_${name}_test.c
        ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
      LINKS lr_mocks_peers lr_test_roles)
    target_include_directories(test_mocks_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR})
  endforeach()
endif()

if(TARGET lr_test_scenario)
  lr_add_unit_test(scenario_faults
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/scenario_faults_test.c
    LINKS lr_test_scenario
    TIMEOUT 600)
  target_compile_definitions(test_scenario_faults PRIVATE
    LR_TEST_DOCS="${PROJECT_SOURCE_DIR}/docs")
endif()
