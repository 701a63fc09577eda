// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Every tensor of an accepted file lies in the file and is as large as its shape says.
#include "core/safetensors.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

void CheckTensor(const TensorFile& file, const std::string& name, const TensorFile::Entry& entry) {
  unsigned __int128 bytes = SizeOf(entry.dtype);
  for (const int64_t extent : entry.shape) {
    FUZZ_CHECK(extent >= 0);
    bytes *= static_cast<uint64_t>(extent);
  }
  FUZZ_CHECK(bytes == entry.bytes.size());
  fuzz::Reads([&] { file.F32(name, entry.shape); });
  fuzz::Reads([&] { file.I32(name, entry.shape); });
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::fuzz::MemoryFile file;
  const std::string& path = file.Write(data, size);
  ssd::fuzz::Reads([&] {
    const ssd::TensorFile tensors(path);
    tensors.Checksum();  // reads every byte
    for (const auto& [name, entry] : tensors.entries()) ssd::CheckTensor(tensors, name, entry);
  });
  return 0;
}
