# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  # A ledger that is told in words, and the reader of recorded sessions.
  add_library(lr_test_ledger STATIC
    ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    ${CMAKE_CURRENT_LIST_DIR}/support/files.c
    ${CMAKE_CURRENT_LIST_DIR}/support/ledger_rig.c)
  target_include_directories(lr_test_ledger PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(lr_test_ledger
    PUBLIC lr_ledger lr_mocks_capture PkgConfig::CRITERION
    PRIVATE lr_warnings lr_sanitizers)

  foreach(name
      capture observer session slots direct lies place queue turn audit budget held result texts timeline)
    lr_add_unit_test(ledger_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/ledger_${name}_test.c
      LINKS lr_test_ledger)
  endforeach()
  target_compile_definitions(test_ledger_capture
    PRIVATE LR_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
endif()
