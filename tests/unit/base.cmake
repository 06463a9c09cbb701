# SPDX-License-Identifier: Apache-2.0
# What all else stands on.
foreach(suite IN ITEMS alloc buf order pool prng scarce table text)
  lr_add_unit_test(base_${suite} SOURCES base_${suite}_test.c support/failing.c LINKS lr_base)
  if(TARGET test_base_${suite})
    target_include_directories(test_base_${suite} PRIVATE ${CMAKE_CURRENT_LIST_DIR})
  endif()
endforeach()
