// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>

#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

void WriteRaw(const std::string& path, const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  const std::string first(reinterpret_cast<const char*>(&length), sizeof length);
  WriteFile(path, first + header + data);
}

std::string MessageOf(const std::string& path) {
  return ErrorOf(Status::kData, [&] { TensorFile file(path); });
}

class SafetensorsTest : public testing::Test {
 protected:
  const TestFolder folder_;
};

TEST_F(SafetensorsTest, RoundTripKeepsValuesShapesAndMetadata) {
  const std::string path = folder_ / "round.safetensors";
  const float a[6] = {1, -2, 0.5f, 3, 4, 5};
  const int32_t b[2] = {7, -8};
  TensorWriter writer;
  writer.Add("a", DType::kF32, {2, 3}, a);
  writer.Add("b", DType::kI32, {2}, b);
  writer.Add("empty", DType::kF32, {0, 4}, a);
  writer.SetMetadata("epoch", "3 \"quoted\"");
  writer.Write(path);

  const TensorFile file(path);
  EXPECT_EQ(file.metadata().at("epoch"), "3 \"quoted\"");
  const auto got = file.F32("a", std::vector<int64_t>{2, -1});
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), std::vector<float>({1, -2, 0.5f, 3, 4, 5}));
  EXPECT_EQ(file.I32("b", std::vector<int64_t>{2})[1], -8);
  EXPECT_TRUE(file.F32("empty", std::vector<int64_t>{0, 4}).empty());
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST_F(SafetensorsTest, ChecksumCoversEveryByte) {
  const std::string path = folder_ / "sum.safetensors";
  float a[2] = {1, 2};
  const uint8_t b[5] = {1, 2, 3, 4, 5};
  TensorWriter writer;
  writer.Add("b", DType::kU8, {5}, b);
  writer.Add("a", DType::kF32, {2}, a);
  writer.Write(path);
  // By hand: words 3f800000, 40000000, 04030201, 00000005.
  uint64_t want = 0xcbf29ce484222325u;
  for (const uint64_t word : {0x3f800000u, 0x40000000u, 0x04030201u, 0x00000005u})
    want = (want ^ word) * 0x100000001b3u;
  EXPECT_EQ(writer.Checksum(), want);
  EXPECT_EQ(TensorFile(path).Checksum(), want);
  a[1] = 3;
  EXPECT_NE(writer.Checksum(), want);
}

TEST_F(SafetensorsTest, DataStartsAligned) {
  const std::string path = folder_ / "aligned.safetensors";
  const float a = 1;
  for (const char* name : {"a", "ab", "abc", "abcdefghijklm"}) {
    TensorWriter writer;
    writer.Add(name, DType::kF32, {1}, &a);
    writer.Write(path);
    const TensorFile file(path);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.At(name).bytes.data()) % 64, 0u) << name;
  }
}

TEST_F(SafetensorsTest, ErrorsNameFileAndTensor) {
  const std::string path = folder_ / "wrong.safetensors";
  const float a = 1;
  TensorWriter writer;
  writer.Add("w", DType::kF32, {1}, &a);
  writer.Write(path);
  const TensorFile file(path);
  EXPECT_EQ(ErrorOf(Status::kData,
                    [&] {
                      file.F32("w", std::vector<int64_t>{2, 3});
                    }),
            path + ": tensor w is F32 [1], must be F32 [2, 3]");
  EXPECT_THROW(file.At("v"), Error);
}

TEST_F(SafetensorsTest, RefusesWhatIsNoTensorFile) {
  const std::string path = folder_ / "bad.safetensors";
  EXPECT_NE(MessageOf(folder_ / "none").find("cannot be opened"), std::string::npos);
  EXPECT_NE(MessageOf(folder_.path()).find("regular file"), std::string::npos);
  WriteFile(path, "abc");
  EXPECT_NE(MessageOf(path).find("3 bytes"), std::string::npos);
  WriteFile(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}");
  EXPECT_NE(MessageOf(path).find("header"), std::string::npos);
  WriteRaw(path, "{\"w\":", "");
  EXPECT_NE(MessageOf(path).find("safetensors header"), std::string::npos);
  WriteRaw(path, R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "1234");
  EXPECT_NE(MessageOf(path).find("outside the file"), std::string::npos);
  WriteRaw(path, R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12345678");
  EXPECT_NE(MessageOf(path).find("does not fit"), std::string::npos);
  WriteRaw(path, R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
           "");
  EXPECT_NE(MessageOf(path).find("does not fit"), std::string::npos);
  WriteRaw(path, R"({"w":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", "12345678");
  EXPECT_NE(MessageOf(path).find("C64"), std::string::npos);
}

TEST_F(SafetensorsTest, RefusesBytesOfSeveralTensorsAndOfNone) {
  const std::string path = folder_ / "layout.safetensors";
  const auto message = [&](const char* a, const char* b) {
    const std::string tensor = R"({"dtype":"I32","shape":[1],"data_offsets":)";
    WriteRaw(path, "{\"a\":" + tensor + a + "},\"b\":" + tensor + b + "}}", "123456789");
    return MessageOf(path);
  };
  EXPECT_EQ(message("[4,8]", "[4,8]"), path + ": tensor a: its bytes follow others of no tensor");
  EXPECT_EQ(message("[0,4]", "[0,4]"), path + ": tensor b: its bytes overlap those of another");
  EXPECT_EQ(message("[2,6]", "[0,4]"), path + ": tensor a: its bytes overlap those of another");
  EXPECT_EQ(message("[5,9]", "[0,4]"), path + ": tensor a: its bytes follow others of no tensor");
  EXPECT_EQ(message("[0,4]", "[4,8]"), path + ": the last 1 bytes belong to no tensor");
}

TEST_F(SafetensorsTest, APipeWithoutAWriterIsRefusedAtOnce) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(MessageOf(path), path + ": not a regular file");
}

TEST_F(SafetensorsTest, WriteFailureLeavesNothing) {
  const std::string path = folder_ / "no-such-folder/x.safetensors";
  const float a = 1;
  TensorWriter writer;
  writer.Add("w", DType::kF32, {1}, &a);
  EXPECT_THROW(writer.Write(path), Error);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SafetensorsTest, FullDiskIsAnErrorAndKeepsTheOldFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  // The temporary name leads to a device that is always full.
  const std::string path = folder_ / "full.safetensors";
  WriteFile(path, "old");
  std::filesystem::create_symlink("/dev/full", path + ".tmp");
  const std::vector<float> a(100);
  TensorWriter writer;
  writer.Add("w", DType::kF32, {100}, a.data());
  const std::string error = ErrorOf(Status::kData, [&] { writer.Write(path); });
  EXPECT_NE(error.find("No space left"), std::string::npos) << error;
  EXPECT_EQ(ReadFile(path), "old");
}

}  // namespace
}  // namespace ssd
