// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/verify_annotations.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>

#include "core/json_stream.h"
#include "data/coco_index.h"

namespace ssd {
namespace {

namespace dom = simdjson::dom;

constexpr double kThin = 0.1;     // pixels (spec section 1)
constexpr double kOutside = 0.5;  // pixels; COCO's own boxes round a little over the edge

struct ListedBox {
  int64_t id, image, category;
  double x, y, w, h;
};

class ListReader {
 public:
  ListReader(const std::string& path, VerifySplit* split, const ReportFinding& report)
      : path_(path), split_(*split), report_(report) {}

  std::vector<ListedImage> Read() {
    JsonStream json(path_);
    for (std::string key; json.NextKey(&key);) {
      if (key == "images") {
        ReadArray(json, &ListReader::TakeImage);
      } else if (key == "annotations") {
        ReadArray(json, &ListReader::TakeBox);
      } else if (key == "categories") {
        ReadArray(json, &ListReader::TakeCategory);
      } else {
        json.SkipValue();
      }
    }
    for (size_t i = 0; i < images_.size(); ++i) by_id_.emplace(images_[i].id, i);
    for (const ListedBox& box : boxes_) Check(box);
    split_.images = static_cast<int64_t>(images_.size());
    split_.boxes = static_cast<int64_t>(boxes_.size());
    split_.images_with_boxes = std::count_if(images_.begin(), images_.end(),
                                             [](const ListedImage& i) { return i.has_box; });
    std::sort(images_.begin(), images_.end(),
              [](const ListedImage& a, const ListedImage& b) { return a.name < b.name; });
    return std::move(images_);
  }

 private:
  void ReadArray(JsonStream& json, void (ListReader::*take)(const dom::object&)) {
    json.EnterArray();
    for (std::string_view text; json.NextElement(&text);) {
      dom::object object;
      if (parser_.parse(text.data(), text.size(), false).get(object) == simdjson::SUCCESS) {
        (this->*take)(object);
      }
    }
  }

  static int64_t Integer(const dom::object& object, const char* key, int64_t otherwise) {
    int64_t value;
    return object[key].get(value) == simdjson::SUCCESS ? value : otherwise;
  }

  void TakeImage(const dom::object& object) {
    ListedImage image;
    std::string_view name;
    if (object["id"].get(image.id) != simdjson::SUCCESS) return;
    if (object["file_name"].get(name) != simdjson::SUCCESS) return;
    if (!IsSafeImageName(name)) return;
    image.name = name;
    image.width = static_cast<int32_t>(Integer(object, "width", 0));
    image.height = static_cast<int32_t>(Integer(object, "height", 0));
    images_.push_back(std::move(image));
  }

  void TakeCategory(const dom::object& object) {
    int64_t id;
    if (object["id"].get(id) == simdjson::SUCCESS) categories_.insert(id);
  }

  void TakeBox(const dom::object& object) {
    ListedBox box{};
    dom::array numbers;
    box.id = Integer(object, "id", -1);
    if (object["image_id"].get(box.image) != simdjson::SUCCESS ||
        object["category_id"].get(box.category) != simdjson::SUCCESS ||
        object["bbox"].get(numbers) != simdjson::SUCCESS || numbers.size() != 4) {
      return;
    }
    double* const to[4] = {&box.x, &box.y, &box.w, &box.h};
    size_t i = 0;
    for (const dom::element number : numbers) {
      if (number.get(*to[i++]) != simdjson::SUCCESS) return;
    }
    if (Integer(object, "iscrowd", 0) != 0) ++split_.crowd_boxes;
    boxes_.push_back(box);
  }

  void Report(Finding kind, bool fatal, const ListedBox& box, const std::string& what) {
    char text[256];
    std::snprintf(text, sizeof text,
                  "annotation %lld, bbox [%g, %g, %g, %g]: ", static_cast<long long>(box.id), box.x,
                  box.y, box.w, box.h);
    report_({kind, fatal, path_, text + what});
  }

  void Check(const ListedBox& box) {
    const auto at = by_id_.find(box.image);
    if (at == by_id_.end()) {
      Report(Finding::kBoxImage, true, box,
             "image_id " + std::to_string(box.image) + " is not among the images");
    }
    if (!categories_.contains(box.category)) {
      Report(Finding::kBoxCategory, true, box,
             "category_id " + std::to_string(box.category) + " is not among the categories");
    }
    const bool thin = box.w < kThin || box.h < kThin;
    if (thin) Report(Finding::kBoxThin, false, box, "thinner than 0.1 pixel, dropped in training");
    if (at == by_id_.end()) return;
    ListedImage& image = images_[at->second];
    if (!thin) image.has_box = true;
    if (box.x < -kOutside || box.y < -kOutside || box.x + box.w > image.width + kOutside ||
        box.y + box.h > image.height + kOutside) {
      Report(Finding::kBoxOutside, false, box,
             "reaches out of " + image.name + " of " + std::to_string(image.width) + " x " +
                 std::to_string(image.height) + " pixels");
    }
  }

  const std::string& path_;
  VerifySplit& split_;
  const ReportFinding& report_;
  dom::parser parser_;
  std::vector<ListedImage> images_;
  std::vector<ListedBox> boxes_;
  std::unordered_set<int64_t> categories_;
  std::unordered_map<int64_t, size_t> by_id_;
};

}  // namespace

std::vector<ListedImage> ReadListedImages(const std::string& path, VerifySplit* split,
                                          const ReportFinding& report) {
  return ListReader(path, split, report).Read();
}

}  // namespace ssd
