#!/bin/sh
# SPDX-FileCopyrightText: The mlperf-ssd authors
# SPDX-License-Identifier: Apache-2.0
#
# check_exports.sh LIBRARY HEADER: the library exports exactly the functions that the header declares,
# and no other symbol of any kind.
declared=$(grep -oE '\bssd_[a-z_]+\(' "$2" | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$1" | awk '{ print $2 == "T" ? $3 : $2 " " $3 }' | sort -u)
[ "$declared" = "$exported" ] && exit 0
echo "declared: $declared"
echo "exported: $exported"
exit 1
