// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/file_bytes.h"
#include "core/json_stream.h"
#include "core/thread_pool.h"
#include "eval/coco_map.h"
#include "eval/json_entry.h"

namespace ssd {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kPiece = size_t{256} << 10;  // bytes a task
constexpr size_t kTail = size_t{16} << 10;    // bytes behind a piece in which an entry must end

// One entry at a time: says what is wrong with which.
std::vector<CocoDetection> ReadInOrder(const std::string& path) {
  std::vector<CocoDetection> detections;
  JsonStream json(path, JsonStream::kWindow, JsonStream::Root::kArray);
  dom::parser parser;
  int64_t index = 0;
  for (std::string_view text; json.NextElement(&text); ++index) {
    const coco::JsonEntry entry(path, "entry ", index, text, parser);
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

// Cuts the file into pieces at what look like the ends of entries and parses each as a list of its
// own. A cut may lie: inside a string or a deeper list. Then the piece before it is no whole JSON;
// so if all pieces are, from the first on, every cut was right.
class PieceReader {
 public:
  explicit PieceReader(const InputFile& file)
      : file_(file), pieces_((file.size() + kPiece - 1) / kPiece), lists_(pieces_) {}

  // False if a piece cannot be read: ReadInOrder then knows better.
  bool Read(ThreadPool& pool) {
    pool.ParallelFor(pool.size() + 1, [&](int64_t) {
      Worker worker;
      for (size_t i = next_++; i < pieces_ && !failed_; i = next_++) {
        if (!ReadPiece(i, worker)) failed_ = true;
      }
    });
    return !failed_;
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
    dom::parser parser;
    std::unique_ptr<char[]> buffer =
        std::make_unique_for_overwrite<char[]>(kPiece + kTail + JsonStream::kPadding);
  };

  bool ReadPiece(size_t piece, Worker& worker) {
    char* const text = worker.buffer.get();
    const size_t n = file_.ReadAt(piece * kPiece, text, kPiece + kTail);
    const bool to_end = piece * kPiece + n >= file_.size();
    size_t begin = 0, next = 0;
    if (piece > 0 && FindCut(text, 0, n, &begin) == n) return to_end;
    size_t end = FindCut(text, kPiece, n, &next);
    if (end == n && !to_end) return false;
    if (piece > 0) {
      if (end < n && next == begin) return true;  // an entry spans the piece
      text[--begin] = '[';
    }
    if (end < n) text[end++] = ']';
    return ParsePiece(text + begin, end - begin, worker.parser, lists_[piece]);
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
  const size_t pieces_;
  std::vector<std::vector<CocoDetection>> lists_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace

std::vector<CocoDetection> LoadDetections(const std::string& path, int threads) {
  const InputFile file(path);
  if (file.size() >= 2 * kPiece) {
    if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    ThreadPool pool(threads - 1);
    PieceReader reader(file);
    if (reader.Read(pool)) return reader.Join();
  }
  return ReadInOrder(path);
}

}  // namespace ssd
