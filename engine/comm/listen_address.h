// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

namespace ssd {

// One address of a network interface that is up.
struct InterfaceAddress {
  std::string interface;  // "eth0"
  std::string address;    // numeric
  bool ipv6 = false;
  bool loopback = false;
  bool default_route = false;  // the host's way out
};
std::vector<InterfaceAddress> InterfaceAddresses();  // without IPv6 link-local ones

// The address on which this rank waits for the others. wanted: an interface or an address of this
// host; empty: the interface of the default route, else the first that is no loopback, else the
// loopback; IPv4 before IPv6 (ranks of one host reach each other there too, without leaving it).
// Throws Status::kInvalid naming what there is.
std::string ListenAddress(const std::string& wanted, std::span<const InterfaceAddress> available);

}  // namespace ssd
