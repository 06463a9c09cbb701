# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  foreach(name found lies owner plan reach run script tally team)
    lr_add_unit_test(explore_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/explore_${name}_test.c
        ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
      LINKS lr_explore
      TIMEOUT 600)
    target_include_directories(test_explore_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR})
    target_compile_definitions(test_explore_${name} PRIVATE _GNU_SOURCE)
  endforeach()

  # Its servers have a bug, on the test's word.
  target_sources(test_explore_run PRIVATE ${PROJECT_SOURCE_DIR}/mocks/peers/deaf_server.c)
  target_link_options(test_explore_run PRIVATE "LINKER:--wrap=lr_server_new")
  target_link_options(test_explore_owner PRIVATE "LINKER:--wrap=lr_heap_collect")
endif()
