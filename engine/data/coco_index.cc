// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/coco_index.h"

#include <malloc.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/json_stream.h"

namespace ssd {
namespace {

namespace fs = std::filesystem;
namespace od = simdjson::ondemand;

static_assert(JsonStream::kPadding >= simdjson::SIMDJSON_PADDING);
constexpr double kMinBoxSide = 0.1;     // pixels
constexpr double kMaxCoordinate = 1e6;  // pixels
constexpr int64_t kMaxImageSide = 65535;
constexpr size_t kMaxCategories = 80;

bool IsFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

bool IsSafeImageName(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != name.npos) return false;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

CocoPaths ResolveCoco(const std::string& dir, const std::string& split) {
  if (!IsFolder(dir)) {
    Throw(Status::kData, "data.dir: \"%s\" is missing, no folder, or not readable", dir.c_str());
  }
  fs::path root = dir;
  if (IsFolder(root / "coco2017")) root /= "coco2017";
  const fs::path images = root / (split + "2017"), annotations = root / "annotations";
  for (const fs::path& folder : {annotations, images}) {
    if (!IsFolder(folder)) {
      Throw(Status::kData, "data.dir: \"%s\" holds no COCO data set: folder %s is missing",
            dir.c_str(), folder.c_str());
    }
  }
  const std::string plain = "instances_" + split + "2017.json";
  for (const std::string& name : {"bbox_only_" + plain, plain}) {
    std::error_code ignored;
    if (fs::exists(annotations / name, ignored)) return {annotations / name, images};
  }
  Throw(Status::kData, "data.dir: neither bbox_only_%s nor %s is in %s", plain.c_str(),
        plain.c_str(), annotations.c_str());
}

// Reads one file front to back; keys may come in any order, so boxes are linked to images and
// categories at the end.
class CocoReader {
 public:
  CocoReader(const std::string& annotations, const std::string& image_dir) {
    index_.annotations_ = annotations;
    index_.image_dir_ = image_dir;
  }

  CocoIndex Read() {
    Parse();
    MapCategories();
    MapImages();
    LinkBoxes();
    return std::move(index_);
  }

 private:
  struct RawBox {
    int64_t image, category;
    double x, y, w, h;
  };

  // "FILE: annotations[12].bbox: WHAT"
  [[noreturn]] __attribute__((format(printf, 2, 3))) void Fail(const char* format, ...) const {
    char what[256];
    std::va_list args;
    va_start(args, format);
    std::vsnprintf(what, sizeof what, format, args);
    va_end(args);
    std::string place = index_.annotations_;
    if (section_ != nullptr) place.append(": ").append(section_);
    if (section_ != nullptr && element_ >= 0) {
      place.append("[").append(std::to_string(element_)).append("]");
    }
    if (section_ != nullptr && key_ != nullptr) place.append(".").append(key_);
    Throw(Status::kData, "%s: %s", place.c_str(), what);
  }

  void Parse() {
    JsonStream json(index_.annotations_);
    for (std::string key; json.NextKey(&key);) {
      if (key == "images") {
        ParseSection(json, "images", &CocoReader::ParseImage);
      } else if (key == "annotations") {
        ParseSection(json, "annotations", &CocoReader::ParseAnnotation);
      } else if (key == "categories") {
        ParseSection(json, "categories", &CocoReader::ParseCategory);
      } else {
        json.SkipValue();
      }
    }
    for (const char* name : {"images", "annotations", "categories"}) {
      if (std::find(seen_.begin(), seen_.end(), name) == seen_.end()) {
        Fail("key \"%s\" is missing", name);
      }
    }
  }

  void ParseSection(JsonStream& json, const char* name, void (CocoReader::*parse)(od::object)) {
    section_ = name;
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end()) Fail("the key occurs twice");
    seen_.emplace_back(name);
    json.EnterArray();
    element_ = 0;
    for (std::string_view text; json.NextElement(&text); ++element_) {
      try {
        od::document element =
            parser_.iterate(text.data(), text.size(), text.size() + JsonStream::kPadding);
        (this->*parse)(element.get_object());
      } catch (const simdjson::simdjson_error& e) {
        Fail("%s (element ends at byte %lld)", e.what(), static_cast<long long>(json.offset()));
      }
      key_ = nullptr;
    }
    section_ = nullptr;
    element_ = -1;
  }

  void Need(bool present, const char* key) const {
    if (!present) Fail("key \"%s\" is missing", key);
  }

  void Once(bool& seen) const {
    if (std::exchange(seen, true)) Fail("the key occurs twice");
  }

  int64_t Integer(od::value value, const char* key) {
    key_ = key;
    return value.get_int64();
  }

  int32_t Side(od::value value, const char* key) {
    const int64_t side = Integer(value, key);
    if (side < 1 || side > kMaxImageSide) {
      Fail("%lld is not in 1 .. %lld", static_cast<long long>(side),
           static_cast<long long>(kMaxImageSide));
    }
    return static_cast<int32_t>(side);
  }

  void ParseImage(od::object object) {
    bool id = false, name = false, width = false, height = false;
    for (auto field : object) {
      const std::string_view key = field.unescaped_key();
      if (key == "id") {
        index_.ids_.push_back(Integer(field.value(), "id"));
        Once(id);
      } else if (key == "width") {
        index_.widths_.push_back(Side(field.value(), "width"));
        Once(width);
      } else if (key == "height") {
        index_.heights_.push_back(Side(field.value(), "height"));
        Once(height);
      } else if (key == "file_name") {
        key_ = "file_name";
        const std::string_view text = field.value().get_string();
        if (!IsSafeImageName(text)) {
          Fail("\"%.*s\" is no name of a file inside the image folder",
               static_cast<int>(std::min<size_t>(text.size(), 100)), text.data());
        }
        Once(name);
        index_.name_begin_.push_back(static_cast<uint32_t>(index_.names_.size()));
        index_.names_ += text;
      }
    }
    key_ = nullptr;
    Need(id, "id");
    Need(width, "width");
    Need(height, "height");
    Need(name, "file_name");
  }

  void ParseBox(od::value value, RawBox& box) {
    key_ = "bbox";
    double* const numbers[4] = {&box.x, &box.y, &box.w, &box.h};
    size_t count = 0;
    od::array array = value.get_array();
    for (auto entry : array) {
      const double number = entry.get_double();
      if (count < 4) *numbers[count] = number;
      ++count;
      if (!(std::abs(number) <= kMaxCoordinate)) Fail("a number is beyond 1e6 pixels");
    }
    if (count != 4) Fail("%zu numbers instead of 4", count);
  }

  void ParseAnnotation(od::object object) {
    RawBox raw{};
    bool image = false, category = false, box = false;
    for (auto field : object) {
      const std::string_view key = field.unescaped_key();
      if (key == "image_id") {
        raw.image = Integer(field.value(), "image_id");
        Once(image);
      } else if (key == "category_id") {
        raw.category = Integer(field.value(), "category_id");
        Once(category);
      } else if (key == "bbox") {
        ParseBox(field.value(), raw);
        Once(box);
      }
    }
    key_ = nullptr;
    Need(image, "image_id");
    Need(category, "category_id");
    Need(box, "bbox");
    raw_boxes_.push_back(raw);
  }

  void ParseCategory(od::object object) {
    bool id = false;
    for (auto field : object) {
      if (std::string_view(field.unescaped_key()) == "id") {
        const int64_t value = Integer(field.value(), "id");
        auto& ids = index_.category_ids_;
        if (std::find(ids.begin(), ids.end(), value) != ids.end()) {
          Fail("category %lld occurs twice", static_cast<long long>(value));
        }
        ids.push_back(value);
        Once(id);
      }
    }
    key_ = nullptr;
    Need(id, "id");
    if (index_.category_ids_.size() > kMaxCategories) Fail("more than 80 categories");
  }

  void MapCategories() {
    section_ = "categories";
    auto& ids = index_.category_ids_;
    if (ids.empty()) Fail("there is none");
    std::sort(ids.begin(), ids.end());
    section_ = nullptr;
  }

  void MapImages() {
    section_ = "images";
    by_id_.reserve(index_.ids_.size());
    for (element_ = 0; element_ < index_.size(); ++element_) {
      const int64_t id = index_.ids_[element_];
      const auto [at, fresh] = by_id_.emplace(id, static_cast<int32_t>(element_));
      if (!fresh) {
        Fail("id %lld is already that of images[%d]", static_cast<long long>(id), at->second);
      }
    }
    index_.name_begin_.push_back(static_cast<uint32_t>(index_.names_.size()));
    section_ = nullptr;
    element_ = -1;
  }

  uint8_t LabelOf(int64_t category) const {
    const auto& ids = index_.category_ids_;
    const auto at = std::lower_bound(ids.begin(), ids.end(), category);
    if (at == ids.end() || *at != category) {
      Fail("category_id %lld is not among the categories", static_cast<long long>(category));
    }
    return static_cast<uint8_t>(at - ids.begin() + 1);
  }

  CornerBox Relative(const RawBox& raw, int32_t image) const {
    const double w = index_.widths_[image], h = index_.heights_[image];
    return {static_cast<float>(raw.x / w), static_cast<float>(raw.y / h),
            static_cast<float>((raw.x + raw.w) / w), static_cast<float>((raw.y + raw.h) / h)};
  }

  // A counting sort by image that keeps the file order within an image.
  void LinkBoxes() {
    section_ = "annotations";
    std::vector<int32_t> owner(raw_boxes_.size(), -1);  // -1: dropped
    std::vector<uint8_t> label(raw_boxes_.size());
    auto& begin = index_.box_begin_;
    begin.assign(index_.ids_.size() + 1, 0);
    for (element_ = 0; element_ < static_cast<int64_t>(raw_boxes_.size()); ++element_) {
      const RawBox& raw = raw_boxes_[element_];
      const auto image = by_id_.find(raw.image);
      if (image == by_id_.end()) {
        Fail("image_id %lld is not among the images", static_cast<long long>(raw.image));
      }
      label[element_] = LabelOf(raw.category);
      if (raw.w < kMinBoxSide || raw.h < kMinBoxSide) continue;
      owner[element_] = image->second;
      ++begin[image->second + 1];
    }
    for (size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    index_.boxes_.resize(begin.back());
    index_.labels_.resize(begin.back());
    std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
    for (size_t k = 0; k < owner.size(); ++k) {
      if (owner[k] < 0) continue;
      const uint32_t at = next[owner[k]]++;
      index_.boxes_[at] = Relative(raw_boxes_[k], owner[k]);
      index_.labels_[at] = label[k];
    }
    for (int32_t i = 0; i < index_.size(); ++i) {
      if (begin[i + 1] > begin[i]) index_.with_boxes_.push_back(i);
    }
  }

  CocoIndex index_;
  od::parser parser_;
  std::vector<std::string> seen_;
  const char* section_ = nullptr;
  const char* key_ = nullptr;
  int64_t element_ = -1;
  std::vector<RawBox> raw_boxes_;
  std::unordered_map<int64_t, int32_t> by_id_;
};

CocoIndex CocoIndex::Load(const std::string& annotations, const std::string& image_dir) {
  CocoIndex index = CocoReader(annotations, image_dir).Read();
  index.ids_.shrink_to_fit();
  index.widths_.shrink_to_fit();
  index.heights_.shrink_to_fit();
  index.names_.shrink_to_fit();
  index.name_begin_.shrink_to_fit();
  index.with_boxes_.shrink_to_fit();
  malloc_trim(0);
  return index;
}

std::string CocoIndex::ImagePath(int64_t i) const {
  std::string path = image_dir_;
  path += '/';
  path += file_name(i);
  return path;
}

std::optional<int64_t> CocoIndex::Find(int64_t image_id) const {
  const auto at = std::find(ids_.begin(), ids_.end(), image_id);
  if (at == ids_.end()) return std::nullopt;
  return at - ids_.begin();
}

size_t CocoIndex::memory_bytes() const {
  const auto bytes = [](const auto& v) {
    return v.capacity() * sizeof(typename std::decay_t<decltype(v)>::value_type);
  };
  return bytes(ids_) + bytes(widths_) + bytes(heights_) + bytes(names_) + bytes(name_begin_) +
         bytes(box_begin_) + bytes(boxes_) + bytes(labels_) + bytes(with_boxes_);
}

}  // namespace ssd
