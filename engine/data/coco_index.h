// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loss/default_boxes.h"

namespace ssd {

// Where a split of a COCO data set lies.
struct CocoPaths {
  std::string annotations;  // bbox_only_instances_<split>2017.json, or else instances_...
  std::string images;       // folder <split>2017
};
// dir is the COCO root or its parent (DIR/coco2017 wins); split is "train" or "val". Throws
// Status::kData naming what is missing. Reads no file.
CocoPaths ResolveCoco(const std::string& dir, const std::string& split);

// Whether a file_name stays inside the image folder.
bool IsSafeImageName(std::string_view name);

// The images of an annotation file and their boxes, in file order, in flat arrays: about 30 bytes
// an image with its name and 17 a box. Spec section 1: boxes thinner than 0.1 pixel are dropped,
// crowd boxes kept, categories mapped in ascending id order to labels 1 .. 80. Immutable, so any
// number of threads may read it.
class CocoIndex {
 public:
  // Throws Status::kData naming the file, the place in it and what is wrong.
  static CocoIndex Load(const std::string& annotations, const std::string& image_dir);

  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  int64_t image_id(int64_t i) const { return ids_[i]; }
  int32_t width(int64_t i) const { return widths_[i]; }  // pixels, as the file says
  int32_t height(int64_t i) const { return heights_[i]; }
  std::string_view file_name(int64_t i) const {
    return std::string_view(names_).substr(name_begin_[i], name_begin_[i + 1] - name_begin_[i]);
  }
  std::string ImagePath(int64_t i) const;
  // Ltrb relative to the image's width and height, in file order; may reach outside 0..1.
  std::span<const CornerBox> Boxes(int64_t i) const {
    return std::span(boxes_).subspan(box_begin_[i], box_begin_[i + 1] - box_begin_[i]);
  }
  std::span<const uint8_t> Labels(int64_t i) const {
    return std::span(labels_).subspan(box_begin_[i], box_begin_[i + 1] - box_begin_[i]);
  }
  // Images that have a box: the training list, in file order.
  std::span<const int32_t> with_boxes() const { return with_boxes_; }
  // Sorted; label k is category_ids()[k - 1].
  std::span<const int64_t> category_ids() const { return category_ids_; }
  std::optional<int64_t> Find(int64_t image_id) const;  // linear
  const std::string& annotations() const { return annotations_; }
  size_t memory_bytes() const;

 private:
  friend class CocoReader;
  CocoIndex() = default;

  std::string annotations_, image_dir_;
  std::vector<int64_t> ids_;
  std::vector<int32_t> widths_, heights_;
  std::string names_;
  std::vector<uint32_t> name_begin_, box_begin_;  // size() + 1 each
  std::vector<CornerBox> boxes_;
  std::vector<uint8_t> labels_;
  std::vector<int32_t> with_boxes_;
  std::vector<int64_t> category_ids_;
};

}  // namespace ssd
