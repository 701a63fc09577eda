// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "core/error.h"
#include "core/thread_pool.h"
#include "eval/coco_curve.h"
#include "eval/coco_match.h"
#include "eval/coco_order.h"

namespace ssd {
namespace {

using coco::Box;
using coco::Curves;
using coco::Judged;
using coco::kAreas;
using coco::kMaxDetections;
using coco::kRecallPoints;
using coco::kThresholds;
using coco::Place;
using coco::Places;
using coco::SortByCell;

constexpr int64_t kGrain = 16384;  // detections a task

bool IsFinite(const CocoDetection& d) {
  return std::isfinite(d.x) && std::isfinite(d.y) && std::isfinite(d.w) && std::isfinite(d.h) &&
         std::isfinite(d.score);
}

// A detection in its place.
struct Scored {
  Box box;
  double score;
};

// An image and category with an object or a detection: ranges of the sorted arrays.
struct Cell {
  int32_t category;
  size_t detections, detections_end, objects, objects_end;
};

class Scoring {
 public:
  Scoring(const CocoTruth& truth, std::span<const CocoDetection> detections, int threads)
      : truth_(truth),
        detections_(detections),
        images_(truth.image_ids),
        categories_(CategoryIds(truth)),
        pool_(threads - 1) {}

  CocoScore Run() {
    PlaceObjects();
    PlaceDetections();
    MakeCells();
    MatchCells();
    std::vector<Curves> curves(categories_.size());
    pool_.ParallelFor(categories_.size(), [&](int64_t k) { curves[k] = CurvesOf(k); });
    CocoScore score = Summarize(curves);
    score.detections = static_cast<int64_t>(detections_.size());
    score.unknown_categories = static_cast<int64_t>(detections_.size() - scored_.size());
    return score;
  }

 private:
  static std::vector<int64_t> CategoryIds(const CocoTruth& truth) {
    std::vector<int64_t> ids;
    for (const CocoCategory& category : truth.categories) ids.push_back(category.id);
    return ids;
  }

  // pycocotools keeps objects by id: of several with one id, each stands for the last one. Objects
  // come by image, then in file order.
  void PlaceObjects() {
    const size_t n = truth_.objects.size();
    std::unordered_map<int64_t, size_t> last;
    last.reserve(n);
    for (size_t i = 0; i < n; ++i) last[truth_.objects[i].id] = i;

    std::vector<Place> own(n);
    for (size_t i = 0; i < n; ++i) {
      own[i].image = images_.Find(truth_.objects[i].image_id);
      const bool listed = own[i].image >= 0 && categories_.Find(truth_.objects[i].category_id) >= 0;
      own[i].category = listed ? 0 : -1;
    }
    std::vector<CocoObject> objects;
    std::vector<Place> places;
    for (const uint32_t i : SortByCell(own, 1, images_.size())) {
      const CocoObject& object = truth_.objects[last[truth_.objects[i].id]];
      const int32_t image = images_.Find(object.image_id);
      objects.push_back(object);
      places.push_back({image < 0 ? -1 : categories_.Find(object.category_id), image});
    }
    for (const uint32_t i : SortByCell(places, categories_.size(), images_.size())) {
      objects_.push_back(objects[i]);
      object_places_.push_back(places[i]);
    }
  }

  void PlaceDetections() {
    std::vector<Place> places(detections_.size());
    ForChunks(detections_.size(), [&](size_t i) {
      const CocoDetection& d = detections_[i];
      places[i] = {categories_.Find(d.category_id), images_.Find(d.image_id)};
      if (places[i].image < 0) {
        Throw(Status::kData, "entry %zu: image %lld is not in the ground truth", i,
              static_cast<long long>(d.image_id));
      }
      if (!IsFinite(d)) Throw(Status::kData, "entry %zu: a value is not finite", i);
    });
    const auto order = SortByCell(places, categories_.size(), images_.size());
    scored_.resize(order.size());
    detection_places_.resize(order.size());
    ForChunks(order.size(), [&](size_t i) {
      const CocoDetection& d = detections_[order[i]];
      scored_[i] = {{d.x, d.y, d.w, d.h}, d.score};
      detection_places_[i] = places[order[i]];
    });
  }

  // Calls body(i) for every i < n on the pool. Of several exceptions the one of the lowest chunk
  // wins.
  template <typename Body>
  void ForChunks(size_t n, const Body& body) {
    const auto chunks = static_cast<int64_t>((n + kGrain - 1) / kGrain);
    std::vector<std::exception_ptr> failures(chunks);
    pool_.ParallelFor(chunks, [&](int64_t c) {
      try {
        for (size_t i = c * kGrain; i < std::min<size_t>(n, (c + 1) * kGrain); ++i) body(i);
      } catch (...) {
        failures[c] = std::current_exception();
      }
    });
    for (const auto& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
  }

  void MakeCells() {
    const auto before = [](const Place& p, const Place& q) {
      return std::pair(p.category, p.image) < std::pair(q.category, q.image);
    };
    first_cell_.assign(categories_.size() + 1, 0);
    size_t d = 0, g = 0;
    while (d < scored_.size() || g < objects_.size()) {
      const bool by_detection =
          g == objects_.size() ||
          (d < scored_.size() && before(detection_places_[d], object_places_[g]));
      const Place at = by_detection ? detection_places_[d] : object_places_[g];
      Cell cell = {at.category, d, d, g, g};
      const auto here = [&](const Place& p) {
        return p.category == at.category && p.image == at.image;
      };
      while (d < scored_.size() && here(detection_places_[d])) ++d;
      while (g < objects_.size() && here(object_places_[g])) ++g;
      cell.detections_end = d;
      cell.objects_end = g;
      cells_.push_back(cell);
      first_cell_[at.category + 1] = cells_.size();
    }
    for (int32_t k = 0; k < categories_.size(); ++k) {
      first_cell_[k + 1] = std::max(first_cell_[k + 1], first_cell_[k]);
    }
  }

  void MatchCells() {
    judged_.resize(scored_.size());
    std::vector<size_t> starts;  // of tasks, in cells
    size_t next = 0;
    for (size_t c = 0; c < cells_.size(); ++c) {
      if (cells_[c].detections < next) continue;
      starts.push_back(c);
      next = cells_[c].detections + kGrain;
    }
    starts.push_back(cells_.size());
    pool_.ParallelFor(static_cast<int64_t>(starts.size()) - 1, [&](int64_t task) {
      coco::CellMatcher matcher;
      std::vector<Box> boxes;
      std::vector<coco::Verdicts> verdicts;
      for (size_t c = starts[task]; c < starts[task + 1]; ++c) {
        MatchCell(cells_[c], matcher, boxes, verdicts);
      }
    });
  }

  // Sorts a cell's detections by score and judges the first kMaxDetections.
  void MatchCell(const Cell& cell, coco::CellMatcher& matcher, std::vector<Box>& boxes,
                 std::vector<coco::Verdicts>& verdicts) {
    const auto all =
        std::span(scored_).subspan(cell.detections, cell.detections_end - cell.detections);
    if (all.empty()) return;
    std::stable_sort(all.begin(), all.end(),
                     [](const Scored& p, const Scored& q) { return p.score > q.score; });
    const auto kept = all.first(std::min<size_t>(all.size(), kMaxDetections));
    boxes.clear();
    for (const Scored& d : kept) boxes.push_back(d.box);
    verdicts.resize(kept.size());
    matcher.Match(boxes, std::span(objects_).subspan(cell.objects, cell.objects_end - cell.objects),
                  verdicts);
    for (size_t i = 0; i < kept.size(); ++i) {
      judged_[cell.detections + i] = {verdicts[i], static_cast<uint8_t>(i)};
    }
  }

  Curves CurvesOf(int64_t category) const {
    std::array<int64_t, kAreas> objects{};
    struct Ranked {
      double score;
      uint32_t at;
    };
    std::vector<Ranked> ranked;
    for (size_t c = first_cell_[category]; c < first_cell_[category + 1]; ++c) {
      const Cell& cell = cells_[c];
      for (size_t g = cell.objects; g < cell.objects_end; ++g) {
        for (int a = 0; a < kAreas; ++a) objects[a] += !coco::IsIgnored(objects_[g], a);
      }
      const size_t end = std::min<size_t>(cell.detections_end, cell.detections + kMaxDetections);
      for (size_t d = cell.detections; d < end; ++d) {
        ranked.push_back({scored_[d].score, static_cast<uint32_t>(d)});
      }
    }
    std::sort(ranked.begin(), ranked.end(), [](const Ranked& p, const Ranked& q) {
      return p.score != q.score ? p.score > q.score : p.at < q.at;
    });
    std::vector<const Judged*> judged;
    judged.reserve(ranked.size());
    for (const Ranked& r : ranked) judged.push_back(&judged_[r.at]);
    return coco::MakeCurves(judged, objects);
  }

  CocoScore Summarize(const std::vector<Curves>& curves) const;

  const CocoTruth& truth_;
  const std::span<const CocoDetection> detections_;
  const Places images_, categories_;
  ThreadPool pool_;
  // Sorted by (category, image).
  std::vector<CocoObject> objects_;
  std::vector<Place> object_places_;
  std::vector<Scored> scored_;
  std::vector<Place> detection_places_;
  std::vector<Judged> judged_;  // as scored_
  std::vector<Cell> cells_;
  std::vector<size_t> first_cell_;  // of a category; categories + 1
};

// Over thresholds first_t .. last_t, recall points and the categories that have objects, in the
// order in which NumPy would visit them.
double MeanPrecision(std::span<const Curves> curves, int area, int first_t, int last_t) {
  std::vector<double> values;
  for (int t = first_t; t <= last_t; ++t) {
    for (int r = 0; r < kRecallPoints; ++r) {
      for (const Curves& c : curves) {
        const double value = c.precision[(area * kThresholds + t) * kRecallPoints + r];
        if (value > -1) values.push_back(value);
      }
    }
  }
  return coco::Mean(values);
}

double MeanRecall(std::span<const Curves> curves, int which) {
  std::vector<double> values;
  for (int t = 0; t < kThresholds; ++t) {
    for (const Curves& c : curves) {
      if (c.recall[which][t] > -1) values.push_back(c.recall[which][t]);
    }
  }
  return coco::Mean(values);
}

CocoScore Scoring::Summarize(const std::vector<Curves>& curves) const {
  CocoScore score;
  const int last = kThresholds - 1;
  score.stats[0] = MeanPrecision(curves, 0, 0, last);
  score.stats[1] = MeanPrecision(curves, 0, 0, 0);
  score.stats[2] = MeanPrecision(curves, 0, 5, 5);
  for (int a = 1; a < kAreas; ++a) score.stats[2 + a] = MeanPrecision(curves, a, 0, last);
  for (int m = 0; m < coco::kRecalls; ++m) score.stats[6 + m] = MeanRecall(curves, m);
  for (const Curves& c : curves) {
    score.category_ap.push_back(MeanPrecision({&c, 1}, 0, 0, last));
    score.category_ap50.push_back(MeanPrecision({&c, 1}, 0, 0, 0));
    score.category_objects.push_back(c.objects[0]);
  }
  return score;
}

}  // namespace

CocoScore ScoreCoco(const CocoTruth& truth, std::span<const CocoDetection> detections,
                    int threads) {
  if (detections.size() > UINT32_MAX) Throw(Status::kData, "more than 2^32 detections");
  return Scoring(truth, detections, ThreadsOrAll(threads)).Run();
}

CocoScore ScoreCocoFile(const CocoTruth& truth, const std::string& detections, int threads) {
  const std::vector<CocoDetection> list = LoadDetections(detections, threads);
  try {
    return ScoreCoco(truth, list, threads);
  } catch (const Error& e) {
    Throw(e.status(), "%s: %s", detections.c_str(), e.what());
  }
}

}  // namespace ssd
