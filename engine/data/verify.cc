// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/verify.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "core/error.h"
#include "core/file_bytes.h"
#include "core/thread_pool.h"
#include "data/coco_index.h"
#include "data/jpeg.h"
#include "data/jpeg_facts.h"
#include "data/verify_annotations.h"

namespace ssd {
namespace {

// What one image is found to be.
class ImageCheck {
 public:
  void Run(const std::string& path, const ListedImage& image, bool read,
           std::vector<VerifyFinding>* findings) {
    const auto add = [&](Finding kind, bool fatal, std::string detail) {
      findings->push_back({kind, fatal, path, std::move(detail)});
    };
    std::span<const uint8_t> bytes;
    try {
      bytes = file_.Read(path);
    } catch (const Error& e) {
      return add(Finding::kMissing, read, e.what());
    }
    const JpegFacts facts = ReadJpegFacts(bytes);
    try {
      const ImageSize size = decoder_.Open(bytes, path);
      decoder_.Decode({0, 0, size.width, size.height});
      if (size.width != image.width || size.height != image.height) {
        add(Finding::kSize, false,
            "has " + std::to_string(size.width) + " x " + std::to_string(size.height) +
                " pixels, its entry says " + std::to_string(image.width) + " x " +
                std::to_string(image.height));
      }
    } catch (const Error& e) {
      const bool cut = !facts.ended && bytes.size() > 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
      return add(cut ? Finding::kTruncated : Finding::kUndecodable, read, e.what());
    }
    if (facts.components == 1) add(Finding::kGrayscale, false, "is grayscale");
    if (facts.components == 4) add(Finding::kCmyk, false, "is CMYK");
    if (facts.orientation > 1) {
      add(Finding::kRotated, false,
          "EXIF orientation " + std::to_string(facts.orientation) + ", which training ignores");
    }
  }

 private:
  JpegDecoder decoder_;
  FileBytes file_;
};

class Verifier {
 public:
  Verifier(int threads, int64_t max_findings, const VerifyProgress& progress)
      : pool_(threads - 1), max_(max_findings), progress_(progress) {}

  void Split(const std::string& dir, const std::string& name) {
    CocoPaths paths;
    try {
      paths = ResolveCoco(dir, name);
    } catch (const Error& e) {
      return Add({Finding::kFolder, true, dir, e.what()});
    }
    VerifySplit split;
    split.name = name;
    split.annotations = paths.annotations;
    std::vector<ListedImage> images;
    try {
      CocoIndex::Load(paths.annotations, paths.images);
    } catch (const Error& e) {
      Add({Finding::kAnnotations, true, paths.annotations, e.what()});
    }
    try {
      images = ReadListedImages(paths.annotations, &split,
                                [this](VerifyFinding f) { Add(std::move(f)); });
    } catch (const Error&) {  // CocoIndex::Load has said so
    }
    Decode(paths.images, images, name == "val", &split);
    result_.splits.push_back(std::move(split));
  }

  VerifyResult Finish() {
    for (auto& kind : kept_) {
      for (auto& finding : kind) result_.findings.push_back(std::move(finding));
    }
    return std::move(result_);
  }

 private:
  void Add(VerifyFinding finding) {
    const auto kind = static_cast<size_t>(finding.kind);
    ++result_.counts[kind];
    if (finding.fatal) ++result_.fatal;
    if (static_cast<int64_t>(kept_[kind].size()) < max_) kept_[kind].push_back(std::move(finding));
  }

  // A block of images at a time, so that findings come in the images' order and few are kept.
  void Decode(const std::string& folder, const std::vector<ListedImage>& images, bool read_all,
              VerifySplit* split) {
    constexpr size_t kBlock = 4096, kReports = 200;
    const size_t stride = std::max<size_t>(images.size() / kReports, 1);
    std::atomic<size_t> decoded = 0;
    std::vector<ImageCheck> checks(static_cast<size_t>(pool_.size()) + 1);
    for (size_t begin = 0; begin < images.size(); begin += kBlock) {
      const size_t n = std::min(kBlock, images.size() - begin);
      std::vector<std::vector<VerifyFinding>> found(n);
      std::atomic<size_t> next = 0;
      pool_.ParallelFor(static_cast<int64_t>(checks.size()), [&](int64_t worker) {
        for (size_t i; (i = next++) < n;) {
          const ListedImage& image = images[begin + i];
          checks[worker].Run(folder + "/" + image.name, image, read_all || image.has_box,
                             &found[i]);
          const size_t done = ++decoded;
          if (progress_ && (done % stride == 0 || done == images.size())) {
            progress_(split->name.c_str(), done, images.size());
          }
        }
      });
      for (auto& findings : found) {
        bool whole = true;
        for (auto& finding : findings) {
          whole = whole && finding.kind != Finding::kMissing &&
                  finding.kind != Finding::kTruncated && finding.kind != Finding::kUndecodable;
          Add(std::move(finding));
        }
        if (whole) ++split->decoded;
      }
    }
  }

  ThreadPool pool_;
  const int64_t max_;
  const VerifyProgress& progress_;
  VerifyResult result_;
  std::array<std::vector<VerifyFinding>, kFindings> kept_;
};

}  // namespace

const char* NameOf(Finding kind) {
  static constexpr const char* kNames[kFindings] = {
      "folder",  "annotations", "missing",  "truncated", "undecodable", "size", "grayscale", "cmyk",
      "rotated", "box_outside", "box_thin", "box_image", "box_category"};
  return kNames[static_cast<size_t>(kind)];
}

VerifyResult VerifyCoco(const std::string& dir, int threads, int64_t max_findings,
                        const VerifyProgress& progress) {
  if (threads < 0 || threads > 4096) Throw(Status::kInvalid, "verify: threads not in 0 .. 4096");
  if (max_findings < 0) Throw(Status::kInvalid, "verify: max_findings is negative");
  Verifier verifier(ThreadsOrAll(threads), max_findings, progress);
  for (const char* split : {"train", "val"}) verifier.Split(dir, split);
  return verifier.Finish();
}

}  // namespace ssd
