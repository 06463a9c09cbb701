# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  # Modelled programs, and the comparison of what they do with what was measured.
  add_library(lr_test_heap STATIC
    ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    ${CMAKE_CURRENT_LIST_DIR}/support/heap_script.c
    ${CMAKE_CURRENT_LIST_DIR}/support/heap_truth.c
    ${CMAKE_CURRENT_LIST_DIR}/heap_script_chain.c
    ${CMAKE_CURRENT_LIST_DIR}/heap_script_collector.c
    ${CMAKE_CURRENT_LIST_DIR}/heap_script_exit.c
    ${CMAKE_CURRENT_LIST_DIR}/heap_script_holders.c
    ${CMAKE_CURRENT_LIST_DIR}/heap_script_report.c)
  target_include_directories(lr_test_heap PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_compile_definitions(lr_test_heap
    PRIVATE LR_GOLDEN_HEAP="${PROJECT_SOURCE_DIR}/tests/golden/heap")
  target_link_libraries(lr_test_heap
    PUBLIC lr_mocks_heap PkgConfig::CRITERION PkgConfig::JANSSON
    PRIVATE lr_warnings lr_sanitizers)

  foreach(name truth object collector exit path property)
    lr_add_unit_test(heap_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/heap_${name}_test.c
      LINKS lr_test_heap
      TIMEOUT 600) # the loops of millions of allocations, under a sanitizer
  endforeach()
endif()
