// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/verify_data.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "data/verify.h"
#include "eval/coco_map.h"

namespace ssd {
namespace {

constexpr size_t kMaxText = 1000;  // bytes of a path or a detail

// Bytes that follow a leading byte of UTF-8; -1: it is none.
int Followers(uint8_t c) {
  if (c < 0x80) return 0;
  if (c >= 0xC2 && c <= 0xDF) return 1;
  if (c >= 0xE0 && c <= 0xEF) return 2;
  return c >= 0xF0 && c <= 0xF4 ? 3 : -1;
}

// A message must be UTF-8; names of files need not be.
std::string Printable(std::string text) {
  if (text.size() > kMaxText) text.resize(kMaxText);
  for (size_t i = 0; i < text.size();) {
    const int n = Followers(static_cast<uint8_t>(text[i]));
    const auto lead = static_cast<uint8_t>(text[i]);
    bool whole = n >= 0 && i + n < text.size();
    for (int k = 1; whole && k <= n; ++k) {
      const auto c = static_cast<uint8_t>(text[i + k]);
      whole = (c & 0xC0) == 0x80;
      if (k == 1) {  // overlong forms, surrogates, beyond U+10FFFF
        whole = whole && !(lead == 0xE0 && c < 0xA0) && !(lead == 0xED && c > 0x9F) &&
                !(lead == 0xF0 && c < 0x90) && !(lead == 0xF4 && c > 0x8F);
      }
    }
    if (!whole) text[i] = '?';
    i += whole ? n + 1 : 1;
  }
  return text;
}

// What CocoIndex reads, CocoTruth may not: it needs area and iscrowd.
void VerifyTruth(VerifyResult* result) {
  for (const VerifySplit& split : result->splits) {
    const bool known =
        std::any_of(result->findings.begin(), result->findings.end(), [&](const VerifyFinding& f) {
          return f.kind == Finding::kAnnotations && f.file == split.annotations;
        });
    if (split.name != "val" || known) continue;
    try {
      CocoTruth::Load(split.annotations);
    } catch (const Error& e) {
      ++result->counts[static_cast<size_t>(Finding::kAnnotations)];
      ++result->fatal;
      result->findings.insert(result->findings.begin(),
                              {Finding::kAnnotations, true, split.annotations, e.what()});
    }
  }
}

// Lines for a pipe; a reader that is gone does not matter.
VerifyProgress WriteTo(int fd) {
  if (fd == 0) return nullptr;
  return [fd](const char* split, int64_t done, int64_t all) {
    const std::string line =
        std::string(split) + " " + std::to_string(done) + " " + std::to_string(all) + "\n";
    [[maybe_unused]] const ssize_t written = write(fd, line.data(), line.size());
  };
}

}  // namespace

VerifyReport VerifyData(const VerifyRequest& request) {
  VerifyResult result = VerifyCoco(request.dir(), request.threads(), request.max_findings(),
                                   WriteTo(request.progress_fd()));
  VerifyTruth(&result);
  VerifyReport report;
  report.set_fatal(result.fatal);
  for (const VerifySplit& split : result.splits) {
    auto* s = report.add_splits();
    s->set_name(split.name);
    s->set_annotations(Printable(split.annotations));
    s->set_images(split.images);
    s->set_images_with_boxes(split.images_with_boxes);
    s->set_boxes(split.boxes);
    s->set_crowd_boxes(split.crowd_boxes);
    s->set_decoded(split.decoded);
  }
  for (size_t kind = 0; kind < kFindings; ++kind) {
    auto* count = report.add_counts();
    count->set_kind(NameOf(static_cast<Finding>(kind)));
    count->set_count(result.counts[kind]);
  }
  for (const VerifyFinding& finding : result.findings) {
    auto* f = report.add_findings();
    f->set_kind(NameOf(finding.kind));
    f->set_file(Printable(finding.file));
    f->set_detail(Printable(finding.detail));
    f->set_fatal(finding.fatal);
  }
  return report;
}

}  // namespace ssd
