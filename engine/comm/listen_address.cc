// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/listen_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "core/error.h"

namespace ssd {

namespace {

// Interfaces with a route to 0.0.0.0, from the kernel's table: name, destination, gateway, ...
std::set<std::string> DefaultRoutes() {
  std::set<std::string> names;
  std::ifstream table("/proc/net/route");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string name, destination;
    if (fields >> name >> destination && destination == "00000000") names.insert(name);
  }
  return names;
}

std::string Numeric(const sockaddr* address) {
  char text[NI_MAXHOST];
  const socklen_t size = address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return text;
}

bool LinkLocal(const sockaddr* address) {
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

// Lower is better.
int Rank(const InterfaceAddress& a) {
  return 4 * (a.loopback ? 1 : 0) + 2 * (a.default_route ? 0 : 1) + (a.ipv6 ? 1 : 0);
}

}  // namespace

std::vector<InterfaceAddress> InterfaceAddresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0)
    Throw(Status::kUnavailable, "the network interfaces of this host cannot be read");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  const std::set<std::string> default_routes = DefaultRoutes();
  std::vector<InterfaceAddress> found;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
    const int family = i->ifa_addr->sa_family;
    if ((family != AF_INET && family != AF_INET6) || LinkLocal(i->ifa_addr)) continue;
    found.push_back({.interface = i->ifa_name,
                     .address = Numeric(i->ifa_addr),
                     .ipv6 = family == AF_INET6,
                     .loopback = (i->ifa_flags & IFF_LOOPBACK) != 0,
                     .default_route = default_routes.contains(i->ifa_name)});
  }
  return found;
}

std::string ListenAddress(const std::string& wanted, std::span<const InterfaceAddress> available) {
  const InterfaceAddress* best = nullptr;
  std::string names;
  for (const InterfaceAddress& a : available) {
    names += (names.empty() ? "" : ", ") + a.interface + " (" + a.address + ")";
    if (!wanted.empty() && wanted != a.interface && wanted != a.address) continue;
    if (best == nullptr || Rank(a) < Rank(*best)) best = &a;
  }
  if (best == nullptr && wanted.empty())
    Throw(Status::kUnavailable, "this host has no network interface that is up");
  if (best == nullptr)
    Throw(Status::kInvalid, "cluster.interface: this host has no \"%s\"; it has %s", wanted.c_str(),
          names.c_str());
  return best->address;
}

}  // namespace ssd
