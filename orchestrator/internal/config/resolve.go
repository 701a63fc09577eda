// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"

	"mlperf-ssd/orchestrator/internal/schedule"
	"mlperf-ssd/proto/ssdpb"
)

// Epochs is the arithmetic of the run's epochs.
func (c *Config) Epochs() schedule.Epochs {
	return schedule.Epochs{
		Samples:    c.Data.TrainSamples,
		Ranks:      c.Ranks(),
		Batch:      c.Model.BatchSize,
		Multiplier: c.Data.InputBatchMultiplier,
		Synthetic:  c.Data.Synthetic,
	}
}

// Evaluations says which epochs are evaluated.
func (c *Config) Evaluations() schedule.Evaluations {
	return schedule.Evaluations{Interval: c.Eval.Interval, Extra: c.Eval.ExtraEpochs}
}

// Engine is what the engine needs, every field resolved. Backbone and resume_from are files that only
// the caller knows.
func (c *Config) Engine(seed int64) *ssdpb.EngineConfig {
	epochs := c.Epochs()
	evalBatch := c.Model.EvalBatchSize
	if evalBatch == 0 {
		evalBatch = c.Model.BatchSize
	}
	return &ssdpb.EngineConfig{
		Seed:        uint64(seed),
		LogInterval: c.Run.LogInterval,
		Device: &ssdpb.DeviceConfig{
			Kind:      map[string]ssdpb.DeviceConfig_Kind{"auto": ssdpb.DeviceConfig_AUTO, "cpu": ssdpb.DeviceConfig_CPU, "cuda": ssdpb.DeviceConfig_CUDA}[c.Device.Kind],
			Threads:   int32(c.Device.Threads),
			PlanCache: PlanFolder(c.Device.PlanCache),
			Fusions:   c.Device.Fusions,
		},
		Model: &ssdpb.ModelConfig{
			Precision:        map[string]ssdpb.ModelConfig_Precision{"f32": ssdpb.ModelConfig_F32, "bf16": ssdpb.ModelConfig_BF16, "fp16": ssdpb.ModelConfig_FP16}[c.Model.Precision],
			BatchSize:        c.Model.BatchSize,
			EvalBatchSize:    evalBatch,
			ZeroInitResidual: c.Model.ZeroInitResidual,
			LossScale:        float32(c.Model.LossScale),
			BnGroup:          int32(c.Model.BNGroup),
		},
		Data: &ssdpb.DataConfig{
			Dir:          c.Data.Dir,
			TrainSamples: c.Data.TrainSamples,
			EvalSamples:  c.Data.EvalSamples,
			MaxSamples:   int32(c.Data.MaxSamples),
			Threads:      int32(c.Data.Threads),
			Prefetch:     int32(c.Data.Prefetch),
			BadImage:     map[string]ssdpb.DataConfig_BadImage{"fail": ssdpb.DataConfig_FAIL, "skip": ssdpb.DataConfig_SKIP}[c.Data.BadImage],
			Sharding:     map[string]ssdpb.DataConfig_Sharding{"reshuffle": ssdpb.DataConfig_RESHUFFLE, "cache": ssdpb.DataConfig_CACHE}[c.Data.Sharding],
			Synthetic:    c.Data.Synthetic,
			CacheMb:      c.cacheMB(),
			Decoder:      map[string]ssdpb.DataConfig_Decoder{"auto": ssdpb.DataConfig_AUTO, "host": ssdpb.DataConfig_HOST, "nvjpeg": ssdpb.DataConfig_NVJPEG}[c.Data.Decoder],
		},
		Optimizer: &ssdpb.OptimizerConfig{
			BaseLr:        epochs.ScaledRate(c.Optimizer.BaseLR),
			WarmupSteps:   epochs.WarmupSteps(c.Optimizer.WarmupEpochs),
			WarmupFactor:  int32(c.Optimizer.WarmupFactor),
			DecayEpochs:   c.Optimizer.DecayEpochs,
			DecayFactor:   c.Optimizer.DecayFactor,
			Momentum:      c.Optimizer.Momentum,
			WeightDecay:   c.Optimizer.WeightDecay,
			StepsPerEpoch: epochs.StepsPerEpoch(),
		},
		Eval: &ssdpb.EvalConfig{
			ScoreThreshold: float32(c.Eval.ScoreThreshold),
			NmsThreshold:   float32(c.Eval.NMSThreshold),
			Candidates:     int32(c.Eval.Candidates),
			PlusOne:        c.Eval.PlusOne,
			Threads:        int32(c.Eval.Threads),
			Detections:     c.Eval.Detections,
		},
		Comm: &ssdpb.CommConfig{
			Interface:      c.Cluster.Interface,
			TimeoutSeconds: int32(c.Cluster.CommSeconds),
		},
	}
}

// cacheMB is what a rank keeps of decoded images: unless it is given, with a fixed shard as much as
// the submission does (spec section 7).
func (c *Config) cacheMB() int64 {
	const all, most = 102400, 12288
	switch {
	case c.Data.CacheMB >= 0:
		return c.Data.CacheMB
	case c.Data.Sharding == "cache":
		return min((all+c.Ranks()-1)/c.Ranks(), most)
	default:
		return 0
	}
}

// UserPlans is device.plan_cache for the folder of the user's caches.
const UserPlans = "user"

// PlanFolder is where an engine on a GPU keeps which plans are fastest, of a device.plan_cache: "" where
// it keeps none, also for a user without a folder for caches.
func PlanFolder(cache string) string {
	if cache != UserPlans {
		return cache
	}
	caches, err := os.UserCacheDir() // $XDG_CACHE_HOME, or .cache in the home folder
	if err != nil {
		return ""
	}
	return filepath.Join(caches, "mlperf-ssd")
}
