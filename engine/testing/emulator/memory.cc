// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/error.h"

namespace ssd::emulator {
namespace {

constexpr size_t kPage = 4096;

struct Blocks {
  std::map<void*, size_t> sizes;
  int opened = 0;
  void Protect(int protection) const {
    for (const auto& [data, size] : sizes) SSD_CHECK(mprotect(data, size, protection) == 0);
  }
};
Blocks& All() {
  static Blocks blocks;
  return blocks;
}

}  // namespace

void* Allocate(size_t bytes) {
  const size_t size = (std::max<size_t>(bytes, 1) + kPage - 1) / kPage * kPage;
  void* data = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  All().sizes[data] = size;
  return data;
}

void Free(void* data) {
  const auto block = All().sizes.find(data);
  if (block == All().sizes.end()) return;
  munmap(data, block->second);
  All().sizes.erase(block);
}

namespace {

std::map<const std::byte*, std::vector<std::byte>>& PinnedBlocks() {
  static std::map<const std::byte*, std::vector<std::byte>> blocks;
  return blocks;
}

}  // namespace

void* AllocatePinned(size_t bytes) {
  std::vector<std::byte> block(std::max<size_t>(bytes, 1));
  std::byte* data = block.data();
  PinnedBlocks().emplace(data, std::move(block));
  return data;
}

void FreePinned(void* data) { PinnedBlocks().erase(static_cast<std::byte*>(data)); }

bool Pinned(const void* address) {
  const auto* byte = static_cast<const std::byte*>(address);
  auto block = PinnedBlocks().upper_bound(byte);
  if (block == PinnedBlocks().begin()) return false;
  --block;
  return byte < block->first + block->second.size();
}

Opened::Opened() {
  if (All().opened++ == 0) All().Protect(PROT_READ | PROT_WRITE);
}

Opened::~Opened() {
  if (--All().opened == 0) All().Protect(PROT_NONE);
}

}  // namespace ssd::emulator
