// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <nvjpeg.h>

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
  return api;
}

class Nvjpeg final : public JpegLibrary {
 public:
  Nvjpeg() : api_(LoadApi()) {
    nvjpegStatus_t status = api_.create(NVJPEG_BACKEND_HARDWARE, nullptr, nullptr, 0, &handle_);
    if (status != NVJPEG_STATUS_SUCCESS)
      status = api_.create(NVJPEG_BACKEND_DEFAULT, nullptr, nullptr, 0, &handle_);
    if (status != NVJPEG_STATUS_SUCCESS) Fail("nvjpegCreateEx", status);
    status = api_.create_state(handle_, &state_);
    if (status == NVJPEG_STATUS_SUCCESS) return;
    (void)api_.destroy(handle_);
    Fail("nvjpegJpegStateCreate", status);
  }
  ~Nvjpeg() override {
    (void)api_.destroy_state(state_);
    (void)api_.destroy(handle_);
  }
  Nvjpeg(const Nvjpeg&) = delete;
  Nvjpeg& operator=(const Nvjpeg&) = delete;

  bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) override {
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
  bool DecodeOne(const JpegJob& job, cudaStream_t stream) override {
    nvjpegImage_t image = ImageOf(job);
    return api_.decode(handle_, state_, job.file.data(), job.file.size(), NVJPEG_OUTPUT_RGBI,
                       &image, stream) == NVJPEG_STATUS_SUCCESS;
  }

 private:
  static nvjpegImage_t ImageOf(const JpegJob& job) {
    nvjpegImage_t image{};
    image.channel[0] = job.pixels;
    image.pitch[0] = size_t{3} * static_cast<size_t>(job.width);
    return image;
  }
  [[noreturn]] static void Fail(const char* call, nvjpegStatus_t status) {
    Throw(
        Status::kUnavailable,
        "nvJPEG has no GPU to work on (%s: error %d): see nvidia-smi, or set data.decoder to host",
        call, static_cast<int>(status));
  }

  const Api api_;
  nvjpegHandle_t handle_ = nullptr;
  nvjpegJpegState_t state_ = nullptr;
};

}  // namespace

std::unique_ptr<JpegLibrary> OpenNvjpeg() { return std::make_unique<Nvjpeg>(); }

}  // namespace ssd
