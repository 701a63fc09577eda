// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_detections.h"

#include <simdjson.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/json_stream.h"
#include "eval/json_entry.h"

namespace ssd {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kPiece = size_t{256} << 10;  // bytes a task
constexpr size_t kTail = size_t{16} << 10;    // bytes

bool ReadDetection(dom::element element, CocoDetection* out) {
  dom::object object;
  if (element.get(object)) return false;
  bool image = false, category = false, box = false, score = false;
  for (const auto& [key, value] : object) {
    if (key == "image_id") {
      image = coco::ReadInteger(value, &out->image_id);
    } else if (key == "category_id") {
      category = coco::ReadInteger(value, &out->category_id);
    } else if (key == "bbox") {
      std::array<double, 4> xywh{};
      box = coco::ReadBox(value, &xywh);
      out->x = xywh[0], out->y = xywh[1], out->w = xywh[2], out->h = xywh[3];
    } else if (key == "score") {
      score = coco::ReadNumber(value, &out->score);
    }
  }
  return image && category && box && score;
}

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The place behind the first `}` at or after i that a comma and a `{` follow, and the place of that
// `{`; n if there is none.
size_t FindCut(const char* text, size_t i, size_t n, size_t* next) {
  for (; i < n; ++i) {
    const void* brace = std::memchr(text + i, '}', n - i);
    if (brace == nullptr) return n;
    i = static_cast<size_t>(static_cast<const char*>(brace) - text);
    size_t j = i + 1;
    while (j < n && IsBlank(text[j])) ++j;
    if (j == n || text[j] != ',') continue;
    ++j;
    while (j < n && IsBlank(text[j])) ++j;
    if (j == n || text[j] != '{') continue;
    *next = j;
    return i + 1;
  }
  return n;
}

class PieceReader {
 public:
  PieceReader(const InputFile& file, size_t piece, size_t tail)
      : file_(file),
        piece_(piece),
        tail_(tail),
        pieces_((file.size() + piece - 1) / piece),
        lists_(pieces_) {}

  bool Read(ThreadPool& pool) {
    pool.ParallelFor(pool.size() + 1, [&](int64_t) {
      Worker worker(piece_ + tail_);
      for (size_t i = next_++; i < pieces_ && !failed_; i = next_++) {
        if (!ReadPiece(i, worker)) failed_ = true;
      }
    });
    return pieces_ > 0 && !failed_;
  }

  // Frees the pieces as it goes.
  std::vector<CocoDetection> Join() {
    size_t n = 0;
    for (const auto& list : lists_) n += list.size();
    std::vector<CocoDetection> all;
    all.reserve(n);
    for (auto& list : lists_) {
      all.insert(all.end(), list.begin(), list.end());
      std::vector<CocoDetection>().swap(list);
    }
    return all;
  }

 private:
  struct Worker {
    explicit Worker(size_t bytes)
        : buffer(std::make_unique_for_overwrite<char[]>(bytes + JsonStream::kPadding)) {}
    dom::parser parser;
    std::unique_ptr<char[]> buffer;
  };

  bool ReadPiece(size_t at, Worker& worker) {
    char* const text = worker.buffer.get();
    const size_t n = file_.ReadAt(at * piece_, text, piece_ + tail_);
    const bool to_end = at * piece_ + n >= file_.size();
    size_t begin = 0, next = 0;
    if (at > 0 && FindCut(text, 0, n, &begin) == n) return to_end;
    size_t end = FindCut(text, piece_, n, &next);
    if (end == n && !to_end) return false;
    if (at > 0) {
      if (end < n && next == begin) return true;  // an entry spans the piece
      text[--begin] = '[';
    }
    if (end < n) text[end++] = ']';
    return ParsePiece(text + begin, end - begin, worker.parser, lists_[at]);
  }

  static bool ParsePiece(const char* text, size_t size, dom::parser& parser,
                         std::vector<CocoDetection>& list) {
    dom::array array;
    if (parser.parse(text, size, false).get(array)) return false;
    list.reserve(array.size());
    for (const dom::element element : array) {
      CocoDetection detection;
      if (!ReadDetection(element, &detection)) return false;
      list.push_back(detection);
    }
    return true;
  }

  const InputFile& file_;
  const size_t piece_, tail_, pieces_;
  std::vector<std::vector<CocoDetection>> lists_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace

namespace coco {

std::vector<CocoDetection> ReadDetectionsInOrder(const std::string& path) {
  std::vector<CocoDetection> detections;
  JsonStream json(path, JsonStream::kWindow, JsonStream::Root::kArray);
  dom::parser parser;
  int64_t index = 0;
  for (std::string_view text; json.NextElement(&text); ++index) {
    const JsonEntry entry(path, "entry ", index, text, parser);
    const auto [x, y, w, h] = entry.Box();
    detections.push_back({.image_id = entry.Integer("image_id"),
                          .category_id = entry.Integer("category_id"),
                          .x = x,
                          .y = y,
                          .w = w,
                          .h = h,
                          .score = entry.Number("score")});
  }
  return detections;
}

std::optional<std::vector<CocoDetection>> ReadDetectionPieces(const InputFile& file,
                                                              ThreadPool& pool, size_t piece,
                                                              size_t tail) {
  PieceReader reader(file, piece, tail);
  if (!reader.Read(pool)) return std::nullopt;
  return reader.Join();
}

}  // namespace coco

std::vector<CocoDetection> LoadDetections(const std::string& path, int threads) {
  const InputFile file(path);
  if (file.size() >= 2 * kPiece) {
    ThreadPool pool(ThreadsOrAll(threads) - 1);
    auto list = coco::ReadDetectionPieces(file, pool, kPiece, kTail);
    if (list) return *std::move(list);
  }
  return coco::ReadDetectionsInOrder(path);
}

}  // namespace ssd
