# SPDX-License-Identifier: Apache-2.0
if(CRITERION_FOUND)
  # Roles that do as they are told, in a live world whose links are recorded instead of judged.
  add_library(lr_test_live STATIC
    ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    ${CMAKE_CURRENT_LIST_DIR}/support/link_recorder.c
    ${CMAKE_CURRENT_LIST_DIR}/support/live_rig.c)
  target_include_directories(lr_test_live PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(lr_test_live
    PUBLIC lr_world PkgConfig::CRITERION
    PRIVATE lr_warnings lr_sanitizers)

  # The recorder stands before the ledger's library, so that its functions are the ones that are linked.
  foreach(name fault link live live_net faults relay program storage)
    lr_add_unit_test(world_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/world_${name}_test.c
      LINKS lr_test_live)
    # The tests stand in for peers with the system's own calls.
    target_compile_definitions(test_world_${name} PRIVATE _GNU_SOURCE)
  endforeach()

  # The simulated world, beside the live one where both must agree.
  add_library(lr_test_world STATIC
    ${CMAKE_CURRENT_LIST_DIR}/support/failing.c
    ${CMAKE_CURRENT_LIST_DIR}/support/world_rig.c)
  target_include_directories(lr_test_world PUBLIC ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(lr_test_world
    PUBLIC lr_world PkgConfig::CRITERION
    PRIVATE lr_warnings lr_sanitizers)
  foreach(name point sim sim_clock sim_kernel sim_trouble)
    lr_add_unit_test(world_${name}
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/world_${name}_test.c
      LINKS lr_test_world)
  endforeach()
  lr_add_unit_test(world_sim_session
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/world_sim_session_test.c
    LINKS lr_test_world lr_rpc_tracker lr_rpc_server lr_rpc_client)
  lr_add_unit_test(world_sim_fault
    SOURCES
      ${CMAKE_CURRENT_LIST_DIR}/world_sim_fault_test.c
      ${CMAKE_CURRENT_LIST_DIR}/support/link_recorder.c
    LINKS lr_test_world)
  lr_add_unit_test(world_sim_shape
    SOURCES
      ${CMAKE_CURRENT_LIST_DIR}/world_sim_shape_test.c
      ${CMAKE_CURRENT_LIST_DIR}/support/link_recorder.c
    LINKS lr_test_world)
  lr_add_unit_test(world_fault_agree
    SOURCES
      ${CMAKE_CURRENT_LIST_DIR}/world_fault_agree_test.c
      ${CMAKE_CURRENT_LIST_DIR}/support/link_recorder.c
    LINKS lr_test_world)
endif()
