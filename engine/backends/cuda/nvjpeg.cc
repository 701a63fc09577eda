// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <nvjpeg.h>

#include <optional>
#include <vector>

#include "backends/cuda/jpeg.h"
#include "core/error.h"
#include "core/shared_library.h"

namespace ssd {
namespace {

constexpr char kLibrary[] = "libnvjpeg.so.13";

// Looked up when it is needed: the engine loads without nvJPEG.
struct Api {
  decltype(&nvjpegCreateEx) create;
  decltype(&nvjpegDestroy) destroy;
  decltype(&nvjpegJpegStateCreate) create_state;
  decltype(&nvjpegJpegStateDestroy) destroy_state;
  decltype(&nvjpegDecode) decode;
  decltype(&nvjpegDecodeBatchedInitialize) initialize;
  decltype(&nvjpegDecodeBatched) decode_batched;
  decltype(&nvjpegJpegStreamCreate) create_stream;
  decltype(&nvjpegJpegStreamDestroy) destroy_stream;
  decltype(&nvjpegJpegStreamParseHeader) parse_header;
  decltype(&nvjpegDecodeBatchedSupported) batch_supports;
};

Api LoadApi() {
  const SharedLibrary library(kLibrary, {"install nvJPEG of CUDA 13, and name its folder in "
                                         "LD_LIBRARY_PATH, or set data.decoder to host",
                                         "install that of CUDA 13"});
  Api api;
  library.Find("nvjpegCreateEx", api.create);
  library.Find("nvjpegDestroy", api.destroy);
  library.Find("nvjpegJpegStateCreate", api.create_state);
  library.Find("nvjpegJpegStateDestroy", api.destroy_state);
  library.Find("nvjpegDecode", api.decode);
  library.Find("nvjpegDecodeBatchedInitialize", api.initialize);
  library.Find("nvjpegDecodeBatched", api.decode_batched);
  library.Find("nvjpegJpegStreamCreate", api.create_stream);
  library.Find("nvjpegJpegStreamDestroy", api.destroy_stream);
  library.Find("nvjpegJpegStreamParseHeader", api.parse_header);
  library.Find("nvjpegDecodeBatchedSupported", api.batch_supports);
  return api;
}

nvjpegImage_t ImageOf(const JpegJob& job) {
  nvjpegImage_t image{};
  image.channel[0] = job.pixels;
  image.pitch[0] = size_t{3} * static_cast<size_t>(job.width);
  return image;
}

// A decoder of one kind with what it keeps between calls.
class Handle {
 public:
  // Throws Status::kUnavailable if the GPU has none of the kind.
  Handle(const Api& api, nvjpegBackend_t kind) : api_(api) {
    Check("nvjpegCreateEx", api_.create(kind, nullptr, nullptr, 0, &handle_));
    try {
      Check("nvjpegJpegStateCreate", api_.create_state(handle_, &state_));
      Check("nvjpegJpegStreamCreate", api_.create_stream(handle_, &stream_));
    } catch (...) {
      Destroy();
      throw;
    }
  }
  ~Handle() { Destroy(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  bool InBatches(const JpegJob& job) {
    int supported = 1;  // 0: it is
    return api_.parse_header(handle_, job.file.data(), job.file.size(), stream_) ==
               NVJPEG_STATUS_SUCCESS &&
           api_.batch_supports(handle_, stream_, &supported) == NVJPEG_STATUS_SUCCESS &&
           supported == 0;
  }
  bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) {
    std::vector<const unsigned char*> files;
    std::vector<size_t> sizes;
    std::vector<nvjpegImage_t> images;
    for (const JpegJob& job : jobs) {
      files.push_back(job.file.data());
      sizes.push_back(job.file.size());
      images.push_back(ImageOf(job));
    }
    // Anew for each batch, which also forgets one that failed.
    return api_.initialize(handle_, state_, static_cast<int>(jobs.size()), 1, NVJPEG_OUTPUT_RGBI) ==
               NVJPEG_STATUS_SUCCESS &&
           api_.decode_batched(handle_, state_, files.data(), sizes.data(), images.data(),
                               stream) == NVJPEG_STATUS_SUCCESS;
  }
  bool DecodeOne(const JpegJob& job, cudaStream_t stream) {
    nvjpegImage_t image = ImageOf(job);
    return api_.decode(handle_, state_, job.file.data(), job.file.size(), NVJPEG_OUTPUT_RGBI,
                       &image, stream) == NVJPEG_STATUS_SUCCESS;
  }

 private:
  static void Check(const char* call, nvjpegStatus_t status) {
    if (status == NVJPEG_STATUS_SUCCESS) return;
    Throw(
        Status::kUnavailable,
        "nvJPEG has no GPU to work on (%s: error %d): see nvidia-smi, or set data.decoder to host",
        call, static_cast<int>(status));
  }
  void Destroy() {
    if (stream_ != nullptr) (void)api_.destroy_stream(stream_);
    if (state_ != nullptr) (void)api_.destroy_state(state_);
    (void)api_.destroy(handle_);
  }

  const Api& api_;
  nvjpegHandle_t handle_ = nullptr;
  nvjpegJpegState_t state_ = nullptr;
  nvjpegJpegStream_t stream_ = nullptr;  // of a file's header
};

// The hardware's decoder takes batches of baseline files with one scan and common subsampling; the
// processors' takes all, one by one or, where there is no such hardware, in batches.
class Nvjpeg final : public JpegLibrary {
 public:
  Nvjpeg() : api_(LoadApi()), any_(api_, NVJPEG_BACKEND_DEFAULT) {
    try {
      hardware_.emplace(api_, NVJPEG_BACKEND_HARDWARE);
    } catch (const Error&) {
      // The GPU has none.
    }
  }
  bool InBatches(const JpegJob& job) override { return !hardware_ || hardware_->InBatches(job); }
  bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) override {
    return (hardware_ ? *hardware_ : any_).DecodeAll(jobs, stream);
  }
  bool DecodeOne(const JpegJob& job, cudaStream_t stream) override {
    return any_.DecodeOne(job, stream);
  }

 private:
  const Api api_;
  Handle any_;
  std::optional<Handle> hardware_;
};

}  // namespace

std::unique_ptr<JpegLibrary> OpenNvjpeg() { return std::make_unique<Nvjpeg>(); }

}  // namespace ssd
