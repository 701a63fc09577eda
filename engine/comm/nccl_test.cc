// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What of NCCL works without a GPU. SSD_EXPECT_NCCL=missing: the library is not there either.
#include "comm/nccl.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "testing/error_of.h"

namespace ssd {
namespace {

bool LibraryIsMissing() {
  const char* expected = std::getenv("SSD_EXPECT_NCCL");
  return expected != nullptr && std::strcmp(expected, "missing") == 0;
}

std::vector<std::string> AddressesOfTwo(Communicator& first) { return {first.Address(), ""}; }

TEST(Nccl, SaysThatItsLibraryIsMissing) {
  if (!LibraryIsMissing()) GTEST_SKIP() << "SSD_EXPECT_NCCL is not missing";
  EXPECT_EQ(ErrorOf(Status::kUnavailable, [] { OpenNccl({.rank = 0, .world = 2}); }),
            "libnccl.so.2 is missing: install NCCL for CUDA 13, and name its folder in "
            "LD_LIBRARY_PATH");
}

class NcclTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LibraryIsMissing()) GTEST_SKIP() << "without the library";
  }
};

TEST_F(NcclTest, RankZeroHasTheIdOfTheRun) {
  const auto first = OpenNccl({.rank = 0, .world = 2}), second = OpenNccl({.rank = 1, .world = 2});
  const std::string id = first->Address();
  EXPECT_EQ(id.size(), 128u);
  EXPECT_NE(id, std::string(128, '\0'));
  EXPECT_NE(id, first->Address()) << "another call, another run";
  EXPECT_EQ(second->Address(), "");
}

TEST_F(NcclTest, ConnectSaysThatThereIsNoGpu) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0)
    GTEST_SKIP() << "this machine has a GPU";
  const auto comm = OpenNccl({.rank = 0, .world = 2});
  const std::string error =
      ErrorOf(Status::kUnavailable, [&] { comm->Connect(AddressesOfTwo(*comm)); });
  EXPECT_EQ(error.rfind("rank 0 of 2: NCCL has no GPU to work on (", 0), 0u) << error;
  std::vector<float> values(4);
  EXPECT_NE(ErrorOf(Status::kComm, [&] { comm->Sum(std::span(values)); }).find("not connected"),
            std::string::npos);
}

TEST_F(NcclTest, RefusesWhatIsNoId) {
  const auto comm = OpenNccl({.rank = 1, .world = 2});
  for (const auto& addresses :
       {std::vector<std::string>{}, {"short", ""}, {std::string(128, 'x'), "", ""}})
    EXPECT_NE(ErrorOf(Status::kInvalid, [&] { comm->Connect(addresses); }).find("id of rank 0"),
              std::string::npos);
  EXPECT_NE(ErrorOf(Status::kInvalid, [] { OpenNccl({.rank = 2, .world = 2}); }).find("2 of 2"),
            std::string::npos);
}

TEST_F(NcclTest, AbortEndsConnect) {
  const auto comm = OpenNccl({.rank = 0, .world = 2});
  const auto addresses = AddressesOfTwo(*comm);
  comm->Abort();
  EXPECT_EQ(ErrorOf(Status::kAborted, [&] { comm->Connect(addresses); }), "stopped");
}

}  // namespace
}  // namespace ssd
