// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// On a function whose loops the compiler vectorises: compiled once for each instruction set and
// chosen at load time. Callees must be inlined (SSD_INLINE) to be part of the clone. Files that use
// it are built with -ffp-contract=off where results must not depend on the processor.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define SSD_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SSD_VECTOR_CLONES
#endif
#define SSD_INLINE inline __attribute__((always_inline))
