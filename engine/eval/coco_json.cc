// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "eval/coco_map.h"
#include "eval/coco_order.h"

namespace ssd {
namespace {

namespace dom = simdjson::dom;

// A JSON file, parsed and checked as a whole.
class JsonFile {
 public:
  explicit JsonFile(const std::string& path) : path_(path) {
    errno = 0;
    const auto code = parser_.load(path).get(root_);
    if (code == simdjson::IO_ERROR) {
      Throw(Status::kData, "%s: cannot read: %s", path.c_str(),
            errno != 0 ? std::strerror(errno) : "not a readable file");
    }
    if (code) {
      Throw(Status::kData, "%s: broken JSON: %s", path.c_str(), simdjson::error_message(code));
    }
  }
  const std::string& path() const { return path_; }
  dom::element root() const { return root_; }

 private:
  const std::string path_;
  dom::parser parser_;
  dom::element root_;
};

// An object in a list of a file: reads its keys, and knows its place for messages.
class Entry {
 public:
  Entry(const JsonFile& file, const char* list, size_t index, dom::element element)
      : file_(file), list_(list), index_(index) {
    if (element.get(object_)) {
      Throw(Status::kData, "%s: %s%zu: not an object", file_.path().c_str(), list_, index_);
    }
  }

  [[noreturn]] void Fail(const char* key, const char* what) const {
    Throw(Status::kData, "%s: %s%zu: %s: %s", file_.path().c_str(), list_, index_, key, what);
  }
  dom::element Get(const char* key) const {
    dom::element value;
    if (object_[key].get(value)) Fail(key, "the key is missing");
    return value;
  }
  int64_t Integer(const char* key) const {
    const dom::element value = Get(key);
    int64_t integer;
    if (!value.get(integer)) return integer;
    double number;
    if (value.get(number) || number != std::floor(number) || std::abs(number) >= 0x1p63) {
      Fail(key, "not an integer of 64 bits");
    }
    return static_cast<int64_t>(number);
  }
  double Number(const char* key) const { return Finite(key, Get(key)); }
  bool Flag(const char* key) const {
    bool flag;
    return Get(key).get(flag) ? Integer(key) != 0 : flag;
  }
  std::array<double, 4> Box() const {
    dom::array array;
    if (Get("bbox").get(array) || array.size() != 4) Fail("bbox", "not a list of four numbers");
    std::array<double, 4> box;
    size_t n = 0;
    for (const dom::element element : array) box[n++] = Finite("bbox", element);
    return box;
  }

 private:
  double Finite(const char* key, dom::element value) const {
    double number;
    if (value.get(number) || !std::isfinite(number)) Fail(key, "not a finite number");
    return number;
  }

  const JsonFile& file_;
  const char* list_;
  size_t index_;
  dom::object object_;
};

template <typename Body>
void ForEntries(const JsonFile& file, dom::array array, const char* list, const Body& body) {
  size_t index = 0;
  for (const dom::element element : array) {
    body(Entry(file, list, index, element));
    ++index;
  }
}

// The list under a key of the file's top object.
dom::array List(const JsonFile& file, const char* key) {
  dom::object object;
  if (file.root().get(object)) Throw(Status::kData, "%s: not a JSON object", file.path().c_str());
  dom::array array;
  if (object[key].get(array)) {
    Throw(Status::kData, "%s: there is no list \"%s\"", file.path().c_str(), key);
  }
  return array;
}

std::vector<int64_t> LoadImageIds(const JsonFile& file) {
  std::vector<int64_t> ids;
  ForEntries(file, List(file, "images"), "images ",
             [&](const Entry& entry) { ids.push_back(entry.Integer("id")); });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<CocoCategory> LoadCategories(const JsonFile& file) {
  std::vector<CocoCategory> categories;
  ForEntries(file, List(file, "categories"), "categories ", [&](const Entry& entry) {
    std::string_view name;
    if (entry.Get("name").get(name)) entry.Fail("name", "not a string");
    categories.push_back({entry.Integer("id"), std::string(name)});
  });
  std::stable_sort(categories.begin(), categories.end(),
                   [](const CocoCategory& p, const CocoCategory& q) { return p.id < q.id; });
  const auto same = [](const CocoCategory& p, const CocoCategory& q) { return p.id == q.id; };
  categories.erase(std::unique(categories.begin(), categories.end(), same), categories.end());
  return categories;
}

}  // namespace

CocoTruth CocoTruth::Load(const std::string& path) {
  const JsonFile file(path);
  CocoTruth truth;
  truth.image_ids = LoadImageIds(file);
  truth.categories = LoadCategories(file);
  std::vector<int64_t> category_ids;
  for (const CocoCategory& category : truth.categories) category_ids.push_back(category.id);
  const coco::Places images(truth.image_ids), categories(category_ids);

  const dom::array list = List(file, "annotations");
  truth.objects.reserve(list.size());
  ForEntries(file, list, "annotations ", [&](const Entry& entry) {
    const auto [x, y, w, h] = entry.Box();
    const CocoObject object = {.image_id = entry.Integer("image_id"),
                               .category_id = entry.Integer("category_id"),
                               .id = entry.Integer("id"),
                               .x = x,
                               .y = y,
                               .w = w,
                               .h = h,
                               .area = entry.Number("area"),
                               .crowd = entry.Flag("iscrowd")};
    if (images.Find(object.image_id) < 0) {
      entry.Fail("image_id", "the image is not in the file's list of images");
    }
    if (categories.Find(object.category_id) < 0) {
      entry.Fail("category_id", "the category is not in the file's list of categories");
    }
    truth.objects.push_back(object);
  });
  return truth;
}

std::vector<CocoDetection> LoadDetections(const std::string& path) {
  const JsonFile file(path);
  dom::array list;
  if (file.root().get(list)) {
    Throw(Status::kData, "%s: not a JSON list of detections", path.c_str());
  }
  std::vector<CocoDetection> detections;
  detections.reserve(list.size());
  ForEntries(file, list, "entry ", [&](const Entry& entry) {
    const auto [x, y, w, h] = entry.Box();
    detections.push_back({.image_id = entry.Integer("image_id"),
                          .category_id = entry.Integer("category_id"),
                          .x = x,
                          .y = y,
                          .w = w,
                          .h = h,
                          .score = entry.Number("score")});
  });
  return detections;
}

}  // namespace ssd
