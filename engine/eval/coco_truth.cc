// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <algorithm>

#include "core/error.h"
#include "core/json_stream.h"
#include "eval/coco_map.h"
#include "eval/coco_order.h"
#include "eval/json_entry.h"

namespace ssd {
namespace {

static_assert(JsonStream::kPadding >= simdjson::SIMDJSON_PADDING);

// Reads the three lists in whatever order they come.
constexpr size_t kMaxCategories = 1 << 15;  // each takes 32 KB of curves

class TruthReader {
 public:
  explicit TruthReader(const std::string& path) : path_(path), json_(path) {}

  CocoTruth Read() {
    bool images = false, categories = false, annotations = false;
    for (std::string key; json_.NextKey(&key);) {
      if (key == "images") {
        ReadList("images", "images ", images, [&](const coco::JsonEntry& entry) {
          truth_.image_ids.push_back(entry.Integer("id"));
        });
      } else if (key == "categories") {
        ReadList("categories", "categories ", categories, [&](const coco::JsonEntry& entry) {
          truth_.categories.push_back({entry.Integer("id"), entry.TextOr("name", "")});
        });
      } else if (key == "annotations") {
        ReadList("annotations", "annotations ", annotations,
                 [&](const coco::JsonEntry& entry) { ReadObject(entry); });
      } else {
        SkipValue(key);
      }
    }
    NeedList(images, "images");
    NeedList(categories, "categories");
    NeedList(annotations, "annotations");
    SortLists();
    CountUnlisted();
    return std::move(truth_);
  }

 private:
  template <typename Body>
  void ReadList(const char* key, const char* list, bool& seen, const Body& body) {
    if (seen) Throw(Status::kData, "%s: the key \"%s\" occurs twice", path_.c_str(), key);
    seen = true;
    json_.EnterArray();
    int64_t index = 0;
    for (std::string_view text; json_.NextElement(&text); ++index) {
      body(coco::JsonEntry(path_, list, index, text, parser_));
    }
  }

  void SkipValue(const std::string& key) {
    const std::string_view text = json_.SkipValue();
    if (const auto code = parser_.parse(text.data(), text.size(), false).error()) {
      Throw(Status::kData, "%s: %s: broken JSON: %s", path_.c_str(), key.c_str(),
            simdjson::error_message(code));
    }
  }

  void NeedList(bool seen, const char* key) const {
    if (!seen) Throw(Status::kData, "%s: there is no list \"%s\"", path_.c_str(), key);
  }

  void ReadObject(const coco::JsonEntry& entry) {
    const auto [x, y, w, h] = entry.Box();
    truth_.objects.push_back({.image_id = entry.Integer("image_id"),
                              .category_id = entry.Integer("category_id"),
                              .id = entry.Integer("id"),
                              .x = x,
                              .y = y,
                              .w = w,
                              .h = h,
                              .area = entry.Number("area"),
                              .crowd = entry.Flag("iscrowd")});
  }

  void SortLists() {
    auto& ids = truth_.image_ids;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    auto& categories = truth_.categories;
    std::stable_sort(categories.begin(), categories.end(),
                     [](const CocoCategory& p, const CocoCategory& q) { return p.id < q.id; });
    const auto same = [](const CocoCategory& p, const CocoCategory& q) { return p.id == q.id; };
    categories.erase(std::unique(categories.begin(), categories.end(), same), categories.end());
    if (categories.size() > kMaxCategories)
      Throw(Status::kData, "%s: %zu categories: more than %zu are refused", path_.c_str(),
            categories.size(), kMaxCategories);
  }

  void CountUnlisted() {
    std::vector<int64_t> category_ids;
    for (const CocoCategory& category : truth_.categories) category_ids.push_back(category.id);
    const coco::Places images(truth_.image_ids), categories(category_ids);
    truth_.unlisted =
        std::count_if(truth_.objects.begin(), truth_.objects.end(), [&](const CocoObject& object) {
          return images.Find(object.image_id) < 0 || categories.Find(object.category_id) < 0;
        });
  }

  const std::string& path_;
  JsonStream json_;
  simdjson::dom::parser parser_;
  CocoTruth truth_;
};

}  // namespace

CocoTruth CocoTruth::Load(const std::string& path) { return TruthReader(path).Read(); }

}  // namespace ssd
