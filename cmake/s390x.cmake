# SPDX-License-Identifier: Apache-2.0
#
# Toolchain file: a big-endian machine, s390x, whose programs run under qemu here. The target's libraries
# are in build/s390x-root, which tools/run_big_endian.sh fills.
#
# Programs get a suffix, so that beside each a script of its name can stand that starts it in the
# emulator: what a program of ours starts, it finds beside itself, and the kernel runs no s390x.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER s390x-linux-gnu-gcc)
set(CMAKE_EXECUTABLE_SUFFIX_C .s390x)

get_filename_component(LR_S390X_ROOT "${CMAKE_CURRENT_LIST_DIR}/../build/s390x-root" ABSOLUTE)
set(CMAKE_SYSROOT "${LR_S390X_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${LR_S390X_ROOT}/usr/lib/s390x-linux-gnu/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${LR_S390X_ROOT}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x -L "${LR_S390X_ROOT}")
