// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/listen_address.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

const std::vector<InterfaceAddress> kHost = {
    {.interface = "lo", .address = "127.0.0.1", .loopback = true},
    {.interface = "lo", .address = "::1", .ipv6 = true, .loopback = true},
    {.interface = "docker0", .address = "172.17.0.1"},
    {.interface = "eth0", .address = "2001:db8::7", .ipv6 = true, .default_route = true},
    {.interface = "eth0", .address = "10.0.0.7", .default_route = true},
    {.interface = "ib0", .address = "192.168.5.7"},
};

TEST(ListenAddress, PrefersTheWayOutThenAnythingButLoopback) {
  EXPECT_EQ(ListenAddress("", kHost), "10.0.0.7");
  EXPECT_EQ(ListenAddress("", std::span(kHost).first(3)), "172.17.0.1");
  EXPECT_EQ(ListenAddress("", std::span(kHost).first(2)), "127.0.0.1");
  EXPECT_EQ(ListenAddress("", std::span(kHost).subspan(1, 1)), "::1");
}

TEST(ListenAddress, TakesWhatIsWanted) {
  EXPECT_EQ(ListenAddress("ib0", kHost), "192.168.5.7");
  EXPECT_EQ(ListenAddress("eth0", kHost), "10.0.0.7");
  EXPECT_EQ(ListenAddress("2001:db8::7", kHost), "2001:db8::7");
  EXPECT_EQ(ListenAddress("lo", kHost), "127.0.0.1");
}

TEST(ListenAddress, NamesWhatThereIs) {
  const std::string error = ErrorOf(Status::kInvalid, [] { ListenAddress("ib9", kHost); });
  EXPECT_NE(error.find("no \"ib9\"; it has lo (127.0.0.1), "), std::string::npos) << error;
  EXPECT_THROW(ListenAddress("", {}), Error);
}

TEST(InterfaceAddresses, HoldTheLoopback) {
  const auto addresses = InterfaceAddresses();
  EXPECT_TRUE(std::ranges::any_of(addresses, [](const InterfaceAddress& a) {
    return a.loopback && (a.address == "127.0.0.1" || a.address == "::1");
  }));
}

}  // namespace
}  // namespace ssd
