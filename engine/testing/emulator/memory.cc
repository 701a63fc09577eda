// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "core/error.h"

namespace ssd::emulator {
namespace {

constexpr size_t kPage = 4096, kLine = 256;
constexpr int kGarbage = 0xff;  // NaN, whatever is read of it

size_t UpTo(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

struct Block {
  std::byte* mapping;
  size_t pages;  // bytes that can be opened
  size_t size;   // bytes from its beginning on
};
struct Blocks {
  std::map<const std::byte*, Block> of;
  int opened = 0;
  void Protect(int protection) const {
    for (const auto& [begin, block] : of)
      SSD_CHECK(mprotect(block.mapping, block.pages, protection) == 0);
  }
};
Blocks& All() {
  static Blocks blocks;
  return blocks;
}

// The last that begins at the address or before it; null if there is none.
const std::pair<const std::byte* const, Block>* BlockAt(const void* address) {
  auto block = All().of.upper_bound(static_cast<const std::byte*>(address));
  return block == All().of.begin() ? nullptr : &*--block;
}

}  // namespace

void* Allocate(size_t bytes) {
  const size_t size = UpTo(std::max<size_t>(bytes, 1), kLine), pages = UpTo(size, kPage);
  void* mapping = mmap(nullptr, pages + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* first = static_cast<std::byte*>(mapping);
  std::byte* begin = first + (pages - size);
  All().of[begin] = {first, pages, size};
  SSD_CHECK(mprotect(mapping, pages, PROT_READ | PROT_WRITE) == 0);
  std::memset(begin, kGarbage, size);
  if (All().opened == 0) SSD_CHECK(mprotect(mapping, pages, PROT_NONE) == 0);
  return begin;
}

bool Free(void* data) {
  if (data == nullptr) return true;
  const auto block = All().of.find(static_cast<std::byte*>(data));
  if (block == All().of.end()) return false;
  munmap(block->second.mapping, block->second.pages + kPage);
  All().of.erase(block);
  return true;
}

bool OnDevice(const void* address, size_t bytes) {
  const auto* block = BlockAt(address);
  if (block == nullptr) return false;
  const auto at = static_cast<size_t>(static_cast<const std::byte*>(address) - block->first);
  return at <= block->second.size && bytes <= block->second.size - at;
}

bool OnHost(const void* address) {
  const auto* block = BlockAt(address);
  const auto* byte = static_cast<const std::byte*>(address);
  if (block != nullptr && byte < block->second.mapping + block->second.pages + kPage) return false;
  const auto number = reinterpret_cast<uintptr_t>(address);
  if (number < kPage || number >> 47 != 0) return false;
  // Fails where no page is.
  return msync(reinterpret_cast<void*>(number / kPage * kPage), kPage, MS_ASYNC) == 0;
}

namespace {

struct PinnedBlock {
  std::vector<std::byte> bytes;
  std::shared_ptr<int> uses = std::make_shared<int>(0);
};
std::map<const std::byte*, PinnedBlock>& PinnedBlocks() {
  static std::map<const std::byte*, PinnedBlock> blocks;
  return blocks;
}

PinnedBlock* PinnedAt(const void* address) {
  const auto* byte = static_cast<const std::byte*>(address);
  auto block = PinnedBlocks().upper_bound(byte);
  if (block == PinnedBlocks().begin()) return nullptr;
  --block;
  return byte < block->first + block->second.bytes.size() ? &block->second : nullptr;
}

}  // namespace

void* AllocatePinned(size_t bytes) {
  PinnedBlock block{.bytes = std::vector<std::byte>(std::max<size_t>(bytes, 1))};
  std::byte* data = block.bytes.data();
  PinnedBlocks().emplace(data, std::move(block));
  return data;
}

void FreePinned(void* data) {
  const auto block = PinnedBlocks().find(static_cast<std::byte*>(data));
  if (block == PinnedBlocks().end()) return;
  if (*block->second.uses > 0)
    Throw(Status::kInvalid, "page-locked memory is freed while a copy uses it");
  PinnedBlocks().erase(block);
}

bool Pinned(const void* address) { return PinnedAt(address) != nullptr; }

std::shared_ptr<void> UsePinned(const void* address) {
  const PinnedBlock* block = PinnedAt(address);
  if (block == nullptr) return nullptr;
  ++*block->uses;
  return {block->uses.get(), [uses = block->uses](void*) { --*uses; }};
}

Opened::Opened() {
  if (All().opened++ == 0) All().Protect(PROT_READ | PROT_WRITE);
}

Opened::~Opened() {
  if (--All().opened == 0) All().Protect(PROT_NONE);
}

}  // namespace ssd::emulator
