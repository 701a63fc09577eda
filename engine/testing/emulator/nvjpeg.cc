// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/nvjpeg.h"

#include <utility>

#include "core/error.h"
#include "testing/emulator/memory.h"
#include "testing/emulator/stream.h"

namespace ssd {
namespace emulator {
namespace {

DecodeJpeg& Decoder() {
  static DecodeJpeg decode;
  return decode;
}
std::function<bool(const JpegJob&)>& Batches() {
  static std::function<bool(const JpegJob&)> in_batches;
  return in_batches;
}

// A batch is refused whole for one file, and may be half decoded then.
class Library final : public JpegLibrary {
 public:
  bool InBatches(const JpegJob& job) override { return !Batches() || Batches()(job); }
  bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) override {
    for (const JpegJob& job : jobs) SSD_CHECK(InBatches(job));
    for (const JpegJob& job : jobs)
      if (!DecodeOne(job, stream)) return false;
    return true;
  }
  bool DecodeOne(const JpegJob& job, cudaStream_t stream) override {
    Finish(stream);
    const Opened opened;
    return Decoder()(job);
  }
};

}  // namespace

void SetNvjpeg(DecodeJpeg decode, std::function<bool(const JpegJob&)> in_batches) {
  Decoder() = std::move(decode);
  Batches() = std::move(in_batches);
}

}  // namespace emulator

std::unique_ptr<JpegLibrary> OpenNvjpeg() {
  if (!emulator::Decoder()) Throw(Status::kUnavailable, "the emulator has no nvJPEG");
  return std::make_unique<emulator::Library>();
}

}  // namespace ssd
