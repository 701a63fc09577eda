// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <charconv>

#include "core/error.h"
#include "core/safetensors.h"

namespace ssd {

namespace {

constexpr char kFormat[] = "mlperf-ssd checkpoint 2";

const std::string& Text(const TensorFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    Throw(Status::kData, "%s: no checkpoint: its metadata lack %s", file.path().c_str(), key);
  return found->second;
}

int64_t Number(const TensorFile& file, const char* key) {
  const std::string& text = Text(file, key);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    Throw(Status::kData, "%s: metadata %s is \"%s\", must be a number", file.path().c_str(), key,
          text.c_str());
  return value;
}

void MustEqual(const TensorFile& file, const char* key, const std::string& want) {
  const std::string& got = Text(file, key);
  if (got != want)
    Throw(Status::kInvalid,
          "%s: belongs to a run with %s = %s, this one has %s: set it, or start without --resume",
          file.path().c_str(), key, got.c_str(), want.c_str());
}

}  // namespace

void SaveCheckpoint(const std::string& path, const Parameters& parameters,
                    const TrainPosition& position, const RunIdentity& identity) {
  TensorWriter writer;
  const auto views = parameters.AddTo(writer, true);
  writer.SetMetadata("format", kFormat);
  writer.SetMetadata("epoch", std::to_string(position.epoch));
  writer.SetMetadata("iteration", std::to_string(position.iteration));
  writer.SetMetadata("step", std::to_string(position.step));
  writer.SetMetadata("samples", std::to_string(position.step * identity.batch * identity.ranks));
  writer.SetMetadata("seed", std::to_string(identity.seed));
  writer.SetMetadata("batch", std::to_string(identity.batch));
  writer.SetMetadata("precision", identity.precision);
  writer.SetMetadata("ranks", std::to_string(identity.ranks));
  writer.SetMetadata("checksum", std::to_string(writer.Checksum()));
  writer.Write(path);
}

TrainPosition LoadCheckpoint(const std::string& path, const RunIdentity& identity,
                             Parameters& parameters) {
  const TensorFile file(path);
  if (Text(file, "format") != kFormat)
    Throw(Status::kData, "%s: checkpoint format \"%s\" is not known", path.c_str(),
          Text(file, "format").c_str());
  MustEqual(file, "seed", std::to_string(identity.seed));
  MustEqual(file, "batch", std::to_string(identity.batch));
  MustEqual(file, "precision", identity.precision);
  MustEqual(file, "ranks", std::to_string(identity.ranks));
  if (Text(file, "checksum") != std::to_string(file.Checksum()))
    Throw(Status::kData, "%s: damaged: its checksum is wrong", path.c_str());
  parameters.Load(file);
  parameters.LoadMomentum(file);
  return {Number(file, "epoch"), Number(file, "iteration"), Number(file, "step")};
}

}  // namespace ssd
