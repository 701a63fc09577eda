// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// index_bench [IMAGES [BOXES [POINTS]]]: writes an annotation file of that size into the temporary
// folder (POINTS corners of a polygon a box; 0 = the bbox-only form), reads it and prints seconds
// and memory. The defaults are COCO 2017's training set with polygons: about 450 MB.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"
#include "data/coco_index.h"

namespace {

void WriteImages(std::FILE* out, long images, bool full) {
  std::fputs("{\"images\":[", out);
  for (long i = 0; i < images; ++i) {
    if (i > 0) std::fputc(',', out);
    if (full) {
      std::fprintf(out,
                   "{\"license\": 3,\"file_name\": \"%012ld.jpg\",\"coco_url\": "
                   "\"http://images.example.org/train2017/%012ld.jpg\",\"height\": 360,\"width\": "
                   "640,\"date_captured\": \"2013-11-14 11:18:45\",\"flickr_url\": "
                   "\"http://farm9.example.com/8186/8119368305_4e622c8349_z.jpg\",\"id\": %ld}",
                   i * 5 + 9, i * 5 + 9, i * 5 + 9);
    } else {
      std::fprintf(out, "{\"file_name\":\"%012ld.jpg\",\"height\":360,\"width\":640,\"id\":%ld}",
                   i * 5 + 9, i * 5 + 9);
    }
  }
}

void WriteBoxes(std::FILE* out, long images, long boxes, long points) {
  std::fputs("],\"annotations\":[", out);
  for (long k = 0; k < boxes; ++k) {
    std::fprintf(out, "%s{\"segmentation\":[", k > 0 ? "," : "");
    for (long p = 0; p < points; ++p) {
      std::fprintf(out, "%s%.2f,%.2f%s", p == 0 ? "[" : ",", 224.24 + static_cast<double>(p % 97),
                   297.18 + static_cast<double>(p % 53), p + 1 == points ? "]" : "");
    }
    std::fprintf(out,
                 "],\"area\":1481.38,\"iscrowd\":0,\"image_id\":%ld,\"bbox\":[%.2f,%.2f,%.2f,%.2f],"
                 "\"category_id\":%ld,\"id\":%ld}",
                 (k * 7919 % images) * 5 + 9, 10.5 + static_cast<double>(k % 300),
                 20.25 + static_cast<double>(k % 200), 30.75, 40.13, k % 80 + 1, 900000 + k);
  }
}

void WriteAnnotations(const std::string& path, long images, long boxes, long points) {
  std::FILE* out = std::fopen(path.c_str(), "wb");
  SSD_CHECK(out != nullptr);
  WriteImages(out, images, points > 0);
  WriteBoxes(out, images, boxes, points);
  std::fputs("],\"categories\":[", out);
  for (int c = 1; c <= 80; ++c) {
    std::fprintf(out, "%s{\"supercategory\":\"thing\",\"id\":%d,\"name\":\"c%d\"}",
                 c > 1 ? "," : "", c, c);
  }
  std::fputs("]}", out);
  SSD_CHECK(std::fclose(out) == 0);
}

double ResidentMegabytes() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const long images = argc > 1 ? std::atol(argv[1]) : 118000;
  const long boxes = argc > 2 ? std::atol(argv[2]) : 860000;
  const long points = argc > 3 ? std::atol(argv[3]) : 25;
  const std::string path = std::filesystem::temp_directory_path() / "ssd_index_bench.json";
  WriteAnnotations(path, images, boxes, points);
  const double before = ResidentMegabytes();
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  {
    const ssd::CocoIndex index = ssd::CocoIndex::Load(path, "images");
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double used = CpuSeconds() - cpu;
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "file %.0f MB, %zu images with boxes: %.2f s (CPU %.2f s); resident +%.0f MB, arrays %.0f "
        "MB, "
        "peak of the process %.0f MB\n",
        static_cast<double>(std::filesystem::file_size(path)) / 1e6, index.with_boxes().size(),
        seconds.count(), used, ResidentMegabytes() - before,
        static_cast<double>(index.memory_bytes()) / 1e6,
        static_cast<double>(usage.ru_maxrss) / 1e3);
  }
  std::filesystem::remove(path);
  return 0;
}
