# SPDX-License-Identifier: Apache-2.0
# What is on the wire.
foreach(suite IN ITEMS wire framer value packet handshake json tracker_msg)
  lr_add_unit_test(rpc_${suite} SOURCES rpc_${suite}_test.c support/failing.c LINKS lr_rpc_codec)
  if(TARGET test_rpc_${suite})
    target_include_directories(test_rpc_${suite} PRIVATE ${CMAKE_CURRENT_LIST_DIR})
  endif()
endforeach()
# What a role says to its world.
lr_add_unit_test(rpc_outbox SOURCES rpc_outbox_test.c support/failing.c LINKS lr_rpc_role)
if(TARGET test_rpc_outbox)
  target_include_directories(test_rpc_outbox PRIVATE ${CMAKE_CURRENT_LIST_DIR})
endif()
