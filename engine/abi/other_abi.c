/* SPDX-FileCopyrightText: The mlperf-ssd authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * An engine of the next ABI, of which a caller may know nothing but the version.
 */
#include "abi/ssd_engine.h"

uint32_t ssd_abi_version(void) { return SSD_ABI_VERSION + 1; }
